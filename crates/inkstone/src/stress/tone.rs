//! Brightness, stripe and fog: what light does.

use super::canvas::Canvas;
use crate::data::dataset::Size;
use crate::rng::Rng;

/// `v + share · 255`
pub(super) fn brighten(canvas: &mut Canvas, share: f32) {
    canvas.values.iter_mut().for_each(|value| *value = (*value + 255.0 * share).min(255.0));
}

/// `255 − v` in an upright band of this width in the middle.
pub(super) fn stripe(canvas: &mut Canvas, width: f32) {
    let Size { width: columns, channels, .. } = canvas.size;
    let band = ((width * canvas.unit()).round() as usize).clamp(1, columns);
    let left = (columns - band) / 2;
    for row in canvas.values.chunks_exact_mut(columns * channels) {
        row[left * channels..(left + band) * channels].iter_mut().for_each(|value| *value = 255.0 - *value);
    }
}

/// `(1 − share) · v + share · clouds`
pub(super) fn fog(canvas: &mut Canvas, share: f32, rng: &mut Rng) {
    let Size { height, width, channels } = canvas.size;
    let clouds = clouds([height, width], rng);
    for (pixel, cloud) in canvas.values.chunks_exact_mut(channels).zip(clouds) {
        pixel.iter_mut().for_each(|value| *value += share * (255.0 * cloud - *value));
    }
}

/// Random values on finer and finer grids, bilinear between their points, each grid half as strong as the one before;
/// stretched to 0 to 1. (Value noise: Perlin, "An image synthesizer", 1985, with values in place of gradients.)
fn clouds([height, width]: [usize; 2], rng: &mut Rng) -> Vec<f32> {
    /// Cells of the first grid across the longer side.
    const COARSEST: usize = 2;
    /// A finer grid would be no cloud but noise.
    const PIXELS_PER_CELL: usize = 2;
    let longest = height.max(width);
    let mut clouds = vec![0.0; height * width];
    let (mut n_cells, mut strength) = (COARSEST, 1.0);
    while n_cells == COARSEST || n_cells * PIXELS_PER_CELL <= longest {
        add_grid(&mut clouds, width, [n_cells, longest], strength, rng);
        (n_cells, strength) = (2 * n_cells, 0.5 * strength);
    }
    let least = clouds.iter().copied().fold(f32::INFINITY, f32::min);
    let range = clouds.iter().copied().fold(f32::NEG_INFINITY, f32::max) - least;
    let stretch = |cloud: f32| if range > 0.0 { (cloud - least) / range } else { 0.5 };
    clouds.into_iter().map(stretch).collect()
}

/// Adds one grid of that many cells over that many pixels.
fn add_grid(clouds: &mut [f32], width: usize, [n_cells, longest]: [usize; 2], strength: f32, rng: &mut Rng) {
    let n_points = n_cells + 1;
    let points: Vec<f32> = (0..n_points * n_points).map(|_| strength * rng.unit()).collect();
    let step = n_cells as f32 / longest as f32;
    let place = |i: usize| {
        let place = i as f32 * step;
        let cell = (place as usize).min(n_cells - 1);
        (cell, place - cell as f32)
    };
    for (i, row) in clouds.chunks_exact_mut(width).enumerate() {
        let (top, y) = place(i);
        for (j, cloud) in row.iter_mut().enumerate() {
            let (left, x) = place(j);
            let corner = &points[top * n_points + left..];
            let upper = corner[0] + x * (corner[1] - corner[0]);
            let lower = corner[n_points] + x * (corner[n_points + 1] - corner[n_points]);
            *cloud += upper + y * (lower - upper);
        }
    }
}
