//! How far each figure of a report may be off because other images could have been measured: 95 % intervals.
//!
//! Shares of images (accuracy, recall, precision, top k) have Wilson's interval. F1 = 2j / (1 + j) with j = tp / (tp + fp +
//! fn), the share of the images in question that are right: its interval is that of j, carried over. It is exact where the
//! bootstrap is not, near 1, where resampling mistakes that did not happen gives an interval of no width. Means over classes,
//! the log loss and the calibration error are no shares: they are computed anew from samples drawn with replacement
//! (Efron & Tibshirani, "An Introduction to the Bootstrap", 1993), and the interval is from the 2.5th to the 97.5th percentile.

use serde::{Deserialize, Serialize};

use super::confusion::Average;
use super::measured::Measured;
use super::metrics::{Interval, N_BINS, bin_of, brier_of, loss_of, wilson_interval};
use super::report::{Report, TopK};
use crate::parallel::Pool;
use crate::predict::argmax;
use crate::rng::{Operation, Rng};

/// The 95 % intervals of a report's figures, except accuracy's, which stands with its figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Intervals {
    /// How sure each is to hold what it promises: 0.95.
    pub confidence: f64,
    /// How often the samples were drawn anew.
    pub resamples: usize,
    /// Mean of −ln p(label).
    pub log_loss: Interval,
    /// Mean of Σ (p − truth)².
    pub brier_score: Interval,
    /// The calibration error as it is measured. Other images of a model without any error would also show some.
    pub calibration_error: Interval,
    /// The share of samples whose class is among the k likeliest.
    pub top_k_accuracy: Vec<TopKInterval>,
    /// The mean over classes.
    #[serde(rename = "macro")]
    pub macro_average: ScoreIntervals,
    /// The mean over classes, weighted by their numbers of images.
    #[serde(rename = "weighted")]
    pub weighted_average: ScoreIntervals,
    /// Each class, in the report's order.
    pub classes: Vec<ClassIntervals>,
}

/// Precision, recall and F1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ScoreIntervals {
    /// How many of the answers are right.
    pub precision: Interval,
    /// How many of the images are found.
    pub recall: Interval,
    /// The harmonic mean of the two.
    pub f1: Interval,
}

/// Those of one class. A class without images or answers has intervals from 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassIntervals {
    /// The class's name.
    pub name: String,
    /// Its scores.
    #[serde(flatten)]
    pub scores: ScoreIntervals,
}

/// One point of the top-k curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TopKInterval {
    /// How many guesses count.
    pub k: usize,
    /// Its share.
    #[serde(flatten)]
    pub share: Interval,
}

/// How often samples are drawn anew: percentiles are then right to about a tenth of the interval's width.
const RESAMPLES: usize = 1000;
/// Larger sets are drawn less often, as their figures vary less: so many draws in all, but at least [`FEWEST`] times.
const MOST_DRAWS: usize = 200_000_000;
const FEWEST: usize = 200;

impl Intervals {
    /// The intervals of a report's figures, from what it was made of. The draws depend on nothing but the number of samples:
    /// the same model and data give the same intervals.
    pub fn of(report: &Report, measured: &Measured, pool: &Pool) -> Self {
        let n = measured.len();
        let resamples = (MOST_DRAWS / n.max(1)).clamp(FEWEST, RESAMPLES);
        let drawn = Drawn::new(measured);
        let figures = if n == 0 { Vec::new() } else { pool.map(resamples, |b| drawn.figures(b as u32)) };
        let between = |value: f64, of: fn(&Figures) -> f64| percentiles(value, figures.iter().map(of).collect());
        let (log_loss, error) = (report.log_loss, report.calibration_error);
        let right = report.confusion_matrix.n_correct();
        // Mistakes that did not happen cannot be drawn again.
        let mean = |value: f64, of: fn(&Figures) -> f64| {
            let accuracy = report.accuracy;
            if right == n as u64 { Interval { value, ..accuracy } } else { between(value, of) }
        };
        let (by_class, by_image) = (report.macro_average, report.weighted_average);
        Self {
            confidence: 0.95,
            resamples: figures.len(),
            log_loss: between(log_loss, |figures| figures.log_loss),
            brier_score: between(report.brier_score, |figures| figures.brier_score),
            calibration_error: centred(between(error, |figures| figures.calibration_error), &figures),
            top_k_accuracy: report.top_k_accuracy.iter().map(|top| top_k(*top, n)).collect(),
            macro_average: ScoreIntervals {
                precision: mean(by_class.precision, |figures| figures.by_class.precision),
                recall: mean(by_class.recall, |figures| figures.by_class.recall),
                f1: mean(by_class.f1, |figures| figures.by_class.f1),
            },
            weighted_average: ScoreIntervals {
                precision: mean(by_image.precision, |figures| figures.by_image.precision),
                recall: report.accuracy, // Weighted by images, recall is accuracy.
                f1: mean(by_image.f1, |figures| figures.by_image.f1),
            },
            classes: classes(report),
        }
    }
}

