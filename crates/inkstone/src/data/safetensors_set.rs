//! Safetensors: tensors `images` (u8, N×H×W or N×H×W×C) and `labels` (integers), and `groups` where known; the classes'
//! names as a JSON list under the metadata's key `classes`.
//!
//! ```text
//! length of the header (u64, little-endian)  header (JSON)  the tensors' bytes
//! ```
//!
//! Only the header and these tensors are read, by their positions. Refuses headers over `MAX_HEADER` and positions
//! that do not fit the file.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::arrays::{self, ArrayPart, image_size, shape_text};
use super::dataset::{Dataset, Part};
use super::idx::MAX_BYTES;
use crate::error::{Error, ErrorKind, Result};

/// The longest header that is read, in bytes: 1 MiB.
const MAX_HEADER: u64 = 1 << 20;

/// Names of the tensors of each part, where one file holds several.
const KEYS: [(&str, &str, &str, Option<Part>); 4] = [
    ("x_train", "y_train", "group_train", Some(Part::Train)),
    ("x_validation", "y_validation", "group_validation", Some(Part::Validation)),
    ("x_test", "y_test", "group_test", Some(Part::Test)),
    ("images", "labels", "groups", None),
];

/// Reads files, each of its part, into one dataset.
///
/// # Errors
/// `Data` with the file and the tensor.
pub(super) fn read(files: &[(Option<Part>, PathBuf)], name: &str) -> Result<Dataset> {
    let (mut parts, mut classes) = (Vec::new(), None);
    for (part, path) in files {
        let failed = |error: &std::io::Error| Error::io(path, "read the file", error);
        let file = File::open(path).map_err(|error| failed(&error))?;
        let length = file.metadata().map_err(|error| failed(&error))?.len();
        let (found, names) = read_tensors(file, length, path, *part).map_err(|error| error.with_file(path))?;
        parts.extend(found);
        classes = classes.or(names);
    }
    arrays::dataset(name, parts, classes)
}

/// Reads a file's bytes: what the fuzzer knocks at.
///
/// # Errors
/// As a source of this kind.
pub fn parse(bytes: &[u8]) -> Result<Dataset> {
    let (parts, classes) = read_tensors(std::io::Cursor::new(bytes), bytes.len() as u64, Path::new(""), None)?;
    arrays::dataset("", parts, classes)
}

fn read_tensors(
    mut file: impl Read + Seek,
    length: u64,
    path: &Path,
    part: Option<Part>,
) -> Result<(Vec<ArrayPart>, Option<Vec<String>>)> {
    let (header, start) = read_header(&mut file, length)?;
    let mut parts = Vec::new();
    for (images, labels, groups, own) in KEYS {
        if header.get(images).is_none() {
            continue;
        }
        let mut tensor = |key: &str| {
            let tensor = Tensor::find(&header, key, length - start).map_err(|error| error.with_place(key))?;
            tensor.read(&mut file, start).map_err(|error| error.with_place(key))
        };
        let (pixels, labels_read) = (tensor(images)?, tensor(labels)?);
        let size = image_size(&pixels.shape).map_err(|error| error.with_place(images))?;
        if pixels.kind != "U8" {
            let found = format!("values of type {}", pixels.kind);
            return Err(Error::mismatch(ErrorKind::Data, "images of type U8", found).with_place(images));
        }
        let group_values = if header.get(groups).is_some() { Some(tensor(groups)?.integers(groups)?) } else { None };
        parts.push(ArrayPart {
            part: own.or(part),
            image_file: images.into(),
            label_file: path.to_owned(),
            label_place: Some(labels.to_owned()),
            size,
            labels: labels_read.integers(labels)?,
            pixels: pixels.bytes,
            groups: group_values.map(|values| values.into_iter().map(|value| value as u32).collect()),
        });
    }
    if parts.is_empty() {
        let keys: Vec<&str> = header.keys().map(String::as_str).filter(|key| *key != "__metadata__").take(8).collect();
        let found = if keys.is_empty() { "none".to_owned() } else { keys.join(", ") };
        return Err(Error::mismatch(ErrorKind::Data, "tensors `images` and `labels`", found));
    }
    Ok((parts, class_names(&header)?))
}

type Header = serde_json::Map<String, Value>;

