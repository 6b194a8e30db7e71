//! Runs a stress test: every treatment on every image, through the same path as every prediction.
//!
//! The images are taken some at a time, so that a set in files is read once and memory stays small. Counts are whole
//! numbers and each image's draws are its own: the result does not depend on the number of threads.

use std::ops::AddAssign;
use std::sync::atomic::{AtomicBool, Ordering};

use inkstone_kernels::Isa;

use super::attack::{ATTACKS, Attack, Ground, Start, Victim};
use super::corruption::{Corruption, Dose, Key, STRENGTHS, corrupt};
use super::curve::{Motion, moved};
use super::report::{AttackResult, CorruptionResult, Curve, CurvePoint, Decisions, Measured, StrengthResult, StressReport};
use crate::data::dataset::Size;
use crate::data::{Dataset, Image};
use crate::engine::fused::InputGradients;
use crate::error::{Error, ErrorKind, Result};
use crate::evaluate::{match_classes, wilson_interval};
use crate::parallel::Pool;
use crate::predict::{Decision, Predictor, argmax};
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
        let part = Part::take(dataset, some, &label_of, setup);
        dataset.images.check()?;
        test.treat(&part)?;
        test.attack(&part)?;
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
struct Part {
    samples: Vec<Sample>,
}

struct Sample {
    key: Key,
    label: u32,
    size: Size,
    pixels: Vec<u8>,
}

impl Part {
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

/// What is done to every image.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Treatment {
    Untouched,
    Corrupted(Dose),
    Moved(Motion, f32),
}

impl Treatment {
    /// All of them, in the order of the report.
    fn all() -> Vec<Self> {
        let mut all = vec![Self::Untouched];
        for corruption in Corruption::ALL {
            all.extend((1..=STRENGTHS).map(|strength| Self::Corrupted(Dose { corruption, strength })));
        }
        for motion in Motion::ALL {
            all.extend(motion.amounts().iter().map(|&amount| Self::Moved(motion, amount)));
        }
        all
    }

    fn name(self) -> &'static str {
        match self {
            Self::Untouched => "untouched",
            Self::Corrupted(dose) => dose.corruption.name(),
            Self::Moved(motion, _) => motion.name(),
        }
    }

    /// Whether it is made for images of that size.
    fn suits(self, size: Size) -> bool {
        match self {
            Self::Corrupted(dose) => size.height.min(size.width) >= dose.corruption.least_side(),
            Self::Untouched | Self::Moved(..) => true,
        }
    }

    /// Whether it leaves every image as it is.
    fn is_nothing(self) -> bool {
        match self {
            Self::Untouched => true,
            Self::Corrupted(_) => false,
            Self::Moved(motion, amount) => amount == motion.neutral(),
        }
    }

    fn apply(self, isa: Isa, sample: &Sample) -> Vec<u8> {
        match self {
            Self::Untouched => sample.pixels.clone(),
            Self::Corrupted(dose) => corrupt(isa, sample.image(), dose, sample.key),
            Self::Moved(motion, amount) => moved(sample.image(), motion, amount),
        }
    }
}

/// Counts of images.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    n: u64,
    n_right: u64,
    /// Where the model has thresholds to decide by.
    decided: Option<Decided>,
}

/// Counts of decisions.
#[derive(Debug, Clone, Copy, Default)]
struct Decided {
    n_answers: u64,
    n_abstained: u64,
    n_wrong_answers: u64,
}

impl Tally {
    fn measured(self) -> Measured {
        let decisions = self.decided.map(|decided| Decisions {
            n_answers: decided.n_answers,
            answered: wilson_interval(decided.n_answers, self.n),
            abstained: wilson_interval(decided.n_abstained, self.n),
            wrong_answers: wilson_interval(decided.n_wrong_answers, decided.n_answers),
        });
        Measured { decisions, ..Measured::of(self.n_right, self.n) }
    }

    /// Counts one more image.
    fn add(&mut self, is_right: bool, decision: Option<Decision>) {
        self.n += 1;
        self.n_right += u64::from(is_right);
        if let Some(decision) = decision {
            let decided = self.decided.get_or_insert_default();
            decided.n_answers += u64::from(decision == Decision::Answer);
            decided.n_abstained += u64::from(decision == Decision::Abstain);
            decided.n_wrong_answers += u64::from(decision == Decision::Answer && !is_right);
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.n += other.n;
        self.n_right += other.n_right;
        if let Some(other) = other.decided {
            let decided = self.decided.get_or_insert_default();
            decided.n_answers += other.n_answers;
            decided.n_abstained += other.n_abstained;
            decided.n_wrong_answers += other.n_wrong_answers;
        }
    }
}

/// The counts of everything.
struct Tallies {
    treatments: Vec<(Treatment, Tally)>,
    attacks: Vec<(Attack, Tally)>,
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
    fn treat(&mut self, part: &Part) -> Result<()> {
        let mut untouched = Tally::default();
        for k in 0..self.tallies.treatments.len() {
            let treatment = self.tallies.treatments[k].0;
            self.observe(treatment.name())?;
            let found = if treatment.is_nothing() && k > 0 { untouched } else { self.count(treatment, &part.samples) };
            if k == 0 {
                untouched = found;
            }
            self.tallies.treatments[k].1 += found;
            self.done += part.samples.len() as f64;
        }
        Ok(())
    }