fn top_k(top: TopK, n: usize) -> TopKInterval {
    TopKInterval { k: top.k, share: wilson_interval((top.value * n as f64).round() as u64, n as u64) }
}

fn classes(report: &Report) -> Vec<ClassIntervals> {
    let rows = report.confusion_matrix.rows();
    let scores = |(class, scores): (usize, &super::ClassScores)| {
        let right = rows[class][class];
        let answers: u64 = rows.iter().map(|row| row[class]).sum();
        ClassIntervals {
            name: scores.name.clone(),
            scores: ScoreIntervals {
                precision: share(right, answers, scores.precision),
                recall: share(right, scores.support, scores.recall),
                f1: f1_interval(right, answers + scores.support - right, scores.f1),
            },
        }
    };
    report.classes.iter().enumerate().map(scores).collect()
}

/// Wilson's interval; of nothing, all is possible.
fn share(k: u64, n: u64, value: f64) -> Interval {
    if n == 0 { Interval { value, low: 0.0, high: 1.0 } } else { wilson_interval(k, n) }
}

/// The interval of F1: `right` of the `n` images that are of the class or taken for it are both.
fn f1_interval(right: u64, n: u64, value: f64) -> Interval {
    let Interval { low, high, .. } = share(right, n, value);
    let f1 = |j: f64| 2.0 * j / (1.0 + j);
    Interval { value, low: f1(low), high: f1(high) }
}

/// From the 2.5th to the 97.5th percentile, between neighbours by straight lines.
fn percentiles(value: f64, mut figures: Vec<f64>) -> Interval {
    figures.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = share * (figures.len().saturating_sub(1)) as f64;
        let (below, rest) = (place.floor() as usize, place.fract());
        match (figures.get(below), figures.get(below + 1)) {
            (Some(low), Some(high)) => low + rest * (high - low),
            (Some(last), None) => *last,
            _ => f64::NAN,
        }
    };
    Interval { value, low: at(0.025), high: at(0.975) }
}

/// A calibration error of drawn samples is larger than that of all, by what the drawing itself adds: the percentiles are
/// moved back by as much.
fn centred(interval: Interval, figures: &[Figures]) -> Interval {
    let mean = figures.iter().map(|figures| figures.calibration_error).sum::<f64>() / figures.len() as f64;
    let shift = mean - interval.value;
    Interval { low: (interval.low - shift).max(0.0), high: (interval.high - shift).max(0.0), ..interval }
}

/// The figures of one draw.
#[derive(Debug, Clone, Copy)]
struct Figures {
    log_loss: f64,
    brier_score: f64,
    calibration_error: f64,
    by_class: Average,
    by_image: Average,
}

/// What each sample adds to sums.
struct Drawn {
    samples: Vec<Addend>,
    n_classes: usize,
}

struct Addend {
    label: u32,
    predicted: u32,
    bin: u32,
    loss: f64,
    brier: f64,
    /// Right (1) or not (0), minus the confidence.
    gap: f64,
}

impl Drawn {
    fn new(measured: &Measured) -> Self {
        let addend = |k: usize| {
            let (row, label) = (measured.row(k), measured.labels[k]);
            let best = argmax(row);
            Addend {
                label,
                predicted: best as u32,
                bin: bin_of(row[best]) as u32,
                loss: loss_of(row[label as usize]),
                brier: brier_of(label as usize, row),
                gap: f64::from(u8::from(best == label as usize)) - row[best],
            }
        };
        Self { samples: (0..measured.len()).map(addend).collect(), n_classes: measured.n_classes }
    }

