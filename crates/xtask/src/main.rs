//! The chores of this repository: `cargo xtask test`, `cargo xtask ci`, `cargo xtask digits`, `cargo xtask interop`, `cargo xtask bench
//! peers`.
//!
//! Each step is a command that is printed before it runs; the first that fails ends the chore. What cannot run here (no
//! nightly toolchain, no cargo-deny) is counted and printed, never silently passed.

mod digits;
mod interop;
mod page;
mod peers;
mod python;
mod steps;

use std::process::ExitCode;

use steps::{Chore, Step};

const USAGE: &str = "cargo xtask test                every test: unit, integration, documentation, examples, sanitizer
cargo xtask ci                  the above, and formatting, lints, documentation, licences, packages
  --install-deny                build cargo-deny first if it is not there (takes minutes)
cargo xtask digits              train the built-in model `digits` anew and put it into the library
cargo xtask interop             our files in NumPy, pandas, pyarrow, Hugging Face datasets, PyTorch, Keras, and theirs here
cargo xtask bench peers         Inkstone and its peers side by side: a table under benchmarks/
  --only NAME,…                 these duels alone (pytorch, burn, onnxruntime, …)
  --rounds N                    how often each is fought; 3 where not given
  --quick                       one short round, to see that everything works
  --env DIR                     where the peers are installed; the platform's cache folder where not given
  --out DIR                     where the results go; else benchmarks/, and target/benchmarks/ for what is not whole";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let alone = match words.as_slice() {
        ["digits"] => Some(digits::run()),
        ["interop"] => Some(interop::run()),
        ["bench", "peers", options @ ..] => match peers::Options::parse(options) {
            Ok(options) => Some(peers::run(&options)),
            Err(what) => {
                eprintln!("xtask: {what}\n{USAGE}");
                return ExitCode::from(2);
            }
        },
        _ => None,
    };
    if let Some(done) = alone {
        return done.map_or_else(
            |what| {
                eprintln!("xtask: failed: {what}");
                ExitCode::FAILURE
            },
            |()| ExitCode::SUCCESS,
        );
    }
    let mut chore = Chore::default();
    let outcome = match words.as_slice() {
        ["test"] => test(&mut chore),
        ["ci"] => ci(&mut chore, Deny::IfThere),
        ["ci", "--install-deny"] => ci(&mut chore, Deny::Install),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    let failed = outcome.err();
    if let Some(what) = &failed {
        eprintln!("xtask: failed: {what}");
    }
    for what in &chore.not_run {
        println!("not run here: {what}");
    }
    println!("{} steps passed, {} not run here", chore.n_steps, chore.not_run.len());
    println!("{} passed, {} failed", chore.n_tests_passed, chore.n_tests_failed + u32::from(failed.is_some()));
    if failed.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// What to do without cargo-deny.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deny {
    IfThere,
    Install,
}

/// The library with the fewest dependencies must stay light: others build on it.
const MAX_DEPENDENCIES: usize = 30;

fn test(chore: &mut Chore) -> Result<(), String> {
    if steps::succeeds("cargo", &["nextest", "--version"]) {
        chore.tests(Step::cargo(&["nextest", "run", "--workspace", "--all-features", "--no-fail-fast"]))?;
    } else {
        chore.tests(Step::cargo(&["test", "--workspace", "--all-features", "--lib", "--bins", "--tests"]))?;
    }
    chore.tests(Step::cargo(&["test", "--workspace", "--all-features", "--doc"]))?;
    chore.run(Step::cargo(&["build", "-p", "inkstone", "--no-default-features"]))?;
    few_dependencies(chore)?;
    examples(chore)?;
    interop::light(chore)?;
    page::opens(chore)?;
    sanitizer(chore)
}

fn few_dependencies(chore: &mut Chore) -> Result<(), String> {
    let tree = ["tree", "-p", "inkstone", "--no-default-features", "-e", "normal", "--prefix", "none"];
    let listed = chore.output(Step::cargo(&tree))?;
    let mut names: Vec<&str> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    names.sort_unstable();
    names.dedup();
    let n_dependencies = names.len().saturating_sub(1);
    println!("the library alone has {n_dependencies} dependencies");
    if n_dependencies >= MAX_DEPENDENCIES {
        return Err(format!("inkstone has {n_dependencies} dependencies, allowed: fewer than {MAX_DEPENDENCIES}"));
    }
    Ok(())
}

/// Every example of the library, in a folder of its own so that none writes into the repository.
fn examples(chore: &mut Chore) -> Result<(), String> {
    let folder = std::path::Path::new("crates/inkstone/examples");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .map_err(|error| format!("{}: {error}", folder.display()))?
        .filter_map(|entry| entry.ok()?.path().file_stem()?.to_str().map(str::to_owned))
        .collect();
    names.sort();
    for name in names {
        chore.run(Step::cargo(&["run", "-q", "--release", "-p", "inkstone", "--all-features", "--example", &name]))?;
    }
    Ok(())
}

/// The kernels' tests under AddressSanitizer, which only a nightly toolchain can build.
fn sanitizer(chore: &mut Chore) -> Result<(), String> {
    if !steps::succeeds("cargo", &["+nightly", "--version"]) {
        chore.not_run.push("AddressSanitizer over the kernels' tests (no nightly toolchain)".to_owned());
        return Ok(());
    }
    let host = steps::host()?;
    let words = ["+nightly", "test", "-p", "inkstone-kernels", "--lib", "--tests", "--target", &host];
    let step =
        Step::cargo(&words).with("RUSTFLAGS", "-Zsanitizer=address").with("CARGO_TARGET_DIR", "target/sanitizer");
    chore.tests(step)
}

fn ci(chore: &mut Chore, deny: Deny) -> Result<(), String> {
    chore.run(Step::cargo(&["fmt", "--all", "--check"]))?;
    chore.run(Step::cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]))?;
    test(chore)?;
    let documentation = Step::cargo(&["doc", "--workspace", "--all-features", "--no-deps"]);
    chore.run(documentation.with("RUSTDOCFLAGS", "-D warnings"))?;
    licences(chore, deny)?;
    packages(chore)
}

fn licences(chore: &mut Chore, deny: Deny) -> Result<(), String> {
    if deny == Deny::Install && !steps::succeeds("cargo", &["deny", "--version"]) {
        chore.run(Step::cargo(&["install", "--locked", "cargo-deny"]))?;
    }
    if !steps::succeeds("cargo", &["deny", "--version"]) {
        chore.not_run.push("cargo deny (not installed; --install-deny builds it)".to_owned());
        return Ok(());
    }
    chore.run(Step::cargo(&["deny", "--all-features", "check", "bans", "licenses", "sources"]))
}

/// Each crate that is published can be packed, together: they name each other by version.
fn packages(chore: &mut Chore) -> Result<(), String> {
    chore.run(Step::cargo(&["package", "--workspace", "--exclude", "xtask", "--allow-dirty", "--no-verify"]))
}
