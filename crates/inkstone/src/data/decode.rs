//! From the bytes of an image file to 8-bit pixels, grey or RGB. The format is what the bytes are, not what the name
//! says. Refuses what is no PNG, JPEG, BMP, PGM/PPM, TIFF or WebP, images over [`MAX_PIXELS`] before their pixels are
//! read, files that hold several pictures, and values that have no scale of their own (floating point, 32 bits).

use std::cell::RefCell;
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::dataset::{Image, Size};
use super::idx::describe_bytes;
use super::small_png::SmallPng;
use super::tiff_pages;
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
const EXPECTED: &str = "a PNG, JPEG, BMP, PGM, TIFF or WebP image";

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
/// on white nothing would be seen. An orientation in the file's EXIF data (JPEG, WebP, PNG) or tag (TIFF) is applied.
/// Grey stays one channel, palettes and CMYK become RGB.
///
/// # Errors
/// `Data`, with what was found instead of an image, and what to do.
///
/// ```
/// let image = inkstone::data::decode::decode(b"P5 2 1 255 \x07\xff")?;
/// assert_eq!((image.size.width, image.size.channels, &image.pixels[..]), (2, 1, &[7, 255][..]));
/// # Ok::<(), inkstone::Error>(())
/// ```
pub fn decode(bytes: &[u8]) -> Result<DecodedImage> {
    match decode_small(bytes) {
        Some(image) => Ok(image),
        None => decode_any(bytes),
    }
}

/// The short way, where there is one.
fn decode_small(bytes: &[u8]) -> Option<DecodedImage> {
    let png = SmallPng::parse(bytes)?;
    let mut pixels = vec![0; png.size.len()];
    png.decode(&mut pixels)?;
    Some(DecodedImage { size: png.size, pixels })
}

fn decode_any(bytes: &[u8]) -> Result<DecodedImage> {
    let format = format(bytes)?;
    let failed = |error: &image::ImageError| failure(error, format, bytes);
    if let Some(found) = several_pictures(bytes, format).map_err(|error| failed(&error))? {
        return Err(Error::mismatch(ErrorKind::Data, "one picture", found)
            .with_help("save the one that is meant, or each as a file of its own"));
    }
    let mut decoder = decoder(bytes, format).map_err(|error| failed(&error))?;
    let (width, height) = decoder.dimensions();
    let n_pixels = u64::from(width) * u64::from(height);
    if n_pixels == 0 || n_pixels > MAX_PIXELS {
        let expected = format!("an image of 1 to {MAX_PIXELS} pixels");
        return Err(Error::mismatch(ErrorKind::Data, expected, format!("{width}×{height}")));
    }
    if matches!(decoder.color_type(), image::ColorType::Rgb32F | image::ColorType::Rgba32F) {
        return Err(without_scale("floating-point values"));
    }
    // A damaged orientation is no reason to lose the picture.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(|error| failed(&error))?;
    image.apply_orientation(orientation);
    let (width, height) = (image.width() as usize, image.height() as usize);
    let (channels, pixels) = to_bytes(image);
    Ok(DecodedImage { size: Size { height, width, channels }, pixels })
}

fn decoder(bytes: &[u8], format: ImageFormat) -> image::ImageResult<impl ImageDecoder> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits());
    reader.into_decoder()
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_ALLOCATION);
    limits
}

/// What there is, if it is more than one picture.
fn several_pictures(bytes: &[u8], format: ImageFormat) -> image::ImageResult<Option<&'static str>> {
    let is_animated = match format {
        // The chunk that makes a PNG an animation stands before the pixels.
        ImageFormat::Png => {
            let start =
                bytes.windows(4).take(bytes.len().min(1 << 16)).find(|name| *name == b"acTL" || *name == b"IDAT");
            start == Some(&b"acTL"[..]) && PngDecoder::with_limits(Cursor::new(bytes), limits())?.is_apng()?
        }
        ImageFormat::WebP => WebPDecoder::new(Cursor::new(bytes))?.has_animation(),
        ImageFormat::Tiff if tiff_pages::count(bytes) > 1 => return Ok(Some("a TIFF of several pages")),
        _ => false,
    };
    Ok(is_animated.then_some(if format == ImageFormat::Png { "an animated PNG" } else { "an animated WebP" }))
}

