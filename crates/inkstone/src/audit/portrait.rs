//! What an audit measures of every image by itself, at its own size.

use crate::data::dataset::{Image, Images, Size};
use crate::data::luma::luma;
use crate::parallel::Pool;

/// Differences from the ground up to this many levels are no ink.
const NO_INK: u8 = 32;

/// One image in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Portrait {
    /// Rows and columns.
    pub(super) size: [usize; 2],
    /// Darkest and lightest grey.
    pub(super) range: [u8; 2],
    pub(super) mean: f64,
    /// The standard deviation of the grey levels.
    pub(super) contrast: f64,
    /// The median of the border.
    pub(super) ground: u8,
    /// The share of pixels that differ from the ground.
    pub(super) ink: f64,
    /// The share of the ink that is 0 or 255.
    pub(super) saturated: f64,
    /// Row and column of the ink's barycentre, as shares of the size, 0 in the middle.
    pub(super) centre: [f64; 2],
}

impl Portrait {
    /// (ground − mean)/255: above 0 for dark on light.
    pub(super) fn polarity(&self) -> f64 {
        (f64::from(self.ground) - self.mean) / 255.0
    }

    pub(super) fn is_constant(&self) -> bool {
        self.range[0] == self.range[1]
    }

    fn of(image: Image<'_>) -> Self {
        let Size { height, width, channels } = image.size;
        let grey: Vec<u8> = match channels {
            3 => image.pixels.as_chunks().0.iter().map(|&rgb| luma(rgb)).collect(),
            _ => image.pixels.to_vec(),
        };
        let ground = border_median(&grey, width);
        let mut counts = [0_u64; 256];
        let (mut weight, mut moments) = (0_u64, [0_u64; 2]);
        for (y, row) in grey.chunks_exact(width).enumerate() {
            let mut in_row = 0;
            for (x, &level) in row.iter().enumerate() {
                counts[usize::from(level)] += 1;
                let ink = level.abs_diff(ground);
                if ink > NO_INK {
                    in_row += u64::from(ink);
                    moments[1] += u64::from(ink) * x as u64;
                }
            }
            weight += in_row;
            moments[0] += in_row * y as u64;
        }
        let centre = [(moments[0], height), (moments[1], width)].map(|(moment, side)| {
            if weight == 0 { 0.0 } else { (moment as f64 / weight as f64 + 0.5) / side as f64 - 0.5 }
        });
        Self { size: [height, width], ground, centre, ..Self::of_counts(&counts, ground) }
    }

    /// What depends on how often each level occurs, and nothing else.
    fn of_counts(counts: &[u64; 256], ground: u8) -> Self {
        let n = counts.iter().sum::<u64>() as f64;
        let levels = || counts.iter().zip(0..=u8::MAX).map(|(&count, level)| (count as f64, level));
        let mean = levels().map(|(count, level)| count * f64::from(level)).sum::<f64>() / n;
        let variance = levels().map(|(count, level)| count * (f64::from(level) - mean).powi(2)).sum::<f64>() / n;
        let is_ink = |level: u8| level.abs_diff(ground) > NO_INK;
        let ink = levels().filter(|&(_, level)| is_ink(level)).map(|(count, _)| count).sum::<f64>();
        let ends = levels().filter(|&(_, level)| is_ink(level) && matches!(level, 0 | 255));
        let saturated = ends.map(|(count, _)| count).sum::<f64>() / ink.max(1.0);
        let darkest = counts.iter().position(|&count| count > 0).unwrap_or(0) as u8;
        let lightest = counts.iter().rposition(|&count| count > 0).unwrap_or(0) as u8;
        let range = [darkest, lightest];
        Self { range, mean, contrast: variance.sqrt(), ink: ink / n, saturated, ..Self::default() }
    }
}

/// All images measured, in parallel.
pub(super) fn portraits(images: &Images, pool: &Pool) -> Vec<Portrait> {
    let mut portraits = vec![Portrait::default(); images.len()];
    pool.for_each_chunk(&mut portraits, 64, |chunk, portraits| {
        for (k, portrait) in portraits.iter_mut().enumerate() {
            *portrait = Portrait::of(images.get(64 * chunk + k));
        }
    });
    portraits
}

fn border_median(grey: &[u8], width: usize) -> u8 {
    let height = grey.len() / width;
    let mut border: Vec<u8> = Vec::with_capacity(2 * (width + height));
    for (y, row) in grey.chunks_exact(width).enumerate() {
        if y == 0 || y + 1 == height {
            border.extend_from_slice(row);
        } else {
            border.extend([row[0], row[width - 1]]);
        }
    }
    border.sort_unstable();
    border[border.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_portrait_can_be_checked_by_hand() {
        let size = Size { height: 4, width: 4, channels: 1 };
        let mut pixels = vec![10; 16];
        pixels[5] = 255;
        pixels[6] = 110;
        let portrait = Portrait::of(Image { size, pixels: &pixels });
        assert_eq!((portrait.ground, portrait.range, portrait.ink, portrait.saturated), (10, [10, 255], 0.125, 0.5));
        assert_eq!(portrait.mean, (14.0 * 10.0 + 255.0 + 110.0) / 16.0);
        // Row 1 of 4: its middle is at 1.5/4, an eighth above the middle. Columns 1 and 2 weigh 245 and 100.
        assert_eq!(portrait.centre[0], -0.125);
        assert!((portrait.centre[1] - ((245.0 + 200.0) / 345.0 + 0.5 - 2.0) / 4.0).abs() < 1e-12);
        assert!(portrait.polarity() < 0.0 && !portrait.is_constant());
        assert!(Portrait::of(Image { size, pixels: &[3; 16] }).is_constant());
    }
}
