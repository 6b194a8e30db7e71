//! The random steps behind the affine ones, as a person writes them: `also = [{ elastic = { alpha = 34, sigma = 4 } }]`.
//!
//! **A range is `[low, high]`, or one number s: as far as s from what changes nothing.** That is 1 − s to 1 + s for a
//! factor, −s to s for what has a sign, 0 to s for an amount.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// Steps that a recipe may hold, those inside `one_of` counted too.
const MOST_STEPS: usize = 64;

/// One random step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum StepSpec {
    /// Bends the picture like rubber (Simard et al., ICDAR 2003).
    Elastic(ElasticSpec),
    /// Moves the four corners.
    Perspective(#[serde(deserialize_with = "short_or_table")] PerspectiveSpec),
    /// Thickens and thins strokes.
    Stroke(#[serde(deserialize_with = "short_or_table")] StrokeSpec),
    /// Multiplies every value.
    Brightness(#[serde(deserialize_with = "short_or_table")] BrightnessSpec),
    /// Moves every value away from the image's mean grey, or towards it.
    Contrast(#[serde(deserialize_with = "short_or_table")] ContrastSpec),
    /// Raises every value (as a share of 255) to a power.
    Gamma(#[serde(deserialize_with = "short_or_table")] GammaSpec),
    /// A Gaussian blur.
    Blur(#[serde(deserialize_with = "short_or_table")] BlurSpec),
    /// Adds Gaussian noise.
    Noise(#[serde(deserialize_with = "short_or_table")] NoiseSpec),
    /// Covers a rectangle (Zhong et al., AAAI 2020).
    Erase(EraseSpec),
    /// One of several steps, each equally likely.
    OneOf(#[serde(deserialize_with = "short_or_table")] OneOfSpec),
}

/// U(1 − s, 1 + s), or U(low, high).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(into = "[f32; 2]", from = "RangeForms")]
pub struct Factor(pub [f32; 2]);

/// U(−s, s), or U(low, high).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(into = "[f32; 2]", from = "RangeForms")]
pub struct Signed(pub [f32; 2]);

/// U(0, s), or U(low, high).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(into = "[f32; 2]", from = "RangeForms")]
pub struct Amount(pub [f32; 2]);

/// A range as it may be written.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a number or [low, high]")]
enum RangeForms {
    Number(f32),
    Ends([f32; 2]),
}

macro_rules! ranges {
    ($($range:ident: $s:ident => $ends:expr;)*) => {
        $(
            impl From<f32> for $range {
                fn from($s: f32) -> Self {
                    Self($ends)
                }
            }

            impl From<[f32; 2]> for $range {
                fn from(ends: [f32; 2]) -> Self {
                    Self(ends)
                }
            }

            impl From<$range> for [f32; 2] {
                fn from(range: $range) -> Self {
                    range.0
                }
            }

            impl From<RangeForms> for $range {
                fn from(forms: RangeForms) -> Self {
                    match forms {
                        RangeForms::Number(number) => number.into(),
                        RangeForms::Ends(ends) => ends.into(),
                    }
                }
            }
        )*
    };
}

ranges! {
    Factor: s => [1.0 - s, 1.0 + s];
    Signed: s => [-s, s];
    Amount: s => [0.0, s];
}

fn always() -> f32 {
    1.0
}

/// `x(p) = image(p + α·(G_σ ∗ u)(p))`, u a field of two values U(−1, 1) per pixel, zero outside the image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ElasticSpec {
    /// α: what the smoothed field is multiplied by.
    pub alpha: f32,
    /// σ of the Gaussian in pixels: how far pixels move together.
    pub sigma: f32,
    /// How often the step is taken.
    #[serde(default = "always")]
    pub probability: f32,
}

/// Each corner is read from U(−distance, distance) of the sides beside its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PerspectiveSpec {
    /// A share of width and height.
    pub distance: f32,
    /// How often the step is taken.
    #[serde(default = "always")]
    pub probability: f32,
}

/// Dilation (radius above 0) or erosion (below) by a disc; between whole radii the two results are blended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct StrokeSpec {
    /// Pixels by which each side of a stroke grows.
    pub radius: Signed,
    /// What is ink.
    #[serde(default)]
    pub ink: Ink,
    /// How often the step is taken.
    #[serde(default = "always")]
    pub probability: f32,
}

/// Which pixels a stroke is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ink {
    /// The bright ones, as MNIST.
    #[default]
    Bright,
    /// The dark ones, as on paper.
    Dark,
}

/// `factor · v`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct BrightnessSpec {
    /// 1 changes nothing.
    pub factor: Factor,
    /// How often the step is taken.
    #[serde(default = "always")]
    pub probability: f32,
}

/// `mean + factor · (v − mean)`, the mean of the image's luma.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ContrastSpec {
    /// 1 changes nothing, 0 leaves a grey sheet.
    pub factor: Factor,
    /// How often the step is taken.
    #[serde(default = "always")]
    pub probability: f32,
}

/// `255 · (v / 255)^exponent`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct GammaSpec {
    /// 1 changes nothing; above it the picture gets darker.
    pub exponent: Factor,
    /// How often the step is taken.
    #[serde(default = "always")]
    pub probability: f32,
}

