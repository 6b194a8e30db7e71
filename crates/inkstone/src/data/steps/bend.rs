//! Steps that move pixels: elastic deformation and perspective, made into one field of moves per run of steps.

use inkstone_kernels::Isa;

use super::smooth::{Filter, Outside, separable};
use super::{DrawnStep, Key, Scratch};
use crate::data::dataset::Size;
use crate::rng::{Operation, Rng};
use crate::spec::pipeline::{Fill, FillRule};

/// What moves pixels, and on what.
pub(super) struct Bending<'a> {
    pub(super) isa: Isa,
    pub(super) size: Size,
    pub(super) fill: Fill,
    /// Elastic filters that are made already, by their σ.
    pub(super) fields: &'a [(f32, [Filter; 2])],
    pub(super) key: Key,
}

impl Bending<'_> {
    /// How many of the first steps are moves that one field can express, which is left in `scratch.moved`.
    ///
    /// The last step moves the places of the result's own pixels, and only there is an elastic field known: so a run
    /// is some perspectives and then at most one elastic step.
    pub(super) fn run(&self, drawn: &[DrawnStep], scratch: &mut Scratch) -> usize {
        let is_perspective = |step: &&DrawnStep| matches!(step, DrawnStep::Perspective { .. });
        let n_perspectives = drawn.iter().take_while(is_perspective).count();
        let elastic = drawn.get(n_perspectives).filter(|step| matches!(step, DrawnStep::Elastic { .. }));
        let n = n_perspectives + usize::from(elastic.is_some());
        if n == 0 {
            return 0;
        }
        scratch.moved.clear();
        scratch.moved.resize(self.size.height * self.size.width, [0.0; 2]);
        if let Some(&DrawnStep::Elastic { alpha, sigma, number }) = elastic {
            self.bend(alpha, sigma, number, scratch);
        }
        for step in drawn[..n_perspectives].iter().rev() {
            if let DrawnStep::Perspective { corners } = step {
                self.tilt(corners, &mut scratch.moved);
            }
        }
        n
    }

    /// α · (G_σ ∗ u), u of two values U(−1, 1) per pixel (16 bits each), zero outside.
    fn bend(&self, alpha: f32, sigma: f32, number: u16, scratch: &mut Scratch) {
        let (seed, epoch, sample) = self.key;
        let mut rng = Rng::new(seed, epoch, sample, Operation::Elastic).numbered(number);
        let unit = |bits: u32| (bits as i32 as f32 - 32_767.5) * (1.0 / 32_768.0);
        for four in scratch.moved.chunks_mut(4) {
            for (pair, bits) in four.iter_mut().zip(rng.next_four()) {
                *pair = [unit(bits & 0xFFFF), unit(bits >> 16)];
            }
        }
        let size = Size { channels: 2, ..self.size };
        let values = scratch.moved.as_flattened_mut();
        if let Some((_, filters)) = self.fields.iter().find(|(made, _)| *made == sigma) {
            separable(self.isa, filters, values, size, &mut scratch.values);
        } else {
            let filters = [size.height, size.width].map(|n| Filter::gaussian(sigma, n, Outside::Zero));
            separable(self.isa, &filters, values, size, &mut scratch.values);
        }
        values.iter_mut().for_each(|value| *value *= alpha);
    }

    /// Carries the places that the moves have led to through the projective map of the rectangle of pixel centres onto
    /// its moved corners (Heckbert, "Fundamentals of texture mapping", 1989, section 2.2.3).
    fn tilt(&self, corners: &[[f32; 2]; 4], moved: &mut [[f32; 2]]) {
        let sides = [self.size.width, self.size.height].map(|side| (side.max(2) - 1) as f64);
        let unit = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
        let corner = |c: usize, axis: usize| unit[c][axis] * sides[axis] + f64::from(corners[c][axis]);
        let across = |axis: usize| {
            let [p0, p1, p2, p3] = std::array::from_fn(|c| corner(c, axis));
            [p1 - p2, p3 - p2, p0 - p1 + p2 - p3]
        };
        let ([x1, x2, x3], [y1, y2, y3]) = (across(0), across(1));
        let area = x1 * y2 - x2 * y1;
        let [g, h] = [(x3 * y2 - x2 * y3) / area, (x1 * y3 - x3 * y1) / area];
        let row = |axis: usize| {
            let [p0, p1, p3] = [corner(0, axis), corner(1, axis), corner(3, axis)];
            [p1 - p0 + g * p1, p3 - p0 + h * p3, p0]
        };
        let (along_x, along_y) = (row(0), row(1));
        let scales = sides.map(|side| 1.0 / side);
        for (i, row) in moved.chunks_exact_mut(self.size.width).enumerate() {
            for (j, pair) in row.iter_mut().enumerate() {
                let [x, y] = [j as f64, i as f64];
                let (u, v) = ((x + f64::from(pair[0])) * scales[0], (y + f64::from(pair[1])) * scales[1]);
                let depth = 1.0 / (g * u + h * v + 1.0);
                let seen = |[a, b, c]: [f64; 3], place: f64| ((a * u + b * v + c) * depth - place) as f32;
                *pair = [seen(along_x, x), seen(along_y, y)];
            }
        }
    }

    /// Reads an image of values at the moved places, bilinearly, in place.
    pub(super) fn sample(&self, values: &mut [f32], scratch: &mut Scratch) {
        let Scratch { moved, values: [from, _] } = scratch;
        from.clear();
        from.extend_from_slice(values);
        let Size { width, channels, .. } = self.size;
        let rows = values.chunks_exact_mut(width * channels).zip(moved.chunks_exact(width));
        for (i, (row, moved)) in rows.enumerate() {
            for (j, (pixel, &[dx, dy])) in row.chunks_exact_mut(channels).zip(moved).enumerate() {
                self.sample_pixel(from, [j as f32 + dx, i as f32 + dy], pixel);
            }
        }
    }

    fn sample_pixel(&self, from: &[f32], [x, y]: [f32; 2], pixel: &mut [f32]) {
        let Size { height, width, channels } = self.size;
        let (Some(x), Some(y)) = (self.inside(x, width), self.inside(y, height)) else {
            if let Fill::Constant(value) = self.fill {
                pixel.fill(value);
            }
            return;
        };
        let (left, top) = (x as usize, y as usize);
        let (right, bottom) = ((left + 1).min(width - 1), (top + 1).min(height - 1));
        let (along, down) = (x - left as f32, y - top as f32);
        for (c, value) in pixel.iter_mut().enumerate() {
            let at = |row: usize, column: usize| from[(row * width + column) * channels + c];
            let upper = at(top, left) + along * (at(top, right) - at(top, left));
            let lower = at(bottom, left) + along * (at(bottom, right) - at(bottom, left));
            *value = (upper + down * (lower - upper)).clamp(0.0, 255.0);
        }
    }

    /// The place in 0..=length − 1 that is seen at `place`; `None` where a constant is.
    fn inside(&self, place: f32, length: usize) -> Option<f32> {
        let last = (length - 1) as f32;
        match self.fill {
            Fill::Rule(FillRule::Reflect) if length > 1 => {
                let folded = place.rem_euclid(2.0 * last);
                Some(folded.min(2.0 * last - folded).clamp(0.0, last))
            }
            Fill::Constant(_) if !(0.0..=last).contains(&place) => None,
            _ => Some(place.max(0.0).min(last)),
        }
    }
}
