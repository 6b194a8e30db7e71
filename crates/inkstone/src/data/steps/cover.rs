//! Random erasing: a rectangle of a random size and shape at a random place, covered.

use inkstone_kernels::math::{exp, ln};

use crate::data::dataset::Size;
use crate::rng::Rng;
use crate::spec::steps::{Cover, EraseSpec};

/// First row and column, then rows and columns. What would be longer than the image is cut to it.
pub(super) fn rectangle(spec: &EraseSpec, size: Size, rng: &mut Rng) -> ([usize; 2], [usize; 2]) {
    let n_pixels = (size.height * size.width) as f64;
    let area = f64::from(rng.uniform(spec.area.0[0], spec.area.0[1])) * n_pixels;
    let [low, high] = spec.aspect.map(|aspect| ln(f64::from(aspect)));
    let aspect = exp(low + (high - low) * f64::from(rng.unit()));
    let side = |square: f64, limit: usize| (square.sqrt().round() as usize).min(limit);
    let sides = [side(area * aspect, size.height), side(area / aspect, size.width)];
    let mut first = |side: usize, length: usize| rng.below((length - side + 1) as u32) as usize;
    ([first(sides[0], size.height), first(sides[1], size.width)], sides)
}

/// Covers the rectangle \[corner, sides\] of an image.
pub(super) fn erase(values: &mut [f32], size: Size, [corner, sides]: [[usize; 2]; 2], cover: Cover, mut rng: Rng) {
    let row_len = size.width * size.channels;
    for row in values.chunks_exact_mut(row_len).skip(corner[0]).take(sides[0]) {
        let covered = row.iter_mut().skip(corner[1] * size.channels).take(sides[1] * size.channels);
        match cover {
            Cover::Constant(value) => covered.for_each(|pixel| *pixel = value),
            Cover::Word(_) => covered.for_each(|pixel| *pixel = rng.uniform(0.0, 255.0)),
        }
    }
}
