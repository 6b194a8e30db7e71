//! NPZ, NumPy's zip of arrays: images and labels under the keys of Keras' mnist.npz, or `images` and `labels`.
//!
//! ```text
//! 93 "NUMPY" major minor  length  {'descr': '|u1', 'fortran_order': False, 'shape': (60000, 28, 28), }  values
//! ```
//!
//! Images are u8; other integers where all are from 0 to 255; floating-point numbers where all are whole, or all are
//! k/255 from 0 to 1. Fortran order is put right. `group_train` … or `groups` are groups, `class_names` are names.
//! Headers are never believed, pickled objects are never unpickled, and nothing is unpacked beyond what the array's
//! own shape needs.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use zip::ZipArchive;

use super::arrays::{self, ArrayPart, image_size, shape_text};
use super::dataset::{Dataset, Part};
use super::idx::{self, describe_bytes};
use crate::error::{Error, ErrorKind, Result};

/// Keys of images, labels and groups, and the part that they are.
const KEYS: [(&str, &str, &str, Option<Part>); 13] = [
    ("x_train", "y_train", "group_train", Some(Part::Train)),
    ("x_validation", "y_validation", "group_validation", Some(Part::Validation)),
    ("x_val", "y_val", "group_val", Some(Part::Validation)),
    ("x_test", "y_test", "group_test", Some(Part::Test)),
    ("train_images", "train_labels", "train_groups", Some(Part::Train)),
    ("images_train", "labels_train", "groups_train", Some(Part::Train)),
    ("validation_images", "validation_labels", "validation_groups", Some(Part::Validation)),
    ("val_images", "val_labels", "val_groups", Some(Part::Validation)),
    ("images_validation", "labels_validation", "groups_validation", Some(Part::Validation)),
    ("test_images", "test_labels", "test_groups", Some(Part::Test)),
    ("images_test", "labels_test", "groups_test", Some(Part::Test)),
    ("images", "labels", "groups", None),
    ("x", "y", "group", None),
];

/// The key of the classes' names: an array of text, which needs no pickle.
const CLASS_NAMES: &str = "class_names";

/// The longest header that is read, in bytes: NumPy's own are 118 bytes for plain arrays.
const MAX_HEADER: usize = 1 << 16;

/// The longest name of a class, in characters.
const MAX_NAME: usize = 4096;

/// Reads the arrays of a file into a dataset.
///
/// # Errors
/// `Data` with the key, what was expected and what was found; `Io` where the file cannot be read.
pub(super) fn read(path: &Path, name: &str) -> Result<Dataset> {
    read_archive(path, name).map_err(|error| error.with_file(path))
}

fn read_archive(path: &Path, name: &str) -> Result<Dataset> {
    let file = File::open(path).map_err(|error| Error::io(path, "open the file", &error))?;
    read_zip(BufReader::new(file), path, name)
}

/// Reads a file's bytes: what the fuzzer knocks at.
///
/// # Errors
/// As a source of this kind.
pub fn parse(bytes: &[u8]) -> Result<Dataset> {
    read_zip(std::io::Cursor::new(bytes), Path::new(""), "")
}

fn read_zip(file: impl Read + Seek, path: &Path, name: &str) -> Result<Dataset> {
    let mut archive = ZipArchive::new(file)
        .map_err(|error| Error::mismatch(ErrorKind::Data, "an .npz file, which is a zip archive", error.to_string()))?;
    let mut keys: Vec<String> =
        archive.file_names().filter_map(|name| Some(name.ok()?.strip_suffix(".npy")?.to_owned())).collect();
    keys.sort_unstable();
    let has = |key: &str| keys.iter().any(|there| there == key);
    let mut parts = Vec::new();
    for (image_key, label_key, group_key, part) in KEYS {
        match (has(image_key), has(label_key)) {
            (true, true) => {
                let mut arrays = read_part(&mut archive, image_key, label_key, part)?;
                if has(group_key) {
                    let groups = read_integers(&mut archive, group_key)?;
                    arrays.groups = Some(groups.into_iter().map(|group| group as u32).collect());
                }
                parts.push(ArrayPart { label_file: path.to_owned(), ..arrays });
            }
            (true, false) => {
                return Err(Error::mismatch(ErrorKind::Data, label_key, keys.join(", ")).with_place(image_key));
            }
            (false, _) => {}
        }
    }
    if parts.is_empty() {
        let expected = "arrays x_train, y_train, x_test, y_test, or images and labels";
        let found = if keys.is_empty() { "no array".to_owned() } else { keys.join(", ") };
        return Err(Error::mismatch(ErrorKind::Data, expected, found));
    }
    let classes = if has(CLASS_NAMES) { Some(read_names(&mut archive)?) } else { None };
    arrays::dataset(name, parts, classes)
}

