//! From 8-bit pixels to the bytes of a PNG file: without loss, and the same bytes each time.

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};

use super::dataset::Image;

/// An image as a PNG file, grey or RGB as it is.
///
/// # Panics
/// If the image has no pixel.
///
/// ```
/// use inkstone::data::{Image, dataset::Size, decode::decode, encode::png};
/// let size = Size { height: 1, width: 3, channels: 1 };
/// let bytes = png(Image { size, pixels: &[0, 7, 255] });
/// assert_eq!(decode(&bytes)?.pixels, [0, 7, 255]);
/// # Ok::<(), inkstone::Error>(())
/// ```
pub fn png(image: Image<'_>) -> Vec<u8> {
    encode(image, CompressionType::Default, FilterType::Adaptive)
}

/// As [`png`], several times faster and a little larger: for sets of many images.
///
/// # Panics
/// If the image has no pixel.
pub fn png_fast(image: Image<'_>) -> Vec<u8> {
    encode(image, CompressionType::Fast, FilterType::NoFilter)
}

fn encode(image: Image<'_>, compression: CompressionType, filter: FilterType) -> Vec<u8> {
    let (width, height) = (image.size.width as u32, image.size.height as u32);
    let colour = if image.size.channels == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    let mut bytes = Vec::new();
    PngEncoder::new_with_quality(&mut bytes, compression, filter)
        .write_image(image.pixels, width, height, colour)
        .expect("a vector takes all, and an image has as many bytes as its size says");
    bytes
}
