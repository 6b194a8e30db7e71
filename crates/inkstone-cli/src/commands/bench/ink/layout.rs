//! Where digits stand on a canvas: alone anywhere, or in a row as people write figures; and the lines around them.

use inkstone::rng::Rng;

use super::condition::{Camera, Condition, Print, Spacing};
use super::glyph::{Glyph, Pose};
use super::picture::Digits;
use super::plane::Plane;

/// Digits drawn on a canvas.
pub(super) struct Layout {
    /// Coverage: 0 ground, 1 ink.
    pub(super) ink: Plane,
    pub(super) reading: String,
    /// The height of a digit, in pixels: what printed lines are measured by.
    pub(super) digit_size: f32,
    /// The degrees by which the whole is turned; printed lines turn with it.
    degrees: f32,
    /// The middles of the digits.
    centres: Vec<[f32; 2]>,
}

/// Pixels that stay free at the border.
const BORDER: f32 = 6.0;
/// Digits that a picture may need: each picture has so many to choose from.
const MOST_DIGITS: usize = 6;

impl Layout {
    pub(super) fn draw(condition: &Condition, digits: &Digits<'_>, index: usize, rng: &mut Rng) -> Self {
        let [fewest, most] = condition.n_digits;
        let n_digits = (fewest + rng.below(most - fewest + 1)) as usize;
        let [low, high] = condition.thickness;
        let thickness = low * (high / low).powf(rng.unit());
        let mut reading = String::new();
        let glyphs: Vec<Glyph> = (0..n_digits)
            .map(|k| {
                // Alone: the same digits for every condition. In a row: six for each picture.
                let place = if most == 1 { index } else { index * MOST_DIGITS + k };
                let (pixels, digit) = (digits.pixels)(digits.order[place % digits.order.len()] as usize);
                reading.push(digit);
                Glyph::new(pixels, digits.side, thickness)
            })
            .collect();
        let size = match (condition.camera, most) {
            (Camera::Phone, _) => [1200, 900],
            (_, 1) => [280, 280],
            _ => [720, 240],
        };
        let degrees = rng.uniform(-1.0, 1.0) * condition.degrees;
        let mut layout =
            Self { ink: Plane::filled(size[0], size[1], 0.0), reading, digit_size: 0.0, degrees, centres: Vec::new() };
        if most == 1 {
            layout.place_alone(&glyphs[0], condition, rng);
        } else {
            layout.place_row(&glyphs, condition, rng);
        }
        layout
    }

    /// One digit of any size at any place where all of it is seen.
    fn place_alone(&mut self, glyph: &Glyph, condition: &Condition, rng: &mut Rng) {
        let shorter = self.ink.width.min(self.ink.height) as f32;
        // A box around the digit is seen, too.
        let (largest, room) = if condition.print == Print::Boxes { (0.5, 0.35) } else { (0.72, 0.0) };
        let size = shorter * rng.uniform(0.16, largest);
        let [w, h] = turned_box(glyph.proportions().map(|share| share * size), self.degrees);
        let centre = [(self.ink.width, w), (self.ink.height, h)].map(|(side, extent)| {
            let free = 0.5 * extent + room * size + BORDER;
            rng.uniform(free, side as f32 - free)
        });
        glyph.draw(Pose { centre, size, degrees: self.degrees }, &mut self.ink);
        self.digit_size = size * glyph.proportions()[1];
        self.centres = vec![centre];
    }

