//! NPZ, NumPy's zip of arrays: images and labels under the keys of Keras' mnist.npz, or `images` and `labels`.
//!
//! ```text
//! 93 "NUMPY" major minor  length  {'descr': '|u1', 'fortran_order': False, 'shape': (60000, 28, 28), }  values
//! ```
//!
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

/// Keys of images and labels, and the part that they are.
const KEYS: [(&str, &str, Option<Part>); 9] = [
    ("x_train", "y_train", Some(Part::Train)),
    ("x_validation", "y_validation", Some(Part::Validation)),
    ("x_val", "y_val", Some(Part::Validation)),
    ("x_test", "y_test", Some(Part::Test)),
    ("train_images", "train_labels", Some(Part::Train)),
    ("val_images", "val_labels", Some(Part::Validation)),
    ("test_images", "test_labels", Some(Part::Test)),
    ("images", "labels", None),
    ("x", "y", None),
];

/// The longest header that is read, in bytes: NumPy's own are 118 bytes for plain arrays.
const MAX_HEADER: usize = 1 << 16;

/// Reads the arrays of a file into a dataset.
///
/// # Errors
/// `Data` with the key, what was expected and what was found; `Io` where the file cannot be read.
pub(super) fn read(path: &Path, name: &str) -> Result<Dataset> {
    read_archive(path, name).map_err(|error| error.with_file(path))
}

fn read_archive(path: &Path, name: &str) -> Result<Dataset> {
    let file = File::open(path).map_err(|error| Error::io(path, "open the file", &error))?;
    let mut archive = ZipArchive::new(BufReader::new(file))
        .map_err(|error| Error::mismatch(ErrorKind::Data, "an .npz file, which is a zip archive", error.to_string()))?;
    let mut keys: Vec<String> =
        archive.file_names().filter_map(|name| Some(name.ok()?.strip_suffix(".npy")?.to_owned())).collect();
    keys.sort_unstable();
    let has = |key: &str| keys.iter().any(|there| there == key);
    let mut parts = Vec::new();
    for (image_key, label_key, part) in KEYS {
        match (has(image_key), has(label_key)) {
            (true, true) => {
                let arrays = read_part(&mut archive, image_key, label_key, part)?;
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
    arrays::dataset(name, parts)
}

fn read_part<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    image_key: &str,
    label_key: &str,
    part: Option<Part>,
) -> Result<ArrayPart> {
    let images = read_array(archive, image_key).map_err(|error| at(error, image_key))?;
    let size = image_size(&images.shape).map_err(|error| at(error, image_key))?;
    let Values::U8(pixels) = images.values else {
        let error = Error::mismatch(ErrorKind::Data, "images of type u8", format!("values of type {}", images.descr));
        return Err(at(error, image_key));
    };
    let labels = read_array(archive, label_key).map_err(|error| at(error, label_key))?;
    if !matches!(labels.shape[..], [_] | [_, 1]) {
        let error = Error::mismatch(ErrorKind::Data, "labels of shape (N)", shape_text(&labels.shape));
        return Err(at(error, label_key));
    }
    let labels = match labels.values {
        Values::U8(values) => values.into_iter().map(i64::from).collect(),
        Values::Integers(values) => values,
    };
    Ok(ArrayPart {
        part,
        image_file: image_key.into(),
        label_file: PathBuf::new(),
        label_place: Some(label_key.to_owned()),
        size,
        pixels,
        labels,
        groups: None,
    })
}

/// Names the array in an error, unless it names a place inside it already.
fn at(error: Error, key: &str) -> Error {
    let place = error.place().map_or_else(|| key.to_owned(), |place| format!("{key}, {place}"));
    error.with_place(place)
}

struct Array {
    shape: Vec<usize>,
    descr: String,
    values: Values,
}

enum Values {
    U8(Vec<u8>),
    Integers(Vec<i64>),
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
    let values = header.decode(bytes);
    Ok(Array { shape: header.shape, descr: header.descr, values })
}

fn damaged(error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Data, format!("damaged zip data: {error}"))
}

/// The header of a .npy file, checked.
struct Header {
    /// As written, such as `<i8`.
    descr: String,
    big_endian: bool,
    signed: bool,
    value_size: usize,
    shape: Vec<usize>,
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

    fn decode(&self, bytes: Vec<u8>) -> Values {
        if self.value_size == 1 && !self.signed {
            return Values::U8(bytes);
        }
        let integer = |value: &[u8]| {
            let fold = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
            let bits = if self.big_endian { value.iter().fold(0, fold) } else { value.iter().rev().fold(0, fold) };
            // Moving the value to the top and back extends its sign; an unsigned one beyond i64 turns negative and is
            // refused as a label.
            let unused = 64 - 8 * self.value_size as u32;
            if self.signed { (bits << unused) as i64 >> unused } else { bits as i64 }
        };
        Values::Integers(bytes.chunks_exact(self.value_size).map(integer).collect())
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
    if order.starts_with("True") {
        return Err(Error::mismatch(ErrorKind::Data, "rows that are contiguous (C order)", "Fortran order")
            .with_help("save it with numpy.ascontiguousarray"));
    }
    let shape = value("shape").and_then(|rest| rest.strip_prefix('(')?.split(')').next()).ok_or_else(broken)?;
    let lengths = shape.split(',').map(str::trim).filter(|length| !length.is_empty());
    let shape = lengths.map(str::parse).collect::<Result<Vec<usize>, _>>().map_err(|_| broken())?;
    let (big_endian, kind, value_size) = parse_type(descr)?;
    Ok(Header { descr: descr.to_owned(), big_endian, signed: kind == 'i', value_size, shape })
}

/// `<i8` → (little-endian, `i`, 8 bytes).
fn parse_type(descr: &str) -> Result<(bool, char, usize)> {
    let refuse = |found: String| Err(Error::mismatch(ErrorKind::Data, "values of an integer type (u1 … i8)", found));
    let mut chars = descr.chars();
    let order = chars.next().unwrap_or(' ');
    let (kind, size) = (chars.next().unwrap_or(' '), chars.as_str());
    match (order, kind, size) {
        (_, 'O', _) => refuse("pickled Python objects, which are never loaded".to_owned()),
        ('|', 'b', "1") => Ok((false, 'u', 1)),
        ('<' | '>' | '|' | '=', 'u' | 'i', "1" | "2" | "4" | "8") => {
            Ok((order == '>', kind, usize::from(size.as_bytes()[0] - b'0')))
        }
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
            "images: expected values of an integer type (u1 … i8), found pickled Python objects, which are never loaded"
        );
        assert_eq!(
            with(npy(&header("<f4", "(2,)"), &[0; 8])),
            "images: expected values of an integer type (u1 … i8), found type <f4"
        );
        assert_eq!(
            with(npy(&header("<i2", "(2, 1, 1)"), &[0; 4])),
            "images: expected images of type u8, found values of type <i2"
        );
        assert_eq!(
            with(npy(&header("|u1", "(2, 2)"), &[0; 4])),
            "images: expected images of shape (N, H, W) or (N, H, W, C) with 1 or 3 channels, found (2, 2)"
        );
        assert_eq!(
            with(npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 1, 1), }", &[0; 2])),
            "images: expected rows that are contiguous (C order), found Fortran order; save it with numpy.ascontiguousarray"
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
