//! The command line as a user meets it: whole commands in a folder of their own, on data that takes moments.
#![allow(clippy::unwrap_used)] // all of it is tests, helpers included

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use inkstone::hash::sha256_hex;
use serde_json::Value;

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
        let folder = std::env::temp_dir().join(format!("inkstone-cli-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_inkstone"));
        command.args(line.split_whitespace()).current_dir(&self.0);
        command.env("INKSTONE_HOME", self.0.join("home")).env_remove("RUST_BACKTRACE").stdin(Stdio::null());
        command
    }

    fn run(&self, line: &str) -> Ran {
        let Output { status, stdout, stderr } = self.command(line).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let ran = Ran { code: status.code().unwrap_or(-1), stdout: text(stdout), stderr: text(stderr) };
        assert!(!ran.stderr.contains("panicked"), "{line}: {}", ran.stderr);
        ran
    }

    /// Runs a command that must succeed.
    fn ok(&self, line: &str) -> Ran {
        let ran = self.run(line);
        assert_eq!(ran.code, 0, "{line}\n{}\n{}", ran.stdout, ran.stderr);
        ran
    }

    /// Runs a command that must fail with one line that holds `message`.
    fn fails(&self, line: &str, code: i32, message: &str) {
        let ran = self.run(line);
        assert_eq!(ran.code, code, "{line}\n{}\n{}", ran.stdout, ran.stderr);
        let errors: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(errors.len(), 1, "{line}: {}", ran.stderr);
        assert!(errors[0].contains(message), "{line}: {}", errors[0]);
        assert_eq!(ran.stdout, "", "{line}: results alone go to stdout");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn sha256(&self, name: &str) -> String {
        sha256_hex(&fs::read(self.path(name)).unwrap())
    }

    /// Two classes of bars, lying and standing, 12×12, as IDX files: 80 to train on, 20 to test.
    fn write_bars(&self, folder: &str) {
        for (prefix, first, n) in [("train", 0, 80_u32), ("t10k", 80, 20)] {
            let mut images = idx_header(3, &[n, 12, 12]);
            let mut labels = idx_header(1, &[n]);
            for i in 0..n {
                images.extend(bar(first + i));
                labels.push((i % 2) as u8);
            }
            self.write(&format!("{folder}/{prefix}-images-idx3-ubyte"), images);
            self.write(&format!("{folder}/{prefix}-labels-idx1-ubyte"), labels);
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn idx_header(rank: u8, lengths: &[u32]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, rank];
    lengths.iter().for_each(|length| bytes.extend(length.to_be_bytes()));
    bytes
}

/// A bar at a place that depends on i: lying where i is even, standing where it is odd.
fn bar(i: u32) -> Vec<u8> {
    let place = 2 + (i / 2) % 8;
    let mut pixels = vec![0; 144];
    for along in 1..11 {
        let at = if i.is_multiple_of(2) { place * 12 + along } else { along * 12 + place };
        pixels[at as usize] = 200 + (i % 50) as u8;
    }
    pixels
}

/// A binary PGM or PPM: image files that need no encoder.
fn pnm(width: u32, height: u32, channels: u8, pixels: &[u8]) -> Vec<u8> {
    let kind = if channels == 1 { "P5" } else { "P6" };
    let mut bytes = format!("{kind}\n{width} {height}\n255\n").into_bytes();
    bytes.extend(pixels);
    bytes
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The smallest network that tells bars apart.
const SMALL: &str = "model.layers=[{conv2d={filters=4,kernel=3,activation=\"relu\"}},{max_pool=2},\"flatten\",{dense={}}] batch_size=8 learning_rate=0.01";

#[test]
fn a_folder_of_idx_files_is_trained_evaluated_and_inspected() {
    let desk = Desk::new("idx");
    desk.write_bars("bars");
    let ran = desk.ok(&format!("train bars {SMALL} epochs=6 --out runs/a"));
    assert!(ran.stdout.contains("precision") && ran.stdout.contains("accuracy"), "{}", ran.stdout);
    assert_eq!(ran.stderr.lines().filter(|line| line.starts_with("epoch ")).count(), 6, "{}", ran.stderr);
    let files =
        ["recipe.toml", "split.json", "model.safetensors", "resume.safetensors", "metrics.jsonl", "metrics.csv"];
    for file in files.iter().chain(&["report.json", "log.txt"]) {
        assert!(desk.path("runs/a").join(file).is_file(), "{file}");
    }
    let report = json(&fs::read_to_string(desk.path("runs/a/report.json")).unwrap());
    assert_eq!(report["version"], 1);
    assert_eq!(report["data"]["n"], 20);
    assert!(report["accuracy"]["value"].as_f64().unwrap() > 0.9, "{report}");
    let cells = report["confusion_matrix"].as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap());
    assert_eq!(cells.map(|cell| cell.as_u64().unwrap()).sum::<u64>(), 20);
    assert_eq!(report["model"]["sha256"], desk.sha256("runs/a/model.safetensors"));

    let again = json(&desk.ok("evaluate runs/a --json").stdout);
    assert_eq!(again, report, "train and evaluate tell the same");
    let part = json(&desk.ok("evaluate runs/a --part validation --json").stdout);
    assert_eq!((&part["data"]["part"], &part["data"]["n"]), (&"validation".into(), &8.into()));

    assert!(desk.ok("inspect runs/a").stdout.contains("conv2d_1"));
    assert!(desk.ok("inspect bars").stdout.contains("100 images, 2 classes"));
    let metrics = fs::read_to_string(desk.path("runs/a/metrics.jsonl")).unwrap();
    assert_eq!(metrics.lines().count(), 6);
    assert_eq!(json(metrics.lines().last().unwrap())["epoch"], 6);
}

#[test]
fn json_is_one_document_and_the_same_in_the_folder() {
    let desk = Desk::new("json");
    desk.write_bars("bars");
    let ran = desk.ok(&format!("train bars {SMALL} epochs=1 validation=0.25 --out a --json --quiet"));
    assert_eq!(json(&ran.stdout), json(&fs::read_to_string(desk.path("a/report.json")).unwrap()));
    assert_eq!(ran.stderr, "", "quiet says nothing where nothing is wrong");
    let failure = desk.run("train nowhere/at/all --json");
    assert_eq!(failure.code, 1);
    let error = &json(&failure.stdout)["error"];
    assert!(error["kind"].is_string() && error["found"].is_string() && error["message"].is_string(), "{error}");
    let usage = desk.run("train --frobnicate --json");
    assert_eq!((usage.code, &json(&usage.stdout)["error"]["kind"]), (2, &"usage".into()));
}

#[test]
fn the_bytes_of_a_model_do_not_depend_on_threads_and_do_on_the_seed() {
    let desk = Desk::new("threads");
    desk.write_bars("bars");
    let sha256 = |options: &str, out: &str| {
        desk.ok(&format!("train bars {SMALL} epochs=2 {options} --out {out}"));
        desk.sha256(&format!("{out}/model.safetensors"))
    };
    let one = sha256("--threads 1", "one");
    assert_eq!(one, sha256("--threads 2", "two"));
    assert_eq!(one, sha256("--threads 5", "five"));
    assert_ne!(one, sha256("--seed 1", "seed"));
    // Nor on where the images lie.
    desk.write_bars("elsewhere/bars");
    desk.ok(&format!("train elsewhere/bars {SMALL} epochs=2 --out moved"));
    assert_eq!(one, desk.sha256("moved/model.safetensors"));
}

#[test]
fn a_finished_run_is_resumed_without_change_and_extended_to_the_bytes_of_a_longer_one() {
    let desk = Desk::new("resume");
    desk.write_bars("bars");
    desk.ok(&format!("train bars {SMALL} epochs=4 --out long"));
    desk.ok(&format!("train bars {SMALL} epochs=2 --out short"));
    let files = ["recipe.toml", "model.safetensors", "resume.safetensors", "report.json", "metrics.jsonl", "log.txt"];
    let hashes = || files.map(|file| desk.sha256(&format!("short/{file}")));
    let before = hashes();
    desk.ok("train --resume short");
    assert_eq!(hashes(), before);
    desk.ok("train --resume short epochs=4");
    assert_eq!(desk.sha256("short/model.safetensors"), desk.sha256("long/model.safetensors"));
    desk.fails("train --resume short batch_size=4", 2, "a run goes on as it was begun");
    desk.fails("train --resume nowhere", 2, "expected the folder of a run");
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_and_says_how_to_go_on() {
    use std::time::{Duration, Instant};
    let desk = Desk::new("interrupt");
    desk.write_bars("bars");
    let child = desk
        .command(&format!("train bars {SMALL} epochs=100000 --out a"))
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let metrics = desk.path("a/metrics.jsonl");
    while !fs::read_to_string(&metrics).is_ok_and(|text| text.lines().count() > 1) {
        assert!(start.elapsed() < Duration::from_secs(120), "no epoch ended");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("inkstone train --resume a"), "{stderr}");
    let epochs = 2 + fs::read_to_string(&metrics).unwrap().lines().count();
    // A run may be made shorter than it was begun for, and ends as if it had been begun so.
    desk.ok(&format!("train --resume a epochs={epochs}"));
    desk.ok(&format!("train bars {SMALL} epochs={epochs} --out b"));
    assert_eq!(desk.sha256("a/model.safetensors"), desk.sha256("b/model.safetensors"));
}

#[test]
fn a_folder_of_coloured_class_folders_is_split_8_1_1() {
    let desk = Desk::new("folders");
    for i in 0..60 {
        let class = ["red", "green", "蓝"][i % 3];
        let mut pixels = vec![20_u8; 16 * 16 * 3];
        pixels.iter_mut().skip(i % 3).step_by(3).for_each(|value| *value = 150 + i as u8);
        desk.write(&format!("colours/{class}/{i}.ppm"), pnm(16, 16, 3, &pixels));
    }
    let ran = desk.ok("train colours epochs=3 --out runs/c");
    assert!(ran.stderr.contains("8:1:1"), "{}", ran.stderr);
    let recipe = fs::read_to_string(desk.path("runs/c/recipe.toml")).unwrap();
    assert!(recipe.contains("size = [16, 16]") && recipe.contains("grayscale = false"), "{recipe}");
    let split = json(&fs::read_to_string(desk.path("runs/c/split.json")).unwrap());
    let sizes = ["train", "validation", "test"].map(|part| split[part].as_array().unwrap().len());
    assert_eq!(sizes, [48, 6, 6]);
    let report = json(&desk.ok("evaluate runs/c --json").stdout);
    assert_eq!(report["classes"].as_array().unwrap().len(), 3);

    let answers = json(&desk.ok("predict --model runs/c --json colours/red/0.ppm colours/green").stdout);
    let predictions = answers["predictions"].as_array().unwrap();
    assert_eq!(predictions.len(), 21);
    assert!(predictions.iter().all(|answer| answer["decision"] != "error"));
}

#[test]
fn predict_goes_on_past_a_bad_image_and_exits_1() {
    let desk = Desk::new("predict");
    desk.write_bars("bars");
    desk.ok(&format!("train bars {SMALL} epochs=1 --out a"));
    desk.write("good.pgm", pnm(12, 12, 1, &bar(3)));
    desk.write("text.png", "this is no picture");
    let ran = desk.run("predict --model a --json text.png good.pgm");
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let answers = json(&ran.stdout);
    assert_eq!(answers["predictions"][0]["decision"], "error");
    assert!(answers["predictions"][0]["error"].to_string().contains("text.png"), "{answers}");
    assert_ne!(answers["predictions"][1]["decision"], "error");
    assert_eq!(desk.run("predict --model a missing.png").code, 1);
}

#[test]
fn each_wrong_input_is_one_clear_line() {
    let desk = Desk::new("wrong");
    desk.write_bars("bars");
    desk.write_bars("cut");
    let images = fs::read(desk.path("cut/train-images-idx3-ubyte")).unwrap();
    desk.write("cut/train-images-idx3-ubyte", &images[..images.len() - 5]);
    desk.fails("train cut --out x", 1, "train-images-idx3-ubyte");
    desk.write_bars("huge");
    desk.write("huge/train-images-idx3-ubyte", idx_header(3, &[131_072, 1024, 1024]));
    desk.fails("train huge --out x", 1, "train-images-idx3-ubyte");
    desk.write_bars("uneven");
    desk.write("uneven/train-labels-idx1-ubyte", [idx_header(1, &[3]), vec![0, 1, 0]].concat());
    desk.fails("train uneven --out x", 1, "expected");
    desk.write("pictures/a/1.png", "this is no picture");
    desk.write("pictures/b/1.png", "nor is this");
    desk.fails("train pictures --out x", 1, "1.png");
    desk.fails("train bars epoch=3 --out x", 2, "epoch: unknown key; did you mean `epochs`?");
    desk.fails("train nmist --out x", 2, "did you mean `mnist`?");
    desk.fails("train bars other --out x", 2, "expected one recipe or source");
    desk.write("mine.toml", "version = 1\n[train]\nepoch = 3\n[model]\nlayers = [\"flatten\", { dense = {} }]\n");
    desk.fails(
        "train mine.toml --data bars --out x",
        1,
        "mine.toml: line 3, train.epoch: unknown key; did you mean `epochs`?",
    );
    desk.write("flat.toml", "version = 1\n[model]\nlayers = [{ dense = {} }]\n");
    desk.fails("train flat.toml --data bars --out x", 1, "layer 1 (dense): expected a vector");
    desk.fails("train missing.toml --out x", 1, "missing.toml");
    assert!(!desk.path("x").exists(), "what fails before training leaves no folder");
    desk.write("full/thesis.txt", "years of work");
    desk.fails("train bars --out full", 2, "not empty");
    desk.fails("train bars --out full --force", 2, "a run folder");
    desk.fails("evaluate nowhere", 2, "nowhere");
    desk.fails("inspect bars --sample 100", 2, "expected a number from 0 to 99");
    desk.fails("inspect bars --isa sse9", 2, "expected an instruction set that this machine has");
}

#[test]
fn force_replaces_a_run_and_nothing_else() {
    let desk = Desk::new("force");
    desk.write_bars("bars");
    desk.ok(&format!("train bars {SMALL} epochs=1 --out a"));
    desk.write("a/notes.txt", "mine");
    desk.fails(&format!("train bars {SMALL} epochs=1 --out a"), 2, "not empty");
    desk.ok(&format!("train bars {SMALL} epochs=2 --out a --force"));
    assert_eq!(fs::read_to_string(desk.path("a/notes.txt")).unwrap(), "mine");
    desk.ok(&format!("train bars {SMALL} epochs=1"));
    desk.ok(&format!("train bars {SMALL} epochs=1 name=mine"));
    assert!(Path::new(&desk.path("runs/bars-001")).is_dir() && desk.path("runs/mine-001").is_dir());
}

#[test]
fn paths_in_a_recipe_are_relative_to_it() {
    let desk = Desk::new("relative");
    desk.write_bars("project/bars");
    let recipe = "version = 1\n[data]\nsource = \"bars\"\n[train]\nepochs = 1\n[model]\nlayers = [\"flatten\", { dense = {} }]\n";
    desk.write("project/mine.toml", recipe);
    desk.ok("train project/mine.toml --out a");
    assert!(desk.ok("inspect project/mine.toml").stdout.contains("dense_1"));
    let report = desk.ok("evaluate a --json").stdout;
    assert_eq!(json(&report)["data"]["n"], 20);
}

#[test]
fn flips_of_digits_are_warned_of_even_when_quiet() {
    let desk = Desk::new("flips");
    desk.write_bars("bars");
    let ran = desk.ok(&format!("train bars {SMALL} epochs=1 horizontal_flip=true --out a --quiet"));
    assert!(ran.stderr.contains("warning: ") && ran.stderr.contains("horizontal_flip"), "{}", ran.stderr);
    assert!(fs::read_to_string(desk.path("a/log.txt")).unwrap().contains("horizontal_flip"));
}

#[test]
fn the_built_in_mnist_is_inspected_without_network() {
    let desk = Desk::new("mnist");
    let summary = desk.ok("inspect mnist").stdout;
    assert!(summary.contains("70000 images, 10 classes"), "{summary}");
    let sample = json(&desk.ok("inspect mnist --sample 5 --json").stdout);
    assert_eq!((&sample["label"], &sample["shape"]), (&2.into(), &serde_json::json!([28, 28, 1])));
    assert_eq!(sample["pixels"].as_array().unwrap().len(), 784);
    let layers = json(&desk.ok("inspect images --json").stdout);
    assert_eq!(layers["version"], 1);
}

#[test]
fn help_completions_and_version_are_results() {
    let desk = Desk::new("help");
    for command in ["train", "evaluate", "predict", "fetch", "inspect", "completions"] {
        assert!(desk.ok(&format!("{command} --help")).stdout.contains("Examples:"), "{command}");
    }
    assert!(desk.ok("--version").stdout.starts_with("inkstone "));
    for shell in ["bash", "zsh", "fish"] {
        assert!(desk.ok(&format!("completions {shell}")).stdout.contains("evaluate"), "{shell}");
    }
    assert_eq!(desk.run("").code, 2);
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let desk = Desk::new("pipe");
    let mut child = desk.command("completions zsh").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[cfg(target_os = "linux")]
#[test]
fn results_that_cannot_be_written_are_a_failure() {
    let desk = Desk::new("full");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = desk.command("completions zsh").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("error: stdout: cannot write the results"));
}
