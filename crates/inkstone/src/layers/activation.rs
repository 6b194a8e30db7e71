//! Functions of each value, and softmax over the channels of each pixel.
//!
//! ```text
//! relu        y = max(x, 0)                d_x = d_y where x > 0, else 0
//! leaky relu  y = x where x > 0, else a·x  d_x = d_y where x > 0, else a·d_y
//! gelu        y = x · Φ(x)                 d_x = d_y · (Φ(x) + x · φ(x))       Φ(x) = (1 + erf(x/√2)) / 2
//! tanh        y = tanh x                   d_x = d_y · (1 − y²)                φ(x) = e^(−x²/2) / √(2π)
//! sigmoid     y = 1 / (1 + e^−x)           d_x = d_y · y · (1 − y)
//! softmax     y[c] = e^x[c] / Σ_k e^x[k]   d_x[c] = y[c] · (d_y[c] − Σ_k d_y[k] · y[k])
//! ```

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, TAU};

use super::Real;
use crate::spec::plan::Function;

/// y for values in groups of `n_channels` (softmax alone looks at the groups).
pub fn forward<T: Real>(function: Function, n_channels: usize, x: &[T]) -> Vec<T> {
    if function == Function::Softmax {
        return x.chunks_exact(n_channels).flat_map(softmax).collect();
    }
    x.iter().map(|&x| value(function, x)).collect()
}

/// d_x from d_y, with x and y of the forward pass.
pub fn backward<T: Real>(function: Function, n_channels: usize, x: &[T], y: &[T], d_y: &[T]) -> Vec<T> {
    if function == Function::Softmax {
        let groups = y.chunks_exact(n_channels).zip(d_y.chunks_exact(n_channels));
        return groups.flat_map(|(y, d_y)| softmax_backward(y, d_y)).collect();
    }
    x.iter().zip(y).zip(d_y).map(|((&x, &y), &d_y)| d_y * slope(function, x, y)).collect()
}

fn value<T: Real>(function: Function, x: T) -> T {
    match function {
        Function::Relu | Function::LeakyRelu(_) if x > T::ZERO => x,
        Function::Relu => T::ZERO,
        Function::LeakyRelu(a) => T::of(a.into()) * x,
        Function::Gelu => x * normal_below(x),
        Function::Tanh => x.tanh(),
        Function::Sigmoid => T::ONE / (T::ONE + (-x).exp()),
        Function::Softmax => unreachable!("softmax is a function of a group"),
    }
}

/// dy/dx at x, where the function's value is y.
fn slope<T: Real>(function: Function, x: T, y: T) -> T {
    match function {
        Function::Relu | Function::LeakyRelu(_) if x > T::ZERO => T::ONE,
        Function::Relu => T::ZERO,
        Function::LeakyRelu(a) => T::of(a.into()),
        Function::Gelu => normal_below(x) + x * T::of((-0.5 * x.to_f64() * x.to_f64()).exp() / TAU.sqrt()),
        Function::Tanh => T::ONE - y * y,
        Function::Sigmoid => y * (T::ONE - y),
        Function::Softmax => unreachable!("softmax is a function of a group"),
    }
}

/// e^x over its sum. The largest x is taken off first: the result is the same and nothing overflows.
pub fn softmax<T: Real>(x: &[T]) -> Vec<T> {
    let largest = x.iter().copied().fold(x[0], |a, b| if b > a { b } else { a });
    let powers: Vec<T> = x.iter().map(|&x| (x - largest).exp()).collect();
    let sum: T = powers.iter().copied().sum();
    powers.iter().map(|&power| power / sum).collect()
}

fn softmax_backward<T: Real>(y: &[T], d_y: &[T]) -> Vec<T> {
    let mean: T = y.iter().zip(d_y).map(|(&y, &d_y)| y * d_y).sum();
    y.iter().zip(d_y).map(|(&y, &d_y)| y * (d_y - mean)).collect()
}

/// Φ(x): the share of the standard normal distribution below x.
fn normal_below<T: Real>(x: T) -> T {
    T::of(0.5 * (1.0 + erf(x.to_f64() * FRAC_1_SQRT_2)))
}

/// The error function, to a few units in the last place.
///
/// erf x = 2/√π · e^(−x²) · Σ_k 2^k · x^(2k+1) / (1·3·5⋯(2k+1)); all terms have the sign of x, so nothing cancels.
/// Source: Abramowitz and Stegun, 7.1.6.
pub fn erf(x: f64) -> f64 {
    // 1 − erf 6 is 2e-17: less than f64 can tell from 0.
    if x.abs() >= 6.0 {
        return x.signum();
    }
    let (mut term, mut sum, mut k) = (x, x, 1.0);
    while term.abs() > sum.abs() * f64::EPSILON / 4.0 {
        term = term * 2.0 * x * x / (2.0 * k + 1.0);
        sum += term;
        k += 1.0;
    }
    FRAC_2_SQRT_PI * (-x * x).exp() * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of Abramowitz and Stegun's table 7.1 and of SciPy's `special.erf`.
    #[test]
    fn the_error_function_matches_known_values() {
        let known = [
            (0.0, 0.0),
            (1e-3, 0.001_128_378_790_969_236_4),
            (0.5, 0.520_499_877_813_046_5),
            (1.0, 0.842_700_792_949_714_9),
            (2.0, 0.995_322_265_018_952_7),
            (3.0, 0.999_977_909_503_001_4),
            (5.5, 0.999_999_999_999_992_6),
            (7.0, 1.0),
        ];
        for (x, expected) in known {
            assert!((erf(x) - expected).abs() < 1e-14, "erf({x}) = {}", erf(x));
            assert_eq!(erf(-x), -erf(x));
        }
        assert!(erf(f64::NAN).is_nan());
    }

    #[test]
    fn the_slope_of_relu_at_zero_is_zero() {
        assert_eq!(backward(Function::Relu, 3, &[-1.0, 0.0, 1.0], &[0.0, 0.0, 1.0], &[7.0; 3]), [0.0, 0.0, 7.0]);
    }

    #[test]
    fn softmax_of_huge_values_is_finite() {
        assert_eq!(softmax(&[1000.0_f32, 1000.0, -1000.0]), [0.5, 0.5, 0.0]);
    }
}
