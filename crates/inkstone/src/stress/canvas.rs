//! An image as values from 0 to 255 that are worked on, with its ground, its ink and its unit of length.

use crate::data::Image;
use crate::data::dataset::Size;
use crate::data::luma::luma;

/// The side that lengths are given for: MNIST's.
const USUAL_SIDE: f32 = 28.0;

/// An image under work. It has at least one pixel.
pub(super) struct Canvas {
    pub(super) size: Size,
    /// H × W × C, 0 to 255.
    pub(super) values: Vec<f32>,
    /// The median of the border, per channel: what goes on outside.
    pub(super) ground: [f32; 3],
    /// What is drawn in: white, or black on light ground.
    pub(super) ink: f32,
}

impl Canvas {
    pub(super) fn new(image: Image<'_>) -> Self {
        let ground = ground(image);
        let lightness = if image.size.channels == 1 { ground[0] } else { luma(ground) };
        Self {
            size: image.size,
            values: image.pixels.iter().map(|&byte| f32::from(byte)).collect(),
            ground: ground.map(f32::from),
            ink: if lightness < 128 { 255.0 } else { 0.0 },
        }
    }

    /// How many of its pixels one pixel of a usual image is.
    pub(super) fn unit(&self) -> f32 {
        self.size.height.min(self.size.width) as f32 / USUAL_SIDE
    }

    /// Rounded, and cut off at 0 and 255.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        // The cast cuts off.
        self.values.into_iter().map(|value| (value + 0.5) as u8).collect()
    }

    /// The values of one pixel.
    pub(super) fn pixel(&mut self, row: usize, column: usize) -> &mut [f32] {
        let Size { width, channels, .. } = self.size;
        &mut self.values[(row * width + column) * channels..][..channels]
    }
}

/// The median of the values along the border, per channel (the lower one of an even number).
fn ground(image: Image<'_>) -> [u8; 3] {
    let Size { height, width, channels } = image.size;
    let mut counts = [[0_u32; 256]; 3];
    let mut n = 0;
    let mut take = |row: usize, column: usize| {
        let pixel = &image.pixels[(row * width + column) * channels..][..channels];
        pixel.iter().zip(&mut counts).for_each(|(&byte, counts)| counts[usize::from(byte)] += 1);
        n += 1;
    };
    for column in 0..width {
        take(0, column);
        take(height - 1, column);
    }
    for row in 0..height {
        take(row, 0);
        take(row, width - 1);
    }
    counts.map(|counts| {
        let mut below = 0;
        let is_median = |&count: &u32| {
            below += count;
            2 * below >= n
        };
        counts.iter().position(is_median).unwrap_or(0) as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ground_is_what_most_of_the_border_is_and_the_ink_is_its_opposite() {
        let size = Size { height: 3, width: 3, channels: 1 };
        let canvas = Canvas::new(Image { size, pixels: &[250, 250, 250, 250, 0, 250, 250, 9, 9] });
        assert_eq!((canvas.ground[0], canvas.ink), (250.0, 0.0));
        let size = Size { height: 1, width: 1, channels: 3 };
        let canvas = Canvas::new(Image { size, pixels: &[10, 20, 30] });
        assert_eq!((canvas.ground, canvas.ink), ([10.0, 20.0, 30.0], 255.0));
    }

    #[test]
    fn an_untouched_canvas_gives_back_the_same_bytes() {
        let bytes: Vec<u8> = (0..=255).collect();
        let size = Size { height: 16, width: 16, channels: 1 };
        assert_eq!(Canvas::new(Image { size, pixels: &bytes }).into_bytes(), bytes);
    }
}
