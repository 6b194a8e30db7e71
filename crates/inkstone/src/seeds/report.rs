//! The document of `inkstone train --seeds`, version 1.

use serde::{Deserialize, Serialize};

use super::{Repetition, Spread};
use crate::evaluate::{DataInfo, Interval, Report};
use crate::spec::training::Precision;
use crate::train::{EpochMetrics, PROGRAM_VERSION, recipe_sha256};

/// How good a recipe is: a line per seed and what they say together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SeedsReport {
    /// The version of this format: 1.
    pub version: u32,
    /// What was trained.
    pub recipe: RecipeInfo,
    /// What each model was measured on.
    pub data: DataInfo,
    /// Images that the parameters were fitted on.
    pub n_training: usize,
    /// Images that chose between epochs.
    pub n_validation: usize,
    /// How many seeds were wanted.
    pub n_wanted: usize,
    /// How many are done: fewer where it was interrupted.
    pub n: usize,
    /// The share of right answers.
    pub accuracy: Spread,
    /// The mean of the classes' F1.
    pub macro_f1: Spread,
    /// The time of everything but loading and preparing the data: first values, training, validation if any, and
    /// judging the images of `data`.
    pub seconds: Spread,
    /// The time of the training steps alone.
    pub train_seconds: Spread,
    /// The instruction set.
    pub instruction_set: String,
    /// Worker threads.
    pub threads: usize,
    /// Number format of the products.
    pub precision: Precision,
    /// The version of Inkstone that trained.
    pub program_version: String,
    /// All models together: the mean of their probabilities. Needs as many times the work of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ensemble: Option<Ensemble>,
    /// Each seed, in order. The same seeds of two recipes make a paired comparison.
    pub seeds: Vec<SeedResult>,
}

/// Which recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecipeInfo {
    /// Its name, else that of its source.
    pub name: String,
    /// The SHA-256 of its text as it was resolved, but for its source and with the first seed.
    pub sha256: String,
}

/// What the mean of several models' probabilities came to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ensemble {
    /// How many models.
    pub n: usize,
    /// The share of right answers with its Wilson interval.
    pub accuracy: Interval,
    /// The mean of the classes' F1.
    pub macro_f1: f64,
    /// Mean of −ln p(label).
    pub log_loss: f64,
    /// By how much confidence misses accuracy.
    pub calibration_error: f64,
}

/// What one seed came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SeedResult {
    /// `train.seed`.
    pub seed: u64,
    /// The share of right answers.
    pub accuracy: f64,
    /// The mean of the classes' F1.
    pub macro_f1: f64,
    /// Mean of −ln p(label).
    pub log_loss: f64,
    /// Share of the validation part that was right, where there is one.
    pub validation_accuracy: Option<f64>,
    /// Epochs that were trained: fewer than wanted where validation stopped it.
    pub epochs: usize,
    /// The epoch whose parameters are the model, counted from 1.
    pub kept_epoch: usize,
    /// The time of the training steps alone.
    pub train_seconds: f64,
    /// The time of everything but loading and preparing the data.
    pub seconds: f64,
    /// The SHA-256 that the model's file would have: that of a single run with this seed.
    pub model_sha256: String,
}

impl SeedResult {
    pub(super) fn new(
        seed: u64,
        report: &Report,
        seconds: f64,
        (metrics, kept_epoch): (&[EpochMetrics], usize),
        model_sha256: String,
    ) -> Self {
        let kept = metrics.iter().find(|line| line.epoch == kept_epoch);
        Self {
            seed,
            accuracy: report.accuracy.value,
            macro_f1: report.macro_average.f1,
            log_loss: report.log_loss,
            validation_accuracy: kept.and_then(|line| line.validation_accuracy),
            epochs: metrics.len(),
            kept_epoch,
            train_seconds: metrics.iter().map(|line| line.train_seconds).sum(),
            seconds,
            model_sha256,
        }
    }
}

impl SeedsReport {
    /// `seeds` are those that are done, at least one; `together` is what the mean of their probabilities came to.
    pub(super) fn new(task: &Repetition<'_>, seeds: Vec<SeedResult>, together: &Report) -> Self {
        let ensemble = (seeds.len() > 1).then_some(Ensemble {
            n: seeds.len(),
            accuracy: together.accuracy,
            macro_f1: together.macro_average.f1,
            log_loss: together.log_loss,
            calibration_error: together.calibration_error,
        });
        let spread = |of: fn(&SeedResult) -> f64| Spread::of(&seeds.iter().map(of).collect::<Vec<_>>());
        Self {
            version: 1,
            recipe: RecipeInfo {
                name: task.recipe.name.clone().unwrap_or_else(|| task.data.source.clone()),
                sha256: recipe_sha256(&task.recipe.to_toml()),
            },
            data: DataInfo { n: task.measured.samples.len(), ..task.data.clone() },
            n_training: task.training.len(),
            n_validation: task.validation.len(),
            n_wanted: task.n_seeds,
            n: seeds.len(),
            accuracy: spread(|result| result.accuracy),
            macro_f1: spread(|result| result.macro_f1),
            seconds: spread(|result| result.seconds),
            train_seconds: spread(|result| result.train_seconds),
            instruction_set: task.isa.name().to_owned(),
            threads: task.pool.n_threads(),
            precision: task.recipe.train.precision,
            program_version: PROGRAM_VERSION.to_owned(),
            ensemble,
            seeds,
        }
    }

    /// Whether some of the seeds are missing.
    pub fn is_interrupted(&self) -> bool {
        self.n < self.n_wanted
    }
}
