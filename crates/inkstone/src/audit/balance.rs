//! How many images each class has, in each part.

use serde::Serialize;

use super::finding::{Finding, Kind};
use crate::data::Dataset;

/// A class with less than this share of the largest class's images is rare.
const RARE: f64 = 1.0 / 3.0;

/// One class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ClassCount {
    /// Its name.
    pub name: String,
    /// All its images.
    pub n: usize,
    /// Of these, in the training part.
    pub train: usize,
    /// In the validation part.
    pub validation: usize,
    /// In the test part.
    pub test: usize,
}

/// All classes, in the dataset's order.
pub(super) fn counts(dataset: &Dataset) -> Vec<ClassCount> {
    let count = |(name, counts): (&String, [usize; 4])| {
        let [train, validation, test, _] = counts;
        ClassCount { name: name.clone(), n: counts.iter().sum(), train, validation, test }
    };
    dataset.classes.iter().zip(dataset.counts()).map(count).collect()
}

/// Classes that are rare beside the largest.
pub(super) fn imbalance(counts: &[ClassCount]) -> Finding {
    let by_n = |class: &&ClassCount| class.n;
    let (Some(largest), Some(smallest)) = (counts.iter().max_by_key(by_n), counts.iter().min_by_key(by_n)) else {
        return Finding::skipped(Kind::Imbalance, "there are no classes");
    };
    let rare = counts.iter().filter(|class| (class.n as f64) < RARE * largest.n as f64);
    let names: Vec<String> = rare.map(|class| format!("{} ({})", class.name, class.n)).collect();
    let span = format!("{} ({}) to {} ({})", smallest.n, smallest.name, largest.n, largest.name);
    let summary = match names.len() {
        0 => format!("none: {span} images a class"),
        1..=3 => format!("rare: {}; largest {} ({})", names.join(", "), largest.name, largest.n),
        n => format!("{n} rare classes; {span} images a class"),
    };
    let rule = "a class with less than a third of the largest class's images";
    Finding::new(Kind::Imbalance, summary, rule, Vec::new()).with_n(names.len()).with_threshold(RARE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_with_less_than_a_third_of_the_largest_is_rare() {
        let class = |name: &str, n| ClassCount { name: name.to_owned(), n, train: n, validation: 0, test: 0 };
        let even = imbalance(&[class("a", 30), class("b", 10)]);
        assert_eq!((even.n, even.summary.as_str()), (0, "none: 10 (b) to 30 (a) images a class"));
        let uneven = imbalance(&[class("a", 30), class("b", 9)]);
        assert_eq!((uneven.n, uneven.summary.as_str()), (1, "rare: b (9); largest a (30)"));
    }
}
