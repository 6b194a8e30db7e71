//! `inkstone bench ink` and `inkstone prepare --cut-glyphs` as people meet them: pictures, their glyphs, a training.
#![allow(clippy::unwrap_used)] // all of it is tests, helpers included

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A folder that is empty, and gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("inkstone-cut-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn run(folder: &Path, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inkstone"));
    command.args(line.split_whitespace()).current_dir(folder).env("INKSTONE_HOME", folder.join("no-home"));
    command.output().unwrap()
}

fn document(folder: &Path, line: &str, code: i32) -> Value {
    let ran = run(folder, line);
    let stderr = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(code), "{line}: {stderr}");
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{line}: {error}: {stderr}"))
}

/// Far below what docs/ink.md reports: a guard against breaking, not a measurement.
#[test]
fn digits_as_people_draw_them_are_read_and_a_resize_alone_reads_few() {
    let folder = Folder::new("bench");
    let line = "bench ink --images 40 --json -q --sheet s.png --only";
    let ran = [line.split(' ').collect::<Vec<_>>(), vec!["light on dark;dark on light;turned;row"]].concat();
    let mut command = Command::new(env!("CARGO_BIN_EXE_inkstone"));
    let output = command.args(ran).current_dir(&folder.0).output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&document["work"], &document["part"], &document["images"]),
        (&"ink".into(), &"test".into(), &40.into())
    );
    let share = |kind: &str, rules: &str| document["means"][kind][rules].as_f64().unwrap();
    assert!(share("single", "ink") > 0.9, "{document:#}");
    assert!(share("strings", "ink") > 0.75, "{document:#}");
    assert!(share("single", "resize_only") < 0.7, "{document:#}");
    let fixed = |rules: &str| document["fixed_point"][rules]["value"].as_f64().unwrap();
    assert!((fixed("plain") - fixed("ink")).abs() < 0.03, "{document:#}");
    assert!(fs::read(folder.0.join("s.png")).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn an_unknown_condition_is_wrong_usage_that_lists_the_known_ones() {
    let folder = Folder::new("usage");
    let ran = run(&folder.0, "bench ink --images 1 --only upside-down");
    let stderr = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("light on dark; dark on light"), "{stderr}");
}

#[test]
fn a_form_whose_reading_is_known_becomes_glyphs_that_a_training_takes_at_once() {
    let folder = Folder::new("form");
    let made = "bench ink --part validation --images 24 --pictures made -q --only row";
    assert!(run(&folder.0, made).status.success());
    let made = folder.0.join("made/row");
    let mut table = fs::read_to_string(made.join("readings.csv")).unwrap();
    // One reading too long, one picture that is not there, one that is no picture.
    let first = table.lines().nth(1).unwrap().to_owned();
    table = table.replacen(&first, &format!("{first}77"), 1) + "gone.png,5\nno-picture.png,6\n";
    fs::write(made.join("readings.csv"), table).unwrap();
    fs::write(made.join("no-picture.png"), "text").unwrap();

    let document = document(&folder.0, "prepare made/row/readings.csv --cut-glyphs --out glyphs --json -q", 1);
    let number = |key: &str| document[key].as_u64().unwrap();
    assert_eq!(number("pictures"), 26, "{document:#}");
    assert_eq!(document["errors"].as_array().unwrap().len(), 2, "{document:#}");
    let review = document["review"].as_array().unwrap();
    assert_eq!(number("cut") as usize + review.len(), 24, "{document:#}");
    assert!(number("cut") >= 18, "{document:#}");
    assert!(review[0]["why"].as_str().unwrap().contains("in the text"), "{document:#}");
    let n_files = |class: &str| fs::read_dir(folder.0.join("glyphs").join(class)).map_or(0, Iterator::count);
    let classes = document["classes"].as_object().unwrap();
    assert!(classes.iter().all(|(class, n)| n_files(class) as u64 == n.as_u64().unwrap()), "{document:#}");
    assert_eq!(classes.values().map(|n| n.as_u64().unwrap()).sum::<u64>(), number("glyphs"));
    // The pictures to look at and their table, which can be cut again.
    assert_eq!(n_files("review"), review.len() + 1);
    let again = fs::read_to_string(folder.0.join("glyphs/review/review.csv")).unwrap();
    assert!(again.starts_with("path,text,why,source\n") && again.lines().count() == review.len() + 1, "{again}");

    let again = run(&folder.0, "prepare made/row/readings.csv --cut-glyphs --out glyphs");
    assert_eq!(again.status.code(), Some(2), "{}", String::from_utf8_lossy(&again.stderr));
    let trained = run(&folder.0, "train glyphs preprocess.ink=true train.epochs=1 --out trained -q");
    assert!(trained.status.success(), "{}", String::from_utf8_lossy(&trained.stderr));
    assert!(folder.0.join("trained/model.safetensors").is_file());
}

#[test]
fn cutting_needs_one_table_and_a_folder_to_write_into() {
    let folder = Folder::new("wrong");
    for (line, code, said) in [
        ("prepare a.csv --cut-glyphs", 2, "--out DIR"),
        ("prepare a.csv b.csv --cut-glyphs --out x", 2, "one table of path and text"),
        ("prepare a.csv --cut-glyphs --out x --format npz", 2, "--format"),
        ("prepare a.csv --cut-glyphs --out x", 1, "a.csv"),
    ] {
        let ran = run(&folder.0, line);
        let stderr = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(code), "{line}: {stderr}");
        assert!(stderr.contains(said), "{line}: {stderr}");
    }
    assert!(!folder.0.join("x").exists(), "nothing is made where nothing can be read");
}
