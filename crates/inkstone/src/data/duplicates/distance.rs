//! The distance of two images, pixel by pixel, at the best whole-pixel shift.

use std::cmp::Ordering;

use super::super::dataset::{Images, Size};
use super::super::preprocess::Preprocess;
use crate::parallel::Pool;
use crate::spec::PreprocessSpec;

/// Images are compared at no more than this many pixels a side: what matters of larger ones is seen there too.
const LONGEST_SIDE: usize = 32;
/// Standard deviations below this many levels are no contrast.
const LEAST_CONTRAST: f32 = 2.0;
/// How often the shift may get better by a pixel: copies are found up to this far from where barycentres put them.
const MOST_MOVES: usize = 4;

/// An image's neighbour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Neighbour {
    /// Its position among the compared images.
    pub(super) index: u32,
    pub(super) distance: f32,
    pub(super) shift: [i32; 2],
}

/// All images at one size, with what every comparison needs of them.
#[derive(Debug)]
pub(super) struct Pictures {
    images: Images,
    size: Size,
    views: Vec<View>,
}

/// What is known of one picture.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct View {
    /// The median of the border: the ground.
    pub(super) ground: f32,
    /// Row and column of the barycentre of what differs from the ground.
    pub(super) centre: [f32; 2],
    /// The standard deviation of the pixels.
    pub(super) contrast: f32,
}

impl Pictures {
    pub(super) fn new(images: &Images, pool: &Pool) -> Self {
        let has_colour = (0..images.len()).any(|i| images.get(i).size.channels == 3);
        let spec = PreprocessSpec::default().grayscale(!has_colour).size(compared_size(images));
        let prepared = Preprocess::fit(&spec, images, &[], pool)
            .expect("a dataset has images, all with pixels, and the size is small")
            .prepare_all(images, pool);
        let size = prepared.get(0).size;
        let mut views = vec![View::default(); prepared.len()];
        pool.for_each_chunk(&mut views, 64, |chunk, views| {
            for (k, view) in views.iter_mut().enumerate() {
                *view = View::of(prepared.get(64 * chunk + k).pixels, size);
            }
        });
        Self { images: prepared, size, views }
    }

    pub(super) fn size(&self) -> Size {
        self.size
    }

    pub(super) fn pixels(&self, i: u32) -> &[u8] {
        self.images.get(i as usize).pixels
    }

    pub(super) fn view(&self, i: u32) -> &View {
        &self.views[i as usize]
    }

    pub(super) fn has_contrast(&self, i: u32) -> bool {
        self.view(i).contrast >= LEAST_CONTRAST
    }

    /// The candidates of each chosen image, measured, the nearest first.
    pub(super) fn measure(&self, chosen: &[u32], candidates: &[Vec<u32>], pool: &Pool) -> Vec<Vec<Neighbour>> {
        let mut lists: Vec<Vec<Neighbour>> = vec![Vec::new(); chosen.len()];
        pool.for_each_chunk(&mut lists, 64, |chunk, lists| {
            for (k, list) in lists.iter_mut().enumerate() {
                let q = 64 * chunk + k;
                let a = (self.pixels(chosen[q]), self.view(chosen[q]));
                list.extend(candidates[q].iter().map(|&index| {
                    let b = chosen[index as usize];
                    let (distance, shift) = distance(self.size, a, (self.pixels(b), self.view(b)));
                    Neighbour { index, distance, shift }
                }));
                list.sort_by(Neighbour::nearer);
            }
        });
        lists
    }
}

impl Neighbour {
    fn nearer(&self, other: &Self) -> Ordering {
        self.distance.total_cmp(&other.distance).then(self.index.cmp(&other.index))
    }
}

/// The size that all images share, made smaller where it is large; for images of several sizes a square.
fn compared_size(images: &Images) -> [usize; 2] {
    let Some(size) = images.uniform_size() else { return [28, 28] };
    let longest = size.height.max(size.width);
    if longest <= LONGEST_SIDE {
        return [size.height, size.width];
    }
    [size.height, size.width].map(|side| (side * LONGEST_SIDE / longest).max(1))
}

impl View {
    pub(super) fn of(pixels: &[u8], size: Size) -> Self {
        let ground = border_median(pixels, size);
        let (mut sum, mut squares) = (0_u64, 0_u64);
        let (mut weight, mut moments) = (0.0_f32, [0.0_f32; 2]);
        let row_len = size.width * size.channels;
        for (y, row) in pixels.chunks_exact(row_len).enumerate() {
            let mut in_row = 0.0;
            for (x, pixel) in row.chunks_exact(size.channels).enumerate() {
                let mut ink = 0.0;
                for &byte in pixel {
                    sum += u64::from(byte);
                    squares += u64::from(byte) * u64::from(byte);
                    // What is left out keeps faint noise over the whole ground from pulling the barycentre to the middle.
                    ink += ((f32::from(byte) - ground).abs() - 16.0).max(0.0);
                }
                in_row += ink;
                moments[1] += ink * x as f32;
            }
            weight += in_row;
            moments[0] += in_row * y as f32;
        }
        let n = pixels.len() as f64;
        let mean = sum as f64 / n;
        let variance = (squares as f64 / n - mean * mean).max(0.0);
        let middle = [size.height, size.width].map(|side| (side as f32 - 1.0) / 2.0);
        let centre = if weight > 0.0 { moments.map(|moment| moment / weight) } else { middle };
        Self { ground, centre, contrast: variance.sqrt() as f32 }
    }
}

