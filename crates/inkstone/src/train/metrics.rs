//! The lines of `metrics.jsonl` and `metrics.csv`, and what the curves that they draw say in words.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// One epoch in numbers: a line of `metrics.jsonl`, with these names in this order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// Counted from 1.
    pub epoch: usize,
    /// Steps since the start of training.
    pub step: u64,
    /// Mean loss over the epoch's training images, as they were met (augmented, while the parameters moved).
    pub train_loss: f64,
    /// Share of them that was right.
    pub train_accuracy: f64,
    /// Mean loss over the validation part after the epoch; none where there is no validation part.
    pub validation_loss: Option<f64>,
    /// Share of the validation part that was right.
    pub validation_accuracy: Option<f64>,
    /// The epoch's last step size.
    pub learning_rate: f32,
    /// Time in training steps, batch assembly included.
    pub train_seconds: f64,
    /// Training images per second of that time.
    pub images_per_second: f64,
}

/// The file `metrics.jsonl`: a line per epoch.
pub fn to_jsonl(metrics: &[EpochMetrics]) -> String {
    metrics.iter().fold(String::new(), |mut text, line| {
        text += &serde_json::to_string(line).expect("a line has string keys and finite numbers");
        text.push('\n');
        text
    })
}

/// Reads the file `metrics.jsonl`.
///
/// # Errors
/// `Data` with the line that is no line of it.
pub fn parse_jsonl(text: &str) -> Result<Vec<EpochMetrics>> {
    let line = |(i, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|error| {
            let error = Error::mismatch(ErrorKind::Data, "the metrics of an epoch", error.to_string());
            error.with_place(format!("line {}", i + 1))
        })
    };
    text.lines().enumerate().map(line).collect()
}

/// The file `metrics.csv`: the same with a header; what is missing is empty.
pub fn to_csv(metrics: &[EpochMetrics]) -> String {
    const HEADER: &str = "epoch,step,train_loss,train_accuracy,validation_loss,validation_accuracy,learning_rate,\
                          train_seconds,images_per_second\n";
    let or_empty = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let row = |line: &EpochMetrics| {
        let columns = [
            line.epoch.to_string(),
            line.step.to_string(),
            line.train_loss.to_string(),
            line.train_accuracy.to_string(),
            or_empty(line.validation_loss),
            or_empty(line.validation_accuracy),
            line.learning_rate.to_string(),
            line.train_seconds.to_string(),
            line.images_per_second.to_string(),
        ];
        columns.join(",") + "\n"
    };
    HEADER.to_owned() + &metrics.iter().map(row).collect::<String>()
}

/// A rise of the validation loss above its lowest value that is more than noise.
const RISE: f64 = 1.1;
/// A fall of the validation loss in one epoch that promises more.
const FALL: f64 = 0.98;
/// A lead in accuracy on the training part that means it was learned by heart.
const LEAD: f64 = 0.03;
/// A training accuracy below which the network has not learned its own training part.
const LOW: f64 = 0.9;

/// What curves of loss and accuracy say of the fit.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Verdict {
    /// No epoch has ended.
    NoEpoch,
    /// There is no validation part to tell by.
    NoValidation,
    /// Overfitted: the validation loss turned upwards while the training loss went on falling.
    Rising {
        /// The epoch of the lowest validation loss.
        since: usize,
        /// Validation loss then and at the end.
        validation: [f64; 2],
        /// Training loss then and at the end.
        training: [f64; 2],
    },
    /// Overfitted: training is far more accurate than validation.
    Memorised {
        /// Accuracy in training and in validation.
        accuracy: [f64; 2],
    },
    /// One epoch is too little to tell.
    OneEpoch {
        /// Loss in training and in validation.
        loss: [f64; 2],
    },
    /// Underfitted: the validation loss still fell in the last epoch.
    Unfinished {
        /// Validation loss before the last epoch and after it.
        validation: [f64; 2],
    },
    /// Underfitted: level, but not even the training part was learned.
    Limited {
        /// Accuracy in training.
        accuracy: f64,
    },
    /// Level, and as good in validation as in training.
    WellFitted {
        /// Validation loss.
        loss: f64,
        /// Accuracy in training and in validation.
        accuracy: [f64; 2],
    },
}

/// Whether the curves look under- or overfitted.
///
/// Asked in this order: did the validation loss turn upwards while the training loss went on falling (overfitted)? Is
/// training far more accurate than validation (overfitted)? Did the validation loss still fall in the last epoch
/// (unfinished)? Is even the training accuracy low (underfitted)? Else they are level.
pub fn verdict(metrics: &[EpochMetrics]) -> Verdict {
    let (Some(first), Some(last)) = (metrics.first(), metrics.last()) else { return Verdict::NoEpoch };
    let lowest = lowest_validation(metrics);
    let (Some(lowest), Some(loss), Some(accuracy)) = (lowest, last.validation_loss, last.validation_accuracy) else {
        return Verdict::NoValidation;
    };
    let lowest_loss = lowest.validation_loss.unwrap_or(loss);
    let both = [last.train_accuracy, accuracy];
    if loss > RISE * lowest_loss && last.train_loss < lowest.train_loss {
        let training = [lowest.train_loss, last.train_loss];
        return Verdict::Rising { since: lowest.epoch, validation: [lowest_loss, loss], training };
    }
    if last.train_accuracy - accuracy > LEAD {
        return Verdict::Memorised { accuracy: both };
    }
    if metrics.len() == 1 {
        return Verdict::OneEpoch { loss: [first.train_loss, loss] };
    }
    let before = metrics[metrics.len() - 2].validation_loss.unwrap_or(loss);
    if lowest.epoch == last.epoch && loss < FALL * before {
        return Verdict::Unfinished { validation: [before, loss] };
    }
    if last.train_accuracy < LOW {
        return Verdict::Limited { accuracy: last.train_accuracy };
    }
    Verdict::WellFitted { loss, accuracy: both }
}

