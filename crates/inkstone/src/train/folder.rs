//! The run folder: its files, its lock, and what may be replaced.
//!
//! Refuses to share a folder with another process, to write into a folder that holds anything, and, even when forced, to
//! touch a folder without our mark or a file that is not ours.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::checkpoint::{temporary_name, write_atomically};
use crate::error::{Error, ErrorKind, Result};

/// The whole recipe, everything resolved. With [`LOG`] the mark of a run folder.
pub const RECIPE: &str = "recipe.toml";
/// What happened, in words.
pub const LOG: &str = "log.txt";
/// The parts by sample id.
pub const SPLIT: &str = "split.json";
/// What was left out or relabelled, where anything was.
pub const CORRECTIONS: &str = "corrections.csv";
/// The model, ready to use.
pub const MODEL: &str = "model.safetensors";
/// The exact state to go on from.
pub const RESUME: &str = "resume.safetensors";
/// A line per epoch.
pub const METRICS_JSONL: &str = "metrics.jsonl";
/// The same as a table.
pub const METRICS_CSV: &str = "metrics.csv";
/// The evaluation on the test part.
pub const REPORT: &str = "report.json";
/// The same as a page.
pub const REPORT_HTML: &str = "report.html";
/// What the model answered to each image of the report.
pub const PREDICTIONS: &str = "predictions.csv";
/// What is known of the model, for whoever is to use it.
pub const MODEL_CARD: &str = "MODEL_CARD.md";
/// Loss and accuracy by epoch, drawn.
pub const CURVES: &str = "curves.svg";
/// The confusion matrix, drawn.
pub const CONFUSION_MATRIX: &str = "confusion_matrix.svg";
/// Confidence against accuracy, drawn.
pub const RELIABILITY: &str = "reliability.svg";
/// The surest mistakes.
pub const MISTAKES: &str = "mistakes.png";
/// Images of each class.
pub const SAMPLES: &str = "samples.png";
/// Locked while a process works in the folder. Empty.
const LOCK: &str = ".lock";

/// Ours, in the order in which they are removed: the state first, so that a half-emptied folder holds no state of another
/// recipe; the mark never, for it is overwritten.
const REPLACED: [&str; 15] = [
    RESUME,
    MODEL,
    REPORT,
    REPORT_HTML,
    PREDICTIONS,
    MODEL_CARD,
    CURVES,
    CONFUSION_MATRIX,
    RELIABILITY,
    MISTAKES,
    SAMPLES,
    METRICS_JSONL,
    METRICS_CSV,
    SPLIT,
    CORRECTIONS,
];

/// What to do with a folder that holds something already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// An error.
    Refuse,
    /// Our files in it are replaced, if it carries our mark.
    Replace,
}

/// A run's folder, locked until this value is dropped.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    _lock: File,
}

impl RunFolder {
    /// A new folder `<runs>/<name>-<NNN>`, with the next free number.
    pub fn next(runs: &Path, name: &str, recipe: &str) -> Result<Self> {
        fs::create_dir_all(runs).map_err(|error| Error::io(runs, "create the folder", &error))?;
        let name = file_name(name);
        let mut number = 1 + last_number(runs, &name)?;
        loop {
            let path = runs.join(format!("{name}-{number:03}"));
            match fs::create_dir(&path) {
                Ok(()) => return Self::begin(path, recipe),
                // Another process was quicker.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(Error::io(&path, "create the folder", &error)),
            }
        }
    }

    /// The folder `path`, new or empty, or replaced.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] if it holds something and may not be replaced; [`ErrorKind::Training`] if another process
    /// trains in it.
    pub fn create(path: &Path, existing: Existing, recipe: &str) -> Result<Self> {
        fs::create_dir_all(path).map_err(|error| Error::io(path, "create the folder", &error))?;
        if !is_empty(path)? {
            let is_marked = path.join(RECIPE).is_file() && path.join(LOG).is_file();
            match existing {
                Existing::Refuse => {
                    let help = if is_marked {
                        "choose another --out, go on with --resume, or replace the run with --force"
                    } else {
                        "choose another --out"
                    };
                    return Err(Error::new(ErrorKind::Usage, "the folder is not empty")
                        .with_file(path)
                        .with_help(help));
                }
                Existing::Replace if !is_marked => {
                    return Err(Error::mismatch(
                        ErrorKind::Usage,
                        format!("a run folder (with {RECIPE} and {LOG})"),
                        "a folder with other files",
                    )
                    .with_file(path)
                    .with_help("only runs are replaced; choose another --out"));
                }
                Existing::Replace => {}
            }
        }
        Self::begin(path.to_path_buf(), recipe)
    }

    /// Locks the folder, removes what a replaced run left, and writes the mark.
    fn begin(path: PathBuf, recipe: &str) -> Result<Self> {
        let folder = Self { _lock: lock(&path)?, path };
        for name in REPLACED {
            folder.remove(name)?;
        }
        folder.write(RECIPE, recipe.as_bytes())?;
        folder.write(LOG, b"")?;
        Ok(folder)
    }

    /// A folder that a run was begun in.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] if it is none; [`ErrorKind::Training`] if another process trains in it.
    pub fn open(path: &Path) -> Result<Self> {
        if !path.join(RECIPE).is_file() {
            let found = if path.is_dir() { format!("no {RECIPE} in it") } else { "no such folder".to_owned() };
            return Err(Error::mismatch(ErrorKind::Usage, "the folder of a run", found).with_file(path));
        }
        Ok(Self { _lock: lock(path)?, path: path.to_path_buf() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The recipe's text.
    pub fn recipe(&self) -> Result<String> {
        let path = self.path.join(RECIPE);
        fs::read_to_string(&path).map_err(|error| Error::io(path, "read", &error))
    }

    /// The bytes of one of its files; `None` where it is not there (yet).
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let path = self.path.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(path, "read", &error)),
        }
    }

