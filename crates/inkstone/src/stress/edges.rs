//! Canny edges: the picture becomes thin lines of ink on ground where its lightness changes fast.
//!
//! Source: Canny, "A computational approach to edge detection", IEEE PAMI 1986: a blur, the gradient (Sobel), only its
//! crests, and of those the strong ones with the weak ones that hang on them.

use inkstone_kernels::Isa;

use super::canvas::Canvas;
use crate::data::dataset::Size;
use crate::data::steps;

/// Shares of the steepest slope in the image.
const STRONG: f32 = 0.3;
const WEAK: f32 = 0.12;

/// Sobel's answer to an edge of one grey level: less is what a blur rounds.
const LEAST: f32 = 4.0;

/// tan 22.5°: a slope below it counts as level, one above its inverse as upright.
const LEVEL: f32 = 0.414_213_56;

/// The edges that a blur of `sigma` pixels leaves.
pub(super) fn canny(isa: Isa, canvas: &mut Canvas, sigma: f32) {
    let Size { width, channels, .. } = canvas.size;
    let size = Size { channels: 1, ..canvas.size };
    let mut grey = lightness(canvas);
    steps::blur(isa, &mut grey, size, sigma * canvas.unit());
    let slopes = slopes(&grey, size);
    let edges = connected(crests(&slopes, size), width);
    for (pixel, is_edge) in canvas.values.chunks_exact_mut(channels).zip(edges) {
        for (value, ground) in pixel.iter_mut().zip(canvas.ground) {
            *value = if is_edge { canvas.ink } else { ground };
        }
    }
}

/// ITU-R BT.601 luma.
fn lightness(canvas: &Canvas) -> Vec<f32> {
    match canvas.size.channels {
        1 => canvas.values.clone(),
        n => {
            canvas.values.chunks_exact(n).map(|pixel| 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2]).collect()
        }
    }
}

/// Sobel's derivatives to the right and down, and the length of both; the border goes on outside.
fn slopes(grey: &[f32], Size { height, width, .. }: Size) -> Vec<[f32; 3]> {
    let mut slopes = Vec::with_capacity(grey.len());
    for i in 0..height {
        let [above, own, below] =
            [i.saturating_sub(1), i, (i + 1).min(height - 1)].map(|i| &grey[i * width..][..width]);
        for j in 0..width {
            let (left, right) = (j.saturating_sub(1), (j + 1).min(width - 1));
            let x = above[right] + 2.0 * own[right] + below[right] - above[left] - 2.0 * own[left] - below[left];
            let y = below[left] + 2.0 * below[j] + below[right] - above[left] - 2.0 * above[j] - above[right];
            slopes.push([x, y, (x * x + y * y).sqrt()]);
        }
    }
    slopes
}

/// What a pixel may still become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Crest {
    None,
    Weak,
    Strong,
}

/// Pixels that are as steep as both their neighbours up and down the slope, and steeper than one.
fn crests(slopes: &[[f32; 3]], Size { height, width, .. }: Size) -> Vec<Crest> {
    let steepest = slopes.iter().map(|slope| slope[2]).fold(LEAST / WEAK, f32::max);
    let steepness = |i: i64, j: i64| match (usize::try_from(i), usize::try_from(j)) {
        (Ok(i), Ok(j)) if i < height && j < width => slopes[i * width + j][2],
        _ => 0.0,
    };
    let kind = |(k, &[x, y, own]): (usize, &[f32; 3])| {
        let [down, right] = if y.abs() < LEVEL * x.abs() {
            [0, 1]
        } else if x.abs() < LEVEL * y.abs() {
            [1, 0]
        } else if x * y > 0.0 {
            [1, 1]
        } else {
            [1, -1]
        };
        let (i, j) = ((k / width) as i64, (k % width) as i64);
        let (before, behind) = (steepness(i - down, j - right), steepness(i + down, j + right));
        if own <= WEAK * steepest || own < before || own <= behind {
            Crest::None
        } else if own > STRONG * steepest {
            Crest::Strong
        } else {
            Crest::Weak
        }
    };
    slopes.iter().enumerate().map(kind).collect()
}

/// The strong ones, and the weak ones that touch them or one another on the way.
fn connected(mut crests: Vec<Crest>, width: usize) -> Vec<bool> {
    let height = crests.len() / width;
    let mut is_edge = vec![false; crests.len()];
    let mut open: Vec<usize> = (0..crests.len()).filter(|&k| crests[k] == Crest::Strong).collect();
    while let Some(k) = open.pop() {
        is_edge[k] = true;
        let (i, j) = (k / width, k % width);
        for row in i.saturating_sub(1)..=(i + 1).min(height - 1) {
            for column in j.saturating_sub(1)..=(j + 1).min(width - 1) {
                let near = row * width + column;
                if crests[near] == Crest::Weak {
                    crests[near] = Crest::Strong;
                    open.push(near);
                }
            }
        }
    }
    is_edge
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Image;

    #[test]
    fn a_square_leaves_its_outline_and_an_even_image_nothing() {
        let square = |i: usize, j: usize| if (3..9).contains(&i) && (3..9).contains(&j) { 200 } else { 0 };
        let pixels: Vec<u8> = (0..144).map(|k| square(k / 12, k % 12)).collect();
        let size = Size { height: 12, width: 12, channels: 1 };
        let mut canvas = Canvas::new(Image { size, pixels: &pixels });
        canny(Isa::detect(), &mut canvas, 1.0);
        let row: Vec<usize> = (0..12).filter(|&j| canvas.values[6 * 12 + j] > 0.0).collect();
        assert_eq!(row.len(), 2, "{row:?}: one pixel on each side");
        let mut canvas = Canvas::new(Image { size, pixels: &[77; 144] });
        canny(Isa::detect(), &mut canvas, 1.0);
        assert!(canvas.values.iter().all(|&value| value == 77.0));
    }
}
