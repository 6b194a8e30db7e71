//! The loss of logits that are there already: what validation measures, in f64.
//!
//! Own exponential and logarithm: the C library's differ between machines, and with them the epoch that is kept could.

use inkstone_kernels::math::{exp, ln};

/// What the logits of a part amount to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// The mean of −ln p(label); unweighted, without label smoothing.
    pub loss: f64,
    /// The share of samples whose largest logit (the first of equals) is their label's.
    pub accuracy: f64,
}

/// The mean cross-entropy and the accuracy of `logits` (row by row) against `labels`.
///
/// loss = mean of ln Σ e^(z_c − max) − (z_label − max)
pub fn measure(logits: &[f32], labels: &[u32]) -> Measured {
    assert!(!labels.is_empty() && logits.len().is_multiple_of(labels.len()), "one row of logits per label");
    let (mut loss, mut n_correct) = (0.0, 0_usize);
    for (row, &label) in logits.chunks_exact(logits.len() / labels.len()).zip(labels) {
        loss += cross_entropy(row, label as usize);
        n_correct += usize::from(largest(row) == label as usize);
    }
    let n = labels.len() as f64;
    Measured { loss: loss / n, accuracy: n_correct as f64 / n }
}

fn cross_entropy(row: &[f32], label: usize) -> f64 {
    let shift = f64::from(row[largest(row)]);
    let sum: f64 = row.iter().map(|&z| exp(f64::from(z) - shift)).sum();
    ln(sum) - (f64::from(row[label]) - shift)
}

/// The position of the largest value, the first of equals.
fn largest(row: &[f32]) -> usize {
    (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_of_equal_logits_is_the_logarithm_of_the_number_of_classes() {
        let measured = measure(&[3.0; 20], &[0, 9]);
        assert!((measured.loss - 10.0_f64.ln()).abs() < 1e-15);
        assert_eq!(measured.accuracy, 0.5);
    }

    #[test]
    fn extreme_logits_neither_overflow_nor_hide_a_nan() {
        assert_eq!(measure(&[1e30, -1e30], &[0]).loss, 0.0);
        assert!(measure(&[1e30, -1e30], &[1]).loss > 1e30);
        assert!(measure(&[f32::NAN, 0.0], &[1]).loss.is_nan());
        assert!(measure(&[0.0, f32::INFINITY], &[1]).loss.is_nan());
    }
}
