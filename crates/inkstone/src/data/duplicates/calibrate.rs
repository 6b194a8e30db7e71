//! From which distance on two images are the same picture: asked of the data, as `duplicates.rs` says.

use inkstone_kernels::math;

use super::super::dataset::Size;
use super::super::trigonometry::sin_cos_degrees;
use super::NearPair;
use super::distance::{Neighbour, Pictures, View, distance};
use crate::parallel::Pool;
use crate::rng::{Operation, Rng};

/// Images that small changes are tried on.
const N_SAMPLED: usize = 300;
/// The share of small changes that must count as small.
const SHARE: f64 = 0.9;
/// Pairs that chance may give in the whole set.
const FALSE_PAIRS: f64 = 0.5;
/// However few images there are, a near-duplicate is nearer than this share of the 10th neighbour's distance.
const LARGEST_RATIO: f64 = 0.33;
/// Differences of ±2 levels are no difference whatever stands around: their root mean square.
const INVISIBLE: f32 = 1.2;
/// Fewer images of a class say too little of its dimension: the whole set's is taken.
const FEWEST: usize = 50;

/// The thresholds of one set.
#[derive(Debug)]
pub(super) struct Calibrated {
    pub(super) small_change: f32,
    /// By class.
    pub(super) ratios: Vec<f32>,
}

impl Calibrated {
    pub(super) fn new(
        pictures: &Pictures,
        chosen: &[u32],
        (labels, n_classes): (&[u32], usize),
        neighbours: &[Vec<Neighbour>],
        pool: &Pool,
    ) -> Self {
        let mut spreads: Vec<[Vec<f64>; 2]> = vec![[Vec::new(), Vec::new()]; n_classes];
        for (list, &label) in neighbours.iter().zip(labels) {
            if let Some(found) = inverse_dimensions(list) {
                (0..2).for_each(|k| spreads[label as usize][k].push(found[k]));
            }
        }
        let mut all = [0, 1].map(|k| spreads.iter().flat_map(|spread| &spread[k]).copied().collect::<Vec<f64>>());
        let general = inverse_dimension(&mut all);
        let ratio = |spread: &mut [Vec<f64>; 2]| {
            let inverse = if spread[0].len() < FEWEST { general } else { inverse_dimension(spread) };
            ratio(inverse, chosen.len()) as f32
        };
        let ratios = spreads.iter_mut().map(ratio).collect();
        Self { small_change: small_change(pictures, chosen, pool), ratios }
    }

    /// The pairs below their thresholds, the nearest first.
    pub(super) fn pairs(
        &self,
        pictures: &Pictures,
        chosen: &[u32],
        labels: &[u32],
        neighbours: &[Vec<Neighbour>],
    ) -> Vec<NearPair> {
        let crowding = |q: usize| {
            let reach = neighbours[q].last().map_or(0.0, |last| last.distance);
            self.ratios[labels[q] as usize] * reach
        };
        let mut pairs = Vec::new();
        for (q, list) in neighbours.iter().enumerate() {
            for neighbour in list {
                let other = neighbour.index as usize;
                let contrast = pictures.view(chosen[q]).contrast * pictures.view(chosen[other]).contrast;
                let floor = (INVISIBLE / contrast.sqrt()).min(self.small_change);
                let threshold = self.small_change.min(crowding(q).min(crowding(other))).max(floor);
                if neighbour.distance <= threshold {
                    let (a, b) = (chosen[q], chosen[other]);
                    let shift = if a < b { neighbour.shift } else { neighbour.shift.map(|steps| -steps) };
                    let (a, b) = (a.min(b), a.max(b));
                    pairs.push(NearPair { a, b, distance: neighbour.distance, threshold, shift });
                }
            }
        }
        // Most pairs were found from both ends.
        pairs.sort_by(|x, y| (x.a, x.b).cmp(&(y.a, y.b)).then(x.distance.total_cmp(&y.distance)));
        pairs.dedup_by_key(|pair| (pair.a, pair.b));
        pairs.sort_by(|x, y| x.distance.total_cmp(&y.distance).then((x.a, x.b).cmp(&(y.a, y.b))));
        pairs
    }
}

