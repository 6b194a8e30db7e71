//! A region of an image: one field of a form.

use crate::data::Image;
use crate::data::dataset::Size;
use crate::data::decode::DecodedImage;
use crate::error::{Error, ErrorKind, Result};

/// Left, top, width, height in pixels.
pub type Region = [usize; 4];

/// The pixels of a region.
///
/// # Errors
/// `Usage`, where it has no pixel or does not lie in the image.
pub fn crop(image: Image<'_>, [left, top, width, height]: Region) -> Result<DecodedImage> {
    let Size { height: rows, width: columns, channels } = image.size;
    let fits =
        |start: usize, length: usize, all: usize| length > 0 && start.checked_add(length).is_some_and(|end| end <= all);
    if !fits(left, width, columns) || !fits(top, height, rows) {
        let expected = format!("a region inside {columns}×{rows} pixels");
        let found = format!("{width}×{height} at {left},{top}");
        return Err(Error::mismatch(ErrorKind::Usage, expected, found).with_place("crop"));
    }
    let lines = (top..top + height).flat_map(|y| &image.pixels[(y * columns + left) * channels..][..width * channels]);
    Ok(DecodedImage { size: Size { height, width, channels }, pixels: lines.copied().collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_cut_out_and_one_that_reaches_beyond_is_refused() {
        let pixels: Vec<u8> = (0..24).collect();
        let image = Image { size: Size { height: 2, width: 4, channels: 3 }, pixels: &pixels };
        let found = crop(image, [1, 1, 2, 1]).unwrap();
        assert_eq!(found.size, Size { height: 1, width: 2, channels: 3 });
        assert_eq!(found.pixels, [15, 16, 17, 18, 19, 20]);
        let error = crop(image, [3, 0, 2, 1]).unwrap_err().to_string();
        assert_eq!(error, "crop: expected a region inside 4×2 pixels, found 2×1 at 3,0");
        assert!(crop(image, [usize::MAX, 0, 2, 1]).is_err() && crop(image, [0, 0, 0, 1]).is_err());
    }
}