/// A Gaussian blur; the border pixels go on outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct BlurSpec {
    /// Pixels.
    pub sigma: Amount,
    /// How often the step is taken.
    #[serde(default = "always")]
    pub probability: f32,
}

/// `v + N(0, deviation²)`, for each value by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct NoiseSpec {
    /// On the scale 0 to 255.
    pub deviation: Amount,
    /// How often the step is taken.
    #[serde(default = "always")]
    pub probability: f32,
}

/// A rectangle of a random size at a random place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct EraseSpec {
    /// A share of the image.
    pub area: Amount,
    /// Height over width; its logarithm is uniform.
    #[serde(default = "aspects")]
    pub aspect: [f32; 2],
    /// What is put there: a number from 0 to 255 or `"noise"`.
    #[serde(default)]
    pub value: Cover,
    /// How often the step is taken.
    #[serde(default = "always")]
    pub probability: f32,
}

/// From long and flat to tall and thin.
fn aspects() -> [f32; 2] {
    [0.3, 3.3]
}

/// What an erased rectangle is covered with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number from 0 to 255 or \"noise\"")]
pub enum Cover {
    /// The same value everywhere, 0 to 255.
    Constant(f32),
    /// What a word says.
    Word(CoverWord),
}

/// The word for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CoverWord {
    /// Each value U(0, 255).
    Noise,
}

impl Default for Cover {
    fn default() -> Self {
        Self::Constant(0.0)
    }
}

/// Several steps of which one is taken. In a recipe also just their list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct OneOfSpec {
    /// Each equally likely.
    pub steps: Vec<StepSpec>,
    /// How often one is taken.
    #[serde(default = "always")]
    pub probability: f32,
}

/// Mixing an image with another of the training part; its label becomes a mixture too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct MixSpec {
    /// α of the distribution Beta(α, α) of the other's share: small ones mix seldom much, 1 is uniform.
    pub alpha: f32,
    /// How often an image is mixed.
    #[serde(default = "always")]
    pub probability: f32,
}

/// Reads a step's table, or just the range or list that is its first key.
fn short_or_table<'de, T: Short<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct Forms<T>(PhantomData<T>);
    impl<'de, T: Short<'de>> Visitor<'de> for Forms<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(T::FORMS)
        }
        fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
            self.visit_f64(number as f64)
        }
        fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
            self.visit_f64(number as f64)
        }
        fn visit_f64<E: de::Error>(self, number: f64) -> Result<T, E> {
            T::of_number(number as f32).ok_or_else(|| E::invalid_type(de::Unexpected::Float(number), &self))
        }
        fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<T, A::Error> {
            T::Listed::deserialize(SeqAccessDeserializer::new(list)).map(T::of_list)
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }
    deserializer.deserialize_any(Forms(PhantomData))
}

