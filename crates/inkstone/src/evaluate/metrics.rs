//! Numbers that say how good probabilities are, as pure functions of labels and probabilities.
//!
//! Labels are indices of classes. Probabilities stand row by row, one row per label, as `f64`. Equally probable
//! classes rank by index, the lowest first, everywhere. Without samples a mean is undefined: NaN, `null` in JSON.

use inkstone_kernels::math;
use serde::{Deserialize, Serialize};

use crate::predict::argmax;

/// A share with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The share that was measured.
    #[serde(deserialize_with = "super::report::null_as_nan")]
    pub value: f64,
    /// Lower end.
    #[serde(deserialize_with = "super::report::null_as_nan")]
    pub low: f64,
    /// Upper end.
    #[serde(deserialize_with = "super::report::null_as_nan")]
    pub high: f64,
}

/// The 0.975 quantile of the standard normal distribution: what a two-sided 95 % interval is made of.
pub(super) const Z: f64 = 1.959_963_984_540_054;

/// k / n with its 95 % interval: (p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n).
///
/// Unlike p ± z·√(p(1−p)/n) it stays inside 0..1 and does not shrink to a point where every answer is right.
/// Source: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927.
///
/// ```
/// let interval = inkstone::evaluate::wilson_interval(9, 10);
/// assert_eq!(interval.value, 0.9);
/// assert!((interval.low - 0.596).abs() < 5e-4 && (interval.high - 0.982).abs() < 5e-4);
/// ```
pub fn wilson_interval(k: u64, n: u64) -> Interval {
    let (p, size) = (k as f64 / n as f64, n as f64);
    let centre = p + Z * Z / (2.0 * size);
    let radius = Z * (p * (1.0 - p) / size + Z * Z / (4.0 * size * size)).sqrt();
    let scale = 1.0 + Z * Z / size;
    // Where none or all are right the formula gives exactly 0 or 1; rounding must not.
    let low = if k == 0 && n > 0 { 0.0 } else { (centre - radius) / scale };
    let high = if k == n && n > 0 { 1.0 } else { (centre + radius) / scale };
    Interval { value: p, low, high }
}

/// The most probable class of each row.
///
/// ```
/// assert_eq!(inkstone::evaluate::predicted(&[0.1, 0.9, 0.5, 0.5], 2), [1, 0]);
/// ```
pub fn predicted(probabilities: &[f64], n_classes: usize) -> Vec<u32> {
    probabilities.chunks_exact(n_classes).map(|row| argmax(row) as u32).collect()
}

/// The share of samples whose label is among the k most probable classes. For k = 1 it is the accuracy.
///
/// scikit-learn's `top_k_accuracy_score` ranks equally probable classes the other way round, and so does not agree
/// with its own `accuracy_score` where there are any.
///
/// ```
/// let share = inkstone::evaluate::top_k_accuracy(&[0, 1], &[0.5, 0.3, 0.2, 0.6, 0.1, 0.3], 3, 2);
/// assert_eq!(share, 0.5); // The second sample's label is only the third choice.
/// ```
pub fn top_k_accuracy(labels: &[u32], probabilities: &[f64], n_classes: usize, k: usize) -> f64 {
    let hit = |(label, row): (usize, &[f64])| {
        let ahead = |(i, &p): (usize, &f64)| p > row[label] || (p == row[label] && i < label);
        row.iter().enumerate().filter(|&other| ahead(other)).count() < k
    };
    mean(rows(labels, probabilities, n_classes).map(|sample| f64::from(u8::from(hit(sample)))))
}

/// −Σ ln p(label) / n, with p kept inside [ε, 1 − ε], ε = 2⁻⁵² (scikit-learn's rule for `float64`): one certain
/// mistake costs 36, not infinity.
///
/// ```
/// let loss = inkstone::evaluate::log_loss(&[0, 1], &[0.5, 0.5, 0.75, 0.25], 2);
/// assert!((loss - 8_f64.ln() / 2.0).abs() < 1e-15); // (ln 2 + ln 4) / 2
/// ```
pub fn log_loss(labels: &[u32], probabilities: &[f64], n_classes: usize) -> f64 {
    mean(rows(labels, probabilities, n_classes).map(|(label, row)| loss_of(row[label])))
}

