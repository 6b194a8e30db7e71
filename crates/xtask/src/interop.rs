//! `cargo xtask interop`: what `inkstone prepare` writes is read by the real libraries, and what they write by us.
//!
//! The checks stand in reference/interop.py, a group for each environment; the light group is part of `cargo xtask
//! test`. What cannot be installed here is counted as not run, never passed over in silence.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::peers::machine::{cores, cpu, slug, today};
use crate::peers::{build, commit};
use crate::python;
use crate::steps::Chore;

/// A group of the script, and the environment that it runs in.
struct Group {
    name: &'static str,
    packages: &'static [&'static str],
}

const LIGHT: Group = Group { name: "tables", packages: &python::TABLES };

const HEAVY: [Group; 3] = [
    Group { name: "datasets", packages: &python::DATASETS },
    Group { name: "pytorch", packages: &python::PYTORCH },
    Group { name: "tensorflow", packages: &python::TENSORFLOW },
];

/// One line of the script.
#[derive(Debug, Clone, PartialEq)]
struct Check {
    library: String,
    what: String,
    /// Empty where all is well.
    why: String,
}

/// The light group, as a part of the tests.
pub(crate) fn light(chore: &mut Chore) -> Result<(), String> {
    println!("\n$ {}", words(&LIGHT));
    let (root, inkstone) = ready()?;
    let checks = match run_group(&LIGHT, &root, &inkstone) {
        Ok(checks) => checks,
        Err(why) => {
            chore.not_run.push(format!("NumPy, pandas, pyarrow, safetensors and Pillow on our files ({why})"));
            return Ok(());
        }
    };
    print(&checks);
    let n_failed = checks.iter().filter(|check| !check.why.is_empty()).count() as u32;
    chore.n_tests_failed += n_failed;
    chore.n_tests_passed += checks.len() as u32 - n_failed;
    if n_failed > 0 {
        return Err(words(&LIGHT));
    }
    chore.n_steps += 1;
    Ok(())
}

/// All groups; the result is filed.
pub(crate) fn run() -> Result<(), String> {
    let (root, inkstone) = ready()?;
    let (mut checks, mut missing) = (Vec::new(), Vec::new());
    for group in std::iter::once(&LIGHT).chain(&HEAVY) {
        println!("{} …", group.name);
        match run_group(group, &root, &inkstone) {
            Ok(done) => {
                print(&done);
                checks.extend(done);
            }
            Err(why) => missing.push(format!("{}: {why}", group.name)),
        }
    }
    let text = page(&checks, &missing, &root);
    let name = slug(&cpu(), cores(), "");
    let file = root.join(format!("benchmarks/interop-{}-{}.md", name.trim_end_matches('-'), today()));
    fs::write(&file, &text).map_err(|error| format!("{}: {error}", file.display()))?;
    println!("\n{text}\nwritten: {}", file.display());
    let n_failed = checks.iter().filter(|check| !check.why.is_empty()).count();
    match (n_failed, missing.len()) {
        (0, 0) => Ok(()),
        (0, n) => Err(format!("{n} groups were not run here")),
        (n, _) => Err(format!("{n} checks failed")),
    }
}

fn ready() -> Result<(std::path::PathBuf, std::path::PathBuf), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = root.canonicalize().map_err(|error| error.to_string())?;
    let inkstone = build(&root)?;
    Ok((root, inkstone))
}

fn words(group: &Group) -> String {
    format!("python reference/interop.py {}", group.name)
}

fn run_group(group: &Group, root: &Path, inkstone: &Path) -> Result<Vec<Check>, String> {
    let environment = python::default_environment();
    let folder = environment.join(group.name);
    fs::create_dir_all(&environment).map_err(|error| format!("{}: {error}", environment.display()))?;
    python::install(&folder, group.packages)?;
    let work = std::env::temp_dir().join(format!("inkstone-interop-{}-{}", group.name, std::process::id()));
    let mut script = Command::new(python::interpreter(&folder));
    script.arg(root.join("reference/interop.py")).arg(group.name).arg("--inkstone").arg(inkstone);
    script.arg("--work").arg(&work).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = script.output().map_err(|error| format!("{}: {error}", words(group)));
    // Kept nowhere: the checks say all.
    let _ = fs::remove_dir_all(&work);
    let output = output?;
    let checks: Vec<Check> = String::from_utf8_lossy(&output.stdout).lines().filter_map(check).collect();
    let stderr = String::from_utf8_lossy(&output.stderr);
    // A script that ends early fails, however many checks passed before.
    let failed = checks.iter().any(|check| !check.why.is_empty());
    if output.status.success() || (failed && output.status.code() == Some(1)) {
        return if checks.is_empty() { Err("no check was run".to_owned()) } else { Ok(checks) };
    }
    let last = stderr.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no reason given");
    let ended = Check { library: "reference/interop.py".into(), what: group.name.into(), why: last.trim().to_owned() };
    Ok(checks.into_iter().chain([ended]).collect())
}

fn check(line: &str) -> Option<Check> {
    let line: Value = serde_json::from_str(line).ok()?;
    let text = |key: &str| Some(line[key].as_str()?.to_owned());
    Some(Check { library: text("library")?, what: text("check")?, why: text("why")? })
}

fn print(checks: &[Check]) {
    for check in checks {
        let outcome = if check.why.is_empty() { "ok".to_owned() } else { format!("FAILED: {}", check.why) };
        println!("  {:24} {:56} {outcome}", check.library, check.what);
    }
}

fn page(checks: &[Check], missing: &[String], root: &Path) -> String {
    let n_ok = checks.iter().filter(|check| check.why.is_empty()).count();
    let mut text = format!(
        "# Our files in other tools: {}\n\n{}, commit {}, `cargo xtask interop`: {n_ok} of {} checks passed.\n\n",
        cpu(),
        today(),
        commit(root),
        checks.len(),
    );
    text += "Each check compares every pixel and every label, or the fingerprint computed anew in Python.\n\n";
    text += "| library | check | result |\n|---|---|---|\n";
    for check in checks {
        let result = if check.why.is_empty() { "same" } else { &check.why };
        text += &format!("| {} | {} | {result} |\n", check.library, check.what);
    }
    if !missing.is_empty() {
        text += "\nNot run here:\n";
        missing.iter().for_each(|line| text += &format!("- {line}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_script_are_told_from_chatter() {
        let line = r#"{"library": "numpy 2.4.6", "check": "reads npz", "ok": false, "why": "other pixels"}"#;
        let expected = Check { library: "numpy 2.4.6".into(), what: "reads npz".into(), why: "other pixels".into() };
        assert_eq!(check(line), Some(expected));
        assert_eq!(check("W0000 some warning"), None);
        assert_eq!(check("{\"other\": 1}"), None);
    }
}