/// A step that can be written as its first key alone.
trait Short<'de>: Deserialize<'de> {
    /// What may stand there.
    const FORMS: &'static str;
    /// What a list of it holds.
    type Listed: Deserialize<'de>;
    /// The step of a number, where one says enough.
    fn of_number(number: f32) -> Option<Self>;
    fn of_list(list: Self::Listed) -> Self;
}

macro_rules! short {
    ($($spec:ident { $key:ident, $($rest:tt)* })*) => {
        $(
            impl<'de> Short<'de> for $spec {
                const FORMS: &'static str =
                    concat!("a number, [low, high] or a table such as { ", stringify!($key), " = [low, high] }");
                type Listed = [f32; 2];
                fn of_number(number: f32) -> Option<Self> {
                    Some(Self { $key: number.into(), $($rest)* })
                }
                fn of_list(list: [f32; 2]) -> Self {
                    Self { $key: list.into(), $($rest)* }
                }
            }
        )*
    };
}

short! {
    StrokeSpec { radius, ink: Ink::Bright, probability: 1.0 }
    BrightnessSpec { factor, probability: 1.0 }
    ContrastSpec { factor, probability: 1.0 }
    GammaSpec { exponent, probability: 1.0 }
    BlurSpec { sigma, probability: 1.0 }
    NoiseSpec { deviation, probability: 1.0 }
}

impl Short<'_> for PerspectiveSpec {
    const FORMS: &'static str = "a number or a table such as { distance = 0.1 }";
    type Listed = [f32; 1];
    fn of_number(distance: f32) -> Option<Self> {
        Some(Self { distance, probability: 1.0 })
    }
    fn of_list([distance]: [f32; 1]) -> Self {
        Self { distance, probability: 1.0 }
    }
}

impl Short<'_> for OneOfSpec {
    const FORMS: &'static str = "a list of steps, or a table such as { steps = [...], probability = 0.5 }";
    type Listed = Vec<StepSpec>;
    fn of_number(_: f32) -> Option<Self> {
        None
    }
    fn of_list(steps: Vec<StepSpec>) -> Self {
        Self { steps, probability: 1.0 }
    }
}

/// Builders for the steps that people choose most; each is taken always, see [`StepSpec::probability`].
impl StepSpec {
    /// Bends the picture.
    pub fn elastic(alpha: f32, sigma: f32) -> Self {
        Self::Elastic(ElasticSpec { alpha, sigma, probability: 1.0 })
    }

    /// Moves the corners by a share of the sides.
    pub fn perspective(distance: f32) -> Self {
        Self::Perspective(PerspectiveSpec { distance, probability: 1.0 })
    }

    /// Thickens and thins bright strokes: by ±s, or from low to high.
    pub fn stroke(radius: impl Into<Signed>) -> Self {
        Self::Stroke(StrokeSpec { radius: radius.into(), ink: Ink::Bright, probability: 1.0 })
    }

    /// Multiplies every value.
    pub fn brightness(factor: impl Into<Factor>) -> Self {
        Self::Brightness(BrightnessSpec { factor: factor.into(), probability: 1.0 })
    }

    /// Moves every value away from the mean or towards it.
    pub fn contrast(factor: impl Into<Factor>) -> Self {
        Self::Contrast(ContrastSpec { factor: factor.into(), probability: 1.0 })
    }

    /// Raises every value to a power.
    pub fn gamma(exponent: impl Into<Factor>) -> Self {
        Self::Gamma(GammaSpec { exponent: exponent.into(), probability: 1.0 })
    }

    /// Blurs.
    pub fn blur(sigma: impl Into<Amount>) -> Self {
        Self::Blur(BlurSpec { sigma: sigma.into(), probability: 1.0 })
    }

    /// Adds noise.
    pub fn noise(deviation: impl Into<Amount>) -> Self {
        Self::Noise(NoiseSpec { deviation: deviation.into(), probability: 1.0 })
    }

