//! From the ink of one glyph to the model's picture, as MNIST's own were made (FACTS: QMNIST's reconstruction): the
//! square around the ink, area-resampled into the inner box, placed by whole pixels so that the ink's barycentre lies
//! in the middle.

use super::plane::Plane;
use super::stroke;

/// The inner box of a picture of `side` pixels: 20 of 28.
pub(super) fn inner(side: usize) -> usize {
    ((side * 20 + 14) / 28).max(1)
}

/// The glyph in `ink` (nothing but the glyph) as a picture of `[height, width]`; all 0 where there is no ink.
pub(super) fn fit(ink: &Plane, [height, width]: [usize; 2]) -> Plane {
    let Some(crop) = cropped(ink) else { return Plane::constant(width, height, 0) };
    let crop = stroke::normalise(&crop).and_then(|plane| cropped(&plane)).unwrap_or(crop);
    let small = boxed(&crop, [inner(height), inner(width)]);
    place(&small, [height, width])
}

/// The rows and columns that hold ink.
pub(super) fn cropped(ink: &Plane) -> Option<Plane> {
    let is_inked = |value: &u8| *value > 0;
    let rows: Vec<bool> = (0..ink.height).map(|y| ink.row(y).iter().any(is_inked)).collect();
    let mut columns = vec![false; ink.width];
    for y in 0..ink.height {
        columns.iter_mut().zip(ink.row(y)).for_each(|(column, value)| *column |= is_inked(value));
    }
    let (top, left) = (rows.iter().position(|&row| row)?, columns.iter().position(|&column| column)?);
    let bottom = rows.iter().rposition(|&row| row)? + 1;
    let right = columns.iter().rposition(|&column| column)? + 1;
    let pixels = (top..bottom).flat_map(|y| ink.row(y)[left..right].iter().copied()).collect();
    Some(Plane::new(right - left, bottom - top, pixels))
}

/// Padded to the box's shape, then brought to its size.
fn boxed(crop: &Plane, [height, width]: [usize; 2]) -> Plane {
    // The smallest canvas around the crop with the shape of the box: for MNIST a square.
    let (w, h) = (
        crop.width.max((crop.height * width).div_ceil(height)),
        crop.height.max((crop.width * height).div_ceil(width)),
    );
    let mut canvas = Plane::constant(w, h, 0);
    let (left, top) = ((w - crop.width) / 2, (h - crop.height) / 2);
    for y in 0..crop.height {
        canvas.pixels[(top + y) * w + left..][..crop.width].copy_from_slice(crop.row(y));
    }
    canvas.resized(width, height)
}

/// `offset = trunc(side / 2 + 1 − b)` with the barycentre b (pixel centres at i + ½); what falls outside is cut.
fn place(small: &Plane, [height, width]: [usize; 2]) -> Plane {
    let mut out = Plane::constant(width, height, 0);
    let Some([x, y]) = barycentre(small) else { return out };
    let offset = |side: usize, b: f64| ((side / 2 + 1) as f64 - b).trunc() as isize;
    let (left, top) = (offset(width, x), offset(height, y));
    for (y, row) in (0..small.height).map(|y| (y as isize + top, small.row(y))) {
        for (x, &value) in row.iter().enumerate().map(|(x, value)| (x as isize + left, value)) {
            if (0..height as isize).contains(&y) && (0..width as isize).contains(&x) {
                out.pixels[y as usize * width + x as usize] = value;
            }
        }
    }
    out
}

/// The mean place of the ink, column and row.
pub(super) fn barycentre(ink: &Plane) -> Option<[f64; 2]> {
    let mut sums = [0_u64; 3];
    for y in 0..ink.height {
        for (x, &value) in ink.row(y).iter().enumerate() {
            let value = u64::from(value);
            sums[0] += value;
            sums[1] += value * (2 * x as u64 + 1);
            sums[2] += value * (2 * y as u64 + 1);
        }
    }
    let [total, x, y] = sums.map(|sum| sum as f64);
    (total > 0.0).then(|| [x / (2.0 * total), y / (2.0 * total)])
}

/// Whether a plane already is what [`fit`] makes: light ink on black, the longer side of its box as long as the inner
/// box (or one less: the anti-aliasing may leave an edge empty), its barycentre where it belongs.
pub(super) fn is_fitted(plane: &Plane) -> bool {
    let [height, width] = [inner(plane.height), inner(plane.width)];
    let Some(crop) = cropped(plane) else { return false };
    let fills = |has: usize, wants: usize| has == wants || has + 1 == wants;
    let fits = crop.width <= width && crop.height <= height && (fills(crop.width, width) || fills(crop.height, height));
    let is_centred = |b: f64, side: usize| (side / 2) as f64 - 1e-9 <= b && b <= (side / 2 + 1) as f64;
    let strong = plane.pixels.iter().any(|&value| value >= 128);
    fits && strong && barycentre(plane).is_some_and(|[x, y]| is_centred(x, plane.width) && is_centred(y, plane.height))
}
