//! IDX, the file format of MNIST: arrays of any rank of six types, plain or gzipped.
//!
//! ```text
//! 00 00  type  rank  n₀ n₁ … (u32, big-endian)  values (big-endian, row-major)
//! ```
//!
//! Headers are never believed: sizes are multiplied with checks and compared with the file before anything is
//! allocated. Refuses arrays over [`MAX_BYTES`], missing bytes and bytes left over.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind as IoErrorKind, Read};
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};

/// The largest array that is read, in bytes: 4 GiB.
pub const MAX_BYTES: u64 = 1 << 32;

/// Deflate's largest expansion: a match of 258 bytes can cost as little as two bits (RFC 1951).
#[cfg(feature = "formats")]
const MAX_DEFLATE_RATIO: u64 = 1032;

/// An array as read from a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Idx {
    /// The length of each axis. A rank of 0 holds one value.
    pub shape: Vec<usize>,
    /// The values, row-major.
    pub values: Values,
}

/// The values of an array, by type.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Type 0x08.
    U8(Vec<u8>),
    /// Type 0x09.
    I8(Vec<i8>),
    /// Type 0x0B.
    I16(Vec<i16>),
    /// Type 0x0C.
    I32(Vec<i32>),
    /// Type 0x0D.
    F32(Vec<f32>),
    /// Type 0x0E.
    F64(Vec<f64>),
}

impl Values {
    /// `u8`, `i8`, `i16`, `i32`, `f32` or `f64`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::U8(_) => "u8",
            Self::I8(_) => "i8",
            Self::I16(_) => "i16",
            Self::I32(_) => "i32",
            Self::F32(_) => "f32",
            Self::F64(_) => "f64",
        }
    }

    /// The values as integers; `None` where they are floating-point numbers.
    pub fn integers(&self) -> Option<Vec<i64>> {
        match self {
            Self::U8(values) => Some(values.iter().map(|&value| value.into()).collect()),
            Self::I8(values) => Some(values.iter().map(|&value| value.into()).collect()),
            Self::I16(values) => Some(values.iter().map(|&value| value.into()).collect()),
            Self::I32(values) => Some(values.iter().map(|&value| value.into()).collect()),
            Self::F32(_) | Self::F64(_) => None,
        }
    }
}

/// Reads an IDX file. Gzip is recognised by its first bytes, whatever the file is called.
///
/// # Errors
/// `Data` with the offset, what was expected and what was found; `Io` where the file cannot be read.
pub fn read(path: &Path) -> Result<Idx> {
    let file = File::open(path).map_err(|error| Error::io(path, "open the file", &error))?;
    let n_bytes = file.metadata().map_err(|error| Error::io(path, "read the file", &error))?.len();
    read_stream(BufReader::with_capacity(1 << 16, file), n_bytes).map_err(|error| error.with_file(path))
}

/// The shape of an uncompressed IDX file of unsigned bytes, and where its values begin; nothing for any other file, and
/// nothing for one that is not as long as it says.
pub(super) fn look(path: &Path) -> Result<Option<(Vec<usize>, u64)>> {
    let file = File::open(path).map_err(|error| Error::io(path, "open the file", &error))?;
    let n_bytes = file.metadata().map_err(|error| Error::io(path, "read the file", &error))?.len();
    let mut reader = BufReader::with_capacity(1 << 10, file);
    let start = reader.fill_buf().map_err(|error| Error::io(path, "read the file", &error))?;
    if start.starts_with(&[0x1F, 0x8B]) {
        return Ok(None);
    }
    let header = read_header(&mut reader).map_err(|error| error.with_file(path))?;
    let n_values = header.shape.iter().try_fold(1_u64, |product, &length| product.checked_mul(u64::from(length)));
    let is_whole = n_values.and_then(|n| n.checked_add(header.length)) == Some(n_bytes);
    let shape = header.shape.iter().map(|&length| length as usize).collect();
    Ok((header.type_code == 0x08 && is_whole).then_some((shape, header.length)))
}

/// Reads IDX from the bytes of a file, plain or gzipped.
///
/// ```
/// use inkstone::data::idx::{self, Values};
/// let array = idx::parse(&[0, 0, 0x0B, 1, 0, 0, 0, 2, 0, 7, 255, 255])?;
/// assert_eq!((array.shape, array.values), (vec![2], Values::I16(vec![7, -1])));
/// # Ok::<(), inkstone::Error>(())
/// ```
pub fn parse(bytes: &[u8]) -> Result<Idx> {
    read_stream(bytes, bytes.len() as u64)
}

/// The bytes of an IDX file of unsigned bytes.
///
/// # Panics
/// If the shape does not hold as many values as there are.
pub fn encode_u8(shape: &[usize], values: &[u8]) -> Vec<u8> {
    let mut bytes = encode_header(type_code::U8, shape, values.len());
    bytes.extend_from_slice(values);
    bytes
}

