//! How images are prepared (always the same way) and augmented (at random, in training only), as a person writes it.

use serde::{Deserialize, Serialize};

use super::steps::{self, MixSpec, StepSpec};
use crate::error::{Error, ErrorKind, Result};

/// Fixed steps, in this order: grey, resize (or the ink rules), scale, normalise. Part of the checkpoint.
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
    /// The ink rules (docs/ink.md) in place of a resize: the glyph is found, made light on black, fitted and centred.
    #[serde(skip_serializing_if = "is_false")]
    pub ink: bool,
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
    /// Whose meaning the keys above have, where not our own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compat: Option<Compat>,
    /// Steps behind the affine ones, in this order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<StepSpec>,
    /// Blends images: `(1 − s)·image + s·other` (Zhang et al., ICLR 2018). With `cutmix` too, each image takes one of
    /// the two, equally likely.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mixup: Option<MixSpec>,
    /// Pastes a rectangle of another image (Yun et al., ICCV 2019).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cutmix: Option<MixSpec>,
}

/// A program whose augmentation is repeated exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Compat {
    /// Keras' `ImageDataGenerator`: `width_shift` moves rows and `height_shift` columns, shifts from 1 on are pixels,
    /// zoom draws columns first, `"reflect"` repeats the border pixel; places are computed in f64.
    Keras,
}

impl AugmentSpec {
    /// Checks what can be checked without the images' size.
    ///
    /// # Errors
    /// The first key that is out of its range, by its dotted name.
    pub fn check(&self) -> Result<()> {
        if self.compat == Some(Compat::Keras) && self.crop_padding > 0 {
            let expected = "0, since Keras crops nothing";
            return Err(Error::mismatch(ErrorKind::Spec, expected, self.crop_padding.to_string())
                .with_place("augment.crop_padding"));
        }
        for (place, spec) in [("augment.mixup", &self.mixup), ("augment.cutmix", &self.cutmix)] {
            spec.iter().try_for_each(|spec| spec.check(place))?;
        }
        steps::check(&self.also, "augment.also")
    }

    /// Sets the steps behind the affine ones.
    #[must_use]
    pub fn also(mut self, steps: impl IntoIterator<Item = StepSpec>) -> Self {
        self.also = steps.into_iter().collect();
        self
    }
}

/// What augmentation sees outside the image: `"edge"`, `"reflect"` or a value from 0 to 255.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected \"edge\", \"reflect\" or a number from 0 to 255")]
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

/// A method for each key, named like it, so that a spec is written as in a recipe:
/// `PreprocessSpec::default().size([28, 28]).normalise(Normalise::Dataset)`.
macro_rules! setters {
    ($spec:ty { $($field:ident: $type:ty = $value:expr, $doc:literal;)* }) => {
        impl $spec {
            $(
                #[doc = $doc]
                #[must_use]
                pub fn $field(mut self, $field: $type) -> Self {
                    self.$field = $value;
                    self
                }
            )*
        }
    };
}

setters!(PreprocessSpec {
    grayscale: bool = grayscale, "Sets whether images become grey; otherwise they stay or become RGB.";
    size: [usize; 2] = Some(size), "Sets height and width.";
    scale: [f32; 2] = scale, "Sets what 0 and 255 become.";
    normalise: Normalise = normalise, "Sets what happens after scaling.";
    ink: bool = ink, "Sets whether the ink rules stand in place of a resize.";
});

setters!(AugmentSpec {
    rotation_degrees: f32 = rotation_degrees, "Sets the greatest rotation.";
    zoom: f32 = zoom, "Sets the greatest zoom.";
    width_shift: f32 = width_shift, "Sets the greatest shift of columns, as a share of the width.";
    height_shift: f32 = height_shift, "Sets the greatest shift of rows, as a share of the height.";
    shear_degrees: f32 = shear_degrees, "Sets the greatest shear.";
    horizontal_flip: bool = horizontal_flip, "Sets whether left and right may change places.";
    vertical_flip: bool = vertical_flip, "Sets whether top and bottom may change places.";
    crop_padding: usize = crop_padding, "Sets the padding of the random crop.";
    fill: Fill = fill, "Sets what lies outside the image.";
    compat: Compat = Some(compat), "Sets whose meaning the keys have.";
    mixup: MixSpec = Some(mixup), "Blends images.";
    cutmix: MixSpec = Some(cutmix), "Pastes rectangles of other images.";
});

/// For keys that are written out only where they are set: recipes without them keep their text and hash.
#[allow(clippy::trivially_copy_pass_by_ref)] // serde hands over a reference to the field.
fn is_false(value: &bool) -> bool {
    !*value
}

impl Default for Fill {
    fn default() -> Self {
        Self::Rule(FillRule::Edge)
    }
}

impl Default for PreprocessSpec {
    fn default() -> Self {
        Self { grayscale: true, size: None, scale: [0.0, 1.0], normalise: Normalise::None, ink: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_reads_as_the_builder_writes() {
        let preprocess: PreprocessSpec =
            toml::from_str("size = [20, 30]\nscale = [-1.0, 1]\nnormalise = \"image\"").unwrap();
        let built = PreprocessSpec::default().size([20, 30]).scale([-1.0, 1.0]).normalise(Normalise::Image);
        assert_eq!(preprocess, built);
        let augment: AugmentSpec = toml::from_str("rotation_degrees = 10\nzoom = 0.1\nfill = \"reflect\"").unwrap();
        let built = AugmentSpec::default().rotation_degrees(10.0).zoom(0.1).fill(Fill::Rule(FillRule::Reflect));
        assert_eq!(augment, built);
        assert_eq!(toml::from_str::<AugmentSpec>(&toml::to_string(&augment).unwrap()).unwrap(), augment);
    }

    #[test]
    fn a_fill_is_a_rule_or_a_number() {
        let fill = |text: &str| toml::from_str::<AugmentSpec>(text).map(|spec| spec.fill);
        assert_eq!(fill("fill = 0").unwrap(), Fill::Constant(0.0));
        assert_eq!(fill("fill = 12.5").unwrap(), Fill::Constant(12.5));
        assert_eq!(fill("fill = \"edge\"").unwrap(), Fill::default());
        let error = fill("fill = \"wrap\"").unwrap_err();
        assert!(error.to_string().contains("expected \"edge\", \"reflect\" or a number from 0 to 255"), "{error}");
    }
}
