//! How a network is trained, as a person writes it.

use std::ops::{Bound, RangeBounds};

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// The `[train]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TrainSpec {
    /// Passes over the training part.
    pub epochs: usize,
    /// Images per step.
    pub batch_size: usize,
    /// The rule that turns gradients into steps.
    pub optimizer: OptimizerName,
    /// Adam: decay of the mean of gradients; 0.9 where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beta_1: Option<f32>,
    /// Adam: decay of the mean of squared gradients; 0.999 where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beta_2: Option<f32>,
    /// Adam: added to the root; 1e-8 where not given (PyTorch's; Keras has 1e-7).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<f32>,
    /// SGD: 0 where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub momentum: Option<f32>,
    /// SGD: looks ahead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nesterov: Option<bool>,
    /// Decoupled for `adamw` (0.01 where not given), added to the gradient for `sgd` and `adam` (0 where not given).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f32>,
    /// The step size, before the schedule.
    pub learning_rate: f32,
    /// How the step size changes.
    pub schedule: ScheduleName,
    /// Epochs over which the step size grows linearly from 0, before the schedule (`one_cycle` has its own).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup_epochs: Option<f32>,
    /// `step`: epochs between two drops; 10 where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_epochs: Option<usize>,
    /// `step` and `exponential`: factor of each drop or epoch; 0.1 and 0.95 where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decay: Option<f32>,
    /// The loss.
    pub loss: LossName,
    /// Share of the target spread evenly over all classes.
    pub label_smoothing: f32,
    /// Weights of the classes in the loss.
    pub class_weights: ClassWeights,
    /// Which epoch's parameters become the model.
    pub keep: Keep,
    /// Number format of the products.
    pub precision: Precision,
    /// Weights, order, augmentation, dropout.
    pub seed: u64,
    /// Ends the training when validation stops improving.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStopping>,
    /// Decay per step of an exponential moving average of the parameters; the average is validated and kept. In the
    /// first steps t the decay is at most (1 + t) / (10 + t), so that the random start does not linger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ema: Option<f32>,
}

/// The `early_stopping` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct EarlyStopping {
    /// Epochs without improvement of the validation loss before training ends.
    pub patience: usize,
    /// What counts as improvement.
    #[serde(default)]
    pub min_delta: f64,
}

/// Optimizers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OptimizerName {
    /// Kingma & Ba 2015.
    Adam,
    /// Loshchilov & Hutter 2019.
    Adamw,
    /// Stochastic gradient descent.
    Sgd,
}

/// Learning-rate schedules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ScheduleName {
    /// Always the same.
    Constant,
    /// Drops every `step_epochs`.
    Step,
    /// × `decay` per epoch.
    Exponential,
    /// Half a cosine down to 0.
    Cosine,
    /// Up and down once (Smith 2018, as PyTorch's `OneCycleLR`): 30 % up from lr/25, then down to lr/250,000, cosines.
    /// Momentum stays as it is.
    OneCycle,
}

/// Losses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LossName {
    /// −ln p(label), with the softmax inside.
    SparseCategoricalCrossentropy,
}

/// Weights of the classes in the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClassWeights {
    /// All 1.
    None,
    /// n / (`n_classes` · `n_of_class`): scikit-learn's `balanced`.
    Balanced,
}

/// Which epoch's parameters become the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// The one with the lowest validation loss.
    Best,
    /// The last one.
    Last,
}

/// Number format of the products.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Precision {
    /// 32-bit floating point.
    F32,
    /// The operands of products rounded to bf16 (8 bits of significance); sums, the parameters that are trained and the
    /// optimizer stay 32-bit. Fast where the CPU has AMX or AVX512-BF16, slower than `f32` elsewhere.
    Bf16,
}