fn read_header(file: &mut impl Read, length: u64) -> Result<(Header, u64)> {
    let mut start = [0; 8];
    let no_file = |found: &str| Error::mismatch(ErrorKind::Data, "a safetensors file", found);
    file.read_exact(&mut start).map_err(|_| no_file("fewer than 8 bytes"))?;
    let n = u64::from_le_bytes(start);
    if n > MAX_HEADER || n + 8 > length {
        return Err(Error::mismatch(
            ErrorKind::Data,
            format!("a header of at most {} bytes", MAX_HEADER.min(length.saturating_sub(8))),
            n.to_string(),
        ));
    }
    let mut text = vec![0; n as usize];
    file.read_exact(&mut text).map_err(|_| no_file("a header that ends early"))?;
    match serde_json::from_slice(&text) {
        Ok(Value::Object(header)) => Ok((header, n + 8)),
        Ok(_) => Err(no_file("a header that is no JSON object")),
        Err(error) => Err(Error::new(ErrorKind::Data, format!("damaged header: {error}"))),
    }
}

/// The list under the metadata's key `classes`.
fn class_names(header: &Header) -> Result<Option<Vec<String>>> {
    let Some(Value::String(text)) = header.get("__metadata__").and_then(|metadata| metadata.get("classes")) else {
        return Ok(None);
    };
    let broken =
        |_| Error::mismatch(ErrorKind::Data, "a JSON list of names", "something else").with_place("metadata, classes");
    serde_json::from_str(text).map(Some).map_err(broken)
}

/// Where a tensor lies.
struct Tensor {
    kind: String,
    shape: Vec<usize>,
    start: u64,
    n_bytes: u64,
}

/// A tensor's bytes.
struct Values {
    kind: String,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Tensor {
    fn find(header: &Header, key: &str, n_data: u64) -> Result<Self> {
        let broken =
            || Error::mismatch(ErrorKind::Data, "a tensor with dtype, shape and data_offsets", "another entry");
        let entry =
            header.get(key).ok_or_else(|| Error::mismatch(ErrorKind::Data, format!("a tensor `{key}`"), "none"))?;
        let list = |key: &str| -> Option<Vec<u64>> { entry[key].as_array()?.iter().map(Value::as_u64).collect() };
        let kind = entry["dtype"].as_str().ok_or_else(broken)?.to_owned();
        let (shape, offsets) = (list("shape").ok_or_else(broken)?, list("data_offsets").ok_or_else(broken)?);
        let [start, end] = offsets[..] else { return Err(broken()) };
        let width = width(&kind)
            .ok_or_else(|| Error::mismatch(ErrorKind::Data, "values of an integer type", format!("type {kind}")))?;
        let needed = shape.iter().try_fold(width, |product, &length| product.checked_mul(length));
        if start > end || end > n_data || needed != Some(end - start) {
            let found = format!("bytes {start} to {end} of {n_data} for shape {shape:?} of {kind}");
            return Err(Error::mismatch(ErrorKind::Data, "positions that fit shape and file", found));
        }
        if end - start > MAX_BYTES {
            return Err(Error::mismatch(ErrorKind::Data, "at most 4 GiB of values", format!("{} bytes", end - start)));
        }
        let shape = shape.into_iter().map(|length| length as usize).collect();
        Ok(Self { kind, shape, start, n_bytes: end - start })
    }

    fn read(self, file: &mut (impl Read + Seek), data: u64) -> Result<Values> {
        let failed = |error: std::io::Error| Error::new(ErrorKind::Io, format!("cannot read the tensor: {error}"));
        file.seek(SeekFrom::Start(data + self.start)).map_err(failed)?;
        let mut bytes = Vec::new();
        bytes
            .try_reserve_exact(self.n_bytes as usize)
            .map_err(|_| Error::new(ErrorKind::Data, format!("no memory for {} bytes", self.n_bytes)))?;
        file.take(self.n_bytes).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 != self.n_bytes {
            let found = format!("{} bytes", bytes.len());
            return Err(Error::mismatch(ErrorKind::Data, format!("{} bytes", self.n_bytes), found));
        }
        Ok(Values { kind: self.kind, shape: self.shape, bytes })
    }
}

impl Values {
    fn integers(&self, key: &str) -> Result<Vec<i64>> {
        if !matches!(self.shape[..], [_] | [_, 1]) {
            return Err(
                Error::mismatch(ErrorKind::Data, "labels of shape (N)", shape_text(&self.shape)).with_place(key)
            );
        }
        let width = width(&self.kind).unwrap_or(1) as usize;
        let signed = self.kind.starts_with('I');
        let integer = |value: &[u8]| {
            let bits = value.iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
            // Moving the value to the top and back extends its sign.
            let unused = 64 - 8 * value.len() as u32;
            if signed { (bits << unused) as i64 >> unused } else { bits as i64 }
        };
        Ok(self.bytes.chunks_exact(width).map(integer).collect())
    }
}

/// Bytes per value of an integer type.
fn width(kind: &str) -> Option<u64> {
    match kind {
        "U8" | "I8" | "BOOL" => Some(1),
        "U16" | "I16" => Some(2),
        "U32" | "I32" => Some(4),
        "U64" | "I64" => Some(8),
        _ => None,
    }
}
