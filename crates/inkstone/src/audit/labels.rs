//! Labels that the images contradict, by confident learning: Northcutt, Jiang, Chuang, "Confident Learning: Estimating
//! Uncertainty in Dataset Labels", JAIR 2021.
//!
//! Class j's threshold t(j) is three quarters of the mean of p(j) over the samples labelled j: from there on models are
//! sure of it. (The paper takes the mean itself. Our models are trained with smoothed labels, which holds the large
//! probabilities so close together that next to nothing exceeds it.) A sample labelled i is a candidate where another class
//! reaches its own threshold, p(j) ≥ t(j), and p(j) > p(i). The ranking is by the normalised margin p(i) − max p(j), j ≠ i,
//! the most negative first.

use super::finding::{Entry, Finding, Kind};
use super::unseen::{Judgement, N_FOLDS};
use crate::data::Dataset;
use crate::predict::argmax;

/// The ranking goes on to this share of all samples, and is at least this long.
const SHARE: f64 = 0.02;
const AT_LEAST: usize = 20;

/// The candidates and the ranking.
pub(super) fn label_errors(dataset: &Dataset, judgement: &Judgement) -> Finding {
    let sure = judgement.sure(dataset);
    let counts = dataset.counts();
    let is_judged = |label: u32| counts[label as usize].iter().sum::<usize>() >= N_FOLDS;
    let mut ranked: Vec<Ranked> = (0..dataset.samples.len() as u32)
        .filter(|&i| is_judged(dataset.samples[i as usize].label))
        .map(|i| Ranked::of(i, dataset.samples[i as usize].label as usize, judgement.of(i), &sure))
        .collect();
    ranked.sort_by(|a, b| a.margin.total_cmp(&b.margin).then(a.index.cmp(&b.index)));
    let n_candidates = ranked.iter().filter(|ranked| ranked.is_candidate).count();
    let len = ((dataset.samples.len() as f64 * SHARE) as usize).max(n_candidates).max(AT_LEAST).min(ranked.len());
    let entries = ranked[..len].iter().map(|ranked| ranked.entry(dataset)).collect();
    let summary = match n_candidates {
        0 => "none".to_owned(),
        1 => "1 candidate".to_owned(),
        n => format!("{n} candidates"),
    };
    let rule = "another class is more probable than the label, and has at least three quarters of the probability that \
                its own images usually get (confident learning); ranked by the label's probability minus the largest other";
    Finding::new(Kind::LabelErrors, summary, rule, entries).with_n(n_candidates)
}

/// The classes with too few samples for anyone to judge their labels.
pub(super) fn too_few(dataset: &Dataset) -> Vec<String> {
    let counts = dataset.counts();
    let few = |(class, counts): (&String, &[usize; 4])| {
        let n: usize = counts.iter().sum();
        (n > 0 && n < N_FOLDS).then(|| format!("{class} ({n})"))
    };
    dataset.classes.iter().zip(&counts).filter_map(few).collect()
}

struct Ranked {
    index: u32,
    margin: f64,
    label: usize,
    other: usize,
    probabilities: [f64; 2],
    is_candidate: bool,
}

impl Ranked {
    fn of(index: u32, label: usize, probabilities: &[f64], sure: &[f64]) -> Self {
        let mut others = probabilities.to_vec();
        others[label] = f64::NEG_INFINITY;
        let other = argmax(&others);
        let margin = probabilities[label] - others[other];
        let reaches = (0..others.len()).any(|j| others[j] >= sure[j] && others[j] > probabilities[label]);
        Self {
            index,
            margin,
            label,
            other,
            probabilities: [probabilities[label], others[other]],
            is_candidate: reaches,
        }
    }

    fn entry(&self, dataset: &Dataset) -> Entry {
        let class = |label: usize| &dataset.classes[label];
        let [own, other] = self.probabilities.map(|p| 100.0 * p);
        let note = format!("{}: {own:.0} %, {}: {other:.0} %", class(self.label), class(self.other));
        let mut entry = Entry::new(dataset, self.index, self.margin, note);
        entry.proposed = (self.margin < 0.0).then(|| class(self.other).clone());
        entry.is_candidate = Some(self.is_candidate);
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::dataset::{Rows, Size};

    #[test]
    fn a_sample_that_is_surely_of_another_class_is_a_candidate_and_comes_first() {
        let size = Size { height: 1, width: 1, channels: 1 };
        let labels = vec![0, 0, 0, 0, 0, 1, 1, 1, 1];
        let rows = Rows { part: None, size, pixels: (0..9).collect(), labels, groups: None };
        let dataset = Dataset::from_rows("two", vec!["a".into(), "b".into()], vec![rows]).unwrap();
        // Thresholds: a ¾ · (0.9·3 + 0.45 + 0.1)/5 = 0.49, b 0.6. Sample 4 is surely b; sample 3 is only doubtful.
        let own = [0.9, 0.9, 0.9, 0.45, 0.1, 0.8, 0.8, 0.8, 0.8];
        let rows = own.iter().enumerate().flat_map(|(i, &p)| if i < 5 { [p, 1.0 - p] } else { [1.0 - p, p] });
        let judgement = Judgement {
            probabilities: rows.collect(),
            n_classes: 2,
            accuracy: 7.0 / 9.0,
            epochs: 1,
            n_parameters: 1,
            transposed: Vec::new(),
        };
        let finding = label_errors(&dataset, &judgement);
        assert_eq!((finding.n, finding.samples.len()), (1, 9));
        let first: Vec<&str> = finding.samples[..2].iter().map(|entry| entry.sample.as_str()).collect();
        assert_eq!(first, ["4", "3"]);
        assert_eq!(finding.samples[0].proposed.as_deref(), Some("b"));
        assert!((finding.samples[0].score + 0.8).abs() < 1e-12);
        assert_eq!(finding.samples[8].proposed, None);
        assert_eq!(finding.samples[0].note, "a: 10 %, b: 90 %");
    }
}
