//! A table of image files: `path,label`, and `part` and `group` where there are such columns.

use std::path::{Path, PathBuf};

use super::{Columns, MAX_LINE, first_row, part_of, ragged_row};
use crate::data::dataset::{Dataset, Part};
use crate::data::decode::{decode, read_file};
use crate::data::decode_many::decode_many;
use crate::data::gather::{self, Classes, Row};
use crate::data::labels::{Groups, Label, Numbers};
use crate::error::{Error, ErrorKind, Result};
use crate::parallel::Pool;

/// The largest table of files that is read: 1 GiB.
const MAX_FILE: u64 = 1 << 30;

/// Reads the tables, then the images that they name.
pub(super) fn read(
    files: &[(Option<Part>, PathBuf)],
    name: &str,
    classes: Classes<'_>,
    pool: &Pool,
) -> Result<Dataset> {
    let (mut rows, mut paths, mut groups) = (Vec::new(), Vec::new(), Groups::default());
    for (part, file) in files {
        let table = read_table(file, *part, &mut groups).map_err(|error| error.with_file(file))?;
        let folder = file.parent().unwrap_or(Path::new(""));
        paths.extend(table.iter().map(|row| folder.join(row.file.as_deref().unwrap_or(Path::new("")))));
        rows.extend(table);
    }
    let images =
        decode_many(paths.len(), pool, |i| decode(&read_file(&paths[i])?).map_err(|error| error.with_file(&paths[i])));
    let images = images.map_err(|error| error.with_file(&files[0].1))?;
    // In a table of files numbers are names like others.
    let classes = match classes {
        Classes::FromLabels(_) => Classes::FromLabels(Numbers::Names),
        known => known,
    };
    gather::dataset(name, images, rows, classes).map_err(|error| error.with_file(&files[0].1))
}

fn read_table(file: &Path, part: Option<Part>, groups: &mut Groups) -> Result<Vec<Row>> {
    let columns = Columns::of(&first_row(file)?, file)?;
    let Some(path_column) = columns.path else {
        return Err(Error::mismatch(ErrorKind::Data, "a column `path` as in the first table", "none"));
    };
    let length = std::fs::metadata(file).map_err(|error| Error::io(file, "read the file", &error))?.len();
    if length > MAX_FILE {
        let found = format!("{length} bytes");
        return Err(Error::mismatch(ErrorKind::Data, format!("a table of at most {MAX_FILE} bytes"), found));
    }
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(columns.named)
        .flexible(true)
        .from_path(file)
        .map_err(|error| Error::new(ErrorKind::Io, format!("cannot open the file: {error}")))?;
    let (mut record, mut rows) = (csv::StringRecord::new(), Vec::new());
    let damaged = |error: csv::Error| Error::new(ErrorKind::Data, format!("damaged table: {error}"));
    while reader.read_record(&mut record).map_err(damaged)? {
        let line = record.position().map_or(0, |position| position.line() as usize);
        if record.len() != columns.n {
            return Err(ragged_row(line, columns.n, record.len()));
        }
        let at = |column: usize| record.get(column).unwrap_or("");
        let path = at(path_column).trim();
        if path.is_empty() || path.len() > MAX_LINE {
            return Err(Error::mismatch(ErrorKind::Data, "the path of an image", "nothing")
                .with_place(format!("line {line}, column {}", path_column + 1)));
        }
        let own = columns.part.map_or(Ok(None), |column| {
            part_of(at(column)).map_err(|error| error.with_place(format!("line {line}, column {}", column + 1)))
        })?;
        rows.push(Row {
            label: Label::parse(at(columns.label)),
            part: own.or(part),
            group: columns.group.and_then(|column| groups.number(at(column).trim())),
            file: Some(PathBuf::from(path)),
        });
    }
    Ok(rows)
}
