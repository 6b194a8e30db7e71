//! `inkstone bench` as a script meets it: one document per kind of work, measured for moments.
#![allow(clippy::unwrap_used)] // all of it is tests, helpers included

use std::process::{Command, Output};

use serde_json::Value;

fn run(line: &str) -> Output {
    command(line).output().unwrap()
}

fn command(line: &str) -> Command {
    let folder = std::env::temp_dir();
    let mut command = Command::new(env!("CARGO_BIN_EXE_inkstone"));
    command.args(line.split_whitespace()).current_dir(&folder).env("INKSTONE_HOME", folder.join("inkstone-no-home"));
    command
}

/// The document of a command that must succeed, with what every one of them has.
fn document(line: &str) -> Value {
    let ran = run(&format!("{line} --json --quiet"));
    let stderr = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{line}: {stderr}");
    assert_eq!(stderr, "", "{line}");
    let document: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(document["version"], 1, "{line}");
    for key in ["images_per_second", "threads", "images"] {
        assert!(document[key].as_f64().unwrap() > 0.0, "{line}: {key}");
    }
    for key in ["isa", "work", "source"] {
        assert!(!document[key].as_str().unwrap().is_empty(), "{line}: {key}");
    }
    assert!(document["machine"]["cores"].as_u64().unwrap() > 0, "{line}");
    if cfg!(target_os = "linux") {
        assert!(document["peak_memory_bytes"].as_u64().unwrap() > 1 << 20, "{line}");
    }
    document
}

#[test]
fn training_is_measured_in_images_epochs_operations_and_their_share() {
    let document = document("bench train train.batch_size=64 --threads 1 --seconds 0.05");
    assert_eq!((&document["work"], &document["recipe"]), (&"train".into(), &"mnist".into()));
    assert_eq!((&document["batch_size"], &document["precision"]), (&64.into(), &"f32".into()));
    assert_eq!((&document["threads"], &document["is_augmented"]), (&1.into(), &true.into()));
    let number = |key: &str| document[key].as_f64().unwrap();
    let close = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 1e-3, "{a} {b}: {document}");
    close(number("seconds_per_epoch"), 60_000.0 / number("images_per_second"));
    close(number("us_per_image"), 1e6 / number("images_per_second"));
    // 7,128,192 multiply-accumulates per image.
    close(number("gflops"), 2.0 * 7_128_192e-9 * number("images_per_second"));
    close(number("share_of_ceiling"), number("gflops") / number("ceiling_gflops"));
    assert!(number("seconds") >= 0.05 && number("images") >= 64.0);
}

#[test]
fn a_forced_instruction_set_and_a_recipe_without_augmentation_are_told() {
    let line = "bench train augment.rotation_degrees=0 augment.zoom=0 --isa scalar --seconds 0.01";
    let document = document(line);
    assert_eq!((&document["isa"], &document["is_augmented"]), (&"scalar".into(), &false.into()));
}

#[test]
fn reading_is_measured_alone_and_together() {
    let document = document("bench predict --seconds 0.02");
    let number = |key: &str| document[key].as_f64().unwrap();
    assert!(0.0 < number("latency_median_us") && number("latency_median_us") <= number("latency_p99_us"));
    assert_eq!(document["batch_size"], 10_000);
    assert!(number("gflops") > 0.0 && number("ceiling_gflops") > 0.0);
}

#[test]
fn augmenting_and_loading_are_measured() {
    let augment = document("bench augment --seconds 0.02");
    assert_eq!(augment["augment"]["rotation_degrees"], 10.0);
    let load = document("bench load --seconds 0.01");
    assert_eq!((&load["images"], &load["folder"]), (&70_000.into(), &Value::Null));
}

#[test]
fn a_folder_of_png_files_is_written_read_and_removed() {
    let folder = std::env::temp_dir().join(format!("inkstone-cli-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut command = command("bench load --images 150 --seconds 0.01 --json");
    let ran = command.env("TMPDIR", &folder).env("TMP", &folder).output().unwrap();
    let document: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(document["folder"]["images"], 150);
    assert!(document["folder"]["images_per_second"].as_f64().unwrap() > 0.0);
    std::fs::remove_dir(&folder).expect("nothing is left in it");
}

#[test]
fn the_deeper_network_of_the_benchmarks_is_the_published_one() {
    let recipe = concat!(env!("CARGO_MANIFEST_DIR"), "/../../benchmarks/deotte.toml");
    let mut command = command("inspect");
    let ran = command.args([recipe, "--json"]).output().unwrap();
    let document: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!((&document["parameters"], &document["n_classes"]), (&326_410.into(), &10.into()));
}

#[test]
fn people_read_lines_of_a_terminals_width() {
    let ran = run("bench train --seconds 0.01 -q");
    let text = String::from_utf8(ran.stdout).unwrap();
    assert!(text.contains("\nimages/s") && text.contains("\nshare") && text.contains("\n60,000 images"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn what_cannot_be_measured_is_wrong_usage() {
    for (line, message) in [
        ("bench augment augment.rotation_degrees=0 augment.zoom=0", "expected a recipe that augments"),
        ("bench train --seconds 0", "expected a number of seconds"),
        ("bench train digitz", "no recipe, data set or path is called `digitz`"),
    ] {
        let ran = run(line);
        assert_eq!(ran.status.code(), Some(2), "{line}");
        assert!(String::from_utf8_lossy(&ran.stderr).contains(message), "{line}");
    }
}

#[cfg(feature = "digits")]
#[test]
fn trust_is_measured_against_its_promises_and_on_images_of_nothing() {
    let ran = run("bench trust --json --quiet");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let document: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!((&document["work"], &document["n"]), (&"trust".into(), &10_000.into()));
    for promise in ["coverage", "accepted"] {
        assert_eq!(document["decisions"][promise]["is_inside"], true, "{document}");
    }
    let foreign = document["foreign"].as_array().unwrap();
    let names: Vec<&str> = foreign.iter().map(|score| score["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["noise", "specks", "blank", "turned by 90°"]);
    for score in &foreign[..3] {
        assert!(score["auroc"].as_f64().unwrap() > 0.99 && score["abstain"].as_f64().unwrap() > 0.95, "{score}");
    }
}
