//! One recipe trained with several seeds, each model measured on the same images: how good the recipe is, not one run of
//! it.
//!
//! Keeps no model: to choose the best of several by the test part would be to train on it.

mod report;
mod spread;
mod text;

pub use report::{Ensemble, RecipeInfo, SeedResult, SeedsReport};
pub use spread::Spread;
pub use text::{result_line, text};

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crate::calibrate::{self, Evidence};
use crate::checkpoint::{Checkpoint, Provenance};
use crate::data::{Augment, Dataset, Samples};
use crate::engine::Isa;
use crate::error::{Error, ErrorKind, Result};
use crate::evaluate::{self, About, DataInfo, Measured, ModelInfo, Report};
use crate::parallel::Pool;
use crate::predict::Predictor;
use crate::spec::{Recipe, TrainSpec};
use crate::train::{self, Ending, Setup, Trained, Watch};

/// What is trained several times, on what, and with which part of the machine. The parts are those of one split, loaded
/// and prepared once.
#[derive(Debug, Clone, Copy)]
pub struct Repetition<'a> {
    /// Everything resolved. `train.seed` is the first seed; the split stays the same.
    pub recipe: &'a Recipe,
    /// How many seeds: `train.seed`, `train.seed + 1`, …
    pub n_seeds: usize,
    /// What the parameters are fitted on.
    pub training: &'a Samples,
    /// What chooses between epochs. May be empty.
    pub validation: &'a Samples,
    /// What calibrates each model. May be empty.
    pub calibration: &'a Samples,
    /// The random steps, on training images only.
    pub augment: Option<&'a Augment>,
    /// The images that each model is measured on, as they were read.
    pub measured: &'a Dataset,
    /// What these images are.
    pub data: &'a DataInfo,
    /// The threads.
    pub pool: &'a Pool,
    /// The instruction set.
    pub isa: Isa,
}

/// Something that happened. `number` counts the trainings from 1.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// One of the trainings says how far it is.
    Training {
        /// Which training.
        number: usize,
        /// What it says.
        event: &'a train::Event<'a>,
    },
    /// One of the trainings is done and measured.
    Measured {
        /// Which training.
        number: usize,
        /// What came out.
        result: &'a SeedResult,
    },
}

/// Who watches and may stop it.
pub struct SeedsWatch<'a> {
    /// Told of everything that happens.
    pub observe: &'a mut dyn FnMut(&Event<'_>),
    /// Raise it and the training under way is given up; what was done before it is reported.
    pub stop: &'a AtomicBool,
    /// The time between two steps that the observer hears of.
    pub interval: Duration,
}

/// Trains with every seed, from first values that are made anew, and measures each model.
///
/// A model is byte for byte that of a single run with its seed. `seconds` of a result begin before the network's first
/// values are made and end when the last image is judged; loading and preparing the data and calibrating are not in it.
///
/// # Errors
/// What [`train::fit`] and [`evaluate::measure`] refuse; nothing to measure on; a seed beyond the largest one; being stopped
/// before the first model was measured.
pub fn repeat(task: &Repetition<'_>, watch: SeedsWatch<'_>) -> Result<SeedsReport> {
    let SeedsWatch { observe, stop, interval } = watch;
    let first = task.recipe.train.seed;
    if task.n_seeds == 0 || first.checked_add(task.n_seeds as u64 - 1).is_none() {
        let found = format!("{} from seed {first} on", task.n_seeds);
        return Err(Error::mismatch(ErrorKind::Usage, "at least one seed, the last below 2^64", found));
    }
    if task.measured.samples.is_empty() {
        return Err(Error::mismatch(ErrorKind::Data, "a test or validation part to measure on", "none"));
    }
    let mut results = Vec::with_capacity(task.n_seeds);
    let mut ensemble: Option<Measured> = None;
    for number in 1..=task.n_seeds {
        let train = TrainSpec { seed: first + number as u64 - 1, ..task.recipe.train.clone() };
        let mut told = |event: &train::Event<'_>| observe(&Event::Training { number, event });
        let done = task.one(&train, Watch { observe: &mut told, stop, interval })?;
        let Some((result, measured)) = done else { break };
        observe(&Event::Measured { number, result: &result });
        results.push(result);
        match &mut ensemble {
            Some(sum) => sum.probabilities.iter_mut().zip(&measured.probabilities).for_each(|(sum, p)| *sum += p),
            None => ensemble = Some(measured),
        }
    }
    let Some(mut sum) = ensemble else {
        return Err(Error::new(ErrorKind::Interrupted, "interrupted before the first model was measured"));
    };
    let n = results.len() as f64;
    sum.probabilities.iter_mut().for_each(|p| *p /= n);
    let together = task.report(&sum);
    Ok(SeedsReport::new(task, results, &together))
}

