//! Confidence against the truth: bins of equal confidence, and how many images need no person when few errors are allowed.

use super::measured::Measured;
use super::metrics::{Interval, N_BINS, bin_of, wilson_interval};

/// The samples whose confidence is in ((m−1)/15, m/15]: a bin of the calibration error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// How many samples.
    pub n: u64,
    /// Their mean confidence; NaN without samples.
    pub confidence: f64,
    /// The share that is right, with its Wilson interval.
    pub accuracy: Interval,
}

/// All bins, from unsure to sure.
///
/// ```
/// use inkstone::evaluate::{Measured, bins};
/// let probabilities = vec![0.75, 0.25, 0.75, 0.25];
/// let (indices, labels) = (vec![0, 1], vec![0, 1]);
/// let measured = Measured { indices, labels, probabilities, n_classes: 2, judged: None };
/// let bin = bins(&measured)[11]; // 11/15 = 0.733 to 0.8
/// assert_eq!((bin.n, bin.confidence, bin.accuracy.value), (2, 0.75, 0.5));
/// ```
pub fn bins(measured: &Measured) -> Vec<Bin> {
    let mut sums = [(0_u64, 0_u64, 0.0_f64); N_BINS]; // samples, right, confidence
    for k in 0..measured.len() {
        let confidence = measured.confidence(k);
        let sum = &mut sums[bin_of(confidence)];
        *sum = (sum.0 + 1, sum.1 + u64::from(measured.is_right(k)), sum.2 + confidence);
    }
    let bin = |(m, (n, right, confidence)): (usize, (u64, u64, f64))| Bin {
        low: m as f64 / N_BINS as f64,
        high: (m + 1) as f64 / N_BINS as f64,
        n,
        confidence: confidence / n as f64,
        accuracy: wilson_interval(right, n),
    };
    sums.into_iter().enumerate().map(bin).collect()
}

/// What is accepted without a person, the surest first, against the errors among it.
#[derive(Debug, Clone, PartialEq)]
pub struct ReviewCurve {
    /// After each group of equally sure samples: how many are accepted, how many of these are wrong, their least confidence.
    steps: Vec<(u64, u64, f64)>,
    n: u64,
}

/// One way to work: answers from a confidence on are accepted, the rest goes to a person.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OperatingPoint {
    /// The share of wrong answers that was allowed.
    pub max_error: f64,
    /// The least confidence that is accepted.
    pub confidence: f64,
    /// The share of images that is accepted.
    pub accepted: f64,
    /// How many were accepted.
    pub n_accepted: u64,
    /// How many of these were wrong.
    pub n_wrong: u64,
    /// The share of wrong answers among them, with its Wilson interval.
    pub error: Interval,
}

impl ReviewCurve {
    /// Orders the samples by confidence.
    pub fn of(measured: &Measured) -> Self {
        let mut order: Vec<(f64, bool)> =
            (0..measured.len()).map(|k| (measured.confidence(k), measured.is_right(k))).collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut steps: Vec<(u64, u64, f64)> = Vec::new();
        let (mut n, mut wrong) = (0, 0);
        for (confidence, is_right) in order {
            (n, wrong) = (n + 1, wrong + u64::from(!is_right));
            match steps.last_mut().filter(|step| step.2 == confidence) {
                Some(last) => *last = (n, wrong, confidence),
                None => steps.push((n, wrong, confidence)),
            }
        }
        Self { steps, n }
    }

    /// The share that is accepted and the share of errors among it, thinned to at most `most` points and the last.
    pub fn curve(&self, most: usize) -> Vec<(f64, f64)> {
        let stride = self.steps.len().div_ceil(most.max(1)).max(1);
        let is_kept = |i: usize| i % stride == 0 || i + 1 == self.steps.len();
        let point = |&(n, wrong, _): &(u64, u64, f64)| (n as f64 / self.n as f64, wrong as f64 / n as f64);
        self.steps.iter().enumerate().filter(|&(i, _)| is_kept(i)).map(|(_, step)| point(step)).collect()
    }

    /// The most that can be accepted with at most this share of errors among it; none where even the surest answer is
    /// wrong too often. Chosen by the very images that it is measured on: new ones will do a little worse, within `error`.
    ///
    /// ```
    /// use inkstone::evaluate::{Measured, ReviewCurve};
    /// let probabilities = vec![0.9, 0.1, 0.8, 0.2, 0.7, 0.3, 0.6, 0.4];
    /// let (indices, labels) = (vec![0, 1, 2, 3], vec![0, 0, 1, 0]);
    /// let measured = Measured { indices, labels, probabilities, n_classes: 2, judged: None };
    /// let point = ReviewCurve::of(&measured).at(0.0).expect("the two surest are right");
    /// assert_eq!((point.accepted, point.confidence), (0.5, 0.8));
    /// assert_eq!(ReviewCurve::of(&measured).at(0.25).map(|point| point.n_wrong), Some(1));
    /// ```
    pub fn at(&self, max_error: f64) -> Option<OperatingPoint> {
        let is_allowed = |&&(n, wrong, _): &&(u64, u64, f64)| wrong as f64 <= max_error * n as f64;
        self.steps.iter().rev().find(is_allowed).map(|step| OperatingPoint { max_error, ..self.point(step) })
    }

    /// What answers of at least this confidence come to; none where there is no such answer. Its `max_error` is the error
    /// that was measured.
    pub fn from(&self, confidence: f64) -> Option<OperatingPoint> {
        self.steps
            .iter()
            .rev()
            .find(|step| step.2 >= confidence)
            .map(|step| OperatingPoint { confidence, ..self.point(step) })
    }

    fn point(&self, &(n, wrong, confidence): &(u64, u64, f64)) -> OperatingPoint {
        OperatingPoint {
            max_error: wrong as f64 / n as f64,
            confidence,
            accepted: n as f64 / self.n as f64,
            n_accepted: n,
            n_wrong: wrong,
            error: wilson_interval(wrong, n),
        }
    }

    /// How many samples there are.
    pub fn n(&self) -> u64 {
        self.n
    }
}