    /// Covers a rectangle with black.
    pub fn erase(area: impl Into<Amount>) -> Self {
        let (area, aspect, value) = (area.into(), aspects(), Cover::default());
        Self::Erase(EraseSpec { area, aspect, value, probability: 1.0 })
    }

    /// One of these.
    pub fn one_of(steps: impl IntoIterator<Item = Self>) -> Self {
        Self::OneOf(OneOfSpec { steps: steps.into_iter().collect(), probability: 1.0 })
    }

    /// Takes the step with this probability.
    #[must_use]
    pub fn probability(mut self, probability: f32) -> Self {
        *self.probability_mut() = probability;
        self
    }

    /// How often it is taken.
    pub fn chance(&self) -> f32 {
        *self.clone().probability_mut()
    }

    fn probability_mut(&mut self) -> &mut f32 {
        match self {
            Self::Elastic(ElasticSpec { probability, .. })
            | Self::Perspective(PerspectiveSpec { probability, .. })
            | Self::Stroke(StrokeSpec { probability, .. })
            | Self::Brightness(BrightnessSpec { probability, .. })
            | Self::Contrast(ContrastSpec { probability, .. })
            | Self::Gamma(GammaSpec { probability, .. })
            | Self::Blur(BlurSpec { probability, .. })
            | Self::Noise(NoiseSpec { probability, .. })
            | Self::Erase(EraseSpec { probability, .. })
            | Self::OneOf(OneOfSpec { probability, .. }) => probability,
        }
    }

    /// Its name in a recipe.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Elastic(_) => "elastic",
            Self::Perspective(_) => "perspective",
            Self::Stroke(_) => "stroke",
            Self::Brightness(_) => "brightness",
            Self::Contrast(_) => "contrast",
            Self::Gamma(_) => "gamma",
            Self::Blur(_) => "blur",
            Self::Noise(_) => "noise",
            Self::Erase(_) => "erase",
            Self::OneOf(_) => "one_of",
        }
    }

    /// The ranges of its keys; `place` is the step's own.
    fn check(&self, place: &str) -> Result<()> {
        let place = format!("{place}.{}", self.name());
        let key = |name: &str| format!("{place}.{name}");
        match self {
            Self::Elastic(spec) => {
                number(key("alpha"), spec.alpha, [0.0, 10_000.0])?;
                number(key("sigma"), spec.sigma, [0.1, 256.0])?;
            }
            // From a quarter on the corners could change places.
            Self::Perspective(spec) => number(key("distance"), spec.distance, [0.0, 0.2])?,
            Self::Stroke(spec) => range(key("radius"), spec.radius.0, [-8.0, 8.0])?,
            Self::Brightness(spec) => range(key("factor"), spec.factor.0, [0.0, 10.0])?,
            Self::Contrast(spec) => range(key("factor"), spec.factor.0, [0.0, 10.0])?,
            Self::Gamma(spec) => range(key("exponent"), spec.exponent.0, [0.05, 20.0])?,
            Self::Blur(spec) => range(key("sigma"), spec.sigma.0, [0.0, 32.0])?,
            Self::Noise(spec) => range(key("deviation"), spec.deviation.0, [0.0, 255.0])?,
            Self::Erase(spec) => {
                range(key("area"), spec.area.0, [0.0, 1.0])?;
                range(key("aspect"), spec.aspect, [0.01, 100.0])?;
                if let Cover::Constant(value) = spec.value {
                    number(key("value"), value, [0.0, 255.0])?;
                }
            }
            Self::OneOf(spec) if spec.steps.is_empty() => {
                return Err(wrong(key("steps"), "at least one step", "none"));
            }
            Self::OneOf(spec) => {
                for (i, step) in spec.steps.iter().enumerate() {
                    step.check(&key(&format!("steps[{i}]")))?;
                }
            }
        }
        number(key("probability"), self.chance(), [0.0, 1.0])
    }

    /// This step and those inside it.
    fn count(&self) -> usize {
        match self {
            Self::OneOf(spec) => 1 + spec.steps.iter().map(Self::count).sum::<usize>(),
            _ => 1,
        }
    }
}

