//! From the bytes of an image file to 8-bit pixels, grey or RGB. The format is what the bytes are, not what the name
//! says. Refuses what is no PNG, JPEG, BMP or PGM/PPM, and images over [`MAX_PIXELS`] before their pixels are read.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::dataset::{Image, Size};
use super::idx::describe_bytes;
use crate::error::{Error, ErrorKind, Result};

/// The most pixels of an image that is read: 100 million.
pub const MAX_PIXELS: u64 = 100_000_000;

/// The most memory that a decoder may take: [`MAX_PIXELS`] of four 16-bit channels.
const MAX_ALLOCATION: u64 = MAX_PIXELS * 8;

/// The longest image file that is read: 256 MiB.
pub const MAX_FILE_BYTES: u64 = 256 << 20;

/// The memory that reading a file begins with.
const SMALL_FILE_BYTES: usize = 16 << 10;

/// What is understood, as messages say it.
const EXPECTED: &str = "a PNG, JPEG, BMP or PGM image";

/// An image in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodedImage {
    /// Height, width and channels: 1 (grey) or 3 (RGB).
    pub size: Size,
    /// `size.len()` bytes in memory order H, W, C.
    pub pixels: Vec<u8>,
}

impl DecodedImage {
    /// A view of it.
    pub fn as_image(&self) -> Image<'_> {
        Image { size: self.size, pixels: &self.pixels }
    }
}

/// Decodes the bytes of a file.
///
/// 16-bit values become round(v · 255 / 65535). What is transparent is laid over white, as on paper, or over black where
/// on white nothing would be seen. An orientation in the file's EXIF data is applied. Grey stays one channel, palettes become RGB.
///
/// # Errors
/// `Data`, with what was found instead of an image.
///
/// ```
/// let image = inkstone::data::decode::decode(b"P5 2 1 255 \x07\xff")?;
/// assert_eq!((image.size.width, image.size.channels, &image.pixels[..]), (2, 1, &[7, 255][..]));
/// # Ok::<(), inkstone::Error>(())
/// ```
pub fn decode(bytes: &[u8]) -> Result<DecodedImage> {
    let format = format(bytes)?;
    let damaged = |error: &image::ImageError| {
        Error::new(ErrorKind::Data, format!("damaged {} image: {}", name(format), reason(error)))
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_ALLOCATION);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| damaged(&error))?;
    let (width, height) = decoder.dimensions();
    let n_pixels = u64::from(width) * u64::from(height);
    if n_pixels == 0 || n_pixels > MAX_PIXELS {
        let expected = format!("an image of 1 to {MAX_PIXELS} pixels");
        return Err(Error::mismatch(ErrorKind::Data, expected, format!("{width}×{height}")));
    }
    // A damaged orientation is no reason to lose the picture.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(|error| damaged(&error))?;
    image.apply_orientation(orientation);
    let (width, height) = (image.width() as usize, image.height() as usize);
    let (channels, pixels) = to_bytes(image);
    Ok(DecodedImage { size: Size { height, width, channels }, pixels })
}

/// Reads the bytes of an image file, at most [`MAX_FILE_BYTES`].
///
/// # Errors
/// `Io` where it cannot be read, `Data` where it is too long.
pub fn read_file(path: &Path) -> Result<Vec<u8>> {
    let failed = |error: &std::io::Error| Error::io(path, "read the image", error);
    let file = File::open(path).map_err(|error| failed(&error))?;
    // Room for a small image: its file is then read in one call instead of many.
    let mut bytes = Vec::with_capacity(SMALL_FILE_BYTES);
    // One byte more than allowed tells a file that is too long, whatever its length is said to be.
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let expected = format!("an image file of at most {} MiB", MAX_FILE_BYTES >> 20);
        return Err(Error::mismatch(ErrorKind::Data, expected, "a longer one").with_file(path));
    }
    Ok(bytes)
}

/// The format of the bytes, if it is one of those that are understood.
fn format(bytes: &[u8]) -> Result<ImageFormat> {
    let mismatch = |found: String| Err(Error::mismatch(ErrorKind::Data, EXPECTED, found));
    match image::guess_format(bytes) {
        Ok(format @ (ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::Bmp | ImageFormat::Pnm)) => Ok(format),
        Ok(other) => mismatch(format!("a {} image", other.extensions_str()[0].to_uppercase())),
        Err(_) if bytes.is_empty() => mismatch("an empty file".to_owned()),
        Err(_) => mismatch(describe_bytes(bytes)),
    }
}

