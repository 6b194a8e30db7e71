//! Which answers to take without a second look: how many errors there are above each confidence.

/// The share of answers that is taken and what is wrong among them, where answers of at least a confidence are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReviewPoint {
    /// The least confidence (the largest probability) of an answer that is taken.
    pub confidence: f64,
    /// How many are taken.
    pub n_accepted: u64,
    /// How many of those are wrong.
    pub n_errors: u64,
}

/// The curve over images whose class is known: points from the surest answer down to all of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Review {
    /// How many images there were.
    pub n: u64,
    /// With falling confidence; both counts grow.
    pub points: Vec<ReviewPoint>,
}

/// Points of a curve at most: enough to draw it and to choose by it.
const MAX_POINTS: usize = 200;

impl ReviewPoint {
    /// The share of wrong answers to expect among new ones that are taken: (errors + 1) / (taken + 1), a little more
    /// than was seen, so that a few images never promise what they cannot.
    pub fn error_to_expect(&self) -> f64 {
        (self.n_errors + 1) as f64 / (self.n_accepted + 1) as f64
    }
}

impl Review {
    /// The curve of answers with these confidences, each right or not.
    ///
    /// Wherever an error comes in there is a point just before it, as long as there are not too many: the best ones to
    /// choose are among them.
    ///
    /// ```
    /// let review = inkstone::trust::Review::of(&[(0.9, true), (0.6, false), (0.8, true), (0.5, true)]);
    /// let points: Vec<_> = review.points.iter().map(|p| (p.confidence, p.n_accepted, p.n_errors)).collect();
    /// assert_eq!(points, [(0.9, 1, 0), (0.8, 2, 0), (0.6, 3, 1), (0.5, 4, 1)]);
    /// ```
    pub fn of(answers: &[(f64, bool)]) -> Self {
        let mut sorted = answers.to_vec();
        sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut points: Vec<ReviewPoint> = Vec::new();
        let (mut n_accepted, mut n_errors) = (0, 0);
        for (confidence, is_right) in sorted {
            n_accepted += 1;
            n_errors += u64::from(!is_right);
            let point = ReviewPoint { confidence, n_accepted, n_errors };
            match points.last_mut() {
                // Equal confidences are taken together or not at all.
                Some(last) if last.confidence == confidence => *last = point,
                _ => points.push(point),
            }
        }
        Self { n: answers.len() as u64, points: thinned(points) }
    }

    /// The least confidence at which no more than a share of `max_error` of the answers taken is to be expected wrong.
    /// None where no point promises it.
    pub fn least_confidence(&self, max_error: f64) -> Option<&ReviewPoint> {
        self.points.iter().rev().find(|point| point.error_to_expect() <= max_error)
    }

    /// The smallest share of errors that can be asked for; none of an empty curve.
    pub fn least_error(&self) -> Option<f64> {
        self.points.iter().map(ReviewPoint::error_to_expect).reduce(f64::min)
    }
}

/// Some of the points before an error, the last point, and others in between: each kind evenly spread.
fn thinned(points: Vec<ReviewPoint>) -> Vec<ReviewPoint> {
    if points.len() <= MAX_POINTS {
        return points;
    }
    let last = points.len() - 1;
    let is_corner = |i: usize| i == last || points[i + 1].n_errors > points[i].n_errors;
    let corners: Vec<usize> = (0..=last).filter(|&i| is_corner(i)).collect();
    let kept = every(&corners, MAX_POINTS / 2);
    let all: Vec<usize> = (0..=last).collect();
    let mut chosen = [kept, every(&all, MAX_POINTS - MAX_POINTS / 2)].concat();
    chosen.sort_unstable();
    chosen.dedup();
    chosen.into_iter().map(|i| points[i]).collect()
}

/// At most `n` of the items, evenly, the last among them.
fn every(items: &[usize], n: usize) -> Vec<usize> {
    let n = n.min(items.len());
    (1..=n).map(|k| items[k * items.len() / n - 1]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(n: u64, is_right: impl Fn(u64) -> bool) -> Vec<(f64, bool)> {
        (0..n).map(|i| (1.0 - i as f64 / n as f64 / 2.0, is_right(i))).collect()
    }

    #[test]
    fn the_least_confidence_takes_as_many_as_the_errors_allow() {
        let review = Review::of(&answers(2000, |i| i != 1500 && i != 1600));
        let point = review.least_confidence(0.001).unwrap();
        assert_eq!((point.n_accepted, point.n_errors), (1500, 0), "the last before the first error");
        assert_eq!(review.least_confidence(0.0002), None);
        let all = review.least_confidence(0.01).unwrap();
        assert_eq!((all.n_accepted, all.n_errors), (2000, 2));
        assert_eq!(review.least_error(), Some(1.0 / 1501.0));
    }

    #[test]
    fn a_curve_has_few_points_and_ends_with_everything_taken() {
        for n in [0, 1, 199, 201, 30_000] {
            let review = Review::of(&answers(n, |i| i % 7 != 0));
            assert!(review.points.len() <= MAX_POINTS, "{n}");
            assert_eq!(review.points.last().map_or(0, |point| point.n_accepted), n);
            assert!(review.points.windows(2).all(|two| two[0].confidence > two[1].confidence));
        }
        assert_eq!(Review::of(&[]).least_confidence(1.0), None);
    }

    #[test]
    fn answers_of_one_confidence_are_taken_together() {
        let review = Review::of(&[(0.5, true), (0.5, false), (0.5, true)]);
        assert_eq!(review.points, [ReviewPoint { confidence: 0.5, n_accepted: 3, n_errors: 1 }]);
    }
}
