//! `inkstone fetch` from the outside, without network: the built-in files, verification, failures and their exit codes.
#![allow(clippy::unwrap_used)] // all of it is tests, helpers included

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A folder that is removed at the end of its test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("inkstone-cli-fetch-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The program with its data folder here and a proxy at which nobody listens: nothing gets out of this machine.
    fn inkstone(&self, arguments: &[&str]) -> Command {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_inkstone"));
        command.args(arguments).env("INKSTONE_HOME", &self.0);
        command.env("ALL_PROXY", format!("http://{free}")).env_remove("NO_PROXY").env_remove("no_proxy");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.inkstone(arguments).output().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_built_in_files_are_written_out_by_two_processes_at_once_verified_and_found_damaged() {
    let scratch = Scratch::new("offline");
    let offline = ["fetch", "mnist", "--offline", "--json"];
    let start = || scratch.inkstone(&offline).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let processes = [start(), start()];
    let outputs = processes.map(|process| process.wait_with_output().unwrap());
    assert!(outputs.iter().all(|output| output.status.success()), "{outputs:?}");
    let new = |output: &Output| json(output)["files"].as_array().unwrap().iter().all(|file| file["new"] == true);
    assert_eq!(outputs.iter().filter(|output| new(output)).count(), 1, "one writes, the other finds the work done");
    let document = json(&outputs[0]);
    assert_eq!(document["dataset"], "mnist");
    assert_eq!(document["files"][3]["name"], "t10k-labels-idx1-ubyte");
    assert_eq!(document["files"][3]["size"], 10_008);
    assert_eq!(document["files"][3]["source"], "built in");
    let path = PathBuf::from(document["files"][3]["path"].as_str().unwrap());
    assert_eq!(path, scratch.0.join("mnist/t10k-labels-idx1-ubyte"));

    let verified = scratch.run(&["fetch", "mnist", "--verify"]);
    assert!(verified.status.success(), "{verified:?}");
    fs::write(&path, "damaged").unwrap();
    let verified = scratch.run(&["fetch", "mnist", "--verify", "--json"]);
    assert_eq!(verified.status.code(), Some(1));
    let error = &json(&verified)["error"];
    assert_eq!(error["kind"], "fetch");
    let message = error["message"].as_str().unwrap();
    let wrong = "1 of 4 files are not right: t10k-labels-idx1-ubyte (expected 10008 bytes, found 7)";
    assert!(message.contains(wrong), "{message}");
}

#[test]
fn without_network_one_line_says_each_mirrors_reason_and_what_to_do() {
    let scratch = Scratch::new("no-network");
    let output = scratch.run(&["fetch", "mnist", "--mirror", "http://mirror.invalid/mnist", "--quiet"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let text = String::from_utf8(output.stderr).unwrap();
    let line = text.lines().last().unwrap();
    assert!(
        line.starts_with("error: no mirror gave train-images-idx3-ubyte.gz: http://mirror.invalid/mnist/"),
        "{text}"
    );
    assert_eq!(line.matches(" cannot be reached: ").count(), 4, "{text}");
    assert!(line.contains("`inkstone fetch mnist --offline` writes the built-in files out; or "), "{text}");
    assert!(line.contains("put train-images-idx3-ubyte.gz (9912422 bytes, SHA-256 440fcabf"), "{text}");
}

#[test]
fn wrong_usage_exits_with_2() {
    let scratch = Scratch::new("usage");
    for (arguments, expected) in [
        (&["fetch", "fashion_mnist"][..], "did you mean `fashion-mnist`?"),
        (&["fetch", "kmnist", "--offline"], "--offline: expected mnist, the one set inside this program, found kmnist"),
        (&["fetch", "kmnist", "--mirror", "ftp://x/"], "mirror: expected an address that starts with https://"),
        (&["fetch", "mnist", "--offline", "--verify"], "cannot be used with"),
    ] {
        let output = scratch.run(arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(expected), "{text}");
    }
}
