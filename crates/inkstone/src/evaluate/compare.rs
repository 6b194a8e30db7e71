//! Two or more models on the same images: is one better, or was it luck?
//!
//! Only images on which two models differ tell them apart, so the test is McNemar's, exact: if neither were better, each of
//! these would be one's or the other's by the toss of a coin. Refuses models that were measured on different images.

use std::collections::HashMap;
use std::fmt::Write as _;

use inkstone_kernels::math;
use serde::Serialize;

use super::metrics::{Interval, Z, wilson_interval};
use super::text::{columns, right};
use crate::error::{Error, ErrorKind, Result};
use crate::spec::summary::grouped;

/// What a model answered to some images.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The run's name.
    pub name: String,
    /// What the images are called: id and content, as in `split.json`.
    pub samples: Vec<String>,
    /// The class of each.
    pub labels: Vec<String>,
    /// The class that each was taken for.
    pub predicted: Vec<String>,
}

/// What comparing came to: the document of `inkstone compare --json`, version 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Comparison {
    /// The version of this format: 1.
    pub version: u32,
    /// How many images all of them were measured on.
    pub n: usize,
    /// Each run, in the order of asking.
    pub runs: Vec<Compared>,
    /// Each two of them.
    pub pairs: Vec<Pair>,
}

/// One of them alone.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Compared {
    /// The run's name.
    pub name: String,
    /// The share of right answers.
    pub accuracy: Interval,
    /// How many images were mistaken.
    pub n_mistakes: u64,
}

/// Two of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Pair {
    /// The first's name.
    pub first: String,
    /// The second's name.
    pub second: String,
    /// How the two differ.
    #[serde(flatten)]
    pub difference: Difference,
    /// The p-value that counts how many pairs were tried (Holm's). The same as `p` for a single pair.
    pub p_holm: f64,
    /// Whether the difference is more than noise: `p_holm` below 0.05.
    pub is_significant: bool,
    /// The same in words.
    pub sentence: String,
}

/// How two models differ on the same images.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Difference {
    /// Images that the first alone gets right.
    pub first_only: u64,
    /// Images that the second alone gets right.
    pub second_only: u64,
    /// The second's accuracy minus the first's, with its 95 % interval.
    pub accuracy: Interval,
    /// How often chance alone would give such a difference or a larger one.
    pub p: f64,
}

/// Differences that chance gives less often are more than noise.
const LEVEL: f64 = 0.05;

/// McNemar's exact test: 2 · Σ C(n, i) / 2ⁿ for i from 0 to min(b, c), n = b + c, at most 1. `b` and `c` are the images that
/// one model alone gets right. Source: McNemar, Psychometrika 1947; the exact form is the two-sided sign test.
///
/// ```
/// use inkstone::evaluate::mcnemar;
/// assert_eq!(mcnemar(0, 0), 1.0);
/// assert!((mcnemar(0, 5) - 0.0625).abs() < 1e-12); // 2 · (1/2)⁵
/// ```
pub fn mcnemar(b: u64, c: u64) -> f64 {
    let (n, k) = (b + c, b.min(c));
    let mut log_choose = 0.0; // ln C(n, 0)
    let mut tail = 0.0;
    for i in 0..=k {
        if i > 0 {
            log_choose += math::ln((n - i + 1) as f64 / i as f64);
        }
        tail += math::exp(log_choose - n as f64 * std::f64::consts::LN_2);
    }
    (2.0 * tail).min(1.0)
}

impl Difference {
    /// From the counts of `n` images. The interval is Agresti and Min's (Statistics in Medicine 2005): Wald's after half an
    /// image more in each of the four cells, which keeps its promise also where few images differ.
    pub fn of(first_only: u64, second_only: u64, n: u64) -> Self {
        let (b, c, size) = (first_only as f64 + 0.5, second_only as f64 + 0.5, n as f64 + 2.0);
        let centre = (c - b) / size;
        let radius = Z * ((b + c) - (c - b) * (c - b) / size).max(0.0).sqrt() / size;
        let value = (second_only as f64 - first_only as f64) / n as f64;
        let accuracy = Interval { value, low: (centre - radius).max(-1.0), high: (centre + radius).min(1.0) };
        Self { first_only, second_only, accuracy, p: mcnemar(first_only, second_only) }
    }
}

