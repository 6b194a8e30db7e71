//! The report of an evaluation: what `report.json` holds, and how it is computed.

use serde::{Deserialize, Deserializer, Serialize};

use crate::checkpoint::Checkpoint;
use crate::data::Part;

use super::confusion::{Average, ConfusionMatrix};
use super::intervals::Intervals;
use super::metrics::{self, Interval};
use super::trust::{self, CalibrationInfo, DecisionsInfo, ReviewInfo};
use crate::predict::{Judged, Predictor};

/// How good a model is on some data. As JSON it is `report.json`, version 1; a number that is undefined is `null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// The version of this format: 1.
    pub version: u32,
    /// What was evaluated.
    pub model: ModelInfo,
    /// On what.
    pub data: DataInfo,
    /// The share of right answers with its Wilson interval.
    pub accuracy: Interval,
    /// The share of samples whose class is among the k likeliest, for k = 2, 3, 5 where there are more classes.
    #[serde(default)]
    pub top_k_accuracy: Vec<TopK>,
    /// Mean of −ln p(label).
    #[serde(deserialize_with = "null_as_nan")]
    pub log_loss: f64,
    /// Mean of Σ (p − truth)² over the classes.
    #[serde(default = "undefined", deserialize_with = "null_as_nan")]
    pub brier_score: f64,
    /// By how much confidence misses accuracy: the expected calibration error over 15 bins.
    #[serde(deserialize_with = "null_as_nan")]
    pub calibration_error: f64,
    /// The mean over classes.
    #[serde(rename = "macro")]
    pub macro_average: Average,
    /// The mean over classes, weighted by their numbers of images.
    #[serde(rename = "weighted")]
    pub weighted_average: Average,
    /// Each class, in the model's order.
    pub classes: Vec<ClassScores>,
    /// Rows: the truth; columns: the answers.
    pub confusion_matrix: ConfusionMatrix,
    /// What answers of at least a confidence come to, from the surest one down to all of them.
    #[serde(default)]
    pub review: Vec<ReviewInfo>,
    /// What the model's temperature does to its probabilities, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<CalibrationInfo>,
    /// What the model decided to say, where it knows its limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decisions: Option<DecisionsInfo>,
    /// The share of right answers without the images whose labels are known to be wrong, where there are such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errata: Option<ErrataInfo>,
    /// How far the figures may be off because other images could have been measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intervals: Option<Intervals>,
}

/// What known wrong labels do to accuracy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ErrataInfo {
    /// How many images are labelled wrong ([`crate::data::errata`]).
    pub n: usize,
    /// The accuracy on the others.
    pub accuracy_without: Interval,
}

/// What a report is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The model.
    pub model: ModelInfo,
    /// The data; `n` is counted anew.
    pub data: DataInfo,
}

impl About {
    /// A model, and a part of the data that it was made from.
    pub fn own(model: &Checkpoint, part: Part) -> Self {
        let provenance = &model.provenance;
        let name = provenance.data_source.clone();
        let kept_epoch = Some(provenance.kept_epoch).filter(|&epoch| epoch > 0);
        Self {
            data: DataInfo {
                source: name.clone(),
                part: part.name().to_owned(),
                n: 0,
                fingerprint: provenance.data_fingerprint.clone(),
            },
            model: ModelInfo { name, sha256: model.sha256(), kept_epoch },
        }
    }
}

/// Which model a report is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// The run's or built-in model's name.
    pub name: String,
    /// SHA-256 of the model file.
    pub sha256: String,
    /// The epoch whose parameters were kept, where it is known.
    pub kept_epoch: Option<usize>,
}

/// Which data a report is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataInfo {
    /// The data set's name.
    pub source: String,
    /// `test`, `validation`, `train` or `all`.
    pub part: String,
    /// How many images.
    pub n: usize,
    /// SHA-256 over the data set.
    pub fingerprint: String,
}

/// One point of the top-k curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TopK {
    /// How many guesses count.
    pub k: usize,
    /// The share of samples whose class is among them.
    #[serde(deserialize_with = "null_as_nan")]
    pub value: f64,
}

/// The scores of one class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassScores {
    /// The class's name.
    pub name: String,
    /// How many of the answers are right.
    pub precision: f64,
    /// How many of the images are found.
    pub recall: f64,
    /// The harmonic mean of the two.
    pub f1: f64,
    /// How many images the class has.
    pub support: u64,
}

