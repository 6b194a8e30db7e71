//! Batch normalisation over lanes: each lane sums its own images, the sums meet in one fixed order.

use super::program::Norm;
use super::weights::NormFactors;

/// Two sums per channel over a lane's values, and how many there were.
///
/// Forward: the mean and Σ (x − mean)². Backward: Σ d_y and Σ d_y · x̂.
#[derive(Debug, Clone, Default)]
pub(super) struct ChannelSums {
    pub(super) n: f64,
    pub(super) first: Vec<f64>,
    pub(super) second: Vec<f64>,
}

impl ChannelSums {
    fn zeros(channels: usize) -> Self {
        Self { n: 0.0, first: vec![0.0; channels], second: vec![0.0; channels] }
    }

    /// Mean and Σ (x − mean)² of images that stand `stride` apart.
    pub(super) fn of_values(norm: &Norm, images: &[&[f32]]) -> Self {
        let mut sums = Self::zeros(norm.channels);
        let mut row = vec![0.0_f32; norm.channels];
        for image in images {
            sums.n += (image.len() / norm.channels) as f64;
            row.fill(0.0);
            super::elementwise::add_rows(image, &mut row);
            add(&row, &mut sums.first);
        }
        for mean in &mut sums.first {
            *mean /= sums.n;
        }
        let mean: Vec<f32> = sums.first.iter().map(|&mean| mean as f32).collect();
        for image in images {
            row.fill(0.0);
            for pixel in image.chunks_exact(norm.channels) {
                for ((sum, &x), &mean) in row.iter_mut().zip(pixel).zip(&mean) {
                    *sum += (x - mean) * (x - mean);
                }
            }
            add(&row, &mut sums.second);
        }
        sums
    }

    /// Σ d_y and Σ d_y · x̂ of pairs (x, d_y).
    pub(super) fn of_gradients(norm: &Norm, factors: &NormFactors, images: &[(&[f32], &[f32])]) -> Self {
        let mut sums = Self::zeros(norm.channels);
        let (mut first, mut second) = (vec![0.0_f32; norm.channels], vec![0.0_f32; norm.channels]);
        for (x, d_y) in images {
            sums.n += (x.len() / norm.channels) as f64;
            first.fill(0.0);
            second.fill(0.0);
            for (x, d_y) in x.chunks_exact(norm.channels).zip(d_y.chunks_exact(norm.channels)) {
                for c in 0..norm.channels {
                    first[c] += d_y[c];
                    second[c] += d_y[c] * (x[c] - factors.mean[c]) * factors.inverse_deviation[c];
                }
            }
            add(&first, &mut sums.first);
            add(&second, &mut sums.second);
        }
        sums
    }

    /// The statistics of all lanes from each lane's, lane by lane (Chan, Golub & LeVeque 1979).
    pub(super) fn merge_statistics<'a>(lanes: impl Iterator<Item = &'a Self>) -> Self {
        let mut all = Self::default();
        for lane in lanes {
            if all.n == 0.0 {
                all = lane.clone();
                continue;
            }
            let n = all.n + lane.n;
            for c in 0..all.first.len() {
                let difference = lane.first[c] - all.first[c];
                all.first[c] += difference * lane.n / n;
                all.second[c] += lane.second[c] + difference * difference * all.n * lane.n / n;
            }
            all.n = n;
        }
        all
    }

    /// The sums of all lanes, lane by lane.
    pub(super) fn merge_sums<'a>(lanes: impl Iterator<Item = &'a Self>) -> Self {
        let mut all = Self::default();
        for lane in lanes {
            if all.n == 0.0 {
                all = lane.clone();
                continue;
            }
            all.n += lane.n;
            for c in 0..all.first.len() {
                all.first[c] += lane.first[c];
                all.second[c] += lane.second[c];
            }
        }
        all
    }

    /// Mean and biased variance per channel.
    pub(super) fn mean_and_variance(&self) -> (Vec<f32>, Vec<f32>) {
        let mean = self.first.iter().map(|&mean| mean as f32).collect();
        (mean, self.second.iter().map(|&sum| (sum / self.n) as f32).collect())
    }
}

fn add(row: &[f32], sum: &mut [f64]) {
    for (sum, &value) in sum.iter_mut().zip(row) {
        *sum += f64::from(value);
    }
}

/// y = x · scale + shift, per channel.
pub(super) fn normalise(factors: &NormFactors, x: &[f32], y: &mut [f32]) {
    let channels = factors.scale.len();
    for (y, x) in y.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
        for c in 0..channels {
            y[c] = x[c] * factors.scale[c] + factors.shift[c];
        }
    }
}

/// d_x += d_y · scale, per channel: the statistics are given.
pub(super) fn scale_backward(factors: &NormFactors, d_y: &[f32], d_x: &mut [f32]) {
    let channels = factors.scale.len();
    for (d_x, d_y) in d_x.chunks_exact_mut(channels).zip(d_y.chunks_exact(channels)) {
        for c in 0..channels {
            d_x[c] += factors.scale[c] * d_y[c];
        }
    }
}

/// d_x += γ/σ · (d_y − (Σ d_y + x̂ · Σ d_y·x̂) / N)
pub(super) fn normalise_backward(factors: &NormFactors, sums: &ChannelSums, x: &[f32], d_y: &[f32], d_x: &mut [f32]) {
    let channels = factors.scale.len();
    let share = |sum: &[f64]| -> Vec<f32> { sum.iter().map(|&sum| (sum / sums.n) as f32).collect() };
    let (first, second) = (share(&sums.first), share(&sums.second));
    let pixels = d_x.chunks_exact_mut(channels).zip(x.chunks_exact(channels)).zip(d_y.chunks_exact(channels));
    for ((d_x, x), d_y) in pixels {
        for c in 0..channels {
            let normal = (x[c] - factors.mean[c]) * factors.inverse_deviation[c];
            d_x[c] += factors.scale[c] * (d_y[c] - first[c] - normal * second[c]);
        }
    }
}
