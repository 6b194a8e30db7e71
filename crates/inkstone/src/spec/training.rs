//! How a network is trained, as a person writes it.

use serde::{Deserialize, Serialize};

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
    /// Decay per step of an exponential moving average of the parameters; the average is validated and kept.
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