/// The [`verdict`] in one sentence.
pub fn judge_curves(metrics: &[EpochMetrics]) -> String {
    verdict(metrics).to_string()
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: &f64| 100.0 * share;
        match self {
            Self::NoEpoch => f.write_str("no epoch has ended yet, so there are no curves to judge"),
            Self::NoValidation => {
                f.write_str("without a validation part nothing shows whether the network generalises")
            }
            Self::Rising { since, validation: [lowest, loss], training: [before, now] } => write!(
                f,
                "the curves look overfitted: since epoch {since} the validation loss rose from {lowest:.4} to {loss:.4} \
                 while the training loss fell from {before:.4} to {now:.4}; augmentation, dropout or weight decay help"
            ),
            Self::Memorised { accuracy: [training, validation] } => write!(
                f,
                "the curves look overfitted: {:.1} % right in training, {:.1} % in validation; more or augmented images \
                 help",
                percent(training),
                percent(validation)
            ),
            Self::OneEpoch { loss: [training, validation] } => write!(
                f,
                "one epoch is too little to judge the curves: training loss {training:.4}, validation loss {validation:.4}"
            ),
            Self::Unfinished { validation: [before, loss] } => write!(
                f,
                "the curves look underfitted: the validation loss still fell in the last epoch ({before:.4} to \
                 {loss:.4}); more epochs would help"
            ),
            Self::Limited { accuracy } => write!(
                f,
                "the curves look underfitted: they are level at {:.1} % right in training; a larger network, or another \
                 learning rate, may help",
                percent(accuracy)
            ),
            Self::WellFitted { loss, accuracy: [training, validation] } => write!(
                f,
                "the curves look well fitted: level at a validation loss of {loss:.4}, training and validation {:.1} % and \
                 {:.1} % right",
                percent(training),
                percent(validation)
            ),
        }
    }
}

/// The first epoch with the lowest validation loss.
pub(crate) fn lowest_validation(metrics: &[EpochMetrics]) -> Option<&EpochMetrics> {
    let measured = metrics.iter().filter(|line| line.validation_loss.is_some());
    measured.reduce(|best, line| if line.validation_loss < best.validation_loss { line } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(epoch: usize, train: (f64, f64), validation: (f64, f64)) -> EpochMetrics {
        EpochMetrics {
            epoch,
            step: 10 * epoch as u64,
            train_loss: train.0,
            train_accuracy: train.1,
            validation_loss: Some(validation.0),
            validation_accuracy: Some(validation.1),
            learning_rate: 0.001,
            train_seconds: 1.5,
            images_per_second: 20.0,
        }
    }

    /// Loss and accuracy.
    type Pair = (f64, f64);

    fn check(curves: &[(Pair, Pair)], expected: &str) {
        let metrics: Vec<_> =
            curves.iter().enumerate().map(|(i, &(train, validation))| line(i + 1, train, validation)).collect();
        let sentence = judge_curves(&metrics);
        assert!(sentence.contains(expected), "{sentence}");
        assert_eq!(sentence.lines().count(), 1);
    }

    #[test]
    fn the_curves_are_judged_in_words() {
        check(&[], "no epoch");
        check(&[((0.2, 0.94), (0.1, 0.97))], "one epoch is too little");
        check(&[((0.3, 0.9), (0.2, 0.94)), ((0.1, 0.97), (0.1, 0.97))], "underfitted: the validation loss still fell");
        check(&[((0.3, 0.9), (0.2, 0.94)), ((0.1, 0.97), (0.3, 0.94))], "overfitted: since epoch 1");
        check(&[((0.3, 0.9), (0.2, 0.94)), ((0.01, 1.0), (0.2, 0.94))], "overfitted: 100.0 % right");
        check(&[((0.9, 0.6), (0.9, 0.6)), ((0.9, 0.6), (0.9, 0.6))], "underfitted: they are level");
        check(&[((0.05, 0.99), (0.06, 0.98)), ((0.04, 0.99), (0.06, 0.98))], "well fitted");
    }

    #[test]
    fn a_line_has_the_names_and_order_of_the_contract() {
        let metrics = [line(1, (0.5, 0.75), (0.25, 0.875))];
        assert_eq!(
            to_jsonl(&metrics),
            "{\"epoch\":1,\"step\":10,\"train_loss\":0.5,\"train_accuracy\":0.75,\"validation_loss\":0.25,\
             \"validation_accuracy\":0.875,\"learning_rate\":0.001,\"train_seconds\":1.5,\"images_per_second\":20.0}\n"
        );
        assert_eq!(parse_jsonl(&to_jsonl(&metrics)).unwrap(), metrics);
        assert!(parse_jsonl("{}\n").unwrap_err().to_string().starts_with("line 1: expected the metrics of an epoch"));
        assert_eq!(to_csv(&metrics).lines().nth(1), Some("1,10,0.5,0.75,0.25,0.875,0.001,1.5,20"));
    }
}
