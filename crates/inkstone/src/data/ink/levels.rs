//! Where ink begins and where it is full: two levels of strength, from the picture's own noise and its strongest ink.

use super::Reason;
use super::plane::Plane;

/// Strength below which a difference from the ground is taken for no ink, however still the picture: 1 in 20.
const FAINTEST: u8 = 13;

/// Ink must be at least this strong to be read: 1 in 10.
const READABLE: u8 = 26;

/// Ink as strong as this is full.
const FULL: u8 = 235;

/// Two strengths: up to `low` there is no ink, from `high` on nothing but ink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Levels {
    pub(super) low: u8,
    pub(super) high: u8,
}

impl Levels {
    /// The levels of a plane of strengths.
    ///
    /// # Errors
    /// [`Reason::Blank`] where nothing stands out.
    pub(super) fn measure(strength: &Plane) -> Result<Self, Reason> {
        let mut histogram = [0_u64; 256];
        strength.pixels.iter().for_each(|&value| histogram[usize::from(value)] += 1);
        let noise = noise(strength);
        let bias = percentile(&histogram, 0.4).min(64);
        let begin = usize::from(bias) + (4.0 * noise) as usize;
        let begin = begin.max(usize::from(FAINTEST)).min(255);
        let high = strongest(&histogram, begin).ok_or(Reason::Blank)?;
        // Black is black: the greys of a clean drawing stay what they are.
        let high = if high >= FULL { 255 } else { high };
        let low = (usize::from(bias) + (3.0 * noise) as usize).min(usize::from(high) * 2 / 3) as u8;
        Ok(Self { low, high })
    }

    /// Whether the ink is strong enough to be read.
    pub(super) fn is_readable(self) -> bool {
        self.high >= READABLE
    }

    /// 0 up to `low`, 255 from `high` on, evenly between.
    pub(super) fn apply(self, strength: &Plane) -> Plane {
        let (low, range) = (usize::from(self.low), usize::from(self.high - self.low).max(1));
        let table: Vec<u8> = (0..256)
            .map(|value: usize| (value.saturating_sub(low) * 255 + range / 2).div_euclid(range).min(255) as u8)
            .collect();
        strength.map(|value| table[usize::from(value)])
    }
}

/// The standard deviation of the noise: the middle difference of neighbours in a row, over 0.954 (for normal noise,
/// √2 · 0.6745). Strokes are few among all neighbours.
fn noise(strength: &Plane) -> f32 {
    let mut histogram = [0_u64; 256];
    for y in 0..strength.height {
        for pair in strength.row(y).windows(2) {
            histogram[usize::from(pair[0].abs_diff(pair[1]))] += 1;
        }
    }
    f32::from(percentile(&histogram, 0.5)) / 0.954
}

/// The least value that at least this share of all lies at or below.
fn percentile(histogram: &[u64; 256], share: f64) -> u8 {
    let wanted = share * histogram.iter().sum::<u64>() as f64;
    let mut sum = 0;
    histogram
        .iter()
        .position(|&count| {
            sum += count;
            sum as f64 >= wanted
        })
        .unwrap_or(255) as u8
}

/// The strength that 60 % of the ink lies below, where a pixel counts by the square of what it has above `begin`: a
/// whole page of faint grain weighs little against one stroke.
fn strongest(histogram: &[u64; 256], begin: usize) -> Option<u8> {
    let weight = |value: usize| histogram[value] * ((value - begin) as u64).pow(2);
    let total: u64 = (begin + 1..256).map(weight).sum();
    if total == 0 {
        return None;
    }
    let mut sum = 0;
    (begin + 1..256)
        .find(|&value| {
            sum += weight(value);
            sum * 10 >= total * 6
        })
        .map(|value| value as u8)
}
