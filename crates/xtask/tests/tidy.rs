//! What the architecture promises and a text search can hold: arrows between crates and modules, where `unsafe` and
//! serde's derives stand, what the library never does.
#![allow(clippy::unwrap_used)] // all of it is tests, helpers included

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every Rust file below a folder, with its path relative to the root.
fn rust_files(folder: &str) -> Vec<(String, String)> {
    fn visit(folder: &Path, root: &Path, out: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                visit(&path, root, out);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
                out.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let root = root();
    let mut files = Vec::new();
    visit(&root.join(folder), &root, &mut files);
    files.sort();
    assert!(!files.is_empty(), "{folder} holds no Rust");
    files
}

/// The lines that run: comments, documentation and what follows `#[cfg(test)]` are left out.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let end = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
    text[..end]
        .lines()
        .enumerate()
        .map(|(i, line)| (i + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Complains about each place at once: a person fixes them together.
fn none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

/// Crates of this workspace that each may name under its dependencies.
const CRATE_ARROWS: [(&str, &[&str]); 5] = [
    ("inkstone-kernels", &[]),
    ("inkstone-mnist", &[]),
    ("inkstone", &["inkstone-kernels", "inkstone-mnist"]),
    ("inkstone-cli", &["inkstone"]),
    ("xtask", &[]),
];

#[test]
fn crates_depend_only_along_the_arrows() {
    let folders = fs::read_dir(root().join("crates")).unwrap();
    for name in folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()) {
        let known = CRATE_ARROWS.iter().find(|(known, _)| *known == name);
        let (_, allowed) = known.unwrap_or_else(|| panic!("{name} is not in CRATE_ARROWS"));
        let manifest = fs::read_to_string(root().join(format!("crates/{name}/Cargo.toml"))).unwrap();
        let dependencies = manifest.split("\n[").find(|table| table.starts_with("dependencies]")).unwrap_or("");
        for line in dependencies.lines().filter(|line| line.starts_with("inkstone")) {
            let dependency = line.split(['.', ' ', '=']).next().unwrap();
            assert!(allowed.contains(&dependency), "{name} may not depend on {dependency}");
        }
    }
}

/// The library's modules in the order in which data flows: each may use those before it.
const MODULE_ORDER: [&str; 21] = [
    "error",
    "hash",
    "parallel",
    "rng",
    "shape",
    "spec",
    "data",
    "layers",
    "engine",
    "trust",
    "checkpoint",
    "train",
    "predict",
    "calibrate",
    "evaluate",
    "explain",
    "stress",
    "seeds",
    "audit",
    "init",
    "report",
];

#[test]
fn modules_of_the_library_import_only_from_the_left() {
    let place = |module: &str| MODULE_ORDER.iter().position(|known| *known == module);
    let mut found = Vec::new();
    for (file, text) in rust_files("crates/inkstone/src") {
        let module = file.trim_start_matches("crates/inkstone/src/").split(['/', '.']).next().unwrap();
        if module == "lib" {
            continue;
        }
        let own = place(module).unwrap_or_else(|| panic!("{file}: module {module} is not in MODULE_ORDER"));
        for (line, used) in code(&text).flat_map(|(line, text)| modules_named(text).map(move |used| (line, used))) {
            match place(used) {
                Some(other) if other > own => found.push(format!("{file}:{line}: {module} uses {used}")),
                _ => {}
            }
        }
    }
    none("imports point left only", &found);
}

/// `crate::x` → x.
fn modules_named(line: &str) -> impl Iterator<Item = &str> {
    let after = line.match_indices("crate::").map(|(i, found)| &line[i + found.len()..]);
    after.filter_map(|rest| rest.split(|c: char| !(c.is_ascii_lowercase() || c == '_')).next())
}

#[test]
fn unsafe_stands_in_the_kernels_alone() {
    let found: Vec<String> = rust_files("crates")
        .into_iter()
        .filter(|(file, _)| !file.starts_with("crates/inkstone-kernels/") && !file.ends_with("tests/tidy.rs"))
        .flat_map(|(file, text)| {
            let lines = code(&text).filter(|(_, line)| {
                line.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').any(|word| word == "unsafe")
            });
            lines.map(|(line, _)| format!("{file}:{line}")).collect::<Vec<_>>()
        })
        .collect();
    none("`unsafe` outside inkstone-kernels", &found);
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(manifest.contains("unsafe_code = \"forbid\""), "the workspace forbids unsafe code");
}

/// The formats: what is written to disk or printed as JSON.
const SERIALISED: [&str; 20] = [
    "spec/",
    "trust/stored.rs",
    "checkpoint",
    "evaluate/",
    "explain/",
    "stress/report.rs",
    "stress/corruption.rs",
    "seeds/",
    "audit/",
    "predict",
    "train/metrics.rs",
    "train/resume.rs",
    "train/state.rs",
    "data/preprocess.rs",
    "data/prepared/manifest.rs",
    "data/split",
    "data/inspect.rs",
    "data/fetch",
    "engine/",
    "init/",
];

#[test]
fn what_is_serialised_is_serialised_on_purpose() {
    let found: Vec<String> = rust_files("crates/inkstone/src")
        .into_iter()
        .filter(|(file, _)| {
            let file = file.trim_start_matches("crates/inkstone/src/");
            !SERIALISED.iter().any(|allowed| file.starts_with(allowed))
        })
        .flat_map(|(file, text)| {
            let derives =
                |line: &str| line.contains("derive(") && (line.contains("Serialize") || line.contains("Deserialize"));
            code(&text).filter(|(_, line)| derives(line)).map(|(line, _)| format!("{file}:{line}")).collect::<Vec<_>>()
        })
        .collect();
    none("serde derives outside the formats", &found);
}

#[test]
fn the_library_never_prints_and_never_reads_the_environment() {
    let forbidden = ["println!", "print!(", "eprint", "std::env::", "env::var", "dbg!(", "process::exit"];
    let libraries = ["crates/inkstone/src", "crates/inkstone-kernels/src", "crates/inkstone-mnist/src"];
    let found: Vec<String> = libraries
        .into_iter()
        .flat_map(rust_files)
        .filter(|(file, _)| !file.ends_with("/tests.rs"))
        .flat_map(|(file, text)| {
            let lines = code(&text).filter(|(_, line)| forbidden.iter().any(|word| line.contains(word)));
            lines.map(|(line, text)| format!("{file}:{line}: {}", text.trim())).collect::<Vec<_>>()
        })
        .collect();
    none("printing or environment in a library", &found);
}

#[test]
fn no_test_is_ignored_and_nothing_is_left_to_do() {
    let forbidden = ["#[ignore", "todo!(", "unimplemented!("];
    let found: Vec<String> = rust_files("crates")
        .into_iter()
        .filter(|(file, _)| !file.ends_with("tests/tidy.rs"))
        .flat_map(|(file, text)| {
            let lines = text.lines().enumerate().filter(|(_, line)| forbidden.iter().any(|word| line.contains(word)));
            lines.map(|(i, _)| format!("{file}:{}", i + 1)).collect::<Vec<_>>()
        })
        .collect();
    none("ignored tests or stubs", &found);
}

#[test]
fn every_rust_file_says_what_it_is() {
    let found: Vec<String> =
        rust_files("crates").into_iter().filter(|(_, text)| !text.starts_with("//!")).map(|(file, _)| file).collect();
    none("files without a `//!` header", &found);
}

#[test]
fn words_that_say_nothing_name_no_file() {
    let empty = ["utils", "util", "helpers", "common", "base", "manager", "misc"];
    let found: Vec<String> = rust_files("crates")
        .into_iter()
        .map(|(file, _)| file)
        .filter(|file| file.split(['/', '.']).any(|part| empty.contains(&part)))
        .collect();
    none("names that say nothing", &found);
}

#[test]
fn the_architecture_stays_on_one_page() {
    let lines = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap().lines().count();
    assert!(lines <= 90, "ARCHITECTURE.md has {lines} lines");
}
