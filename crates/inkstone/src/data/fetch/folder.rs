//! The folder that a data set is fetched into: its lock, its record of hashes, and what stands in it.
//!
//! `fetched.json` remembers the hash and origin of every raw file, so that sets whose raw hashes nobody published can be
//! verified later. A file that is merely there is never trusted: it is hashed.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::catalogue::RawFile;
use super::digest::sha256_of_file;
use super::{Event, FileRecord};
use crate::error::{Error, ErrorKind, Result};

/// The record's name; its format is version 1.
const RECORD: &str = "fetched.json";
const LOCK: &str = ".lock";

/// A raw file larger than this is nothing that we fetch. (The largest, EMNIST's by class, has 547 MB.)
const RAW_LIMIT_BYTES: u64 = 1 << 30;

/// A folder with what is recorded about its files. Holding it with a lock keeps other processes out.
pub(super) struct Folder {
    path: PathBuf,
    /// Raw file's name → its size, SHA-256 and source.
    records: Map<String, Value>,
    /// Released when the folder is dropped, by whatever way.
    _lock: Option<File>,
}

/// How a raw file stands.
pub(super) enum State {
    Missing,
    /// There, with the expected hash.
    Right(FileRecord),
    /// There, but not what it should be: why.
    Wrong(String),
}

impl Folder {
    /// Makes the folder and waits until no other process fetches into it.
    pub(super) fn lock(path: &Path, observe: &mut dyn FnMut(&Event)) -> Result<Self> {
        fs::create_dir_all(path).map_err(|error| Error::io(path, "make the folder", &error))?;
        let lock_path = path.join(LOCK);
        let fail = |error: &io::Error| Error::io(&lock_path, "lock the folder", error);
        let file = File::options().create(true).append(true).open(&lock_path).map_err(|error| fail(&error))?;
        let locked = match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                observe(&Event::Waiting { folder: path });
                file.lock()
            }
            Err(TryLockError::Error(error)) => Err(error),
            Ok(()) => Ok(()),
        };
        match locked {
            // Some network file systems have no locks: one process at a time works there all the same.
            Err(error) if error.kind() != io::ErrorKind::Unsupported => return Err(fail(&error)),
            _ => {}
        }
        Ok(Self { path: path.to_path_buf(), records: read_records(path), _lock: Some(file) })
    }

    /// The folder as it is, for reading.
    pub(super) fn open(path: &Path) -> Self {
        Self { path: path.to_path_buf(), records: read_records(path), _lock: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Hashes a raw file and compares it with the published hash, or else with the recorded one.
    pub(super) fn state(&self, raw: &RawFile) -> Result<State> {
        let path = self.join(&raw.name);
        let size = match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => metadata.len(),
            Ok(_) => return Err(Error::mismatch(ErrorKind::Io, "a file", "something else").with_file(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::Missing),
            Err(error) => return Err(Error::io(path, "look at the file", &error)),
        };
        let text = |key: &str| self.records.get(&raw.name)?.get(key)?.as_str().map(ToString::to_string);
        let Some(expected) = raw.sha256.clone().or_else(|| text("sha256")) else {
            return Ok(State::Wrong(format!("no hash is published for it and {RECORD} has none")));
        };
        if let Some(right_size) = raw.size
            && size != right_size
        {
            return Ok(State::Wrong(format!("expected {right_size} bytes, found {size}")));
        }
        let sha256 = sha256_of_file(&path).map_err(|error| Error::io(&path, "read the file", &error))?;
        if sha256 != expected {
            return Ok(State::Wrong(format!("expected SHA-256 {expected}, found {sha256}")));
        }
        Ok(State::Right(FileRecord { name: raw.name.clone(), size, sha256, source: text("source"), is_new: false }))
    }

    /// Writes a raw file from `reader`: to a hidden file beside it, checked as it then stands on the disk, moved into
    /// place at once.
    pub(super) fn write_raw(&self, raw: &RawFile, reader: impl Read, source: &str) -> Result<FileRecord> {
        let temporary = self.join(&format!(".{}.tmp", raw.name));
        let written = self.write_checked(raw, reader, source, &temporary);
        if written.is_err() {
            // The first error counts; the next run overwrites what cannot be removed now.
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    fn write_checked(&self, raw: &RawFile, reader: impl Read, source: &str, temporary: &Path) -> Result<FileRecord> {
        let target = self.join(&raw.name);
        let fail = |error: io::Error| Error::io(&target, "unpack the file", &error);
        let limit = raw.size.unwrap_or(RAW_LIMIT_BYTES);
        let mut file = File::create(temporary).map_err(fail)?;
        // One byte more than allowed tells a longer file from one that fits.
        let size = io::copy(&mut reader.take(limit + 1), &mut file).map_err(fail)?;
        file.sync_all().map_err(fail)?;
        let wrong = |expected: String, found: String| {
            Error::mismatch(ErrorKind::Fetch, expected, found).with_file(&target).with_place("unpacked")
        };
        if raw.size.is_some_and(|expected| size != expected) || size > limit {
            let found = if size > limit { "more".to_string() } else { size.to_string() };
            return Err(wrong(format!("{limit} bytes"), found));
        }
        let sha256 = sha256_of_file(temporary).map_err(fail)?;
        if let Some(expected) = &raw.sha256
            && *expected != sha256
        {
            return Err(wrong(format!("SHA-256 {expected}"), sha256));
        }
        fs::rename(temporary, &target).map_err(fail)?;
        Ok(FileRecord { name: raw.name.clone(), size, sha256, source: Some(source.to_string()), is_new: true })
    }

    /// Remembers what was written, on the disk too.
    pub(super) fn record(&mut self, files: &[FileRecord]) -> Result<()> {
        for file in files {
            let record = json!({ "size": file.size, "sha256": file.sha256, "source": file.source });
            self.records.insert(file.name.clone(), record);
        }
        let path = self.join(RECORD);
        let temporary = self.join(&format!(".{RECORD}.tmp"));
        let text = format!("{:#}\n", json!({ "version": 1, "files": self.records }));
        let write = || -> io::Result<()> {
            let mut file = File::create(&temporary)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&temporary, &path)
        };
        write().map_err(|error| Error::io(&path, "write the record of fetched files", &error))
    }
}

/// An unreadable record is an empty one: its files are then fetched again.
fn read_records(folder: &Path) -> Map<String, Value> {
    let text = fs::read_to_string(folder.join(RECORD)).unwrap_or_default();
    let document: Value = serde_json::from_str(&text).unwrap_or_default();
    if document["version"] != 1 {
        return Map::new();
    }
    document["files"].as_object().cloned().unwrap_or_default()
}
