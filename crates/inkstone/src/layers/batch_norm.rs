//! Batch normalisation: each channel gets mean β and deviation γ, measured over all pixels of all images of the batch.
//!
//! ```text
//! x (M, C) · γ (C) · β (C) → y (M, C)        M = images · pixels
//!
//! mean[c]     = Σ_m x[m,c] / M
//! variance[c] = Σ_m (x[m,c] − mean[c])² / M                    biased: divided by M, not M − 1
//! z[m,c]      = (x[m,c] − mean[c]) / √(variance[c] + ε)
//! y[m,c]      = γ[c] · z[m,c] + β[c]
//! running     = momentum · running + (1 − momentum) · batch    Keras' meaning, of the mean and the biased variance
//!
//! d_β[c]   = Σ_m d_y[m,c]
//! d_γ[c]   = Σ_m d_y[m,c] · z[m,c]
//! d_x[m,c] = γ[c] / √(variance[c] + ε) · (d_y[m,c] − d_β[c]/M − z[m,c] · d_γ[c]/M)
//! ```
//! Outside training the running statistics stand in for the batch's; they do not depend on x, so the last two terms of
//! d_x fall away. Source: Ioffe and Szegedy, "Batch normalization", ICML 2015.

use super::Real;

/// Mean and variance of each channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics<T> {
    /// One per channel.
    pub mean: Vec<T>,
    /// One per channel, biased.
    pub variance: Vec<T>,
}

/// Where statistics come from: decides what flows back through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The batch itself (training): they move when x moves.
    Batch,
    /// Running statistics (inference): fixed numbers.
    Running,
}

/// γ, ε and what was subtracted and divided by.
#[derive(Debug, Clone, Copy)]
pub struct Norm<'a, T> {
    /// One per channel.
    pub gamma: &'a [T],
    /// Added to the variance.
    pub epsilon: T,
    /// Used by forward, or to be used by it.
    pub statistics: &'a Statistics<T>,
}

/// The statistics of a batch.
pub fn statistics<T: Real>(n_channels: usize, x: &[T]) -> Statistics<T> {
    let m = T::of((x.len() / n_channels) as f64);
    let channel = |c| x.iter().skip(c).step_by(n_channels).copied();
    let mean: Vec<T> = (0..n_channels).map(|c| channel(c).sum::<T>() / m).collect();
    let square = |x: T| x * x;
    let variance = (0..n_channels).map(|c| channel(c).map(|x| square(x - mean[c])).sum::<T>() / m).collect();
    Statistics { mean, variance }
}

/// The new running value: momentum · running + (1 − momentum) · batch.
pub fn update_running<T: Real>(momentum: T, running: &mut [T], batch: &[T]) {
    for (running, &batch) in running.iter_mut().zip(batch) {
        *running = momentum * *running + (T::ONE - momentum) * batch;
    }
}

/// y for a batch.
pub fn forward<T: Real>(norm: &Norm<'_, T>, beta: &[T], x: &[T]) -> Vec<T> {
    let z = normalised(norm, x);
    let channels = (0..beta.len()).cycle();
    z.iter().zip(channels).map(|(&z, c)| norm.gamma[c] * z + beta[c]).collect()
}

/// The gradients of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Backward<T> {
    /// Like x.
    pub d_x: Vec<T>,
    /// One per channel.
    pub d_gamma: Vec<T>,
    /// One per channel.
    pub d_beta: Vec<T>,
}

/// d_x, d_γ and d_β for a batch, from d_y.
pub fn backward<T: Real>(norm: &Norm<'_, T>, origin: Origin, x: &[T], d_y: &[T]) -> Backward<T> {
    let n_channels = norm.gamma.len();
    let m = T::of((x.len() / n_channels) as f64);
    let z = normalised(norm, x);
    let (mut d_gamma, mut d_beta) = (vec![T::ZERO; n_channels], vec![T::ZERO; n_channels]);
    for (k, &d_y) in d_y.iter().enumerate() {
        d_gamma[k % n_channels] += d_y * z[k];
        d_beta[k % n_channels] += d_y;
    }
    let d_x = d_y.iter().enumerate().map(|(k, &d_y)| {
        let c = k % n_channels;
        let factor = norm.gamma[c] / deviation(norm, c);
        match origin {
            Origin::Batch => factor * (d_y - d_beta[c] / m - z[k] * d_gamma[c] / m),
            Origin::Running => factor * d_y,
        }
    });
    Backward { d_x: d_x.collect(), d_gamma, d_beta }
}

/// z: x with the mean taken off, over the deviation.
fn normalised<T: Real>(norm: &Norm<'_, T>, x: &[T]) -> Vec<T> {
    let channels = (0..norm.gamma.len()).cycle();
    x.iter().zip(channels).map(|(&x, c)| (x - norm.statistics.mean[c]) / deviation(norm, c)).collect()
}

fn deviation<T: Real>(norm: &Norm<'_, T>, c: usize) -> T {
    (norm.statistics.variance[c] + norm.epsilon).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_channels_of_two_pixels_by_hand() {
        let x = [1.0, 10.0, 3.0, 30.0];
        let statistics = statistics(2, &x);
        assert_eq!(statistics, Statistics { mean: vec![2.0, 20.0], variance: vec![1.0, 100.0] });
        let norm = Norm { gamma: &[1.0, 2.0], epsilon: 0.0, statistics: &statistics };
        assert_eq!(forward(&norm, &[0.0, 5.0], &x), [-1.0, 3.0, 1.0, 7.0]);
        let gradients = backward(&norm, Origin::Running, &x, &[1.0, 1.0, 0.0, 1.0]);
        assert_eq!(gradients.d_x, [1.0, 0.2, 0.0, 0.2]);
        assert_eq!((gradients.d_gamma, gradients.d_beta), (vec![-1.0, 0.0], vec![1.0, 2.0]));
    }

    #[test]
    fn a_running_value_keeps_the_share_that_momentum_says() {
        let mut running = [0.0, 10.0];
        update_running(0.75, &mut running, &[4.0, 10.0]);
        assert_eq!(running, [1.0, 10.0]);
    }
}
