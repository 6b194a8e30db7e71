//! The random steps behind the affine ones, on values from 0 to 255: what is drawn for an image, and what it does.
//!
//! What is drawn is a list without chances in it: `one_of` has chosen, steps not taken are not there. Moves of pixels
//! that stand first in the list are made while the affine part reads the image, in the same bilinear pass.

mod bend;
mod cover;
mod smooth;
mod stroke;
mod tone;

use std::cell::RefCell;

use inkstone_kernels::Isa;

use super::dataset::Size;
use crate::rng::{Operation, Rng};
use crate::spec::StepSpec;
use crate::spec::pipeline::Fill;
use crate::spec::steps::{Cover, Ink};
use bend::Bending;
use smooth::Filter;

pub use smooth::blurred as blur;
pub use stroke::stroke;

/// (seed, epoch, sample): what every draw for an image depends on.
pub type Key = (u64, u32, u32);

/// What was drawn for one step. `number` counts the steps of a kind: two never share draws.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum DrawnStep {
    /// The field is drawn from the key and the number.
    Elastic {
        /// What the smoothed field is multiplied by.
        alpha: f32,
        /// How smooth it is, in pixels.
        sigma: f32,
        /// Which field.
        number: u16,
    },
    /// By how many pixels the places move that the four corners (top left, top right, bottom right, bottom left) are
    /// read from: columns, rows.
    Perspective {
        /// One move per corner.
        corners: [[f32; 2]; 4],
    },
    /// How far strokes grow on each side.
    Stroke {
        /// Pixels; below 0 they get thinner.
        radius: f32,
        /// What they are made of.
        ink: Ink,
    },
    /// What every value is multiplied by.
    Brightness {
        /// 1 changes nothing.
        factor: f32,
    },
    /// What every value's distance to the mean is multiplied by.
    Contrast {
        /// 1 changes nothing.
        factor: f32,
    },
    /// The power that every value is raised to.
    Gamma {
        /// 1 changes nothing.
        exponent: f32,
    },
    /// A Gaussian blur.
    Blur {
        /// Pixels.
        sigma: f32,
    },
    /// The noise is drawn from the key and the number.
    Noise {
        /// On the scale 0 to 255.
        deviation: f32,
        /// Which noise.
        number: u16,
    },
    /// A rectangle.
    Erase {
        /// Its first row and column.
        corner: [usize; 2],
        /// Rows and columns.
        sides: [usize; 2],
        /// What covers it.
        value: Cover,
        /// Which noise.
        number: u16,
    },
}

impl DrawnStep {
    /// Its name in a recipe.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Elastic { .. } => "elastic",
            Self::Perspective { .. } => "perspective",
            Self::Stroke { .. } => "stroke",
            Self::Brightness { .. } => "brightness",
            Self::Contrast { .. } => "contrast",
            Self::Gamma { .. } => "gamma",
            Self::Blur { .. } => "blur",
            Self::Noise { .. } => "noise",
            Self::Erase { .. } => "erase",
        }
    }

    /// What was drawn, by name: numbers for people to read.
    pub fn values(&self) -> Vec<(&'static str, Vec<f32>)> {
        let pair = |[rows, columns]: [usize; 2]| vec![rows as f32, columns as f32];
        match *self {
            Self::Elastic { alpha, sigma, .. } => vec![("alpha", vec![alpha]), ("sigma", vec![sigma])],
            Self::Perspective { corners } => vec![("corners", corners.concat())],
            Self::Stroke { radius, .. } => vec![("radius", vec![radius])],
            Self::Brightness { factor } | Self::Contrast { factor } => vec![("factor", vec![factor])],
            Self::Gamma { exponent } => vec![("exponent", vec![exponent])],
            Self::Blur { sigma } => vec![("sigma", vec![sigma])],
            Self::Noise { deviation, .. } => vec![("deviation", vec![deviation])],
            Self::Erase { corner, sides, .. } => vec![("corner", pair(corner)), ("sides", pair(sides))],
        }
    }
}

/// A recipe's steps, numbered and made ready for images of one size.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Steps {
    list: Vec<Step>,
    size: Size,
    fill: Fill,
    /// The filters of elastic steps, by their σ: over rows and over columns.
    fields: Vec<(f32, [Filter; 2])>,
}

