//! `inkstone train --seeds N` as a user calls it.
#![allow(clippy::unwrap_used)] // The helpers of a test are test code too.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const RECIPE: &str = r#"
version = 1
name = "bars"
data = { source = "data", validation = 0.2 }
augment = { rotation_degrees = 4.0 }
preprocess = { normalise = "dataset" }

[model]
layers = [{ conv2d = { filters = 4, kernel = 3, activation = "relu" } }, { max_pool = 2 }, "flatten", { dense = {} }]

[train]
epochs = 4
batch_size = 8
learning_rate = 0.01
"#;

/// A folder with a recipe and images of bars that lie or stand, as IDX files: 80 to train on, 20 to test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let place = std::env::temp_dir().join(format!("inkstone-seeds-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&place);
        fs::create_dir_all(place.join("data")).unwrap();
        fs::write(place.join("bars.toml"), RECIPE).unwrap();
        for (part, n) in [("train", 80_u32), ("t10k", 20)] {
            let (mut images, mut labels) = (idx_header(3, &[n, 12, 12]), idx_header(1, &[n]));
            (0..n).for_each(|i| images.extend(bar(i)));
            labels.extend((0..n).map(|i| (i % 2) as u8));
            fs::write(place.join(format!("data/{part}-images-idx3-ubyte")), images).unwrap();
            fs::write(place.join(format!("data/{part}-labels-idx1-ubyte")), labels).unwrap();
        }
        Self(place)
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_inkstone"));
        command.args(line.split_whitespace()).current_dir(&self.0).stdin(Stdio::null());
        command
    }

    fn run(&self, line: &str) -> (i32, String, String) {
        let Output { status, stdout, stderr } = self.command(line).output().unwrap();
        (status.code().unwrap_or(-1), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
    }

    fn ok(&self, line: &str) -> (String, String) {
        let (code, stdout, stderr) = self.run(line);
        assert_eq!(code, 0, "{line}\n{stdout}\n{stderr}");
        (stdout, stderr)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn idx_header(rank: u8, lengths: &[u32]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, rank];
    lengths.iter().for_each(|length| bytes.extend(length.to_be_bytes()));
    bytes
}

fn bar(i: u32) -> Vec<u8> {
    let (place, mut pixels) = (2 + (i / 2) % 8, vec![0; 144]);
    for along in 1..11 {
        let at = if i.is_multiple_of(2) { place * 12 + along } else { along * 12 + place };
        pixels[at as usize] = 200 + (i % 50) as u8;
    }
    pixels
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn one_document_tells_each_seed_and_what_they_say_together() {
    let place = Place::new("document");
    let (stdout, stderr) = place.ok("train bars.toml epochs=3 --seeds 3 --seed 7 --json --threads 2");
    let document = json(&stdout);
    assert_eq!((&document["version"], &document["n"]), (&1.into(), &3.into()));
    assert_eq!(document["recipe"]["name"], "bars");
    assert_eq!(document["threads"], 2);
    assert_eq!(document["precision"], "f32");
    assert!(document["instruction_set"].is_string() && document["data"]["part"] == "test");
    let seeds = document["seeds"].as_array().unwrap();
    assert_eq!(seeds.iter().map(|seed| seed["seed"].as_u64().unwrap()).collect::<Vec<_>>(), [7, 8, 9]);
    for key in ["accuracy", "seconds"] {
        let values: Vec<f64> = seeds.iter().map(|seed| seed[key].as_f64().unwrap()).collect();
        let mean = values.iter().sum::<f64>() / 3.0;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        assert!((document[key]["mean"].as_f64().unwrap() - mean).abs() < 1e-12);
        assert!((document[key]["standard_deviation"].as_f64().unwrap() - (squares / 2.0).sqrt()).abs() < 1e-12);
        assert!(document[key]["min"].as_f64() <= document[key]["max"].as_f64());
    }
    for seed in seeds {
        assert!(seed["macro_f1"].is_f64() && seed["train_seconds"].is_f64() && seed["epochs"] == 3, "{seed}");
    }
    assert_eq!(stderr.lines().filter(|line| line.starts_with("seed ")).count(), 3, "{stderr}");
    assert!(!place.0.join("runs").exists(), "nothing is written");
}

#[test]
fn a_seed_s_model_is_that_of_a_single_run_byte_for_byte() {
    let place = Place::new("bytes");
    let repeated = json(&place.ok("train bars.toml --seeds 2 --seed 3 --json -q").0);
    let single = json(&place.ok("train bars.toml --seed 4 --json -q").0);
    let last = &repeated["seeds"][1];
    assert_eq!(last["model_sha256"], single["model"]["sha256"]);
    assert_eq!(last["accuracy"], single["accuracy"]["value"]);
    assert_eq!(last["macro_f1"], single["macro"]["f1"]);
    assert_eq!(last["kept_epoch"], single["model"]["kept_epoch"]);
}

#[test]
fn without_json_it_prints_a_table_within_80_columns() {
    let place = Place::new("table");
    let (stdout, stderr) = place.ok("train bars.toml --seeds 2");
    assert!(stdout.contains("mean ± std, 2 seeds"), "{stdout}");
    // A warning or a note is a sentence, however long: the terminal breaks it.
    let told = stderr.lines().filter(|line| line.starts_with("seed ") || line.contains(" seeds, "));
    assert!(stdout.lines().chain(told).all(|line| line.chars().count() <= 80), "{stdout}{stderr}");
}

#[test]
fn what_makes_no_sense_beside_seeds_is_wrong_usage() {
    let place = Place::new("usage");
    for line in ["--seeds 0", "--seeds 2 --out x", "--seeds two", "--seeds 2 --resume x"] {
        let (code, stdout, stderr) = place.run(&format!("train bars.toml {line}"));
        assert_eq!((code, stdout.as_str()), (2, ""), "{line}: {stderr}");
    }
    let (code, stdout, _) = place.run("train bars.toml --seeds 2 --seed 18446744073709551615 --json");
    assert_eq!((code, json(&stdout)["error"]["kind"].as_str()), (2, Some("usage")));
}

#[cfg(unix)]
#[test]
fn an_interruption_prints_what_is_done_and_ends_with_130() {
    use std::io::{BufRead, BufReader, Read};
    let place = Place::new("interrupted");
    let line = "train bars.toml epochs=20 --seeds 100000 --json";
    let mut child = place.command(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(stderr.any(|line| line.unwrap().starts_with("seed 1 ")), "two seeds are done");
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let rest: Vec<String> = stderr.map(|line| line.unwrap()).collect();
    let mut stdout = String::new();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let document = json(&stdout);
    let n = document["n"].as_u64().unwrap();
    assert!((2..100_000).contains(&n) && document["n_wanted"] == 100_000);
    assert_eq!(document["seeds"].as_array().unwrap().len() as u64, n);
    assert!(rest.last().unwrap().contains("of 100000 seeds are done"), "{rest:?}");
}
