//! Fitting parameters to the training part, watched by the validation part. The test part cannot be reached from here.

pub mod trainer;

pub mod run;

pub mod recipe;

pub mod event;
pub mod folder;
pub mod loss;
pub mod metrics;
pub mod optimizer;
mod resume;
pub mod schedule;
pub mod state;

pub use event::{Ending, Event, Progress};
pub use folder::{Existing, RunFolder};
pub use metrics::{EpochMetrics, Verdict, judge_curves, verdict};
pub use optimizer::Optimizer;
pub use recipe::{Fitted, fit_recipe};
pub use run::{Ended, Origin, replace_model, run};
pub(crate) use run::{PROGRAM_VERSION, recipe_sha256};
pub use schedule::Schedule;
pub use state::State;
pub use trainer::{Setup, Trained, Watch, fit};
