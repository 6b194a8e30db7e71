//! CSV: a row of pixels per image (Kaggle's MNIST: `label,pixel0,…` or `label,1x1,…`), or a table of image files
//! (`path,label`, and `part`, `group` where they are known).
//!
//! | first row | what it is |
//! |---|---|
//! | a column `path`, `file`, `filename`, `file_name` or `image` | a table of files, relative to the table's folder |
//! | other words | names of columns: `label` (or `class`, `target`, `y`), `part`, `group`; the others are pixels |
//! | numbers alone | no names: the label, then the pixels |
//!
//! Limits, checked before memory is asked for: [`MAX_LINE`] bytes and [`MAX_COLUMNS`] columns per row, 8 GiB of pixels.
//! Refuses ragged rows and values that are no whole number from 0 to 255, with line and column.

mod paths;
mod pixels;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::dataset::{Dataset, Part, Size};
use super::gather::Classes;
use crate::error::{Error, ErrorKind, Result};
use crate::parallel::Pool;

/// The longest row, in bytes: 4 MiB.
pub const MAX_LINE: usize = 4 << 20;

/// The most columns of a row: a colour image of 316×316.
pub const MAX_COLUMNS: usize = 300_000;

/// Columns that hold the label, in lower case.
const LABEL_NAMES: [&str; 4] = ["label", "class", "target", "y"];

/// Columns that hold an image's file.
const PATH_NAMES: [&str; 6] = ["path", "file", "filename", "file_name", "image", "image_path"];

/// What is known of tables beforehand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    /// The classes.
    pub(super) classes: Classes<'a>,
    /// The size of every image, where pixels stand in the rows.
    pub(super) size: Option<Size>,
}

/// Reads tables, each the rows of its part, into one dataset.
///
/// # Errors
/// `Data` with file, line and column.
pub(super) fn read(files: &[(Option<Part>, PathBuf)], name: &str, known: Known<'_>, pool: &Pool) -> Result<Dataset> {
    let [(_, first), ..] = files else {
        return Err(Error::mismatch(ErrorKind::Data, "a .csv file", "none"));
    };
    if Columns::of(&first_row(first)?, first)?.path.is_some() {
        return paths::read(files, name, known.classes, pool);
    }
    pixels::read(files, name, known, pool)
}

/// Which column holds what.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Columns {
    /// Whether the first row names the columns.
    named: bool,
    n: usize,
    label: usize,
    path: Option<usize>,
    part: Option<usize>,
    group: Option<usize>,
    /// The last pixel's name, which may tell rows and columns: `28x28`.
    last_pixel: Option<String>,
}

impl Columns {
    fn of(row: &[String], file: &Path) -> Result<Self> {
        let names: Vec<String> = row.iter().map(|name| name.trim().to_ascii_lowercase()).collect();
        let find = |known: &[&str]| names.iter().position(|name| known.contains(&name.as_str()));
        let plain =
            Self { named: false, n: row.len(), label: 0, path: None, part: None, group: None, last_pixel: None };
        if find(&LABEL_NAMES).is_none() && find(&PATH_NAMES).is_none() {
            if names.iter().skip(1).all(|name| name.parse::<f64>().is_ok()) && row.len() > 1 {
                return Ok(plain);
            }
            // `a/1.png,a`: a table of files without names.
            if let [path, _] = row
                && path.rsplit_once('.').is_some_and(|(_, extension)| (3..=4).contains(&extension.len()))
            {
                return Ok(Self { path: Some(0), label: 1, ..plain });
            }
        }
        let Some(label) = find(&LABEL_NAMES) else {
            let start: Vec<&str> = row.iter().take(4).map(String::as_str).collect();
            let found = start.join(", ") + if row.len() > 4 { ", …" } else { "" };
            let expected = "a column `label` (or class, target, y), or numbers alone with the label first";
            return Err(Error::mismatch(ErrorKind::Data, expected, found).with_place("line 1").with_file(file));
        };
        let path = find(&PATH_NAMES);
        let (part, group) = (find(&["part", "split"]), find(&["group", "writer"]));
        let is_pixel = |k: &usize| *k != label && Some(*k) != part && Some(*k) != group;
        let last_pixel = (0..row.len()).rev().find(is_pixel).map(|k| names[k].clone());
        Ok(Self { named: true, n: row.len(), label, path, part, group, last_pixel })
    }

    /// How many columns are pixels.
    fn n_pixels(&self) -> usize {
        self.n - 1 - usize::from(self.part.is_some()) - usize::from(self.group.is_some())
    }
}

/// The fields of the first row.
fn first_row(path: &Path) -> Result<Vec<String>> {
    let file = File::open(path).map_err(|error| Error::io(path, "open the file", &error))?;
    let mut line = Vec::new();
    BufReader::new(file)
        .take(MAX_LINE as u64 + 1)
        .read_until(b'\n', &mut line)
        .map_err(|error| Error::io(path, "read the file", &error))?;
    if line.len() > MAX_LINE {
        return Err(long_line(1).with_file(path));
    }
    // Spreadsheets put a mark of UTF-8 in front.
    let text = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&line);
    let Some(row) = fields(text).map_err(|error| error.with_place("line 1").with_file(path))? else {
        return Err(Error::mismatch(ErrorKind::Data, "a table with rows", "an empty file").with_file(path));
    };
    if row.len() > MAX_COLUMNS {
        return Err(wide_row(1, row.len()).with_file(path));
    }
    Ok(row)
}

/// The fields of one row, quotes undone; none of an empty line.
fn fields(line: &[u8]) -> Result<Option<Vec<String>>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(line);
    let mut record = csv::ByteRecord::new();
    let failed = |error: csv::Error| Error::new(ErrorKind::Data, format!("damaged row: {error}"));
    if !reader.read_byte_record(&mut record).map_err(failed)? {
        return Ok(None);
    }
    Ok(Some(record.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect()))
}

fn long_line(line: usize) -> Error {
    Error::mismatch(ErrorKind::Data, format!("lines of at most {MAX_LINE} bytes"), "a longer one")
        .with_place(format!("line {line}"))
}

fn wide_row(line: usize, n: usize) -> Error {
    Error::mismatch(ErrorKind::Data, format!("at most {MAX_COLUMNS} columns"), n.to_string())
        .with_place(format!("line {line}"))
}

fn ragged_row(line: usize, n: usize, found: usize) -> Error {
    Error::mismatch(ErrorKind::Data, format!("{n} columns as in the first line"), found.to_string())
        .with_place(format!("line {line}"))
}

/// A part by its word; empty means none.
fn part_of(text: &str) -> Result<Option<Part>> {
    let text = text.trim();
    match Part::from_word(text) {
        None if !text.is_empty() => {
            Err(Error::mismatch(ErrorKind::Data, "train, validation or test", format!("{text:?}")))
        }
        part => Ok(part),
    }
}