impl Report {
    /// Measures probabilities (row by row) against labels.
    ///
    /// # Panics
    /// If there is not one row of `classes.len()` probabilities per label.
    pub fn measure(labels: &[u32], probabilities: &[f64], classes: &[String], about: About) -> Self {
        let n_classes = classes.len();
        let matrix = ConfusionMatrix::new(labels, &metrics::predicted(probabilities, n_classes), n_classes);
        let top_k = |k| TopK { k, value: metrics::top_k_accuracy(labels, probabilities, n_classes, k) };
        let class = |(i, name): (usize, &String)| {
            let scores = matrix.scores(i);
            let (precision, recall, f1) = (scores.precision, scores.recall, scores.f1);
            ClassScores { name: name.clone(), precision, recall, f1, support: scores.support }
        };
        Self {
            version: 1,
            model: about.model,
            data: DataInfo { n: labels.len(), ..about.data },
            accuracy: metrics::wilson_interval(matrix.n_correct(), matrix.total()),
            top_k_accuracy: [2, 3, 5].into_iter().filter(|&k| k < n_classes).map(top_k).collect(),
            log_loss: metrics::log_loss(labels, probabilities, n_classes),
            calibration_error: metrics::calibration_error(labels, probabilities, n_classes),
            macro_average: matrix.macro_average(),
            weighted_average: matrix.weighted_average(),
            classes: classes.iter().enumerate().map(class).collect(),
            confusion_matrix: matrix,
            brier_score: metrics::brier_score(labels, probabilities, n_classes),
            review: trust::review(labels, probabilities, n_classes),
            calibration: None,
            decisions: None,
            errata: None,
            intervals: None,
        }
    }

    /// Adds what the model's promises came to. A model that makes none adds nothing.
    #[must_use]
    pub fn with_trust(mut self, predictor: &Predictor, labels: &[u32], judged: &Judged) -> Self {
        if let Some(trust) = &predictor.checkpoint().trust {
            self.calibration = Some(trust::calibration(trust, labels, judged, self.classes.len()));
            self.decisions = Some(trust::decisions(predictor, trust, labels, judged));
        }
        self
    }

    /// Adds the accuracy without the samples at these places of what was measured. Without places nothing is added.
    #[must_use]
    pub fn without_errata(mut self, places: &[usize], labels: &[u32], probabilities: &[f64]) -> Self {
        if !places.is_empty() {
            let predicted = metrics::predicted(probabilities, self.classes.len());
            let n_right = places.iter().filter(|&&place| predicted[place] == labels[place]).count() as u64;
            let (correct, total) = (self.confusion_matrix.n_correct(), self.confusion_matrix.total());
            let n = places.len();
            let accuracy_without = metrics::wilson_interval(correct - n_right, total - n as u64);
            self.errata = Some(ErrataInfo { n, accuracy_without });
        }
        self
    }
}

/// What an older report does not say.
fn undefined() -> f64 {
    f64::NAN
}

/// Reads back what serde_json writes for a number that is not finite.
pub(crate) fn null_as_nan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(labels: &[u32], probabilities: &[f64]) -> Report {
        let model = ModelInfo { name: "m".into(), sha256: "ab".into(), kept_epoch: None };
        let data = DataInfo { source: "s".into(), part: "test".into(), n: 0, fingerprint: "cd".into() };
        Report::measure(labels, probabilities, &["no".into(), "yes".into()], About { model, data })
    }

    #[test]
    fn a_report_has_exactly_the_keys_of_the_contract_and_those_added_since() {
        let json = serde_json::to_string(&measure(&[1], &[0.25, 0.75])).unwrap();
        let expected = concat!(
            r#"{"version":1,"model":{"name":"m","sha256":"ab","kept_epoch":null},"#,
            r#""data":{"source":"s","part":"test","n":1,"fingerprint":"cd"},"#,
            r#""accuracy":{"value":1.0,"low":0.20654931437723742,"high":1.0},"top_k_accuracy":[],"#,
            r#""log_loss":0.2876820724517809,"brier_score":0.125,"calibration_error":0.25,"#,
            r#""macro":{"precision":0.5,"recall":0.5,"f1":0.5},"weighted":{"precision":1.0,"recall":1.0,"f1":1.0},"#,
            r#""classes":[{"name":"no","precision":0.0,"recall":0.0,"f1":0.0,"support":0},"#,
            r#"{"name":"yes","precision":1.0,"recall":1.0,"f1":1.0,"support":1}],"confusion_matrix":[[0,0],[0,1]],"#,
            r#""review":[{"confidence":0.75,"accepted":1.0,"error":0.0,"n_accepted":1,"n_errors":0}]}"#
        );
        assert_eq!(json, expected);
    }

    #[test]
    fn known_errata_are_counted_out_of_the_accuracy() {
        let (labels, probabilities) = ([1, 1, 0, 0], [0.2, 0.8, 0.9, 0.1, 0.7, 0.3, 0.6, 0.4]);
        let report = measure(&labels, &probabilities);
        assert_eq!(report.clone().without_errata(&[], &labels, &probabilities), report);
        let report = report.without_errata(&[1, 3], &labels, &probabilities);
        let errata = report.errata.unwrap();
        assert_eq!((errata.n, errata.accuracy_without.value), (2, 1.0));
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["errata"]["n"], 2);
        assert_eq!(json["accuracy"]["value"], 0.75);
    }

    #[test]
    fn what_is_undefined_is_null_and_comes_back_undefined() {
        let json = serde_json::to_string(&measure(&[], &[])).unwrap();
        assert!(json.contains(r#""accuracy":{"value":null,"low":null,"high":null}"#), "{json}");
        assert!(json.contains(r#""log_loss":null,"brier_score":null,"calibration_error":null"#), "{json}");
        let back: Report = serde_json::from_str(&json).unwrap();
        assert!(back.log_loss.is_nan() && back.accuracy.value.is_nan());
        assert_eq!(back.data.n, 0);
    }
}
