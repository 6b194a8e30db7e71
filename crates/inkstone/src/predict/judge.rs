//! From logits and features to a decision: answer, set, or abstain with reasons. The one place where that is decided.

use super::{Decision, Predictor, argmax};
use crate::data::{Image, ink};
use crate::error::{Error, ErrorKind, Result};
use crate::parallel::Pool;
use crate::trust::{Sets, write_softened};

/// Images whose features are in memory at once.
const AT_ONCE: usize = 512;

/// Why a model abstains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The picture cannot be read: a rule for ink says why.
    Ink(ink::Reason),
    /// Every pixel is the same.
    Blank,
    /// It is too far from everything that the model was trained on.
    UnlikeTrainingData,
    /// It may be too many classes for their names to help.
    Ambiguous,
    /// It is not as sure as the share of errors that was asked for needs.
    BelowMaxError,
}

/// What to make of one sign.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdict {
    /// Answer, set or abstain.
    pub decision: Decision,
    /// The labels that it may be, the most probable first.
    pub set: Vec<usize>,
    /// Why it abstains; empty where it does not.
    pub reasons: Vec<Reason>,
}

/// What a model makes of images, each as one sign, row by row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Judged {
    /// n × classes, as they come from the network.
    pub logits: Vec<f32>,
    /// n × classes, after the temperature.
    pub probabilities: Vec<f64>,
    /// How unlike the training images each is; empty where the model cannot tell.
    novelty: Vec<f64>,
    /// Whether every pixel is the same.
    is_blank: Vec<bool>,
}

impl Reason {
    /// The word under `reasons` in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ink(reason) => reason.name(),
            Self::Blank => "blank",
            Self::UnlikeTrainingData => "unlike_training_data",
            Self::Ambiguous => "ambiguous",
            Self::BelowMaxError => "below_max_error",
        }
    }
}

impl Judged {
    /// How unlike the training images image i is: 0 is ordinary, above 1 is refused. None where the model cannot tell.
    pub fn novelty(&self, i: usize) -> Option<f64> {
        self.novelty.get(i).copied()
    }

    /// The probabilities of image i.
    pub fn row(&self, i: usize) -> &[f64] {
        let n_classes = self.probabilities.len() / self.is_blank.len();
        &self.probabilities[i * n_classes..][..n_classes]
    }

    /// What to make of image i, by the model that judged it.
    pub fn verdict(&self, predictor: &Predictor, i: usize) -> Verdict {
        predictor.decide(self.row(i), self.novelty(i), self.is_blank[i])
    }

    /// Puts others behind these.
    pub fn append(&mut self, others: Self) {
        self.logits.extend(others.logits);
        self.probabilities.extend(others.probabilities);
        self.novelty.extend(others.novelty);
        self.is_blank.extend(others.is_blank);
    }
}

impl Predictor {
    /// Takes only answers among which no more than a share of `max_error` is to be expected wrong, by the calibration
    /// images; abstains from all others. Sets are answered or abstained from by the same rule.
    ///
    /// # Errors
    /// `Usage` where the model has no review curve, or no confidence of its curve promises so few errors.
    pub fn with_max_error(mut self, max_error: f64) -> Result<Self> {
        let expected =
            |expected: &str, found: String| Error::mismatch(ErrorKind::Usage, expected, found).with_place("max_error");
        if !(0.0..=1.0).contains(&max_error) {
            return Err(expected("a share of errors from 0 to 1", max_error.to_string()));
        }
        let Some(trust) = &self.checkpoint.trust else {
            return Err(expected("a model that was calibrated", "one without a review curve".to_owned())
                .with_help("train it with a validation part; older models have none"));
        };
        let Some(point) = trust.review.least_confidence(max_error) else {
            let least = trust.review.least_error().map_or_else(|| "none".to_owned(), |least| format!("{least:.5}"));
            let n = trust.n;
            return Err(expected(&format!("an error of at least {least}"), max_error.to_string())
                .with_help(format!("the {n} calibration images cannot promise fewer: calibrate with more")));
        };
        self.least_confidence = Some(point.confidence);
        Ok(self)
    }

