//! Writing a file so that a reader, a crash or a full disk never meets half of it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Replaces `path` by `bytes`: a temporary file in the same folder, fsync, rename, fsync of the folder.
///
/// # Errors
/// What the operating system refused. The old file is then still there, whole, and the temporary one is gone.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = temporary_name(path);
    let written = write_and_sync(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        // The first error is the one to tell; a temporary file that stays is overwritten by the next save.
        let _ = fs::remove_file(&temporary);
        return Err(explain(path, &error));
    }
    sync_folder(path).map_err(|error| explain(path, &error))
}

/// `model.safetensors` → `.model.safetensors.partial`: one writer per folder (the run's lock), so one name is enough,
/// and what a killed process left behind is overwritten rather than collected.
pub(crate) fn temporary_name(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.partial"))
}

fn write_and_sync(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes the rename itself durable. Folders cannot be opened for this on every system; there the rename has to do.
fn sync_folder(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) { File::open(parent)?.sync_all() } else { Ok(()) }
}

/// One line; a full disk also gets what to do.
fn explain(path: &Path, error: &io::Error) -> Error {
    let told = Error::io(path, "write", error);
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            told.with_help("make room; what was saved before is whole")
        }
        _ => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("inkstone-atomic-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_stays() {
        let folder = folder("replace");
        let path = folder.join("file");
        write_atomically(&path, b"old").unwrap();
        write_atomically(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_refused_write_names_the_file() {
        let path = folder("refuse").join("missing/file");
        let error = write_atomically(&path, b"x").unwrap_err().to_string();
        assert!(error.starts_with(&format!("{}: cannot write: ", path.display())), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_one_line_that_says_what_to_do_and_keeps_the_old_file() {
        let folder = folder("full");
        let path = folder.join("model.safetensors");
        write_atomically(&path, b"the last good one").unwrap();
        // /dev/full refuses every write with ENOSPC, as a full disk does.
        std::os::unix::fs::symlink("/dev/full", temporary_name(&path)).unwrap();
        let error = write_atomically(&path, b"new").unwrap_err().to_string();
        assert!(error.contains("No space left on device") && error.contains("make room"), "{error}");
        assert_eq!(error.lines().count(), 1);
        assert_eq!(fs::read(&path).unwrap(), b"the last good one");
        fs::remove_dir_all(folder).unwrap();
    }
}
