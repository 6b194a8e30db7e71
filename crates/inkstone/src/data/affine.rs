//! Reads an image through an affine map, flips and a crop, in one bilinear pass.
//!
//! Knows nothing of chance: what is drawn comes from [`super::augment`].

use std::cell::RefCell;

use super::augment::Drawn;
use super::dataset::Size;
use super::trigonometry::sin_cos_degrees;
use crate::spec::pipeline::{Fill, FillRule};

/// Where an output pixel is read from, both as (x, y) in pixels from the centre: `input = linear · output + shift`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Affine {
    linear: [[f64; 2]; 2],
    shift: [f64; 2],
}

impl Affine {
    /// Keras' `R(θ) · T(tx, ty) · Shear(φ) · Z(zx, zy)`, with
    /// `R = [[cos θ, −sin θ], [sin θ, cos θ]]`, `Shear = [[1, −sin φ], [0, cos φ]]`, `Z = diag(zx, zy)`.
    ///
    /// Keras takes (height/2 − ½, width/2 − ½) for the (x, y) of the centre; here it is the true one. The two differ
    /// only where an image is not square.
    pub(super) fn new(drawn: &Drawn) -> Self {
        let (sin, cos) = sin_cos_degrees(f64::from(drawn.rotation_degrees));
        let (shear_sin, shear_cos) = sin_cos_degrees(f64::from(drawn.shear_degrees));
        let [zoom_y, zoom_x] = drawn.zoom.map(f64::from);
        let [shift_y, shift_x] = drawn.shift.map(f64::from);
        Self {
            linear: [
                [cos * zoom_x, (-cos * shear_sin - sin * shear_cos) * zoom_y],
                [sin * zoom_x, (-sin * shear_sin + cos * shear_cos) * zoom_y],
            ],
            shift: [cos * shift_x - sin * shift_y, sin * shift_x + cos * shift_y],
        }
    }
}

/// What becomes of one axis after the affine map: mirrored, then moved by a crop.
#[derive(Debug, Clone, Copy)]
struct Axis {
    length: usize,
    is_flipped: bool,
    crop: i32,
}

impl Axis {
    /// How far from the centre the pixel lies, before flip and crop, that ends up at i; NaN where a crop with constant
    /// fill sees nothing.
    fn place(self, i: usize, fill: Fill) -> f32 {
        let last = self.length as i64 - 1;
        let moved = i as i64 + i64::from(self.crop);
        let inside = match fill {
            Fill::Rule(FillRule::Edge) => moved.clamp(0, last),
            Fill::Rule(FillRule::Reflect) if last == 0 => 0,
            Fill::Rule(FillRule::Reflect) => {
                let folded = moved.rem_euclid(2 * last);
                folded.min(2 * last - folded)
            }
            Fill::Constant(_) if (0..=last).contains(&moved) => moved,
            Fill::Constant(_) => return f32::NAN,
        };
        let flipped = if self.is_flipped { last - inside } else { inside };
        flipped as f32 - self.centre()
    }

    fn centre(self) -> f32 {
        (self.length as f32 - 1.0) / 2.0
    }

    fn last(self) -> f32 {
        self.length as f32 - 1.0
    }
}

