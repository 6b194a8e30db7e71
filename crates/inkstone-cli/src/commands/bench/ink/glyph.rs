//! A digit of 28×28 pixels as a smooth outline that is drawn at any size, its strokes thinner or thicker.
//!
//! Pixels would be a giveaway and unlike anything that people draw, so the outline is where the picture, enlarged by
//! a bicubic spline, crosses half of the ink around it. Thickness is changed along the middle of the strokes: a disc
//! of the stroke's own radius times a factor at each point of it, so that thin strokes never break.

use super::plane::{Plane, distances};

/// Samples per pixel of the source.
const PER_PIXEL: usize = 8;
/// Pixels around the source's own, into which thick strokes may grow.
const MARGIN: usize = 4;
/// Ink that counts as full where nothing around is darker: strokes of less than a pixel never reach 255.
const FAINTEST_INK: f32 = 110.0;

/// An outline: for each sample its distance from the edge, positive inside.
#[derive(Debug, Clone)]
pub(super) struct Glyph {
    field: Plane,
    /// The first and last samples inside: left, top, right, bottom.
    bounds: [usize; 4],
}

/// Where and how a glyph is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pose {
    /// The middle of its bounds, in pixels of the canvas.
    pub(super) centre: [f32; 2],
    /// The longer side of its bounds, in pixels of the canvas.
    pub(super) size: f32,
    /// Counter-clockwise, in degrees.
    pub(super) degrees: f32,
}

impl Glyph {
    /// The outline of `side`×`side` pixels of white ink on black; `thickness` 1 leaves the strokes as they are.
    pub(super) fn new(pixels: &[u8], side: usize, thickness: f32) -> Self {
        let enlarged = enlarge(pixels, side);
        let width = enlarged.width;
        let ink: Vec<bool> = enlarged.values.iter().map(|&value| value > 0.0).collect();
        let ground: Vec<bool> = ink.iter().map(|ink| !ink).collect();
        let depth = distances(&ground, width);
        let mut field = enlarged;
        if (thickness - 1.0).abs() < 1e-3 {
            let height = distances(&ink, width);
            let edge = |(depth, height): (&f32, &f32)| if *depth > 0.0 { depth - 0.5 } else { 0.5 - height };
            field.values = depth.iter().zip(&height).map(edge).collect();
            field.blur(1.0);
        } else {
            field.values = restroke(&thin(ink, width), &depth, width, thickness);
        }
        let bounds = bounds(&field);
        Self { field, bounds }
    }

    /// Width and height of its bounds as shares of the longer one, when it is drawn without being turned.
    pub(super) fn proportions(&self) -> [f32; 2] {
        let [left, top, right, bottom] = self.bounds.map(|place| place as f32);
        let longer = self.longer_side();
        [(right - left + 1.0) / longer, (bottom - top + 1.0) / longer]
    }

    fn longer_side(&self) -> f32 {
        let [left, top, right, bottom] = self.bounds;
        (right - left + 1).max(bottom - top + 1) as f32
    }

    /// Draws it into a plane of coverage (0 ground, 1 ink): what is covered already stays covered.
    pub(super) fn draw(&self, pose: Pose, coverage: &mut Plane) {
        let scale = pose.size / self.longer_side();
        let (sine, cosine) = pose.degrees.to_radians().sin_cos();
        let [left, top, right, bottom] = self.bounds.map(|place| place as f32);
        let middle = [f32::midpoint(left, right), f32::midpoint(top, bottom)];
        let reach = pose.size * std::f32::consts::FRAC_1_SQRT_2 + 2.0;
        let rows = range(pose.centre[1], reach, coverage.height);
        for y in rows {
            for x in range(pose.centre[0], reach, coverage.width) {
                let (dx, dy) = (x as f32 - pose.centre[0], y as f32 - pose.centre[1]);
                let u = (cosine * dx - sine * dy) / scale + middle[0];
                let v = (sine * dx + cosine * dy) / scale + middle[1];
                let ink = (self.field.sample(u, v) * scale + 0.5).clamp(0.0, 1.0);
                let pixel = &mut coverage.values[y * coverage.width + x];
                *pixel = pixel.max(ink);
            }
        }
    }
}

/// The whole numbers within `reach` of `centre` that are below `end`.
fn range(centre: f32, reach: f32, end: usize) -> std::ops::Range<usize> {
    let first = (centre - reach).max(0.0) as usize;
    let last = (centre + reach).max(0.0).ceil() as usize;
    first.min(end)..last.min(end)
}

