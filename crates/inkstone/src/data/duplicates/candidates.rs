//! For each image the ten others that look most alike from afar: by 45 low frequencies, centred on the barycentre, so that
//! neither a shift nor a little noise changes them. Looks at all pairs, as one product of matrices in blocks.

use inkstone_kernels::{Epilogue, Gather, Isa, Panels, product};

use super::super::trigonometry::sin_cos_degrees;
use super::distance::Pictures;
use crate::parallel::Pool;

/// How many others each image is compared with pixel by pixel.
pub(super) const N_CANDIDATES: usize = 10;
/// Frequencies (u, v) with u + v up to this many half waves per image.
const HIGHEST: usize = 8;
/// How many there are.
const N_FEATURES: usize = (HIGHEST + 1) * (HIGHEST + 2) / 2;
/// Images that are compared with a block at a time, and the block: their product stays in the second-level cache.
const ROWS: usize = 64;
const COLUMNS: usize = 512;

/// For each of the chosen images the positions (among them) of those most alike, the best first.
pub(super) fn candidates(pictures: &Pictures, chosen: &[u32], pool: &Pool, isa: Isa) -> Vec<Vec<u32>> {
    let features = features(pictures, chosen, pool);
    let blocks = pool.map(chosen.len().div_ceil(COLUMNS), |block| Block::new(isa, &features, block));
    let mut lists: Vec<Vec<u32>> = vec![Vec::new(); chosen.len()];
    pool.for_each_chunk(&mut lists, ROWS, |chunk, lists| {
        let first = chunk * ROWS;
        let rows = &features[first * N_FEATURES..(first + lists.len()) * N_FEATURES];
        let gather = Gather::dense(lists.len(), N_FEATURES, N_FEATURES);
        let mut best: Vec<Best> = (0..lists.len()).map(|k| Best::new((first + k) as u32)).collect();
        let mut scores = vec![0.0; ROWS * COLUMNS];
        for (b, block) in blocks.iter().enumerate() {
            let n = block.bias.len();
            let scores = &mut scores[..lists.len() * n];
            let bias = (Some(block.bias.as_slice()), Epilogue::None);
            product(isa, (rows, &gather, lists.len()), &block.panels, bias, scores);
            for (best, scores) in best.iter_mut().zip(scores.chunks_exact(n)) {
                best.take((b * COLUMNS) as u32, scores);
            }
        }
        for (list, best) in lists.iter_mut().zip(best) {
            *list = best.ranked.into_iter().map(|(_, index)| index).collect();
        }
    });
    lists
}

/// Some of the images as the right side of a product: `a·b − |b|²/2` is the larger the nearer b is to a.
struct Block {
    panels: Panels,
    /// −|b|²/2.
    bias: Vec<f32>,
}

impl Block {
    fn new(isa: Isa, features: &[f32], block: usize) -> Self {
        let start = block * COLUMNS * N_FEATURES;
        let features = &features[start..features.len().min(start + COLUMNS * N_FEATURES)];
        let mut panels = Panels::new(isa, N_FEATURES, features.len() / N_FEATURES);
        panels.pack_transposed(features);
        let half = |row: &[f32]| -0.5 * row.iter().map(|value| value * value).sum::<f32>();
        Self { panels, bias: features.chunks_exact(N_FEATURES).map(half).collect() }
    }
}

/// The best scores so far of one image.
struct Best {
    own: u32,
    /// Score and position, the best first.
    ranked: Vec<(f32, u32)>,
    /// What a score must exceed.
    least: f32,
}

impl Best {
    fn new(own: u32) -> Self {
        Self { own, ranked: Vec::with_capacity(N_CANDIDATES + 1), least: f32::NEG_INFINITY }
    }

