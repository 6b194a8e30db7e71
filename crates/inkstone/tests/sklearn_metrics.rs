//! The metrics equal scikit-learn's to 1e-12, and the table is its `classification_report` byte for byte.
//! The fixture is made by reference/sklearn_metrics.py.

#![allow(clippy::unwrap_used)] // all of it is tests, helpers included

use inkstone::evaluate::{About, Average, DataInfo, ModelInfo, Report, classification_report, top_k_accuracy};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    n_classes: usize,
    labels: Vec<u32>,
    probabilities: Vec<f64>,
    accuracy: f64,
    interval: [f64; 2],
    top_k: Vec<f64>,
    log_loss: f64,
    brier_score: f64,
    calibration_error: f64,
    classes: Columns,
    #[serde(rename = "macro")]
    macro_average: Average,
    weighted: Average,
    confusion_matrix: Vec<Vec<u64>>,
    text: Option<String>,
}

#[derive(Deserialize)]
struct Columns {
    precision: Vec<f64>,
    recall: Vec<f64>,
    f1: Vec<f64>,
    support: Vec<u64>,
}

#[test]
fn every_metric_equals_scikit_learns() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("fixtures/sklearn_metrics.json")).unwrap();
    assert_eq!(cases.len(), 7);
    for case in &cases {
        let report = report(case);
        let near = |what: &str, ours: f64, theirs: f64| {
            assert!((ours - theirs).abs() <= 1e-12, "{}: {what} is {ours}, scikit-learn's {theirs}", case.name);
        };
        near("accuracy", report.accuracy.value, case.accuracy);
        near("low", report.accuracy.low, case.interval[0]);
        near("high", report.accuracy.high, case.interval[1]);
        near("log loss", report.log_loss, case.log_loss);
        near("Brier score", report.brier_score, case.brier_score);
        near("calibration error", report.calibration_error, case.calibration_error);
        for (i, &share) in case.top_k.iter().enumerate() {
            let ours = top_k_accuracy(&case.labels, &case.probabilities, case.n_classes, i + 1);
            near("top-k accuracy", ours, share);
        }
        for (ours, theirs) in [(report.macro_average, case.macro_average), (report.weighted_average, case.weighted)] {
            near("average precision", ours.precision, theirs.precision);
            near("average recall", ours.recall, theirs.recall);
            near("average f1", ours.f1, theirs.f1);
        }
        for (i, class) in report.classes.iter().enumerate() {
            near("precision", class.precision, case.classes.precision[i]);
            near("recall", class.recall, case.classes.recall[i]);
            near("f1", class.f1, case.classes.f1[i]);
            assert_eq!(class.support, case.classes.support[i], "{}", case.name);
        }
        assert_eq!(report.confusion_matrix.rows(), case.confusion_matrix, "{}", case.name);
        if let Some(text) = &case.text {
            assert_eq!(&classification_report(&report), text, "{}", case.name);
        }
    }
}

fn report(case: &Case) -> Report {
    let classes: Vec<String> = (0..case.n_classes).map(|class| format!("class {class}")).collect();
    let model = ModelInfo { name: String::new(), sha256: String::new(), kept_epoch: None };
    let data = DataInfo { source: String::new(), part: String::new(), n: 0, fingerprint: String::new() };
    Report::measure(&case.labels, &case.probabilities, &classes, About { model, data })
}