/// What one sample adds, whose label has this probability.
pub(super) fn loss_of(p: f64) -> f64 {
    -math::ln(p.clamp(f64::EPSILON, 1.0 - f64::EPSILON))
}

/// Σ over classes (p − truth)², the mean over samples, truth being 1 for the label and 0 else: from 0 to 2.
///
/// scikit-learn's `brier_score_loss(…, scale_by_half=False)`; for two classes it halves unless told not to.
/// Source: Brier, "Verification of forecasts expressed in terms of probability", 1950.
///
/// ```
/// let score = inkstone::evaluate::brier_score(&[0, 1], &[0.5, 0.5, 1.0, 0.0], 2);
/// assert_eq!(score, 1.25); // ((0.25 + 0.25) + (1 + 1)) / 2
/// ```
pub fn brier_score(labels: &[u32], probabilities: &[f64], n_classes: usize) -> f64 {
    mean(rows(labels, probabilities, n_classes).map(|(label, row)| brier_of(label, row)))
}

/// What one sample adds.
pub(super) fn brier_of(label: usize, row: &[f64]) -> f64 {
    row.iter().enumerate().map(|(c, &p)| if c == label { (1.0 - p) * (1.0 - p) } else { p * p }).sum()
}

/// How many bins [`calibration_error`] has.
pub(crate) const N_BINS: usize = 15;

/// Σ nₘ/n · |accuracy in bin m − mean confidence in bin m|: by how much the model's confidence (the largest
/// probability) misses the truth on average. 0 is perfect, whatever the accuracy.
///
/// Bin m of 15 holds the confidences in ((m−1)/15, m/15]. Source: Guo et al., "On calibration of modern neural
/// networks", ICML 2017 (the expected calibration error).
///
/// ```
/// // Twice 75 % sure, once right: 25 points too sure.
/// let error = inkstone::evaluate::calibration_error(&[0, 1], &[0.75, 0.25, 0.75, 0.25], 2);
/// assert_eq!(error, 0.25);
/// ```
pub fn calibration_error(labels: &[u32], probabilities: &[f64], n_classes: usize) -> f64 {
    // Σ (right − confidence) per bin: nₘ cancels.
    let mut gaps = [0.0_f64; N_BINS];
    for (label, row) in rows(labels, probabilities, n_classes) {
        let best = argmax(row);
        gaps[bin_of(row[best])] += f64::from(u8::from(best == label)) - row[best];
    }
    gaps.iter().map(|gap| gap.abs()).sum::<f64>() / labels.len() as f64
}

/// The bin of [`calibration_error`] that a confidence is in, counted from 0.
pub(crate) fn bin_of(confidence: f64) -> usize {
    (1..N_BINS).filter(|&m| confidence > m as f64 / N_BINS as f64).count()
}

/// Pairs each label with its row.
fn rows<'a>(labels: &'a [u32], probabilities: &'a [f64], n_classes: usize) -> impl Iterator<Item = (usize, &'a [f64])> {
    assert_eq!(probabilities.len(), labels.len() * n_classes, "one row of probabilities per label");
    labels.iter().map(|&label| label as usize).zip(probabilities.chunks_exact(n_classes))
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0_u64), |(sum, n), value| (sum + value, n + 1));
    sum / n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_samples_every_mean_is_undefined() {
        assert!(wilson_interval(0, 0).value.is_nan() && wilson_interval(0, 0).high.is_nan());
        assert!(log_loss(&[], &[], 3).is_nan());
        assert!(calibration_error(&[], &[], 3).is_nan());
        assert!(top_k_accuracy(&[], &[], 3, 1).is_nan());
    }

    #[test]
    fn an_interval_of_none_or_all_ends_exactly_at_zero_or_one() {
        assert_eq!(wilson_interval(0, 7).low, 0.0);
        assert_eq!(wilson_interval(7, 7).high, 1.0);
    }

    #[test]
    fn a_probability_of_nan_counts_as_a_mistake_and_does_not_panic() {
        let row = [f64::NAN; 2];
        assert!(log_loss(&[1], &row, 2).is_nan());
        assert!(calibration_error(&[1], &row, 2).is_nan());
        assert_eq!(predicted(&row, 2), [0]);
    }
}
