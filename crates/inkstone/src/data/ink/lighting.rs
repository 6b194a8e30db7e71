//! Which way the ink goes, and even light: the ground's brightness is estimated everywhere and divided out.
//!
//! Polarity comes from the border: a smooth surface through it stands for the ground, and the side on which the picture
//! leaves that surface most strongly is the ink's. Then the ground is found again, from all that is not ink.

use super::plane::Plane;
use super::surface::{Surface, Weighted};

/// The longest side of the plane on which the ground is estimated.
const COARSE: usize = 128;

/// A border as even as this needs no estimate: its middle value is the ground.
const EVEN: u8 = 2;

/// The ground is taken to be at least this bright, so that the noise of a black picture is not made strong.
const DARKEST_GROUND: f32 = 48.0;

/// How much ink there is at each pixel: 0 where the ground shines through, 255 where none of its light comes back.
///
/// `strength = 255 · (1 − grey / ground)`, after light ink on a dark ground is turned into its negative.
pub(super) fn flatten(grey: &Plane) -> Plane {
    let (low, middle, high) = ring_values(grey);
    if high - low <= EVEN {
        return even(grey, middle);
    }
    let coarse = grey.reduced(COARSE);
    let by_border = Surface::fit(&coarse, &border_samples(&coarse));
    let is_light_on_dark = leans(&coarse, &by_border) > 0.0;
    let turned = |plane: &Plane| if is_light_on_dark { plane.map(|value| 255 - value) } else { plane.clone() };
    let (grey, coarse) = (turned(grey), turned(&coarse));
    let smooth = Surface::fit_from_above(&coarse);
    let ground = local_ground(&coarse, &smooth);
    divide(&grey, &smooth, &ground)
}

/// The usual case of a drawing and of a data set: one ground everywhere.
fn even(grey: &Plane, ground: u8) -> Plane {
    let mut sums = [0_u64; 2];
    for &value in &grey.pixels {
        // Cubes: a stroke counts for more than a large faint spot.
        sums[usize::from(value > ground)] += u64::from(value.abs_diff(ground)).pow(3);
    }
    let is_light_on_dark = sums[1] > sums[0];
    let turn = |value: u8| f32::from(if is_light_on_dark { 255 - value } else { value });
    let table: Vec<u8> = (0..=255).map(|value| strength(turn(value), turn(ground))).collect();
    grey.map(|value| table[usize::from(value)])
}

/// The smallest, middle and largest value of the outermost pixels.
fn ring_values(grey: &Plane) -> (u8, u8, u8) {
    let (width, height) = (grey.width, grey.height);
    let mut ring: Vec<u8> = grey.row(0).iter().chain(grey.row(height - 1)).copied().collect();
    ring.extend((0..height).flat_map(|y| [grey.at(0, y), grey.at(width - 1, y)]));
    ring.sort_unstable();
    (ring[0], ring[ring.len() / 2], ring[ring.len() - 1])
}

/// The pixels in the outer eighth on each side.
fn border_samples(coarse: &Plane) -> Vec<Weighted> {
    let (width, height) = (coarse.width, coarse.height);
    let (across, down) = (width.div_ceil(12), height.div_ceil(12));
    let is_border = |x: usize, y: usize| x < across || x + across >= width || y < down || y + down >= height;
    let all = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    all.filter(|&(x, y)| is_border(x, y)).map(|(x, y)| Weighted::new(coarse, x, y)).collect()
}

/// Σ (value − ground)³: positive where what stands out is lighter than the ground.
fn leans(coarse: &Plane, ground: &Surface) -> f64 {
    let mut sum = 0.0;
    for y in 0..coarse.height {
        for (x, &value) in coarse.row(y).iter().enumerate() {
            let difference = f64::from(value) - ground.at_pixel(coarse, x, y);
            sum += difference * difference * difference;
        }
    }
    sum
}

/// What the smooth surface misses (a shadow's edge, a stain): of the picture divided by it, the closing by a window
/// wider than strokes, in units of 1/200 of the surface.
fn local_ground(coarse: &Plane, smooth: &Surface) -> Plane {
    let mut pixels = Vec::with_capacity(coarse.pixels.len());
    for y in 0..coarse.height {
        for (x, &value) in coarse.row(y).iter().enumerate() {
            let ground = (smooth.at_pixel(coarse, x, y) as f32).max(1.0);
            pixels.push((f32::from(value) / ground * 200.0 + 0.5).clamp(0.0, 255.0) as u8);
        }
    }
    let radius = coarse.width.max(coarse.height).div_ceil(8);
    // The mean of 3 × 3 first: the closing would otherwise follow the lightest grain of the noise.
    let even = Plane::new(coarse.width, coarse.height, pixels).blurred(1);
    // A shadow in a corner goes on beyond it, and is no ink for being narrow in the picture.
    let closed = even.extended(radius).dilated(radius).eroded(radius).inner(radius);
    closed.blurred(radius / 2)
}

fn divide(grey: &Plane, smooth: &Surface, local: &Plane) -> Plane {
    let mut pixels = Vec::with_capacity(grey.pixels.len());
    let columns = positions(grey.width, local.width);
    let rows = positions(grey.height, local.height);
    for (y, &(row, t)) in rows.iter().enumerate() {
        let (above, below) = (local.row(row), local.row((row + 1).min(local.height - 1)));
        let line = smooth.line(grey, y);
        for ((x, &value), &(column, s)) in grey.row(y).iter().enumerate().zip(&columns) {
            let next = (column + 1).min(local.width - 1);
            let mix = |row: &[u8]| f32::from(row[column]) * (1.0 - s) + f32::from(row[next]) * s;
            let share = (mix(above) * (1.0 - t) + mix(below) * t) / 200.0;
            pixels.push(strength(f32::from(value), line.at(x) * share));
        }
    }
    Plane::new(grey.width, grey.height, pixels)
}

fn strength(value: f32, ground: f32) -> u8 {
    let ground = ground.clamp(1.0, 255.0);
    ((ground - value) / ground.max(DARKEST_GROUND) * 255.0 + 0.5).clamp(0.0, 255.0) as u8
}

/// For each of `n` pixels, the two of `m` pixels around its centre: the first, and the second's share.
fn positions(n: usize, m: usize) -> Vec<(usize, f32)> {
    let place = |i: usize| ((i as f32 + 0.5) * m as f32 / n as f32 - 0.5).clamp(0.0, (m - 1) as f32);
    (0..n).map(|i| (place(i) as usize, place(i).fract())).collect()
}
