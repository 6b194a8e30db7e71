//! Runs a stress test: every treatment on every image, through the same path as every prediction.
//!
//! The images are taken some at a time, so that a set in files is read once and memory stays small. Each image's draws are
//! its own: the result does not depend on the number of threads.

use std::sync::atomic::{AtomicBool, Ordering};

use inkstone_kernels::Isa;

use super::attack::{ATTACKS, Ground, Victim};
use super::corruption::Key;
use super::report::StressReport;
use super::tally::{Tallies, Tally};
use super::treatment::Treatment;
use crate::data::dataset::Size;
use crate::data::{Dataset, Image};
use crate::engine::fused::InputGradients;
use crate::error::{Error, ErrorKind, Result};
use crate::evaluate::match_classes;
use crate::parallel::Pool;
use crate::predict::{Predictor, argmax};
use crate::rng::{Operation, Rng};

/// Of a larger part as many images are drawn: the interval of an accuracy is then at most 2 points wide.
const MOST_IMAGES: usize = 10_000;

/// Images that are taken at once, and how many bytes they may have.
const IMAGES_AT_ONCE: usize = 2048;
const BYTES_AT_ONCE: usize = 1 << 24;

/// With which part of the machine, and which randomness.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'a> {
    /// What everything drawn depends on.
    pub seed: u64,
    /// The threads.
    pub pool: &'a Pool,
    /// The instruction set.
    pub isa: Isa,
}

/// Who watches a stress test and may stop it.
pub struct Watch<'a> {
    /// Is told how far it is.
    pub observe: &'a mut dyn FnMut(Step),
    /// Raise it (from a signal handler, say) and the test ends soon, without a result.
    pub stop: &'a AtomicBool,
}

/// How far a stress test has come.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// What is done: a corruption, a motion or an attack.
    pub name: &'static str,
    /// How much of the whole.
    pub done: f64,
    /// Of how much.
    pub total: f64,
}

/// Measures the model on the samples at `indices` of `dataset` (on 10,000 of them, drawn, where there are more) as they
/// are, spoiled, moved and attacked. Classes are matched with the model's by name.
///
/// # Errors
/// A class that the model does not know; images that cannot be read; `Interrupted` where `watch.stop` was raised.
pub fn stress(
    predictor: &Predictor,
    dataset: &Dataset,
    indices: &[u32],
    setup: &Setup<'_>,
    watch: Watch<'_>,
) -> Result<StressReport> {
    let label_of = match_classes(&dataset.classes, predictor.classes())?;
    let used = draw(indices, setup.seed);
    let network = predictor.input_gradients(setup.pool);
    let mut test = Test { predictor, setup, network: &network, tallies: Tallies::new(), watch, done: 0.0, total: 0.0 };
    test.total = used.len() as f64 * Test::cost();
    for some in used.chunks(n_at_once(dataset, &used)) {
        let chunk = Chunk::take(dataset, some, &label_of, setup);
        dataset.images.check()?;
        test.treat(&chunk)?;
        test.attack(&chunk)?;
    }
    Ok(test.tallies.report(setup.seed, [used.len(), indices.len()]))
}

/// All of them, or as many as are used, in their order.
fn draw(indices: &[u32], seed: u64) -> Vec<u32> {
    let mut used = indices.to_vec();
    if used.len() > MOST_IMAGES {
        Rng::new(seed, 0, 0, Operation::StressDraw).shuffle(&mut used);
        used.truncate(MOST_IMAGES);
        used.sort_unstable();
    }
    used
}

fn n_at_once(dataset: &Dataset, indices: &[u32]) -> usize {
    let longest = indices.iter().map(|&i| dataset.images.size(i as usize).len()).max().unwrap_or(1);
    (BYTES_AT_ONCE / longest.max(1)).clamp(1, IMAGES_AT_ONCE)
}

/// Some images in memory.
struct Chunk {
    samples: Vec<Sample>,
}

struct Sample {
    key: Key,
    label: u32,
    size: Size,
    pixels: Vec<u8>,
}

impl Chunk {
    fn take(dataset: &Dataset, indices: &[u32], label_of: &[u32], setup: &Setup<'_>) -> Self {
        let take = |i: usize| {
            let sample = indices[i];
            let label = label_of[dataset.samples[sample as usize].label as usize];
            let (size, pixels) = dataset.images.with(sample as usize, |image| (image.size, image.pixels.to_vec()));
            Sample { key: Key { seed: setup.seed, sample }, label, size, pixels }
        };
        Self { samples: setup.pool.map(indices.len(), take) }
    }
}