impl Default for TrainSpec {
    fn default() -> Self {
        Self {
            epochs: 5,
            batch_size: 32,
            optimizer: OptimizerName::Adam,
            beta_1: None,
            beta_2: None,
            epsilon: None,
            momentum: None,
            nesterov: None,
            weight_decay: None,
            learning_rate: 0.001,
            schedule: ScheduleName::Constant,
            warmup_epochs: None,
            step_epochs: None,
            decay: None,
            loss: LossName::SparseCategoricalCrossentropy,
            label_smoothing: 0.0,
            class_weights: ClassWeights::None,
            keep: Keep::Best,
            precision: Precision::F32,
            seed: 0,
            early_stopping: None,
            ema: None,
        }
    }
}

impl TrainSpec {
    /// Checks every range and that no key stands beside an optimizer or schedule that does not know it.
    ///
    /// # Errors
    /// The first key that is wrong, by its dotted name, with what was expected and what was found.
    pub fn check(&self) -> Result<()> {
        whole("epochs", self.epochs, 1, 1_000_000)?;
        whole("batch_size", self.batch_size, 1, 65_536)?;
        real("learning_rate", self.learning_rate, Range::above(0.0).up_to(1e6))?;
        real("label_smoothing", self.label_smoothing, Range::from(0.0).below(1.0))?;
        if let Some(stopping) = &self.early_stopping {
            whole("early_stopping.patience", stopping.patience, 1, 1_000_000)?;
            real("early_stopping.min_delta", stopping.min_delta as f32, Range::from(0.0).up_to(f32::MAX))?;
        }
        optional("ema", self.ema, Range::above(0.0).below(1.0))?;
        self.check_optimizer()?;
        self.check_schedule()
    }

    fn check_optimizer(&self) -> Result<()> {
        optional("beta_1", self.beta_1, Range::from(0.0).below(1.0))?;
        optional("beta_2", self.beta_2, Range::from(0.0).below(1.0))?;
        optional("epsilon", self.epsilon, Range::above(0.0).up_to(1.0))?;
        optional("momentum", self.momentum, Range::from(0.0).below(1.0))?;
        optional("weight_decay", self.weight_decay, Range::from(0.0).up_to(1e6))?;
        let sgd = self.optimizer == OptimizerName::Sgd;
        let name = if sgd { "sgd" } else { "adam" };
        let adam_keys = [("beta_1", self.beta_1), ("beta_2", self.beta_2), ("epsilon", self.epsilon)];
        for (key, value) in adam_keys {
            known(key, !sgd || value.is_none(), "optimizer", name)?;
        }
        known("momentum", sgd || self.momentum.is_none(), "optimizer", name)?;
        known("nesterov", sgd || self.nesterov.is_none(), "optimizer", name)?;
        if self.nesterov == Some(true) && self.momentum.unwrap_or(0.0) == 0.0 {
            return Err(place("momentum", "a value above 0, for nesterov looks ahead along it", "0"));
        }
        Ok(())
    }

    fn check_schedule(&self) -> Result<()> {
        optional("decay", self.decay, Range::above(0.0).up_to(1.0))?;
        optional("warmup_epochs", self.warmup_epochs, Range::from(0.0).up_to(self.epochs as f32))?;
        if let Some(epochs) = self.step_epochs {
            whole("step_epochs", epochs, 1, 1_000_000)?;
        }
        let (schedule, name) = (self.schedule, self.schedule.name());
        let decays = matches!(schedule, ScheduleName::Step | ScheduleName::Exponential);
        known("decay", decays || self.decay.is_none(), "schedule", name)?;
        known("step_epochs", schedule == ScheduleName::Step || self.step_epochs.is_none(), "schedule", name)?;
        let warms_up_itself = schedule == ScheduleName::OneCycle;
        known("warmup_epochs", !warms_up_itself || self.warmup_epochs.is_none(), "schedule", name)
    }
}

impl ScheduleName {
    /// Its name in a recipe.
    pub fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Step => "step",
            Self::Exponential => "exponential",
            Self::Cosine => "cosine",
            Self::OneCycle => "one_cycle",
        }
    }
}

/// From `low` to `high`, each end taken in or not.
#[derive(Clone, Copy)]
struct Range {
    low: Bound<f32>,
    high: Bound<f32>,
}

