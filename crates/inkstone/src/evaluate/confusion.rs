//! What was seen against what was said: the confusion matrix and the scores of each class that follow from it.
//!
//! Everywhere 0/0 is 0, as scikit-learn's `zero_division=0`.

use serde::{Deserialize, Serialize};

/// `C[i][j]` = images of class i that were taken for class j: rows are the truth, columns the answers.
///
/// ```
/// use inkstone::evaluate::ConfusionMatrix;
/// let matrix = ConfusionMatrix::new(&[0, 0, 1], &[0, 1, 1], 2);
/// assert_eq!(matrix.rows(), [[1, 1], [0, 1]]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConfusionMatrix {
    rows: Vec<Vec<u64>>,
}

/// How well one class is recognised. tp, fp, fn: images rightly, wrongly and not taken for it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scores {
    /// tp / (tp + fp): how many of the answers are right.
    pub precision: f64,
    /// tp / (tp + fn): how many of the images are found.
    pub recall: f64,
    /// 2·tp / (2·tp + fp + fn): the harmonic mean of the two.
    pub f1: f64,
    /// tp + fn: how many images the class has.
    pub support: u64,
}

/// The scores of all classes as one line.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Average {
    /// Mean of the classes' precisions.
    pub precision: f64,
    /// Mean of the classes' recalls.
    pub recall: f64,
    /// Mean of the classes' F1.
    pub f1: f64,
}

/// A pair of classes that are mistaken for one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confusion {
    /// The class of the images.
    pub class: usize,
    /// The class that they were taken for.
    pub taken_for: usize,
    /// How many.
    pub count: u64,
}

impl ConfusionMatrix {
    /// Counts pairs of label and prediction.
    ///
    /// # Panics
    /// If there are not as many predictions as labels, or if one is not below `n_classes`.
    pub fn new(labels: &[u32], predicted: &[u32], n_classes: usize) -> Self {
        assert_eq!(labels.len(), predicted.len(), "every label has a prediction");
        let mut rows = vec![vec![0; n_classes]; n_classes];
        for (&label, &prediction) in labels.iter().zip(predicted) {
            rows[label as usize][prediction as usize] += 1;
        }
        Self { rows }
    }

    /// The counts: one row per class of the truth.
    pub fn rows(&self) -> &[Vec<u64>] {
        &self.rows
    }

    /// How many classes there are.
    pub fn n_classes(&self) -> usize {
        self.rows.len()
    }

    /// How many images were counted.
    pub fn total(&self) -> u64 {
        self.rows.iter().flatten().sum()
    }

    /// How many images were taken for what they are.
    pub fn n_correct(&self) -> u64 {
        (0..self.n_classes()).map(|class| self.rows[class][class]).sum()
    }

    /// How well one class is recognised.
    ///
    /// ```
    /// use inkstone::evaluate::ConfusionMatrix;
    /// let scores = ConfusionMatrix::new(&[0, 0, 0, 1], &[0, 0, 1, 1], 2).scores(1);
    /// assert_eq!((scores.precision, scores.recall, scores.support), (0.5, 1.0, 1));
    /// assert_eq!(scores.f1, 2.0 / 3.0);
    /// ```
    pub fn scores(&self, class: usize) -> Scores {
        let right = self.rows[class][class];
        let support: u64 = self.rows[class].iter().sum();
        let answers: u64 = self.rows.iter().map(|row| row[class]).sum();
        Scores {
            precision: ratio(right as f64, answers as f64),
            recall: ratio(right as f64, support as f64),
            f1: ratio(2.0 * right as f64, (answers + support) as f64),
            support,
        }
    }

    /// The plain mean over all classes, also over those without images: every class counts alike.
    pub fn macro_average(&self) -> Average {
        self.average(|_| 1.0)
    }

    /// The mean over all classes weighted by their number of images: every image counts alike.
    pub fn weighted_average(&self) -> Average {
        self.average(|scores| scores.support as f64)
    }

    fn average(&self, weight: impl Fn(&Scores) -> f64) -> Average {
        let scores: Vec<Scores> = (0..self.n_classes()).map(|class| self.scores(class)).collect();
        let total = scores.iter().map(&weight).sum();
        let mean = |value: fn(&Scores) -> f64| ratio(scores.iter().map(|s| weight(s) * value(s)).sum(), total);
        Average { precision: mean(|s| s.precision), recall: mean(|s| s.recall), f1: mean(|s| s.f1) }
    }

    /// The commonest mistake, the first of equals; none where nothing was mistaken.
    pub fn most_confused(&self) -> Option<Confusion> {
        let mut most: Option<Confusion> = None;
        for (class, row) in self.rows.iter().enumerate() {
            for (taken_for, &count) in row.iter().enumerate() {
                if class != taken_for && count > most.map_or(0, |most| most.count) {
                    most = Some(Confusion { class, taken_for, count });
                }
            }
        }
        most
    }
}

/// a / b, and 0 where b is 0.
fn ratio(a: f64, b: f64) -> f64 {
    if b == 0.0 { 0.0 } else { a / b }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_that_is_neither_there_nor_predicted_scores_zero() {
        let scores = ConfusionMatrix::new(&[0, 0], &[0, 0], 2).scores(1);
        assert_eq!(scores, Scores { precision: 0.0, recall: 0.0, f1: 0.0, support: 0 });
    }

    #[test]
    fn without_images_every_average_is_zero() {
        let matrix = ConfusionMatrix::new(&[], &[], 3);
        assert_eq!(matrix.weighted_average(), Average { precision: 0.0, recall: 0.0, f1: 0.0 });
        assert_eq!(matrix.macro_average(), matrix.weighted_average());
        assert_eq!(matrix.most_confused(), None);
    }

    #[test]
    fn of_equally_common_mistakes_the_first_is_named() {
        let matrix = ConfusionMatrix::new(&[0, 1, 2, 2], &[1, 0, 2, 1], 3);
        assert_eq!(matrix.most_confused(), Some(Confusion { class: 0, taken_for: 1, count: 1 }));
    }
}