/// Why a file could not be decoded: damaged, or of a kind that has no meaning here.
fn failure(error: &image::ImageError, format: ImageFormat, bytes: &[u8]) -> Error {
    let name = name(format);
    match error {
        image::ImageError::Limits(_) => {
            let message = format!("{name} image: decoding it would take more than {} MB", MAX_ALLOCATION / 1_000_000);
            Error::new(ErrorKind::Data, message)
        }
        image::ImageError::Unsupported(_) if format == ImageFormat::Tiff => match tiff_pages::kind(bytes) {
            Some(kind) if kind.is_float => without_scale("floating-point values"),
            Some(kind) if kind.bits > 16 => without_scale(&format!("values of {} bits", kind.bits)),
            kind => {
                let found = kind.map_or_else(|| reason(error), tiff_pages::Kind::describe);
                Error::mismatch(ErrorKind::Data, "a TIFF of grey, RGB or CMYK values", found).with_help(SAVE_PLAIN)
            }
        },
        image::ImageError::Unsupported(_) => {
            let message = format!("{name} image of a kind that is not read: {}", reason(error));
            Error::new(ErrorKind::Data, message).with_help(SAVE_PLAIN)
        }
        _ => Error::new(ErrorKind::Data, format!("damaged {name} image: {}", reason(error))),
    }
}

const SAVE_PLAIN: &str = "save it as PNG";

fn without_scale(found: &str) -> Error {
    Error::mismatch(ErrorKind::Data, "values of 1 to 16 bits", found)
        .with_help("what is black and what is white is not known: scale them and save 8 or 16 bits")
}

/// Reads the bytes of an image file, at most [`MAX_FILE_BYTES`].
///
/// # Errors
/// `Io` where it cannot be read, `Data` where it is too long.
pub fn read_file(path: &Path) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(|error| cannot_read(path, &error))?;
    // Room for a small image: its file is then read in one call instead of many.
    read_rest(path, file, Vec::with_capacity(SMALL_FILE_BYTES))
}

/// `start` and what is left of the file.
fn read_rest(path: &Path, file: File, start: Vec<u8>) -> Result<Vec<u8>> {
    let mut bytes = start;
    // One byte more than allowed tells a file that is too long, whatever its length is said to be.
    let most = (MAX_FILE_BYTES + 1).saturating_sub(bytes.len() as u64);
    file.take(most).read_to_end(&mut bytes).map_err(|error| cannot_read(path, &error))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let expected = format!("an image file of at most {} MiB", MAX_FILE_BYTES >> 20);
        return Err(Error::mismatch(ErrorKind::Data, expected, "a longer one").with_file(path));
    }
    Ok(bytes)
}

fn cannot_read(path: &Path, error: &std::io::Error) -> Error {
    Error::io(path, "read the image", error)
}

/// Reads and decodes one image file.
///
/// # Errors
/// As [`read_file`] and [`decode`], with the file.
pub fn decode_file(path: &Path) -> Result<DecodedImage> {
    decode(&read_file(path)?).map_err(|error| error.with_file(path))
}

/// Reads and decodes one image file: into `pixels` if it is of that size and of the commonest kind, which takes a single
/// reading and no memory; else into memory of its own.
pub(super) fn decode_file_into(path: &Path, size: Size, pixels: &mut [u8]) -> Result<Option<DecodedImage>> {
    thread_local! {
        static START: RefCell<Vec<u8>> = RefCell::default();
    }
    let mut file = File::open(path).map_err(|error| cannot_read(path, &error))?;
    START.with_borrow_mut(|buffer| {
        buffer.resize(SMALL_FILE_BYTES, 0);
        let n = file.read(buffer).map_err(|error| cannot_read(path, &error))?;
        let start = &buffer[..n];
        // If what one reading gave is a whole PNG with its end and its checksums, it is the file.
        let png = if n < SMALL_FILE_BYTES { SmallPng::parse(start).filter(|png| png.size == size) } else { None };
        if png.and_then(|png| png.decode(pixels)).is_some() {
            return Ok(None);
        }
        let bytes = read_rest(path, file, start.to_vec())?;
        decode(&bytes).map(Some).map_err(|error| error.with_file(path))
    })
}

/// The format of the bytes, if it is one of those that are understood.
fn format(bytes: &[u8]) -> Result<ImageFormat> {
    let mismatch = |found: String| Err(Error::mismatch(ErrorKind::Data, EXPECTED, found));
    match image::guess_format(bytes) {
        Ok(
            format @ (ImageFormat::Png
            | ImageFormat::Jpeg
            | ImageFormat::Bmp
            | ImageFormat::Pnm
            | ImageFormat::Tiff
            | ImageFormat::WebP),
        ) => Ok(format),
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
        ImageFormat::Tiff => "TIFF",
        ImageFormat::WebP => "WebP",
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
        assert_eq!(message(b""), "expected a PNG, JPEG, BMP, PGM, TIFF or WebP image, found an empty file");
        assert_eq!(
            message(b"hello, I am no picture\n"),
            "expected a PNG, JPEG, BMP, PGM, TIFF or WebP image, found text \"hello, I am no p\""
        );
        assert_eq!(message(b"GIF89a......"), "expected a PNG, JPEG, BMP, PGM, TIFF or WebP image, found a GIF image");
        assert_eq!(
            message(&[0, 0, 8, 3]),
            "expected a PNG, JPEG, BMP, PGM, TIFF or WebP image, found the bytes 00 00 08 03"
        );
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
