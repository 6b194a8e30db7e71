//! What lies in a folder, in an order that does not depend on the file system.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// What lies in a folder: visible entries, sorted bytewise.
pub(super) struct Listing {
    pub(super) folders: Vec<PathBuf>,
    pub(super) files: Vec<PathBuf>,
}

/// Lists a folder; links are followed.
pub(super) fn list(folder: &Path) -> Result<Listing> {
    let failed = |error: &std::io::Error| Error::io(folder, "list the folder", error);
    let mut listing = Listing { folders: Vec::new(), files: Vec::new() };
    for entry in std::fs::read_dir(folder).map_err(|error| failed(&error))? {
        let entry = entry.map_err(|error| failed(&error))?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        // Most file systems tell a folder from a file without a look at each: 60,000 looks are a tenth of a second.
        let is_folder = match entry.file_type() {
            Ok(kind) if !kind.is_symlink() => kind.is_dir(),
            _ => path.is_dir(),
        };
        // A broken link is listed as a file: reading it tells what is wrong.
        if is_folder { listing.folders.push(path) } else { listing.files.push(path) }
    }
    for paths in [&mut listing.folders, &mut listing.files] {
        paths.sort_by(|a, b| a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes()));
    }
    Ok(listing)
}
