//! Mixing an image with another of the training part: mixup blends the two, cutmix pastes a rectangle of the other.
//!
//! With which, how and how much is drawn from the image's own key, never from the batch it stands in. The other image is
//! augmented as its own key says.

use inkstone_kernels::math::{exp, ln};

use super::dataset::Size;
use super::steps::Key;
use crate::rng::{Operation, Rng};
use crate::spec::AugmentSpec;

/// What an image is mixed with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mixture {
    /// The position of the other sample in the part.
    pub other: u32,
    /// How much of the result is the other's.
    pub share: f32,
    /// How the two come together.
    pub how: Mixing,
}

/// How two images come together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mixing {
    /// `(1 − share)·image + share·other`
    Blend,
    /// The other inside a rectangle, which covers `share` of the image.
    Paste {
        /// Its first row and column.
        corner: [usize; 2],
        /// Rows and columns.
        sides: [usize; 2],
    },
}

/// What `spec` and the key mean for an image of a part of `n` samples; `None` where it stays alone.
pub(super) fn draw(spec: &AugmentSpec, size: Size, (seed, epoch, sample): Key, n: usize) -> Option<Mixture> {
    if spec.mixup.is_none() && spec.cutmix.is_none() {
        return None;
    }
    let mut rng = Rng::new(seed, epoch, sample, Operation::Mix);
    // All is drawn always, so that a changed α or probability leaves the rest alone.
    let [choice, chance] = [rng.unit(), rng.unit()];
    let other = rng.below(u32::try_from(n).expect("a dataset has fewer samples"));
    let places = [rng.unit(), rng.unit()];
    let (mix, is_blend) = match (&spec.mixup, &spec.cutmix) {
        (Some(mixup), None) => (mixup, true),
        (Some(mixup), Some(_)) if choice < 0.5 => (mixup, true),
        (_, Some(cutmix)) => (cutmix, false),
        (None, None) => return None,
    };
    if chance >= mix.probability {
        return None;
    }
    let share = beta(&mut rng, f64::from(mix.alpha)) as f32;
    if is_blend {
        // The image's own share is the larger: with partners drawn at random, the pairs are the same.
        return Some(Mixture { other, share: share.min(1.0 - share), how: Mixing::Blend });
    }
    let sides = [size.height, size.width].map(|side| (share.sqrt() * side as f32).round() as usize);
    let first =
        |place: f32, side: usize, length: usize| ((place * (length - side + 1) as f32) as usize).min(length - side);
    let corner = [first(places[0], sides[0], size.height), first(places[1], sides[1], size.width)];
    let share = (sides[0] * sides[1]) as f32 / (size.height * size.width) as f32;
    Some(Mixture { other, share, how: Mixing::Paste { corner, sides } })
}

impl Mixture {
    /// Mixes the values of `other` into `out`.
    pub(super) fn apply(&self, size: Size, other: &[f32], out: &mut [f32]) {
        match self.how {
            Mixing::Blend => {
                for (value, other) in out.iter_mut().zip(other) {
                    *value += self.share * (other - *value);
                }
            }
            Mixing::Paste { corner, sides } => {
                let row_len = size.width * size.channels;
                let columns = corner[1] * size.channels..(corner[1] + sides[1]) * size.channels;
                let rows = out.chunks_exact_mut(row_len).zip(other.chunks_exact(row_len));
                for (row, other) in rows.skip(corner[0]).take(sides[0]) {
                    row[columns.clone()].copy_from_slice(&other[columns.clone()]);
                }
            }
        }
    }
}

/// Beta(α, α) from two gamma draws.
fn beta(rng: &mut Rng, alpha: f64) -> f64 {
    let [x, y] = [log_gamma_draw(rng, alpha), log_gamma_draw(rng, alpha)];
    // e^x / (e^x + e^y); a small α makes gamma draws that are no numbers any more, but their logarithms are.
    1.0 / (1.0 + exp((y - x).clamp(-700.0, 700.0)))
}

