//! `predict` and `evaluate` as a user calls them, with the built-in model and the built-in MNIST.

#![cfg(feature = "digits")]
#![allow(clippy::unwrap_used)] // Clippy sees a test only in the functions marked as one.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use inkstone::data::source::{SourceOptions, open};
use inkstone::parallel::Pool;
use serde_json::Value;

/// The first test images as files, each 3 times as large, and a text that says that it is a PNG.
struct Scans {
    folder: PathBuf,
    labels: Vec<u32>,
}

const N_IMAGES: usize = 12;

impl Scans {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("inkstone-cli-{name}-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("deeper")).unwrap();
        let mnist = open("mnist", &SourceOptions::default(), &Pool::current_thread()).unwrap();
        let labels = (0..N_IMAGES).map(|i| mnist.samples[60_000 + i].label).collect();
        for i in 0..N_IMAGES {
            let pixels = mnist.images.get(60_000 + i).pixels;
            let mut bytes = b"P5 84 84 255\n".to_vec();
            bytes.extend((0..84 * 84).map(|at| pixels[at / 84 / 3 * 28 + at % 84 / 3]));
            let below = if i < 6 { "" } else { "deeper/" };
            std::fs::write(folder.join(format!("{below}{i:02}.pgm")), bytes).unwrap();
        }
        std::fs::write(folder.join("text.png"), "no image at all").unwrap();
        Self { folder, labels }
    }

    /// The labels in the order of the files' paths: 00 … 05, deeper/06 … deeper/11, text.png.
    fn n_right(&self, predictions: &[Value]) -> usize {
        let label = |prediction: &Value| prediction["label"].as_u64().unwrap() as u32;
        predictions.iter().zip(&self.labels).filter(|(prediction, wanted)| label(prediction) == **wanted).count()
    }
}

