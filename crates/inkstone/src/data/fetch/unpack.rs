//! From a verified download to raw files. Refuses more bytes than a raw file has.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufReader, Read};

use flate2::read::MultiGzDecoder;
use zip::ZipArchive;

use super::catalogue::{Packing, PublishedFile, RawFile};
use super::download::Download;
use super::folder::Folder;
use super::{Event, FileRecord};
use crate::error::{Error, ErrorKind, Result};

/// Puts every raw file of `file` into `folder`.
pub(super) fn unpack(
    download: &Download,
    file: &PublishedFile,
    folder: &Folder,
    observe: &mut dyn FnMut(&Event),
) -> Result<Vec<FileRecord>> {
    let fail = |error: &io::Error| Error::io(&download.path, "read the download", error);
    let open = || File::open(&download.path).map_err(|error| fail(&error));
    let mut records = Vec::new();
    let mut write = |raw: &RawFile, reader: &mut dyn Read| -> Result<()> {
        let record = folder.write_raw(raw, reader, &download.source)?;
        observe(&Event::Unpacked { file: &record.name, size: record.size });
        records.push(record);
        Ok(())
    };
    match file.packing {
        Packing::Plain => {
            for raw in &file.contents {
                write(raw, &mut open()?)?;
            }
        }
        Packing::Gzip => {
            for raw in &file.contents {
                write(raw, &mut MultiGzDecoder::new(BufReader::new(open()?)))?;
            }
        }
        Packing::ZipOfGzip => {
            let mut archive =
                ZipArchive::new(BufReader::new(open()?)).map_err(|error| fail(&io::Error::other(error)))?;
            for raw in &file.contents {
                let member = member_of(&archive, raw).map_err(|error| error.with_file(&download.path))?;
                let packed = archive.by_name(&member).map_err(|error| fail(&io::Error::other(error)))?;
                write(raw, &mut MultiGzDecoder::new(BufReader::new(packed)))?;
            }
        }
    }
    sync_folder(folder);
    Ok(records)
}

/// The member `NAME.gz` of the archive, in whatever folder it stands there.
fn member_of<R>(archive: &ZipArchive<R>, raw: &RawFile) -> Result<String>
where
    R: Read + io::Seek,
{
    let wanted = format!("{}.gz", raw.name);
    let mut names = archive.file_names().flatten();
    let found = names.find(|member| member.rsplit('/').next() == Some(wanted.as_str()));
    found.map(Cow::into_owned).ok_or_else(|| {
        Error::mismatch(ErrorKind::Fetch, format!("a member {wanted}"), format!("{} others", archive.len()))
    })
}

/// Makes the renames last through a power cut, where the system can do that for a folder.
fn sync_folder(folder: &Folder) {
    if cfg!(unix) {
        // A file system that refuses leaves us with what rename alone promises.
        let _ = File::open(folder.path()).and_then(|folder| folder.sync_all());
    }
}