fn read_part<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    image_key: &str,
    label_key: &str,
    part: Option<Part>,
) -> Result<ArrayPart> {
    let images = read_array(archive, image_key).map_err(|error| at(error, image_key))?;
    let size = image_size(&images.header.shape).map_err(|error| at(error, image_key))?;
    let pixels = images.into_pixels(size.len()).map_err(|error| at(error, image_key))?;
    Ok(ArrayPart {
        part,
        image_file: image_key.into(),
        label_file: PathBuf::new(),
        label_place: Some(label_key.to_owned()),
        size,
        pixels,
        labels: read_integers(archive, label_key)?,
        groups: None,
    })
}

/// An array of labels or groups.
fn read_integers<R: Read + Seek>(archive: &mut ZipArchive<R>, key: &str) -> Result<Vec<i64>> {
    let array = read_array(archive, key).map_err(|error| at(error, key))?;
    if !matches!(array.header.shape[..], [_] | [_, 1]) {
        let found = shape_text(&array.header.shape);
        return Err(at(Error::mismatch(ErrorKind::Data, "labels of shape (N)", found), key));
    }
    array.integers().map_err(|error| at(error, key))
}

/// The array of the classes' names.
fn read_names<R: Read + Seek>(archive: &mut ZipArchive<R>) -> Result<Vec<String>> {
    read_array(archive, CLASS_NAMES).and_then(|array| array.texts()).map_err(|error| at(error, CLASS_NAMES))
}

/// Names the array in an error, unless it names a place inside it already.
fn at(error: Error, key: &str) -> Error {
    let place = error.place().map_or_else(|| key.to_owned(), |place| format!("{key}, {place}"));
    error.with_place(place)
}

/// An array as it was packed: its header and its bytes.
struct Array {
    header: Header,
    bytes: Vec<u8>,
}

fn read_array<R: Read + Seek>(archive: &mut ZipArchive<R>, key: &str) -> Result<Array> {
    let mut entry = archive
        .by_name(&format!("{key}.npy"))
        .map_err(|error| Error::new(ErrorKind::Data, format!("damaged zip entry: {error}")))?;
    let header = read_header(&mut entry)?;
    let n_bytes = header.n_bytes()?;
    // What the packed bytes cannot unpack to is missing, and no memory is asked for (deflate: at most 1032 : 1).
    if entry.compressed_size().saturating_mul(1032) < n_bytes as u64 {
        let found = format!("{} packed bytes, which cannot hold that many", entry.compressed_size());
        return Err(Error::mismatch(ErrorKind::Data, header.promise(n_bytes), found));
    }
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(n_bytes)
        .map_err(|_| Error::new(ErrorKind::Data, format!("no memory for {}", header.promise(n_bytes))))?;
    entry.by_ref().take(n_bytes as u64).read_to_end(&mut bytes).map_err(|error| damaged(&error))?;
    if bytes.len() < n_bytes {
        return Err(Error::mismatch(ErrorKind::Data, header.promise(n_bytes), format!("{} bytes", bytes.len())));
    }
    if entry.read(&mut [0]).map_err(|error| damaged(&error))? > 0 {
        let expected = format!("the end of the array after {n_bytes} bytes");
        return Err(Error::mismatch(ErrorKind::Data, expected, "more bytes"));
    }
    if header.fortran {
        bytes = rows_first(&bytes, &header.shape, header.value_size);
    }
    Ok(Array { header, bytes })
}

/// From columns first (Fortran) to rows first (C): the value at index (i, j, …) moves.
fn rows_first(bytes: &[u8], shape: &[usize], width: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut index = vec![0; shape.len()];
    for _ in 0..bytes.len() / width {
        let place = index.iter().zip(shape).rev().fold(0, |place, (&i, &length)| place * length + i);
        out.extend_from_slice(&bytes[place * width..(place + 1) * width]);
        for (i, &length) in index.iter_mut().zip(shape).rev() {
            *i += 1;
            if *i < length {
                break;
            }
            *i = 0;
        }
    }
    out
}