    /// What the model makes of `n` images, each as one sign; image i is asked for with `image(i)`, from any thread.
    pub fn judge<'a>(&self, pool: &Pool, n: usize, image: &(dyn Fn(usize) -> Image<'a> + Sync)) -> Judged {
        let is_blank = (0..n).map(|i| is_blank(image(i))).collect();
        self.judge_inputs(pool, is_blank, &|i, values| self.write_image(image(i), values))
    }

    /// The same for inputs as the network takes them, each written by `write(i, values)`.
    pub(super) fn judge_inputs(
        &self,
        pool: &Pool,
        is_blank: Vec<bool>,
        write: &(dyn Fn(usize, &mut [f32]) + Sync),
    ) -> Judged {
        let n = is_blank.len();
        let Some(trust) = &self.checkpoint.trust else {
            let logits = self.engine.logits(pool, &self.packed, n, write);
            return Judged { probabilities: self.soften(pool, &logits), logits, novelty: Vec::new(), is_blank };
        };
        let (mut logits, mut novelty) = (Vec::with_capacity(n * self.classes().len()), Vec::with_capacity(n));
        let n_features = self.engine.n_features();
        for first in (0..n).step_by(AT_ONCE) {
            let n = AT_ONCE.min(n - first);
            let outputs = self.engine.outputs(pool, &self.packed, n, &|i, values| write(first + i, values));
            logits.extend(outputs.logits);
            let features = |i: usize| &outputs.features[i * n_features..][..n_features];
            novelty.extend(pool.map(n, |i| trust.novelty.of(features(i))));
        }
        Judged { probabilities: self.soften(pool, &logits), logits, novelty, is_blank }
    }

    /// Row by row: the softmax of the logits divided by the model's temperature, in `f64`.
    pub(super) fn soften(&self, pool: &Pool, logits: &[f32]) -> Vec<f64> {
        /// Rows per task: a softmax takes a microsecond or less.
        const ROWS: usize = 128;
        let temperature = self.checkpoint.trust.as_ref().map_or(1.0, |trust| trust.temperature);
        let n_classes = self.classes().len();
        let mut probabilities = vec![0.0; logits.len()];
        pool.for_each_chunk(&mut probabilities, ROWS * n_classes, |task, probabilities| {
            let logits = logits[task * ROWS * n_classes..].chunks_exact(n_classes);
            for (row, logits) in probabilities.chunks_exact_mut(n_classes).zip(logits) {
                write_softened(logits, temperature, row);
            }
        });
        probabilities
    }

    /// What to make of one sign: what every door shows.
    pub fn decide(&self, probabilities: &[f64], novelty: Option<f64>, is_blank: bool) -> Verdict {
        let best = argmax(probabilities);
        let mut set = self.checkpoint.trust.as_ref().map_or_else(|| vec![best], |trust| trust.sets.of(probabilities));
        let mut reasons = Vec::new();
        if is_blank {
            reasons.push(Reason::Blank);
        } else if novelty.is_some_and(|novelty| novelty > 1.0) {
            reasons.push(Reason::UnlikeTrainingData);
        }
        match self.least_confidence {
            Some(least) if probabilities[best] >= least => set = vec![best],
            Some(_) => reasons.push(Reason::BelowMaxError),
            None if !Sets::helps(set.len(), probabilities.len()) => reasons.push(Reason::Ambiguous),
            None => {}
        }
        let decision = match (reasons.is_empty(), set.len()) {
            (false, _) => Decision::Abstain,
            (true, 1) => Decision::Answer,
            (true, _) => Decision::Set,
        };
        Verdict { decision, set, reasons }
    }
}

/// Whether every pixel is the same: such an image shows nothing, whatever a network says of it.
pub(super) fn is_blank(image: Image<'_>) -> bool {
    let channels = image.size.channels.max(1);
    let first = image.pixels.get(..channels).unwrap_or_default();
    image.pixels.chunks_exact(channels).all(|pixel| pixel == first)
}
