//! A row of pixels per image. Read in blocks, each parsed in parallel by its own lines.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{Columns, Known, MAX_COLUMNS, MAX_LINE, fields, first_row, long_line, part_of, ragged_row, wide_row};
use crate::data::dataset::{Dataset, Images, Part, Size};
use crate::data::decode_many::{MAX_BYTES, too_large};
use crate::data::gather::{self, Row};
use crate::data::labels::{Groups, Label};
use crate::error::{Error, ErrorKind, Result};
use crate::parallel::Pool;

/// How much of a file is read at a time: more than the longest line.
const BLOCK: usize = 16 << 20;

/// Reads the tables into images of one size.
pub(super) fn read(files: &[(Option<Part>, PathBuf)], name: &str, known: Known<'_>, pool: &Pool) -> Result<Dataset> {
    let mut table = Table::default();
    let mut size = known.size;
    for (part, file) in files {
        let columns = Columns::of(&first_row(file)?, file)?;
        let of_rows = image_size(&columns, size).map_err(|error| error.with_file(file))?;
        size = Some(of_rows);
        read_file(file, *part, &columns, &mut table, pool).map_err(|error| error.with_file(file))?;
    }
    let (Some(size), false) = (size, table.rows.is_empty()) else {
        return Err(Error::mismatch(ErrorKind::Data, "1 to 4294967295 images", "0 images").with_file(&files[0].1));
    };
    let images = Images::uniform(size, table.pixels);
    gather::dataset(name, images, table.rows, known.classes).map_err(|error| error.with_file(&files[0].1))
}

/// Rows read so far.
#[derive(Default)]
struct Table {
    pixels: Vec<u8>,
    rows: Vec<Row>,
    groups: Groups,
}

/// Height, width and channels of rows of so many pixels.
fn image_size(columns: &Columns, known: Option<Size>) -> Result<Size> {
    let n = columns.n_pixels();
    if let Some(size) = known {
        let fits = size.len() == n;
        let expected = format!("{} columns of pixels for images of {size}", size.len());
        return if fits { Ok(size) } else { Err(Error::mismatch(ErrorKind::Data, expected, n.to_string())) };
    }
    let side = |n: usize| Some(n.isqrt()).filter(|side| *side > 0 && side * side == n);
    let named = columns.last_pixel.as_deref().and_then(|name| name.split_once('x'));
    if let Some((Ok(height), Ok(width))) = named.map(|(height, width)| (height.parse(), width.parse::<usize>()))
        && usize::checked_mul(height, width) == Some(n)
        && n > 0
    {
        return Ok(Size { height, width, channels: 1 });
    }
    if let Some(side) = side(n) {
        return Ok(Size { height: side, width: side, channels: 1 });
    }
    if let Some(side) = side(n / 3).filter(|_| n.is_multiple_of(3)) {
        return Ok(Size { height: side, width: side, channels: 3 });
    }
    Err(Error::mismatch(ErrorKind::Data, "as many pixels per row as a square image has, grey or RGB", n.to_string())
        .with_place("line 1")
        .with_help("name the columns by row and column, 1x1 to 28x20, for images that are no squares"))
}

fn read_file(path: &Path, part: Option<Part>, columns: &Columns, table: &mut Table, pool: &Pool) -> Result<()> {
    let failed = |error: &std::io::Error| Error::io(path, "read the file", error);
    let mut file = File::open(path).map_err(|error| failed(&error))?;
    let mut line = 1;
    let mut block: Vec<u8> = Vec::with_capacity(BLOCK + MAX_LINE);
    let mut first = true;
    loop {
        let n_read = file.by_ref().take(BLOCK as u64).read_to_end(&mut block).map_err(|error| failed(&error))?;
        if std::mem::take(&mut first) {
            if block.starts_with(b"\xEF\xBB\xBF") {
                block.drain(..3);
            }
            if columns.named {
                let end = block.iter().position(|&byte| byte == b'\n').map_or(block.len(), |end| end + 1);
                block.drain(..end);
                line += 1;
            }
        }
        let at_end = n_read < BLOCK;
        let end =
            if at_end { block.len() } else { block.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1) };
        if block.len() - end > MAX_LINE {
            return Err(long_line(line + count_lines(&block[..end])));
        }
        line += parse_block(&block[..end], line, columns, part, table, pool)?;
        block.drain(..end);
        if at_end {
            return Ok(());
        }
    }
}

fn count_lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte == b'\n').count()
}

/// Parses whole lines, and says how many there were.
fn parse_block(
    block: &[u8],
    line: usize,
    columns: &Columns,
    part: Option<Part>,
    table: &mut Table,
    pool: &Pool,
) -> Result<usize> {
    let pieces = cut(block, pool.n_threads() * 4);
    let parsed = pool.map(pieces.len(), |i| parse_piece(pieces[i], columns));
    let mut n_lines = 0;
    for piece in parsed {
        let mut piece = piece.map_err(|fault| fault.at(line + n_lines))?;
        if (table.pixels.len() + piece.pixels.len()) as u64 > MAX_BYTES {
            return Err(too_large("more"));
        }
        table.pixels.append(&mut piece.pixels);
        for row in piece.rows {
            let group = table.groups.number(&row.group);
            table.rows.push(Row { label: row.label, part: row.part.or(part), group, file: None });
        }
        n_lines += piece.n_lines;
    }
    Ok(n_lines)
}