/// The picture enlarged, less half of the darkest ink around: positive inside the outline.
fn enlarge(pixels: &[u8], side: usize) -> Plane {
    let padded = side + 2 * MARGIN;
    let mut source = Plane::filled(padded, padded, 0.0);
    for (y, row) in pixels.chunks_exact(side).enumerate() {
        for (x, &pixel) in row.iter().enumerate() {
            source.values[(y + MARGIN) * padded + x + MARGIN] = f32::from(pixel);
        }
    }
    let mut darkest = source.clone();
    for (i, value) in darkest.values.iter_mut().enumerate() {
        let (x, y) = ((i % padded) as isize, (i / padded) as isize);
        let around = (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy)));
        *value = around.map(|(dx, dy)| source.at(x + dx, y + dy)).fold(FAINTEST_INK, f32::max);
    }
    let width = padded * PER_PIXEL;
    let mut enlarged = Plane::filled(width, width, 0.0);
    for (i, value) in enlarged.values.iter_mut().enumerate() {
        let [x, y] = [i % width, i / width].map(|k| (k as f32 + 0.5) / PER_PIXEL as f32 - 0.5);
        *value = bicubic(&source, x, y) - 0.5 * darkest.sample(x, y);
    }
    enlarged
}

/// Catmull and Rom's cubic spline along both axes.
fn bicubic(plane: &Plane, x: f32, y: f32) -> f32 {
    let weights = |t: f32| {
        let (t2, t3) = (t * t, t * t * t);
        [-0.5 * t + t2 - 0.5 * t3, 1.0 - 2.5 * t2 + 1.5 * t3, 0.5 * t + 2.0 * t2 - 1.5 * t3, -0.5 * t2 + 0.5 * t3]
    };
    let (left, top) = (x.floor(), y.floor());
    let (columns, rows) = (weights(x - left), weights(y - top));
    let (i, j) = (left as isize - 1, top as isize - 1);
    let row = |v: usize| (0..4).map(|u| columns[u] * plane.at(i + u as isize, j + v as isize)).sum::<f32>();
    (0..4).map(|v| rows[v] * row(v)).sum()
}

/// The middle of the strokes, one sample wide.
///
/// Source: Zhang and Suen, "A fast parallel algorithm for thinning digital patterns", 1984.
fn thin(mut ink: Vec<bool>, width: usize) -> Vec<bool> {
    let height = ink.len() / width;
    loop {
        let mut n_removed = 0;
        for pass in 0..2 {
            let mut removed = Vec::new();
            for y in 1..height - 1 {
                for x in 1..width - 1 {
                    let i = y * width + x;
                    if ink[i] && is_removable(&ink, i, width, pass) {
                        removed.push(i);
                    }
                }
            }
            n_removed += removed.len();
            removed.into_iter().for_each(|i| ink[i] = false);
        }
        if n_removed == 0 {
            return ink;
        }
    }
}

fn is_removable(ink: &[bool], i: usize, width: usize, pass: usize) -> bool {
    // Clockwise from the one above: p2 … p9 of the paper.
    let p = [i - width, i - width + 1, i + 1, i + width + 1, i + width, i + width - 1, i - 1, i - width - 1]
        .map(|k| ink[k]);
    let n_set = p.iter().filter(|&&set| set).count();
    let n_turns = (0..8).filter(|&k| !p[k] && p[(k + 1) % 8]).count();
    let [up, right, down, left] = [p[0], p[2], p[4], p[6]];
    let ends = if pass == 0 { right && down && (up || left) } else { up && left && (right || down) };
    (2..=6).contains(&n_set) && n_turns == 1 && !ends
}

/// The distance from the edge of discs along the middle of the strokes, `thickness` times as wide as the strokes.
fn restroke(middle: &[bool], depth: &[f32], width: usize, thickness: f32) -> Vec<f32> {
    /// How far outside a disc its distance is told: more than any blur of an edge.
    const BEYOND: f32 = 4.0;
    let mut field = vec![-BEYOND; middle.len()];
    for i in (0..middle.len()).filter(|&i| middle[i]) {
        let (x, y) = ((i % width) as f32, (i / width) as f32);
        // No stroke is drawn narrower than a sample's diagonal, or it would come apart.
        let radius = ((depth[i] - 0.5) * thickness).max(0.71);
        for v in range(y, radius + BEYOND, middle.len() / width) {
            for u in range(x, radius + BEYOND, width) {
                let distance = ((u as f32 - x).powi(2) + (v as f32 - y).powi(2)).sqrt();
                let value = &mut field[v * width + u];
                *value = value.max(radius - distance);
            }
        }
    }
    field
}

