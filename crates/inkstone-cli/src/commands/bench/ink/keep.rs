//! Pictures of the bench as files: to look at, or to prepare and train on. Writes over what an earlier run left.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use inkstone::{Error, Result};

use super::picture::Picture;

/// Writes a picture as its number, and a row of `readings.csv` beside it.
pub(super) fn with_reading(folder: &Path, index: usize, picture: &Picture) -> Result<()> {
    let name = format!("{index:05}.{}", ending(picture));
    write(folder, &name, picture)?;
    let table = folder.join("readings.csv");
    let failed = |error| Error::io(&table, "write the table", &error);
    let begin = if index == 0 { File::create(&table) } else { File::options().append(true).open(&table) };
    let mut file = begin.map_err(failed)?;
    let heading = if index == 0 { "path,text\n" } else { "" };
    file.write_all(format!("{heading}{name},{}\n", picture.reading).as_bytes()).map_err(failed)
}

/// Writes a picture that was misread: its number, its reading and what was read are its name.
pub(super) fn misread(folder: &Path, index: usize, picture: &Picture, read: &str) -> Result<()> {
    let read = if read.is_empty() { "nothing" } else { read };
    write(folder, &format!("{index:05}-{}-as-{read}.{}", picture.reading, ending(picture)), picture)
}

fn ending(picture: &Picture) -> &'static str {
    if picture.bytes.starts_with(b"\x89PNG") { "png" } else { "jpg" }
}

fn write(folder: &Path, name: &str, picture: &Picture) -> Result<()> {
    let file = folder.join(name);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&file, &picture.bytes))
        .map_err(|error| Error::io(&file, "write the picture", &error))
}
