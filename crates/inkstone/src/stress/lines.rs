//! Dotted lines and a zigzag, drawn across the image in its ink.

use super::canvas::Canvas;
use crate::data::dataset::Size;
use crate::rng::Rng;

/// Straight lines of dots, `n` of them: dots 1.6 pixels wide, their middles 3 pixels apart.
pub(super) fn dotted(canvas: &mut Canvas, n: f32, rng: &mut Rng) {
    let unit = canvas.unit();
    for _ in 0..n as usize {
        let [from, to] = across(canvas.size, rng);
        let length = distance(from, to);
        let n_dots = (length / (3.0 * unit)) as usize + 1;
        for k in 0..n_dots {
            let dot = between(from, to, k as f32 * 3.0 * unit / length.max(1e-6));
            draw(canvas, dot, dot, 1.6 * unit);
        }
    }
}

/// A line of this thickness that swings 3 pixels to either side of a straight one, with a turn every 4 pixels.
pub(super) fn zigzag(canvas: &mut Canvas, thickness: f32, rng: &mut Rng) {
    let unit = canvas.unit();
    let [from, to] = across(canvas.size, rng);
    let length = distance(from, to).max(1e-6);
    let aside = [(from[1] - to[1]) / length, (to[0] - from[0]) / length];
    let n_turns = ((length / (4.0 * unit)) as usize).max(1);
    let turn = |k: usize| {
        let [x, y] = between(from, to, k as f32 / n_turns as f32);
        let swing = if k.is_multiple_of(2) { 3.0 } else { -3.0 } * unit;
        [x + swing * aside[0], y + swing * aside[1]]
    };
    for k in 0..n_turns {
        draw(canvas, turn(k), turn(k + 1), thickness * unit);
    }
}

/// From the one side of an image to the other, (x, y): left to right or top to bottom, each end somewhere in the middle
/// seven tenths of its side.
fn across(size: Size, rng: &mut Rng) -> [[f32; 2]; 2] {
    let sides = [size.width, size.height].map(|side| side as f32 - 1.0);
    let along = rng.below(2) as usize;
    let mut end = |share: f32| {
        let mut place = [0.0; 2];
        place[along] = share * sides[along];
        place[1 - along] = rng.uniform(0.15, 0.85) * sides[1 - along];
        place
    };
    [end(0.05), end(0.95)]
}

fn between(from: [f32; 2], to: [f32; 2], share: f32) -> [f32; 2] {
    [0, 1].map(|axis| from[axis] + share * (to[axis] - from[axis]))
}

fn distance(from: [f32; 2], to: [f32; 2]) -> f32 {
    let [x, y] = [to[0] - from[0], to[1] - from[1]];
    (x * x + y * y).sqrt()
}

/// A stroke with round ends; a pixel takes as much of the ink as it lies inside.
fn draw(canvas: &mut Canvas, from: [f32; 2], to: [f32; 2], thickness: f32) {
    let reach = 0.5 * thickness + 0.5;
    let Size { height, width, .. } = canvas.size;
    let span = |axis: usize, length: usize| {
        let (low, high) = (from[axis].min(to[axis]) - reach, from[axis].max(to[axis]) + reach);
        low.max(0.0) as usize..((high.max(-1.0) + 1.0) as usize).min(length)
    };
    let ink = canvas.ink;
    for row in span(1, height) {
        for column in span(0, width) {
            let share = (reach - distance_to(from, to, [column as f32, row as f32])).clamp(0.0, 1.0);
            canvas.pixel(row, column).iter_mut().for_each(|value| *value += share * (ink - *value));
        }
    }
}

/// From a place to the nearest point of a straight line between two others.
fn distance_to(from: [f32; 2], to: [f32; 2], place: [f32; 2]) -> f32 {
    let [dx, dy] = [to[0] - from[0], to[1] - from[1]];
    let square = dx * dx + dy * dy;
    let along = (place[0] - from[0]) * dx + (place[1] - from[1]) * dy;
    let share = if square > 0.0 { (along / square).clamp(0.0, 1.0) } else { 0.0 };
    distance(between(from, to, share), place)
}