/// The bytes of an IDX file of 32-bit integers.
///
/// # Panics
/// If the shape does not hold as many values as there are.
pub fn encode_i32(shape: &[usize], values: &[i32]) -> Vec<u8> {
    let mut bytes = encode_header(type_code::I32, shape, values.len());
    bytes.extend(values.iter().flat_map(|value| value.to_be_bytes()));
    bytes
}

/// Codes of types that are written.
pub(super) mod type_code {
    /// Unsigned bytes.
    pub(in crate::data) const U8: u8 = 0x08;
    /// 32-bit integers.
    pub(in crate::data) const I32: u8 = 0x0C;
}

/// What stands before the values.
pub(super) fn encode_header(type_code: u8, shape: &[usize], n_values: usize) -> Vec<u8> {
    assert_eq!(shape.iter().product::<usize>(), n_values, "the shape {shape:?} holds other than {n_values} values");
    let rank = u8::try_from(shape.len()).expect("IDX has at most 255 axes");
    let mut bytes = vec![0, 0, type_code, rank];
    for &length in shape {
        bytes.extend(u32::try_from(length).expect("an axis of IDX has at most 2³² − 1 entries").to_be_bytes());
    }
    bytes
}

fn read_stream(mut reader: impl BufRead, n_bytes: u64) -> Result<Idx> {
    let start = reader.fill_buf().map_err(|error| read_error(&error))?;
    if start.starts_with(&[0x1F, 0x8B]) {
        return read_gzip(reader, n_bytes);
    }
    let header = read_header(&mut reader)?;
    let promised = header.n_bytes()?;
    let left = n_bytes.saturating_sub(header.length);
    if left < promised {
        return Err(truncated(&header, promised, left));
    }
    read_values(&mut reader, &header, promised)
}

#[cfg(feature = "formats")]
fn read_gzip(reader: impl BufRead, n_bytes: u64) -> Result<Idx> {
    let mut reader = flate2::bufread::MultiGzDecoder::new(reader);
    let header = read_header(&mut reader)?;
    let promised = header.n_bytes()?;
    // What these bytes cannot unpack to is missing, and no memory is asked for.
    let most = n_bytes.saturating_mul(MAX_DEFLATE_RATIO);
    if most < promised {
        let found = format!("{n_bytes} bytes of gzip, which cannot hold that many");
        return Err(Error::mismatch(ErrorKind::Data, header.promise(promised), found).with_place("offset 0"));
    }
    read_values(&mut reader, &header, promised)
}

#[cfg(not(feature = "formats"))]
fn read_gzip(_: impl BufRead, _: u64) -> Result<Idx> {
    Err(Error::mismatch(ErrorKind::Data, "a plain IDX file", "gzip")
        .with_place("offset 0")
        .with_help("unpack it, or build with the feature `formats`"))
}

/// What stands before the values.
struct Header {
    type_code: u8,
    shape: Vec<u32>,
    /// In bytes: where the values start.
    length: u64,
}

impl Header {
    fn value_size(&self) -> u64 {
        match self.type_code {
            0x08 | 0x09 => 1,
            0x0B => 2,
            0x0C | 0x0D => 4,
            _ => 8,
        }
    }

    /// The size of the values, if it can be read at all.
    fn n_bytes(&self) -> Result<u64> {
        let zero = self.shape.contains(&0);
        let size =
            self.shape.iter().try_fold(self.value_size(), |product, &length| product.checked_mul(u64::from(length)));
        match size {
            _ if zero => Ok(0),
            Some(size) if size <= MAX_BYTES => Ok(size),
            size => {
                let size = size.map_or(String::new(), |size| format!(" ({:.1} GB)", size as f64 / 1e9));
                let found = self.describe() + &size;
                Err(Error::mismatch(ErrorKind::Data, "at most 4 GiB of values", found).with_place("offset 4"))
            }
        }
    }

    /// `60000×28×28 values of type u8`.
    fn describe(&self) -> String {
        let mut shape: Vec<String> = self.shape.iter().take(4).map(ToString::to_string).collect();
        if self.shape.len() > 4 {
            shape.push("…".to_owned());
        }
        let name = match self.type_code {
            0x08 => "u8",
            0x09 => "i8",
            0x0B => "i16",
            0x0C => "i32",
            0x0D => "f32",
            _ => "f64",
        };
        let shape = if shape.is_empty() { "1".to_owned() } else { shape.join("×") };
        format!("{shape} values of type {name}")
    }

    fn promise(&self, n_bytes: u64) -> String {
        format!("{n_bytes} bytes ({})", self.describe())
    }
}

