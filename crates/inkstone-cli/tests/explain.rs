//! `explain` as a user calls it, with the built-in model and a test digit of the built-in MNIST.

#![cfg(feature = "digits")]
#![allow(clippy::unwrap_used)] // Clippy sees a test only in the functions marked as one.

use std::path::PathBuf;
use std::process::{Command, Output};

use inkstone::data::decode::decode;
use inkstone::data::source::{SourceOptions, open};
use inkstone::parallel::Pool;
use serde_json::Value;

/// A folder with a 4 of MNIST's test part, dark on a light page three times as large.
struct Page(PathBuf);

impl Page {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("inkstone-cli-explain-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mnist = open("mnist", &SourceOptions::default(), &Pool::current_thread()).unwrap();
        let four = (60_000..70_000).find(|&i| mnist.samples[i].label == 4).unwrap();
        let pixels = mnist.images.get(four).pixels;
        let mut bytes = b"P5 84 84 255\n".to_vec();
        bytes.extend((0..84 * 84).map(|at| 255 - pixels[at / 84 / 3 * 28 + at % 84 / 3]));
        std::fs::write(folder.join("four.pgm"), bytes).unwrap();
        Self(folder)
    }

    /// Runs `inkstone explain four.pgm` with more arguments in the folder.
    fn explain(&self, arguments: &[&str]) -> Output {
        let command = ["explain", "four.pgm"];
        let binary = env!("CARGO_BIN_EXE_inkstone");
        Command::new(binary).args(command).args(arguments).current_dir(&self.0).output().unwrap()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_comparison_is_written_as_a_picture_a_document_and_numbers() {
    let page = Page::new("against");
    let output = page.explain(&["--against", "9", "--out", "why.png", "--raw", "why.npy", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["version"], 1);
    assert_eq!((&document["model"]["name"], &document["file"]), (&"digits".into(), &"four.pgm".into()));
    assert_eq!((&document["class"], &document["against"]), (&"4".into(), &"9".into()));
    assert_eq!((&document["baseline"], &document["method"]), (&"black".into(), &"integrated_gradients".into()));
    let checks: Vec<&str> =
        document["checks"].as_array().unwrap().iter().map(|check| check["name"].as_str().unwrap()).collect();
    assert_eq!(checks, ["not_empty", "completeness", "agreement_with_occlusion", "parameter_randomisation"]);
    assert!(document["flip"]["found"].as_bool().unwrap() && document["flip"]["after"]["to"].as_f64().unwrap() > 0.4);
    let picture = decode(&std::fs::read(page.0.join("why.png")).unwrap()).unwrap();
    assert!(picture.size.width > 1000 && picture.size.channels == 3);
    let numbers = std::fs::read(page.0.join("why.npy")).unwrap();
    assert_eq!(numbers.len(), 128 + 28 * 28 * 4);
}

#[test]
fn a_failed_check_is_a_warning_that_quiet_does_not_hide() {
    let page = Page::new("fails");
    let output = page.explain(&["--steps", "1", "--out", "why.png", "--quiet"]);
    assert_eq!(output.status.code(), Some(0));
    let (text, warnings) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(text.starts_with("four.pgm: why 4? ("), "{text}");
    assert!(text.contains("FAILED  adds up to the logit: gap "), "{text}");
    assert!(warnings.starts_with("warning: adds up to the logit: gap "), "{warnings}");
    assert_eq!(warnings.lines().count(), 1, "{warnings}");
}

#[test]
fn an_unknown_class_or_method_is_wrong_usage() {
    let page = Page::new("usage");
    for (arguments, expected) in [
        (["--class", "four", "--out", "why.png"], "expected a class of the model, found `four`"),
        (["--method", "magic", "--out", "why.png"], "expected one of saliency, signed_saliency, integrated_gradients"),
        (["--out", "why.png", "--raw", "why.txt"], "expected a file name ending in .npy or .json"),
    ] {
        let output = page.explain(&arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(expected), "{said}");
        assert_eq!(output.status.code(), Some(2), "{said}");
    }
}
