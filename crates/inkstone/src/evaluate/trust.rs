//! What a model's promises came to on images whose class is known: calibration, decisions, the review curve.

use std::collections::BTreeMap;

use inkstone_kernels::math;
use serde::{Deserialize, Serialize};

use super::metrics::{self, Interval};
use super::report::null_as_nan;
use crate::predict::{Decision, Judged, Predictor, argmax};
use crate::trust::{self, ReviewPoint, Trust, soften};

/// How good probabilities are as they come from the network, and after the temperature.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CalibrationInfo {
    /// What logits are divided by; above 1 the network is too sure of itself.
    pub temperature: f64,
    /// How many images it was fitted on.
    pub n: usize,
    /// With temperature 1.
    pub before: ProbabilityScores,
    /// As the model answers.
    pub after: ProbabilityScores,
}

/// Three ways to say how far probabilities are from the truth: less is better.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ProbabilityScores {
    /// Mean of −ln p(label).
    #[serde(deserialize_with = "null_as_nan")]
    pub log_loss: f64,
    /// Mean of Σ (p − truth)².
    #[serde(deserialize_with = "null_as_nan")]
    pub brier_score: f64,
    /// The expected calibration error over 15 bins.
    #[serde(deserialize_with = "null_as_nan")]
    pub calibration_error: f64,
}

/// What the model decided, and whether it kept its promises.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecisionsInfo {
    /// Images whose class is in their set.
    pub coverage: PromiseInfo,
    /// Images that are not refused as unlike the training data.
    pub accepted: PromiseInfo,
    /// Classes in a set, on average.
    #[serde(deserialize_with = "null_as_nan")]
    pub mean_set_size: f64,
    /// Images with one class for an answer.
    pub n_answer: u64,
    /// Images with several.
    pub n_set: u64,
    /// Images with none.
    pub n_abstain: u64,
    /// How often each reason to abstain was given; an image may have several.
    pub reasons: BTreeMap<String, u64>,
    /// The share of right ones among the answers.
    pub answer_accuracy: Interval,
    /// The share of sets, of several classes, that hold the right one.
    pub set_accuracy: Interval,
}

/// A promised share and what it came to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PromiseInfo {
    /// The share that the calibration images promise.
    pub promised: f64,
    /// The share that was measured.
    #[serde(deserialize_with = "null_as_nan")]
    pub value: f64,
    /// Between these two it lies in 95 of 100 cases where the promise holds: the beta-binomial interval.
    #[serde(deserialize_with = "null_as_nan")]
    pub low: f64,
    /// Its upper end.
    #[serde(deserialize_with = "null_as_nan")]
    pub high: f64,
    /// Whether it does.
    pub is_inside: bool,
}

/// What answers of at least a confidence come to, on the images that were measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReviewInfo {
    /// The least confidence that is taken without a second look.
    pub confidence: f64,
    /// The share of images that is taken.
    pub accepted: f64,
    /// The share of wrong answers among those.
    pub error: f64,
    /// How many are taken.
    pub n_accepted: u64,
    /// How many of those are wrong.
    pub n_errors: u64,
}

/// The points of the curve over these images.
pub(super) fn review(labels: &[u32], probabilities: &[f64], n_classes: usize) -> Vec<ReviewInfo> {
    let rows = probabilities.chunks_exact(n_classes).zip(labels);
    let answers: Vec<(f64, bool)> = rows
        .map(|(row, &label)| {
            let best = argmax(row);
            (row[best], best == label as usize)
        })
        .filter(|(confidence, _)| confidence.is_finite())
        .collect();
    let info = |point: &ReviewPoint| ReviewInfo {
        confidence: point.confidence,
        accepted: point.n_accepted as f64 / labels.len() as f64,
        error: point.n_errors as f64 / point.n_accepted as f64,
        n_accepted: point.n_accepted,
        n_errors: point.n_errors,
    };
    trust::Review::of(&answers).points.iter().map(info).collect()
}

/// Before and after the temperature.
pub(super) fn calibration(trust: &Trust, labels: &[u32], judged: &Judged, n_classes: usize) -> CalibrationInfo {
    let scores = |probabilities: &[f64]| ProbabilityScores {
        log_loss: metrics::log_loss(labels, probabilities, n_classes),
        brier_score: metrics::brier_score(labels, probabilities, n_classes),
        calibration_error: metrics::calibration_error(labels, probabilities, n_classes),
    };
    CalibrationInfo {
        temperature: trust.temperature,
        n: trust.n,
        before: scores(&soften(&judged.logits, n_classes, 1.0)),
        after: scores(&judged.probabilities),
    }
}

