//! Contact sheets: many images in a grid as one picture, small ones enlarged by whole factors. No text, no resampling.

use super::dataset::{Image, Size};
use crate::error::{Error, ErrorKind, Result};

/// A sheet has no more pixels: some hundred MB as RGB would help nobody.
const MOST_PIXELS: usize = 1 << 26;

/// How images stand on a sheet.
///
/// ```
/// use inkstone::data::{Image, dataset::Size, sheet::Sheet};
/// let dot = |value: &'static [u8; 1]| Some(Image { size: Size { height: 1, width: 1, channels: 1 }, pixels: value });
/// let picture = Sheet::new(2).gap(1).ground([9; 3]).draw(&[dot(&[0]), dot(&[255])])?;
/// assert_eq!(picture.pixels, [9, 9, 9, 9, 9, 9, 0, 9, 255, 9, 9, 9, 9, 9, 9]);
/// # Ok::<(), inkstone::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    columns: usize,
    scale: usize,
    gap: usize,
    head: usize,
    ground: [u8; 3],
}

/// A picture of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Height, width and channels.
    pub size: Size,
    /// `size.len()` bytes, channels fastest.
    pub pixels: Vec<u8>,
}

impl Picture {
    /// A view of it.
    pub fn image(&self) -> Image<'_> {
        Image { size: self.size, pixels: &self.pixels }
    }
}

impl Sheet {
    /// Rows of this many images, as large as they are, four pixels apart on grey.
    pub fn new(columns: usize) -> Self {
        Self { columns, scale: 1, gap: 4, head: 0, ground: [128; 3] }
    }

    /// Enlarges each pixel to a square of this side, 1 or more.
    #[must_use]
    pub fn scale(mut self, scale: usize) -> Self {
        self.scale = scale.max(1);
        self
    }

    /// Enlarges images of this size by the largest whole factor that keeps the longer side within `side` pixels.
    #[must_use]
    pub fn fit(self, size: Size, side: usize) -> Self {
        self.scale((side / size.height.max(size.width).max(1)).max(1))
    }

    /// Pixels between images and around them.
    #[must_use]
    pub fn gap(mut self, gap: usize) -> Self {
        self.gap = gap;
        self
    }

    /// More pixels below the first row, which thus heads the others.
    #[must_use]
    pub fn head(mut self, head: usize) -> Self {
        self.head = head;
        self
    }

    /// The colour between the images.
    #[must_use]
    pub fn ground(mut self, ground: [u8; 3]) -> Self {
        self.ground = ground;
        self
    }

