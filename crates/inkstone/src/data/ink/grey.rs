//! The picture as one grey plane of moderate size: luma, and large pictures reduced by whole factors.

use super::plane::Plane;
use crate::data::dataset::Image;
use crate::data::luma::luma;

/// The longest side that the rules work on. A larger picture is reduced first: what is ink in it is broad enough.
pub(super) const MAX_SIDE: usize = 2048;

/// A grey plane, and how many pixels of the picture along each axis one of its pixels stands for.
pub(super) struct Grey {
    pub(super) plane: Plane,
    pub(super) factor: usize,
}

/// ITU-R BT.601 luma, averaged over squares of `factor` × `factor` pixels; those at the far borders may be cut.
pub(super) fn grey(image: Image<'_>) -> Grey {
    let (width, height) = (image.size.width, image.size.height);
    let factor = width.max(height).div_ceil(MAX_SIDE).max(1);
    let plane = match (factor, image.size.channels) {
        (1, 1) => Plane::new(width, height, image.pixels.to_vec()),
        (1, _) => Plane::new(width, height, image.pixels.as_chunks().0.iter().map(|&pixel| luma(pixel)).collect()),
        _ => reduced(image, factor),
    };
    Grey { plane, factor }
}

fn reduced(image: Image<'_>, factor: usize) -> Plane {
    let (width, height, channels) = (image.size.width, image.size.height, image.size.channels);
    let (columns, rows) = (width.div_ceil(factor), height.div_ceil(factor));
    let mut pixels = Vec::with_capacity(columns * rows);
    let mut sums = vec![0_u32; columns];
    for y in 0..rows {
        let lines = y * factor..((y + 1) * factor).min(height);
        let n_lines = lines.len();
        sums.fill(0);
        for line in lines {
            let line = &image.pixels[line * width * channels..][..width * channels];
            for (sum, square) in sums.iter_mut().zip(line.chunks(factor * channels)) {
                *sum += if channels == 1 {
                    square.iter().map(|&value| u32::from(value)).sum::<u32>()
                } else {
                    square.as_chunks().0.iter().map(|&pixel| u32::from(luma(pixel))).sum()
                };
            }
        }
        for (x, &sum) in sums.iter().enumerate() {
            let n = (((x + 1) * factor).min(width) - x * factor) * n_lines;
            pixels.push(((sum + n as u32 / 2) / n as u32) as u8);
        }
    }
    Plane::new(columns, rows, pixels)
}
