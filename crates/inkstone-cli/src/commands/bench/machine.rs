//! What this machine is and how much memory this process took, as far as the system tells.

use std::fmt;
use std::fs;

use serde::Serialize;

/// The machine in a few words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Machine {
    /// The CPU's own name; the architecture where the system tells none.
    cpu: String,
    /// Cores that this process may use.
    cores: usize,
}

impl Machine {
    /// Asks the system.
    pub(super) fn look() -> Self {
        let about = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Self {
            cpu: field(&about, "model name").map_or_else(|| std::env::consts::ARCH.to_owned(), str::to_owned),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} cores", self.cpu, self.cores)
    }
}

/// The most memory that this process has held, in bytes.
pub(super) fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes: u64 = field(&status, "VmHWM")?.strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// The value of the first line `name : value`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.map(|(key, value)| (key.trim(), value.trim())).find(|(key, _)| *key == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "model\t\t: 25\nmodel name\t: Some CPU\nVmHWM:\t  97 kB\n";
        assert_eq!(field(text, "model name"), Some("Some CPU"));
        assert_eq!(field(text, "VmHWM"), Some("97 kB"));
        assert_eq!(field(text, "name"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_taken_some_memory() {
        assert!(peak_memory().unwrap() > 1 << 20);
    }
}
