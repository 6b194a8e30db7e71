//! Shot noise and impulse noise: each value by itself.

use inkstone_kernels::math::exp;

use super::canvas::Canvas;
use crate::rng::Rng;

/// Each value becomes `255 · k / photons`, k drawn from the Poisson distribution with mean `photons · v / 255`.
pub(super) fn shot(canvas: &mut Canvas, photons: f32, rng: &mut Rng) {
    for value in &mut canvas.values {
        let unit = f64::from(rng.unit());
        let mean = f64::from(photons * *value / 255.0);
        *value = 255.0 * poisson(mean, unit) as f32 / photons;
    }
}

/// The least k with P(X ≤ k) > unit, X being Poisson-distributed: one draw by inversion.
fn poisson(mean: f64, unit: f64) -> u32 {
    let mut probability = exp(-mean);
    let (mut below, mut k) = (probability, 0);
    // Beyond 8 deviations and a bit nothing is left that 24 bits could tell.
    while below <= unit && f64::from(k) < 2.0 * mean + 100.0 {
        k += 1;
        probability *= mean / f64::from(k);
        below += probability;
    }
    k
}

/// This share of the values becomes black or white, half and half.
pub(super) fn impulse(canvas: &mut Canvas, share: f32, rng: &mut Rng) {
    for value in &mut canvas.values {
        let unit = rng.unit();
        if unit < share {
            *value = if unit < 0.5 * share { 0.0 } else { 255.0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poisson_draws_follow_the_distribution() {
        // P(X ≤ 0) = e^−1 = 0.3679, P(X ≤ 1) = 0.7358, P(X ≤ 2) = 0.9197 for mean 1.
        assert_eq!([0.36, 0.37, 0.73, 0.74, 0.92].map(|unit| poisson(1.0, unit)), [0, 1, 1, 2, 3]);
        assert_eq!(poisson(0.0, 0.999_999_9), 0);
        let n = 2000;
        let mean = (0..n).map(|i| f64::from(poisson(30.0, (f64::from(i) + 0.5) / f64::from(n)))).sum::<f64>();
        assert!((mean / f64::from(n) - 30.0).abs() < 0.05, "{mean}");
    }
}