/// Compares each two of at least two models.
///
/// # Errors
/// `Usage` for fewer than two; `Data` where they were measured on different images, or on the same with different labels.
pub fn compare(judged: &[Judged]) -> Result<Comparison> {
    let [first, others @ ..] = judged else { return Err(too_few(0)) };
    if others.is_empty() {
        return Err(too_few(1));
    }
    let n = first.samples.len();
    let mut is_right: Vec<Vec<bool>> = vec![(0..n).map(|k| first.labels[k] == first.predicted[k]).collect()];
    for other in others {
        let order = same_images(first, other)?;
        is_right.push(order.into_iter().map(|k| other.labels[k] == other.predicted[k]).collect());
    }
    let count = |right: &[bool]| right.iter().filter(|right| **right).count() as u64;
    let runs = judged.iter().zip(&is_right).map(|(judged, right)| Compared {
        name: judged.name.clone(),
        accuracy: wilson_interval(count(right), n as u64),
        n_mistakes: n as u64 - count(right),
    });
    let runs: Vec<Compared> = runs.collect();
    let mut pairs = Vec::new();
    for (i, a) in is_right.iter().enumerate() {
        for (j, b) in is_right.iter().enumerate().skip(i + 1) {
            let only =
                |one: &[bool], other: &[bool]| one.iter().zip(other).filter(|(one, other)| **one && !**other).count();
            let difference = Difference::of(only(a, b) as u64, only(b, a) as u64, n as u64);
            pairs.push((i, j, difference));
        }
    }
    let adjusted = holm(&pairs.iter().map(|pair| pair.2.p).collect::<Vec<_>>());
    let pairs = pairs.into_iter().zip(adjusted).map(|((i, j, difference), p_holm)| Pair {
        first: runs[i].name.clone(),
        second: runs[j].name.clone(),
        difference,
        p_holm,
        is_significant: p_holm < LEVEL,
        sentence: sentence(&difference, p_holm),
    });
    let pairs = pairs.collect();
    Ok(Comparison { version: 1, n, runs, pairs })
}

fn too_few(found: usize) -> Error {
    Error::mismatch(ErrorKind::Usage, "at least two runs to compare", found.to_string())
}

/// Where the first's images stand among the other's.
fn same_images(first: &Judged, other: &Judged) -> Result<Vec<usize>> {
    let place: HashMap<&str, usize> = other.samples.iter().enumerate().map(|(k, id)| (id.as_str(), k)).collect();
    let order: Vec<Option<usize>> = first.samples.iter().map(|id| place.get(id.as_str()).copied()).collect();
    let common = order.iter().flatten().count();
    let (n, m) = (first.samples.len(), other.samples.len());
    if common != n || common != m || n == 0 {
        let found = format!(
            "{} images and {} images, {} in common",
            grouped(n as u64),
            grouped(m as u64),
            grouped(common as u64)
        );
        return Err(Error::mismatch(ErrorKind::Data, "runs that were measured on the same images", found)
            .with_place(format!("{} and {}", first.name, other.name))
            .with_help("train both on the same data with the same split (data.split_file)"));
    }
    let order: Vec<usize> = order.into_iter().flatten().collect();
    if let Some(k) = (0..n).find(|&k| first.labels[k] != other.labels[order[k]]) {
        let found = format!("{} and {}", first.labels[k], other.labels[order[k]]);
        let error = Error::mismatch(ErrorKind::Data, format!("one label for {}", first.samples[k]), found);
        return Err(error.with_place(format!("{} and {}", first.name, other.name)));
    }
    Ok(order)
}

/// Holm's correction: the k-th smallest of m p-values times m − k + 1, never less than the one before, at most 1. Source:
/// Holm, Scandinavian Journal of Statistics 1979.
fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]).then(a.cmp(&b)));
    let mut adjusted = vec![0.0; p.len()];
    let mut largest = 0.0_f64;
    for (k, &i) in order.iter().enumerate() {
        largest = largest.max((p[i] * (p.len() - k) as f64).min(1.0));
        adjusted[i] = largest;
    }
    adjusted
}