    /// Digits from left to right on a line, of nearly the same height.
    fn place_row(&mut self, glyphs: &[Glyph], condition: &Condition, rng: &mut Rng) {
        let row = Row::draw(glyphs, condition, rng);
        let (width, height) = (self.ink.width as f32, self.ink.height as f32);
        let [w, h] = turned_box([row.width, row.height], self.degrees);
        let largest = ((width - 2.0 * BORDER) / (w * 1.15)).min((height - 2.0 * BORDER) / (h * 1.3));
        let scale = largest * rng.uniform(0.55, 1.0);
        let middle = [(width, w), (height, h)].map(|(side, extent)| {
            let free = 0.5 * extent * scale * 1.1 + BORDER;
            rng.uniform(free.min(side / 2.0), (side - free).max(side / 2.0))
        });
        let (sine, cosine) = self.degrees.to_radians().sin_cos();
        for (glyph, place) in glyphs.iter().zip(&row.places) {
            let [dx, dy] = [(place.centre[0] - row.width / 2.0) * scale, (place.centre[1] - row.height / 2.0) * scale];
            let centre = [middle[0] + cosine * dx + sine * dy, middle[1] - sine * dx + cosine * dy];
            let degrees = self.degrees + place.degrees;
            glyph.draw(Pose { centre, size: place.size * scale, degrees }, &mut self.ink);
            self.centres.push(centre);
        }
        self.digit_size = scale;
    }
}

/// The box around a box that is turned.
fn turned_box([w, h]: [f32; 2], degrees: f32) -> [f32; 2] {
    let (sine, cosine) = degrees.to_radians().sin_cos();
    [w * cosine.abs() + h * sine.abs(), w * sine.abs() + h * cosine.abs()]
}

/// A row of digits in units of their height.
struct Row {
    width: f32,
    height: f32,
    places: Vec<Pose>,
}

impl Row {
    /// Space for the gaps is measured between the digits' outlines, row by row: a 7 reaches over its neighbour.
    fn draw(glyphs: &[Glyph], condition: &Condition, rng: &mut Rng) -> Self {
        /// Pixels per unit of height in which outlines are compared.
        const FINE: f32 = 64.0;
        let in_boxes = condition.print == Print::Boxes;
        let touching = (condition.spacing == Spacing::Touching).then(|| rng.below(glyphs.len() as u32 - 1) as usize);
        let habit = rng.uniform(0.12, 0.35);
        let mut places: Vec<Pose> = Vec::new();
        let mut edge: Vec<f32> = Vec::new();
        for (k, glyph) in glyphs.iter().enumerate() {
            let [w, h] = glyph.proportions();
            let height = rng.uniform(0.88, 1.06);
            let pose = Pose {
                centre: [0.0, 0.5 + rng.uniform(-0.05, 0.05) + (1.0 - height) * 0.3],
                size: height / h.max(0.75 * w),
                degrees: rng.uniform(-4.0, 4.0),
            };
            let [left, right] = outline(glyph, pose, FINE);
            let x = if in_boxes {
                // One box per digit, each a little wider than a digit is high.
                k as f32 * 1.35 + rng.uniform(-0.08, 0.08)
            } else if let Some(previous) = places.last() {
                let gap = match touching {
                    Some(pair) if pair + 1 == k || rng.below(4) == 0 => rng.uniform(-0.05, 0.0),
                    _ => habit * rng.uniform(0.7, 1.5),
                };
                beside(*previous, &edge, &left, gap)
            } else {
                0.5 * pose.size * w
            };
            edge = right.iter().map(|right| right + x).collect();
            places.push(Pose { centre: [x, pose.centre[1]], ..pose });
        }
        let first = places[0].centre[0];
        let last = places[places.len() - 1];
        places.iter_mut().for_each(|place| place.centre[0] += 0.5 - first);
        Self { width: last.centre[0] - first + 1.0, height: 1.1, places }
    }
}

/// Where a digit stands beside the previous one: as far as `gap` says, in the row in which they are nearest, but never
/// more than a third into its column.
fn beside(previous: Pose, edge: &[f32], left: &[f32], gap: f32) -> f32 {
    let nearest = edge.iter().zip(left).map(|(right, left)| right - left).fold(f32::MIN, f32::max);
    (nearest + gap).max(previous.centre[0] + 0.33 * previous.size)
}