impl Repetition<'_> {
    /// One training and its measurement; `None` where it was stopped.
    fn one(&self, train: &TrainSpec, watch: Watch<'_>) -> Result<Option<(SeedResult, Measured)>> {
        let start = Instant::now();
        let setup = Setup {
            model: &self.recipe.model,
            train,
            training: self.training,
            validation: self.validation,
            augment: self.augment,
            pool: self.pool,
            isa: self.isa,
        };
        let Trained { ending, state } = train::fit(&setup, watch)?;
        if matches!(ending, Ending::Interrupted { .. }) {
            return Ok(None);
        }
        let metrics = state.metrics().to_vec();
        let checkpoint = self.checkpoint(&setup, state)?;
        let kept_epoch = checkpoint.provenance.kept_epoch;
        let predictor = Predictor::from_checkpoint(checkpoint, self.isa);
        let all: Vec<u32> = (0..self.measured.samples.len() as u32).collect();
        let measured = evaluate::measure(&predictor, self.pool, self.measured, &all)?;
        let report = self.report(&measured);
        let seconds = start.elapsed().as_secs_f64();
        let sha256 = self.calibrated(predictor.checkpoint())?.sha256();
        Ok(Some((SeedResult::new(train.seed, &report, seconds, (&metrics, kept_epoch), sha256), measured)))
    }

    /// The model of the kept epoch. Its recipe's hash is filled in as a single run would.
    fn checkpoint(&self, setup: &Setup<'_>, state: train::State) -> Result<Checkpoint> {
        let kept = state.kept.expect("a recipe has at least one epoch, and this training was not stopped");
        let plan = setup.plan()?;
        let mut recipe = self.recipe.clone();
        recipe.train.seed = setup.train.seed;
        Ok(Checkpoint {
            spec: recipe.model.clone(),
            input: plan.input,
            preprocess: self.training.preprocess.clone(),
            classes: self.training.classes.to_vec(),
            provenance: Provenance {
                data_source: self.data.source.clone(),
                data_fingerprint: self.data.fingerprint.clone(),
                seed: setup.train.seed,
                recipe_sha256: train::recipe_sha256(&recipe.to_toml()),
                program_version: train::PROGRAM_VERSION.to_owned(),
                kept_epoch: kept.epoch,
            },
            plan,
            parameters: kept.parameters,
            trust: None,
            sha256: None,
        })
    }

    /// The model as a single run would leave it.
    fn calibrated(&self, checkpoint: &Checkpoint) -> Result<Checkpoint> {
        if self.calibration.is_empty() {
            return Ok(checkpoint.clone());
        }
        let Self { training, calibration, pool, isa, .. } = *self;
        let trust = calibrate::fit(&Evidence { checkpoint, training, calibration, pool, isa })?;
        Ok(Checkpoint { trust: Some(trust), ..checkpoint.clone() })
    }

    /// The figures, without intervals: those of a recipe are between seeds.
    fn report(&self, measured: &Measured) -> Report {
        let model = ModelInfo { name: String::new(), sha256: String::new(), kept_epoch: None };
        let about = About { model, data: self.data.clone() };
        Report::measure(&measured.labels, &measured.probabilities, &self.training.classes, about)
    }
}