/// The logarithm of a draw of Gamma(α, 1) (Marsaglia and Tsang, "A simple method for generating gamma variables", 2000).
fn log_gamma_draw(rng: &mut Rng, alpha: f64) -> f64 {
    // Below 1: Gamma(α) = Gamma(α + 1) · U^(1/α).
    let (shape, boost) =
        if alpha < 1.0 { (alpha + 1.0, ln(f64::from(1.0 - rng.unit())) / alpha) } else { (alpha, 0.0) };
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = rng.normal();
        let base = 1.0 + c * x;
        if base <= 0.0 {
            continue;
        }
        let log_v = 3.0 * ln(base);
        let u = f64::from(1.0 - rng.unit());
        if ln(u) < 0.5 * x * x + d - d * exp(log_v) + d * log_v {
            return ln(d) + log_v + boost;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::MixSpec;

    const SIZE: Size = Size { height: 10, width: 20, channels: 1 };

    fn shares(spec: &AugmentSpec) -> Vec<f64> {
        let drawn = (0..20_000).filter_map(|sample| draw(spec, SIZE, (0, 1, sample), 500));
        drawn.map(|mixture| f64::from(mixture.share)).collect()
    }

    fn mean(values: &[f64]) -> f64 {
        values.iter().sum::<f64>() / values.len() as f64
    }

    #[test]
    fn beta_draws_have_the_distributions_mean_and_variance() {
        for alpha in [0.01, 0.2, 1.0, 3.0, 100.0] {
            let mut rng = Rng::new(1, 0, 0, Operation::Mix);
            let draws: Vec<f64> = (0..20_000).map(|_| beta(&mut rng, alpha)).collect();
            let variance = mean(&draws.iter().map(|x| (x - 0.5) * (x - 0.5)).collect::<Vec<_>>());
            let expected = 1.0 / (4.0 * (2.0 * alpha + 1.0));
            assert!((mean(&draws) - 0.5).abs() < 4.0 * (expected / 20_000.0).sqrt(), "{alpha}");
            assert!((variance / expected - 1.0).abs() < 0.05, "{alpha}: {variance} {expected}");
        }
    }

    #[test]
    fn a_blends_own_share_is_the_larger_and_a_pastes_share_is_its_area() {
        let mixup = shares(&AugmentSpec::default().mixup(MixSpec::new(1.0)));
        assert!(mixup.iter().all(|share| *share <= 0.5));
        assert!((mean(&mixup) - 0.25).abs() < 0.005, "min(u, 1 − u) has mean ¼");
        let cutmix = shares(&AugmentSpec::default().cutmix(MixSpec::new(1.0).probability(0.5)));
        assert!(cutmix.len().abs_diff(10_000) < 300 && (mean(&cutmix) - 0.5).abs() < 0.015);
    }

    #[test]
    fn with_both_each_takes_half() {
        let both = AugmentSpec::default().mixup(MixSpec::new(1.0)).cutmix(MixSpec::new(1.0));
        let drawn = (0..10_000).filter_map(|sample| draw(&both, SIZE, (0, 1, sample), 500));
        let n_blends = drawn.filter(|mixture| mixture.how == Mixing::Blend).count();
        assert!(n_blends.abs_diff(5000) < 200, "{n_blends}");
    }

    #[test]
    fn values_are_blended_or_pasted() {
        let size = Size { height: 2, width: 2, channels: 1 };
        let mixed = |share, how| {
            let mut out = [0.0, 10.0, 20.0, 30.0];
            Mixture { other: 0, share, how }.apply(size, &[100.0; 4], &mut out);
            out
        };
        assert_eq!(mixed(0.25, Mixing::Blend), [25.0, 32.5, 40.0, 47.5]);
        assert_eq!(mixed(0.25, Mixing::Paste { corner: [1, 0], sides: [1, 1] }), [0.0, 10.0, 100.0, 30.0]);
        assert_eq!(mixed(0.0, Mixing::Paste { corner: [1, 1], sides: [0, 0] }), [0.0, 10.0, 20.0, 30.0]);
    }

    #[test]
    fn every_partner_is_drawn_and_none_beyond_the_part() {
        let spec = AugmentSpec::default().mixup(MixSpec::new(0.4));
        let mut seen = [false; 50];
        for sample in 0..1000 {
            seen[draw(&spec, SIZE, (0, 1, sample), 50).unwrap().other as usize] = true;
        }
        assert!(seen.iter().all(|&seen| seen));
        assert_eq!(draw(&spec, SIZE, (0, 1, 7), 1).unwrap().other, 0);
        assert_eq!(draw(&AugmentSpec::default(), SIZE, (0, 1, 7), 50), None);
    }
}