fn sentence(difference: &Difference, p: f64) -> String {
    let Difference { first_only, second_only, accuracy, .. } = *difference;
    if first_only + second_only == 0 {
        return "no difference: both are right on the same images".to_owned();
    }
    let points = 100.0 * accuracy.value.abs();
    let verdict = if p < LEVEL { "more than noise" } else { "within noise" };
    format!(
        "the difference of {points:.2} points is {verdict}: {} against {} discordant images ({})",
        first_only.max(second_only),
        first_only.min(second_only),
        p_value(p)
    )
}

fn p_value(p: f64) -> String {
    if p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {p:.3}") }
}

/// The comparison as a table of at most 80 columns, for names of usual length, and a sentence for each pair.
pub fn comparison_text(comparison: &Comparison) -> String {
    let width = comparison.runs.iter().map(|run| columns(&run.name)).max().unwrap_or(0).max(8);
    let mut text = format!("{:width$}  {:>9} {:>19} {:>9}\n\n", "", "accuracy", "95 % interval", "mistakes");
    let percent = |share: f64| format!("{:.2} %", 100.0 * share);
    for Compared { name, accuracy, n_mistakes } in &comparison.runs {
        let interval = format!("{} to {}", percent(accuracy.low), percent(accuracy.high));
        let _ = writeln!(text, "{}  {:>9} {interval:>19} {n_mistakes:>9}", right(name, width), percent(accuracy.value));
    }
    let _ = writeln!(text, "\nOn the same {} images:", grouped(comparison.n as u64));
    for pair in &comparison.pairs {
        let _ = writeln!(text, "{} → {}: {}.", pair.first, pair.second, pair.sentence);
    }
    if comparison.pairs.len() > 1 {
        let _ = writeln!(text, "p-values count that {} pairs were tried (Holm's correction).", comparison.pairs.len());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(name: &str, samples: &[&str], predicted: &[&str]) -> Judged {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        Judged {
            name: name.into(),
            samples: words(samples),
            labels: vec!["a".into(); samples.len()],
            predicted: words(predicted),
        }
    }

    #[test]
    fn images_are_matched_by_name_whatever_their_order() {
        let first = judged("one", &["x", "y", "z"], &["a", "b", "b"]);
        let second = judged("two", &["z", "y", "x"], &["a", "b", "a"]);
        let comparison = compare(&[first, second]).unwrap();
        let pair = &comparison.pairs[0];
        assert_eq!((pair.difference.first_only, pair.difference.second_only), (0, 1));
        assert_eq!(comparison.runs[1].n_mistakes, 1);
        assert_eq!(
            pair.sentence,
            "the difference of 33.33 points is within noise: 1 against 0 discordant images (p = 1.000)"
        );
    }

    #[test]
    fn different_images_and_different_labels_are_refused() {
        let first = judged("one", &["x", "y"], &["a", "a"]);
        let error = compare(&[first.clone(), judged("two", &["x", "w"], &["a", "a"])]).unwrap_err().to_string();
        assert!(error.starts_with("one and two: expected runs that were measured on the same images, found 2 images and 2 images, 1 in common"), "{error}");
        let mut other = judged("two", &["x", "y"], &["a", "a"]);
        other.labels[1] = "b".into();
        let error = compare(&[first.clone(), other]).unwrap_err().to_string();
        assert!(error.contains("one label for y, found a and b"), "{error}");
        assert!(compare(&[first]).unwrap_err().to_string().contains("at least two runs"));
    }

    #[test]
    fn holm_s_correction_never_lets_a_larger_p_come_out_smaller() {
        // statsmodels.stats.multitest.multipletests(p, method="holm")
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (found, expected) in adjusted.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((found - expected).abs() < 1e-12, "{adjusted:?}");
        }
        assert_eq!(holm(&[0.7, 0.9]), [1.0, 1.0]);
    }

    #[test]
    fn models_that_are_alike_have_no_difference() {
        let one = judged("one", &["x"], &["b"]);
        let comparison = compare(&[one.clone(), one]).unwrap();
        assert_eq!(comparison.pairs[0].sentence, "no difference: both are right on the same images");
        assert!(comparison_text(&comparison).contains("On the same 1 images:"));
    }
}
