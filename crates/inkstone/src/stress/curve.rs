//! Images moved, turned and scaled by stated amounts: what the curves are measured on.

use super::canvas::Canvas;
use super::geometry;
use crate::data::Image;

/// What is done by degrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Motion {
    /// To the right; below 0 to the left. Whole pixels.
    TranslateX,
    /// Down; below 0 up. Whole pixels.
    TranslateY,
    /// To the left (against the clock); below 0 to the right.
    Rotate,
    /// Larger; below 1 smaller.
    Scale,
}

impl Motion {
    /// All of them, in the order in which they are reported.
    pub const ALL: [Self; 4] = [Self::TranslateX, Self::TranslateY, Self::Rotate, Self::Scale];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::TranslateX => "translate_x",
            Self::TranslateY => "translate_y",
            Self::Rotate => "rotate",
            Self::Scale => "scale",
        }
    }

    /// What its amounts are counted in.
    pub fn unit(self) -> &'static str {
        match self {
            Self::TranslateX => "pixels to the right, of an image whose shorter side has 28",
            Self::TranslateY => "pixels down, of an image whose shorter side has 28",
            Self::Rotate => "degrees against the clock",
            Self::Scale => "factor of size",
        }
    }

    /// The amounts that are measured, from the least to the greatest.
    pub fn amounts(self) -> &'static [f32] {
        match self {
            Self::TranslateX | Self::TranslateY => {
                &[-8.0, -6.0, -4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0]
            }
            Self::Rotate => &[-90.0, -60.0, -45.0, -30.0, -20.0, -10.0, 0.0, 10.0, 20.0, 30.0, 45.0, 60.0, 90.0],
            Self::Scale => &[0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4],
        }
    }

    /// The amount that changes nothing.
    pub fn neutral(self) -> f32 {
        match self {
            Self::TranslateX | Self::TranslateY | Self::Rotate => 0.0,
            Self::Scale => 1.0,
        }
    }
}

/// The image moved: as many bytes. What comes into view is its ground, the median of its border.
///
/// ```
/// use inkstone::data::{Image, dataset::Size};
/// use inkstone::stress::{Motion, moved};
/// let row = [0, 9, 0, 0].repeat(28);
/// let image = Image { size: Size { height: 28, width: 4, channels: 1 }, pixels: &row };
/// assert_eq!(moved(image, Motion::TranslateX, 7.0)[..4], [0, 0, 9, 0]); // 7 of 28 is 1 of 4
/// ```
pub fn moved(image: Image<'_>, motion: Motion, amount: f32) -> Vec<u8> {
    if amount == motion.neutral() || image.size.is_empty() {
        return image.pixels.to_vec();
    }
    let mut canvas = Canvas::new(image);
    let pixels = (amount * canvas.unit()).round() as i64;
    match motion {
        Motion::TranslateX => geometry::translate(&mut canvas, [pixels, 0]),
        Motion::TranslateY => geometry::translate(&mut canvas, [0, pixels]),
        Motion::Rotate => geometry::rotate(&mut canvas, amount),
        Motion::Scale => geometry::scale(&mut canvas, amount),
    }
    canvas.into_bytes()
}
