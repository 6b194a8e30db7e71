//! Shear, scale, rotation and translation; beyond the image lies its ground. Of the corruptions and of the curves.

use super::canvas::Canvas;
use crate::data::dataset::Size;
use crate::data::trigonometry::sin_cos_degrees;
use crate::rng::Rng;

/// Each row moves to the right by `slant` columns per row that it stands below the middle.
pub(super) fn shear(canvas: &mut Canvas, slant: f32) {
    warp(canvas, [[1.0, -slant], [0.0, 1.0]]);
}

/// Larger or smaller, around the middle.
pub(super) fn scale(canvas: &mut Canvas, factor: f32) {
    warp(canvas, [[1.0 / factor, 0.0], [0.0, 1.0 / factor]]);
}

/// Turns to the left (against the clock) around the middle.
pub(super) fn rotate(canvas: &mut Canvas, degrees: f32) {
    let (sin, cos) = sin_cos_degrees(f64::from(degrees));
    let (sin, cos) = (sin as f32, cos as f32);
    // Rows go down: to the left is what a turn to the right is where they go up. And a place is read from, not written to.
    warp(canvas, [[cos, -sin], [sin, cos]]);
}

/// Moves to the right and down, by whole pixels.
pub(super) fn translate(canvas: &mut Canvas, [right, down]: [i64; 2]) {
    let Size { height, width, channels } = canvas.size;
    let inside = |place: i64, length: usize| usize::try_from(place).ok().filter(|&place| place < length);
    let mut moved = Vec::with_capacity(canvas.values.len());
    for i in 0..height {
        let row = inside(i as i64 - down, height);
        for j in 0..width {
            match row.zip(inside(j as i64 - right, width)) {
                Some((i, j)) => moved.extend_from_slice(&canvas.values[(i * width + j) * channels..][..channels]),
                None => moved.extend_from_slice(&canvas.ground[..channels]),
            }
        }
    }
    canvas.values = moved;
}

/// Moves by `distance` in a drawn direction, to the nearest whole pixels.
pub(super) fn translate_somewhere(canvas: &mut Canvas, distance: f32, rng: &mut Rng) {
    let (sin, cos) = sin_cos_degrees(f64::from(rng.uniform(0.0, 360.0)));
    let distance = f64::from(distance * canvas.unit());
    translate(canvas, [cos, sin].map(|part| (distance * part).round() as i64));
}

/// Reads each pixel, bilinearly, where `map` leads from its place (x to the right, y down, from the middle).
fn warp(canvas: &mut Canvas, map: [[f32; 2]; 2]) {
    let Size { height, width, channels } = canvas.size;
    let middle = [width, height].map(|side| (side as f32 - 1.0) / 2.0);
    let mut out = vec![0.0; canvas.values.len()];
    for (i, row) in out.chunks_exact_mut(width * channels).enumerate() {
        let y = i as f32 - middle[1];
        for (j, pixel) in row.chunks_exact_mut(channels).enumerate() {
            let x = j as f32 - middle[0];
            let place = [0, 1].map(|axis| map[axis][0] * x + map[axis][1] * y + middle[axis]);
            read(canvas, place, pixel);
        }
    }
    canvas.values = out;
}

/// What is seen at a place: the ground from one pixel beyond the border on.
fn read(canvas: &Canvas, [x, y]: [f32; 2], pixel: &mut [f32]) {
    let Size { height, width, channels } = canvas.size;
    pixel.copy_from_slice(&canvas.ground[..channels]);
    if !(x > -1.0 && y > -1.0 && x < width as f32 && y < height as f32) {
        return;
    }
    // From one pixel further left and up, so that truncation is the floor.
    let (left, top) = ((x + 1.0) as usize, (y + 1.0) as usize);
    let (along, down) = (x + 1.0 - left as f32, y + 1.0 - top as f32);
    let rows = [(top, 1.0 - down), (top + 1, down)];
    let columns = [(left, 1.0 - along), (left + 1, along)];
    for (row, share) in rows {
        for (column, part) in columns {
            if (1..=height).contains(&row) && (1..=width).contains(&column) {
                let from = &canvas.values[((row - 1) * width + column - 1) * channels..][..channels];
                for ((value, &seen), &ground) in pixel.iter_mut().zip(from).zip(&canvas.ground) {
                    *value += share * part * (seen - ground);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Image;

    fn canvas(height: usize, width: usize, pixels: &[u8]) -> Canvas {
        Canvas::new(Image { size: Size { height, width, channels: 1 }, pixels })
    }

    #[test]
    fn a_shift_moves_to_the_right_and_down_and_leaves_ground_behind() {
        let mut image = canvas(3, 3, &[0, 0, 0, 0, 9, 8, 0, 0, 0]);
        translate(&mut image, [1, -1]);
        assert_eq!(image.into_bytes(), [0, 0, 9, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_quarter_turn_to_the_left_carries_the_right_side_up() {
        let mut image = canvas(3, 3, &[0, 0, 0, 0, 0, 7, 0, 0, 0]);
        rotate(&mut image, 90.0);
        assert_eq!(image.into_bytes(), [0, 7, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_shear_moves_what_is_below_the_middle_to_the_right() {
        let mut image = canvas(3, 3, &[0, 5, 0, 0, 6, 0, 0, 7, 0]);
        shear(&mut image, 1.0);
        assert_eq!(image.into_bytes(), [5, 0, 0, 0, 6, 0, 0, 0, 7]);
    }

    #[test]
    fn half_the_size_is_in_the_middle_and_ground_around_it() {
        let mut image = canvas(5, 5, &[[0; 5], [0, 9, 9, 9, 0], [0, 9, 9, 9, 0], [0, 9, 9, 9, 0], [0; 5]].concat());
        scale(&mut image, 0.5);
        assert_eq!(image.values[12], 9.0);
        assert_eq!(image.values[10], 0.0);
        assert_eq!(image.values.iter().filter(|&&value| value > 0.0).count(), 1);
    }
}
