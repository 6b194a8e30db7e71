//! A picture to draw on: filled rectangles, enlarged pixels, lines of small letters. It grows downwards as it is drawn on.

use super::letters;
use crate::data::dataset::Size;
use crate::data::sheet::Picture;

/// Red, green, blue.
pub(super) type Colour = [u8; 3];

/// Left, top, width, height.
pub(super) type Rectangle = [usize; 4];

/// A picture under way.
pub(super) struct Canvas {
    pub(super) width: usize,
    ground: Colour,
    pixels: Vec<u8>,
}

impl Canvas {
    /// As wide as this, of no height yet.
    pub(super) fn new(width: usize, ground: Colour) -> Self {
        Self { width, ground, pixels: Vec::new() }
    }

    /// Done.
    pub(super) fn finish(self) -> Picture {
        let height = self.pixels.len() / (self.width * 3);
        Picture { size: Size { height, width: self.width, channels: 3 }, pixels: self.pixels }
    }

    /// Makes it at least this high.
    pub(super) fn reach(&mut self, height: usize) {
        let missing = (height * self.width).saturating_sub(self.pixels.len() / 3);
        self.pixels.extend(self.ground.repeat(missing));
    }

    /// A rectangle of one colour; what lies beyond the right edge is left out.
    pub(super) fn fill(&mut self, [left, top, width, height]: Rectangle, colour: Colour) {
        self.reach(top + height);
        let right = (left + width).min(self.width);
        for y in top..top + height {
            let row = (y * self.width + left.min(right)) * 3..(y * self.width + right) * 3;
            self.pixels[row].as_chunks_mut().0.iter_mut().for_each(|pixel| *pixel = colour);
        }
    }

    /// The frame of a rectangle, inside it.
    pub(super) fn frame(&mut self, [left, top, width, height]: Rectangle, thickness: usize, colour: Colour) {
        self.fill([left, top, width, thickness], colour);
        self.fill([left, top + height.saturating_sub(thickness), width, thickness], colour);
        self.fill([left, top, thickness, height], colour);
        self.fill([left + width.saturating_sub(thickness), top, thickness, height], colour);
    }

    /// A line of text; `scale` is the side of a letter's dot.
    pub(super) fn text(&mut self, [x, y]: [usize; 2], scale: usize, colour: Colour, text: &str) {
        for (k, letter) in text.chars().enumerate() {
            let left = x + k * letters::ADVANCE * scale;
            for (row, dots) in letters::rows(letter).into_iter().enumerate() {
                for column in (0..letters::WIDTH).filter(|column| dots >> (letters::WIDTH - 1 - column) & 1 == 1) {
                    self.fill([left + column * scale, y + row * scale, scale, scale], colour);
                }
            }
        }
    }
}
