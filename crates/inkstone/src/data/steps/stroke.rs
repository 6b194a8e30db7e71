//! Thickens and thins strokes: grey-scale morphology with a disc, between whole radii by blending.

use crate::data::dataset::Size;
use crate::spec::steps::Ink;

/// Grows the strokes of an image (values 0 to 255, H × W × C) by `radius` pixels on each side; below 0 they shrink.
///
/// For a whole radius r: the largest value (for dark ink the smallest; swapped where they shrink) among the pixels
/// (i + u, j + v) with u² + v² ≤ r². Between two whole radii the two images are blended, so that an upright edge moves by
/// just `radius`.
///
/// # Panics
/// If `values` does not have that size.
///
/// ```
/// use inkstone::data::{dataset::Size, steps::stroke};
/// use inkstone::spec::steps::Ink;
/// let mut row = [0.0, 0.0, 200.0, 0.0, 0.0];
/// stroke(&mut row, Size { height: 1, width: 5, channels: 1 }, 0.5, Ink::Bright);
/// assert_eq!(row, [0.0, 100.0, 200.0, 100.0, 0.0]);
/// ```
pub fn stroke(values: &mut [f32], size: Size, radius: f32, ink: Ink) {
    assert_eq!(values.len(), size.len(), "an image of {size}");
    stroke_with(values, size, radius, ink, [&mut Vec::new(), &mut Vec::new()]);
}

/// [`stroke`] with working memory.
pub(super) fn stroke_with(values: &mut [f32], size: Size, radius: f32, ink: Ink, work: [&mut Vec<f32>; 2]) {
    let strength = radius.abs();
    if !strength.is_finite() || strength == 0.0 {
        return;
    }
    // More than the image's own sides is no larger.
    let whole = (strength as usize).min(size.height.max(size.width));
    let rest = if whole as f32 == strength.floor() { strength.fract() } else { 0.0 };
    let pick = if (ink == Ink::Bright) == (radius > 0.0) { Pick::Largest } else { Pick::Smallest };
    let [original, inner] = work;
    original.clear();
    original.extend_from_slice(values);
    if whole > 0 {
        spread(original, values, size, (whole, pick));
    }
    if rest > 0.0 {
        inner.clear();
        inner.extend_from_slice(values);
        spread(original, values, size, (whole + 1, pick));
        for (outer, inner) in values.iter_mut().zip(&*inner) {
            *outer = inner + rest * (*outer - inner);
        }
    }
}

/// What becomes of a pixel and its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pick {
    Largest,
    Smallest,
}

/// The largest or smallest value within a disc of whole radius, row by row.
fn spread(from: &[f32], to: &mut [f32], size: Size, (radius, pick): (usize, Pick)) {
    let (width, row_len) = (size.width, size.width * size.channels);
    to.copy_from_slice(from);
    for down in 0..=radius.min(size.height - 1) {
        let reach = (radius * radius - down * down).isqrt().min(width - 1);
        for along in 0..=reach {
            if down == 0 && along == 0 {
                continue;
            }
            let shift = along * size.channels;
            for i in 0..size.height {
                let row = &mut to[i * row_len..][..row_len];
                for other in [i.checked_sub(down), (down > 0).then_some(i + down)].into_iter().flatten() {
                    let Some(seen) = from.get(other * row_len..(other + 1) * row_len) else { continue };
                    take(&mut row[..row_len - shift], &seen[shift..], pick);
                    take(&mut row[shift..], &seen[..row_len - shift], pick);
                }
            }
        }
    }
}

/// Each value becomes the other where that is larger or smaller.
fn take(values: &mut [f32], others: &[f32], pick: Pick) {
    if pick == Pick::Largest {
        for (value, &other) in values.iter_mut().zip(others) {
            *value = if other > *value { other } else { *value };
        }
    } else {
        for (value, &other) in values.iter_mut().zip(others) {
            *value = if other < *value { other } else { *value };
        }
    }
}