fn name(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Png => "PNG",
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Bmp => "BMP",
        _ => "PGM",
    }
}

/// The decoder's own words, without the format that the message names already.
fn reason(error: &image::ImageError) -> String {
    use std::error::Error as _;
    let is_cut = |error: &std::io::Error| error.kind() == std::io::ErrorKind::UnexpectedEof;
    if matches!(error, image::ImageError::IoError(error) if is_cut(error)) {
        return "unexpected end of file".to_owned();
    }
    error
        .source()
        .map_or_else(|| error.to_string(), ToString::to_string)
        .trim()
        .trim_end_matches('.')
        .replace('\n', " ")
}

/// Channels and bytes.
fn to_bytes(image: DynamicImage) -> (usize, Vec<u8>) {
    match image {
        DynamicImage::ImageLuma8(image) => (1, image.into_raw()),
        DynamicImage::ImageRgb8(image) => (3, image.into_raw()),
        DynamicImage::ImageLumaA8(image) => (1, over_ground::<2>(&widen(&image))),
        DynamicImage::ImageRgba8(image) => (3, over_ground::<4>(&widen(&image))),
        DynamicImage::ImageLuma16(image) => (1, image.iter().map(|&value| to_8_bits(value)).collect()),
        DynamicImage::ImageRgb16(image) => (3, image.iter().map(|&value| to_8_bits(value)).collect()),
        DynamicImage::ImageLumaA16(image) => (1, over_ground::<2>(&image)),
        DynamicImage::ImageRgba16(image) => (3, over_ground::<4>(&image)),
        other => (3, other.to_rgb8().into_raw()),
    }
}

/// round(v · 255 / 65535).
fn to_8_bits(value: u16) -> u8 {
    ((u32::from(value) * 255 + 32_767) / 65_535) as u8
}

/// 0…255 → 0…65535, exactly: v · 257.
fn widen(values: &[u8]) -> Vec<u16> {
    values.iter().map(|&value| u16::from(value) * 257).collect()
}

/// What is transparent is white, as on paper; black where on white nothing would be seen: white ink on nothing.
fn over_ground<const N: usize>(values: &[u16]) -> Vec<u8> {
    /// The least difference that is seen, of 255.
    const SEEN: u8 = 40;
    let stands_out = |pixels: &[u8], ground: u8| pixels.iter().any(|value| value.abs_diff(ground) >= SEEN);
    let on_white = over::<N>(values, 65_535);
    if stands_out(&on_white, 255) {
        return on_white;
    }
    let on_black = over::<N>(values, 0);
    if stands_out(&on_black, 0) { on_black } else { on_white }
}

