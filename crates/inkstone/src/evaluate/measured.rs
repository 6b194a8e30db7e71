//! What a model says of samples whose labels are known: what every figure of a report is computed from.

use super::metrics;
use crate::predict::{Judged, argmax};

/// Labels and probabilities of some samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Which samples of the dataset, in the order of the rest.
    pub indices: Vec<u32>,
    /// The true label of each, as the model numbers its classes.
    pub labels: Vec<u32>,
    /// Row by row, one row of `n_classes` per sample.
    pub probabilities: Vec<f64>,
    /// How many classes the model has.
    pub n_classes: usize,
    /// What decisions are made from; none where probabilities are all that is known.
    pub judged: Option<Judged>,
}

impl Measured {
    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The probabilities of the k-th sample.
    pub fn row(&self, k: usize) -> &[f64] {
        &self.probabilities[k * self.n_classes..][..self.n_classes]
    }

    /// The most probable class of the k-th sample.
    pub fn predicted(&self, k: usize) -> u32 {
        argmax(self.row(k)) as u32
    }

    /// The most probable class of each.
    pub fn all_predicted(&self) -> Vec<u32> {
        metrics::predicted(&self.probabilities, self.n_classes)
    }

    /// The largest probability of the k-th sample.
    pub fn confidence(&self, k: usize) -> f64 {
        self.row(k)[argmax(self.row(k))]
    }

    /// Whether the k-th sample is taken for what it is.
    pub fn is_right(&self, k: usize) -> bool {
        self.predicted(k) == self.labels[k]
    }

    /// The mistakes, the surest first; of equally sure ones the first.
    ///
    /// ```
    /// let measured = inkstone::evaluate::Measured {
    ///     indices: vec![7, 8, 9],
    ///     labels: vec![0, 1, 1],
    ///     probabilities: vec![0.4, 0.6, 0.2, 0.8, 0.9, 0.1],
    ///     n_classes: 2,
    ///     judged: None,
    /// };
    /// assert_eq!(measured.mistakes(), [2, 0]);
    /// ```
    pub fn mistakes(&self) -> Vec<usize> {
        let mut mistakes: Vec<usize> = (0..self.len()).filter(|&k| !self.is_right(k)).collect();
        mistakes.sort_by(|&a, &b| self.confidence(b).total_cmp(&self.confidence(a)).then(a.cmp(&b)));
        mistakes
    }
}