/// What 1/m follows from, around one image: the mean of ln(d_K / d_j) for j > 1 (Levina and Bickel), and ln(d₂ / d₁)
/// (Facco et al.), which sees the smallest scale, where noise makes the dimension larger.
fn inverse_dimensions(list: &[Neighbour]) -> Option<[f64; 2]> {
    let log = |far: &Neighbour, near: &Neighbour| math::ln(f64::from(far.distance.max(1e-6) / near.distance.max(1e-6)));
    let [first, second, .., last] = list else { return None };
    let others = &list[1..list.len() - 1];
    let wide = others.iter().map(|neighbour| log(last, neighbour)).sum::<f64>() / others.len() as f64;
    Some([wide, log(second, first)])
}

/// 1/m of many images, by medians, so that images with copies do not matter: the smaller of both. The first follows a
/// gamma distribution, whose median is near its mean; the second an exponential one, whose median is ln 2 of its mean.
fn inverse_dimension([wide, narrow]: &mut [Vec<f64>; 2]) -> f64 {
    median(wide).min(median(narrow) / std::f64::consts::LN_2)
}

/// r with `n (K − 1) r^m` = [`FALSE_PAIRS`].
fn ratio(inverse_dimension: f64, n: usize) -> f64 {
    let chance = FALSE_PAIRS / (n.max(1) * (super::candidates::N_CANDIDATES - 1)) as f64;
    math::exp(math::ln(chance) * inverse_dimension).min(LARGEST_RATIO)
}

/// What the given share of small changes of sampled images amount to.
fn small_change(pictures: &Pictures, chosen: &[u32], pool: &Pool) -> f32 {
    let n = chosen.len().min(N_SAMPLED);
    let mut changes: Vec<f64> = pool
        .map(n, |k| {
            let i = chosen[k * chosen.len() / n];
            let (size, pixels) = (pictures.size(), pictures.pixels(i));
            let changed =
                [noisy(pixels, i), resampled(pixels, size, 2.0, 0.0), resampled(pixels, size, 0.0, 1.0 / 3.0)];
            changed.map(|b| f64::from(distance(size, (pixels, pictures.view(i)), (&b, &View::of(&b, size))).0))
        })
        .concat();
    changes.sort_by(f64::total_cmp);
    changes.get((changes.len() as f64 * SHARE) as usize).map_or(0.0, |&change| change as f32)
}

/// The image with noise of up to 8 levels up or down.
fn noisy(pixels: &[u8], i: u32) -> Vec<u8> {
    let mut rng = Rng::new(0, 0, i, Operation::Disturb);
    pixels.iter().map(|&byte| (i32::from(byte) + rng.below(17) as i32 - 8).clamp(0, 255) as u8).collect()
}

/// The image turned about its middle and moved right and down by part of a pixel; bilinear, edges go on.
fn resampled(pixels: &[u8], size: Size, degrees: f64, offset: f64) -> Vec<u8> {
    let (sin, cos) = sin_cos_degrees(degrees);
    let middle = [size.height, size.width].map(|side| (side as f64 - 1.0) / 2.0);
    let mut out = vec![0; pixels.len()];
    for (i, out) in out.chunks_exact_mut(size.channels).enumerate() {
        let (y, x) = ((i / size.width) as f64 - middle[0] - offset, (i % size.width) as f64 - middle[1] - offset);
        let from = [cos * y - sin * x + middle[0], sin * y + cos * x + middle[1]];
        for (c, out) in out.iter_mut().enumerate() {
            *out = (bilinear(pixels, size, from, c) + 0.5) as u8;
        }
    }
    out
}

fn bilinear(pixels: &[u8], size: Size, [y, x]: [f64; 2], channel: usize) -> f64 {
    let axis = |at: f64, side: usize| {
        let at = at.clamp(0.0, side as f64 - 1.0);
        let low = at as usize;
        (low, (low + 1).min(side - 1), at - low as f64)
    };
    let ((top, bottom, v), (left, right, u)) = (axis(y, size.height), axis(x, size.width));
    let pixel = |y: usize, x: usize| f64::from(pixels[(y * size.width + x) * size.channels + channel]);
    let row = |y: usize| (1.0 - u) * pixel(y, left) + u * pixel(y, right);
    (1.0 - v) * row(top) + v * row(bottom)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
