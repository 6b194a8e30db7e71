//! Reads an image through an affine map, flips and a crop, in one bilinear pass.
//!
//! Knows nothing of chance: what is drawn comes from [`super::augment`].

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use inkstone_kernels::{Beyond, Grid, Isa, Sampling, Scale, Workspace, resample};

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

/// How far the pixel of each value of an image lies from the centre, in columns and in rows.
#[derive(Clone, Default, PartialEq)]
pub(super) struct Places([Vec<f32>; 2]);

impl Places {
    /// Those of the image itself.
    pub(super) fn new(size: Size) -> Arc<Self> {
        let mut places = Self::default();
        places.cropped(size, [0; 2], Fill::Rule(FillRule::Edge));
        Arc::new(places)
    }

    /// Those of the crop that begins at rows and columns `crop`; NaN where a crop with constant fill sees nothing.
    fn cropped(&mut self, size: Size, crop: [i32; 2], fill: Fill) {
        let Self([columns, rows]) = self;
        columns.clear();
        rows.clear();
        for i in 0..size.height {
            let row = place(i, crop[0], size.height, fill);
            rows.extend(std::iter::repeat_n(row, size.width * size.channels));
            for j in 0..size.width {
                columns.extend(std::iter::repeat_n(place(j, crop[1], size.width, fill), size.channels));
            }
        }
    }
}

impl Places {
    fn copy(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(to, from)| to.clone_from(from));
    }

    /// Moves each pixel's place.
    fn move_by(&mut self, moved: &[[f32; 2]], channels: usize) {
        for (axis, places) in self.0.iter_mut().enumerate() {
            if channels == 1 {
                places.iter_mut().zip(moved).for_each(|(place, pair)| *place += pair[axis]);
                continue;
            }
            for (pixel, pair) in places.chunks_exact_mut(channels).zip(moved) {
                pixel.iter_mut().for_each(|place| *place += pair[axis]);
            }
        }
    }
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} places", self.0[0].len())
    }
}

/// How far from the centre of an axis the pixel lies that a crop shows at i.
fn place(i: usize, crop: i32, length: usize, fill: Fill) -> f32 {
    let last = length as i64 - 1;
    let moved = i as i64 + i64::from(crop);
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
    inside as f32 - centre(length) as f32
}

/// Half-way between the centres of the first and the last pixel.
fn centre(length: usize) -> f64 {
    (length as f64 - 1.0) / 2.0
}

thread_local! {
    /// Working memory and the places of a crop; kept, so that augmenting an image allocates nothing.
    static SCRATCH: RefCell<(Workspace, Places)> = RefCell::default();
}

/// An image to be read, and what becomes of its values.
pub(super) struct Reading<'a> {
    pub(super) pixels: &'a [u8],
    pub(super) size: Size,
    /// The size's own places.
    pub(super) places: &'a Places,
    pub(super) fill: Fill,
    pub(super) scale: &'a Scale,
    /// By how many columns and rows the places of the pixels move before all else.
    pub(super) moved: Option<&'a [[f32; 2]]>,
}

impl Reading<'_> {
    /// Writes the image as `drawn` says.
    pub(super) fn write(&self, isa: Isa, drawn: &Drawn, out: &mut [f32]) {
        let Size { height, width, channels } = self.size;
        SCRATCH.with_borrow_mut(|(workspace, crop)| {
            let Places([columns, rows]) = if drawn.crop == [0; 2] && self.moved.is_none() {
                self.places
            } else {
                if drawn.crop == [0; 2] {
                    crop.copy(self.places);
                } else {
                    crop.cropped(self.size, drawn.crop, self.fill);
                }
                self.moved.into_iter().for_each(|moved| crop.move_by(moved, channels));
                crop
            };
            let sampling = Sampling {
                grid: Grid { height, width, channels },
                places: [columns, rows],
                map: self.map(drawn),
                beyond: match self.fill {
                    Fill::Rule(FillRule::Edge) => Beyond::Edge,
                    Fill::Rule(FillRule::Reflect) => Beyond::Reflect,
                    Fill::Constant(value) => Beyond::Constant(value),
                },
                scale: *self.scale,
            };
            resample(isa, self.pixels, &sampling, workspace, out);
        });
    }

    /// From places (from the centre) to pixels (from the first). A flip mirrors a place, which is the same as turning
    /// the sign of what it is multiplied by.
    fn map(&self, drawn: &Drawn) -> [[f32; 3]; 2] {
        let Affine { linear, shift } = Affine::new(drawn);
        let sign = |is_flipped| if is_flipped { -1.0 } else { 1.0 };
        let (u, v) = (sign(drawn.horizontal_flip), sign(drawn.vertical_flip));
        let row = |linear: [f64; 2], shift: f64, length: usize| {
            [(linear[0] * u) as f32, (linear[1] * v) as f32, (shift + centre(length)) as f32]
        };
        [row(linear[0], shift[0], self.size.width), row(linear[1], shift[1], self.size.height)]
    }
}
