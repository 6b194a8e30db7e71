//! Splits, corrections and proposals as a user meets them: whole commands in a folder of their own.
#![allow(clippy::unwrap_used)] // all of it is tests, helpers included

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

const SMALL: &str = "model.layers=[{conv2d={filters=4,kernel=3}},{max_pool=2},\"flatten\",{dense={}}] epochs=1 \
                     batch_size=8 learning_rate=0.01";

/// A folder that is removed when the test ends, with the program run inside it.
struct Desk(PathBuf);

/// What a command did.
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Desk {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("inkstone-splits-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn run(&self, line: &str) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_inkstone"));
        command.args(line.split_whitespace()).current_dir(&self.0).stdin(Stdio::null());
        let output = command.env("INKSTONE_HOME", self.0.join("home")).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap_or(-1);
        let ran = Ran { code, stdout: text(output.stdout), stderr: text(output.stderr) };
        assert!(!ran.stderr.contains("panicked"), "{line}: {}", ran.stderr);
        ran
    }

    fn ok(&self, line: &str) -> Ran {
        let ran = self.run(line);
        assert_eq!(ran.code, 0, "{line}\n{}\n{}", ran.stdout, ran.stderr);
        ran
    }

    /// Runs a command that must fail with one line that holds `message`.
    fn fails(&self, line: &str, message: &str) {
        let ran = self.run(line);
        let errors: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert!(ran.code != 0 && errors.len() == 1, "{line}: {} {}", ran.code, ran.stderr);
        assert!(errors[0].contains(message), "{line}: {}", errors[0]);
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.text(name)).unwrap()
    }

    /// Bars in folders `lying` and `standing`, PGM files `<writer>_<number>.pgm` of 15 writers.
    fn write_bars(&self, folder: &str, n: u32) {
        for i in 0..n {
            let class = ["lying", "standing"][(i % 2) as usize];
            self.write(&format!("{folder}/{class}/w{:02}_{i:03}.pgm", i / 2 % 15), bar(i));
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A bar of 12×12, lying where i is even, different for every i below 400.
fn bar(i: u32) -> Vec<u8> {
    let place = 2 + (i / 2) % 8;
    let mut bytes = b"P5 12 12 255\n".to_vec();
    let start = bytes.len();
    bytes.extend([0; 144]);
    for along in 1..11 {
        let at = if i.is_multiple_of(2) { place * 12 + along } else { along * 12 + place };
        bytes[start + at as usize] = 200 + (i % 50) as u8;
    }
    bytes
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|entry| entry.as_str().unwrap().to_owned()).collect()
}

#[test]
fn writers_in_file_names_stay_in_one_part() {
    let desk = Desk::new("groups");
    desk.write_bars("bars", 300);
    let ran = desk.ok(&format!("train bars {SMALL} group={{group}}_* --out a"));
    assert!(ran.stderr.contains("data.group = \"{group}_*\": 15 groups of 300 images"), "{}", ran.stderr);
    let split = desk.json("a/split.json");
    let writers = |part: &str| -> std::collections::BTreeSet<String> {
        let name = |entry: String| Path::new(&entry).file_name().unwrap().to_str().unwrap()[..3].to_owned();
        strings(&split[part]).into_iter().map(name).collect()
    };
    let (train, validation, test) = (writers("train"), writers("validation"), writers("test"));
    assert_eq!(train.len() + validation.len() + test.len(), 15, "{train:?} {validation:?} {test:?}");
    desk.fails(
        &format!("train bars {SMALL} group=site --out b"),
        "data.group: expected \"writer\" (of MNIST), \"group\"",
    );
    desk.fails("train mnist group=writer --out b", "get it with `inkstone fetch qmnist`");
    assert!(!desk.0.join("b").exists());
    desk.ok("train --resume a epochs=2");
    desk.ok("evaluate a");
}

#[test]
fn folds_validate_in_turn_and_a_kept_split_is_used_again() {
    let desk = Desk::new("folds");
    desk.write_bars("bars", 300);
    let validation = |out: &str, words: &str| {
        desk.ok(&format!("train bars {SMALL} {words} --out {out}"));
        let split = desk.json(&format!("{out}/split.json"));
        (strings(&split["validation"]), strings(&split["test"]), strings(&split["train"]))
    };
    let (first, test, _) = validation("a", "folds=3");
    let (second, same_test, train) = validation("b", "folds=3 fold=1");
    assert_eq!((first.len(), second.len(), test.len()), (90, 90, 30));
    assert!(first.iter().all(|name| !second.contains(name)));
    assert_eq!(test, same_test);
    desk.write("bars/lying/w99_999.pgm", bar(398));
    let (again, test, grown) = validation("c", "split_file=b/split.json");
    assert_eq!((again, test), (second, same_test));
    assert_eq!(grown.len(), train.len() + 1);
    assert!(desk.text("c/log.txt").contains("1 new images of bars go to train"));
    assert!(desk.text("c/recipe.toml").contains("split_file = \"split.json\""));
    fs::remove_dir_all(desk.0.join("b")).unwrap();
    desk.ok("train --resume c epochs=2");
    desk.ok("evaluate c");
    desk.ok("train c/recipe.toml --out d");
    assert_eq!(desk.json("c/split.json"), desk.json("d/split.json"));
}

#[test]
fn corrections_go_with_the_run_and_the_source_stays() {
    let desk = Desk::new("corrections");
    desk.write_bars("project/bars", 300);
    desk.write(
        "project/fix.csv",
        "sample,found,proposed,action\nlying/w00_000.pgm,lying,standing,relabel\nstanding/w00_001.pgm,standing,,exclude\n",
    );
    let recipe = "version = 1\n[data]\nsource = \"bars\"\ncorrections = \"fix.csv\"\n[model]\n\
                  layers = [\"flatten\", { dense = {} }]\n[train]\nepochs = 1\n";
    desk.write("project/mine.toml", recipe);
    let ran = desk.ok("train project/mine.toml --out a");
    assert!(ran.stderr.contains("corrections: 1 images left out, 1 relabelled, 0 kept as they are"), "{}", ran.stderr);
    let split = desk.text("a/split.json");
    assert!(split.contains("lying/w00_000.pgm") && !split.contains("standing/w00_001.pgm"));
    assert_ne!(
        desk.json("a/report.json")["data"]["fingerprint"],
        serde_json::from_str::<Value>(&desk.ok("inspect project/bars --json").stdout).unwrap()["fingerprint"]
    );
    // The run has its own copy: it goes on and is measured without the file.
    fs::remove_file(desk.0.join("project/fix.csv")).unwrap();
    desk.ok("train --resume a epochs=2");
    let report: Value = serde_json::from_str(&desk.ok("evaluate a --json").stdout).unwrap();
    assert_eq!(report, desk.json("a/report.json"));
    // A copy that was changed since is noticed.
    desk.write("a/corrections.csv", "sample,found,proposed,action\nlying/w00_000.pgm,lying,,exclude\n");
    assert_eq!(desk.run("train --resume a epochs=3").code, 1);
    desk.write("project/fix.csv", "sample,found,proposed,action\nlying/none.pgm,lying,,exclude\n");
    desk.fails(
        "train project/mine.toml --out b",
        "fix.csv: expected the id of a sample of bars, found `lying/none.pgm`",
    );
}

#[test]
fn what_is_unwise_is_a_warning_in_the_log_and_never_in_json() {
    let desk = Desk::new("advice");
    desk.write_bars("bars/train", 60);
    desk.write_bars("bars/test", 20);
    let ran = desk.ok(&format!("train bars {SMALL} --out a --json --quiet"));
    let copies = "warning: 20 test images are in train or validation too, pixel by pixel";
    let few = "warning: fewer than 10 validation images of";
    for place in [&ran.stderr, &desk.text("a/log.txt")] {
        assert!(place.contains(copies) && place.contains(few), "{place}");
    }
    serde_json::from_str::<Value>(&ran.stdout).unwrap();
    let ran = desk.ok(&format!("train bars {SMALL} duplicates=ignore validation=0.5 --out b --quiet"));
    assert_eq!(ran.stderr, "");
}

#[test]
fn a_proposed_recipe_trains_at_once() {
    let desk = Desk::new("init");
    desk.write_bars("bars", 300);
    let ran = desk.ok("init bars");
    desk.write("mine.toml", &ran.stdout);
    assert!(ran.stderr.contains("trying: "), "{}", ran.stderr);
    for line in ["grayscale = true", "size = [12, 12]", "group = \"{group}_*\"", "split = \"8:1:1\""] {
        assert!(ran.stdout.lines().any(|found| found == line), "{line}:\n{}", ran.stdout);
    }
    assert!(ran.stdout.lines().all(|line| line.chars().count() <= 130), "{}", ran.stdout);
    desk.ok("train mine.toml epochs=1 --out a");
    let list: Value = serde_json::from_str(&desk.ok("init bars --json").stdout).unwrap();
    assert_eq!((&list["version"], &list["recipe"]), (&1.into(), &ran.stdout.into()));
    assert!(list["choices"].as_array().unwrap().iter().all(|choice| choice["reason"].is_string()));
    desk.write("one/only/a.pgm", bar(0));
    desk.fails("init one", "expected training images of two classes or more, found 1 with any");
    desk.write_bars("few", 30);
    desk.write("few.toml", desk.ok("init few").stdout);
    desk.ok("train few.toml epochs=1 --out b");
}
