//! Resizes 8-bit images: area averaging along an axis that shrinks, bilinear along one that grows.
//!
//! All weights are whole numbers and the result is rounded once, so it is exact and the same on every machine.

use std::ops::Range;

use super::dataset::Image;

/// Writes `image` resized to `height` × `width` with its own channels.
///
/// `out[y,x,c] = ⌊Σ_v Σ_u Y[y,v] · X[x,u] · in[v,u,c] / D + ½⌋`, where an axis of n pixels brought to m has the weights
///
/// - n ≥ m: the length that input pixel \[i, i+1) and output pixel \[j·n/m, (j+1)·n/m) have in common (area);
/// - n < m: 1 − t and t of the two pixels around (j + ½)·n/m − ½, clamped to the image (bilinear, centres at ½),
///
/// and D is the product of the weights' sums along both axes.
///
/// # Panics
/// If the image is empty, or `out` is not `height` × `width` × channels long.
///
/// ```
/// use inkstone::data::{Image, dataset::Size, resize::resize};
/// let image = Image { size: Size { height: 1, width: 4, channels: 1 }, pixels: &[0, 2, 30, 41] };
/// let mut half = [0; 2];
/// resize(image, 1, 2, &mut half);
/// assert_eq!(half, [1, 36]); // 35.5 is rounded up
/// ```
pub fn resize(image: Image<'_>, height: usize, width: usize, out: &mut [u8]) {
    let size = image.size;
    let channels = size.channels;
    assert!(!size.is_empty(), "an image to resize has pixels");
    assert_eq!(out.len(), height * width * channels, "the resized image has its own length");
    if (size.height, size.width) == (height, width) {
        out.copy_from_slice(image.pixels);
        return;
    }
    let (rows, columns) = (Windows::new(size.height, height), Windows::new(size.width, width));
    let total = rows.total * columns.total;
    let mut sums = vec![0_u64; size.width * channels];
    for (row, out) in rows.iter().zip(out.chunks_exact_mut(width * channels)) {
        sums.fill(0);
        for (v, &weight) in row.0.zip(row.1) {
            let line = &image.pixels[v * size.width * channels..][..size.width * channels];
            sums.iter_mut().zip(line).for_each(|(sum, &byte)| *sum += weight * u64::from(byte));
        }
        for (column, pixel) in columns.iter().zip(out.chunks_exact_mut(channels)) {
            for (c, byte) in pixel.iter_mut().enumerate() {
                let weighted = column.0.clone().zip(column.1).map(|(u, &weight)| weight * sums[u * channels + c]);
                *byte = ((weighted.sum::<u64>() + total / 2) / total) as u8;
            }
        }
    }
}

/// For each output pixel of one axis: which input pixels it sees, and with which weights.
struct Windows {
    /// Where each window's input pixels begin, and where its weights stand.
    places: Vec<(usize, Range<usize>)>,
    weights: Vec<u64>,
    /// The sum of each window's weights.
    total: u64,
}

impl Windows {
    fn new(from: usize, to: usize) -> Self {
        assert!(to > 0, "an axis is resized to at least one pixel");
        let total = if from >= to { from } else { 2 * to } as u64;
        let mut windows = Self { places: Vec::with_capacity(to), weights: Vec::with_capacity(from + 2 * to), total };
        for j in 0..to {
            let start = windows.weights.len();
            let first = if from >= to { windows.area(from, to, j) } else { windows.bilinear(from, to, j) };
            windows.places.push((first, start..windows.weights.len()));
        }
        windows
    }

    /// In units of 1/to of an input pixel, in which both pixels' borders are whole numbers.
    fn area(&mut self, from: usize, to: usize, j: usize) -> usize {
        let (start, end) = (j * from, (j + 1) * from);
        let first = start / to;
        for i in first..end.div_ceil(to) {
            self.weights.push((end.min((i + 1) * to) - start.max(i * to)) as u64);
        }
        first
    }

    /// In units of 1/(2·to), in which the centre of output pixel j is a whole number.
    fn bilinear(&mut self, from: usize, to: usize, j: usize) -> usize {
        let centre = ((2 * j + 1) * from).saturating_sub(to).min(2 * to * (from - 1));
        let (first, rest) = (centre / (2 * to), centre % (2 * to));
        self.weights.push((2 * to - rest) as u64);
        if rest > 0 {
            self.weights.push(rest as u64);
        }
        first
    }

    fn iter(&self) -> impl Iterator<Item = (Range<usize>, &[u64])> {
        self.places.iter().map(|(first, range)| (*first..*first + range.len(), &self.weights[range.clone()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::dataset::Size;

    fn check(from: [usize; 3], pixels: &[u8], to: [usize; 2], expected: &[u8]) {
        let size = Size { height: from[0], width: from[1], channels: from[2] };
        let mut out = vec![0; to[0] * to[1] * from[2]];
        resize(Image { size, pixels }, to[0], to[1], &mut out);
        assert_eq!(out, expected, "{from:?} to {to:?}");
    }

    #[test]
    fn shrinking_averages_areas() {
        check([2, 2, 1], &[0, 1, 2, 3], [1, 1], &[2]); // 1.5 is rounded up
        check([2, 4, 1], &[10, 20, 0, 0, 30, 40, 0, 8], [1, 2], &[25, 2]);
        // 3 to 2: an output pixel is one and a half input pixels: (2·30 + 60)/3, (60 + 2·90)/3.
        check([1, 3, 1], &[30, 60, 90], [1, 2], &[40, 80]);
        check([3, 1, 1], &[30, 60, 90], [2, 1], &[40, 80]);
    }

    #[test]
    fn growing_is_bilinear_between_pixel_centres_and_clamped_at_the_edge() {
        // Centres of 4 over 2 pixels: −¼ (clamped to 0), ¼, ¾, 1¼ (clamped to 1).
        check([1, 2, 1], &[0, 100], [1, 4], &[0, 25, 75, 100]);
        check([2, 1, 1], &[0, 100], [4, 1], &[0, 25, 75, 100]);
        check([1, 1, 1], &[7], [2, 3], &[7; 6]);
    }

    #[test]
    fn each_axis_goes_its_own_way_and_channels_do_not_mix() {
        check([2, 2, 1], &[0, 100, 20, 120], [1, 4], &[10, 35, 85, 110]);
        check([1, 2, 3], &[0, 100, 200, 2, 104, 206], [1, 1], &[1, 102, 203]);
        check([1, 2, 3], &[0, 100, 200, 2, 104, 206], [1, 2], &[0, 100, 200, 2, 104, 206]);
    }

    #[test]
    fn a_grey_plane_stays_what_it_is_at_every_size() {
        for to in 1..40 {
            check([13, 17, 1], &[255; 13 * 17], [to, 41 - to], &vec![255; to * (41 - to)]);
        }
    }
}
