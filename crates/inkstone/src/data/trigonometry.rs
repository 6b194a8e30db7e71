//! Sine and cosine by polynomials: the C library's differ in the last bit from machine to machine.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4};

/// Taylor coefficients 1/1!, −1/3!, 1/5!, …: the first one left out, x¹⁷/17!, is below 1e-16 for |x| ≤ π/4.
const SINE: [f64; 8] = [
    1.0,
    -1.0 / 6.0,
    1.0 / 120.0,
    -1.0 / 5_040.0,
    1.0 / 362_880.0,
    -1.0 / 39_916_800.0,
    1.0 / 6_227_020_800.0,
    -1.0 / 1_307_674_368_000.0,
];

/// Taylor coefficients 1/0!, −1/2!, 1/4!, …: the first one left out, x¹⁶/16!, is below 1e-14 for |x| ≤ π/4.
const COSINE: [f64; 8] = [
    1.0,
    -1.0 / 2.0,
    1.0 / 24.0,
    -1.0 / 720.0,
    1.0 / 40_320.0,
    -1.0 / 3_628_800.0,
    1.0 / 479_001_600.0,
    -1.0 / 87_178_291_200.0,
];

/// (sin θ, cos θ) of an angle in degrees, within 1e-13 of the true values for angles up to some full turns.
///
/// Whole quarter turns are exact: the angle is reduced in degrees, before π comes in.
pub(crate) fn sin_cos_degrees(degrees: f64) -> (f64, f64) {
    let (quarters, quadrant) = quarter_turns(degrees);
    let x = (degrees - 90.0 * quarters) * (FRAC_PI_2 / 90.0);
    debug_assert!(!x.is_finite() || x.abs() <= FRAC_PI_4 + 1e-9, "a reduced angle is at most half a quarter");
    let (sin, cos) = (x * polynomial(&SINE, x * x), polynomial(&COSINE, x * x));
    match quadrant {
        0 => (sin, cos),
        1 => (cos, -sin),
        2 => (-sin, -cos),
        _ => (-cos, sin),
    }
}

/// The whole number of quarter turns nearest to an angle, and its remainder by 4.
fn quarter_turns(degrees: f64) -> (f64, u8) {
    let quarters = degrees / 90.0;
    if quarters.abs() < 1e6 {
        // Without calls into the C library, which rounding and remainder of floats are on many CPUs.
        let nearest = (quarters + 0.5_f64.copysign(quarters)) as i32;
        return (f64::from(nearest), (nearest & 3) as u8);
    }
    let nearest = quarters.round();
    (nearest, nearest.rem_euclid(4.0) as u8)
}

/// Σ cₖ xᵏ by Horner's rule.
fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sine_and_cosine_agree_with_the_standard_library() {
        for step in -7200..=7200 {
            let degrees = f64::from(step) / 20.0;
            let (sin, cos) = sin_cos_degrees(degrees);
            let (expected_sin, expected_cos) = degrees.to_radians().sin_cos();
            assert!((sin - expected_sin).abs() < 1e-13, "sin {degrees}°: {sin} {expected_sin}");
            assert!((cos - expected_cos).abs() < 1e-13, "cos {degrees}°: {cos} {expected_cos}");
        }
    }

    #[test]
    fn quarter_turns_are_exact() {
        let turns: Vec<_> = [0.0, 90.0, 180.0, 270.0, -90.0].map(sin_cos_degrees).into_iter().collect();
        assert_eq!(turns, [(0.0, 1.0), (1.0, 0.0), (0.0, -1.0), (-1.0, 0.0), (-1.0, 0.0)]);
    }
}
