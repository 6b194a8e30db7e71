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
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => listing.folders.push(path),
            // A broken link is listed too: reading it tells what is wrong.
            _ => listing.files.push(path),
        }
    }
    for paths in [&mut listing.folders, &mut listing.files] {
        paths.sort_by(|a, b| a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes()));
    }
    Ok(listing)
}