/// One step of the list.
#[derive(Debug, Clone, PartialEq)]
struct Step {
    spec: StepSpec,
    probability: f32,
    /// How many steps of its kind stand before it.
    number: u16,
    /// Those that `one_of` chooses from.
    choices: Vec<Step>,
}

impl Step {
    /// Numbers the step and those inside it. `n_before` counts each kind, by its operation.
    fn new(spec: &StepSpec, n_before: &mut [u16; 16]) -> Self {
        let number = n_before[kind(spec)];
        n_before[kind(spec)] += 1;
        let choices = match spec {
            StepSpec::OneOf(one_of) => one_of.steps.iter().map(|step| Self::new(step, n_before)).collect(),
            _ => Vec::new(),
        };
        Self { probability: spec.chance(), spec: spec.clone(), number, choices }
    }

    /// Adds what the step means for an image, where it is taken.
    fn draw(&self, key: Key, size: Size, drawn: &mut Vec<DrawnStep>) {
        let (seed, epoch, sample) = key;
        let mut choice = Rng::new(seed, epoch, sample, Operation::Choice)
            .numbered(u16::try_from(kind(&self.spec) << 8).expect("few kinds of steps") | self.number);
        if self.probability < 1.0 && choice.unit() >= self.probability {
            return;
        }
        if self.choices.is_empty() {
            let rng = Rng::new(seed, epoch, sample, operation(&self.spec)).numbered(self.number);
            drawn.push(draw_one(&self.spec, self.number, rng, size));
        } else {
            self.choices[choice.below(self.choices.len() as u32) as usize].draw(key, size, drawn);
        }
    }
}

/// The stream that a step's values come from.
fn operation(spec: &StepSpec) -> Operation {
    match spec {
        StepSpec::Elastic(_) => Operation::Elastic,
        StepSpec::Perspective(_) => Operation::Perspective,
        StepSpec::Stroke(_) => Operation::Stroke,
        StepSpec::Brightness(_) => Operation::Brightness,
        StepSpec::Contrast(_) => Operation::Contrast,
        StepSpec::Gamma(_) => Operation::Gamma,
        StepSpec::Blur(_) => Operation::Blur,
        StepSpec::Noise(_) => Operation::Noise,
        StepSpec::Erase(_) => Operation::Erase,
        StepSpec::OneOf(_) => Operation::Choice,
    }
}

fn kind(spec: &StepSpec) -> usize {
    operation(spec) as usize - Operation::Choice as usize
}

/// The values of one step that is taken.
fn draw_one(spec: &StepSpec, number: u16, mut rng: Rng, size: Size) -> DrawnStep {
    let mut uniform = |[low, high]: [f32; 2]| rng.uniform(low, high);
    match spec {
        StepSpec::Elastic(spec) => DrawnStep::Elastic { alpha: spec.alpha, sigma: spec.sigma, number },
        StepSpec::Perspective(spec) => {
            let sides = [size.width as f32, size.height as f32];
            let mut move_along = |side: f32| uniform([-spec.distance, spec.distance]) * side;
            DrawnStep::Perspective { corners: std::array::from_fn(|_| sides.map(&mut move_along)) }
        }
        StepSpec::Stroke(spec) => DrawnStep::Stroke { radius: uniform(spec.radius.0), ink: spec.ink },
        StepSpec::Brightness(spec) => DrawnStep::Brightness { factor: uniform(spec.factor.0) },
        StepSpec::Contrast(spec) => DrawnStep::Contrast { factor: uniform(spec.factor.0) },
        StepSpec::Gamma(spec) => DrawnStep::Gamma { exponent: uniform(spec.exponent.0) },
        StepSpec::Blur(spec) => DrawnStep::Blur { sigma: uniform(spec.sigma.0) },
        StepSpec::Noise(spec) => DrawnStep::Noise { deviation: uniform(spec.deviation.0), number },
        StepSpec::Erase(spec) => {
            let (corner, sides) = cover::rectangle(spec, size, &mut rng);
            DrawnStep::Erase { corner, sides, value: spec.value, number }
        }
        StepSpec::OneOf(_) => unreachable!("`Step::draw` has chosen one"),
    }
}

/// Whether moves that stand first are made by whoever reads the image, or behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passes {
    Joined,
    Apart,
}

