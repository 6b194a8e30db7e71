//! `audit` as a user calls it, on a small folder of images.

#![allow(clippy::unwrap_used)] // Clippy sees a test only in the functions marked as one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A folder with two classes of 15 images each, bars upright and lying, one of them twice and one in the wrong folder.
struct Bars(PathBuf);

impl Bars {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("inkstone-cli-audit-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        for class in ["lying", "upright"] {
            fs::create_dir_all(folder.join("bars").join(class)).unwrap();
        }
        let bars = Self(folder);
        for i in 0..15 {
            bars.write(&format!("lying/{i:02}"), (i, 0));
            bars.write(&format!("upright/{i:02}"), (i, 1));
        }
        bars.write("lying/again", (3, 0));
        bars.write("lying/wrong", (20, 1));
        bars
    }

    fn write(&self, name: &str, (number, class): (usize, usize)) {
        let mut bytes = b"P5 20 20 255\n".to_vec();
        bytes.extend((0..400).map(|at| {
            let [across, along]: [usize; 2] = if class == 1 { [at % 20, at / 20] } else { [at / 20, at % 20] };
            let is_ink = across.abs_diff(8 + number % 4) < 2 && (2 + number / 4..16 - number % 3).contains(&along);
            if is_ink { 200 + (at * number % 50) as u8 } else { (at * (number + 3) % 7) as u8 }
        }));
        fs::write(self.0.join("bars").join(format!("{name}.pgm")), bytes).unwrap();
    }

    fn audit(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_inkstone"));
        command.current_dir(&self.0).args(["audit", "bars"]).args(arguments).output().unwrap()
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn an_audit_prints_a_table_and_writes_three_files_into_a_folder_of_its_own() {
    let bars = Bars::new("table");
    let output = bars.audit(&[]);
    assert!(output.status.success(), "{output:?}");
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.starts_with("bars: 32 images, 2 classes\n"), "{table}");
    assert!(table.contains("Exact duplicates     2 images in 1 group"), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    let folder = bars.0.join("audits/bars-001");
    let corrections = read(&folder.join("corrections.csv"));
    assert!(corrections.starts_with("sample,found,proposed,action,reason,note\n"), "{corrections}");
    assert!(corrections.contains("lying/wrong.pgm,lying,upright,keep,label_errors,"), "{corrections}");
    assert!(corrections.contains("lying/again.pgm,lying,,keep,exact_duplicates,"), "{corrections}");
    assert!(read(&folder.join("audit.html")).contains("<h1>Audit of bars</h1>"));
    assert!(bars.audit(&["--quiet"]).status.success());
    assert_eq!(read(&bars.0.join("audits/bars-002/audit.json")), read(&folder.join("audit.json")));
}

#[test]
fn json_is_the_document_of_the_file_and_a_full_folder_is_refused_before_the_work() {
    let bars = Bars::new("json");
    let output = bars.audit(&["--json", "--out", "checked"]);
    assert!(output.status.success(), "{output:?}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document, serde_json::from_str::<Value>(&read(&bars.0.join("checked/audit.json"))).unwrap());
    assert_eq!((&document["version"], &document["source"], &document["n"]), (&1.into(), &"bars".into(), &32.into()));
    assert_eq!(document["findings"][0]["kind"], "label_errors");
    assert_eq!(document["findings"][1]["samples"][0]["with"][0]["sample"], "lying/again.pgm");
    let again = bars.audit(&["--out", "checked"]);
    assert_eq!(again.status.code(), Some(2));
    let message = String::from_utf8(again.stderr).unwrap();
    assert_eq!(message, "error: checked: the folder is not empty; choose another --out\n");
}
