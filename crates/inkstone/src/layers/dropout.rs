//! Dropout: zeros at random in training, nothing afterwards. Never draws from anything but its key.
//!
//! ```text
//! y[i] = m[i] · x[i]        m[i] = 0 with probability r, else 1 / (1 − r)
//! d_x[i] = m[i] · d_y[i]
//! ```
//! The kept values are scaled up, so that the mean stays and inference has nothing to do.
//! Source: Srivastava et al., "Dropout", JMLR 15 (2014), in its inverted form.

use super::Real;
use crate::rng::{Operation, Rng};

/// Fills `mask` with the factors of one image's values: 0 with probability `rate`, else 1 / (1 − rate).
///
/// Both engines call this and nothing else, so they drop the same values: the mask depends on (seed, step, position of
/// the image in the batch, number of the dropout in the plan) alone, never on the order of work.
/// Value i is kept if the i-th draw of the key's stream is at least `rate`; the dropout's number enters by way of the
/// seed's upper bits, as `seed ^ ((index + 1) << 40)`.
///
/// ```
/// use inkstone::layers::dropout::keep_mask;
/// let mut mask = [0.0; 8];
/// keep_mask(1, 0, 0, 0, 0.5, &mut mask);
/// assert!(mask.iter().all(|&m| m == 0.0 || m == 2.0));
/// ```
pub fn keep_mask(seed: u64, step: u32, position_in_batch: u32, index: u32, rate: f32, mask: &mut [f32]) {
    let seed = seed ^ ((u64::from(index) + 1) << 40);
    let mut rng = Rng::new(seed, step, position_in_batch, Operation::Dropout);
    let kept = 1.0 / (1.0 - rate);
    for m in mask {
        *m = if rng.unit() >= rate { kept } else { 0.0 };
    }
}

/// y for one image, with its mask.
pub fn forward<T: Real>(mask: &[T], x: &[T]) -> Vec<T> {
    mask.iter().zip(x).map(|(&m, &x)| m * x).collect()
}

/// d_x for one image, with the mask of its forward pass.
pub fn backward<T: Real>(mask: &[T], d_y: &[T]) -> Vec<T> {
    mask.iter().zip(d_y).map(|(&m, &d_y)| m * d_y).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(seed: u64, step: u32, position: u32, index: u32, rate: f32) -> Vec<f32> {
        let mut mask = vec![0.0; 4000];
        keep_mask(seed, step, position, index, rate, &mut mask);
        mask
    }

    #[test]
    fn a_mask_drops_its_share_and_keeps_the_mean() {
        for rate in [0.0, 0.25, 0.5, 0.9] {
            let mask = mask(7, 3, 5, 0, rate);
            let dropped = mask.iter().filter(|&&m| m == 0.0).count() as f32 / mask.len() as f32;
            assert!((dropped - rate).abs() < 0.03, "{rate}: {dropped}");
            assert!(mask.iter().all(|&m| m == 0.0 || m == 1.0 / (1.0 - rate)));
        }
    }

    #[test]
    fn every_part_of_the_key_changes_the_mask() {
        let masks = [
            mask(7, 3, 5, 0, 0.5),
            mask(8, 3, 5, 0, 0.5),
            mask(7, 4, 5, 0, 0.5),
            mask(7, 3, 6, 0, 0.5),
            mask(7, 3, 5, 1, 0.5),
        ];
        assert_eq!(masks[0], mask(7, 3, 5, 0, 0.5));
        for a in 0..masks.len() {
            for b in 0..a {
                assert_ne!(masks[a], masks[b], "{a} and {b}");
            }
        }
    }
}