impl Sample {
    fn image(&self) -> Image<'_> {
        Image { size: self.size, pixels: &self.pixels }
    }
}

/// A stress test under way.
struct Test<'a, 'w> {
    predictor: &'a Predictor,
    setup: &'a Setup<'a>,
    network: &'a InputGradients,
    tallies: Tallies,
    watch: Watch<'w>,
    /// In images that went through the network.
    done: f64,
    total: f64,
}

/// Passes through the network that a gradient is worth.
const GRADIENT: f64 = 3.0;

impl Test<'_, '_> {
    /// What an image costs, in passes through the network.
    fn cost() -> f64 {
        let gradients: u32 = ATTACKS.iter().map(|attack| attack.steps + 1).sum();
        Treatment::all().len() as f64 + GRADIENT * f64::from(gradients)
    }

    /// Whether to go on.
    fn observe(&mut self, name: &'static str) -> Result<()> {
        (self.watch.observe)(Step { name, done: self.done, total: self.total });
        if self.watch.stop.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Interrupted, "interrupted; nothing was written"));
        }
        Ok(())
    }

    /// Counts the answers to these images under every treatment.
    fn treat(&mut self, chunk: &Chunk) -> Result<()> {
        let mut untouched = Tally::default();
        for k in 0..self.tallies.treatments.len() {
            let treatment = self.tallies.treatments[k].0;
            self.observe(treatment.name())?;
            let is_known = treatment.is_nothing() && k > 0;
            let found =
                if is_known { Tally { decided: None, ..untouched } } else { self.count(treatment, &chunk.samples) };
            if k == 0 {
                untouched = found;
            }
            self.tallies.treatments[k].1 += found;
            self.done += chunk.samples.len() as f64;
        }
        Ok(())
    }

    fn count(&self, treatment: Treatment, samples: &[Sample]) -> Tally {
        let suited: Vec<&Sample> = samples.iter().filter(|sample| treatment.suits(sample.size)).collect();
        let Setup { pool, isa, .. } = *self.setup;
        let images = pool.map(suited.len(), |i| treatment.apply(isa, suited[i].image(), suited[i].key));
        let image = |i: usize| Image { size: suited[i].size, pixels: &images[i] };
        let mut tally = Tally::default();
        // A decision costs as much as an answer: only where the report shows it.
        if treatment.is_decided() && self.predictor.checkpoint().trust.is_some() {
            let judged = self.predictor.judge(pool, suited.len(), &image);
            for (i, sample) in suited.iter().enumerate() {
                let decision = judged.verdict(self.predictor, i).decision;
                tally.add(argmax(judged.row(i)) == sample.label as usize, Some(decision));
            }
            return tally;
        }
        let probabilities = self.predictor.probabilities(pool, suited.len(), &image);
        for (row, sample) in probabilities.chunks_exact(self.predictor.classes().len()).zip(&suited) {
            tally.add(argmax(row) == sample.label as usize, None);
        }
        tally
    }

    /// Counts those that hold out against every attack.
    fn attack(&mut self, chunk: &Chunk) -> Result<()> {
        let (predictor, network, pool) = (self.predictor, self.network, self.setup.pool);
        let preprocess = &predictor.checkpoint().preprocess;
        let ground = Ground { preprocess, network, pool };
        let mut right = pool.map(chunk.samples.len(), |i| {
            let sample = &chunk.samples[i];
            let mut prepared = vec![0; preprocess.size().len()];
            preprocess.prepare(sample.image(), &mut prepared);
            Victim::new(sample.key, sample.label, &prepared)
        });
        // What is wrong as it is cannot be misled.
        ground.look(&mut right);
        let n = chunk.samples.len();
        for k in 0..ATTACKS.len() {
            let attack = self.tallies.attacks[k].0;
            self.observe(attack.name)?;
            let (mut victims, before) = (right.clone(), self.done);
            let mut stopped = None;
            attack.run(&ground, &mut victims, &mut |step| {
                self.done = before + GRADIENT * f64::from(step + 1) * n as f64;
                stopped = self.observe(attack.name).err();
                stopped.is_none()
            });
            if let Some(error) = stopped {
                return Err(error);
            }
            self.done = before + GRADIENT * f64::from(attack.steps + 1) * n as f64;
            self.tallies.attacks[k].1 += Tally { n: n as u64, n_right: victims.len() as u64, decided: None };
        }
        Ok(())
    }
}
