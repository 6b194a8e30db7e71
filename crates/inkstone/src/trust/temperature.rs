//! Probabilities from logits: a softmax with a temperature. Changes how sure a model says it is, never its answer.
//!
//! p\[c\] = e^((z\[c\] − max z) / T) / Σ e^((z\[k\] − max z) / T), in `f64`. T > 1 makes a model that is too sure of
//! itself less so. Source: Guo et al., "On calibration of modern neural networks", ICML 2017.

use inkstone_kernels::math;

/// The probabilities of logits, row by row.
///
/// ```
/// let logits = [2.0, 0.0];
/// let p = |temperature| inkstone::trust::soften(&logits, 2, temperature)[0];
/// assert!(p(0.5) > p(1.0) && p(1.0) > p(2.0) && p(2.0) > 0.5);
/// ```
pub fn soften(logits: &[f32], n_classes: usize, temperature: f64) -> Vec<f64> {
    let mut probabilities = vec![0.0; logits.len()];
    for (row, logits) in probabilities.chunks_exact_mut(n_classes).zip(logits.chunks_exact(n_classes)) {
        write_softened(logits, temperature, row);
    }
    probabilities
}

/// The same for one row.
pub fn write_softened(logits: &[f32], temperature: f64, probabilities: &mut [f64]) {
    let largest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    for (power, &logit) in probabilities.iter_mut().zip(logits) {
        *power = math::exp((f64::from(logit) - largest) / temperature);
    }
    let sum: f64 = probabilities.iter().sum();
    probabilities.iter_mut().for_each(|power| *power /= sum);
}