impl MixSpec {
    /// Mixes every image, the share of the other drawn from Beta(α, α).
    pub fn new(alpha: f32) -> Self {
        Self { alpha, probability: 1.0 }
    }

    /// Mixes an image with this probability.
    #[must_use]
    pub fn probability(mut self, probability: f32) -> Self {
        self.probability = probability;
        self
    }

    pub(super) fn check(&self, place: &str) -> Result<()> {
        number(format!("{place}.alpha"), self.alpha, [0.01, 100.0])?;
        number(format!("{place}.probability"), self.probability, [0.0, 1.0])
    }
}

/// The ranges of all steps; `place` is the list's.
pub(super) fn check(steps: &[StepSpec], place: &str) -> Result<()> {
    let n_steps = steps.iter().map(StepSpec::count).sum::<usize>();
    if n_steps > MOST_STEPS {
        return Err(wrong(place, format!("at most {MOST_STEPS} steps"), n_steps.to_string()));
    }
    steps.iter().enumerate().try_for_each(|(i, step)| step.check(&format!("{place}[{i}]")))
}

/// (NaN lies in no range.)
fn number(place: String, found: f32, [low, high]: [f32; 2]) -> Result<()> {
    if (low..=high).contains(&found) {
        return Ok(());
    }
    Err(wrong(place, format!("{low} to {high}"), found.to_string()))
}

fn range(place: String, found: [f32; 2], [low, high]: [f32; 2]) -> Result<()> {
    if found.iter().all(|end| (low..=high).contains(end)) && found[0] <= found[1] {
        return Ok(());
    }
    Err(wrong(place, format!("a range within {low} to {high}"), format!("[{}, {}]", found[0], found[1])))
}

