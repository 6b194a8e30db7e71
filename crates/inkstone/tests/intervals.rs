//! Intervals and McNemar's test equal SciPy's; the bootstrap comes to the same ends as NumPy's with twenty times the draws.
//! The fixture is made by reference/intervals.py.

#![allow(clippy::unwrap_used)] // all of it is tests, helpers included

use inkstone::evaluate::{About, DataInfo, Difference, Interval, Intervals, Measured, ModelInfo, Report};
use inkstone::parallel::Pool;
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixture {
    cases: Vec<Case>,
    pairs: Vec<Pair>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    n_classes: usize,
    labels: Vec<u32>,
    probabilities: Vec<f64>,
    precision: Vec<[f64; 2]>,
    recall: Vec<[f64; 2]>,
    f1: Vec<[f64; 2]>,
    bootstrap: Bootstrap,
}

#[derive(Deserialize)]
struct Bootstrap {
    log_loss: [f64; 2],
    calibration_error: [f64; 2],
    precision: [f64; 2],
    recall: [f64; 2],
    f1: [f64; 2],
}

#[derive(Deserialize)]
struct Pair {
    b: u64,
    c: u64,
    n: u64,
    p: f64,
    low: f64,
    high: f64,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("fixtures/intervals.json")).unwrap()
}

/// Both ends within `share` of the interval's width.
fn agree(what: &str, found: Interval, [low, high]: [f64; 2], share: f64) {
    let allowed = share * (high - low);
    assert!(
        (found.low - low).abs() <= allowed && (found.high - high).abs() <= allowed,
        "{what}: {found:?} for {low} {high}"
    );
    assert!(found.low <= found.value && found.value <= found.high, "{what}: {found:?}");
}

#[test]
fn intervals_equal_scipys() {
    for case in fixture().cases {
        let n = case.labels.len() as u32;
        let Case { labels, probabilities, n_classes, name, .. } = case;
        let measured = Measured { indices: (0..n).collect(), labels, probabilities, n_classes, judged: None };
        let classes: Vec<String> = (0..n_classes).map(|class| class.to_string()).collect();
        let model = ModelInfo { name: String::new(), sha256: String::new(), kept_epoch: None };
        let data = DataInfo { source: String::new(), part: String::new(), n: 0, fingerprint: String::new() };
        let report = Report::measure(&measured.labels, &measured.probabilities, &classes, About { model, data });
        let intervals = Intervals::of(&report, &measured, &Pool::new(2).unwrap());
        for (i, class) in intervals.classes.iter().enumerate() {
            agree(&format!("{name}, precision of {i}"), class.scores.precision, case.precision[i], 1e-9);
            agree(&format!("{name}, recall of {i}"), class.scores.recall, case.recall[i], 1e-9);
            agree(&format!("{name}, F1 of {i}"), class.scores.f1, case.f1[i], 1e-9);
        }
        let means = intervals.macro_average;
        for (what, found, expected) in [
            ("log loss", intervals.log_loss, case.bootstrap.log_loss),
            ("calibration error", intervals.calibration_error, case.bootstrap.calibration_error),
            ("macro precision", means.precision, case.bootstrap.precision),
            ("macro recall", means.recall, case.bootstrap.recall),
            ("macro F1", means.f1, case.bootstrap.f1),
        ] {
            agree(&format!("{name}, {what}"), found, expected, 0.1);
        }
    }
}

#[test]
fn mcnemars_test_equals_scipys() {
    for Pair { b, c, n, p, low, high } in fixture().pairs {
        let difference = Difference::of(b, c, n);
        assert!((difference.p - p).abs() <= 1e-9 * p.max(1e-6), "{b} {c}: {} for {p}", difference.p);
        assert!((difference.accuracy.low - low.max(-1.0)).abs() < 1e-12, "{b} {c}");
        assert!((difference.accuracy.high - high.min(1.0)).abs() < 1e-12, "{b} {c}");
    }
}
