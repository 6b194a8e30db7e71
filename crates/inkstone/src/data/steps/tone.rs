//! Steps that change every value by itself: brightness, contrast, gamma, noise. What leaves 0 to 255 is cut off.

use inkstone_kernels::math::{exp, ln};

use crate::rng::Rng;

/// `factor · v`
pub(super) fn brightness(values: &mut [f32], factor: f32) {
    for value in values {
        *value = (factor * *value).clamp(0.0, 255.0);
    }
}

/// `mean + factor · (v − mean)`, with the mean of the luma (ITU-R BT.601) over the image.
pub(super) fn contrast(values: &mut [f32], channels: usize, factor: f32) {
    let weights: &[f64] = if channels == 3 { &[0.299, 0.587, 0.114] } else { &[1.0] };
    let sum: f64 = values.iter().zip(weights.iter().cycle()).map(|(&value, weight)| f64::from(value) * weight).sum();
    let mean = (sum / (values.len() / channels) as f64) as f32;
    for value in values {
        *value = (mean + factor * (*value - mean)).clamp(0.0, 255.0);
    }
}

/// `255 · (v / 255)^exponent`
pub(super) fn gamma(values: &mut [f32], exponent: f32) {
    for value in values {
        if *value > 0.0 {
            let share = f64::from(*value) / 255.0;
            *value = ((255.0 * exp(f64::from(exponent) * ln(share))) as f32).clamp(0.0, 255.0);
        }
    }
}

/// `v + N(0, deviation²)`
pub(super) fn noise(values: &mut [f32], deviation: f32, mut rng: Rng) {
    for pair in values.chunks_mut(2) {
        for (value, normal) in pair.iter_mut().zip(rng.two_normals()) {
            *value = (*value + deviation * normal as f32).clamp(0.0, 255.0);
        }
    }
}