fn wrong(place: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) -> Error {
    Error::mismatch(ErrorKind::Spec, expected, found).with_place(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{AugmentSpec, Recipe, builtin};

    fn read(also: &str) -> Vec<StepSpec> {
        toml::from_str::<AugmentSpec>(&format!("also = [{also}]")).unwrap().also
    }

    #[test]
    fn a_number_means_as_far_as_that_from_what_changes_nothing() {
        let steps = read("{ brightness = 0.25 }, { stroke = 0.5 }, { blur = 1 }, { gamma = 0.5 }, { noise = 8.0 }");
        assert_eq!(
            steps,
            [
                StepSpec::brightness([0.75, 1.25]),
                StepSpec::stroke([-0.5, 0.5]),
                StepSpec::blur([0.0, 1.0]),
                StepSpec::gamma([0.5, 1.5]),
                StepSpec::noise([0.0, 8.0]),
            ]
        );
        assert_eq!(read("{ brightness = 0.25 }"), read("{ brightness = { factor = 0.25 } }"));
        assert_eq!(read("{ brightness = 0.25 }"), read("{ brightness = [0.75, 1.25] }"));
        assert_eq!(read("{ stroke = [0, 1] }"), read("{ stroke = { radius = [0, 1], ink = \"bright\" } }"));
        assert_eq!(read("{ perspective = 0.1 }"), [StepSpec::perspective(0.1)]);
    }

    #[test]
    fn the_designs_example_and_a_choice_are_understood() {
        let elastic = StepSpec::elastic(8.0, 4.0).probability(0.5);
        assert_eq!(read("{ elastic = { alpha = 8, sigma = 4, probability = 0.5 } }"), [elastic]);
        let choice = [StepSpec::blur(1.0), StepSpec::erase([0.1, 0.2])];
        let list = "{ one_of = [{ blur = 1 }, { erase = { area = [0.1, 0.2] } }] }";
        assert_eq!(read(list), [StepSpec::one_of(choice.clone())]);
        let table = "{ one_of = { steps = [{ blur = 1 }, { erase = { area = [0.1, 0.2] } }], probability = 0.25 } }";
        assert_eq!(read(table), [StepSpec::one_of(choice).probability(0.25)]);
    }

    #[test]
    fn a_wrong_step_is_told_with_its_place() {
        let check = |augment: &str, message: &str| {
            let text =
                format!("version = 1\n[augment]\n{augment}\n[model]\nlayers = [\"flatten\", {{ dense = {{}} }}]");
            assert_eq!(Recipe::parse(&text, "a.toml").unwrap_err().to_string(), format!("a.toml: {message}"));
        };
        check(
            "also = [{ elastc = { alpha = 8 } }]",
            "line 3, augment.also[0]: unknown word `elastc`; did you mean `elastic`?",
        );
        check(
            "also = [{ elastic = { alpha = 8, sigmma = 4 } }]",
            "line 3, augment.also[0].elastic.sigmma: unknown key; did you mean `sigma`?",
        );
        check("also = [{ elastic = { alpha = 8 } }]", "line 3, augment.also[0].elastic: missing key `sigma`");
        check(
            "also = [{ blur = 1 }, { blur = { sigma = -1 } }]",
            "augment.also[1].blur.sigma: expected a range within 0 to 32, found [0, -1]",
        );
        check(
            "also = [{ brightness = [1.2, 0.8] }]",
            "augment.also[0].brightness.factor: expected a range within 0 to 10, found [1.2, 0.8]",
        );
        check(
            "also = [{ brightness = \"much\" }]",
            "line 3, augment.also[0].brightness: expected a number, [low, high] or a table such as { factor = [low, high] }, \
             found \"much\"",
        );
        check(
            "also = [{ one_of = [{ noise = 300 }] }]",
            "augment.also[0].one_of.steps[0].noise.deviation: expected a range within 0 to 255, found [0, 300]",
        );
        check("also = [{ one_of = [] }]", "augment.also[0].one_of.steps: expected at least one step, found none");
        check(
            "also = [{ elastic = { alpha = 8, sigma = 4, probability = 2 } }]",
            "augment.also[0].elastic.probability: expected 0 to 1, found 2",
        );
        check("mixup = { alpha = 0 }", "augment.mixup.alpha: expected 0.01 to 100, found 0");
        check("compat = \"torch\"", "line 3, augment.compat: unknown word `torch`; known: keras");
        check(
            "compat = \"keras\"\ncrop_padding = 2",
            "augment.crop_padding: expected 0, since Keras crops nothing, found 2",
        );
    }

    #[test]
    fn a_recipe_with_steps_is_written_and_read_back_and_one_without_keeps_its_text() {
        let mut recipe = builtin::recipe("mnist").unwrap();
        let text = recipe.to_toml();
        assert!(!text.contains("also") && !text.contains("mixup") && !text.contains("compat"), "{text}");
        recipe.augment = AugmentSpec::default()
            .also([StepSpec::elastic(34.0, 4.0).probability(0.5), StepSpec::one_of([StepSpec::blur(0.7)])])
            .mixup(MixSpec::new(0.2))
            .cutmix(MixSpec::new(1.0).probability(0.5));
        let text = recipe.to_toml();
        assert_eq!(Recipe::parse(&text, "again.toml").unwrap(), recipe, "{text}");
        assert!(
            text.contains("also = [\n  { elastic = { alpha = 34.0, sigma = 4.0, probability = 0.5 } },\n"),
            "{text}"
        );
    }

    #[test]
    fn overrides_reach_the_steps() {
        let words = ["augment.also=[{ blur = 1 }]", "augment.mixup.alpha=0.3", "augment.compat=keras"];
        let augment = builtin::recipe("mnist").unwrap().with_overrides(&words).unwrap().augment;
        assert_eq!(augment.also, [StepSpec::blur(1.0)]);
        assert_eq!(augment.mixup, Some(MixSpec::new(0.3)));
    }
}
