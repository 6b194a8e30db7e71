//! How unlike the training images an image is, by the features that the network makes of it.
//!
//! ```text
//! z = (S·f / |f|, ln |f| / 4)      f: features; S: random signs / √192, 192 × features, where there are more than 192
//! s = min over classes c of |L_c⁻¹ (z − μ_c)|² + ln det L_c L_cᵀ
//! novelty = (s − typical) / (limit − typical)
//! ```
//!
//! μ and L Lᵀ are mean and covariance of a class's training images. 0 is an ordinary image, above 1 is refused.
//!
//! Chosen by measurement (`reference/trust_choices.py`, benchmarks/trust-*.md). The length of f is told apart because
//! what a network was never shown excites it less: Mahalanobis distances of f itself accept noise. Signs need no storage.
//! Against max softmax, energy, distances with one covariance, the nearest stored features, and the residual of
//! principal components this refuses most of letters, garments and turned digits. Half the signs refuse fewer: 92 % of
//! Fashion-MNIST instead of 94 % by `digits`, which reads through the ink rules, where 95 % of digits are accepted; twice
//! as many gain nothing. No score that was tried tells a face that is shrunk to 20 pixels from an 8: its parts do.
//! Source of the distance: Lee et al., "A simple unified framework for detecting out-of-distribution samples", 2018.

use inkstone_kernels::math;

use crate::rng::{Operation, Rng};

/// Features are brought to at most so many numbers.
pub const MAX_DIMENSIONS: usize = 192;
/// The weight of the length: its logarithm then varies about as much as a number of the direction.
const LENGTH: f64 = 0.25;

/// What the training images look like to the network, and how far from that is too far.
#[derive(Debug, Clone, PartialEq)]
pub struct Novelty {
    /// The share of images like the training data that are at most at the limit: at least this.
    pub accepted: f64,
    /// The score of an ordinary image: the calibration images' median.
    pub typical: f64,
    /// The largest score that is accepted; above `typical`.
    pub limit: f64,
    /// The mean of each class: classes × d.
    pub means: Vec<f32>,
    /// L⁻¹ of each class, or one for all: the columns of the lower triangle one behind the other, d·(d + 1)/2 each.
    pub factors: Vec<f32>,
    /// ln det L Lᵀ of each.
    log_determinants: Vec<f64>,
    projection: Projection,
}

/// From features to d numbers: their direction, seen from d − 1 sides, and their length.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    n_features: usize,
    /// d − 1.
    n_sides: usize,
    /// Features × sides; empty where every feature is kept as it is.
    signs: Vec<f32>,
}

impl Projection {
    /// The projection of so many features: a function of their number alone.
    pub fn new(n_features: usize) -> Self {
        let n_sides = n_features.min(MAX_DIMENSIONS);
        if n_features <= MAX_DIMENSIONS {
            return Self { n_features, n_sides, signs: Vec::new() };
        }
        let side = 1.0 / (n_sides as f32).sqrt();
        let mut signs = Vec::with_capacity(n_features * n_sides);
        for feature in 0..n_features as u32 {
            let mut rng = Rng::new(0, 0, feature, Operation::NoveltyProjection);
            for first in (0..n_sides).step_by(32) {
                let bits = rng.next_u32();
                signs.extend(
                    (first..n_sides.min(first + 32)).map(|k| if bits >> (k % 32) & 1 == 1 { side } else { -side }),
                );
            }
        }
        Self { n_features, n_sides, signs }
    }

    /// How many features it takes.
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// How many numbers it gives.
    pub fn dimensions(&self) -> usize {
        self.n_sides + 1
    }

    /// The direction of features, projected, and a quarter of the logarithm of their length.
    ///
    /// # Panics
    /// If there are not as many features as it was made for.
    pub fn describe(&self, features: &[f32]) -> Vec<f32> {
        assert_eq!(features.len(), self.n_features, "a projection is made for one network");
        let square: f64 = features.iter().map(|&f| f64::from(f) * f64::from(f)).sum();
        // Features that are all 0 have no direction; their length counts as next to nothing.
        let length = square.sqrt().max(1e-6);
        let mut sums: Vec<f32>;
        if self.signs.is_empty() {
            sums = features.to_vec();
        } else {
            sums = vec![0.0; self.n_sides];
            // After a ReLU about half of the features are zero.
            let rows = features.iter().zip(self.signs.chunks_exact(self.n_sides)).filter(|(f, _)| **f != 0.0);
            rows.for_each(|(&f, signs)| sums.iter_mut().zip(signs).for_each(|(sum, sign)| *sum += f * sign));
        }
        sums.iter_mut().for_each(|sum| *sum = (f64::from(*sum) / length) as f32);
        sums.push((LENGTH * math::ln(length)) as f32);
        sums
    }
}