impl Array {
    /// The values as pixels, if they can be without loss.
    fn into_pixels(self, n_per_image: usize) -> Result<Vec<u8>> {
        let header = &self.header;
        match (header.kind, header.value_size) {
            (Kind::Unsigned, 1) => Ok(self.bytes),
            (Kind::Unsigned | Kind::Signed, _) => {
                let values = self.integers()?;
                let bad = |place: usize| {
                    let expected = format!("values from 0 to 255 (type {})", header.descr);
                    Error::mismatch(ErrorKind::Data, expected, values[place].to_string())
                        .with_place(format!("image {}", place / n_per_image))
                };
                let fits = |value: &i64| !(0..=255).contains(value);
                values.iter().position(fits).map_or(Ok(()), |place| Err(bad(place)))?;
                Ok(values.iter().map(|&value| value as u8).collect())
            }
            (Kind::Float, _) => self.whole_numbers(n_per_image),
            (Kind::Text, _) => {
                let found = format!("values of type {}", header.descr);
                Err(Error::mismatch(ErrorKind::Data, "images of type u8", found))
            }
        }
    }

    /// Floating-point numbers that are whole, or k/255 where none is over 1.
    fn whole_numbers(&self, n_per_image: usize) -> Result<Vec<u8>> {
        /// k/255 in f32, times 255, is off by less than 2e-5.
        const TOLERANCE: f64 = 1e-3;
        let factor = if self.floats().all(|value| value <= 1.0) { 255.0 } else { 1.0 };
        let mut pixels = Vec::with_capacity(self.bytes.len() / self.header.value_size);
        for (place, value) in self.floats().enumerate() {
            let scaled = value * factor;
            let rounded = scaled.round();
            if !(0.0..=255.0).contains(&rounded) || (scaled - rounded).abs() > TOLERANCE {
                let expected = "whole values from 0 to 255, or k/255 from 0 to 1";
                return Err(Error::mismatch(ErrorKind::Data, expected, value.to_string())
                    .with_place(format!("image {}", place / n_per_image))
                    .with_help("save images as uint8"));
            }
            pixels.push(rounded as u8);
        }
        Ok(pixels)
    }

    fn floats(&self) -> impl Iterator<Item = f64> + '_ {
        self.bytes.chunks_exact(self.header.value_size).map(|value| {
            let bits = self.header.bits(value);
            if value.len() == 4 { f64::from(f32::from_bits(bits as u32)) } else { f64::from_bits(bits) }
        })
    }

    fn integers(&self) -> Result<Vec<i64>> {
        let header = &self.header;
        if !matches!(header.kind, Kind::Unsigned | Kind::Signed) {
            let found = format!("values of type {}", header.descr);
            return Err(Error::mismatch(ErrorKind::Data, "values of an integer type (u1 … i8)", found));
        }
        // Moving the value to the top and back extends its sign; an unsigned one beyond i64 turns negative and is
        // refused as a label.
        let unused = 64 - 8 * header.value_size as u32;
        let integer = |value: &[u8]| {
            let bits = header.bits(value);
            if header.kind == Kind::Signed { (bits << unused) as i64 >> unused } else { bits as i64 }
        };
        Ok(self.bytes.chunks_exact(header.value_size).map(integer).collect())
    }

    /// Texts of a fixed number of Unicode characters, padded with zeros.
    fn texts(&self) -> Result<Vec<String>> {
        let header = &self.header;
        if header.kind != Kind::Text || header.shape.len() != 1 || header.value_size == 0 {
            let found = format!("shape {} of type {}", shape_text(&header.shape), header.descr);
            return Err(Error::mismatch(ErrorKind::Data, "a list of texts (type <U…)", found));
        }
        let text = |bytes: &[u8]| {
            let codes = bytes.chunks_exact(4).map(|code| header.bits(code) as u32).take_while(|&code| code != 0);
            codes.map(|code| char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        };
        Ok(self.bytes.chunks_exact(header.value_size).map(text).collect())
    }
}

fn damaged(error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Data, format!("damaged zip data: {error}"))
}

/// The header of a .npy file, checked.
struct Header {
    /// As written, such as `<i8`.
    descr: String,
    big_endian: bool,
    kind: Kind,
    value_size: usize,
    fortran: bool,
    shape: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unsigned,
    Signed,
    Float,
    Text,
}

