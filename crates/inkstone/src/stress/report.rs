//! What a stress test found: the key `stress` of a report's document. Never measures.

use serde::{Deserialize, Serialize};

use super::corruption::Corruption;
use crate::evaluate::{Interval, Report, null_as_nan, wilson_interval};

/// How a model does on images that were spoiled, moved or attacked on purpose. As JSON it is the key `stress` of a
/// report, version 1; a number that is undefined is `null`.
///
/// Every accuracy is one under the very treatment that it stands beside. None is a promise about another one: to be
/// right under an attack that was tried says nothing of a stronger one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StressReport {
    /// The version of this format: 1.
    pub version: u32,
    /// What everything drawn depends on, beside the image and the treatment.
    pub seed: u64,
    /// How many images were used: all of the part, or as many as were drawn from it.
    pub n: u64,
    /// How many images the part has.
    pub n_in_part: u64,
    /// The same images as they are.
    pub untouched: Measured,
    /// Each corruption, in the order of [`Corruption::ALL`].
    pub corruptions: Vec<CorruptionResult>,
    /// The mean over the corruptions of their means; without those that say why they were not measured.
    #[serde(deserialize_with = "null_as_nan")]
    pub mean_corruption_accuracy: f64,
    /// Images moved, turned, made larger and smaller.
    pub curves: Vec<Curve>,
    /// What the network was given, changed in order to mislead it.
    pub attacks: Vec<AttackResult>,
}

/// What was counted under one treatment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Measured {
    /// How many images.
    pub n: u64,
    /// The share of them whose best guess was right, whatever the decision, with its Wilson interval.
    pub accuracy: Interval,
    /// What the model's decisions made of it, where it has thresholds to decide by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decisions: Option<Decisions>,
}

/// How often a model said that it does not know, and how often it was wrong where it answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Decisions {
    /// For how many images it gave one answer.
    pub n_answers: u64,
    /// The share of images for which it gave one answer.
    pub answered: Interval,
    /// The share of images that it refused.
    pub abstained: Interval,
    /// The share of wrong ones among the answers; `null` without answers.
    pub wrong_answers: Interval,
}

/// One corruption at its strengths.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CorruptionResult {
    /// Which one.
    pub name: Corruption,
    /// What the amounts of its strengths are.
    pub amount: String,
    /// From the weakest, 1, to the strongest, 5; empty where it was not measured.
    pub strengths: Vec<StrengthResult>,
    /// The mean accuracy over the strengths.
    #[serde(deserialize_with = "null_as_nan")]
    pub mean: f64,
    /// Why it was not measured on some or all of the images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// One corruption at one strength.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StrengthResult {
    /// 1 to 5.
    pub strength: u32,
    /// How much of it that is.
    pub amount: f32,
    /// What came of it.
    #[serde(flatten)]
    pub measured: Measured,
}

/// Accuracy against how far images were moved, turned or scaled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Curve {
    /// `translate_x`, `translate_y`, `rotate` or `scale`.
    pub name: String,
    /// What its places are counted in.
    pub unit: String,
    /// From the least place to the greatest.
    pub points: Vec<CurvePoint>,
}

/// One point of a curve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CurvePoint {
    /// How far.
    pub at: f32,
    /// What came of it.
    #[serde(flatten)]
    pub measured: Measured,
}

/// Accuracy under one attack, with all that an attack must state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AttackResult {
    /// `fgsm` or `pgd`.
    pub name: String,
    /// By how much a value may change at most (L∞), where an image's values go from 0 to 1.
    pub epsilon: f32,
    /// How many steps along the sign of the gradient.
    pub steps: u32,
    /// How long each is, in the same unit.
    pub step_size: f32,
    /// Where they begin: `image`, or `uniform` in the whole of what is allowed.
    pub start: String,
    /// What they raise.
    pub loss: String,
    /// Between what the values stay.
    pub clip: [f32; 2],
    /// What is changed.
    pub on: String,
    /// When an image counts as misled.
    pub counted: String,
    /// How many images.
    pub n: u64,
    /// The share still answered right.
    pub accuracy: Interval,
}

/// A report and the stress test beside it: what `inkstone evaluate --stress --json` prints.
#[derive(Debug, Clone, Serialize)]
pub struct WithStress<'a> {
    /// The report as ever.
    #[serde(flatten)]
    pub report: &'a Report,
    /// What was added.
    pub stress: &'a StressReport,
}

impl StressReport {
    /// The mean over the corruptions that were measured.
    pub(super) fn mean_of(corruptions: &[CorruptionResult]) -> f64 {
        mean(corruptions.iter().map(|corruption| corruption.mean).filter(|mean| !mean.is_nan()))
    }
}

impl CorruptionResult {
    /// The mean over the strengths.
    pub(super) fn mean_of(strengths: &[StrengthResult]) -> f64 {
        mean(strengths.iter().map(|strength| strength.measured.accuracy.value).filter(|value| !value.is_nan()))
    }
}

impl Measured {
    /// k of n were right.
    pub(super) fn of(k: u64, n: u64) -> Self {
        Self { n, accuracy: wilson_interval(k, n), decisions: None }
    }
}

/// What decisions made of all strengths of a corruption together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pooled {
    /// The share of images that the model refused.
    pub abstained: f64,
    /// The share of wrong ones among its answers; NaN without answers.
    pub wrong_answers: f64,
}

impl Pooled {
    /// Over some treatments; none where the model decides nothing.
    fn of<'a>(measured: impl Iterator<Item = &'a Measured>) -> Option<Self> {
        let (mut n, mut n_abstained, mut n_answers, mut n_wrong) = (0.0, 0.0, 0.0, 0.0);
        for measured in measured {
            let decisions = measured.decisions.as_ref()?;
            let answers = decisions.n_answers as f64;
            n += measured.n as f64;
            n_abstained += decisions.abstained.value * measured.n as f64;
            n_answers += answers;
            n_wrong += if answers > 0.0 { decisions.wrong_answers.value * answers } else { 0.0 };
        }
        (n > 0.0).then(|| Self { abstained: n_abstained / n, wrong_answers: n_wrong / n_answers })
    }
}

impl CorruptionResult {
    /// What the model's decisions made of all strengths together.
    pub fn pooled(&self) -> Option<Pooled> {
        Pooled::of(self.strengths.iter().map(|strength| &strength.measured))
    }
}

impl StressReport {
    /// What they made of the images as they are.
    pub fn pooled_untouched(&self) -> Option<Pooled> {
        Pooled::of(std::iter::once(&self.untouched))
    }

    /// What they made of all corruptions together.
    pub fn pooled(&self) -> Option<Pooled> {
        let strengths = self.corruptions.iter().flat_map(|corruption| &corruption.strengths);
        Pooled::of(strengths.map(|strength| &strength.measured))
    }
}

/// NaN without values.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut n) = (0.0, 0.0);
    for value in values {
        sum += value;
        n += 1.0;
    }
    sum / n
}
