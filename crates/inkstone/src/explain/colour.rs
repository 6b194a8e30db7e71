//! Colour maps that are even to the eye and safe for colour-blind people: computed in Oklab, where equal steps look equal.
//!
//! White is nothing; lightness alone carries the amount, so that a print in grey still says it. For and against are
//! vermilion and blue, which people with any of the usual colour-blindnesses tell apart.
//! Source of Oklab: B. Ottosson, "A perceptual color space for image processing", 2020. Colours are sRGB (IEC 61966-2-1).

use inkstone_kernels::math;

/// Lightness, and a and b, of the strongest colour for and against, inside sRGB.
const FOR: [f64; 3] = [0.50, 0.155, 0.095];
const AGAINST: [f64; 3] = [0.50, -0.035, -0.165];
/// Strongest of a map without a sign.
const MOST: [f64; 3] = [0.32, 0.09, -0.115];
/// On the way there, so that the middle is not pale: at half the way.
const MIDDLE: [f64; 3] = [0.66, 0.135, 0.04];
const WHITE: [f64; 3] = [1.0, 0.0, 0.0];

/// The colour of a value from −1 to 1: blue below zero, white at it, vermilion above.
///
/// ```
/// use inkstone::explain::diverging;
/// assert_eq!(diverging(0.0), [255; 3]);
/// let ([red, _, _], [_, _, blue]) = (diverging(1.0), diverging(-1.0));
/// assert!(red > 150 && blue > 150);
/// ```
pub fn diverging(value: f64) -> [u8; 3] {
    let end = if value < 0.0 { AGAINST } else { FOR };
    srgb(mix(WHITE, end, value.abs().min(1.0)))
}

/// The colour of a value from 0 to 1: white at 0, then through rose to dark violet.
///
/// ```
/// assert_eq!(inkstone::explain::sequential(0.0), [255; 3]);
/// ```
pub fn sequential(value: f64) -> [u8; 3] {
    let value = value.clamp(0.0, 1.0);
    if value < 0.5 { srgb(mix(WHITE, MIDDLE, value * 2.0)) } else { srgb(mix(MIDDLE, MOST, value * 2.0 - 1.0)) }
}

fn mix(a: [f64; 3], b: [f64; 3], t: f64) -> [f64; 3] {
    [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * t)
}

/// Oklab to sRGB bytes; beyond sRGB the nearest of each channel.
fn srgb([lightness, a, b]: [f64; 3]) -> [u8; 3] {
    let l = (lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let m = (lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let s = (lightness - 0.089_484_177_5 * a - 1.291_485_548_0 * b).powi(3);
    let linear = [
        4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s,
        -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s,
        -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701_0 * s,
    ];
    linear.map(|light| {
        let light = light.clamp(0.0, 1.0);
        let value = if light <= 0.003_130_8 { 12.92 * light } else { 1.055 * power(light, 1.0 / 2.4) - 0.055 };
        (value * 255.0).round() as u8
    })
}

/// x^y for x above zero, the same on every machine.
fn power(x: f64, y: f64) -> f64 {
    math::exp(y * math::ln(x))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CIE lightness of an sRGB colour.
    fn lightness(colour: [u8; 3]) -> f64 {
        let linear = colour.map(|byte| {
            let v = f64::from(byte) / 255.0;
            if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        });
        let y = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
        116.0 * y.cbrt() - 16.0
    }

    #[test]
    fn more_is_darker_in_even_steps_and_both_signs_weigh_the_same() {
        let maps: [&dyn Fn(f64) -> [u8; 3]; 3] = [&diverging, &|value| diverging(-value), &sequential];
        for map in maps {
            let shades: Vec<f64> = (0..=10).map(|i| lightness(map(f64::from(i) / 10.0))).collect();
            let steps: Vec<f64> = shades.windows(2).map(|pair| pair[0] - pair[1]).collect();
            let mean = steps.iter().sum::<f64>() / 10.0;
            assert!(steps.iter().all(|step| (0.6..1.5).contains(&(step / mean))), "{shades:?}");
        }
        for i in 0..=10 {
            let value = f64::from(i) / 10.0;
            let difference = lightness(diverging(value)) - lightness(diverging(-value));
            assert!(difference.abs() < 5.0, "{value}: {difference}");
        }
    }
}
