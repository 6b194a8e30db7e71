//! Elementary functions from additions and multiplications alone: the same bits on every machine and instruction set,
//! which the C library's do not promise.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LN_2, LOG2_E, SQRT_2};

/// e^x; 0 below −708, +∞ above 709. Relative error below 1e-15.
pub fn exp(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x > 709.0 {
        return f64::INFINITY;
    }
    if x < -708.0 {
        return 0.0;
    }
    /// ln 2 in two parts: the first has 20 trailing zero bits, so that n times it is exact.
    const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    /// Added and taken away again, it rounds to a whole number.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let n = (x * LOG2_E + ROUND) - ROUND;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    // Taylor to degree 13: |r| ≤ ln 2 / 2, so the rest is below 5e-18.
    let mut sum = 1.0;
    for k in (1..=13).rev() {
        sum = 1.0 + sum * r * RECIPROCALS[k];
    }
    sum * f64::from_bits(((n as i64 + 1023) as u64) << 52)
}

/// 1/k, so that the series needs no division.
const RECIPROCALS: [f64; 14] = {
    let mut table = [0.0; 14];
    let mut k = 1;
    while k < 14 {
        table[k] = 1.0 / k as f64;
        k += 1;
    }
    table
};

/// The natural logarithm; −∞ at 0, NaN below. Relative error below 1e-14 but next to 1.
pub fn ln(x: f64) -> f64 {
    if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    if x < f64::MIN_POSITIVE {
        return f64::NEG_INFINITY;
    }
    if x.is_infinite() {
        return x;
    }
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) as i64 - 1023) as f64;
    let mut mantissa = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
    if mantissa > SQRT_2 {
        mantissa *= 0.5;
        exponent += 1.0;
    }
    // ln m = 2 artanh s, s = (m − 1) / (m + 1), |s| ≤ 0.172.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let mut sum = 0.0;
    for k in (0..12).rev() {
        sum = sum * square + 1.0 / (2 * k + 1) as f64;
    }
    exponent * LN_2 + 2.0 * s * sum
}

/// 1 / (1 + e^−x).
pub fn sigmoid(x: f32) -> f32 {
    (1.0 / (1.0 + exp(-f64::from(x)))) as f32
}

/// The hyperbolic tangent.
pub fn tanh(x: f32) -> f32 {
    let x = f64::from(x);
    if x.abs() < 1e-4 {
        // The formula below would lose what e^2x − 1 cancels.
        return (x - x * x * x / 3.0) as f32;
    }
    (1.0 - 2.0 / (exp(2.0 * x) + 1.0)) as f32
}

/// x·Φ(x), Φ the standard normal distribution function.
pub fn gelu(x: f32) -> f32 {
    (f64::from(x) * normal_cdf(f64::from(x))) as f32
}

/// d gelu / dx = Φ(x) + x·φ(x).
pub fn gelu_slope(x: f32) -> f32 {
    let x = f64::from(x);
    let density = 0.5 * FRAC_1_SQRT_2 * FRAC_2_SQRT_PI * exp(-0.5 * x * x);
    (normal_cdf(x) + x * density) as f32
}

fn normal_cdf(x: f64) -> f64 {
    0.5 * (1.0 + erf(x * FRAC_1_SQRT_2))
}

/// The error function. Absolute error below 1e-14.
pub fn erf(x: f64) -> f64 {
    let size = x.abs();
    if size > 6.0 {
        return x.signum();
    }
    // erf x = 2/√π · e^−x² · Σ 2ⁿ x²ⁿ⁺¹ / (1·3·5···(2n+1)): all terms have one sign, nothing cancels.
    let mut term = size;
    let mut sum = size;
    let mut n = 1.0;
    while term > sum * 1e-17 {
        term *= 2.0 * size * size / (2.0 * n + 1.0);
        sum += term;
        n += 1.0;
    }
    (FRAC_2_SQRT_PI * exp(-size * size) * sum).min(1.0) * x.signum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_and_ln_agree_with_the_standard_library() {
        for i in -70_000..70_000 {
            let x = f64::from(i) * 0.01;
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-14, "exp({x})");
            let y = (x * 0.5).exp();
            assert!((ln(y) - y.ln()).abs() <= 1e-14 * y.ln().abs().max(1.0), "ln({y})");
        }
        assert_eq!((exp(0.0), exp(-1e9), exp(1e9)), (1.0, 0.0, f64::INFINITY));
        assert_eq!((ln(1.0), ln(0.0)), (0.0, f64::NEG_INFINITY));
        assert!(exp(f64::NAN).is_nan() && ln(-1.0).is_nan());
    }

    #[test]
    fn erf_has_its_known_values() {
        // Abramowitz & Stegun, table 7.1.
        for (x, value) in [(0.5, 0.520_499_877_8), (1.0, 0.842_700_792_9), (2.0, 0.995_322_265_0)] {
            assert!((erf(x) - value).abs() < 1e-10, "erf({x}) = {}", erf(x));
            assert_eq!(erf(-x), -erf(x));
        }
        assert_eq!(erf(0.0), 0.0);
    }

    #[test]
    fn tanh_and_sigmoid_agree_with_the_standard_library() {
        for i in -2000..2000 {
            let x = i as f32 * 0.01;
            assert!((tanh(x) - x.tanh()).abs() <= 2e-7 * x.tanh().abs(), "tanh({x})");
            assert!((sigmoid(x) - 1.0 / (1.0 + (-x).exp())).abs() < 1e-6, "sigmoid({x})");
        }
    }
}