impl Header {
    fn n_bytes(&self) -> Result<usize> {
        let product = self.shape.iter().try_fold(self.value_size, |product, &length| product.checked_mul(length));
        let allowed = |&n_bytes: &usize| n_bytes as u64 <= idx::MAX_BYTES;
        product.filter(allowed).ok_or_else(|| {
            let found = format!("an array of shape {} and type {}", shape_text(&self.shape), self.descr);
            Error::mismatch(ErrorKind::Data, "at most 4 GiB of values", found)
        })
    }

    fn promise(&self, n_bytes: usize) -> String {
        format!("{n_bytes} bytes (shape {}, type {})", shape_text(&self.shape), self.descr)
    }

    /// The bits of one value, right-aligned.
    fn bits(&self, value: &[u8]) -> u64 {
        let fold = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        if self.big_endian { value.iter().fold(0, fold) } else { value.iter().rev().fold(0, fold) }
    }
}

fn read_header(reader: &mut impl Read) -> Result<Header> {
    let mut start = [0; 8];
    let n_read = read_full(reader, &mut start)?;
    if n_read < 8 || &start[..6] != b"\x93NUMPY" {
        return Err(Error::mismatch(ErrorKind::Data, "a .npy array", describe_bytes(&start[..n_read])));
    }
    let n_length_bytes = match start[6] {
        1 => 2,
        2 | 3 => 4,
        version => {
            return Err(Error::mismatch(ErrorKind::Data, "version 1, 2 or 3 of .npy", version.to_string()));
        }
    };
    let mut length = [0; 4];
    read_full(reader, &mut length[..n_length_bytes])?;
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_HEADER {
        return Err(Error::mismatch(
            ErrorKind::Data,
            format!("a header of at most {MAX_HEADER} bytes"),
            length.to_string(),
        ));
    }
    let mut text = vec![0; length];
    if read_full(reader, &mut text)? < length {
        return Err(Error::mismatch(ErrorKind::Data, format!("a header of {length} bytes"), "the end of the array"));
    }
    parse_header(&String::from_utf8_lossy(&text))
}

fn read_full(reader: &mut impl Read, buffer: &mut [u8]) -> Result<usize> {
    let mut bytes = Vec::new();
    reader.take(buffer.len() as u64).read_to_end(&mut bytes).map_err(|error| damaged(&error))?;
    buffer[..bytes.len()].copy_from_slice(&bytes);
    Ok(bytes.len())
}

/// Reads `{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }`.
fn parse_header(text: &str) -> Result<Header> {
    let value = |key: &str| {
        let (_, rest) = text.split_once(&format!("'{key}'"))?;
        Some(rest.trim_start().strip_prefix(':')?.trim_start())
    };
    let broken = || {
        Error::mismatch(
            ErrorKind::Data,
            "a .npy header with descr, fortran_order and shape",
            format!("{:?}", text.trim_end()),
        )
    };
    let descr = value("descr").ok_or_else(broken)?;
    let Some(descr) = descr.strip_prefix('\'').and_then(|rest| rest.split('\'').next()) else {
        return Err(Error::mismatch(ErrorKind::Data, "values of one integer type", "records of several fields"));
    };
    let order = value("fortran_order").ok_or_else(broken)?;
    let shape = value("shape").and_then(|rest| rest.strip_prefix('(')?.split(')').next()).ok_or_else(broken)?;
    let lengths = shape.split(',').map(str::trim).filter(|length| !length.is_empty());
    let shape = lengths.map(str::parse).collect::<Result<Vec<usize>, _>>().map_err(|_| broken())?;
    let (big_endian, kind, value_size) = parse_type(descr)?;
    let fortran = order.starts_with("True");
    Ok(Header { descr: descr.to_owned(), big_endian, kind, value_size, fortran, shape })
}

