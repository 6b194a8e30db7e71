//! How far each pixel is from the outline of the ink: positive inside, negative outside.

use super::plane::Plane;

/// More than any square of a distance here.
const FAR: f32 = 1e9;

/// The distance of each pixel's centre to the nearest pixel of the other kind, less ½: ink is what is at least half
/// full, and outlines run between pixels.
pub(super) fn signed_distance(ink: &Plane) -> Vec<f32> {
    let to_ground = squared_distance(ink, |value| value < 128);
    let to_ink = squared_distance(ink, |value| value >= 128);
    let signed = |(&ground, &ink): (&f32, &f32)| if ground > 0.0 { ground.sqrt() - 0.5 } else { 0.5 - ink.sqrt() };
    to_ground.iter().zip(&to_ink).map(signed).collect()
}

/// To the nearest pixel that `is_goal`, exactly: parabolas' lower envelopes along columns, then along rows
/// (Felzenszwalb and Huttenlocher 2012).
fn squared_distance(plane: &Plane, is_goal: impl Fn(u8) -> bool) -> Vec<f32> {
    let (width, height) = (plane.width, plane.height);
    let mut field: Vec<f32> = plane.pixels.iter().map(|&value| if is_goal(value) { 0.0 } else { FAR }).collect();
    let mut column = vec![0.0; height];
    for x in 0..width {
        (0..height).for_each(|y| column[y] = field[y * width + x]);
        let line = envelope(&column);
        (0..height).for_each(|y| field[y * width + x] = line[y]);
    }
    field.chunks_exact_mut(width).for_each(|row| row.copy_from_slice(&envelope(row)));
    field
}

/// `min over k of (i − k)² + line[k]` for each i.
fn envelope(line: &[f32]) -> Vec<f32> {
    let n = line.len();
    let mut vertices = vec![0_usize];
    let mut starts = vec![f32::NEG_INFINITY];
    for i in 1..n {
        let meet = |k: usize| ((line[i] + (i * i) as f32) - (line[k] + (k * k) as f32)) / (2 * (i - k)) as f32;
        let mut start = meet(vertices[vertices.len() - 1]);
        while vertices.len() > 1 && start <= starts[starts.len() - 1] {
            vertices.pop();
            starts.pop();
            start = meet(vertices[vertices.len() - 1]);
        }
        vertices.push(i);
        starts.push(start);
    }
    let mut k = 0;
    (0..n)
        .map(|i| {
            while k + 1 < vertices.len() && starts[k + 1] < i as f32 {
                k += 1;
            }
            let away = i.abs_diff(vertices[k]);
            (away * away) as f32 + line[vertices[k]]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_to_the_nearest_pixel_of_the_other_kind() {
        let pixels: Vec<u8> = (0..15 * 11).map(|i| if i * i * 31 % 97 < 60 { 255 } else { 0 }).collect();
        let plane = Plane::new(15, 11, pixels);
        let found = signed_distance(&plane);
        for (i, &found) in found.iter().enumerate() {
            let inside = plane.pixels[i] >= 128;
            let others = (0..165_usize).filter(|&k| (plane.pixels[k] >= 128) != inside);
            let squared = |k: usize| (i % 15).abs_diff(k % 15).pow(2) + (i / 15).abs_diff(k / 15).pow(2);
            let nearest = (others.map(squared).min().unwrap() as f32).sqrt() - 0.5;
            assert!((found - if inside { nearest } else { -nearest }).abs() < 1e-3);
        }
    }
}