    /// Writes one of its files, whole or not at all.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        write_atomically(&self.path.join(name), bytes)
    }

    /// The same where the file does not hold these bytes already.
    pub fn write_if_changed(&self, name: &str, bytes: &[u8]) -> Result<()> {
        if self.read(name)?.as_deref() == Some(bytes) { Ok(()) } else { self.write(name, bytes) }
    }

    /// Appends a line to the log.
    pub fn log(&self, line: &str) -> Result<()> {
        let path = self.path.join(LOG);
        let append = |line: &str| -> io::Result<()> {
            let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
            file.write_all(format!("{line}\n").as_bytes())
        };
        append(line).map_err(|error| Error::io(&path, "write", &error))
    }

    fn remove(&self, name: &str) -> Result<()> {
        for path in [self.path.join(name), temporary_name(&self.path.join(name))] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::io(path, "remove", &error)),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Locks a folder for this process, or says that another one has it. The lock is the operating system's: it goes with
/// the process, however that ends.
fn lock(folder: &Path) -> Result<File> {
    let path = folder.join(LOCK);
    let open = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = open.map_err(|error| Error::io(&path, "open", &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(Error::new(ErrorKind::Training, "another process is training in this run")
                .with_file(folder)
                .with_help("wait until it ends, or stop it"))
        }
        // Some network file systems have no locks: better to train unguarded there than not at all.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(file),
        Err(TryLockError::Error(error)) => Err(Error::io(path, "lock", &error)),
    }
}

/// Whether a folder holds nothing but what a killed start may leave: the lock and half a recipe.
fn is_empty(path: &Path) -> Result<bool> {
    let partial = temporary_name(Path::new(RECIPE));
    let failed = |error: io::Error| Error::io(path, "list the folder", &error);
    for entry in fs::read_dir(path).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if name != LOCK && name != partial.as_os_str() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The highest number of a folder `<name>-<number>`.
fn last_number(runs: &Path, name: &str) -> Result<u32> {
    let failed = |error: io::Error| Error::io(runs, "list the folder", &error);
    let mut last = 0;
    for entry in fs::read_dir(runs).map_err(failed)? {
        let entry = entry.map_err(failed)?.file_name();
        let number = entry.to_str().and_then(|entry| entry.strip_prefix(name)?.strip_prefix('-')?.parse().ok());
        last = last.max(number.unwrap_or(0));
    }
    Ok(last)
}

/// A recipe's name as part of a folder's: letters, digits, `-`, `_` and inner dots; anything else becomes `-`.
fn file_name(name: &str) -> String {
    let clean = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let name: String = name.chars().take(64).map(clean).collect();
    match name.trim_matches(['.', '-']) {
        "" => "run".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("inkstone-folder-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        folder
    }

    #[test]
    fn runs_are_numbered_and_names_cannot_leave_the_folder() {
        let runs = fresh("numbered");
        for (name, expected) in [
            ("mnist", "mnist-001"),
            ("mnist", "mnist-002"),
            ("../etc", "etc-001"),
            ("数字", "数字-001"),
            ("//", "run-001"),
        ] {
            let folder = RunFolder::next(&runs, name, "version = 1\n").unwrap();
            assert_eq!(folder.path(), runs.join(expected));
        }
        fs::remove_dir_all(runs).unwrap();
    }

    #[test]
    fn a_second_process_is_refused_and_the_lock_goes_with_the_first() {
        let path = fresh("locked");
        let first = RunFolder::create(&path, Existing::Refuse, "version = 1\n").unwrap();
        for second in [RunFolder::open(&path), RunFolder::create(&path, Existing::Replace, "")] {
            let error = second.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Training);
            assert!(error.to_string().contains("another process is training in this run"), "{error}");
        }
        drop(first);
        assert_eq!(RunFolder::open(&path).unwrap().recipe().unwrap(), "version = 1\n");
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn force_replaces_only_our_files_in_a_folder_that_carries_our_mark() {
        let path = fresh("force");
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("thesis.txt"), "years of work").unwrap();
        for existing in [Existing::Refuse, Existing::Replace] {
            assert_eq!(RunFolder::create(&path, existing, "").unwrap_err().kind(), ErrorKind::Usage);
        }
        for name in [RECIPE, LOG, RESUME, MODEL] {
            fs::write(path.join(name), "old").unwrap();
        }
        let refused = RunFolder::create(&path, Existing::Refuse, "new").unwrap_err().to_string();
        assert!(refused.contains("not empty") && refused.contains("--force"), "{refused}");
        RunFolder::create(&path, Existing::Replace, "new").unwrap();
        assert_eq!(fs::read_to_string(path.join(RECIPE)).unwrap(), "new");
        assert_eq!(fs::read_to_string(path.join("thesis.txt")).unwrap(), "years of work");
        assert!(!path.join(RESUME).exists() && !path.join(MODEL).exists());
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn what_is_no_run_cannot_be_opened() {
        let path = fresh("none");
        assert!(RunFolder::open(&path).unwrap_err().to_string().contains("no such folder"));
        fs::create_dir_all(&path).unwrap();
        assert!(RunFolder::open(&path).unwrap_err().to_string().contains("no recipe.toml"));
        fs::remove_dir_all(path).unwrap();
    }
}