/// Working memory; kept per thread, so that an image allocates next to nothing.
#[derive(Debug, Default)]
struct Scratch {
    /// By how much the place moves that each pixel is read from: columns, rows.
    moved: Vec<[f32; 2]>,
    values: [Vec<f32>; 2],
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Steps {
    /// # Panics
    /// If the specs were not checked.
    pub(super) fn new(specs: &[StepSpec], size: Size, fill: Fill) -> Self {
        let mut n_before = [0; 16];
        let list: Vec<Step> = specs.iter().map(|spec| Step::new(spec, &mut n_before)).collect();
        let mut fields = Vec::new();
        collect_fields(specs, size, &mut fields);
        Self { list, size, fill, fields }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What the key means for an image.
    pub(super) fn draw(&self, key: Key) -> Vec<DrawnStep> {
        let mut drawn = Vec::with_capacity(self.list.len());
        self.list.iter().for_each(|step| step.draw(key, self.size, &mut drawn));
        drawn
    }

    /// Calls `read` with the moves of pixels that stand first (where it makes them), then does the other steps to what it wrote.
    pub(super) fn apply(
        &self,
        isa: Isa,
        (drawn, key): (&[DrawnStep], Key),
        passes: Passes,
        out: &mut [f32],
        read: impl FnOnce(Option<&[[f32; 2]]>, &mut [f32]),
    ) {
        SCRATCH.with_borrow_mut(|scratch| {
            let bending = Bending { isa, size: self.size, fill: self.fill, fields: &self.fields, key };
            let n = if passes == Passes::Joined { bending.run(drawn, scratch) } else { 0 };
            read((n > 0).then_some(scratch.moved.as_slice()), out);
            self.go_on(&drawn[n..], &bending, out, scratch);
        });
    }

    /// The steps on an image that was read already.
    fn go_on(&self, mut drawn: &[DrawnStep], bending: &Bending<'_>, out: &mut [f32], scratch: &mut Scratch) {
        while let Some(step) = drawn.first() {
            let n = bending.run(drawn, scratch);
            if n > 0 {
                bending.sample(out, scratch);
            } else {
                self.change(step, bending, out, scratch);
            }
            drawn = &drawn[n.max(1)..];
        }
    }

    /// A step that moves no pixels.
    fn change(&self, step: &DrawnStep, bending: &Bending<'_>, out: &mut [f32], scratch: &mut Scratch) {
        let (size, (seed, epoch, sample)) = (self.size, bending.key);
        let rng = |operation, number| {
            // What draws the step's own values is the stream's beginning; a noise is another stream's.
            Rng::new(seed, epoch, sample, operation).numbered(0x8000 | number)
        };
        match *step {
            DrawnStep::Stroke { radius, ink } => {
                let [work, first] = &mut scratch.values;
                stroke::stroke_with(out, size, radius, ink, [work, first]);
            }
            DrawnStep::Brightness { factor } => tone::brightness(out, factor),
            DrawnStep::Contrast { factor } => tone::contrast(out, size.channels, factor),
            DrawnStep::Gamma { exponent } => tone::gamma(out, exponent),
            DrawnStep::Blur { sigma } => smooth::blur(bending.isa, out, size, sigma, &mut scratch.values),
            DrawnStep::Noise { deviation, number } => tone::noise(out, deviation, rng(Operation::Noise, number)),
            DrawnStep::Erase { corner, sides, value, number } => {
                cover::erase(out, size, [corner, sides], value, rng(Operation::Erase, number));
            }
            DrawnStep::Elastic { .. } | DrawnStep::Perspective { .. } => unreachable!("`Bending::run` takes them"),
        }
    }
}

/// The filters of all elastic steps, each σ once.
fn collect_fields(specs: &[StepSpec], size: Size, fields: &mut Vec<(f32, [Filter; 2])>) {
    for spec in specs {
        match spec {
            StepSpec::Elastic(spec) if fields.iter().all(|(sigma, _)| *sigma != spec.sigma) => {
                let filter = |n| Filter::gaussian(spec.sigma, n, smooth::Outside::Zero);
                fields.push((spec.sigma, [filter(size.height), filter(size.width)]));
            }
            StepSpec::OneOf(spec) => collect_fields(&spec.steps, size, fields),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