/// v · a + ground · (1 − a), in 16 bits; drops the last of N channels, which is a.
fn over<const N: usize>(values: &[u16], ground: u64) -> Vec<u8> {
    let blend = |value: u16, alpha: u16| {
        let (value, alpha) = (u64::from(value), u64::from(alpha));
        to_8_bits(((value * alpha + ground * (65_535 - alpha) + 32_767) / 65_535) as u16)
    };
    values
        .chunks_exact(N)
        .flat_map(|pixel| pixel[..N - 1].iter().map(move |&value| blend(value, pixel[N - 1])))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageBuffer, ImageEncoder, Luma, LumaA, Rgb, Rgba};

    fn encode(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.into().write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn message(bytes: &[u8]) -> String {
        decode(bytes).unwrap_err().to_string()
    }

    #[test]
    fn grey_stays_one_channel_and_colour_three_in_every_format() {
        let grey = ImageBuffer::from_fn(5, 3, |x, y| Luma([(x * 40 + y) as u8]));
        let colour = ImageBuffer::from_fn(5, 3, |x, y| Rgb([(x * 40) as u8, (y * 50) as u8, 7]));
        for format in [ImageFormat::Png, ImageFormat::Pnm] {
            let image = decode(&encode(grey.clone(), format)).unwrap();
            assert_eq!(image.size, Size { height: 3, width: 5, channels: 1 });
            assert_eq!(image.pixels, grey.as_raw()[..]);
        }
        for format in [ImageFormat::Png, ImageFormat::Pnm, ImageFormat::Bmp] {
            let image = decode(&encode(colour.clone(), format)).unwrap();
            assert_eq!(image.size, Size { height: 3, width: 5, channels: 3 });
            assert_eq!(image.pixels, colour.as_raw()[..]);
        }
        let flat = ImageBuffer::from_pixel(16, 16, Luma([77_u8]));
        let jpeg = decode(&encode(flat, ImageFormat::Jpeg)).unwrap();
        assert!(jpeg.size.channels == 1 && jpeg.pixels.iter().all(|value| value.abs_diff(77) <= 1));
    }

    #[test]
    fn sixteen_bits_are_rounded_and_transparency_is_white_but_for_white_ink() {
        let deep = ImageBuffer::from_fn(3, 1, |x, _| Luma([[0_u16, 128, 65_407][x as usize]]));
        assert_eq!(decode(&encode(deep, ImageFormat::Png)).unwrap().pixels, [0, 0, 255]);
        let clear = ImageBuffer::from_fn(3, 1, |x, _| LumaA([0_u8, [0, 128, 255][x as usize]]));
        assert_eq!(decode(&encode(clear, ImageFormat::Png)).unwrap().pixels, [255, 127, 0]);
        let clear = ImageBuffer::from_pixel(1, 1, Rgba([200_u8, 0, 100, 0]));
        assert_eq!(decode(&encode(clear, ImageFormat::Png)).unwrap().pixels, [255; 3]);
        // White ink on nothing would vanish on white; white paper with a hole stays white.
        let ink = ImageBuffer::from_fn(2, 1, |x, _| Rgba([255_u8, 255, 255, [0, 255][x as usize]]));
        assert_eq!(decode(&encode(ink, ImageFormat::Png)).unwrap().pixels, [0, 0, 0, 255, 255, 255]);
        let paper = ImageBuffer::from_fn(3, 1, |x, _| LumaA([[255_u8, 0, 9][x as usize], [255, 255, 0][x as usize]]));
        assert_eq!(decode(&encode(paper, ImageFormat::Png)).unwrap().pixels, [255, 0, 255]);
        for value in 0..=255_u8 {
            assert_eq!(over_ground::<2>(&widen(&[value, 255])), [value]);
        }
    }

    #[test]
    fn a_pgm_of_another_maximum_is_scaled() {
        assert_eq!(decode(b"P5 3 1 15 \x00\x07\x0f").unwrap().pixels, [0, 119, 255]);
        assert_eq!(decode(b"P2 2 1 1 0 1").unwrap().pixels, [0, 255]);
    }

    #[test]
    fn the_orientation_of_a_photograph_is_applied() {
        let wide = ImageBuffer::from_fn(16, 8, |x, _| Luma([if x < 8 { 0_u8 } else { 255 }]));
        let mut bytes = Vec::new();
        let mut encoder = image::codecs::jpeg::JpegEncoder::new(&mut bytes);
        // EXIF, little-endian, one entry: orientation (0x0112), short, 1 value, 6 = turn a quarter clockwise.
        let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
        encoder.set_exif_metadata(exif).unwrap();
        encoder.write_image(&wide, 16, 8, image::ExtendedColorType::L8).unwrap();
        let image = decode(&bytes).unwrap();
        assert_eq!((image.size.height, image.size.width), (16, 8));
        assert!(image.pixels[0] < 50 && image.pixels[15 * 8] > 200, "left has become top");
    }

    #[test]
    fn what_is_no_image_is_named() {
        assert_eq!(message(b""), "expected a PNG, JPEG, BMP or PGM image, found an empty file");
        assert_eq!(
            message(b"hello, I am no picture\n"),
            "expected a PNG, JPEG, BMP or PGM image, found text \"hello, I am no p\""
        );
        assert_eq!(message(b"GIF89a......"), "expected a PNG, JPEG, BMP or PGM image, found a GIF image");
        assert_eq!(message(&[0, 0, 8, 3]), "expected a PNG, JPEG, BMP or PGM image, found the bytes 00 00 08 03");
    }

    #[test]
    fn every_cut_of_a_file_is_an_error_or_an_image_and_no_panic() {
        let grey = ImageBuffer::from_fn(9, 7, |x, y| Luma([(x * 20 + y) as u8]));
        for format in [ImageFormat::Png, ImageFormat::Pnm, ImageFormat::Bmp, ImageFormat::Jpeg] {
            let whole = encode(grey.clone(), format);
            for end in 0..whole.len() {
                let _ = decode(&whole[..end]);
                let mut changed = whole.clone();
                changed[end] ^= 0x5A;
                let _ = decode(&changed);
            }
        }
        assert!(message(b"P5 100000 100000 255 ").contains("expected an image of 1 to 100000000 pixels"));
    }
}
