//! The examples stay short, run, and print what they promise. A plain `cargo test` builds them beside this test.

#![cfg(all(feature = "mnist", feature = "formats", feature = "digits"))]
#![allow(clippy::unwrap_used)] // Clippy sees a test only in the functions marked as one.

use std::path::Path;
use std::process::Command;

/// What the example prints; `None` where only some targets were built and it is not there.
fn run(name: &str) -> Option<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name).with_extension("rs");
    assert!(std::fs::read_to_string(&source).unwrap().lines().count() <= 30, "{name} is longer than 30 lines");
    let test = std::env::current_exe().unwrap();
    let program = test.parent()?.parent()?.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if !program.exists() {
        return None;
    }
    let output = Command::new(program).output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

fn check(name: &str, expected: &[&str]) {
    if let Some(printed) = run(name) {
        assert!(expected.iter().all(|part| printed.contains(part)), "{name} prints:\n{printed}");
    }
}

#[test]
fn train_learns_a_tenth_of_mnist_and_prints_its_report() {
    check("train", &["epoch 3: loss 0.", "weighted avg     0.9", "Of 1,000 new images like these"]);
}

#[test]
fn own_arrays_tells_a_standing_bar() {
    check("own_arrays", &["it stands: "]);
}

#[test]
fn predict_bytes_reads_the_one_that_it_drew() {
    check("predict_bytes", &["1  "]);
}

#[test]
fn augment_only_shows_three_pictures() {
    check("augment_only", &["sample 0", "sample 2"]);
}

#[test]
fn stress_sheet_draws_every_corruption() {
    check("stress_sheet", &["90 pictures"]);
}
