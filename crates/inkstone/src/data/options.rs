//! How sources are opened: where they are looked for, what becomes of images that cannot be read, what is kept for the
//! next time, who is told. Opens nothing itself.

use std::fmt;
use std::path::{Path, PathBuf};

#[cfg(feature = "formats")]
use crate::error::{Error, ErrorKind, Result};
use crate::spec::loading::OnError;

/// How many bad files are listed.
#[cfg(feature = "formats")]
const MAX_LISTED: usize = 20;

/// Where sources are looked for, and how they are read.
#[derive(Clone, Default)]
pub struct SourceOptions<'a> {
    /// The folder of fetched sets, one folder each.
    pub home: Option<PathBuf>,
    /// What relative paths are relative to (a recipe's folder); where not given, the working directory.
    pub base: Option<PathBuf>,
    /// Is told what is worth a line in the log.
    pub note: Option<&'a dyn Fn(&str)>,
    /// What becomes of images that cannot be read.
    pub on_error: OnError,
    /// Where the decoded images of large folders are kept for the next time; none: nowhere.
    pub cache: Option<PathBuf>,
    /// Which sets stay on the disk and are read block by block; none: no set.
    pub stream: Option<StreamOptions>,
    /// Is told now and then how far the decoding is, by the threads that decode.
    pub progress: Option<&'a (dyn Fn(Progress) + Sync)>,
}

/// Which sets are streamed from uncompressed IDX files, and how much of them is in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamOptions {
    /// Only sets with at least so many bytes of pixels.
    pub at_least: u64,
    /// The bytes of a block: what is read at once. Part of the order of an epoch.
    pub block: usize,
    /// The blocks among whose samples an epoch's order is shuffled: what is in memory, twice. Part of the order.
    pub window: usize,
}

impl Default for StreamOptions {
    /// Sets from 4 GiB on, blocks of 4 MiB, 16 of them in a window.
    fn default() -> Self {
        Self { at_least: 4 << 30, block: 4 << 20, window: 16 }
    }
}

/// How far the decoding of a folder is, in images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// So many are done.
    pub done: usize,
    /// Of so many.
    pub total: usize,
}

impl SourceOptions<'_> {
    pub(super) fn note(&self, text: &str) {
        if let Some(note) = self.note {
            note(text);
        }
    }

    /// The path that a source stands for, if it is not the name of a set.
    pub(super) fn path(&self, source: &str) -> PathBuf {
        self.base.as_deref().unwrap_or(Path::new("")).join(source)
    }

    /// What becomes of `bad`, the errors of `n` images: an error that lists them, or a note of each that is left out.
    #[cfg(feature = "formats")]
    pub(super) fn settle(&self, bad: &[Error], n: usize) -> Result<()> {
        match self.on_error {
            _ if bad.is_empty() => Ok(()),
            OnError::Fail => Err(failure(bad, n)),
            OnError::Skip if bad.len() == n => {
                Err(Error::new(ErrorKind::Data, format!("none of {n} images can be read, the first: {}", bad[0])))
            }
            OnError::Skip => {
                for error in bad.iter().take(MAX_LISTED) {
                    self.note(&format!("warning: skipped {error}"));
                }
                let more = bad.len().saturating_sub(MAX_LISTED);
                let more = if more > 0 { format!(", {more} of them not listed") } else { String::new() };
                self.note(&format!("warning: {} of {n} images cannot be read and are skipped{more}", bad.len()));
                Ok(())
            }
        }
    }
}

/// One bad file speaks for itself; several are listed.
#[cfg(feature = "formats")]
fn failure(bad: &[Error], n: usize) -> Error {
    const HELP: &str = "mend or remove them, or go on without them: data.on_error=skip";
    if let [one] = bad {
        return one.clone().or_help("mend or remove it, or go on without it: data.on_error=skip");
    }
    let listed: Vec<String> = bad.iter().take(MAX_LISTED).map(|error| format!("({error})")).collect();
    let more = if bad.len() > MAX_LISTED { format!(" and {} more", bad.len() - MAX_LISTED) } else { String::new() };
    let message = format!("{} of {n} images cannot be read: {}{more}", bad.len(), listed.join(" "));
    Error::new(ErrorKind::Data, message).with_help(HELP)
}

impl fmt::Debug for SourceOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceOptions")
            .field("home", &self.home)
            .field("base", &self.base)
            .field("on_error", &self.on_error)
            .field("cache", &self.cache)
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}