    /// Draws the images row by row, each in the middle of a cell as large as the largest; `None` leaves a cell empty.
    /// Grey where all of it is.
    ///
    /// # Errors
    /// If there is no image, or the sheet would be larger than 2²⁶ pixels.
    pub fn draw(&self, cells: &[Option<Image<'_>>]) -> Result<Picture> {
        let sizes = || cells.iter().flatten().map(|image| image.size);
        let longest = |side: fn(Size) -> usize| sizes().map(side).max().unwrap_or(0);
        let cell = [longest(|size| size.height), longest(|size| size.width)];
        if self.columns == 0 || cell.contains(&0) {
            return Err(Error::mismatch(ErrorKind::Usage, "images for a sheet", "none"));
        }
        let ground = self.ground[0];
        let channels = if self.ground == [ground; 3] && sizes().all(|size| size.channels == 1) { 1 } else { 3 };
        let rows = cells.len().div_ceil(self.columns);
        let length = |n: usize, side: usize| {
            let cells = side.checked_mul(self.scale)?.checked_add(self.gap)?.checked_mul(n)?;
            cells.checked_add(self.gap)
        };
        let size =
            length(rows, cell[0]).and_then(|height| height.checked_add(self.head)).zip(length(self.columns, cell[1]));
        let size = size.filter(|(height, width)| height.checked_mul(*width).is_some_and(|n| n <= MOST_PIXELS));
        let Some((height, width)) = size else {
            let found = format!("{} images of {}×{} pixels", cells.len(), cell[0], cell[1]);
            return Err(Error::mismatch(ErrorKind::Usage, format!("a sheet of at most {MOST_PIXELS} pixels"), found));
        };
        let size = Size { height, width, channels };
        let pixels =
            if channels == 1 { vec![ground; size.len()] } else { self.ground.repeat(size.height * size.width) };
        let mut picture = Picture { size, pixels };
        for (k, image) in cells.iter().enumerate() {
            if let Some(image) = image {
                let corner = self.corner([k / self.columns, k % self.columns], cell, image.size);
                self.place(*image, corner, &mut picture);
            }
        }
        Ok(picture)
    }

    /// Where an image of this size begins in its cell.
    fn corner(&self, [row, column]: [usize; 2], cell: [usize; 2], size: Size) -> [usize; 2] {
        let begin = |k: usize, side: usize, own: usize| {
            self.gap + k * (side * self.scale + self.gap) + (side - own) * self.scale / 2
        };
        let head = if row > 0 { self.head } else { 0 };
        [begin(row, cell[0], size.height) + head, begin(column, cell[1], size.width)]
    }

    fn place(&self, image: Image<'_>, [top, left]: [usize; 2], picture: &mut Picture) {
        let (width, channels) = (picture.size.width, picture.size.channels);
        let own = image.size.channels;
        for i in 0..image.size.height * self.scale {
            let from = &image.pixels[i / self.scale * image.size.width * own..][..image.size.width * own];
            let to = &mut picture.pixels[((top + i) * width + left) * channels..];
            let squares = to.chunks_exact_mut(self.scale * channels);
            for (pixel, square) in from.chunks_exact(own).zip(squares) {
                for out in square.chunks_exact_mut(channels) {
                    out.iter_mut().zip(pixel.iter().cycle()).for_each(|(out, &byte)| *out = byte);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::unnecessary_wraps)] // A cell of a sheet may be empty.
    fn image(height: usize, width: usize, channels: usize, pixels: &[u8]) -> Option<Image<'_>> {
        Some(Image { size: Size { height, width, channels }, pixels })
    }

    #[test]
    fn images_are_enlarged_and_stand_in_the_middle_of_their_cells() {
        let cells = [image(1, 2, 1, &[1, 2]), image(1, 1, 1, &[7])];
        let picture = Sheet::new(1).scale(2).gap(0).head(1).ground([0; 3]).draw(&cells).unwrap();
        assert_eq!(picture.size, Size { height: 5, width: 4, channels: 1 });
        let rows: Vec<&[u8]> = picture.pixels.chunks(4).collect();
        assert_eq!(rows, [[1, 1, 2, 2], [1, 1, 2, 2], [0; 4], [0, 7, 7, 0], [0, 7, 7, 0]]);
    }

    #[test]
    fn one_colour_makes_the_whole_sheet_coloured_and_an_empty_cell_is_ground() {
        let cells = [image(1, 1, 1, &[5]), None, image(1, 1, 3, &[1, 2, 3])];
        let picture = Sheet::new(3).gap(0).ground([9; 3]).draw(&cells).unwrap();
        assert_eq!(picture.pixels, [5, 5, 5, 9, 9, 9, 1, 2, 3]);
        let picture = Sheet::new(1).gap(1).ground([1, 2, 3]).draw(&[image(1, 1, 1, &[5])]).unwrap();
        assert_eq!(picture.pixels[..6], [1, 2, 3, 1, 2, 3]);
        assert_eq!(picture.image().size, Size { height: 3, width: 3, channels: 3 });
    }

    #[test]
    fn the_factor_fits_the_side() {
        let of = |height, side| Sheet::new(1).fit(Size { height, width: 1, channels: 1 }, side).scale;
        assert_eq!((of(28, 84), of(28, 83), of(200, 84)), (3, 2, 1));
    }

    #[test]
    fn nothing_and_too_much_are_refused() {
        let error = Sheet::new(3).draw(&[None]).unwrap_err();
        assert_eq!(error.to_string(), "expected images for a sheet, found none");
        let error = Sheet::new(1).scale(100_000).draw(&[image(1, 2, 1, &[1, 2])]).unwrap_err();
        let message = "expected a sheet of at most 67108864 pixels, found 1 images of 1×2 pixels";
        assert_eq!(error.to_string(), message);
        assert!(Sheet::new(usize::MAX).gap(usize::MAX).draw(&[image(1, 1, 1, &[1])]).is_err());
    }
}