/// `<i8` → (little-endian, signed, 8 bytes).
fn parse_type(descr: &str) -> Result<(bool, Kind, usize)> {
    let refuse =
        |found: String| Err(Error::mismatch(ErrorKind::Data, "values of an integer type (u1 … i8), f4 or f8", found));
    let mut chars = descr.chars();
    let order = chars.next().unwrap_or(' ');
    let (kind, size) = (chars.next().unwrap_or(' '), chars.as_str());
    let big_endian = order == '>';
    match (order, kind, size) {
        (_, 'O', _) => refuse("pickled Python objects, which are never loaded".to_owned()),
        ('|', 'b', "1") => Ok((false, Kind::Unsigned, 1)),
        ('<' | '>' | '|' | '=', 'u' | 'i', "1" | "2" | "4" | "8") => {
            let kind = if kind == 'u' { Kind::Unsigned } else { Kind::Signed };
            Ok((big_endian, kind, usize::from(size.as_bytes()[0] - b'0')))
        }
        ('<' | '>' | '=', 'f', "4" | "8") => Ok((big_endian, Kind::Float, usize::from(size.as_bytes()[0] - b'0'))),
        ('<' | '>' | '=', 'U', _) => match size.parse::<usize>() {
            Ok(n) if (1..=MAX_NAME).contains(&n) => Ok((big_endian, Kind::Text, 4 * n)),
            _ => refuse(format!("type {descr}")),
        },
        _ => refuse(format!("type {descr}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Write};
    use zip::write::SimpleFileOptions;

    fn npy(header: &str, values: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        [&bytes[..], header.as_bytes(), values].concat()
    }

    fn header(descr: &str, shape: &str) -> String {
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}   \n")
    }

    fn read_npz(name: &str, arrays: &[(&str, Vec<u8>)]) -> Result<Dataset> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (key, bytes) in arrays {
            writer.start_file(format!("{key}.npy"), SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        let path = std::env::temp_dir().join(format!("inkstone-npz-{}-{name}.npz", std::process::id()));
        std::fs::write(&path, writer.finish().unwrap().into_inner()).unwrap();
        let result = read(&path, "x");
        std::fs::remove_file(&path).unwrap();
        result
    }

    fn message(name: &str, arrays: &[(&str, Vec<u8>)]) -> String {
        let message = read_npz(name, arrays).unwrap_err().to_string();
        message.split_once(".npz: ").unwrap().1.to_owned()
    }

    #[test]
    fn keras_keys_are_parts_and_labels_of_any_integer_type_are_read() {
        let images = npy(&header("|u1", "(2, 1, 2)"), &[1, 2, 3, 4]);
        for (descr, labels) in [
            ("|u1", vec![1, 0]),
            ("|i1", vec![1, 0]),
            ("<i8", vec![1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            (">u2", vec![0, 1, 0, 0]),
        ] {
            let labels = npy(&header(descr, "(2,)"), &labels);
            let arrays = [
                ("x_train", images.clone()),
                ("y_train", labels.clone()),
                ("x_test", images.clone()),
                ("y_test", labels),
            ];
            let dataset = read_npz("keys", &arrays).unwrap();
            assert_eq!(dataset.images.get(3).pixels, [3, 4]);
            assert_eq!(dataset.samples.iter().map(|sample| sample.label).collect::<Vec<_>>(), [1, 0, 1, 0]);
            assert_eq!((dataset.samples[1].part, dataset.samples[2].part), (Some(Part::Train), Some(Part::Test)));
            assert_eq!(dataset.classes, ["0", "1"]);
        }
        let colour = npy(&header("|u1", "(1, 1, 1, 3)"), &[1, 2, 3]);
        let dataset =
            read_npz("colour", &[("images", colour), ("labels", npy(&header("<i4", "(1, 1)"), &[0; 4]))]).unwrap();
        assert_eq!((dataset.images.get(0).size.channels, dataset.samples[0].part), (3, None));
    }

    #[test]
    fn what_is_not_understood_is_refused_by_name() {
        let with = |images: Vec<u8>| {
            message("refused", &[("images", images), ("labels", npy(&header("|u1", "(2,)"), &[0, 1]))])
        };
        let labels = |labels: Vec<u8>| {
            message("labels", &[("images", npy(&header("|u1", "(2, 1, 1)"), &[0, 1])), ("labels", labels)])
        };
        assert_eq!(
            with(npy(&header("|O", "(2,)"), b"\x80\x04")),
            "images: expected values of an integer type (u1 … i8), f4 or f8, found pickled Python objects, which are never loaded"
        );
        assert_eq!(
            with(npy(&header("<f2", "(2,)"), &[0; 4])),
            "images: expected values of an integer type (u1 … i8), f4 or f8, found type <f2"
        );
        assert_eq!(
            with(npy(&header("<i2", "(2, 1, 1)"), &[0, 0, 0, 1])),
            "images, image 1: expected values from 0 to 255 (type <i2), found 256"
        );
        assert_eq!(
            with(npy(&header("|u1", "(2, 2)"), &[0; 4])),
            "images: expected images of shape (N, H, W) or (N, H, W, C) with 1 or 3 channels, found (2, 2)"
        );
        let halves = [0.0_f32, 0.5].map(f32::to_le_bytes).concat();
        assert_eq!(
            with(npy(&header("<f4", "(2, 1, 1)"), &halves)),
            "images, image 1: expected whole values from 0 to 255, or k/255 from 0 to 1, found 0.5; save images as uint8"
        );
        assert_eq!(
            with(npy(&header("|u1", "(2, 99999999999, 28)"), &[0; 4])),
            "images: expected at most 4 GiB of values, found an array of shape (2, 99999999999, 28) and type |u1"
        );
        assert_eq!(
            with(npy(&header("|u1", "(1000, 1000, 1000)"), &[0; 4])).split(", found").next(),
            Some("images: expected 1000000000 bytes (shape (1000, 1000, 1000), type |u1)")
        );
        assert_eq!(
            with(npy(&header("|u1", "(2, 1, 1)"), &[0])),
            "images: expected 2 bytes (shape (2, 1, 1), type |u1), found 1 bytes"
        );
        assert_eq!(
            with(npy(&header("|u1", "(2, 1, 1)"), &[0; 3])),
            "images: expected the end of the array after 2 bytes, found more bytes"
        );
        assert_eq!(with(b"not an array".to_vec()), "images: expected a .npy array, found text \"not an a\"");
        assert_eq!(
            labels(npy(&header("|u1", "(2, 10)"), &[0; 20])),
            "labels: expected labels of shape (N), found (2, 10)"
        );
        assert!(
            labels(npy(&header("|u1", "(3,)"), &[0; 3]))
                .contains("expected 2 labels, one for each image of images, found 3")
        );
        assert_eq!(
            message("keys-missing", &[("a", vec![]), ("b", vec![])]),
            "expected arrays x_train, y_train, x_test, y_test, or images and labels, found a, b"
        );
        assert_eq!(message("half", &[("x_train", vec![])]), "x_train: expected y_train, found x_train");
    }

    #[test]
    fn images_of_other_types_and_orders_are_read_where_nothing_is_lost() {
        let pixels = |images: Vec<u8>| {
            let labels = npy(&header("|u1", "(2,)"), &[0, 1]);
            read_npz("types", &[("images", images), ("labels", labels)]).unwrap().images.pixels().to_vec()
        };
        assert_eq!(pixels(npy(&header(">i4", "(2, 1, 1)"), &[0, 0, 0, 7, 0, 0, 0, 255])), [7, 255]);
        let floats = |values: [f32; 2]| npy(&header("<f4", "(2, 1, 1)"), &values.map(f32::to_le_bytes).concat());
        assert_eq!(pixels(floats([3.0, 255.0])), [3, 255]);
        assert_eq!(pixels(floats([7.0 / 255.0, 1.0])), [7, 255]);
        let fortran = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 2, 3), }";
        assert_eq!(
            pixels(npy(fortran, &[0, 6, 3, 9, 1, 7, 4, 10, 2, 8, 5, 11])),
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
        );
    }

    #[test]
    fn groups_and_names_of_classes_are_read() {
        let names: Vec<u8> = "中b a\0".chars().flat_map(|c| (c as u32).to_le_bytes()).collect();
        let names = [&names[..8], &names[12..]].concat();
        let arrays = [
            ("images", npy(&header("|u1", "(2, 1, 1)"), &[1, 2])),
            ("labels", npy(&header("|u1", "(2,)"), &[1, 0])),
            ("groups", npy(&header("<i2", "(2,)"), &[7, 0, 8, 0])),
            ("class_names", npy(&header("<U2", "(2,)"), &names)),
        ];
        let dataset = read_npz("named", &arrays).unwrap();
        assert_eq!(dataset.classes, ["中b", "a"]);
        assert_eq!(dataset.samples.iter().map(|sample| sample.group).collect::<Vec<_>>(), [Some(7), Some(8)]);
    }

    #[test]
    fn no_header_makes_it_panic() {
        let whole = header("<i4", "(2, 1, 1)");
        for end in 0..whole.len() {
            let _ = parse_header(&whole[..end]);
            let _ = parse_header(&whole[end..]);
        }
        for odd in
            ["'descr':'<i9'", "'shape':(", "{'descr': '', 'fortran_order': 0, 'shape': (-1,)}", "'descr': '<\u{e9}4'"]
        {
            assert!(parse_header(odd).is_err());
        }
    }
}
