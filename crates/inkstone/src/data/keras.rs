//! What `augment.compat = "keras"` means: ranges, matrix, sampling and order of Keras' `ImageDataGenerator`.
//!
//! Places are computed in f64 and in the order of SciPy's operations, since the point of this mode is to give the same
//! pixels. Our own path is faster and knows the centre of images that are not square.

use super::augment::Drawn;
use super::dataset::Size;
use super::trigonometry::sin_cos_degrees;
use crate::spec::pipeline::{Fill, FillRule};

type Matrix = [[f64; 3]; 3];

/// What shifts count, in pixels: ranges below 1 are shares of the side, from 1 on pixels.
pub(super) fn shift_units(ranges: [f32; 2], sides: [f32; 2]) -> [f32; 2] {
    [0, 1].map(|i| if ranges[i] < 1.0 { sides[i] } else { 1.0 })
}

/// Keras' `height_shift_range` moves columns and `width_shift_range` rows, and of the two zooms the columns' is drawn
/// first.
pub(super) fn swapped(drawn: Drawn) -> Drawn {
    let [[height, width], [first, second]] = [drawn.shift, drawn.zoom];
    Drawn { shift: [width, height], zoom: [second, first], ..drawn }
}

/// `apply_affine_transform`, then the flips. Nothing drawn for the affine part leaves the image untouched.
pub(super) fn write(pixels: &[u8], size: Size, drawn: &Drawn, fill: Fill, out: &mut [f32]) {
    match matrix(size, drawn) {
        Some(matrix) => resample(pixels, size, &matrix, fill, out),
        None => out.iter_mut().zip(pixels).for_each(|(value, &byte)| *value = f32::from(byte)),
    }
    let Size { height, width, channels } = size;
    if drawn.horizontal_flip {
        for row in out.chunks_exact_mut(width * channels) {
            for j in 0..width / 2 {
                let other = (width - 1 - j) * channels;
                (0..channels).for_each(|c| row.swap(j * channels + c, other + c));
            }
        }
    }
    if drawn.vertical_flip {
        let row_len = width * channels;
        for i in 0..height / 2 {
            let (above, below) = out.split_at_mut((height - 1 - i) * row_len);
            above[i * row_len..][..row_len].swap_with_slice(&mut below[..row_len]);
        }
    }
}

/// From (row, column) of the result to (row, column) of the image; `None` where Keras makes no matrix.
fn matrix(size: Size, drawn: &Drawn) -> Option<[[f64; 3]; 2]> {
    let [shift_y, shift_x] = drawn.shift.map(f64::from);
    let [zoom_y, zoom_x] = drawn.zoom.map(f64::from);
    let mut product: Option<Matrix> = None;
    let mut times = |right: Matrix| product = Some(product.map_or(right, |left| multiply(&left, &right)));
    if drawn.rotation_degrees != 0.0 {
        let (sin, cos) = sin_cos_degrees(f64::from(drawn.rotation_degrees));
        times([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]]);
    }
    if drawn.shift != [0.0; 2] {
        times([[1.0, 0.0, shift_x], [0.0, 1.0, shift_y], [0.0, 0.0, 1.0]]);
    }
    if drawn.shear_degrees != 0.0 {
        let (sin, cos) = sin_cos_degrees(f64::from(drawn.shear_degrees));
        times([[1.0, -sin, 0.0], [0.0, cos, 0.0], [0.0, 0.0, 1.0]]);
    }
    if drawn.zoom != [1.0; 2] {
        times([[zoom_x, 0.0, 0.0], [0.0, zoom_y, 0.0], [0.0, 0.0, 1.0]]);
    }
    // Keras takes half the height for the centre's x and half the width for its y.
    let [x, y] = [size.height, size.width].map(|side| side as f64 / 2.0 - 0.5);
    let centre = |sign: f64| [[1.0, 0.0, sign * x], [0.0, 1.0, sign * y], [0.0, 0.0, 1.0]];
    let [[a, b, tx], [c, d, ty], _] = multiply(&multiply(&centre(1.0), &product?), &centre(-1.0));
    Some([[d, c, ty], [b, a, tx]])
}

fn multiply(left: &Matrix, right: &Matrix) -> Matrix {
    let cell = |i: usize, j: usize| left[i][0] * right[0][j] + left[i][1] * right[1][j] + left[i][2] * right[2][j];
    std::array::from_fn(|i| std::array::from_fn(|j| cell(i, j)))
}

/// `scipy.ndimage.affine_transform` with order 1, per channel.
fn resample(pixels: &[u8], size: Size, matrix: &[[f64; 3]; 2], fill: Fill, out: &mut [f32]) {
    let Size { height, width, channels } = size;
    for (i, row) in out.chunks_exact_mut(width * channels).enumerate() {
        for (j, pixel) in row.chunks_exact_mut(channels).enumerate() {
            let place = |[by_row, by_column, shift]: [f64; 3]| by_row * i as f64 + by_column * j as f64 + shift;
            match (near(place(matrix[0]), height, fill), near(place(matrix[1]), width, fill), fill) {
                (Some(rows), Some(columns), _) => read(pixels, size, [rows, columns], pixel),
                (_, _, Fill::Constant(value)) => pixel.fill(value),
                _ => {}
            }
        }
    }
}

