//! Gaussian filters, separably: over the columns of an image, then over its rows.

use inkstone_kernels::math::exp;
use inkstone_kernels::{Isa, mix_rows};

use crate::data::dataset::Size;

/// What a filter sees outside the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outside {
    Zero,
    /// The border's own value.
    Edge,
}

/// A filter along an axis of n pixels as a matrix: result i is Σ weights[i, k] · pixel k.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Filter {
    weights: Vec<f32>,
    reach: usize,
}

impl Filter {
    /// e^(−x²/2σ²) at whole x, cut off where SciPy cuts it (4 σ, rounded), with sum 1.
    pub(super) fn gaussian(sigma: f32, n: usize, outside: Outside) -> Self {
        let sigma = f64::from(sigma);
        let reach = (4.0 * sigma + 0.5) as usize;
        let half: Vec<f64> = (0..=reach).map(|x| exp(-0.5 * (x as f64 / sigma) * (x as f64 / sigma))).collect();
        let sum = half[0] + 2.0 * half[1..].iter().sum::<f64>();
        let mut weights = vec![0.0_f64; n * n];
        for i in 0..n {
            for offset in 0..=2 * reach {
                let weight = half[offset.abs_diff(reach)] / sum;
                match (i + offset).checked_sub(reach) {
                    Some(k) if k < n => weights[i * n + k] += weight,
                    _ if outside == Outside::Zero => {}
                    Some(_) => weights[i * n + n - 1] += weight,
                    None => weights[i * n] += weight,
                }
            }
        }
        Self { weights: weights.into_iter().map(|weight| weight as f32).collect(), reach }
    }
}

/// Filters the values of an image of this size in place.
pub(super) fn separable(isa: Isa, filters: &[Filter; 2], values: &mut [f32], size: Size, work: &mut [Vec<f32>; 2]) {
    let Size { height, width, channels } = size;
    for buffer in work.iter_mut() {
        buffer.resize(values.len(), 0.0);
    }
    let [first, second] = work;
    let [over_rows, over_columns] = filters;
    mix_rows(isa, &over_rows.weights, over_rows.reach, values, first);
    turn(first, second, [height, width, channels]);
    mix_rows(isa, &over_columns.weights, over_columns.reach, second, first);
    turn(first, values, [width, height, channels]);
}

/// Rows become columns; a pixel's channels stay together.
fn turn(from: &[f32], to: &mut [f32], [height, width, channels]: [usize; 3]) {
    match channels {
        1 => inkstone_kernels::transpose(from, to, width),
        2 => turn_pixels::<2>(from, to, [height, width]),
        _ => turn_pixels::<3>(from, to, [height, width]),
    }
}

fn turn_pixels<const C: usize>(from: &[f32], to: &mut [f32], [height, width]: [usize; 2]) {
    let (from, to) = (from.as_chunks::<C>().0, to.as_chunks_mut::<C>().0);
    for (j, row) in to.chunks_exact_mut(height).enumerate() {
        for (i, pixel) in row.iter_mut().enumerate() {
            *pixel = from[i * width + j];
        }
    }
}

/// Blurs an image (values 0 to 255, H × W × C) in place by a Gaussian of `sigma` pixels; the border goes on outside.
///
/// # Panics
/// If `values` does not have that size.
///
/// ```
/// use inkstone::data::{dataset::Size, steps::blur};
/// use inkstone::engine::Isa;
/// let mut row = [0.0, 0.0, 100.0, 0.0, 0.0];
/// blur(Isa::detect(), &mut row, Size { height: 1, width: 5, channels: 1 }, 1.0);
/// assert_eq!(row.map(f32::round), [5.0, 24.0, 40.0, 24.0, 5.0]);
/// ```
pub fn blurred(isa: Isa, values: &mut [f32], size: Size, sigma: f32) {
    assert_eq!(values.len(), size.len(), "an image of {size}");
    blur(isa, values, size, sigma, &mut [Vec::new(), Vec::new()]);
}

/// [`blurred`] with working memory.
pub(super) fn blur(isa: Isa, values: &mut [f32], size: Size, sigma: f32, work: &mut [Vec<f32>; 2]) {
    // Where the neighbours' weight e^(−1/2σ²) is below a float's rounding.
    const NOTHING: f32 = 0.15;
    if sigma < NOTHING {
        return;
    }
    let filters = [size.height, size.width].map(|n| Filter::gaussian(sigma, n, Outside::Edge));
    separable(isa, &filters, values, size, work);
    values.iter_mut().for_each(|value| *value = value.clamp(0.0, 255.0));
}
