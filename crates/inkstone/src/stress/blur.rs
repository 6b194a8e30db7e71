//! Glass blur and motion blur.

use inkstone_kernels::Isa;

use super::canvas::Canvas;
use crate::data::dataset::Size;
use crate::data::steps;
use crate::data::trigonometry::sin_cos_degrees;
use crate::rng::Rng;

/// How often every pixel changes places.
const ROUNDS: usize = 2;

/// Pixels of a usual image: the blur before and behind the changes of places.
const SIGMA: f32 = 0.5;

/// Frosted glass: a blur, then every pixel changes places with one that is at most `reach` rows and columns away, twice,
/// then the blur again.
pub(super) fn glass(isa: Isa, canvas: &mut Canvas, reach: f32, rng: &mut Rng) {
    let Size { height, width, channels } = canvas.size;
    let (reach, sigma) = (reach * canvas.unit(), SIGMA * canvas.unit());
    steps::blur(isa, &mut canvas.values, canvas.size, sigma);
    // Beyond the border a place is that of the border: no pixel is lost.
    let near = |i: usize, half: u32, length: usize| {
        let moved = i as f32 + (half as f32 - 32_767.5) * (1.0 / 32_768.0) * reach;
        ((moved + 0.5).max(0.0) as usize).min(length - 1)
    };
    for _ in 0..ROUNDS {
        for row in 0..height {
            for column in 0..width {
                let bits = rng.next_u32();
                let other = near(row, bits >> 16, height) * width + near(column, bits & 0xFFFF, width);
                let own = row * width + column;
                for c in 0..channels {
                    canvas.values.swap(own * channels + c, other * channels + c);
                }
            }
        }
    }
    steps::blur(isa, &mut canvas.values, canvas.size, sigma);
}

/// The mean of what is seen along a line of some length and a drawn direction around each pixel; the border goes on
/// outside.
pub(super) fn motion(canvas: &mut Canvas, length: f32, rng: &mut Rng) {
    let length = length * canvas.unit();
    let (sin, cos) = sin_cos_degrees(f64::from(rng.uniform(0.0, 180.0)));
    let n = (length as usize + 2).max(3);
    let mut sum = vec![0.0; canvas.values.len()];
    for k in 0..n {
        let along = f64::from(length) * (k as f64 / (n - 1) as f64 - 0.5);
        add_moved(canvas, [along * cos, along * sin], 1.0 / n as f32, &mut sum);
    }
    canvas.values = sum;
}

/// `sum += weight · image`, each pixel read, bilinearly, that far to the right and down.
fn add_moved(canvas: &Canvas, [dx, dy]: [f64; 2], weight: f32, sum: &mut [f32]) {
    let Size { height, width, channels } = canvas.size;
    let parts = |d: f64| (d.floor() as i64, (d - d.floor()) as f32);
    let ((right, x), (down, y)) = (parts(dx), parts(dy));
    let clamp = |place: i64, length: usize| place.clamp(0, length as i64 - 1) as usize;
    let columns: Vec<[usize; 2]> = (0..width as i64)
        .map(|j| [clamp(j + right, width) * channels, clamp(j + right + 1, width) * channels])
        .collect();
    for (i, row) in sum.chunks_exact_mut(width * channels).enumerate() {
        let from = |extra: i64| {
            let i = clamp(i as i64 + down + extra, height);
            &canvas.values[i * width * channels..][..width * channels]
        };
        let (upper, lower) = (from(0), from(1));
        for (pixel, &[left, right]) in row.chunks_exact_mut(channels).zip(&columns) {
            for (c, value) in pixel.iter_mut().enumerate() {
                let above = upper[left + c] + x * (upper[right + c] - upper[left + c]);
                let below = lower[left + c] + x * (lower[right + c] - lower[left + c]);
                *value += weight * (above + y * (below - above));
            }
        }
    }
}
