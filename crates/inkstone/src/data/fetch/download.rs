//! One file from whichever mirror gives it: every failure moves on to the next.

use std::fs;
use std::path::{Path, PathBuf};

use super::catalogue::{Packing, PublishedFile, PublishedSet};
use super::request::{Client, Failure, Stop};
use super::{Event, FetchOptions};
use crate::error::{Error, ErrorKind, Result};

/// A file on the disk with the published hash.
pub(super) struct Download {
    pub(super) path: PathBuf,
    /// An address, or the path of a file that a person put there.
    pub(super) source: String,
    /// Whether we made it and may remove it.
    pub(super) is_ours: bool,
}

/// The addresses to ask, each ending in a slash: the caller's before the published ones.
pub(super) fn mirrors(set: &PublishedSet, options: &FetchOptions) -> Result<Vec<String>> {
    let slash = |mirror: &String| format!("{}/", mirror.trim_end_matches('/'));
    for mirror in &options.mirrors {
        if !(mirror.starts_with("http://") || mirror.starts_with("https://")) {
            let expected = "an address that starts with https:// or http://";
            return Err(Error::mismatch(ErrorKind::Usage, expected, mirror).with_place("mirror"));
        }
    }
    Ok(options.mirrors.iter().chain(&set.mirrors).map(slash).collect())
}

/// What it takes to get one file.
pub(super) struct Job<'a> {
    pub(super) client: &'a Client,
    pub(super) mirrors: &'a [String],
    pub(super) options: &'a FetchOptions,
    pub(super) file: &'a PublishedFile,
}

impl Job<'_> {
    /// The packed file, if a person put it into the folder: the way for machines without network.
    pub(super) fn by_hand(&self, folder: &Path, observe: &mut dyn FnMut(&Event)) -> Result<Option<Download>> {
        let path = folder.join(&self.file.name);
        // A plain file is a raw file, which was looked at before.
        if self.file.packing == Packing::Plain || !path.is_file() {
            return Ok(None);
        }
        let source = path.display().to_string();
        match check(self.file, &path)? {
            Ok(()) => {
                observe(&Event::Verified { file: &self.file.name, source: &source });
                Ok(Some(Download { path, source, is_ours: false }))
            }
            Err(reason) => {
                observe(&Event::MirrorFailed { file: &self.file.name, url: &source, reason: &reason });
                Ok(None)
            }
        }
    }

    /// Asks mirror after mirror, round after round.
    ///
    /// # Errors
    /// [`ErrorKind::Fetch`] with every mirror's reason; [`ErrorKind::Io`] if the disk refuses.
    pub(super) fn run(&self, folder: &Path, observe: &mut dyn FnMut(&Event)) -> Result<Download> {
        let part = folder.join(format!("{}.part", self.file.name));
        let mut urls: Vec<String> = self.mirrors.iter().map(|mirror| format!("{mirror}{}", self.file.name)).collect();
        let mut failures: Vec<(String, Failure)> = Vec::new();
        for round in 0..self.options.rounds.max(1) {
            if round > 0 {
                std::thread::sleep(self.options.pause * round);
            }
            for url in std::mem::take(&mut urls) {
                match self.ask(&url, &part, observe) {
                    Ok(()) => {
                        observe(&Event::Verified { file: &self.file.name, source: &url });
                        return Ok(Download { path: part, source: url, is_ours: true });
                    }
                    Err(Stop::Here(error)) => return Err(error),
                    Err(Stop::Mirror(reason)) => {
                        observe(&Event::MirrorFailed { file: &self.file.name, url: &url, reason: &reason });
                        if reason.may_pass() {
                            urls.push(url.clone());
                        }
                        failures.retain(|(failed, _)| *failed != url);
                        failures.push((url, reason));
                    }
                }
            }
            if urls.is_empty() {
                break;
            }
        }
        Err(none_worked(self.file, &failures))
    }

    /// One mirror: what is missing of `part`, then its hash. If the beginning came from an earlier attempt and the
    /// hash is wrong, the mirror is not to blame before it has sent the whole.
    fn ask(&self, url: &str, part: &Path, observe: &mut dyn FnMut(&Event)) -> Result<(), Stop> {
        let have = usable_len(self.file, part)?;
        let is_complete = have > 0 && self.file.size == Some(have);
        let started_at = if is_complete { have } else { self.client.transfer(self.file, url, part, have, observe)? };
        let Err(reason) = check(self.file, part)? else { return Ok(()) };
        remove(part)?;
        if started_at == 0 {
            return Err(Stop::Mirror(reason));
        }
        self.client.transfer(self.file, url, part, 0, observe)?;
        check(self.file, part)?.map_err(|reason| match remove(part) {
            Ok(()) => Stop::Mirror(reason),
            Err(error) => Stop::Here(error),
        })
    }
}

/// How many bytes of an interrupted download can be gone on from; a part that is too long is removed.
fn usable_len(file: &PublishedFile, part: &Path) -> Result<u64> {
    let len = fs::metadata(part).map_or(0, |metadata| metadata.len());
    if len > file.limit_bytes() {
        remove(part)?;
        return Ok(0);
    }
    Ok(len)
}

/// Compares the bytes on the disk with what is published.
fn check(file: &PublishedFile, path: &Path) -> Result<Result<(), Failure>> {
    let fail = |error: std::io::Error| Error::io(path, "read the download", &error);
    let size = fs::metadata(path).map_err(fail)?.len();
    if let Some(expected) = file.size
        && size != expected
    {
        return Ok(Err(Failure::Size { expected, found: size }));
    }
    let found = file.digest.of_file_like(path).map_err(fail)?;
    Ok(if found == file.digest { Ok(()) } else { Err(Failure::Hash { expected: file.digest.clone(), found }) })
}

fn remove(part: &Path) -> Result<()> {
    match fs::remove_file(part) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io(part, "remove the partial download", &error))
        }
        _ => Ok(()),
    }
}

fn none_worked(file: &PublishedFile, failures: &[(String, Failure)]) -> Error {
    let reasons: Vec<String> = failures.iter().map(|(url, reason)| format!("{url} {reason}")).collect();
    let message = if reasons.is_empty() {
        format!("there is no mirror of {}", file.name)
    } else {
        format!("no mirror gave {}: {}", file.name, reasons.join("; "))
    };
    Error::new(ErrorKind::Fetch, message)
}
