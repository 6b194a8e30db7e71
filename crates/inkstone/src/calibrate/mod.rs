//! Fits what a model knows of its own limits ([`crate::trust`]), and finalises a run with it.
//!
//! Takes a checkpoint, training images (for what the network makes of them) and calibration images: those must have
//! trained nothing and chosen nothing, or the promises are not kept. Never changes a parameter; the same images give
//! the same bytes on any number of threads.

mod temperature;
mod directions;
mod finalise;

pub use finalise::{Finalised, describe, finalise};
pub use temperature::fit_temperature;

use crate::checkpoint::Checkpoint;
use crate::data::Samples;
use crate::engine::Isa;
use crate::engine::fused::{Fused, Packed};
use crate::error::{Error, ErrorKind, Result};
use crate::parallel::Pool;
use crate::trust::{self, ACCEPTED, COVERAGE, Novelty, Review, Sets, Trust, rank, reached, soften};

/// Images whose features are in memory at once.
const AT_ONCE: usize = 512;

/// What a trust is fitted from.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The model; a trust that it has already is not looked at.
    pub checkpoint: &'a Checkpoint,
    /// What it was trained on. Used without augmentation.
    pub training: &'a Samples,
    /// What it never saw.
    pub calibration: &'a Samples,
    /// The threads.
    pub pool: &'a Pool,
    /// The instruction set.
    pub isa: Isa,
}

/// Fits temperature, sets, novelty and the review curve, with the coverage and acceptance of [`COVERAGE`] and
/// [`ACCEPTED`] or the most that so few calibration images can promise.
///
/// The temperature is fitted on the images that the sets are calibrated on: one number, whose effect on the coverage is
/// far below the interval that is reported with it (docs/trust.md has the measurement).
///
/// # Errors
/// No calibration image or no training image; classes that are not the model's; images that cannot be read.
pub fn fit(evidence: &Evidence<'_>) -> Result<Trust> {
    let Evidence { checkpoint, training, calibration, .. } = *evidence;
    for (part, name) in [(training, "training"), (calibration, "calibration")] {
        if part.is_empty() {
            return Err(Error::mismatch(ErrorKind::Data, format!("{name} images to calibrate with"), "none"));
        }
        if *part.classes != *checkpoint.classes {
            return Err(Error::new(ErrorKind::Usage, format!("the {name} images have other classes than the model")));
        }
    }
    let network = Network::new(evidence);
    let mut novelty = directions::fit(&network, training)?;
    let n = calibration.len();
    let positions: Vec<u32> = (0..n as u32).collect();
    let (mut logits, mut scores) = (Vec::new(), Vec::with_capacity(n));
    network.run(calibration, &positions, &mut |some, features| {
        logits.extend_from_slice(some);
        let row = |i: usize| &features[i * network.n_features()..][..network.n_features()];
        scores.extend(evidence.pool.map(features.len() / network.n_features(), |i| novelty.score(row(i))));
    })?;
    set_limit(&mut novelty, scores);
    let n_classes = checkpoint.classes.len();
    let temperature = fit_temperature(&logits, &calibration.labels, evidence.pool);
    let probabilities = soften(&logits, n_classes, temperature);
    let rows = || probabilities.chunks_exact(n_classes).zip(calibration.labels.iter().map(|&label| label as usize));
    let mut misses: Vec<f64> = rows().map(|(row, label)| 1.0 - row[label]).collect();
    misses.sort_by(f64::total_cmp);
    let answers: Vec<(f64, bool)> = rows()
        .map(|(row, label)| {
            let best = crate::predict::argmax(row);
            (row[best], best == label)
        })
        .collect();
    let limit = misses[rank(n, COVERAGE) - 1];
    let sets = Sets { coverage: reached(n, COVERAGE), limit };
    Ok(Trust { n, temperature, sets, novelty, review: Review::of(&answers) })
}

/// Calibration images from which on the largest distances among them say how far good images go.
const ENOUGH: usize = 99;

/// The limit that accepts as many new images as promised, and the median of these. A few images do not show how far
/// good ones go: their limit is wider, up to twice as far from the median, which can only accept more.
fn set_limit(novelty: &mut Novelty, mut scores: Vec<f64>) {
    scores.sort_by(f64::total_cmp);
    let n = scores.len();
    novelty.accepted = reached(n, ACCEPTED);
    novelty.limit = scores[trust::rank(n, ACCEPTED) - 1];
    novelty.typical = scores[trust::rank(n, 0.5) - 1];
    if novelty.typical >= novelty.limit {
        // One image, or all alike: the limit is what was promised, the scale is anyone's.
        novelty.typical = novelty.limit - 1e-3 * novelty.limit.abs().max(1.0);
    }
    let lacking = ENOUGH.saturating_sub(n) as f64 / ENOUGH as f64;
    novelty.limit += lacking * (novelty.limit - novelty.typical);
}

/// A model's network, ready to say what it makes of samples.
struct Network<'a> {
    engine: Fused,
    packed: Packed,
    pool: &'a Pool,
    isa: Isa,
    n_classes: usize,
}

impl<'a> Network<'a> {
    fn new(evidence: &Evidence<'a>) -> Self {
        let Evidence { checkpoint, pool, isa, .. } = *evidence;
        let engine = Fused::compile(&checkpoint.plan, isa);
        let packed = engine.pack(pool, &checkpoint.parameters);
        Self { engine, packed, pool, isa, n_classes: checkpoint.classes.len() }
    }

    fn n_features(&self) -> usize {
        self.engine.n_features()
    }

    /// Hands the logits and features of samples to `take`, some at a time, in their order.
    fn run(&self, samples: &Samples, positions: &[u32], take: &mut dyn FnMut(&[f32], &[f32])) -> Result<()> {
        for some in positions.chunks(AT_ONCE) {
            samples.load(some, self.pool)?;
            let write = |i: usize, values: &mut [f32]| samples.write(self.isa, some[i] as usize, values);
            let outputs = self.engine.outputs(self.pool, &self.packed, some.len(), &write);
            take(&outputs.logits, &outputs.features);
        }
        samples.images.check()
    }
}