impl Drop for Scans {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn inkstone(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_inkstone")).args(arguments).output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_folder_with_a_bad_file_is_answered_whole_and_ends_with_1() {
    let scans = Scans::new("folder");
    let output = inkstone(&["predict", "--json", text(&scans.folder)]);
    assert_eq!(output.status.code(), Some(1));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["version"], 1);
    assert_eq!(document["model"]["name"], "digits");
    assert_eq!(document["model"]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(document["model"]["classes"].as_array().unwrap().len(), 10);
    let predictions = document["predictions"].as_array().unwrap();
    assert_eq!(predictions.len(), N_IMAGES + 1);
    assert!(scans.n_right(&predictions[..N_IMAGES]) >= N_IMAGES - 1);
    let bad = &predictions[N_IMAGES];
    assert!(bad["file"].as_str().unwrap().ends_with("text.png"));
    assert_eq!(bad["decision"], "error");
    assert!(bad["label"].is_null() && bad["glyphs"] == serde_json::json!([]));
    assert!(bad["error"]["message"].as_str().unwrap().contains("text.png"));
}

#[test]
fn every_form_of_output_says_the_same() {
    let scans = Scans::new("forms");
    let folder = text(&scans.folder);
    let lines = inkstone(&["predict", "--jsonl", "--quiet", folder]);
    let lines: Vec<Value> =
        String::from_utf8(lines.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let table = inkstone(&["predict", "--csv", "-", folder]);
    let table = String::from_utf8(table.stdout).unwrap();
    let plain = inkstone(&["predict", folder]);
    let plain_text = String::from_utf8(plain.stdout).unwrap();
    assert!(String::from_utf8(plain.stderr).unwrap().contains("digits"), "it says which model it used");
    assert!(table.starts_with("file,decision,label,class,probability,set,reasons,text,error,p(0),p(1),"));
    assert_eq!((table.lines().count(), plain_text.lines().count()), (N_IMAGES + 2, N_IMAGES + 1));
    for ((line, row), plain) in lines.iter().zip(table.lines().skip(1)).zip(plain_text.lines()).take(N_IMAGES) {
        let (file, class) = (line["file"].as_str().unwrap(), line["class"].as_str().unwrap());
        let decision = line["decision"].as_str().unwrap();
        assert!(row.starts_with(&format!("{file},{decision},{class},{class},")), "{row}");
        let words: Vec<&str> = plain.strip_prefix(file).unwrap().split_whitespace().collect();
        assert!(words.contains(&class), "{plain}");
        assert!(decision != "answer" || words[0] == class, "{plain}");
    }
    assert!(plain_text.lines().last().unwrap().contains("error: "));
}

#[test]
fn with_a_share_of_errors_an_answer_is_taken_or_not_and_one_that_nobody_can_promise_is_refused() {
    let scans = Scans::new("max-error");
    let output = inkstone(&["predict", "--max-error", "0.001", "--jsonl", text(&scans.folder)]);
    let lines = String::from_utf8(output.stdout).unwrap();
    let predictions: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let n_taken = predictions[..N_IMAGES].iter().filter(|prediction| prediction["decision"] == "answer").count();
    assert!(n_taken >= N_IMAGES / 2, "{lines}");
    for prediction in predictions[..N_IMAGES].iter().filter(|prediction| prediction["decision"] != "answer") {
        assert_eq!(prediction["decision"], "abstain");
        assert!(!prediction["reasons"].as_array().unwrap().is_empty());
    }
    let output = inkstone(&["predict", "--max-error", "0.0000001", text(&scans.folder)]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("--max-error: expected an error of at least 0.000") && stderr.contains("calibrate with more"),
        "{stderr}"
    );
}

#[test]
fn noise_is_refused_in_words_and_in_every_form_with_the_same_reason() {
    let scans = Scans::new("refused");
    let file = scans.folder.join("stripes.pgm");
    let mut bytes = b"P5 60 60 255\n".to_vec();
    bytes.extend((0..3600_u32).map(|at| if (at % 60 / 7 + at / 60 / 9) % 2 == 0 { 230 } else { 20 }));
    std::fs::write(&file, bytes).unwrap();
    let document: Value = serde_json::from_slice(&inkstone(&["predict", "--json", text(&file)]).stdout).unwrap();
    let prediction = &document["predictions"][0];
    assert_eq!(prediction["decision"], "abstain", "{prediction}");
    let plain = String::from_utf8(inkstone(&["predict", text(&file)]).stdout).unwrap();
    assert!(plain.contains("  abstains: "), "{plain}");
    let table = String::from_utf8(inkstone(&["predict", "--csv", "-", text(&file)]).stdout).unwrap();
    assert!(table.contains(",abstain,") && table.contains(prediction["reasons"][0].as_str().unwrap()), "{table}");
}

#[test]
fn standard_input_is_an_image_too() {
    let scans = Scans::new("stdin");
    let file = std::fs::File::open(scans.folder.join("00.pgm")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_inkstone"))
        .args(["predict", "--json", "-"])
        .stdin(Stdio::from(file))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["predictions"][0]["file"], "-");
    assert_eq!(document["predictions"][0]["label"], scans.labels[0]);
    let bounds = document["predictions"][0]["glyphs"][0]["box"].as_array().unwrap();
    let [left, top, width, height] = [0, 1, 2, 3].map(|k| bounds[k].as_u64().unwrap());
    assert!(left > 0 && top > 0 && left + width < 84 && top + height < 84, "the ink alone: {bounds:?}");
    assert!((59..=61).contains(&width.max(height)), "twenty pixels, three times as large: {bounds:?}");
}

#[test]
fn the_built_in_model_is_measured_on_the_test_part_of_its_own_data() {
    let output = inkstone(&["evaluate", "digits", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["data"]["part"], &report["data"]["n"]), (&"test".into(), &10_000.into()));
    assert!(report["accuracy"]["value"].as_f64().unwrap() > 0.98, "{}", report["accuracy"]);
    let rows = report["confusion_matrix"].as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap());
    assert_eq!(rows.map(|count| count.as_u64().unwrap()).sum::<u64>(), 10_000);
}

#[test]
fn a_model_that_is_none_is_wrong_usage() {
    for arguments in [&["evaluate", "no/such/model"][..], &["predict", "--model", "no/such/model", "x.png"]] {
        let output = inkstone(arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(
            String::from_utf8(output.stderr).unwrap().contains("expected a run folder, a model file or a built-in")
        );
    }
}
