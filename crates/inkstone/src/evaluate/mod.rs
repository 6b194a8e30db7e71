//! How good a model is: metrics, the report of a run, and its text. Never trains, never chooses.

mod confusion;
mod metrics;
mod measured;
mod intervals;
mod compare;
mod review;
#[cfg(feature = "formats")]
mod predictions;
mod report;
mod run;
mod text;
mod trust;

pub use compare::{Compared, Comparison, Difference, Judged, Pair, compare, comparison_text, mcnemar};
pub use confusion::{Average, Confusion, ConfusionMatrix, Scores};
pub use intervals::{ClassIntervals, Intervals, ScoreIntervals, TopKInterval};
pub use measured::Measured;
pub use metrics::{Interval, brier_score, calibration_error, log_loss, predicted, top_k_accuracy, wilson_interval};
#[cfg(feature = "formats")]
pub use predictions::{judged, predictions_csv, read_predictions, sample_names};
pub(crate) use report::null_as_nan;
pub use report::{About, ClassScores, DataInfo, ErrataInfo, ModelInfo, Report, TopK};
pub use review::{Bin, OperatingPoint, ReviewCurve, bins};
pub(crate) use run::match_classes;
pub use run::{evaluate, measure, report};
pub use text::{classification_report, columns, sentences, text};
pub use trust::{CalibrationInfo, DecisionsInfo, ProbabilityScores, PromiseInfo, ReviewInfo, beta_binomial_interval};
