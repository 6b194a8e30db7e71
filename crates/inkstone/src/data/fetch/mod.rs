//! Downloads published data sets: mirror by mirror, verified before and after unpacking. The only code that uses the network.
//!
//! `fetch` → lock the folder → hash what is there → for each file that is missing or wrong: download to `NAME.part` →
//! verify → unpack beside the target → verify again → move into place → remember the hash in `fetched.json`.
//!
//! Refuses: a file whose hash is wrong, more bytes than published, a web page in place of a file. Such a mirror is left
//! and the next one asked; an [`Event`] says so. Nothing is printed, and the environment is read only where
//! [`Proxy::FromEnvironment`] asks for it.

mod catalogue;
mod digest;
mod download;
mod folder;
mod request;
mod unpack;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use catalogue::{NAMES, Packing, PublishedFile, PublishedSet, RawFile, find};
pub use digest::Digest;
pub use request::Failure;

use crate::error::{Error, ErrorKind, Result};
use folder::{Folder, State};

/// Where and how to fetch.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FetchOptions {
    /// The folder for the raw files; made if it is not there. See [`dataset_dir`].
    pub to: PathBuf,
    /// Addresses that a file's name is appended to, asked before the published mirrors.
    pub mirrors: Vec<String>,
    /// Through which proxy.
    pub proxy: Proxy,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// How long a mirror may be silent before the next one is asked.
    pub stall_timeout: Duration,
    /// How often the list of mirrors is gone through. After the first round only those are asked again that broke off
    /// midway or were overloaded; what they sent is kept.
    pub rounds: u32,
    /// The pause before the second round; each later one is longer by as much.
    pub pause: Duration,
}

impl FetchOptions {
    /// Into the folder `to`, straight to the network, with patience for slow lines.
    pub fn new(to: impl Into<PathBuf>) -> Self {
        Self {
            to: to.into(),
            mirrors: Vec::new(),
            proxy: Proxy::Direct,
            connect_timeout: Duration::from_secs(15),
            stall_timeout: Duration::from_secs(30),
            rounds: 3,
            pause: Duration::from_secs(1),
        }
    }
}

/// The way to the network.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proxy {
    /// None.
    Direct,
    /// As the environment says: the first of `ALL_PROXY`, `HTTPS_PROXY`, `HTTP_PROXY` (or in lower case) that is set,
    /// for all addresses but those in `NO_PROXY`. Plain http is tunnelled (CONNECT) like https.
    FromEnvironment,
    /// An address such as `http://user:password@proxy.example.org:3128`.
    Url(String),
}

/// What happens while a data set is fetched or verified.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Another process fetches into the same folder; this one goes on when that one is done.
    Waiting {
        /// The folder.
        folder: &'a Path,
    },
    /// A raw file is there and right.
    Present {
        /// Its name.
        file: &'a str,
    },
    /// A raw file is there and wrong, or missing where files are only verified.
    Wrong {
        /// Its name.
        file: &'a str,
        /// Expected and found.
        reason: &'a str,
    },
    /// A mirror has answered and begins to send.
    Started {
        /// The download's name.
        file: &'a str,
        /// From where.
        url: &'a str,
        /// How many bytes were there already from an interrupted download.
        resumed_from: u64,
        /// How many there will be, where it is known.
        total: Option<u64>,
    },
    /// Some more bytes have arrived.
    Progress {
        /// The download's name.
        file: &'a str,
        /// How many bytes there are by now.
        received: u64,
        /// How many there will be, where it is known.
        total: Option<u64>,
    },
    /// A mirror did not give the file; the next one is asked.
    MirrorFailed {
        /// The download's name.
        file: &'a str,
        /// The address that was asked.
        url: &'a str,
        /// What went wrong.
        reason: &'a Failure,
    },
    /// A download is complete and has the published hash.
    Verified {
        /// The download's name.
        file: &'a str,
        /// From where: an address, or the path of a file that was put into the folder by hand.
        source: &'a str,
    },
    /// A raw file is in its place, hashed.
    Unpacked {
        /// Its name.
        file: &'a str,
        /// In bytes.
        size: u64,
    },
}

/// What is in the folder now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchOutcome {
    /// The set's name.
    pub dataset: String,
    /// Where its files are.
    pub folder: PathBuf,
    /// Every raw file, each with the right hash.
    pub files: Vec<FileRecord>,
}

/// A raw file in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileRecord {
    /// Its name in the folder.
    pub name: String,
    /// In bytes.
    pub size: u64,
    /// Of the raw bytes.
    pub sha256: String,
    /// Where it came from: an address, a path, or `built in`. Unknown for a file that something else put there.
    pub source: Option<String>,
    /// Whether this call put it there.
    pub is_new: bool,
}

/// The folder under `home` that the raw files of the set `name` belong in. The parts of EMNIST share one.
///
/// ```
/// use inkstone::data::fetch::dataset_dir;
/// use std::path::Path;
/// assert_eq!(dataset_dir(Path::new("home"), "kmnist"), Path::new("home/kmnist"));
/// assert_eq!(dataset_dir(Path::new("home"), "emnist-digits"), Path::new("home/emnist"));
/// ```
pub fn dataset_dir(home: &Path, name: &str) -> PathBuf {
    home.join(if name.starts_with("emnist-") { "emnist" } else { name })
}

/// Fetches the published set called `name`, unless it is there and right already.
///
/// # Errors
/// [`ErrorKind::Usage`] for an unknown name, a mirror that is no http(s) address or a bad proxy; [`ErrorKind::Fetch`]
/// when no mirror gave a file: with each mirror's reason, and which file to put where on a machine without network;
/// [`ErrorKind::Io`] when the folder cannot be written.
pub fn fetch(name: &str, options: &FetchOptions, observe: &mut dyn FnMut(&Event)) -> Result<FetchOutcome> {
    fetch_set(&find(name)?, options, observe)
}

