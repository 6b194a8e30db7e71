//! Parquet in Hugging Face's layout: a column `image` of encoded images, a column `label` of positions or names.
//!
//! | column | type |
//! |---|---|
//! | `image.bytes` (or `image`) | the bytes of a PNG or JPEG file |
//! | `image.path` | passed over |
//! | `label` (or `class`, `fine_label`) | int32, int64 or text |
//! | `group` | int64; optional |
//!
//! The names of integer labels stand in the file's metadata under `huggingface`. Refuses images kept as paths only,
//! nulls, nested lists. Limits: 8 GiB of encoded images, 256 MiB for one.

use std::fs::File;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};

use parquet::column::reader::ColumnReader;
use parquet::data_type::ByteArray;
use parquet::file::reader::{ChunkReader, FileReader, RowGroupReader};
use parquet::file::serialized_reader::SerializedFileReader;
use serde_json::Value;

use super::dataset::{Dataset, Part};
use super::decode::{MAX_FILE_BYTES, decode};
use super::decode_many::{MAX_BYTES, decode_many};
use super::gather::{self, Classes, Row};
use super::labels::{Groups, Label, Numbers};
use crate::error::{Error, ErrorKind, Result};
use crate::parallel::Pool;

/// Where encoded images stand, the first that there is.
const IMAGES: [&str; 4] = ["image.bytes", "img.bytes", "image", "img"];

/// Where labels stand.
const LABELS: [&str; 5] = ["label", "class", "target", "fine_label", "y"];

/// Reads files, each the rows of its part, into one dataset.
///
/// # Errors
/// `Data` with the file and the column.
pub(super) fn read(files: &[(Option<Part>, PathBuf)], name: &str, pool: &Pool) -> Result<Dataset> {
    let tables = pool.map(files.len(), |i| {
        let path = &files[i].1;
        let file = File::open(path).map_err(|error| Error::io(path, "open the file", &error))?;
        read_table(file).map_err(|error| error.with_file(path))
    });
    let (mut rows, mut bytes, mut classes, mut n_bytes) = (Vec::new(), Vec::new(), None, 0);
    for (table, (part, path)) in tables.into_iter().zip(files) {
        let table = table?;
        n_bytes += table.images.iter().map(|image| image.len() as u64).sum::<u64>();
        if n_bytes > MAX_BYTES {
            return Err(too_long().with_file(path));
        }
        for (label, group) in table.labels.into_iter().zip(table.groups) {
            rows.push(Row { label, part: *part, group, file: None });
        }
        bytes.extend(table.images);
        classes = classes.or(table.classes);
    }
    let file = files.first().map_or(Path::new(""), |(_, path)| path);
    let images = decode_many(bytes.len(), pool, |i| {
        decode(bytes[i].data()).map_err(|error| error.with_place(format!("image {i}")))
    });
    let images = images.map_err(|error| error.with_file(file))?;
    let classes = classes.as_deref().map_or(Classes::FromLabels(Numbers::Positions), Classes::Positions);
    gather::dataset(name, images, rows, classes).map_err(|error| error.with_file(file))
}

/// Reads a file's bytes: what the fuzzer knocks at.
///
/// # Errors
/// As a source of this kind.
pub fn parse(bytes: &[u8]) -> Result<usize> {
    read_table(bytes::Bytes::copy_from_slice(bytes)).map(|table| table.images.len())
}

/// The columns of one file.
struct Table {
    images: Vec<ByteArray>,
    labels: Vec<Label>,
    groups: Vec<Option<u32>>,
    classes: Option<Vec<String>>,
}

/// The reader of this format asserts what it should check in some damaged files: that ends in an error here too.
fn read_table(file: impl ChunkReader + 'static) -> Result<Table> {
    std::panic::catch_unwind(AssertUnwindSafe(|| read_columns(file)))
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::Data, "damaged parquet file")))
}

fn damaged(error: impl std::fmt::Display) -> Error {
    let text = error.to_string().replace('\n', " ");
    Error::new(ErrorKind::Data, format!("damaged parquet file: {text}"))
}

fn read_columns(file: impl ChunkReader + 'static) -> Result<Table> {
    let reader = SerializedFileReader::new(file)
        .map_err(|error| Error::mismatch(ErrorKind::Data, "a parquet file", error.to_string().replace('\n', " ")))?;
    let metadata = reader.metadata().file_metadata();
    let names: Vec<String> = metadata.schema_descr().columns().iter().map(|column| column.path().string()).collect();
    let find = |known: &[&str]| known.iter().find_map(|known| names.iter().position(|name| name == known));
    let shown = || names.iter().take(8).cloned().collect::<Vec<_>>().join(", ");
    let image = find(&IMAGES)
        .ok_or_else(|| Error::mismatch(ErrorKind::Data, "a column `image` with the bytes of images", shown()))?;
    let label = find(&LABELS).ok_or_else(|| Error::mismatch(ErrorKind::Data, "a column `label`", shown()))?;
    let group = find(&["group", "writer"]);
    let classes = metadata
        .key_value_metadata()
        .and_then(|pairs| pairs.iter().find(|pair| pair.key == "huggingface"))
        .and_then(|pair| class_names(pair.value.as_deref()?, &names[label]));
    let claimed: i64 = reader
        .metadata()
        .row_groups()
        .iter()
        .map(|group| group.column(image).uncompressed_size().max(0))
        .fold(0, i64::saturating_add);
    if claimed as u64 > MAX_BYTES {
        return Err(too_long());
    }
    let mut table = Table { images: Vec::new(), labels: Vec::new(), groups: Vec::new(), classes };
    for i in 0..reader.num_row_groups() {
        let rows = reader.get_row_group(i).map_err(damaged)?;
        read_row_group(&*rows, [Some(image), Some(label), group], &mut table)
            .map_err(|error| at_row_group(error, i, &names, [image, label]))?;
    }
    Ok(table)
}