fn read_header(reader: &mut impl Read) -> Result<Header> {
    let mut start = [0; 4];
    let n_read = read_up_to(reader, &mut start)?;
    if n_read == 0 {
        return Err(Error::mismatch(ErrorKind::Data, "an IDX header", "an empty file").with_place("offset 0"));
    }
    if n_read < 4 || start[..2] != [0, 0] {
        let mut more = [0; 12];
        let n_more = if n_read < 4 { 0 } else { read_up_to(reader, &mut more)? };
        let found = describe_bytes(&[&start[..n_read], &more[..n_more]].concat());
        let expected = "an IDX file, which starts with 00 00";
        return Err(Error::mismatch(ErrorKind::Data, expected, found).with_place("offset 0"));
    }
    let [.., type_code, rank] = start;
    if !matches!(type_code, 0x08 | 0x09 | 0x0B..=0x0E) {
        let expected = "a type code of IDX (08, 09, 0b, 0c, 0d, 0e)";
        return Err(Error::mismatch(ErrorKind::Data, expected, format!("{type_code:02x}")).with_place("offset 2"));
    }
    let mut lengths = vec![0; 4 * usize::from(rank)];
    let n_read = read_up_to(reader, &mut lengths)?;
    if n_read < lengths.len() {
        let expected = format!("{} bytes with the lengths of {rank} axes", lengths.len());
        return Err(Error::mismatch(ErrorKind::Data, expected, n_read.to_string()).with_place("offset 4"));
    }
    let shape =
        lengths.chunks_exact(4).map(|bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])).collect();
    Ok(Header { type_code, shape, length: 4 + lengths.len() as u64 })
}

fn read_values(reader: &mut impl Read, header: &Header, promised: u64) -> Result<Idx> {
    let too_large = || Error::new(ErrorKind::Data, format!("no memory for {}", header.promise(promised)));
    let n_bytes = usize::try_from(promised).map_err(|_| too_large())?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(n_bytes).map_err(|_| too_large())?;
    bytes.resize(n_bytes, 0);
    let n_read = read_up_to(reader, &mut bytes)?;
    if n_read < n_bytes {
        return Err(truncated(header, promised, n_read as u64));
    }
    if read_up_to(reader, &mut [0])? > 0 {
        let place = format!("offset {}", header.length + promised);
        let expected = format!("the end of the file after {}", header.describe());
        return Err(Error::mismatch(ErrorKind::Data, expected, "more bytes").with_place(place));
    }
    let values = match header.type_code {
        0x08 => Values::U8(bytes),
        0x09 => Values::I8(bytes.iter().map(|&byte| byte as i8).collect()),
        0x0B => Values::I16(big_endian(&bytes, i16::from_be_bytes)),
        0x0C => Values::I32(big_endian(&bytes, i32::from_be_bytes)),
        0x0D => Values::F32(big_endian(&bytes, f32::from_be_bytes)),
        _ => Values::F64(big_endian(&bytes, f64::from_be_bytes)),
    };
    Ok(Idx { shape: header.shape.iter().map(|&length| length as usize).collect(), values })
}

fn big_endian<T, const N: usize>(bytes: &[u8], decode: fn([u8; N]) -> T) -> Vec<T> {
    bytes.chunks_exact(N).map(|value| decode(value.try_into().expect("chunks of N bytes"))).collect()
}

fn truncated(header: &Header, promised: u64, found: u64) -> Error {
    Error::mismatch(ErrorKind::Data, header.promise(promised), format!("{found} bytes"))
        .with_place(format!("offset {}", header.length))
        .with_help("the file is truncated or its header is wrong")
}

/// Fills `buffer` as far as the reader goes.
fn read_up_to(reader: &mut impl Read, buffer: &mut [u8]) -> Result<usize> {
    let mut n_read = 0;
    while n_read < buffer.len() {
        match reader.read(&mut buffer[n_read..]) {
            Ok(0) => break,
            Ok(n) => n_read += n,
            Err(error) if error.kind() == IoErrorKind::Interrupted => {}
            // A gzip stream that ends early; what was unpacked so far decides about the message.
            Err(error) if error.kind() == IoErrorKind::UnexpectedEof => break,
            Err(error) => return Err(read_error(&error)),
        }
    }
    Ok(n_read)
}

fn read_error(error: &std::io::Error) -> Error {
    match error.kind() {
        IoErrorKind::InvalidInput | IoErrorKind::InvalidData => {
            Error::new(ErrorKind::Data, format!("damaged gzip data: {error}"))
        }
        _ => Error::new(ErrorKind::Io, format!("cannot read the file: {error}")),
    }
}

