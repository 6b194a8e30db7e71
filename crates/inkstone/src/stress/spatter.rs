//! Spatter: drops on the image.

use inkstone_kernels::Isa;

use super::canvas::Canvas;
use crate::data::dataset::Size;
use crate::data::steps;
use crate::rng::Rng;

/// How far the way is from the ground to the ink that a drop's middle has gone.
const DEPTH: f32 = 0.75;

/// Where smoothed noise is highest, on this share of the pixels, lie drops: opaque in their middle, thin at the rim.
pub(super) fn spatter(isa: Isa, canvas: &mut Canvas, share: f32, rng: &mut Rng) {
    let Size { height, width, channels } = canvas.size;
    let size = Size { channels: 1, ..canvas.size };
    let mut noise: Vec<f32> = (0..height * width).map(|_| 255.0 * rng.unit()).collect();
    steps::blur(isa, &mut noise, size, 1.2 * canvas.unit());
    let mut sorted = noise.clone();
    let n_drops = ((share * noise.len() as f32).round() as usize).clamp(1, noise.len());
    let (_, &mut rim, higher) = sorted.select_nth_unstable_by(noise.len() - n_drops, f32::total_cmp);
    let top = higher.iter().copied().fold(rim, f32::max);
    for (pixel, &height) in canvas.values.chunks_exact_mut(channels).zip(&noise) {
        // Opaque from a third of the way up.
        let opacity = if top > rim { (0.3 + 3.0 * (height - rim) / (top - rim)).min(1.0) } else { 1.0 };
        if height >= rim {
            for (value, ground) in pixel.iter_mut().zip(canvas.ground) {
                let drop = ground + DEPTH * (canvas.ink - ground);
                *value += opacity * (drop - *value);
            }
        }
    }
}
