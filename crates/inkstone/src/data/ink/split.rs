//! Touching glyphs cut apart: where little ink joins two halves that are each a glyph by their size.
//!
//! The cut is a seam from the top to the bottom that moves by at most one column per row and passes through the least
//! ink (Avidan and Shamir 2007 find theirs in the same way). Whether the halves read better than the whole is for the
//! model to say.

use super::components::JOINED;
use super::plane::Plane;
use super::stroke;

/// A glyph wider than this (in tenths of its height) may be two.
pub(super) const DOUBTFUL: usize = 11;

/// The most ink on a seam, in strokes: less than two, each crossed on the slant.
const ONE_STROKE: f32 = 1.35;

/// What a step to the side costs, in ink: straight seams are preferred.
const SIDEWAYS: u32 = 12;

/// The pieces of a wide glyph from left to right, in the place of the whole; empty where it is one.
pub(super) fn split(whole: &Plane) -> Vec<Plane> {
    let mut pieces = Vec::new();
    collect(whole.clone(), &mut pieces);
    if pieces.len() > 1 { pieces } else { Vec::new() }
}

fn collect(plane: Plane, pieces: &mut Vec<Plane>) {
    match halves(&plane) {
        Some([left, right]) => {
            collect(left, pieces);
            collect(right, pieces);
        }
        None => pieces.push(plane),
    }
}

/// Columns and rows that hold ink of a part: left, top, right, bottom.
pub(super) fn extent(plane: &Plane) -> Option<[usize; 4]> {
    let inked = |(_, value): &(usize, &u8)| **value >= JOINED;
    let places = || plane.pixels.iter().enumerate().filter(inked).map(|(i, _)| (i % plane.width, i / plane.width));
    let (left, right) = (places().map(|(x, _)| x).min()?, places().map(|(x, _)| x).max()?);
    let (top, bottom) = (places().map(|(_, y)| y).min()?, places().map(|(_, y)| y).max()?);
    Some([left, top, right + 1, bottom + 1])
}

/// Both sides of the best seam, where the plane is wide, the seam crosses about one stroke, and each side is as high as a
/// glyph.
fn halves(plane: &Plane) -> Option<[Plane; 2]> {
    let [left, top, right, bottom] = extent(plane)?;
    let (width, height) = (right - left, bottom - top);
    if width * 10 <= height * DOUBTFUL {
        return None;
    }
    // Where the middle of one of n glyphs' borders may lie.
    let margin = (height * 3 / 10).max(width / 5);
    let (seam, ink) = seam(plane, left + margin..right.saturating_sub(margin))?;
    let stroke = stroke::width(plane)? * plane.width.max(plane.height) as f32 / 20.0;
    if ink as f32 > stroke * 255.0 * ONE_STROKE {
        return None;
    }
    let side = |keeps: fn(usize, usize) -> bool| {
        let mut half = plane.clone();
        for (y, &cut) in seam.iter().enumerate() {
            for x in 0..plane.width {
                if !keeps(x, cut) {
                    half.pixels[y * plane.width + x] = 0;
                }
            }
        }
        half
    };
    let halves = [side(|x, seam| x < seam), side(|x, seam| x >= seam)];
    let is_glyph = |half: &Plane| extent(half).is_some_and(|[_, top, _, bottom]| (bottom - top) * 2 > height);
    halves.iter().all(is_glyph).then_some(halves)
}

/// For each row the first column right of the seam, and the ink on it. It begins anywhere in `columns` and stays there.
fn seam(plane: &Plane, columns: std::ops::Range<usize>) -> Option<(Vec<usize>, u32)> {
    let n = columns.len();
    if n < 3 {
        return None;
    }
    let ink = |y: usize| plane.row(y)[columns.clone()].iter().map(|&value| u32::from(value));
    let mut costs: Vec<Vec<u32>> = vec![ink(0).collect()];
    for y in 1..plane.height {
        let above = &costs[y - 1];
        let best = |x: usize| reachable(x, n).map(|from| above[from] + moved(x, from)).min().unwrap_or_default();
        costs.push(ink(y).enumerate().map(|(x, value)| value + best(x)).collect());
    }
    let mut x = (0..n).min_by_key(|&x| (costs[plane.height - 1][x], x.abs_diff(n / 2)))?;
    let mut seam = vec![0; plane.height];
    for y in (0..plane.height).rev() {
        seam[y] = columns.start + x;
        if y > 0 {
            x = reachable(x, n).min_by_key(|&from| costs[y - 1][from] + moved(x, from))?;
        }
    }
    let crossed = seam.iter().enumerate().map(|(y, &x)| u32::from(plane.at(x, y))).sum();
    Some((seam, crossed))
}

fn reachable(x: usize, n: usize) -> std::ops::Range<usize> {
    x.saturating_sub(1)..(x + 2).min(n)
}

fn moved(x: usize, from: usize) -> u32 {
    if x == from { 0 } else { SIDEWAYS }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rings of the pen's width 5 around the centres, given as column, row and the radii along them.
    fn rings(width: usize, centres: &[[f32; 4]]) -> Plane {
        let value = |i: usize| {
            let (x, y) = ((i % width) as f32, (i / width) as f32);
            let is_on = |&[u, v, a, b]: &[f32; 4]| {
                let inside = |by: f32| ((x - u) / (a + by)).powi(2) + ((y - v) / (b + by)).powi(2) < 1.0;
                inside(2.5) && !inside(-2.5)
            };
            if centres.iter().any(is_on) { 255 } else { 0 }
        };
        Plane::new(width, 80, (0..width * 80).map(value).collect())
    }

    #[test]
    fn two_rings_that_touch_come_apart_and_one_stays_whole() {
        let pieces = split(&rings(140, &[[40.0, 40.0, 26.0, 30.0], [94.0, 40.0, 26.0, 30.0]]));
        let extents: Vec<_> = pieces.iter().map(|piece| extent(piece).unwrap()).collect();
        assert_eq!(extents.len(), 2, "{extents:?}");
        assert!(extents[0][2].abs_diff(67) < 7 && extents[1][0].abs_diff(67) < 7, "{extents:?}");
        assert!(split(&rings(140, &[[70.0, 40.0, 32.0, 30.0]])).is_empty());
    }
}