/// About `n` pieces that end where lines do.
fn cut(mut block: &[u8], n: usize) -> Vec<&[u8]> {
    let aim = block.len() / n.max(1) + 1;
    let mut pieces = Vec::new();
    while !block.is_empty() {
        let start = aim.min(block.len());
        let end = block[start..].iter().position(|&byte| byte == b'\n').map_or(block.len(), |end| start + end + 1);
        let (piece, rest) = block.split_at(end);
        pieces.push(piece);
        block = rest;
    }
    pieces
}

/// What was parsed of a piece.
#[derive(Default)]
struct Piece {
    pixels: Vec<u8>,
    rows: Vec<PieceRow>,
    n_lines: usize,
}

struct PieceRow {
    label: Label,
    part: Option<Part>,
    group: String,
}

/// What is wrong, and on which line of the piece, from 0.
struct Fault {
    line: usize,
    column: Option<usize>,
    error: Error,
}

impl Fault {
    /// The error, the piece's first line being this one.
    fn at(self, first: usize) -> Error {
        let column = self.column.map_or(String::new(), |column| format!(", column {}", column + 1));
        self.error.with_place(format!("line {}{column}", first + self.line))
    }
}

fn parse_piece(bytes: &[u8], columns: &Columns) -> Result<Piece, Fault> {
    let mut piece = Piece::default();
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if !text.is_empty() {
            let parsed = parse_line(text, columns, &mut piece);
            parsed.map_err(|(column, error)| Fault { line: piece.n_lines, column, error })?;
        }
        piece.n_lines += 1;
    }
    Ok(piece)
}

type Placed<T> = Result<T, (Option<usize>, Error)>;

fn parse_line(text: &[u8], columns: &Columns, piece: &mut Piece) -> Placed<()> {
    if text.len() > MAX_LINE {
        return Err((None, long_line(0)));
    }
    let mut row = PieceRow { label: Label::Number(0), part: None, group: String::new() };
    if text.contains(&b'"') {
        let fields = fields(text).map_err(|error| (None, error))?.unwrap_or_default();
        check_width(fields.len(), columns)?;
        for (column, field) in fields.iter().enumerate() {
            parse_field(field.as_bytes(), column, columns, &mut row, &mut piece.pixels)?;
        }
    } else {
        let mut n = 0;
        for field in text.split(|&byte| byte == b',') {
            if n < columns.n {
                parse_field(field, n, columns, &mut row, &mut piece.pixels)?;
            }
            n += 1;
        }
        check_width(n, columns)?;
    }
    piece.rows.push(row);
    Ok(())
}

fn check_width(n: usize, columns: &Columns) -> Placed<()> {
    if n > MAX_COLUMNS {
        return Err((None, wide_row(0, n)));
    }
    if n == columns.n { Ok(()) } else { Err((None, ragged_row(0, columns.n, n))) }
}

#[inline]
fn parse_field(field: &[u8], column: usize, columns: &Columns, row: &mut PieceRow, pixels: &mut Vec<u8>) -> Placed<()> {
    if column == columns.label {
        row.label = Label::parse(String::from_utf8_lossy(field).trim());
    } else if Some(column) == columns.part {
        row.part = part_of(&String::from_utf8_lossy(field)).map_err(|error| (Some(column), error))?;
    } else if Some(column) == columns.group {
        String::from_utf8_lossy(field).trim().clone_into(&mut row.group);
    } else {
        let value = quick(field).or_else(|| slow(field));
        pixels.push(value.ok_or_else(|| (Some(column), no_pixel(field)))?);
    }
    Ok(())
}

/// One to three digits.
#[inline]
fn quick(field: &[u8]) -> Option<u8> {
    if field.is_empty() || field.len() > 3 {
        return None;
    }
    let mut value = 0;
    for &byte in field {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u16::from(digit);
    }
    u8::try_from(value).ok()
}

/// A whole number written otherwise: ` 7`, `7.0`.
fn slow(field: &[u8]) -> Option<u8> {
    let value: f64 = std::str::from_utf8(field).ok()?.trim().parse().ok()?;
    ((0.0..=255.0).contains(&value) && value.fract() == 0.0).then_some(value as u8)
}

fn no_pixel(field: &[u8]) -> Error {
    let text: String = String::from_utf8_lossy(field).chars().take(40).collect();
    let found = if text.trim().is_empty() { "nothing".to_owned() } else { format!("{text:?}") };
    let error = Error::mismatch(ErrorKind::Data, "a whole number from 0 to 255", found);
    match text.trim().parse::<f64>() {
        Ok(value) if (0.0..1.0).contains(&value) => {
            error.with_help("multiply values from 0 to 1 by 255 and round them")
        }
        _ => error,
    }
}
