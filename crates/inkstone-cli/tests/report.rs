//! The report of a run as a user meets it: the page, the pictures, the card, and the comparison of runs.
#![allow(clippy::unwrap_used)] // all of it is tests, helpers included

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const RECIPE: &str = r#"
version = 1
name = "bars"
data = { source = "data", validation = 0.2 }
augment = { rotation_degrees = 4.0 }

[model]
layers = [{ conv2d = { filters = 4, kernel = 3, activation = "relu" } }, { max_pool = 2 }, "flatten", { dense = {} }]

[train]
epochs = 2
batch_size = 8
learning_rate = 0.003
"#;

/// A folder with a recipe and noisy images of bars that lie or stand, as IDX files: 120 to train on, 60 to test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let place = std::env::temp_dir().join(format!("inkstone-report-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&place);
        fs::create_dir_all(place.join("data")).unwrap();
        fs::write(place.join("bars.toml"), RECIPE).unwrap();
        let place = Self(place);
        place.write_images("data", 60);
        place
    }

    fn write_images(&self, folder: &str, n_test: u32) {
        fs::create_dir_all(self.0.join(folder)).unwrap();
        for (part, n) in [("train", 120), ("t10k", n_test)] {
            let header = |rank: u8, sides: &[u32]| {
                let mut bytes = vec![0, 0, 8, rank];
                sides.iter().for_each(|side| bytes.extend(side.to_be_bytes()));
                bytes
            };
            let (mut images, mut labels) = (header(3, &[n, 12, 12]), header(1, &[n]));
            (0..n).for_each(|i| images.extend(bar(i)));
            // Every eleventh label is wrong, so that there are mistakes to show.
            labels.extend((0..n).map(|i| ((i + u32::from(i % 11 == 0)) % 2) as u8));
            fs::write(self.0.join(format!("{folder}/{part}-images-idx3-ubyte")), images).unwrap();
            fs::write(self.0.join(format!("{folder}/{part}-labels-idx1-ubyte")), labels).unwrap();
        }
    }

    fn run(&self, line: &str) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_inkstone"));
        command.args(line.split_whitespace()).current_dir(&self.0).stdin(Stdio::null());
        let Output { status, stdout, stderr } = command.output().unwrap();
        (status.code().unwrap_or(-1), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
    }

    fn ok(&self, line: &str) -> String {
        let (code, stdout, stderr) = self.run(line);
        assert_eq!(code, 0, "{line}\n{stdout}\n{stderr}");
        stdout
    }

    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Image i: a bar that lies (even) or stands (odd), where i says, on a ground that differs.
fn bar(i: u32) -> Vec<u8> {
    let at = 2 + i / 2 % 8;
    let on = |row: u32, column: u32| if i.is_multiple_of(2) { row == at } else { column == at };
    let noise = |row: u32, column: u32| ((i * 7 + row * 31 + column * 17) % 40) as u8;
    (0..144).map(|k| if on(k / 12, k % 12) { 255 } else { noise(k / 12, k % 12) }).collect()
}

/// Headings in both languages that the page must have.
const HEADINGS: [[&str; 2]; 11] = [
    ["Accuracy", "准确率"],
    ["Training", "训练过程"],
    ["What is taken for what", "混淆矩阵"],
    ["Class by class", "各类别"],
    ["Can its confidence be trusted?", "置信度可信吗？"],
    ["How much can be left to it", "可以放心交给它多少"],
    ["Worst mistakes", "最严重的错误"],
    ["Labels that may be wrong", "可能有误的标签"],
    ["What it has learned from", "它学的是什么"],
    ["Under stress", "压力测试"],
    ["How to make it again", "如何重现"],
];

/// What holds of each page.
fn check_page(page: &str, report: &Value) {
    for [english, chinese] in HEADINGS {
        for (class, lang, text) in [("en", "en", english), ("zh", "zh-CN", chinese)] {
            assert!(page.contains(&format!("<span class=\"{class}\" lang=\"{lang}\">{text}</span>")), "{text}");
        }
    }
    for loaded in ["http://", "https://", "@import", "url(", "<iframe", "<link rel=\"stylesheet", "src=\"/"] {
        assert!(!page.contains(loaded), "{loaded}");
    }
    let sources = page.matches(" src=\"").count();
    assert_eq!(sources, page.matches(" src=\"data:image/png;base64,").count(), "every image is in the page");
    assert_eq!(sources, page.matches(" alt=\"").count(), "every image is described");
    assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">") && page.contains("default-src 'none'"));
    let accuracy = report["accuracy"]["value"].as_f64().unwrap();
    assert!(page.contains(&format!("<p class=\"figure\">{:.2}<small>%", 100.0 * accuracy)));
    for key in ["log_loss", "calibration_error"] {
        let [value, low, high] =
            ["value", "low", "high"].map(|end| format!("{:.4}", report["intervals"][key][end].as_f64().unwrap()));
        assert!(page.contains(&format!("<p class=\"figure\">{value}</p>")), "{key}");
        assert!(page.contains(&format!("<span class=\"range\">{low}–{high}</span>")), "{key}");
    }
    for class in report["classes"].as_array().unwrap() {
        assert!(page.contains(&format!("{:.4}", class["f1"].as_f64().unwrap())), "{class}");
    }
    assert!(page.contains(report["model"]["sha256"].as_str().unwrap()));
}