/// Fetches a set that is described by the caller: see [`fetch`].
pub fn fetch_set(set: &PublishedSet, options: &FetchOptions, observe: &mut dyn FnMut(&Event)) -> Result<FetchOutcome> {
    let client = request::Client::new(options)?;
    let mirrors = download::mirrors(set, options)?;
    let mut folder = Folder::lock(&options.to, observe)?;
    let mut records = Vec::new();
    for (i, file) in set.files.iter().enumerate() {
        if let Some(present) = present(&folder, file, observe)? {
            records.extend(present);
            continue;
        }
        let job = download::Job { client: &client, mirrors: &mirrors, options, file };
        let download = match job.by_hand(folder.path(), observe)? {
            Some(download) => download,
            None => job
                .run(folder.path(), observe)
                .map_err(|error| error.with_help(without_network(&set.files[i..], folder.path())))?,
        };
        let unpacked = unpack::unpack(&download, file, &folder, observe)?;
        folder.record(&unpacked)?;
        if download.is_ours {
            // Still there only where it was copied; the raw files are what counts.
            let _ = fs::remove_file(&download.path);
        }
        records.extend(unpacked);
    }
    Ok(FetchOutcome { dataset: set.name.clone(), folder: options.to.clone(), files: records })
}

/// Hashes the files of the set called `name` in `folder`. Uses no network and changes nothing.
///
/// # Errors
/// [`ErrorKind::Usage`] for an unknown name; [`ErrorKind::Fetch`] naming every file that is missing or wrong.
pub fn verify(name: &str, folder: &Path, observe: &mut dyn FnMut(&Event)) -> Result<FetchOutcome> {
    verify_set(&find(name)?, folder, observe)
}

/// Hashes the files of a set that is described by the caller: see [`verify`].
pub fn verify_set(set: &PublishedSet, folder: &Path, observe: &mut dyn FnMut(&Event)) -> Result<FetchOutcome> {
    let on_disk = Folder::open(folder);
    let (mut right, mut wrong) = (Vec::new(), Vec::new());
    for raw in set.files.iter().flat_map(|file| &file.contents) {
        let reason = match on_disk.state(raw)? {
            State::Right(record) => {
                observe(&Event::Present { file: &raw.name });
                right.push(record);
                continue;
            }
            State::Missing => "missing".to_string(),
            State::Wrong(reason) => reason,
        };
        observe(&Event::Wrong { file: &raw.name, reason: &reason });
        wrong.push(format!("{} ({reason})", raw.name));
    }
    if wrong.is_empty() {
        return Ok(FetchOutcome { dataset: set.name.clone(), folder: folder.to_path_buf(), files: right });
    }
    let count = format!("{} of {} files are not right: {}", wrong.len(), wrong.len() + right.len(), wrong.join(", "));
    Err(Error::new(ErrorKind::Fetch, count).with_file(folder).with_help(format!("fetch {} again", set.name)))
}

/// Writes the four files of the MNIST inside this program to the folder `to`. Uses no network.
#[cfg(feature = "mnist")]
pub fn write_built_in(to: &Path, observe: &mut dyn FnMut(&Event)) -> Result<FetchOutcome> {
    let set = find("mnist")?;
    let mut folder = Folder::lock(to, observe)?;
    let mut records = Vec::new();
    for (name, bytes) in inkstone_mnist::raw_files() {
        let raw = set.files.iter().flat_map(|file| &file.contents).find(|raw| raw.name == name);
        let raw = raw.expect("the catalogue holds the four files of MNIST by their published names");
        let record = match state(&folder, raw, observe)? {
            State::Right(record) => record,
            _ => folder.write_raw(raw, bytes.as_slice(), "built in")?,
        };
        if record.is_new {
            observe(&Event::Unpacked { file: &record.name, size: record.size });
        }
        records.push(record);
    }
    folder.record(&records)?;
    Ok(FetchOutcome { dataset: set.name, folder: to.to_path_buf(), files: records })
}

/// The records of a published file's contents, if all of them are there and right.
fn present(folder: &Folder, file: &PublishedFile, observe: &mut dyn FnMut(&Event)) -> Result<Option<Vec<FileRecord>>> {
    let mut records = Some(Vec::new());
    for raw in &file.contents {
        match (state(folder, raw, observe)?, &mut records) {
            (State::Right(record), Some(records)) => records.push(record),
            (State::Right(_), None) => {}
            _ => records = None,
        }
    }
    Ok(records)
}

/// How a raw file stands, told to the observer.
fn state(folder: &Folder, raw: &RawFile, observe: &mut dyn FnMut(&Event)) -> Result<State> {
    let state = folder.state(raw)?;
    match &state {
        State::Missing => {}
        State::Right(_) => observe(&Event::Present { file: &raw.name }),
        State::Wrong(reason) => observe(&Event::Wrong { file: &raw.name, reason }),
    }
    Ok(state)
}

/// What a person can do on a machine without network: get these files elsewhere and put them here.
fn without_network(missing: &[PublishedFile], folder: &Path) -> String {
    let file = |file: &PublishedFile| match file.size {
        Some(size) => format!("{} ({size} bytes, {})", file.name, file.digest),
        None => format!("{} ({})", file.name, file.digest),
    };
    let files: Vec<String> = missing.iter().map(file).collect();
    format!("without network, put {} into {} and run this again", files.join(", "), folder.display())
}

#[cfg(test)]
mod tests;
