//! Middle and spread of numbers, unmoved by the few wild ones that an audit looks for.

/// The median, and the deviation that the median distance from it amounts to in a normal distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Robust {
    pub(super) median: f64,
    /// 1.4826 · median |x − median|.
    pub(super) deviation: f64,
}

impl Robust {
    /// Of no numbers: 0 and 0.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        let middle = median(&mut values);
        let mut distances: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
        Self { median: middle, deviation: 1.4826 * median(&mut distances) }
    }

    /// How far from the median something must lie to be unusual: `k` deviations, and at least `least`.
    pub(super) fn limit(self, k: f64, least: f64) -> f64 {
        (k * self.deviation).max(least)
    }
}

/// The middle of the sorted numbers (of two, the mean); 0 where there is none.
pub(super) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wild_number_moves_neither_middle_nor_spread() {
        let tame = Robust::of([1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(tame, Robust { median: 3.0, deviation: 1.4826 });
        assert_eq!(Robust::of([1.0, 2.0, 3.0, 4.0, 1e9]), tame);
        assert_eq!(Robust::of([]), Robust { median: 0.0, deviation: 0.0 });
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!((tame.limit(2.0, 0.1), tame.limit(0.0, 0.1)), (2.9652, 0.1));
    }
}
