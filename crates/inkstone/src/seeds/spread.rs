//! What several measurements of one quantity say together.

use serde::{Deserialize, Serialize};

/// Mean, spread and the 95 % interval of the mean. What one value alone cannot tell is `null`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Σ x / n.
    pub mean: f64,
    /// √(Σ (x − mean)² / (n − 1)): by how much one training differs from another.
    pub standard_deviation: Option<f64>,
    /// Lower end of the 95 % interval of the mean.
    pub low: Option<f64>,
    /// Upper end of the 95 % interval of the mean.
    pub high: Option<f64>,
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
}

impl Spread {
    /// Of at least one value. The interval is Student's: mean ± t(n − 1) · standard deviation / √n.
    ///
    /// # Panics
    /// If there is no value.
    ///
    /// ```
    /// let spread = inkstone::seeds::Spread::of(&[1.0, 2.0, 3.0]);
    /// assert_eq!((spread.mean, spread.standard_deviation), (2.0, Some(1.0)));
    /// // 4.3027 is Student's factor for two degrees of freedom.
    /// assert!((spread.high.unwrap() - (2.0 + 4.3027 / 3.0_f64.sqrt())).abs() < 1e-4);
    /// ```
    pub fn of(values: &[f64]) -> Self {
        assert!(!values.is_empty(), "the spread of no values");
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
        let deviation = (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt());
        let radius = deviation.map(|deviation| student(values.len() - 1) * deviation / n.sqrt());
        Self {
            mean,
            standard_deviation: deviation,
            low: radius.map(|radius| mean - radius),
            high: radius.map(|radius| mean + radius),
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

/// The 0.975 quantile of Student's distribution for up to ten degrees of freedom (any table of it).
const FEW: [f64; 10] = [
    12.706_204_74,
    4.302_652_73,
    3.182_446_31,
    2.776_445_11,
    2.570_581_84,
    2.446_911_85,
    2.364_624_25,
    2.306_004_14,
    2.262_157_16,
    2.228_138_85,
];

/// The same of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// The 0.975 quantile of Student's distribution. Beyond the table by its expansion in 1/ν, right to five digits there
/// (Abramowitz & Stegun 26.7.5).
fn student(degrees: usize) -> f64 {
    if let Some(quantile) = degrees.checked_sub(1).and_then(|i| FEW.get(i)) {
        return *quantile;
    }
    let (nu, square) = (degrees as f64, Z * Z);
    let terms = [
        (square + 1.0) / 4.0,
        ((5.0 * square + 16.0) * square + 3.0) / 96.0,
        (((3.0 * square + 19.0) * square + 17.0) * square - 15.0) / 384.0,
        ((((79.0 * square + 776.0) * square + 1482.0) * square - 1920.0) * square - 945.0) / 92_160.0,
    ];
    Z * terms.iter().rev().fold(0.0, |sum, term| (sum + term) / nu) + Z
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_s_factor_is_that_of_scipy() {
        // scipy.stats.t.ppf(0.975, df)
        for (degrees, expected) in [
            (1, 12.706_204_736),
            (2, 4.302_652_730),
            (10, 2.228_138_852),
            (11, 2.200_985_160),
            (29, 2.045_229_642),
            (99, 1.984_216_952),
            (100_000, 1.959_987_708),
        ] {
            assert!((student(degrees) - expected).abs() < 2e-5, "{degrees}: {}", student(degrees));
        }
    }

    #[test]
    fn one_value_has_a_mean_but_no_spread() {
        let spread = Spread::of(&[0.5]);
        assert_eq!((spread.mean, spread.min, spread.max), (0.5, 0.5, 0.5));
        assert_eq!((spread.standard_deviation, spread.low, spread.high), (None, None, None));
    }

    #[test]
    fn equal_values_have_an_interval_of_no_width() {
        let spread = Spread::of(&[0.25; 4]);
        assert_eq!((spread.standard_deviation, spread.low, spread.high), (Some(0.0), Some(0.25), Some(0.25)));
    }
}