/// The first bytes of something unexpected: as text where it is, else in hexadecimal.
pub(super) fn describe_bytes(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "nothing".to_owned();
    }
    let start = &bytes[..bytes.len().min(16)];
    if start.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) {
        let text: String = start.iter().map(|&byte| if byte.is_ascii_graphic() { byte as char } else { ' ' }).collect();
        return format!("text \"{}\"", text.trim_end());
    }
    let digits: Vec<String> = start[..start.len().min(4)].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("the bytes {}", digits.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: &[u8]) -> String {
        parse(bytes).unwrap_err().to_string()
    }

    #[test]
    fn every_type_is_read() {
        let file = |code: u8, values: &[u8]| [&[0, 0, code, 1, 0, 0, 0, 2], values].concat();
        let parsed = |code, values: &[u8]| parse(&file(code, values)).unwrap().values;
        assert_eq!(parsed(0x08, &[0, 255]), Values::U8(vec![0, 255]));
        assert_eq!(parsed(0x09, &[128, 255]), Values::I8(vec![-128, -1]));
        assert_eq!(parsed(0x0B, &[1, 0, 255, 254]), Values::I16(vec![256, -2]));
        assert_eq!(parsed(0x0C, &[0, 0, 1, 0, 255, 255, 255, 254]), Values::I32(vec![256, -2]));
        assert_eq!(parsed(0x0D, &[0x3F, 0x80, 0, 0, 0xC0, 0, 0, 0]), Values::F32(vec![1.0, -2.0]));
        let f64s = [&1.5_f64.to_be_bytes()[..], &(-0.25_f64).to_be_bytes()].concat();
        assert_eq!(parsed(0x0E, &f64s), Values::F64(vec![1.5, -0.25]));
    }

    #[test]
    fn what_is_encoded_is_read_back_at_every_rank() {
        for shape in [vec![], vec![6], vec![2, 3], vec![1, 2, 3], vec![1; 255], vec![3, 0, 2]] {
            let n: usize = shape.iter().product();
            let values: Vec<u8> = (0..n as u8).collect();
            let read = parse(&encode_u8(&shape, &values)).unwrap();
            assert_eq!((read.shape, read.values), (shape.clone(), Values::U8(values)));
            let values: Vec<i32> = (0..n as i32).map(|i| i * -70_000).collect();
            assert_eq!(parse(&encode_i32(&shape, &values)).unwrap().values, Values::I32(values));
        }
    }

    #[cfg(feature = "formats")]
    #[test]
    fn gzip_is_known_by_its_bytes_and_its_faults_are_named() {
        let plain = encode_u8(&[3, 100, 100], &vec![7; 30_000]);
        let packed = gzip(&plain);
        assert_eq!(parse(&packed).unwrap(), parse(&plain).unwrap());
        assert!(message(&packed[..packed.len() / 2]).contains("offset 16: expected 30000 bytes"), "a cut stream");
        let mut damaged = packed.clone();
        let end = damaged.len() - 6;
        damaged[end] ^= 1; // the checksum
        assert!(message(&damaged).starts_with("damaged gzip data"), "{}", message(&damaged));
        let hostile = gzip(&[0, 0, 8, 2, 0, 0, 0x80, 0, 0, 1, 0, 0]);
        assert!(message(&hostile).contains("which cannot hold that many"), "{}", message(&hostile));
        let long = gzip(&[&plain[..], &vec![0; 10_000_000]].concat());
        assert!(message(&long).contains("offset 30016: expected the end"), "{}", message(&long));
    }

    #[cfg(feature = "formats")]
    fn gzip(bytes: &[u8]) -> Vec<u8> {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[cfg(not(feature = "formats"))]
    #[test]
    fn gzip_without_the_feature_is_one_clear_line() {
        assert_eq!(
            message(&[0x1F, 0x8B, 8, 0]),
            "offset 0: expected a plain IDX file, found gzip; unpack it, or build with the feature `formats`"
        );
    }

    #[test]
    fn every_cut_and_every_flipped_header_byte_is_an_error_and_no_panic() {
        let whole = encode_i32(&[2, 3], &[1, 2, 3, 4, 5, 6]);
        for end in 0..whole.len() {
            assert!(parse(&whole[..end]).is_err(), "{end} bytes");
        }
        for place in 0..12 {
            for value in 0..=255 {
                let mut changed = whole.clone();
                changed[place] = value;
                assert_eq!(parse(&changed).is_ok(), value == whole[place] || (place == 2 && value == 0x0D));
            }
        }
    }

    #[test]
    fn a_header_of_100_gb_is_one_clear_line() {
        assert_eq!(
            message(&[0, 0, 8, 3, 0, 0, 0xFF, 0xFF, 0, 0, 4, 0, 0, 0, 6, 0x40]),
            "offset 4: expected at most 4 GiB of values, found 65535×1024×1600 values of type u8 (107.4 GB)"
        );
        assert!(message(&[&[0, 0, 0x0E, 9][..], &[0xFF; 36]].concat()).starts_with("offset 4: expected at most 4 GiB"));
    }
}