/// What was decided of each image.
pub(super) fn decisions(predictor: &Predictor, trust: &Trust, labels: &[u32], judged: &Judged) -> DecisionsInfo {
    let (mut n, mut n_right) = ([0_u64; 3], [0_u64; 3]);
    let (mut n_covered, mut n_novel, mut n_in_sets) = (0, 0, 0);
    let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
    for (i, &label) in labels.iter().enumerate() {
        let verdict = judged.verdict(predictor, i);
        let holds = verdict.set.contains(&(label as usize));
        n_covered += u64::from(holds);
        n_in_sets += verdict.set.len();
        n_novel += u64::from(judged.novelty(i).is_some_and(|novelty| novelty > 1.0));
        let kind = match verdict.decision {
            Decision::Answer => 0,
            Decision::Set => 1,
            Decision::Abstain | Decision::Error => 2,
        };
        n[kind] += 1;
        n_right[kind] += u64::from(holds);
        verdict.reasons.iter().for_each(|reason| *reasons.entry(reason.name().to_owned()).or_default() += 1);
    }
    let total = labels.len() as u64;
    DecisionsInfo {
        coverage: PromiseInfo::new(trust.sets.coverage, trust.n, [n_covered, total]),
        accepted: PromiseInfo::new(trust.novelty.accepted, trust.n, [total - n_novel, total]),
        mean_set_size: n_in_sets as f64 / total as f64,
        n_answer: n[0],
        n_set: n[1],
        n_abstain: n[2],
        reasons,
        answer_accuracy: metrics::wilson_interval(n_right[0], n[0]),
        set_accuracy: metrics::wilson_interval(n_right[1], n[1]),
    }
}

impl PromiseInfo {
    /// Measured on `k` of `n` images, where `n_calibration` images promise a share.
    pub fn new(promised: f64, n_calibration: usize, [k, n]: [u64; 2]) -> Self {
        let rank = trust::rank(n_calibration, promised);
        let [low, high] = beta_binomial_interval(n, rank, n_calibration).map(|k| k as f64 / n as f64);
        let value = k as f64 / n as f64;
        Self { promised, value, low, high, is_inside: low <= value && value <= high }
    }
}

/// Between which counts of `n` new scores not above the `rank`-th of `n_calibration` sorted ones lies the count in 95 of
/// 100 cases: the 0.025 and 0.975 quantiles of BetaBinomial(n, rank, n_calibration + 1 − rank).
///
/// Source: Angelopoulos, Bates, "Conformal prediction: a gentle introduction", 2023, section 3.2.
///
/// ```
/// // As scipy.stats.betabinom.ppf([0.025, 0.975], 10000, 2998, 3) gives.
/// assert_eq!(inkstone::evaluate::beta_binomial_interval(10_000, 2998, 3000), [9974, 9999]);
/// ```
pub fn beta_binomial_interval(n: u64, rank: usize, n_calibration: usize) -> [u64; 2] {
    let (a, b) = (rank as f64, (n_calibration + 1 - rank) as f64);
    // ln P(x + 1) − ln P(x) = ln [(n − x) / (x + 1) · (a + x) / (b + n − x − 1)]
    let mut logs = Vec::with_capacity(n as usize + 1);
    logs.push(0.0);
    for x in 0..n {
        let (x, n) = (x as f64, n as f64);
        logs.push(logs[logs.len() - 1] + math::ln((n - x) / (x + 1.0) * (a + x) / (b + n - x - 1.0)));
    }
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = logs.iter().map(|log| math::exp(log - largest)).collect();
    let sum: f64 = weights.iter().sum();
    [0.025, 0.975].map(|share| {
        let mut passed = 0.0;
        let place = weights.iter().position(|weight| {
            passed += weight / sum;
            passed >= share
        });
        place.unwrap_or(n as usize) as u64
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_promise_is_scipys() {
        // scipy.stats.betabinom.ppf([0.025, 0.975], n, rank, n_calibration + 1 - rank)
        for (n, rank, n_calibration, expected) in [
            (10_000, 2998, 3000, [9974, 9999]),
            (10_000, 2971, 3000, [9856, 9937]),
            (100, 24, 25, [78, 100]),
            (50, 50, 50, [45, 50]),
            (1, 1, 1, [0, 1]),
        ] {
            assert_eq!(beta_binomial_interval(n, rank, n_calibration), expected, "{n} {rank} {n_calibration}");
        }
        assert_eq!(beta_binomial_interval(0, 1, 1), [0, 0]);
    }

    #[test]
    fn a_promise_is_kept_inside_its_interval() {
        let kept = |k| PromiseInfo::new(0.999, 3000, [k, 10_000]).is_inside;
        assert_eq!([9973, 9974, 9999, 10_000].map(kept), [false, true, true, false]);
        assert!(PromiseInfo::new(0.999, 3000, [0, 0]).value.is_nan());
    }

    #[test]
    fn the_curve_ends_with_all_images_and_all_errors() {
        let points = review(&[0, 1, 1], &[0.9, 0.1, 0.7, 0.3, 0.2, 0.8], 2);
        let shown: Vec<_> = points.iter().map(|p| (p.confidence, p.n_accepted, p.n_errors)).collect();
        assert_eq!(shown, [(0.9, 1, 0), (0.8, 2, 0), (0.7, 3, 1)]);
        assert_eq!(points[2].error, 1.0 / 3.0);
    }
}
