//! The loss of logits that are there already: what validation measures, in f64.
//!
//! Own exponential and logarithm: the C library's differ between machines, and with them the epoch that is kept could.

use std::f64::consts::{LN_2, LOG2_E};

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

/// e^x for x ≤ 0 to an ulp or two; 0 below −708 (where results would be denormal). NaN stays NaN.
pub(crate) fn exp(x: f64) -> f64 {
    /// ln 2 in two pieces (fdlibm's), the first with zeros at its end so that n·HIGH is exact.
    const HIGH: f64 = 6.931_471_803_691_238e-1;
    const LOW: f64 = 1.908_214_929_270_588e-10;
    if x.is_nan() {
        return x;
    }
    if x < -708.0 {
        return 0.0;
    }
    // x = n·ln 2 + r, |r| ≤ ½ ln 2.
    let n = (x.min(708.0) * LOG2_E).round();
    let r = x.min(708.0) - n * HIGH - n * LOW;
    let series = (1..=14).rev().fold(1.0, |sum, k| 1.0 + r / f64::from(k) * sum);
    series * f64::from_bits(((n as i64 + 1023) as u64) << 52)
}

/// ln x for normal x ≥ 1 (and any positive normal x) to an ulp or two.
pub(crate) fn ln(x: f64) -> f64 {
    if !x.is_normal() || x < 0.0 {
        return f64::NAN;
    }
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) as i64 - 1023) as f64;
    let mut mantissa = f64::from_bits((bits & 0x000F_FFFF_FFFF_FFFF) | 0x3FF0_0000_0000_0000);
    if mantissa > std::f64::consts::SQRT_2 {
        mantissa /= 2.0;
        exponent += 1.0;
    }
    // ln m = 2·artanh(s) = 2·(s + s³/3 + s⁵/5 + …), s = (m − 1)/(m + 1), |s| ≤ 0.172.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let series = (1..=11).rev().fold(0.0, |sum, k| square * (1.0 / f64::from(2 * k + 1) + sum));
    exponent * LN_2 + (2.0 * s + 2.0 * s * series)
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

    #[test]
    fn our_exponential_and_logarithm_equal_the_c_library_s_to_their_last_digits() {
        for i in 0..7000 {
            let x = -f64::from(i) / 10.0;
            assert!((exp(x) - x.exp()).abs() <= 4e-16 * x.exp(), "{x}");
            let y = 1.0 + f64::from(i) * 0.37;
            assert!((ln(y) - y.ln()).abs() <= 4e-16 * y.ln().max(0.1), "{y}");
        }
        assert_eq!((exp(0.0), ln(1.0), exp(-1e9)), (1.0, 0.0, 0.0));
    }
}
