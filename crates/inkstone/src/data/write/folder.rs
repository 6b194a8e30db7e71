//! The folder that is written: under a temporary name beside its place until all of it is there.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::Replace;
use crate::data::prepared::manifest::FileFacts;
use crate::data::prepared::{Format, MANIFEST, Manifest, SAMPLES, checked};
use crate::error::{Error, ErrorKind, Result};
use crate::hash::Sha256;

/// A folder under way. Dropped before [`Folder::finish`], it leaves nothing behind.
pub(super) struct Folder {
    out: PathBuf,
    partial: PathBuf,
    /// The paths of an earlier set that go when this one takes its place.
    old: Vec<PathBuf>,
    files: Vec<FileFacts>,
}

impl Folder {
    /// Looks whether `out` may be written, and makes the temporary folder.
    pub(super) fn create(out: &Path, replace: Replace) -> Result<Self> {
        let old = what_may_go(out, replace)?;
        let name = out.file_name().ok_or_else(|| {
            Error::mismatch(ErrorKind::Usage, "a folder with a name", out.display().to_string()).with_place("--out")
        })?;
        let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let partial = parent.join(format!(".{}.partial", name.to_string_lossy()));
        // What a killed process left behind.
        let made = match fs::remove_dir_all(&partial) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => fs::create_dir_all(&partial),
        };
        made.map_err(|error| Error::io(&partial, "make the folder", &error))?;
        Ok(Self { out: out.to_owned(), partial, old, files: Vec::new() })
    }

    /// What was written so far, without what [`Folder::put`] wrote.
    pub(super) fn files(&self) -> &[FileFacts] {
        &self.files
    }

    /// A file that is listed; `write` fills it.
    pub(super) fn file(&mut self, name: &str, write: impl FnOnce(&mut Output) -> io::Result<()>) -> Result<()> {
        let path = self.partial.join(name);
        let place = self.out.join(name);
        let written = make_parent(&path).and_then(|()| {
            let file = BufWriter::with_capacity(1 << 20, File::create(&path)?);
            let mut output = Output { file, hash: Sha256::new(), n_bytes: 0 };
            write(&mut output)?;
            output.file.flush()?;
            Ok(output)
        });
        let output = written.map_err(|error| Error::io(&place, "write", &error))?;
        self.files.push(FileFacts { name: name.to_owned(), bytes: output.n_bytes, sha256: output.hash.finish_hex() });
        Ok(())
    }

    /// Makes a folder below, for files of [`Folder::put`].
    pub(super) fn folder(&self, name: &str) -> Result<()> {
        fs::create_dir_all(self.partial.join(name))
            .map_err(|error| Error::io(self.out.join(name), "make the folder", &error))
    }

    /// A small file in a folder that is there, listed by another file.
    pub(super) fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        fs::write(self.partial.join(name), bytes).map_err(|error| Error::io(self.out.join(name), "write", &error))
    }

    /// Writes the manifest, removes the earlier set and moves this one into its place.
    pub(super) fn finish(mut self, manifest: &Manifest) -> Result<()> {
        self.file(MANIFEST, |output| output.write_all(manifest.to_toml().as_bytes()))?;
        let failed = |error: io::Error| Error::io(&self.out, "put the files into place", &error);
        remove(&self.out, &self.old).map_err(failed)?;
        let is_empty = match fs::read_dir(&self.out) {
            Ok(mut entries) => entries.next().is_none(),
            Err(_) => {
                make_parent(&self.out).map_err(failed)?;
                return fs::rename(&self.partial, &self.out).map_err(failed);
            }
        };
        if is_empty {
            fs::remove_dir(&self.out).map_err(failed)?;
            return fs::rename(&self.partial, &self.out).map_err(failed);
        }
        // Other people's files stay where they are.
        merge(&self.partial, &self.out).map_err(failed)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing is left where all went well; where it did not, the first error is the one to tell.
        let _ = fs::remove_dir_all(&self.partial);
    }
}

/// A file being written, its bytes counted and hashed.
pub(super) struct Output {
    file: BufWriter<File>,
    hash: Sha256,
    n_bytes: u64,
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hash.update(bytes);
        self.n_bytes += bytes.len() as u64;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn make_parent(path: &Path) -> io::Result<()> {
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => fs::create_dir_all(parent),
        None => Ok(()),
    }
}

/// The files of an earlier set in `out`; an error where it holds anything that may not be replaced.
fn what_may_go(out: &Path, replace: Replace) -> Result<Vec<PathBuf>> {
    if !out.exists() {
        return Ok(Vec::new());
    }
    if !out.is_dir() {
        return Err(Error::mismatch(ErrorKind::Usage, "a folder", "a file").with_file(out).with_place("--out"));
    }
    let mut entries = fs::read_dir(out).map_err(|error| Error::io(out, "list the folder", &error))?;
    if entries.next().is_none() {
        return Ok(Vec::new());
    }
    let refuse = |found: &str, help: &str| {
        Err(Error::mismatch(ErrorKind::Usage, "an empty folder or none", found)
            .with_file(out)
            .with_place("--out")
            .with_help(help))
    };
    let manifest = match replace {
        Replace::Nothing => {
            return refuse("files in it", "choose another, or --force to replace an earlier prepared set");
        }
        Replace::Ours => Manifest::find(out)?,
    };
    let Some(manifest) = manifest else {
        return refuse(
            "files without a dataset.toml of ours",
            "choose another folder: --force replaces prepared sets alone",
        );
    };
    let mut old = vec![PathBuf::from(MANIFEST)];
    for file in &manifest.files {
        old.push(checked(&file.name)?.to_owned());
    }
    if manifest.format == Format::Png {
        old.extend(listed_images(&out.join(SAMPLES))?);
    }
    Ok(old)
}

/// The images that a table of samples lists.
fn listed_images(table: &Path) -> Result<Vec<PathBuf>> {
    if !table.exists() {
        return Ok(Vec::new());
    }
    let damaged = |error: csv::Error| Error::new(ErrorKind::Data, format!("damaged table: {error}")).with_file(table);
    let mut reader = csv::Reader::from_path(table).map_err(damaged)?;
    let mut paths = Vec::new();
    for record in reader.records() {
        let record = record.map_err(damaged)?;
        paths.push(checked(record.get(0).unwrap_or_default()).map_err(|error| error.with_file(table))?.to_owned());
    }
    Ok(paths)
}

/// Removes these files below a folder, and the folders that are empty then.
fn remove(root: &Path, paths: &[PathBuf]) -> io::Result<()> {
    let mut folders = BTreeSet::new();
    for path in paths {
        match fs::remove_file(root.join(path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        folders.extend(path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()).map(Path::to_owned));
    }
    // The deepest first: they sort behind those that hold them.
    for folder in folders.iter().rev() {
        // A folder with files of somebody else's stays.
        let _ = fs::remove_dir(root.join(folder));
    }
    Ok(())
}

/// Moves all that lies below one folder into another; what is there already is not overwritten. The manifest, which
/// sorts before most names, goes last: with it the set is whole.
fn merge(from: &Path, to: &Path) -> io::Result<()> {
    let mut entries: Vec<PathBuf> = fs::read_dir(from)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    entries.sort_by_key(|path| (path.ends_with(MANIFEST), path.clone()));
    for entry in entries {
        let place = to.join(entry.file_name().unwrap_or_default());
        if entry.is_dir() && place.is_dir() {
            merge(&entry, &place)?;
        } else if place.exists() {
            let message = format!("{} is in the way and is not ours", place.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
        } else {
            fs::rename(&entry, &place)?;
        }
    }
    Ok(())
}
