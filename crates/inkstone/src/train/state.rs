//! Everything that a training needs to go on exactly, as values in memory.

use serde::{Deserialize, Serialize};

use super::metrics::EpochMetrics;
use super::optimizer::Optimizer;
use crate::engine::{AlignedBuffer, Parameters};
use crate::spec::{Plan, TrainSpec};

/// A training between two steps.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// The values that the next step starts from.
    pub parameters: Parameters,
    /// The optimizer with its moments.
    pub(crate) optimizer: Optimizer,
    /// The moving average of the parameters, where there is one.
    pub(crate) average: Option<AlignedBuffer>,
    /// The values that are the model so far; none before the first epoch's end.
    pub(crate) kept: Option<Kept>,
    /// The numbers beside the values.
    pub(crate) position: Position,
}

/// The values of the epoch that is kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kept {
    pub(crate) epoch: usize,
    pub(crate) validation_loss: Option<f64>,
    pub(crate) parameters: Parameters,
}

/// How far the training has come and what it remembers in numbers. JSON keeps each `f64` exactly.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Position {
    /// Epochs that are done.
    pub(crate) epoch: usize,
    /// Steps of the next epoch that are done.
    pub(crate) step: usize,
    /// Sums over those steps.
    pub(crate) sums: Sums,
    /// The validation loss that early stopping compares with.
    pub(crate) stopping_loss: Option<f64>,
    /// Epochs since it last improved.
    pub(crate) n_stale_epochs: usize,
    /// The lines of all epochs that are done.
    pub(crate) metrics: Vec<EpochMetrics>,
}

/// What the steps of an epoch add up to.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sums {
    pub(crate) loss: f64,
    pub(crate) n_correct: u64,
    pub(crate) n_images: u64,
    pub(crate) seconds: f64,
}

impl State {
    /// The state at step 0: a function of the plan and the spec alone.
    pub fn initial(plan: &Plan, spec: &TrainSpec) -> Self {
        let parameters = Parameters::initialise(plan, spec.seed);
        Self {
            optimizer: Optimizer::new(spec, parameters.values.len()),
            average: spec.ema.map(|_| parameters.values.clone()),
            kept: None,
            position: Position::default(),
            parameters,
        }
    }

    /// The epoch whose values are kept, counted from 1; none before the first epoch's end.
    pub fn kept_epoch(&self) -> Option<usize> {
        self.kept.as_ref().map(|kept| kept.epoch)
    }

    /// The values that are kept.
    pub fn kept_parameters(&self) -> Option<&Parameters> {
        self.kept.as_ref().map(|kept| &kept.parameters)
    }

    /// The lines of all epochs that are done.
    pub fn metrics(&self) -> &[EpochMetrics] {
        &self.position.metrics
    }
}

impl Sums {
    pub(crate) fn mean_loss(&self) -> f64 {
        self.loss / self.n_images.max(1) as f64
    }

    pub(crate) fn accuracy(&self) -> f64 {
        self.n_correct as f64 / self.n_images.max(1) as f64
    }

    pub(crate) fn images_per_second(&self) -> f64 {
        if self.seconds > 0.0 { self.n_images as f64 / self.seconds } else { 0.0 }
    }
}
