//! How images are prepared (always the same way) and augmented (at random, in training only), as a person writes it.

use serde::{Deserialize, Serialize};

/// Fixed steps, in this order: grey, resize, scale, normalise. Part of the checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PreprocessSpec {
    /// ITU-R BT.601 luma; false keeps (or makes) RGB.
    pub grayscale: bool,
    /// Height and width that every image is brought to; where not given, the source's own, if all its images share it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<[usize; 2]>,
    /// What 0 and 255 become.
    pub scale: [f32; 2],
    /// What happens after scaling.
    pub normalise: Normalise,
}

/// Subtracting a mean and dividing by a standard deviation, per channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalise {
    /// Neither.
    #[default]
    None,
    /// By the mean and deviation of the training part, stored in the checkpoint.
    Dataset,
    /// By each image's own.
    Image,
}

/// Random steps, in training only. All zero: none. The affine ones are drawn together and resample once.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AugmentSpec {
    /// θ ~ U(−r, r) degrees; positive turns counter-clockwise.
    pub rotation_degrees: f32,
    /// Factors U(1 − z, 1 + z), drawn for each axis by itself; above 1 shrinks (as Keras).
    pub zoom: f32,
    /// Columns: U(−s, s) of the width.
    pub width_shift: f32,
    /// Rows: U(−s, s) of the height.
    pub height_shift: f32,
    /// U(−s, s) degrees.
    pub shear_degrees: f32,
    /// Mirrors left and right with probability ½.
    pub horizontal_flip: bool,
    /// Mirrors top and bottom with probability ½.
    pub vertical_flip: bool,
    /// Pads by this many pixels on each side and crops the old size at a random place.
    pub crop_padding: usize,
    /// What lies outside the image.
    pub fill: Fill,
}

/// What augmentation sees outside the image: `"edge"`, `"reflect"` or a value from 0 to 255.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Fill {
    /// Pixels derived from the image.
    Rule(FillRule),
    /// The same value everywhere, 0 to 255.
    Constant(f32),
}

/// Pixels outside an image, derived from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FillRule {
    /// The nearest pixel.
    Edge,
    /// The picture mirrored at its border; border pixels are not repeated (`d c b | a b c d | c b a`).
    Reflect,
}

impl Default for Fill {
    fn default() -> Self {
        Self::Rule(FillRule::Edge)
    }
}

impl Default for PreprocessSpec {
    fn default() -> Self {
        Self { grayscale: true, size: None, scale: [0.0, 1.0], normalise: Normalise::None }
    }
}
