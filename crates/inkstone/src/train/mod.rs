//! Fitting parameters to the training part, watched by the validation part. The test part cannot be reached from here.

pub mod loss;
pub mod optimizer;
pub mod schedule;

pub use optimizer::Optimizer;
pub use schedule::Schedule;