    fn take(&mut self, first: u32, scores: &[f32]) {
        for (k, piece) in scores.chunks(16).enumerate() {
            // Nearly always none is better: one comparison for sixteen.
            let largest =
                piece.iter().fold(f32::NEG_INFINITY, |largest, &score| if score > largest { score } else { largest });
            if largest > self.least {
                for (i, &score) in piece.iter().enumerate() {
                    self.insert(score, first + (16 * k + i) as u32);
                }
            }
        }
    }

    fn insert(&mut self, score: f32, index: u32) {
        if score <= self.least || index == self.own {
            return;
        }
        let place = self.ranked.partition_point(|&(other, _)| other >= score);
        self.ranked.insert(place, (score, index));
        self.ranked.truncate(N_CANDIDATES);
        if self.ranked.len() == N_CANDIDATES {
            self.least = self.ranked[N_CANDIDATES - 1].0;
        }
    }
}

/// The features of the chosen images, one row each.
fn features(pictures: &Pictures, chosen: &[u32], pool: &Pool) -> Vec<f32> {
    let mut features = vec![0.0; chosen.len() * N_FEATURES];
    pool.for_each_chunk(&mut features, 64 * N_FEATURES, |chunk, rows| {
        let size = pictures.size();
        let mut waves = [vec![0.0; (HIGHEST + 1) * size.height], vec![0.0; (HIGHEST + 1) * size.width]];
        for (k, row) in rows.chunks_exact_mut(N_FEATURES).enumerate() {
            let i = chosen[64 * chunk + k];
            write_waves(pictures.view(i).centre[0], size.height, &mut waves[0]);
            write_waves(pictures.view(i).centre[1], size.width, &mut waves[1]);
            write_features(pictures, i, &waves, row);
        }
    });
    features
}

/// `w[u, x] = √(2/n) · cos(π u (x − centre + n/2) / n)` for u = 0 … [`HIGHEST`]; √(1/n) for u = 0.
fn write_waves(centre: f32, n: usize, waves: &mut [f32]) {
    for x in 0..n {
        let degrees = 180.0 * (x as f64 - f64::from(centre) + n as f64 / 2.0) / n as f64;
        // cos((u+1)φ) = 2 cos φ cos(uφ) − cos((u−1)φ).
        let (_, cosine) = sin_cos_degrees(degrees);
        let (mut before, mut now) = (cosine, 1.0);
        for u in 0..=HIGHEST {
            let scale = if u == 0 { 1.0 } else { 2.0 } / n as f64;
            waves[u * n + x] = (scale.sqrt() * now) as f32;
            (before, now) = (now, 2.0 * cosine * now - before);
        }
    }
}

/// `f[u, v] = Σ w[u, y] w[v, x] (grey[y, x] − ground) / contrast`, rows first, then columns.
fn write_features(pictures: &Pictures, i: u32, waves: &[Vec<f32>; 2], out: &mut [f32]) {
    let (size, view) = (pictures.size(), pictures.view(i));
    let scale = 1.0 / (view.contrast * size.channels as f32 * ((size.height * size.width) as f32).sqrt());
    let mut columns = vec![0.0_f32; (HIGHEST + 1) * size.height];
    let mut grey = vec![0.0_f32; size.width];
    for (y, row) in pictures.pixels(i).chunks_exact(size.width * size.channels).enumerate() {
        for (grey, pixel) in grey.iter_mut().zip(row.chunks_exact(size.channels)) {
            *grey = pixel.iter().map(|&byte| f32::from(byte) - view.ground).sum::<f32>() * scale;
        }
        for v in 0..=HIGHEST {
            let wave = &waves[1][v * size.width..][..size.width];
            columns[v * size.height + y] = grey.iter().zip(wave).map(|(a, b)| a * b).sum();
        }
    }
    let mut out = out.iter_mut();
    for u in 0..=HIGHEST {
        let wave = &waves[0][u * size.height..][..size.height];
        for v in 0..=HIGHEST - u {
            let column = &columns[v * size.height..][..size.height];
            let value = out.next().expect("there are as many features as frequencies");
            *value = column.iter().zip(wave).map(|(a, b)| a * b).sum();
        }
    }
}
