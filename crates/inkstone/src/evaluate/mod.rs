//! How good a model is: metrics, the report of a run, and its text. Never trains, never chooses.

mod confusion;
mod metrics;
mod report;
mod run;
mod text;
mod trust;

pub use confusion::{Average, Confusion, ConfusionMatrix, Scores};
pub use metrics::{Interval, brier_score, calibration_error, log_loss, predicted, top_k_accuracy, wilson_interval};
pub use report::{About, ClassScores, DataInfo, ErrataInfo, ModelInfo, Report, TopK};
pub use run::evaluate;
pub use text::{classification_report, columns, sentences, text};
pub use trust::{CalibrationInfo, DecisionsInfo, ProbabilityScores, PromiseInfo, ReviewInfo, beta_binomial_interval};
