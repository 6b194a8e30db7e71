//! `inkstone train --resume`, with real processes: killed, interrupted, run twice at once.
#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const RECIPE: &str = r#"
version = 1
name = "tiny"
data = { source = "data", validation = 0.2 }
preprocess = { size = [8, 8] }
augment = { rotation_degrees = 5.0 }

[model]
layers = [
  { conv2d = { filters = 4, kernel = 3, bias = false } },
  { batch_norm = { activation = "relu" } },
  { max_pool = 2 },
  { dropout = 0.1 },
  "flatten",
  { dense = { activation = "softmax" } },
]

[train]
epochs = 12
batch_size = 16
ema = 0.9
"#;

/// A folder with a recipe and 300 small images in IDX files.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let place = std::env::temp_dir().join(format!("inkstone-resume-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&place);
        fs::create_dir_all(place.join("data")).unwrap();
        fs::write(place.join("tiny.toml"), RECIPE).unwrap();
        for (part, n) in [("train", 240_u32), ("t10k", 60)] {
            let labels: Vec<u8> = (0..n).map(|i| (i % 3) as u8).collect();
            let pixels: Vec<u8> = (0..n).flat_map(picture).collect();
            write_idx(&place.join(format!("data/{part}-images-idx3-ubyte")), &[n, 8, 8], &pixels);
            write_idx(&place.join(format!("data/{part}-labels-idx1-ubyte")), &[n], &labels);
        }
        Self(place)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_inkstone"));
        command.current_dir(&self.0).args(arguments).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Starts the run `out`, or goes on with it where it has begun.
    fn start(&self, out: &str) -> Child {
        let has_begun = self.0.join(out).join("recipe.toml").is_file();
        let arguments =
            if has_begun { ["train", "--resume", out].to_vec() } else { vec!["train", "tiny.toml", "--out", out] };
        self.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn model(&self, out: &str) -> Vec<u8> {
        fs::read(self.0.join(out).join("model.safetensors")).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A bar whose column is the class, on a ground that differs from image to image.
fn picture(i: u32) -> Vec<u8> {
    (0..64).map(|p| if p % 8 / 3 == i % 3 { 200 } else { (p * 37 + i * 101) % 128 }).map(|value| value as u8).collect()
}

fn write_idx(path: &Path, dimensions: &[u32], bytes: &[u8]) {
    let mut file = vec![0, 0, 8, dimensions.len() as u8];
    dimensions.iter().for_each(|dimension| file.extend(dimension.to_be_bytes()));
    file.extend(bytes);
    fs::write(path, file).unwrap();
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_run_killed_at_any_moment_and_resumed_ends_with_the_same_bytes() {
    let place = Place::new("killed");
    let start = Instant::now();
    let whole = place.run(&["train", "tiny.toml", "--out", "whole"]);
    assert!(whole.status.success(), "{}", text(&whole.stderr));
    // A third of what a run takes: some kills come before the first save, and the last ones after the end.
    let longest = (start.elapsed() / 3).clamp(Duration::from_millis(30), Duration::from_millis(600));
    let mut n_killed = 0;
    for round in 0..3 {
        let out = format!("shot-{round}");
        for shot in 0..8 {
            let mut child = place.start(&out);
            // Golden-ratio steps: spread over the whole range, different in each round.
            let share = (f64::from(8 * round + shot) * 0.618_034).fract();
            std::thread::sleep(longest.mul_f64(share));
            n_killed += usize::from(child.try_wait().unwrap().is_none());
            child.kill().unwrap(); // SIGKILL
            child.wait().unwrap();
        }
        assert!(place.start(&out).wait().unwrap().success());
        assert!(place.model(&out) == place.model("whole"), "round {round}");
        let lines = fs::read_to_string(place.0.join(&out).join("metrics.jsonl")).unwrap();
        assert_eq!(lines.lines().count(), 12);
    }
    assert!(n_killed > 3, "only {n_killed} kills met a living process");
}

#[test]
fn control_c_saves_says_how_to_go_on_and_exits_with_130() {
    let place = Place::new("interrupted");
    assert!(place.run(&["train", "tiny.toml", "--out", "whole", "epochs=400"]).status.success());
    let mut command = place.command(&["train", "tiny.toml", "--out", "run", "epochs=400"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !place.0.join("run/model.safetensors").exists() {
        assert!(Instant::now() < deadline, "no epoch has ended");
        std::thread::sleep(Duration::from_millis(2));
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("train --resume run"), "{said}");
    assert!(place.run(&["train", "--resume", "run"]).status.success());
    assert!(place.model("run") == place.model("whole"));
}

#[test]
fn a_finished_run_changes_nothing_and_more_epochs_extend_it() {
    let place = Place::new("finished");
    assert!(place.run(&["train", "tiny.toml", "--out", "run", "epochs=2"]).status.success());
    let before = place.model("run");
    let again = place.run(&["train", "--resume", "run"]);
    assert!(again.status.success(), "{}", text(&again.stderr));
    assert!(place.model("run") == before);
    let refused = place.run(&["train", "--resume", "run", "train.batch_size=8"]);
    assert!(matches!(refused.status.code(), Some(1 | 2)), "{}", text(&refused.stderr));
    assert!(place.run(&["train", "--resume", "run", "epochs=3"]).status.success());
    assert!(place.run(&["train", "tiny.toml", "--out", "whole", "epochs=3"]).status.success());
    assert!(place.model("run") == place.model("whole"));
}

#[test]
fn a_second_process_on_one_run_is_refused() {
    let place = Place::new("twice");
    let mut first = place.command(&["train", "tiny.toml", "--out", "run", "epochs=100000"]);
    let mut first = first.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !place.0.join("run/resume.safetensors").exists() {
        assert!(Instant::now() < deadline, "nothing was saved");
        std::thread::sleep(Duration::from_millis(2));
    }
    let second = place.run(&["train", "--resume", "run"]);
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("another process is training in this run"), "{}", text(&second.stderr));
}