/// For each row the left and right ends of a glyph's ink relative to its centre, in units of height; where there is
/// none, ends that touch nothing.
fn outline(glyph: &Glyph, pose: Pose, fine: f32) -> [Vec<f32>; 2] {
    let side = (3.0 * fine) as usize;
    let mut plane = Plane::filled(side, (2.0 * fine) as usize, 0.0);
    let centre = [1.5 * fine, (pose.centre[1] + 0.5) * fine];
    glyph.draw(Pose { centre, size: pose.size * fine, ..pose }, &mut plane);
    let ends = |row: &[f32]| {
        let inked = |value: &f32| *value > 0.5;
        let first = row.iter().position(inked)?;
        let last = row.iter().rposition(inked)?;
        Some([(first as f32 - 1.5 * fine) / fine, (last as f32 + 1.0 - 1.5 * fine) / fine])
    };
    let rows: Vec<[f32; 2]> = plane.values.chunks_exact(side).map(|row| ends(row).unwrap_or([9.0, -9.0])).collect();
    // A stroke is near to what stands a little higher or lower, too.
    let window = (0.08 * fine) as usize;
    let widest = |y: usize, pick: &dyn Fn(&[[f32; 2]]) -> f32| {
        pick(&rows[y.saturating_sub(window)..(y + window + 1).min(rows.len())])
    };
    let left = |y| widest(y, &|rows| rows.iter().map(|row| row[0]).fold(9.0, f32::min));
    let right = |y| widest(y, &|rows| rows.iter().map(|row| row[1]).fold(-9.0, f32::max));
    [(0..rows.len()).map(left).collect(), (0..rows.len()).map(right).collect()]
}

/// Rules the whole canvas with lines `steps` digit heights apart (columns, rows), turned with the digits.
pub(super) fn rule(plane: &mut Plane, layout: &Layout, steps: [Option<f32>; 2], thickness: f32, rng: &mut Rng) {
    let (sine, cosine) = layout.degrees.to_radians().sin_cos();
    let phases = [rng.unit(), rng.unit()];
    for (i, value) in plane.values.iter_mut().enumerate() {
        let (x, y) = ((i % layout.ink.width) as f32, (i / layout.ink.width) as f32);
        let turned = [cosine * x - sine * y, sine * x + cosine * y];
        for (axis, step) in steps.into_iter().enumerate() {
            let Some(step) = step else { continue };
            let step = step * layout.digit_size;
            let from_line = ((turned[axis] / step + phases[axis]).rem_euclid(1.0) - 0.5).abs() * step;
            *value = value.max((0.5 * thickness + 0.5 - from_line).clamp(0.0, 1.0));
        }
    }
}

/// A box around each digit; in a row they share their sides.
pub(super) fn boxes(plane: &mut Plane, layout: &Layout, thickness: f32, rng: &mut Rng) {
    let (sine, cosine) = layout.degrees.to_radians().sin_cos();
    let size = layout.digit_size;
    let turn = |[x, y]: [f32; 2]| [cosine * x - sine * y, sine * x + cosine * y];
    let centres: Vec<[f32; 2]> = layout.centres.iter().map(|&centre| turn(centre)).collect();
    let n = centres.len();
    let mean = |axis: usize| centres.iter().map(|centre| centre[axis]).sum::<f32>() / n as f32;
    let step = 1.35 * size;
    let half_height = size * rng.uniform(0.62, 0.75);
    let half_width = if n == 1 { size * rng.uniform(0.55, 0.8) } else { 0.5 * step * n as f32 };
    let middle = [mean(0), mean(1) + size * rng.uniform(-0.03, 0.03)];
    for (i, value) in plane.values.iter_mut().enumerate() {
        let [x, y] = turn([(i % layout.ink.width) as f32, (i / layout.ink.width) as f32]);
        let (dx, dy) = (x - middle[0], y - middle[1]);
        let from_frame = (dx.abs() - half_width).max(dy.abs() - half_height);
        let mut distance = from_frame.abs();
        if n > 1 && from_frame < 0.0 {
            let cell = (dx + half_width) / step;
            distance = distance.min((cell - cell.round()).abs() * step);
        }
        *value = value.max((0.5 * thickness + 0.5 - distance).clamp(0.0, 1.0));
    }
}
