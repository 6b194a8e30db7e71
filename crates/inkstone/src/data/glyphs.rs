//! From pictures whose reading is known to glyphs with labels: a table (path, text), and the ink rules cut what it
//! names. Where the signs found are not as many as the text has characters, nothing is guessed: the picture is for a
//! person to look at.

use std::fmt;
use std::path::{Path, PathBuf};

use super::dataset::Image;
use super::ink::{self, Glyph, Kind, Reason};
use crate::error::{Error, ErrorKind, Result};

/// The names of the column that holds a picture's file, in lower case.
const PATH_NAMES: [&str; 5] = ["path", "file", "filename", "file_name", "image"];
/// The names of the column that holds its reading, in lower case.
const TEXT_NAMES: [&str; 5] = ["text", "reading", "label", "value", "transcription"];
/// The longest table that is read: 256 MiB.
const MAX_BYTES: u64 = 256 << 20;

/// A row of a table of readings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The picture's file as the table names it: relative to the table.
    pub path: PathBuf,
    /// What stands on it.
    pub text: String,
}

/// Reads a table of readings (CSV): columns `path` and `text` in any order, or two columns without names. A row that is
/// wrong is an error in its place.
///
/// # Errors
/// If the table cannot be read, is longer than 256 MiB, or its columns are not the two.
pub fn readings(table: &Path) -> Result<Vec<Result<Reading>>> {
    let length = std::fs::metadata(table).map_err(|error| Error::io(table, "read the table", &error))?.len();
    if length > MAX_BYTES {
        let expected = format!("a table of at most {} MiB", MAX_BYTES >> 20);
        return Err(Error::mismatch(ErrorKind::Data, expected, format!("{} MiB", length >> 20)).with_file(table));
    }
    let bytes = std::fs::read(table).map_err(|error| Error::io(table, "read the table", &error))?;
    parse(&bytes)
        .map_err(|error| error.with_file(table))
        .map(|rows| rows.into_iter().map(|row| row.map_err(|error| error.with_file(table))).collect())
}

fn parse(bytes: &[u8]) -> Result<Vec<Result<Reading>>> {
    // Spreadsheets begin a file with a byte order mark.
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(bytes);
    let mut columns = None;
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                rows.push(Err(Error::new(ErrorKind::Data, format!("damaged row: {error}"))));
                continue;
            }
        };
        match columns {
            None => {
                let (found, is_heading) = Columns::of(&record)?;
                columns = Some(found);
                if !is_heading {
                    rows.push(found.reading(&record));
                }
            }
            Some(columns) => rows.push(columns.reading(&record)),
        }
    }
    if rows.is_empty() {
        return Err(Error::mismatch(ErrorKind::Data, "rows of path and text", "none"));
    }
    Ok(rows)
}

/// Where in a row the two cells stand.
#[derive(Debug, Clone, Copy)]
struct Columns {
    path: usize,
    text: usize,
}

impl Columns {
    /// From the first row, and whether that row holds names.
    fn of(first: &csv::StringRecord) -> Result<(Self, bool)> {
        let place = |names: &[&str]| first.iter().position(|cell| names.contains(&cell.to_lowercase().as_str()));
        match (place(&PATH_NAMES), place(&TEXT_NAMES)) {
            (Some(path), Some(text)) => Ok((Self { path, text }, true)),
            _ if first.len() == 2 => Ok((Self { path: 0, text: 1 }, false)),
            _ => {
                let found = first.iter().take(8).collect::<Vec<_>>().join(", ");
                Err(Error::mismatch(ErrorKind::Data, "columns `path` and `text`", found))
            }
        }
    }

    fn reading(self, record: &csv::StringRecord) -> Result<Reading> {
        let cell = |place: usize| record.get(place).map(str::to_owned);
        match (cell(self.path).filter(|path| !path.is_empty()), cell(self.text)) {
            (Some(path), Some(text)) => Ok(Reading { path: path.into(), text }),
            _ => {
                let line = record.position().map_or(0, csv::Position::line);
                Err(Error::mismatch(ErrorKind::Data, "a path and a text", format!("{} cells", record.len()))
                    .with_place(format!("line {line}")))
            }
        }
    }
}

/// What became of one picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cut {
    /// Its glyphs, each with its character, and how many points, commas and minus signs stand between them: those are
    /// read by their shape and place, and need no training.
    Glyphs {
        /// In reading order.
        glyphs: Vec<Labelled>,
        /// Signs that are not written.
        n_marks: usize,
    },
    /// It is for a person to look at.
    Review(Why),
}

/// A glyph and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// What it is said to be.
    pub character: char,
    /// Counted from 1 in the picture's signs.
    pub place: usize,
    /// The glyph as the model will see it.
    pub glyph: Glyph,
}