    /// The figures of the b-th draw of as many samples as there are.
    fn figures(&self, b: u32) -> Figures {
        let n = self.samples.len();
        let mut rng = Rng::new(0, b, n as u32, Operation::Bootstrap);
        let (mut loss, mut brier, mut gaps) = (0.0, 0.0, [0.0_f64; N_BINS]);
        let mut counts = vec![[0_u32; 3]; self.n_classes]; // right, images, answers
        let mut left = n;
        while left > 0 {
            // ⌊u · n / 2³²⌋: uneven by less than n / 2³².
            for bits in rng.next_four().into_iter().take(left) {
                let sample = &self.samples[((u64::from(bits) * n as u64) >> 32) as usize];
                loss += sample.loss;
                brier += sample.brier;
                gaps[sample.bin as usize] += sample.gap;
                counts[sample.label as usize][1] += 1;
                counts[sample.predicted as usize][2] += 1;
                counts[sample.label as usize][0] += u32::from(sample.label == sample.predicted);
            }
            left = left.saturating_sub(4);
        }
        let n = n as f64;
        let error = gaps.iter().map(|gap| gap.abs()).sum::<f64>() / n;
        let (by_class, by_image) = (average(&counts, |_| 1.0), average(&counts, f64::from));
        Figures { log_loss: loss / n, brier_score: brier / n, calibration_error: error, by_class, by_image }
    }
}

/// The mean of the classes' scores, each with a weight of its number of images.
fn average(counts: &[[u32; 3]], weight: fn(u32) -> f64) -> Average {
    let ratio = |a: u32, b: u32| if b == 0 { 0.0 } else { f64::from(a) / f64::from(b) };
    let total: f64 = counts.iter().map(|&[_, images, _]| weight(images)).sum();
    let mean = |score: &dyn Fn(u32, u32, u32) -> f64| {
        let of = |&[right, images, answers]: &[u32; 3]| weight(images) * score(right, images, answers);
        counts.iter().map(of).sum::<f64>() / total
    };
    Average {
        precision: mean(&|right, _, answers| ratio(right, answers)),
        recall: mean(&|right, images, _| ratio(right, images)),
        f1: mean(&|right, images, answers| ratio(2 * right, images + answers)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::{About, DataInfo, ModelInfo};

    fn report(measured: &Measured) -> Report {
        let model = ModelInfo { name: String::new(), sha256: String::new(), kept_epoch: None };
        let data = DataInfo { source: String::new(), part: String::new(), n: 0, fingerprint: String::new() };
        let classes: Vec<String> = (0..measured.n_classes).map(|class| class.to_string()).collect();
        Report::measure(&measured.labels, &measured.probabilities, &classes, About { model, data })
    }

    /// n samples of two classes, every tenth a mistake.
    fn measured(n: usize) -> Measured {
        let row = |k: usize| if (k % 10 == 0) == (k % 2 == 0) { [0.25, 0.75] } else { [0.875, 0.125] };
        Measured {
            indices: (0..n as u32).collect(),
            labels: (0..n as u32).map(|k| k % 2).collect(),
            probabilities: (0..n).flat_map(row).collect(),
            n_classes: 2,
            judged: None,
        }
    }

    #[test]
    fn every_interval_holds_its_figure_and_depends_on_no_thread() {
        let measured = measured(500);
        let report = report(&measured);
        let intervals = Intervals::of(&report, &measured, &Pool::new(1).unwrap());
        assert_eq!(intervals, Intervals::of(&report, &measured, &Pool::new(3).unwrap()));
        let mut all = vec![intervals.log_loss, intervals.brier_score, intervals.calibration_error];
        let scores = intervals.classes.iter().map(|class| class.scores);
        for scores in scores.chain([intervals.macro_average, intervals.weighted_average]) {
            all.extend([scores.precision, scores.recall, scores.f1]);
        }
        for Interval { value, low, high } in all {
            assert!(low < value && value < high && high - low < 0.3, "{low} {value} {high}");
        }
    }

    #[test]
    fn without_mistakes_no_interval_shrinks_to_a_point_and_without_samples_none_is_known() {
        let mut right = measured(40);
        right.labels = right.all_predicted();
        let intervals = Intervals::of(&report(&right), &right, &Pool::new(1).unwrap());
        for interval in [intervals.macro_average.f1, intervals.classes[0].scores.f1, intervals.weighted_average.recall]
        {
            assert!(interval.low < 0.96 && interval.high == 1.0, "{interval:?}");
        }
        let none = measured(0);
        let intervals = Intervals::of(&report(&none), &none, &Pool::new(1).unwrap());
        assert!(intervals.log_loss.low.is_nan() && intervals.calibration_error.high.is_nan());
        assert_eq!(intervals.resamples, 0);
    }
}
