//! The loss of one image: softmax and cross-entropy in one, with label smoothing and a weight.
//!
//! ```text
//! logits z (K), label l, smoothing s, weight a; in part (share b) of class m
//!
//! p[k] = e^z[k] / Σ_j e^z[j]
//! t[k] = (1 − s) · ((1 − b) · [k = l] + b · [k = m]) + s / K
//! loss = −a · Σ_k t[k] · ln p[k] = a · (ln Σ_j e^z[j] − Σ_k t[k] · z[k])
//!
//! d_z[k] = a · (p[k] − t[k])
//! ```
//! The largest logit is taken off before e^z, so nothing overflows. A batch's loss is the mean: Σ loss / n.
//! Source of the smoothing: Szegedy et al., "Rethinking the Inception architecture", CVPR 2016.

use super::{Real, activation};

/// What one image should be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aim<T> {
    /// The class.
    pub label: usize,
    /// The share s of the target spread over all classes.
    pub smoothing: T,
    /// The weight a.
    pub weight: T,
    /// The other class m and its share b.
    pub admixture: Option<(usize, T)>,
}

/// The loss of one image.
pub fn forward<T: Real>(logits: &[T], aim: &Aim<T>) -> T {
    let largest = logits[arg_max(logits)];
    let log_sum = largest + logits.iter().map(|&z| (z - largest).exp()).sum::<T>().ln();
    let expected = (0..logits.len()).map(|k| target(logits.len(), aim, k) * logits[k]).sum::<T>();
    aim.weight * (log_sum - expected)
}

/// d loss / d logits of one image.
pub fn backward<T: Real>(logits: &[T], aim: &Aim<T>) -> Vec<T> {
    let p = activation::softmax(logits);
    (0..p.len()).map(|k| aim.weight * (p[k] - target(p.len(), aim, k))).collect()
}

/// t\[k\].
fn target<T: Real>(n_classes: usize, aim: &Aim<T>, k: usize) -> T {
    let spread = aim.smoothing / T::of(n_classes as f64);
    let Some((other, share)) = aim.admixture else {
        return if k == aim.label { T::ONE - aim.smoothing + spread } else { spread };
    };
    let own = if k == aim.label { T::ONE - share } else { T::ZERO };
    let mixed = if k == other { own + share } else { own };
    (T::ONE - aim.smoothing) * mixed + spread
}

/// The class with the largest logit; the first of equals.
pub fn arg_max<T: Real>(logits: &[T]) -> usize {
    (1..logits.len()).fold(0, |best, k| if logits[k] > logits[best] { k } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_logits_of_four_classes_lose_the_logarithm_of_four() {
        let aim = Aim { label: 2, smoothing: 0.0, weight: 1.0, admixture: None };
        assert!((forward(&[5.0; 4], &aim) - 4.0_f64.ln()).abs() < 1e-15);
        assert_eq!(backward(&[5.0; 4], &aim), [0.25, 0.25, -0.75, 0.25]);
    }

    #[test]
    fn a_mixture_loses_the_mixture_of_both_losses() {
        // torch.nn.functional.cross_entropy takes such targets as probabilities.
        let logits = [0.5_f64, -1.0, 2.0, 0.0];
        let loss = |label, admixture| forward(&logits, &Aim { label, smoothing: 0.0, weight: 2.0, admixture });
        let mixed = loss(1, Some((2, 0.25)));
        assert!((mixed - 0.75 * loss(1, None) - 0.25 * loss(2, None)).abs() < 1e-12);
        assert!((loss(1, Some((1, 0.25))) - loss(1, None)).abs() < 1e-12);
        let aim = Aim { label: 1, smoothing: 0.1, weight: 1.0, admixture: Some((2, 0.25)) };
        let targets: Vec<f64> = (0..4).map(|k| target(4, &aim, k)).collect();
        for (found, expected) in targets.iter().zip([0.025, 0.7, 0.25, 0.025]) {
            assert!((found - expected).abs() < 1e-12, "{targets:?}");
        }
    }

    #[test]
    fn huge_logits_lose_a_finite_amount() {
        let aim = Aim { label: 1, smoothing: 0.0, weight: 2.0, admixture: None };
        assert_eq!(forward(&[1e4_f32, 0.0], &aim), 2e4);
        assert_eq!(arg_max(&[1.0, 3.0, 3.0]), 1);
    }
}