impl Range {
    fn above(low: f32) -> Self {
        Self { low: Bound::Excluded(low), high: Bound::Unbounded }
    }
    fn from(low: f32) -> Self {
        Self { low: Bound::Included(low), high: Bound::Unbounded }
    }
    fn below(self, high: f32) -> Self {
        Self { high: Bound::Excluded(high), ..self }
    }
    fn up_to(self, high: f32) -> Self {
        Self { high: Bound::Included(high), ..self }
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.low {
            Bound::Excluded(low) => write!(f, "a number above {low}")?,
            Bound::Included(low) => write!(f, "a number from {low}")?,
            Bound::Unbounded => write!(f, "a number")?,
        }
        match self.high {
            Bound::Excluded(high) => write!(f, " and below {high}"),
            Bound::Included(f32::MAX) | Bound::Unbounded => Ok(()),
            Bound::Included(high) => write!(f, " up to {high}"),
        }
    }
}

fn place(key: &str, expected: impl Into<String>, found: impl Into<String>) -> Error {
    Error::mismatch(ErrorKind::Spec, expected, found).with_place(format!("train.{key}"))
}

fn whole(key: &str, value: usize, low: usize, high: usize) -> Result<()> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(place(key, format!("a whole number from {low} to {high}"), value.to_string()))
}

fn real(key: &str, value: f32, range: Range) -> Result<()> {
    if (range.low, range.high).contains(&value) {
        return Ok(());
    }
    Err(place(key, range.to_string(), value.to_string()))
}

fn optional(key: &str, value: Option<f32>, range: Range) -> Result<()> {
    value.map_or(Ok(()), |value| real(key, value, range))
}

/// Whether `key` may stand beside this optimizer or schedule: a key that changes nothing is a mistake of the writer.
fn known(key: &str, holds: bool, of: &str, name: &str) -> Result<()> {
    if holds {
        return Ok(());
    }
    Err(place(key, format!("no such key beside {of} = \"{name}\""), "one").with_help("leave it out"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, message: &str) {
        let spec: TrainSpec = toml::from_str(text).unwrap();
        assert_eq!(spec.check().unwrap_err().to_string(), message);
    }

    #[test]
    fn a_value_out_of_range_is_named_with_its_key() {
        check("epochs = 0", "train.epochs: expected a whole number from 1 to 1000000, found 0");
        check("learning_rate = -1.0", "train.learning_rate: expected a number above 0 up to 1000000, found -1");
        check("learning_rate = nan", "train.learning_rate: expected a number above 0 up to 1000000, found NaN");
        check("label_smoothing = 1.0", "train.label_smoothing: expected a number from 0 and below 1, found 1");
        check(
            "early_stopping = { patience = 0 }",
            "train.early_stopping.patience: expected a whole number from 1 to 1000000, found 0",
        );
        check("ema = 1.5", "train.ema: expected a number above 0 and below 1, found 1.5");
    }

    #[test]
    fn a_key_of_another_optimizer_or_schedule_is_an_error() {
        check(
            "momentum = 0.9",
            "train.momentum: expected no such key beside optimizer = \"adam\", found one; leave it out",
        );
        check(
            "optimizer = \"sgd\"\nbeta_1 = 0.9",
            "train.beta_1: expected no such key beside optimizer = \"sgd\", found one; leave it out",
        );
        check(
            "schedule = \"one_cycle\"\nwarmup_epochs = 1.0",
            "train.warmup_epochs: expected no such key beside schedule = \"one_cycle\", found one; leave it out",
        );
    }

    #[test]
    fn the_defaults_and_every_optimizer_pass() {
        for text in [
            "",
            "optimizer = \"sgd\"\nmomentum = 0.9\nnesterov = true\nweight_decay = 1e-4",
            "optimizer = \"adamw\"\nbeta_1 = 0.7\nschedule = \"step\"\nstep_epochs = 2\ndecay = 0.5",
            "schedule = \"cosine\"\nwarmup_epochs = 0.5\nema = 0.999",
        ] {
            toml::from_str::<TrainSpec>(text).unwrap().check().unwrap();
        }
    }
}
