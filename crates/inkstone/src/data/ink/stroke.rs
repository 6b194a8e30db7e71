//! Strokes much thinner or thicker than those the model knows are brought nearer to them.
//!
//! Width is measured in pixels of the 20-pixel box: twice the area over the length of the outline. Over MNIST's test
//! images its middle is 2.5; 1 in 100 is below 1.6 or above 4.7.

use super::distance::signed_distance;
use super::plane::Plane;

/// Thinner strokes are thickened to the second.
const THIN: [f32; 2] = [1.8, 2.2];

/// Thicker strokes are thinned to the second.
const THICK: [f32; 2] = [4.6, 3.8];

/// The side of the box that widths are measured in.
const BOX: f32 = 20.0;

/// The longer side of the plane on which strokes are changed.
const SIDE: usize = 100;

/// The glyph in `crop` (cut to its ink) with strokes of a usual width, as it is where they have one.
pub(super) fn normalise(crop: &Plane) -> Option<Plane> {
    let width = width(crop)?;
    let wanted = if width < THIN[0] {
        THIN[1]
    } else if width > THICK[0] {
        THICK[1]
    } else {
        return None;
    };
    let longer = crop.width.max(crop.height);
    let scaled = |length: usize| (length * SIDE).div_ceil(longer).max(1);
    let even = crop.resized(scaled(crop.width), scaled(crop.height));
    // Half of the change on either side of a stroke.
    let by = (wanted - width) / 2.0 * SIDE as f32 / BOX;
    let margin = by.max(0.0) as usize + 2;
    let distance = signed_distance(&padded(&even, margin));
    let value = |distance: f32| ((distance + by + 0.5) * 255.0).clamp(0.0, 255.0) as u8;
    let pixels = distance.iter().map(|&distance| value(distance)).collect();
    Some(Plane::new(even.width + 2 * margin, even.height + 2 * margin, pixels))
}

/// `2 A / P` in pixels of the box, with the outline's length P from the differences of neighbours along rows and
/// columns: their mean over all directions is 4/π times the length.
pub(super) fn width(crop: &Plane) -> Option<f32> {
    let area: u64 = crop.pixels.iter().map(|&value| u64::from(value)).sum();
    let across = |plane: &Plane| {
        let row = |y: usize| {
            let row = plane.row(y);
            let inner: u64 = row.windows(2).map(|pair| u64::from(pair[0].abs_diff(pair[1]))).sum();
            inner + u64::from(row[0]) + u64::from(row[row.len() - 1])
        };
        (0..plane.height).map(row).sum::<u64>()
    };
    let outline = (across(crop) + across(&crop.transposed())) as f32 * std::f32::consts::FRAC_PI_4;
    let longer = crop.width.max(crop.height) as f32;
    (outline > 0.0).then(|| 2.0 * area as f32 / outline * BOX / longer)
}

fn padded(plane: &Plane, margin: usize) -> Plane {
    let mut out = Plane::constant(plane.width + 2 * margin, plane.height + 2 * margin, 0);
    for y in 0..plane.height {
        let start = (y + margin) * out.width + margin;
        out.pixels[start..start + plane.width].copy_from_slice(plane.row(y));
    }
    out
}