    fn count(&self, treatment: Treatment, samples: &[Sample]) -> Tally {
        let suited: Vec<&Sample> = samples.iter().filter(|sample| treatment.suits(sample.size)).collect();
        let Setup { pool, isa, .. } = *self.setup;
        let images = pool.map(suited.len(), |i| treatment.apply(isa, suited[i]));
        let image = |i: usize| Image { size: suited[i].size, pixels: &images[i] };
        let judged = self.predictor.judge(pool, suited.len(), &image);
        let decides = self.predictor.checkpoint().trust.is_some();
        let mut tally = Tally::default();
        for (i, sample) in suited.iter().enumerate() {
            let is_right = argmax(judged.row(i)) == sample.label as usize;
            tally.add(is_right, decides.then(|| judged.verdict(self.predictor, i).decision));
        }
        tally
    }

    /// Counts those that hold out against every attack.
    fn attack(&mut self, part: &Part) -> Result<()> {
        let (predictor, network, pool) = (self.predictor, self.network, self.setup.pool);
        let preprocess = &predictor.checkpoint().preprocess;
        let ground = Ground { preprocess, network, pool };
        let mut right = pool.map(part.samples.len(), |i| {
            let sample = &part.samples[i];
            let mut prepared = vec![0; preprocess.size().len()];
            preprocess.prepare(sample.image(), &mut prepared);
            Victim::new(sample.key, sample.label, &prepared)
        });
        // What is wrong as it is cannot be misled.
        ground.look(&mut right);
        let n = part.samples.len();
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

impl Tallies {
    fn new() -> Self {
        Self {
            treatments: Treatment::all().into_iter().map(|treatment| (treatment, Tally::default())).collect(),
            attacks: ATTACKS.map(|attack| (attack, Tally::default())).to_vec(),
        }
    }

    fn of(&self, treatment: Treatment) -> Tally {
        let found = self.treatments.iter().find(|(other, _)| *other == treatment);
        found.map(|(_, tally)| *tally).unwrap_or_default()
    }

    fn report(&self, seed: u64, [n, n_in_part]: [usize; 2]) -> StressReport {
        let corruptions: Vec<CorruptionResult> =
            Corruption::ALL.iter().map(|&corruption| self.corruption(corruption, n as u64)).collect();
        StressReport {
            version: 1,
            seed,
            n: n as u64,
            n_in_part: n_in_part as u64,
            untouched: self.of(Treatment::Untouched).measured(),
            mean_corruption_accuracy: StressReport::mean_of(&corruptions),
            corruptions,
            curves: Motion::ALL.iter().map(|&motion| self.curve(motion)).collect(),
            attacks: self.attacks.iter().map(|(attack, tally)| result(*attack, *tally)).collect(),
        }
    }

    fn corruption(&self, corruption: Corruption, n: u64) -> CorruptionResult {
        let strength = |strength: u8| {
            let dose = Dose { corruption, strength };
            let measured = self.of(Treatment::Corrupted(dose)).measured();
            StrengthResult { strength: u32::from(strength), amount: dose.amount(), measured }
        };
        let mut strengths: Vec<StrengthResult> = (1..=STRENGTHS).map(strength).collect();
        let n_measured = strengths.first().map_or(0, |strength| strength.measured.n);
        let least = corruption.least_side();
        let note = (n_measured < n).then(|| {
            let n_left_out = n - n_measured;
            format!("{n_left_out} of {n} images left out: it makes sense from {least}×{least} pixels on")
        });
        if n_measured == 0 {
            strengths.clear();
        }
        CorruptionResult {
            name: corruption,
            amount: corruption.amount_is().to_owned(),
            mean: CorruptionResult::mean_of(&strengths),
            strengths,
            note,
        }
    }

    fn curve(&self, motion: Motion) -> Curve {
        let point = |&at: &f32| CurvePoint { at, measured: self.of(Treatment::Moved(motion, at)).measured() };
        Curve {
            name: motion.name().to_owned(),
            unit: motion.unit().to_owned(),
            points: motion.amounts().iter().map(point).collect(),
        }
    }
}

/// All that an attack must state.
fn result(attack: Attack, tally: Tally) -> AttackResult {
    AttackResult {
        name: attack.name.to_owned(),
        epsilon: attack.epsilon,
        steps: attack.steps,
        step_size: attack.step_size,
        start: match attack.start {
            Start::Image => "image",
            Start::Uniform => "uniform",
        }
        .to_owned(),
        loss: "cross-entropy".to_owned(),
        clip: [0.0, 1.0],
        on: "the prepared image, before scaling and normalising, not rounded to bytes".to_owned(),
        counted: "misled as soon as one of the images on the way is answered wrongly, or the image itself is"
            .to_owned(),
        n: tally.n,
        accuracy: wilson_interval(tally.n_right, tally.n),
    }
}