/// The median of the outermost pixels of all channels.
fn border_median(pixels: &[u8], size: Size) -> f32 {
    let row_len = size.width * size.channels;
    let mut counts = [0_u32; 256];
    let mut count = |bytes: &[u8]| bytes.iter().for_each(|&byte| counts[usize::from(byte)] += 1);
    for (y, row) in pixels.chunks_exact(row_len).enumerate() {
        if y == 0 || y + 1 == size.height {
            count(row);
        } else {
            count(&row[..size.channels]);
            count(&row[row_len - size.channels..]);
        }
    }
    let half = counts.iter().sum::<u32>() / 2;
    let mut seen = 0;
    let median = counts.iter().position(|&count| {
        seen += count;
        seen > half
    });
    median.unwrap_or(0) as f32
}

/// The distance of two pictures and the shift of the second at which it is least: from where their barycentres meet, pixel
/// by pixel, as long as that brings them nearer.
pub(super) fn distance(size: Size, a: (&[u8], &View), b: (&[u8], &View)) -> (f32, [i32; 2]) {
    let at = |shift: [i32; 2]| mean_square(size, a.0, b.0, shift);
    let limits = [size.height, size.width].map(|side| side as i32 / 4);
    let mut shift = [0, 1].map(|axis| {
        let apart = (a.1.centre[axis] - b.1.centre[axis]).round() as i32;
        apart.clamp(-limits[axis], limits[axis])
    });
    let mut least = at(shift);
    let mut came_from = None;
    for _ in 0..MOST_MOVES {
        let [y, x] = shift;
        let around = [[y - 1, x], [y + 1, x], [y, x - 1], [y, x + 1]];
        let allowed = |next: &[i32; 2]| (0..2).all(|axis| next[axis].abs() <= limits[axis]) && Some(*next) != came_from;
        let best = around.into_iter().filter(allowed).map(|next| (at(next), next)).min_by(|a, b| a.0.total_cmp(&b.0));
        let Some((square, next)) = best.filter(|(square, _)| *square < least) else { break };
        (least, came_from, shift) = (square, Some(shift), next);
    }
    let contrast = (a.1.contrast * b.1.contrast).max(LEAST_CONTRAST * LEAST_CONTRAST);
    ((least / contrast).sqrt(), shift)
}

/// `mean (a − b)² − (mean (a − b))²` over the pixels that both have when b is moved by `shift`.
fn mean_square(size: Size, a: &[u8], b: &[u8], [dy, dx]: [i32; 2]) -> f32 {
    let (row_len, channels) = (size.width * size.channels, size.channels);
    let n_rows = size.height - dy.unsigned_abs() as usize;
    let len = row_len - dx.unsigned_abs() as usize * channels;
    let start = |dy: i32, dx: i32| dy.max(0) as usize * row_len + dx.max(0) as usize * channels;
    let (a, b) = (&a[start(dy, dx)..], &b[start(-dy, -dx)..]);
    let (mut squares, mut differences) = (0_u64, 0_i64);
    for y in 0..n_rows {
        let (row_a, row_b) = (&a[y * row_len..][..len], &b[y * row_len..][..len]);
        let (mut square, mut difference) = (0_i32, 0_i32);
        // A row has at most 32·3 pixels: the sums fit.
        for (&a, &b) in row_a.iter().zip(row_b) {
            let d = i16::from(a) - i16::from(b);
            square += i32::from(d) * i32::from(d);
            difference += i32::from(d);
        }
        squares += square as u64;
        differences += i64::from(difference);
    }
    let n = (n_rows * len) as f64;
    let mean = differences as f64 / n;
    (squares as f64 / n - mean * mean).max(0.0) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { height: 8, width: 8, channels: 1 };

    fn square_at(top: usize, left: usize, level: u8) -> Vec<u8> {
        let inside = |y: usize, x: usize| (top..top + 3).contains(&y) && (left..left + 3).contains(&x);
        (0..64).map(|i| if inside(i / 8, i % 8) { level } else { 10 }).collect()
    }

    fn between(a: &[u8], b: &[u8]) -> (f32, [i32; 2]) {
        distance(SIZE, (a, &View::of(a, SIZE)), (b, &View::of(b, SIZE)))
    }

    #[test]
    fn a_moved_picture_is_the_same_and_a_brighter_one_nearly() {
        assert_eq!(between(&square_at(2, 2, 200), &square_at(2, 2, 200)), (0.0, [0, 0]));
        assert_eq!(between(&square_at(3, 2, 200), &square_at(2, 4, 200)), (0.0, [1, -2]));
        let brighter: Vec<u8> = square_at(2, 2, 200).iter().map(|byte| byte + 20).collect();
        assert_eq!(between(&square_at(2, 2, 200), &brighter), (0.0, [0, 0]));
        assert!(between(&square_at(2, 2, 200), &square_at(2, 2, 180)).0 < 0.15);
    }

    #[test]
    fn a_view_has_ground_contrast_and_barycentre() {
        let view = View::of(&square_at(2, 4, 210), SIZE);
        assert_eq!((view.ground, view.centre), (10.0, [3.0, 5.0]));
        // 9 of 64 pixels are 200 higher: 200·√(9/64·55/64).
        assert!((view.contrast - 69.53).abs() < 0.01, "{}", view.contrast);
        let blank = View::of(&[7; 64], SIZE);
        assert_eq!((blank.ground, blank.centre, blank.contrast), (7.0, [3.5, 3.5], 0.0));
    }
}
