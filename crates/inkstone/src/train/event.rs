//! What a training tells its observer. The library itself prints nothing.

use std::fmt;

use super::metrics::EpochMetrics;

/// Something that happened. Epochs and steps count from 1.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The training begins, or goes on after `epoch` whole epochs and `step` steps of the next.
    Started {
        /// Epochs that are done.
        epoch: usize,
        /// Steps of the next epoch that are done.
        step: usize,
        /// Epochs in all.
        n_epochs: usize,
        /// Steps of an epoch.
        n_steps: usize,
        /// Images of the training part.
        n_training: usize,
        /// Images of the validation part.
        n_validation: usize,
    },
    /// Some steps were made.
    Step(Progress),
    /// An epoch ended and was validated.
    EpochEnded {
        /// Its line.
        metrics: &'a EpochMetrics,
        /// Epochs in all.
        n_epochs: usize,
        /// Whether its parameters are now the ones that are kept.
        is_kept: bool,
    },
    /// Everything needed to go on from here is on the disk.
    Saved {
        /// Epochs that are done.
        epoch: usize,
        /// Steps of the next epoch that are done.
        step: usize,
    },
    /// Something that the user should know but that stops nothing.
    Warning(&'a str),
    /// The training ended.
    Stopped(&'a Ending),
}

/// How far an epoch has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// Epochs in all.
    pub n_epochs: usize,
    /// Steps of this epoch that are done.
    pub step: usize,
    /// Steps of an epoch.
    pub n_steps: usize,
    /// Mean loss of this epoch so far.
    pub loss: f64,
    /// Share right of this epoch so far.
    pub accuracy: f64,
    /// Training images per second of this epoch so far.
    pub images_per_second: f64,
}

/// Why a training ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// All epochs were made.
    Finished,
    /// Validation stopped improving.
    StoppedEarly {
        /// The last epoch, counted from 1.
        epoch: usize,
        /// Epochs without improvement.
        patience: usize,
    },
    /// The stop flag was raised. The state is saved.
    Interrupted {
        /// Epochs that are done.
        epoch: usize,
        /// Steps of the next epoch that are done.
        step: usize,
    },
    /// There was nothing left to do: the run had ended before, and nothing was changed.
    NothingToDo,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished => f.write_str("all epochs are done"),
            Self::StoppedEarly { epoch, patience } => {
                write!(f, "stopped early after epoch {epoch}: no better validation loss for {patience} epochs")
            }
            Self::Interrupted { epoch, step } => {
                write!(f, "interrupted after step {step} of epoch {}; the state is saved", epoch + 1)
            }
            Self::NothingToDo => f.write_str("the run had ended before; nothing was changed"),
        }
    }
}