fn bounds(field: &Plane) -> [usize; 4] {
    let mut bounds = [usize::MAX, usize::MAX, 0, 0];
    for (i, _) in field.values.iter().enumerate().filter(|(_, value)| **value > 0.0) {
        let (x, y) = (i % field.width, i / field.width);
        bounds = [bounds[0].min(x), bounds[1].min(y), bounds[2].max(x), bounds[3].max(y)];
    }
    if bounds[0] == usize::MAX { [0, 0, 0, 0] } else { bounds }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ring and a bar: a stroke of 3 pixels everywhere.
    fn drawn() -> Vec<u8> {
        let ink = |x: f32, y: f32| {
            let ring = ((x - 13.5).hypot(y - 10.0) - 5.0).abs();
            let bar = if y > 14.0 && y < 23.0 { (x - 13.5).abs() } else { 9.0 };
            (2.0 - ring.min(bar)).clamp(0.0, 1.0)
        };
        (0..28 * 28).map(|i| (255.0 * ink((i % 28) as f32, (i / 28) as f32)) as u8).collect()
    }

    fn area(glyph: &Glyph, size: f32, degrees: f32) -> f32 {
        let mut plane = Plane::filled(300, 300, 0.0);
        glyph.draw(Pose { centre: [150.0, 150.0], size, degrees }, &mut plane);
        plane.values.iter().sum()
    }

    #[test]
    fn a_glyph_drawn_at_its_own_size_is_the_image_that_it_came_from() {
        let pixels = drawn();
        let glyph = Glyph::new(&pixels, 28, 1.0);
        let [w, h] = glyph.proportions();
        let mut plane = Plane::filled(28, 28, 0.0);
        let side = glyph.longer_side() / PER_PIXEL as f32;
        let [left, top, right, bottom] = glyph.bounds.map(|place| place as f32);
        let centre = [f32::midpoint(left, right), f32::midpoint(top, bottom)]
            .map(|middle| (middle + 0.5) / PER_PIXEL as f32 - MARGIN as f32 - 0.5);
        glyph.draw(Pose { centre, size: side, degrees: 0.0 }, &mut plane);
        assert!(w < h && h == 1.0, "{w} {h}");
        let differences = plane.values.iter().zip(&pixels).map(|(ink, &pixel)| (255.0 * ink - f32::from(pixel)).abs());
        let mean = differences.sum::<f32>() / 784.0;
        assert!(mean < 4.0, "{mean} levels on average");
    }

    #[test]
    fn strokes_are_as_thick_as_asked_and_area_grows_with_the_square_of_the_size() {
        let [thin, plain, thick] = [0.5, 1.0, 2.0].map(|factor| Glyph::new(&drawn(), 28, factor));
        let whole = area(&plain, 100.0, 0.0);
        let quarter = area(&plain, 50.0, 0.0) * 4.0;
        assert!((quarter / whole - 1.0).abs() < 0.05, "{quarter} {whole}");
        // Sizes are those of the bounds, which thick strokes widen: areas are compared per sample.
        let per_sample = |glyph: &Glyph| area(glyph, glyph.longer_side(), 0.0);
        let [half, one, two] = [&thin, &plain, &thick].map(per_sample);
        assert!((0.4..0.6).contains(&(half / one)), "{half} {one}");
        assert!((1.5..2.2).contains(&(two / one)), "{two} {one}");
    }

    #[test]
    fn turning_keeps_the_area_and_goes_counter_clockwise() {
        let glyph = Glyph::new(&drawn(), 28, 1.0);
        let (before, after) = (area(&glyph, 120.0, 0.0), area(&glyph, 120.0, 15.0));
        assert!((after / before - 1.0).abs() < 0.02, "{before} {after}");
        let mut plane = Plane::filled(200, 200, 0.0);
        glyph.draw(Pose { centre: [100.0, 100.0], size: 120.0, degrees: 90.0 }, &mut plane);
        // The bar, which hangs down, points to the right.
        let half = |from: usize| {
            plane.values.chunks_exact(200).map(|row| row[from..from + 100].iter().sum::<f32>()).sum::<f32>()
        };
        assert!(half(0) > half(100), "the ring is on the left");
    }

    #[test]
    fn thin_strokes_do_not_come_apart() {
        let glyph = Glyph::new(&drawn(), 28, 0.5);
        let inked = |i: usize| glyph.field.values[i] > 0.0;
        let first = (0..glyph.field.values.len()).find(|&i| inked(i)).unwrap();
        let (mut seen, mut open) = (vec![false; glyph.field.values.len()], vec![first]);
        while let Some(i) = open.pop() {
            if inked(i) && !std::mem::replace(&mut seen[i], true) {
                let width = glyph.field.width;
                open.extend([i - 1, i + 1, i - width, i + width]);
            }
        }
        let n_seen = seen.iter().filter(|&&seen| seen).count();
        assert_eq!(n_seen, (0..seen.len()).filter(|&i| inked(i)).count());
    }
}
