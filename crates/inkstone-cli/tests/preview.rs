//! `inkstone prepare --preview` and `--preview-sample` as a user meets them.
#![allow(clippy::unwrap_used)] // all of it is tests, helpers included

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use inkstone::data::decode::decode;
use serde_json::Value;

/// A folder that is removed when the test ends, with sixty images of two classes in it.
struct Desk(PathBuf);

impl Desk {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("inkstone-preview-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        for i in 0..60_u8 {
            let class = folder.join("set").join(if i % 2 == 0 { "lying" } else { "standing" });
            fs::create_dir_all(&class).unwrap();
            let lit = |k: usize| if i % 2 == 0 { k / 8 == 3 } else { k % 8 == 3 };
            let pixels: Vec<u8> = (0..64).map(|k| if lit(k) { 190 + i } else { 0 }).collect();
            let mut bytes = b"P5\n8 8\n255\n".to_vec();
            bytes.extend(pixels);
            fs::write(class.join(format!("{i:02}.pgm")), bytes).unwrap();
        }
        Self(folder)
    }

    /// Exit code, stdout, stderr.
    fn run(&self, words: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_inkstone"));
        let output = command.arg("prepare").args(words).current_dir(&self.0).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_sheet_shows_originals_above_what_training_sees() {
    let desk = Desk::new("sheet");
    let (code, stdout, stderr) = desk.run(&[
        "set",
        "--preview",
        "sheet.png",
        "--json",
        "augment.rotation_degrees=20",
        "augment.also=[{noise=9}]",
    ]);
    assert_eq!(code, 0, "{stderr}");
    let document: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(document["version"], 1);
    assert_eq!(document["augment"]["rotation_degrees"], 20.0);
    assert_eq!(document["sheet"]["samples"].as_array().unwrap().len(), 12);
    assert_eq!(document["sheet"]["samples"][0]["class"], "lying");
    assert_eq!(document["sheet"]["samples"][1]["class"], "standing");
    assert_eq!(document["sample"], Value::Null);
    let sheet = decode(&fs::read(desk.0.join("sheet.png")).unwrap()).unwrap();
    let [height, width] =
        [&document["sheet"]["size"][0], &document["sheet"]["size"][1]].map(|n| n.as_u64().unwrap() as usize);
    assert_eq!((sheet.size.height, sheet.size.width, sheet.size.channels), (height, width, 1));
    // The first original is a bar that lies in row 3, each pixel ten wide.
    let at = |row: usize, column: usize| sheet.pixels[row * width + column];
    assert_eq!((at(0, 0), at(4, 4)), (128, 0));
    assert!(at(4 + 35, 4 + 5) >= 190 && at(4 + 35, 4 + 75) >= 190 && at(4 + 45, 4 + 5) == 0);
    let (_, again, _) = desk.run(&[
        "set",
        "--preview",
        "sheet.png",
        "--json",
        "augment.rotation_degrees=20",
        "augment.also=[{noise=9}]",
    ]);
    assert_eq!(again, stdout);
}

#[test]
fn a_recipe_that_augments_nothing_is_shown_gently_with_a_note() {
    let desk = Desk::new("gentle");
    let (code, _, stderr) = desk.run(&["set", "--preview", "sheet.png"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stderr.contains("the recipe augments nothing: shown with rotation_degrees = 10 and zoom = 0.1"),
        "{stderr}"
    );
    assert!(stderr.contains("wrote sheet.png: 12 training images of set, below each the epochs 0 to 5"), "{stderr}");
}

#[test]
fn what_is_drawn_for_a_sample_is_printed_and_depends_on_the_seed() {
    let desk = Desk::new("sample");
    let (_, stdout, _) = desk.run(&["set", "--preview", "a.png", "--json"]);
    let document: Value = serde_json::from_str(&stdout).unwrap();
    let id = document["sheet"]["samples"][3]["id"].as_str().unwrap().to_owned();
    let words =
        ["set", "--preview-sample", &id, "augment.zoom=0.2", "augment.mixup={alpha=1.0}", "augment.also=[{blur=1}]"];
    let (code, text, stderr) = desk.run(&words);
    assert_eq!(code, 0, "{stderr}");
    assert!(text.starts_with(&format!("{id}  class standing  seed 0\nepoch 0  zoom ")), "{text}");
    assert!(
        text.contains("blur sigma ") && text.contains("mixup with ") && text.lines().all(|line| line.len() <= 84),
        "{text}"
    );
    let (_, other, _) = desk.run(&[&words[..], &["--seed", "1"]].concat());
    assert_ne!(other.lines().nth(1), text.lines().nth(1));
    let (_, stdout, _) = desk.run(&[&words[..], &["--json"]].concat());
    let document: Value = serde_json::from_str(&stdout).unwrap();
    let draws = document["sample"]["draws"].as_array().unwrap();
    assert_eq!((draws.len(), document["sample"]["id"].as_str()), (6, Some(id.as_str())));
    assert!(draws[0]["also"][0]["blur"]["sigma"].as_f64().unwrap() <= 1.0);
    assert!(draws[0]["mixture"]["share"].as_f64().unwrap() <= 0.5);
}

#[test]
fn a_sample_that_is_not_there_or_not_trained_on_is_refused() {
    let desk = Desk::new("refused");
    let (code, _, stderr) = desk.run(&["set", "--preview-sample", "lying/no.pgm"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("--preview-sample: expected a sample of set such as "), "{stderr}");
    let found = (0..60).find_map(|i| {
        let (code, _, stderr) = desk.run(&["set", "--preview-sample", &i.to_string()]);
        (code != 0).then_some(stderr)
    });
    let stderr = found.expect("a tenth of the images validates");
    assert!(
        stderr.contains("expected a sample of the training part, the only one that is augmented, found one of "),
        "{stderr}"
    );
}