/// A pixel and its weight.
type Near = (usize, f64);

/// The weighted sum of four pixels, in SciPy's order.
fn read(pixels: &[u8], size: Size, [rows, columns]: [[Near; 2]; 2], pixel: &mut [f32]) {
    for (c, value) in pixel.iter_mut().enumerate() {
        let mut sum = 0.0;
        for (row, down) in rows {
            for (column, along) in columns {
                sum += f64::from(pixels[(row * size.width + column) * size.channels + c]) * down * along;
            }
        }
        *value = sum as f32;
    }
}

/// The two pixels of an axis that are seen at `place` and their weights; `None` where a constant is.
fn near(place: f64, length: usize, fill: Fill) -> Option<[Near; 2]> {
    let last = (length - 1) as f64;
    let inside = match fill {
        Fill::Constant(_) if !(0.0..=last).contains(&place) => return None,
        Fill::Rule(FillRule::Reflect) => mirrored(place, length),
        _ => place.max(0.0).min(last),
    };
    // It is at least −½: the whole number below it, without the C library's `floor`.
    let first = inside as i64 - i64::from(inside < 0.0);
    let beyond = |pixel: i64| (pixel.max(0) as usize).min(length - 1);
    let weight = inside - first as f64;
    Some([(beyond(first), 1.0 - weight), (beyond(first + 1), weight)])
}

/// SciPy's `reflect`, `d c b a | a b c d | d c b a`: the mirror stands half a pixel beyond the border.
fn mirrored(place: f64, length: usize) -> f64 {
    let n = length as f64;
    let folded = (place + 0.5).rem_euclid(2.0 * n);
    let folded = if folded > n { 2.0 * n - folded } else { folded };
    if folded.is_finite() { folded - 0.5 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Augment;
    use crate::engine::Isa;
    use crate::spec::AugmentSpec;
    use crate::spec::pipeline::Compat;

    const WIDE: Size = Size { height: 20, width: 50, channels: 1 };

    fn keras(spec: AugmentSpec, size: Size) -> Augment {
        Augment::new(&spec.compat(Compat::Keras), size).unwrap().unwrap()
    }

    #[test]
    fn height_shift_moves_columns_by_a_share_of_the_height_and_width_shift_rows() {
        let augment = keras(AugmentSpec::default().height_shift(0.5), WIDE);
        let drawn: Vec<Drawn> = (0..1000).map(|sample| augment.draw((0, 0, sample))).collect();
        assert!(drawn.iter().all(|drawn| drawn.shift[0] == 0.0 && drawn.shift[1].abs() <= 10.0));
        assert!(drawn.iter().any(|drawn| drawn.shift[1] > 9.0));
        let augment = keras(AugmentSpec::default().width_shift(0.5), WIDE);
        let drawn: Vec<Drawn> = (0..1000).map(|sample| augment.draw((0, 0, sample))).collect();
        assert!(drawn.iter().all(|drawn| drawn.shift[1] == 0.0 && drawn.shift[0].abs() <= 25.0));
        assert!(drawn.iter().any(|drawn| drawn.shift[0] > 22.0));
    }

    #[test]
    fn shifts_from_one_on_are_pixels() {
        let augment = keras(AugmentSpec::default().width_shift(3.0), WIDE);
        let greatest = (0..1000).map(|sample| augment.draw((0, 0, sample)).shift[0].abs()).fold(0.0, f32::max);
        assert!((2.9..=3.0).contains(&greatest), "{greatest}");
    }

    #[test]
    fn nothing_drawn_leaves_the_bytes_and_a_flip_alone_mirrors_them() {
        let augment = keras(AugmentSpec::default().rotation_degrees(5.0), Size { height: 2, width: 3, channels: 1 });
        let applied = |drawn: &Drawn| {
            let mut out = [0.0; 6];
            augment.apply_drawn(Isa::detect(), &[1, 2, 3, 4, 5, 6], drawn, &mut out);
            out
        };
        assert_eq!(applied(&Drawn::default()), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let mirrored = Drawn { horizontal_flip: true, ..Drawn::default() };
        assert_eq!(applied(&mirrored), [3.0, 2.0, 1.0, 6.0, 5.0, 4.0]);
        let upside_down = Drawn { vertical_flip: true, ..Drawn::default() };
        assert_eq!(applied(&upside_down), [4.0, 5.0, 6.0, 1.0, 2.0, 3.0]);
    }

    #[test]
    fn reflect_repeats_the_border_pixel() {
        let image = |place: f64| {
            let near = near(place, 3, Fill::Rule(FillRule::Reflect)).unwrap();
            near.iter().map(|&(pixel, weight)| [1.0, 2.0, 4.0][pixel] * weight).sum::<f64>()
        };
        for (place, expected) in
            [(0.0, 1.0), (-1.0, 1.0), (-2.0, 2.0), (3.0, 4.0), (4.0, 2.0), (2.25, 4.0), (-0.25, 1.0)]
        {
            assert!((image(place) - expected).abs() < 1e-12, "{place}: {}", image(place));
        }
    }
}