fn at_row_group(error: Error, i: usize, names: &[String], columns: [usize; 2]) -> Error {
    match error.place() {
        Some("image") => error.with_place(format!("row group {i}, column {}", names[columns[0]])),
        Some("label") => error.with_place(format!("row group {i}, column {}", names[columns[1]])),
        Some(_) => error,
        None => error.with_place(format!("row group {i}")),
    }
}

fn read_row_group(rows: &dyn RowGroupReader, columns: [Option<usize>; 3], table: &mut Table) -> Result<()> {
    let n = usize::try_from(rows.metadata().num_rows()).map_err(damaged)?;
    let [image, label, group] =
        columns.map(|column| column.map(|column| rows.get_column_reader(column).map_err(damaged)).transpose());
    let (Some(image), Some(label)) = (image?, label?) else {
        return Err(Error::new(ErrorKind::Data, "damaged parquet file"));
    };
    let ColumnReader::ByteArrayColumnReader(mut image) = image else {
        return Err(Error::mismatch(ErrorKind::Data, "the bytes of images", "another type").with_place("image"));
    };
    let before = table.images.len();
    let mut levels = Vec::new();
    let read = image.read_records(n, Some(&mut levels), None, &mut table.images).map_err(damaged)?;
    let found = table.images.len() - before;
    if read.0 != n || found != n {
        let found = format!("{found} of {n}");
        return Err(Error::mismatch(ErrorKind::Data, "the bytes of every image", found)
            .with_place("image")
            .with_help("images that are kept as paths cannot be read"));
    }
    if table.images.iter().any(|image| image.len() as u64 > MAX_FILE_BYTES) {
        return Err(Error::mismatch(ErrorKind::Data, "images of at most 256 MiB", "a longer one").with_place("image"));
    }
    let labels = texts(label, n)?;
    if labels.len() != n {
        let found = format!("{} of {n}", labels.len());
        return Err(Error::mismatch(ErrorKind::Data, "a label for every image", found).with_place("label"));
    }
    table.labels.extend(labels);
    match group? {
        Some(group) => table.groups.extend(groups(group, n)?),
        None => table.groups.resize(table.groups.len() + n, None),
    }
    Ok(())
}

/// A group or none for each row.
fn groups(column: ColumnReader, n: usize) -> Result<Vec<Option<u32>>> {
    let (values, levels) = values(column, n)?;
    let mut numbers = Groups::default();
    let mut values = values.into_iter().map(|value| match value {
        Label::Number(number) => Some(number as u32),
        Label::Name(name) => numbers.number(&name),
    });
    // Without levels the column allows no null.
    let all = levels.is_empty();
    let groups =
        (0..n).map(|i| if all || levels.get(i).is_some_and(|&level| level > 0) { values.next()? } else { None });
    Ok(groups.collect())
}

/// The values of a column of integers or texts, those that are null left out.
fn texts(column: ColumnReader, n: usize) -> Result<Vec<Label>> {
    values(column, n).map(|(values, _)| values)
}

/// Values that are there, and for each row whether it has one (level 1), where the column allows nulls.
fn values(column: ColumnReader, n: usize) -> Result<(Vec<Label>, Vec<i16>)> {
    let mut levels = Vec::new();
    let values = match column {
        ColumnReader::Int64ColumnReader(mut column) => {
            let mut values = Vec::new();
            column.read_records(n, Some(&mut levels), None, &mut values).map_err(damaged)?;
            values.into_iter().map(Label::Number).collect()
        }
        ColumnReader::Int32ColumnReader(mut column) => {
            let mut values = Vec::new();
            column.read_records(n, Some(&mut levels), None, &mut values).map_err(damaged)?;
            values.into_iter().map(|value| Label::Number(value.into())).collect()
        }
        ColumnReader::ByteArrayColumnReader(mut column) => {
            let mut values: Vec<ByteArray> = Vec::new();
            column.read_records(n, Some(&mut levels), None, &mut values).map_err(damaged)?;
            let text = |value: ByteArray| Ok(Label::Name(value.as_utf8().map_err(damaged)?.to_owned()));
            values.into_iter().map(text).collect::<Result<_>>()?
        }
        _ => {
            return Err(Error::mismatch(ErrorKind::Data, "integers or texts", "another type").with_place("label"));
        }
    };
    Ok((values, levels))
}

fn too_long() -> Error {
    Error::mismatch(ErrorKind::Data, "at most 8 GiB of encoded images", "more")
}

/// The names that Hugging Face's metadata give to the labels of a column.
fn class_names(text: &str, column: &str) -> Option<Vec<String>> {
    let metadata: Value = serde_json::from_str(text).ok()?;
    let feature = &metadata["info"]["features"][column];
    // A mapping from number to name in some versions, a list in most.
    let names = match &feature["names"] {
        Value::Array(names) => names.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()?,
        Value::Object(names) => (0..names.len())
            .map(|i| names.get(&i.to_string())?.as_str().map(str::to_owned))
            .collect::<Option<Vec<_>>>()?,
        _ => return None,
    };
    (feature["_type"] == "ClassLabel" && !names.is_empty()).then_some(names)
}