thread_local! {
    /// The image as floats and the columns' places; kept, so that augmenting an image allocates nothing.
    static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Writes `pixels` as `drawn` says, as values between 0 and 255.
pub(super) fn resample(pixels: &[u8], size: Size, drawn: &Drawn, fill: Fill, out: &mut [f32]) {
    let pass = Pass {
        map: Affine::new(drawn),
        rows: Axis { length: size.height, is_flipped: drawn.vertical_flip, crop: drawn.crop[0] },
        columns: Axis { length: size.width, is_flipped: drawn.horizontal_flip, crop: drawn.crop[1] },
        fill,
    };
    SCRATCH.with_borrow_mut(|scratch| match size.channels {
        1 => pass.run::<1>(pixels, scratch, out),
        3 => pass.run::<3>(pixels, scratch, out),
        n => unreachable!("an image has 1 or 3 channels, not {n}"),
    });
}

/// One resampling of one image.
struct Pass {
    map: Affine,
    rows: Axis,
    columns: Axis,
    fill: Fill,
}

impl Pass {
    fn run<const C: usize>(&self, pixels: &[u8], scratch: &mut Vec<f32>, out: &mut [f32]) {
        let (height, width) = (self.rows.length, self.columns.length);
        let n_source = (height + 1) * (width + 1) * C;
        scratch.resize(n_source + width, 0.0);
        let (source, columns) = scratch.split_at_mut(n_source);
        widen::<C>(pixels, width, source);
        columns.iter_mut().enumerate().for_each(|(i, column)| *column = self.columns.place(i, self.fill));
        let (last_x, last_y) = (self.columns.last(), self.rows.last());
        match self.fill {
            Fill::Rule(FillRule::Edge) => {
                self.sample::<C>(source, columns, out, |x, y| Ok((clamp(x, last_x), clamp(y, last_y))));
            }
            Fill::Rule(FillRule::Reflect) => {
                self.sample::<C>(source, columns, out, |x, y| Ok((reflect(x, last_x), reflect(y, last_y))));
            }
            // As SciPy's "constant": nothing is interpolated beyond the centres of the border pixels.
            Fill::Constant(value) => self.sample::<C>(source, columns, out, |x, y| {
                if x >= 0.0 && x <= last_x && y >= 0.0 && y <= last_y { Ok((x, y)) } else { Err(value) }
            }),
        }
    }

    /// `out[i,j] = (1−s)(1−t)·p[y,x] + (1−s)t·p[y,x+1] + s(1−t)·p[y+1,x] + st·p[y+1,x+1]`, where (x + t, y + s) is the
    /// place that the map gives for (i, j), brought inside by `inside`, which may answer with a value instead.
    fn sample<const C: usize>(
        &self,
        source: &[f32],
        columns: &[f32],
        out: &mut [f32],
        inside: impl Fn(f32, f32) -> Result<(f32, f32), f32>,
    ) {
        let width = columns.len();
        let stride = (width + 1) * C;
        let Affine { linear: [[xu, xv], [yu, yv]], shift: [shift_x, shift_y] } = self.map;
        let (xu, yu) = (xu as f32, yu as f32);
        for (i, line) in out.chunks_exact_mut(width * C).enumerate() {
            let v = f64::from(self.rows.place(i, self.fill));
            let start_x = (xv * v + shift_x + f64::from(self.columns.centre())) as f32;
            let start_y = (yv * v + shift_y + f64::from(self.rows.centre())) as f32;
            for (pixel, &u) in line.as_chunks_mut::<C>().0.iter_mut().zip(columns) {
                match inside(start_x + xu * u, start_y + yu * u) {
                    Ok((x, y)) => {
                        let (column, row) = (x as i32, y as i32);
                        let (t, s) = (x - column as f32, y - row as f32);
                        let at = row as usize * stride + column as usize * C;
                        let near = &source[at..at + stride + 2 * C];
                        for (c, value) in pixel.iter_mut().enumerate() {
                            let top = near[c] + t * (near[C + c] - near[c]);
                            let bottom = near[stride + c] + t * (near[stride + C + c] - near[stride + c]);
                            *value = top + s * (bottom - top);
                        }
                    }
                    Err(value) => *pixel = [value; C],
                }
            }
        }
    }
}

/// The image as floats with one more column and row: the four pixels around a place at the border exist, too.
/// What these hold does not matter as long as it is finite, since its weight is 0.
fn widen<const C: usize>(pixels: &[u8], width: usize, source: &mut [f32]) {
    let (inner, below) = source.split_at_mut(pixels.len() / width * (width + 1));
    for (line, out) in pixels.chunks_exact(width * C).zip(inner.chunks_exact_mut((width + 1) * C)) {
        let (line_out, beside) = out.split_at_mut(width * C);
        line_out.iter_mut().zip(line).for_each(|(value, &byte)| *value = f32::from(byte));
        beside.fill(0.0);
    }
    below.fill(0.0);
}

/// The nearest place in 0..=last. (Written so that it compiles to two instructions; NaN cannot come here.)
fn clamp(x: f32, last: f32) -> f32 {
    let x = if x > 0.0 { x } else { 0.0 };
    if x < last { x } else { last }
}

/// The place in 0..=last that x falls on when the axis is folded at both ends.
fn reflect(x: f32, last: f32) -> f32 {
    let x = x.abs();
    if x <= last {
        return x;
    }
    let period = 2.0 * last;
    let folded = x % period;
    clamp(if folded > last { period - folded } else { folded }, last)
}
