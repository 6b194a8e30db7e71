//! Commands with their counts. Knows nothing of what a step is for.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// A command with its environment.
pub(crate) struct Step {
    program: &'static str,
    words: Vec<String>,
    variables: Vec<(&'static str, &'static str)>,
}

impl Step {
    pub(crate) fn cargo(words: &[&str]) -> Self {
        Self { program: "cargo", words: words.iter().map(|word| (*word).to_owned()).collect(), variables: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.variables.push((name, value));
        self
    }

    fn text(&self) -> String {
        let variables: String = self.variables.iter().map(|(name, value)| format!("{name}=\"{value}\" ")).collect();
        format!("{variables}{} {}", self.program, self.words.join(" "))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        command.args(&self.words).envs(self.variables.iter().copied());
        command
    }
}

/// What was done so far.
#[derive(Default)]
pub(crate) struct Chore {
    pub(crate) n_steps: u32,
    pub(crate) n_tests_passed: u32,
    pub(crate) n_tests_failed: u32,
    /// What could not be run on this machine, and why.
    pub(crate) not_run: Vec<String>,
}

impl Chore {
    /// Runs a step and lets it print.
    pub(crate) fn run(&mut self, step: Step) -> Result<(), String> {
        println!("\n$ {}", step.text());
        let status = step.command().status().map_err(|error| format!("{}: {error}", step.text()))?;
        self.count(&step, status.success())
    }

    /// Runs a step that tests, and adds up what its runner says.
    pub(crate) fn tests(&mut self, step: Step) -> Result<(), String> {
        println!("\n$ {}", step.text());
        let failed = |error: std::io::Error| format!("{}: {error}", step.text());
        // nextest tells its summary on stderr, libtest on stdout: both go through one pipe.
        let (reader, writer) = std::io::pipe().map_err(failed)?;
        let mut command = step.command();
        command.stdout(writer.try_clone().map_err(failed)?).stderr(writer);
        let mut child = command.spawn().map_err(failed)?;
        drop(command); // Its ends of the pipe.
        for line in BufReader::new(reader).lines() {
            let line = line.map_err(failed)?;
            println!("{line}");
            if let Some((passed, failed)) = counts(&line) {
                self.n_tests_passed += passed;
                self.n_tests_failed += failed;
            }
        }
        let status = child.wait().map_err(failed)?;
        self.count(&step, status.success())
    }

    /// Runs a step for what it prints.
    pub(crate) fn output(&mut self, step: Step) -> Result<String, String> {
        let output = step.command().stderr(Stdio::inherit()).output();
        let output = output.map_err(|error| format!("{}: {error}", step.text()))?;
        self.count(&step, output.status.success())?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn count(&mut self, step: &Step, succeeded: bool) -> Result<(), String> {
        if !succeeded {
            return Err(step.text());
        }
        self.n_steps += 1;
        Ok(())
    }
}

/// Passed and failed, of a summary line of libtest or nextest.
fn counts(line: &str) -> Option<(u32, u32)> {
    let line = line.trim();
    let is_summary = line.starts_with("test result:") || (line.starts_with("Summary [") && line.contains("tests run:"));
    let before = |word: &str| -> u32 {
        let words: Vec<&str> = line.split([' ', ';', ',']).filter(|word| !word.is_empty()).collect();
        let place = words.iter().position(|found| *found == word);
        place.and_then(|place| words.get(place.checked_sub(1)?)?.parse().ok()).unwrap_or(0)
    };
    is_summary.then(|| (before("passed"), before("failed")))
}

/// Whether a command can be run and succeeds; what it prints is of no interest.
pub(crate) fn succeeds(program: &str, words: &[&str]) -> bool {
    let status = Command::new(program).args(words).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// The triple of this machine, which the sanitizer must be told.
pub(crate) fn host() -> Result<String, String> {
    let output = Command::new("rustc").arg("-vV").output().map_err(|error| format!("rustc -vV: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned);
    host.ok_or_else(|| "rustc -vV names no host".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_of_both_runners_are_counted() {
        for (line, expected) in [
            (
                "test result: ok. 18 passed; 0 failed; 0 ignored; 0 measured; 84 filtered out; finished in 0.02s",
                Some((18, 0)),
            ),
            ("     Summary [   0.125s] 3 tests run: 2 passed, 1 failed, 0 skipped", Some((2, 1))),
            ("     Summary [   0.125s] 3 tests run: 3 passed (1 slow), 0 skipped", Some((3, 0))),
            ("test a ... ok", None),
        ] {
            assert_eq!(counts(line), expected, "{line}");
        }
    }
}