impl Novelty {
    /// From its parts; `factors` are those of each class or one for all.
    ///
    /// # Panics
    /// If the lengths do not fit each other.
    pub fn new(projection: Projection, means: Vec<f32>, factors: Vec<f32>) -> Self {
        let d = projection.dimensions();
        let triangle = d * (d + 1) / 2;
        assert!(means.len().is_multiple_of(d) && factors.len().is_multiple_of(triangle), "whole rows");
        let n_factors = factors.len() / triangle;
        assert!(n_factors == 1 || n_factors * d == means.len(), "a factor for each class or one for all");
        let log_determinants = factors.chunks_exact(triangle).map(|factor| log_determinant(factor, d)).collect();
        Self { accepted: 1.0, typical: 0.0, limit: 1.0, means, factors, log_determinants, projection }
    }

    /// How features become the numbers that the means are of.
    pub fn projection(&self) -> &Projection {
        &self.projection
    }

    /// How unlike the training images an image with these features is: 0 is ordinary, above 1 is too far. Never NaN.
    pub fn of(&self, features: &[f32]) -> f64 {
        (self.score(features) - self.typical) / (self.limit - self.typical)
    }

    /// The distance before it is scaled.
    pub fn score(&self, features: &[f32]) -> f64 {
        let d = self.projection.dimensions();
        let z = self.projection.describe(features);
        let triangle = d * (d + 1) / 2;
        let mut best = f64::INFINITY;
        let (mut away, mut whitened) = (vec![0.0_f32; d], vec![0.0_f32; d]);
        for (c, mean) in self.means.chunks_exact(d).enumerate() {
            let k = if self.log_determinants.len() == 1 { 0 } else { c };
            away.iter_mut().zip(&z).zip(mean).for_each(|((away, z), mean)| *away = z - mean);
            whiten(&self.factors[k * triangle..][..triangle], &away, &mut whitened);
            let square: f64 = whitened.iter().map(|&y| f64::from(y) * f64::from(y)).sum();
            best = best.min(square + self.log_determinants[k]);
        }
        // Features that are not finite are like nothing at all.
        if best.is_finite() { best } else { f64::MAX / 4.0 }
    }
}

/// y = L⁻¹ v, column by column, so that the compiler can take several rows at once.
fn whiten(factor: &[f32], v: &[f32], y: &mut [f32]) {
    y.fill(0.0);
    let mut rest = factor;
    for (j, &v) in v.iter().enumerate() {
        let (column, others) = rest.split_at(y.len() - j);
        y[j..].iter_mut().zip(column).for_each(|(y, l)| *y += l * v);
        rest = others;
    }
}

/// ln det L Lᵀ from L⁻¹: −2 Σ ln of its diagonal.
fn log_determinant(factor: &[f32], d: usize) -> f64 {
    let mut start = 0;
    let mut sum = 0.0;
    for j in 0..d {
        sum -= 2.0 * math::ln(f64::from(factor[start]));
        start += d - j;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_is_the_distance_to_the_nearest_class_in_its_own_measure() {
        // Two classes of one feature and a length; the second is twice as wide along the first axis: L⁻¹ = diag(½, 1).
        let factors = vec![1.0, 0.0, 1.0, 0.5, 0.0, 1.0];
        let novelty = Novelty::new(Projection::new(1), vec![1.0, 0.0, -1.0, 1.0], factors);
        assert_eq!(novelty.score(&[1.0]), 0.0, "it is the first class's mean");
        // z = (−1, ln e⁴ / 4 = 1) is the second's; ln det is 2 ln 2.
        let far = f64::exp(4.0) as f32;
        assert!((novelty.score(&[-far]) - 4.0_f64.ln()).abs() < 1e-6);
        // z = (1, 1): 1 from the first class, (2 / 2)² + ln 4 from the second.
        assert!((novelty.score(&[far]) - 1.0).abs() < 1e-6);
        assert!(novelty.score(&[f32::NAN]).is_finite() && novelty.score(&[0.0]).is_finite());
    }

    #[test]
    fn a_projection_keeps_lengths_nearly_and_depends_on_the_number_of_features_alone() {
        let projection = Projection::new(1600);
        assert_eq!(projection, Projection::new(1600));
        assert_eq!(projection.dimensions(), MAX_DIMENSIONS + 1);
        let features: Vec<f32> = (0..1600).map(|i| ((i * 37) % 101) as f32 / 10.0).collect();
        let described = projection.describe(&features);
        let square: f32 = described[..MAX_DIMENSIONS].iter().map(|z| z * z).sum();
        assert!((0.5..1.5).contains(&square), "{square}");
        let longer: Vec<f32> = features.iter().map(|f| f * 8.0).collect();
        let longer = projection.describe(&longer);
        assert_eq!(longer[..MAX_DIMENSIONS], described[..MAX_DIMENSIONS], "a power of two scales exactly");
        let more = longer[MAX_DIMENSIONS] - described[MAX_DIMENSIONS];
        assert!((f64::from(more) - 0.25 * 8.0_f64.ln()).abs() < 1e-6, "{more}");
    }
}
