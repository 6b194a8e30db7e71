//! Sets of classes that hold the right one as often as promised: split-conformal prediction sets.
//!
//! The score is LAC's, 1 − p(class). The sets of APS and RAPS were larger at every coverage, on MNIST and on
//! Fashion-MNIST: 1.13 classes on average against 1.29 (APS, random) and 1.58 (RAPS, random) at 99.9 % on MNIST
//! (`reference/trust_choices.py`, benchmarks/trust-*.md); without randomness APS takes 6.7. LAC promises the coverage
//! over all images, not for each class. Source: Sadinle, Lei, Wasserman, "Least ambiguous set-valued classifiers with
//! bounded error levels", JASA 2019.

/// The rule of the sets, and what it promises.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sets {
    /// The share of images, drawn as the calibration images were, whose class is in their set: at least this.
    pub coverage: f64,
    /// A class is in the set where 1 − p is at most this.
    pub limit: f64,
}

/// Which of `n` sorted scores (counted from 1) at least a share of new ones is not above: ⌈(n + 1) · share⌉; the last
/// where n is too small for that share.
///
/// A new score has each place among n + 1 equally likely, so it is not above the k-th of n with probability
/// k / (n + 1) or more, whatever the scores are. Source: Vovk, Gammerman, Shafer, "Algorithmic learning in a random
/// world", 2005.
///
/// ```
/// assert_eq!(inkstone::trust::rank(999, 0.999), 999);
/// assert_eq!(inkstone::trust::rank(99, 0.999), 99); // All that 99 scores can promise is 99 %.
/// assert_eq!(inkstone::trust::rank(99, 0.5), 50);
/// ```
pub fn rank(n: usize, share: f64) -> usize {
    // A share such as 0.999 is not exact in binary: what is a whole number but for that is one.
    let exact = (n + 1) as f64 * share;
    ((exact - 1e-9).ceil() as usize).clamp(1, n.max(1))
}

/// The share that `n` calibration images can promise where `share` is wanted: it itself, or n / (n + 1).
///
/// ```
/// assert_eq!(inkstone::trust::reached(99, 0.999), 0.99);
/// assert_eq!(inkstone::trust::reached(5000, 0.999), 0.999);
/// ```
pub fn reached(n: usize, share: f64) -> f64 {
    share.min(n as f64 / (n + 1) as f64)
}

impl Sets {
    /// The classes that an image with these probabilities may be, the most probable first, equals by index. It itself
    /// is always one: that only adds to the coverage.
    ///
    /// ```
    /// use inkstone::trust::Sets;
    /// let sets = Sets { coverage: 0.99, limit: 0.75 };
    /// assert_eq!(sets.of(&[0.3, 0.1, 0.6]), [2, 0]);
    /// assert_eq!(sets.of(&[0.2, 0.2, 0.2, 0.2, 0.2]), [0]);
    /// ```
    pub fn of(&self, probabilities: &[f64]) -> Vec<usize> {
        let mut ranked: Vec<usize> = (0..probabilities.len()).collect();
        ranked.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
        let n = ranked.iter().take_while(|&&class| 1.0 - probabilities[class] <= self.limit).count();
        ranked.truncate(n.max(1));
        ranked
    }

    /// Whether a set of so many of `n_classes` says enough to be an answer of its own: it rules out half of them and
    /// is five at most.
    pub fn helps(size: usize, n_classes: usize) -> bool {
        size <= n_classes.div_ceil(2).min(5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Operation, Rng};

    #[test]
    fn a_new_score_is_not_above_the_limit_as_often_as_promised() {
        let mut rng = Rng::new(1, 0, 0, Operation::Shuffle);
        for (n, share) in [(19, 0.9), (50, 0.99), (500, 0.99), (20, 0.5)] {
            let promised = reached(n, share);
            let n_trials = 4000;
            let n_covered = (0..n_trials)
                .filter(|_| {
                    let mut scores: Vec<f32> = (0..n).map(|_| rng.unit()).collect();
                    scores.sort_by(f32::total_cmp);
                    rng.unit() <= scores[rank(n, share) - 1]
                })
                .count();
            let covered = n_covered as f64 / f64::from(n_trials);
            let spread = (promised * (1.0 - promised) / f64::from(n_trials)).sqrt();
            assert!(covered > promised - 4.0 * spread, "{n} {share}: {covered}");
            assert!(covered < promised + 1.0 / n as f64 + 4.0 * spread, "{n} {share}: {covered}");
        }
    }

    #[test]
    fn a_set_is_ranked_and_never_empty_and_bears_nan() {
        let sets = Sets { coverage: 0.9, limit: 0.0 };
        assert_eq!(sets.of(&[0.5, 0.5]), [0]);
        assert_eq!(Sets { coverage: 0.9, limit: 1.0 }.of(&[0.0, 1.0]), [1, 0]);
        assert_eq!(sets.of(&[f64::NAN; 3]).len(), 1);
    }

    #[test]
    fn a_set_helps_where_it_rules_out_half_of_the_classes() {
        let largest = |n| (1..=n).filter(|&size| Sets::helps(size, n)).max().unwrap();
        assert_eq!([2, 3, 5, 10, 26].map(largest), [1, 2, 3, 5, 5]);
    }
}
