//! Runs a program and collects what it prints; a program that hangs is ended.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What it printed.
pub(crate) fn output(command: &mut Command, limit: Duration) -> Result<String, String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    let (stdout, stderr) = (collect(child.stdout.take()), collect(child.stderr.take()));
    let status = wait(&mut child, limit)?;
    let (stdout, stderr) = (text(stdout), text(stderr));
    if status.success() { Ok(stdout) } else { Err(format!("{status}: {}", reason(&stdout, &stderr))) }
}

fn wait(child: &mut Child, limit: Duration) -> Result<std::process::ExitStatus, String> {
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if start.elapsed() < limit => thread::sleep(Duration::from_millis(20)),
            Ok(None) => {
                // It may have ended by itself in between; either way it is over.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("ended after {} s without a result", limit.as_secs()));
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}

fn collect(stream: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            // What was printed before a stream broke is all there is to tell.
            let _ = stream.read_to_end(&mut bytes);
        }
        bytes
    })
}

fn text(bytes: JoinHandle<Vec<u8>>) -> String {
    String::from_utf8_lossy(&bytes.join().unwrap_or_default()).into_owned()
}

/// Why it failed, in a line: our own errors stand on stdout under `--json`; else the last line that says something.
fn reason(stdout: &str, stderr: &str) -> String {
    let ours = serde_json::from_str::<serde_json::Value>(stdout).ok().map(|document| document["error"].clone());
    let error = ours.unwrap_or_default();
    let part = |key: &str| error[key].as_str().filter(|text| !text.is_empty());
    match (part("place"), part("expected"), part("found"), part("message")) {
        (place, Some(expected), Some(found), _) => {
            let place = place.map(|place| format!("{place}: ")).unwrap_or_default();
            format!("{place}expected {expected}, found {found}")
        }
        (_, _, _, Some(message)) => message.lines().next().unwrap_or_default().to_owned(),
        _ => stderr.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no reason given").trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_one_line() {
        assert_eq!(reason("", "Traceback\n  x\nImportError: no torch\n\n"), "ImportError: no torch");
        let document = r#"{"error": {"kind": "spec", "place": "train.precision", "expected": "f32", "found": "bf16"}}"#;
        assert_eq!(reason(document, ""), "train.precision: expected f32, found bf16");
        let document = r#"{"error": {"kind": "usage", "message": "unexpected argument\n\nUsage: inkstone"}}"#;
        assert_eq!(reason(document, ""), "unexpected argument");
        assert_eq!(reason("", ""), "no reason given");
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_hangs_is_ended() {
        let error = output(Command::new("sleep").arg("60"), Duration::from_millis(50)).unwrap_err();
        assert!(error.starts_with("ended after 0 s"), "{error}");
        assert_eq!(output(Command::new("echo").arg("7"), Duration::from_secs(60)).unwrap(), "7\n");
    }
}