#[test]
fn a_training_leaves_a_page_pictures_and_a_card_that_agree_with_its_report() {
    let place = Place::new("training");
    let report: Value = serde_json::from_str(&place.ok("train bars.toml --out run --json -q")).unwrap();
    let page = place.text("run/report.html");
    check_page(&page, &report);
    for (file, begin) in [
        ("curves.svg", &b"<svg xmlns"[..]),
        ("confusion_matrix.svg", b"<svg xmlns"),
        ("reliability.svg", b"<svg xmlns"),
        ("mistakes.png", b"\x89PNG"),
        ("samples.png", b"\x89PNG"),
    ] {
        assert!(fs::read(place.0.join("run").join(file)).unwrap().starts_with(begin), "{file}");
    }
    let card = place.text("run/MODEL_CARD.md");
    let accuracy = report["accuracy"]["value"].as_f64().unwrap();
    for expected in [
        "---\n# license: fill in",
        "pipeline_tag: image-classification",
        "model-index:",
        &format!("    - type: accuracy\n      name: Accuracy\n      value: {accuracy}\n"),
        report["model"]["sha256"].as_str().unwrap(),
        report["data"]["fingerprint"].as_str().unwrap(),
    ] {
        assert!(card.contains(expected), "{expected}\n{card}");
    }
    let predictions = place.text("run/predictions.csv");
    assert_eq!(predictions.lines().count(), 61);
    assert!(predictions.starts_with("sample,label,predicted,probability\ntest/0#"), "{predictions}");
    let right = predictions.lines().skip(1).filter(|line| line.split(',').nth(1) == line.split(',').nth(2)).count();
    assert_eq!(
        right as u64,
        report["confusion_matrix"][0][0].as_u64().unwrap() + report["confusion_matrix"][1][1].as_u64().unwrap()
    );
}

#[test]
fn a_finished_run_keeps_every_byte_when_it_is_resumed_and_force_replaces_its_files() {
    let place = Place::new("resumed");
    place.ok("train bars.toml --out run -q --threads 2");
    let read = |file: &str| fs::read(place.0.join("run").join(file)).unwrap();
    let files = ["report.html", "MODEL_CARD.md", "predictions.csv", "curves.svg", "report.json", "model.safetensors"];
    let before = files.map(read);
    place.ok("train --resume run -q --threads 1");
    assert!(files.map(read) == before);
    fs::write(place.0.join("run/mistakes.png"), "old").unwrap();
    place.ok("train bars.toml --out run --force -q --threads 2");
    assert_eq!(files.map(read)[5], before[5], "the report changes no bit of the model");
    assert!(read("mistakes.png").starts_with(b"\x89PNG"));
}

#[test]
fn evaluate_writes_the_page_too_and_says_what_it_is_about() {
    let place = Place::new("evaluate");
    place.ok("train bars.toml --out run -q");
    let report: Value = serde_json::from_str(&place.ok("evaluate run --html page.html --json -q")).unwrap();
    let page = place.text("page.html");
    check_page(&page, &report);
    assert!(page.contains("60 images of the test part of data, which training never saw"));
    assert!(page.contains("Augmentation") && page.contains("The whole recipe"));
    place.ok("evaluate run/model.safetensors --data data --part all --html other.html -q");
    assert!(place.text("other.html").contains("180 images of data"));
}

#[test]
fn an_audit_in_training_shows_its_suspects() {
    let place = Place::new("audit");
    place.ok("train bars.toml --out run -q --audit");
    let page = place.text("run/report.html");
    assert!(page.contains("look like another class to models that have never seen them"), "no suspects");
    assert!(!page.contains("No audit was made"));
}

#[test]
fn runs_are_compared_on_their_common_images_and_others_are_refused() {
    let place = Place::new("compare");
    for seed in [0, 1, 2] {
        place.ok(&format!("train bars.toml --out run{seed} --seed {seed} -q"));
    }
    let text = place.ok("compare run0 run1 run2");
    assert!(
        text.contains("On the same 60 images:") && text.contains("run0 → run1: ") && text.contains("Holm"),
        "{text}"
    );
    assert!(text.lines().all(|line| line.chars().count() <= 110), "{text}");
    let json: Value = serde_json::from_str(&place.ok("compare run0 run1 --json")).unwrap();
    assert_eq!((json["version"].as_u64(), json["n"].as_u64()), (Some(1), Some(60)));
    assert_eq!(json["pairs"][0]["p"], json["pairs"][0]["p_holm"]);
    let only = |key: &str| json["pairs"][0][key].as_i64().unwrap();
    let mistakes = |run: usize| json["runs"][run]["n_mistakes"].as_i64().unwrap();
    assert_eq!(only("first_only") - only("second_only"), mistakes(1) - mistakes(0));

    // A run that has kept no answers is asked again, to the same end.
    fs::remove_file(place.0.join("run1/predictions.csv")).unwrap();
    let (_, stdout, stderr) = place.run("compare run0 run1 --json");
    assert!(stderr.contains("run1 has kept no answers of its model: it is asked again"), "{stderr}");
    assert_eq!(serde_json::from_str::<Value>(&stdout).unwrap(), json);

    place.write_images("more", 40);
    place.ok("train bars.toml --data more --out other -q");
    let (code, _, stderr) = place.run("compare run0 other");
    assert_eq!(code, 1);
    assert!(stderr.contains("run0 and other: expected runs that were measured on the same images, found 60 images and 40 images, 40 in common"), "{stderr}");
    assert_eq!(place.run("compare run0").0, 2);
    assert_eq!(place.run("compare run0 digits").0, 2);
}