/// Why a picture is not cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The ink rules do not trust it.
    Unsure(Vec<Reason>),
    /// Signs are too many or too few.
    Count {
        /// Signs in the picture.
        found: usize,
        /// Characters of the text.
        expected: usize,
    },
    /// A sign that looks like another one than the text says.
    Unlike {
        /// Counted from 1.
        place: usize,
        /// What the text says.
        character: char,
        /// What it looks like.
        kind: Kind,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsure(reasons) => {
                let names: Vec<&str> = reasons.iter().map(|reason| reason.name()).collect();
                f.write_str(&names.join(", "))
            }
            Self::Count { found, expected } => write!(f, "{found} signs found, {expected} in the text"),
            Self::Unlike { place, character, kind } => {
                write!(f, "sign {place} looks like a {}, not like {character}", kind.name().unwrap_or("glyph"))
            }
        }
    }
}

/// Cuts a picture whose reading is known into glyphs of `[height, width]`. Spaces of the text count for nothing.
pub fn cut(image: Image<'_>, text: &str, size: [usize; 2]) -> Cut {
    let characters: Vec<char> = text.chars().filter(|character| !character.is_whitespace()).collect();
    let page = ink::read(image, size);
    if characters.is_empty() && page.glyphs.is_empty() {
        return Cut::Glyphs { glyphs: Vec::new(), n_marks: 0 };
    }
    if !page.reasons.is_empty() {
        return Cut::Review(Why::Unsure(page.reasons));
    }
    if page.glyphs.len() != characters.len() {
        return Cut::Review(Why::Count { found: page.glyphs.len(), expected: characters.len() });
    }
    let pairs = || characters.iter().copied().zip(&page.glyphs).zip(1..);
    if let Some(((character, glyph), place)) = pairs().find(|((character, glyph), _)| !is_like(*character, glyph.kind))
    {
        return Cut::Review(Why::Unlike { place, character, kind: glyph.kind });
    }
    let glyphs: Vec<Labelled> = pairs()
        .filter(|((_, glyph), _)| glyph.kind == Kind::Glyph)
        .map(|((character, glyph), place)| Labelled { character, place, glyph: glyph.clone() })
        .collect();
    Cut::Glyphs { n_marks: page.glyphs.len() - glyphs.len(), glyphs }
}

/// Whether a sign of this kind may be this character.
fn is_like(character: char, kind: Kind) -> bool {
    match kind {
        Kind::Glyph => !matches!(character, '.' | '·' | ','),
        Kind::Point => matches!(character, '.' | '·' | ','),
        Kind::Comma => matches!(character, ',' | '.' | '\''),
        Kind::Minus => matches!(character, '-' | '−' | '–' | '—' | '_'),
    }
}

/// The name of the folder for a character: itself, or its code point where a folder cannot be called that.
///
/// ```
/// use inkstone::data::glyphs::class_name;
/// assert_eq!((class_name('7').as_str(), class_name('/').as_str()), ("7", "U+002F"));
/// ```
pub fn class_name(character: char) -> String {
    if character.is_control() || "/\\.:*?\"<>|".contains(character) {
        return format!("U+{:04X}", u32::from(character));
    }
    character.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<(String, String)> {
        let rows = parse(text.as_bytes()).unwrap();
        rows.into_iter().map(|row| row.unwrap()).map(|row| (row.path.display().to_string(), row.text)).collect()
    }

    #[test]
    fn a_table_has_named_columns_in_any_order_or_two_without_names() {
        let expected = vec![("a.png".to_owned(), "12.5".to_owned()), ("b/c.jpg".to_owned(), String::new())];
        for text in [
            "path,text\na.png,12.5\nb/c.jpg,\n",
            "\u{feff}Text,Station,File\r\n12.5,north,a.png\r\n,south,b/c.jpg\r\n",
            "a.png, 12.5\nb/c.jpg,\"\"\n",
        ] {
            assert_eq!(rows(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_table_of_readings_is_an_error_and_a_bad_row_one_in_its_place() {
        for (text, expected) in [
            ("", "expected rows of path and text, found none"),
            ("path,text\n", "expected rows of path and text, found none"),
            ("a,b,c\n1,2,3\n", "expected columns `path` and `text`, found a, b, c"),
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap_err().to_string(), expected);
        }
        let rows = parse(b"path,text\n,5\na.png\nb.png,6\n").unwrap();
        let errors: Vec<String> = rows.iter().filter_map(|row| Some(row.as_ref().err()?.to_string())).collect();
        assert_eq!(
            errors,
            ["line 2: expected a path and a text, found 2 cells", "line 3: expected a path and a text, found 1 cells"]
        );
        assert!(rows[2].is_ok());
    }
}
