//! Whether the parts of a set differ: in their classes, in simple statistics of their images, and in whether a small model
//! learns to tell them apart.

use serde::Serialize;

use super::finding::{Finding, Kind};
use super::portrait::Portrait;
use super::unseen::Unseen;
use super::{Step, Watch};
use crate::data::{Dataset, Part};
use crate::error::Result;
use crate::evaluate::{Interval, wilson_interval};
use crate::rng::{Operation, Rng};

/// Parts with fewer images are not compared.
const FEWEST: usize = 50;
/// Images of each part that a model learns to tell apart, and of those the share that it is measured on.
const MOST: usize = 4_000;
const HELD_OUT: usize = 4;
/// What counts as a difference, its interval taken into account: in standard deviations, in shares, in accuracy (½ is
/// chance).
const SHIFT: f64 = 0.2;
const SHARES: f64 = 0.05;
const ACCURACY: f64 = 0.6;

/// Two parts side by side.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Comparison {
    /// The parts' names.
    pub parts: [&'static str; 2],
    /// How many images each has.
    pub n: [usize; 2],
    /// Half the sum of the differences of the classes' shares: 0 for the same shares, 1 for no class in common.
    pub class_distance: f64,
    /// What chance alone would give on average.
    pub class_distance_by_chance: f64,
    /// Simple statistics.
    pub statistics: Vec<Shift>,
    /// How well a small model tells images of the two apart that it has not seen; one half is chance.
    pub told_apart: Interval,
}

/// A statistic of the images in two parts.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Shift {
    /// Its name.
    pub name: &'static str,
    /// Its mean in each part.
    pub means: [f64; 2],
    /// The difference of the means in standard deviations, and its 95 % interval.
    pub difference: Interval,
}

/// Compares train with each other part.
///
/// # Errors
/// What training refuses; being stopped.
pub(super) fn comparisons(
    unseen: &Unseen<'_>,
    portraits: &[Portrait],
    watch: &mut Watch<'_>,
) -> Result<Vec<Comparison>> {
    let members = |part: Part| -> Vec<u32> {
        let samples = unseen.dataset.samples.iter().zip(0..);
        samples.filter(|(sample, _)| sample.part == Some(part)).map(|(_, i)| i).collect()
    };
    let train = members(Part::Train);
    let mut comparisons = Vec::new();
    for part in [Part::Validation, Part::Test] {
        let other = members(part);
        if train.len().min(other.len()) >= FEWEST {
            comparisons.push(compare(unseen, portraits, [&train, &other], (part, &mut *watch))?);
        }
    }
    Ok(comparisons)
}

fn compare(
    unseen: &Unseen<'_>,
    portraits: &[Portrait],
    members: [&[u32]; 2],
    (part, watch): (Part, &mut Watch<'_>),
) -> Result<Comparison> {
    let n = members.map(<[u32]>::len);
    let (class_distance, class_distance_by_chance) = class_distance(unseen.dataset, members);
    let statistic = |&(name, value): &Statistic| {
        let values = members.map(|list| list.iter().map(|&i| value(&portraits[i as usize])).collect::<Vec<f64>>());
        shift(name, [&values[0], &values[1]])
    };
    Ok(Comparison {
        parts: [Part::Train.name(), part.name()],
        n,
        class_distance,
        class_distance_by_chance,
        statistics: STATISTICS.iter().map(statistic).collect(),
        told_apart: told_apart(unseen, members, watch)?,
    })
}

/// A number of each image, and its name.
type Statistic = (&'static str, fn(&Portrait) -> f64);

/// What is compared of the images.
const STATISTICS: [Statistic; 5] = [
    ("mean grey", |portrait| portrait.mean),
    ("contrast", |portrait| portrait.contrast),
    ("share of ink", |portrait| portrait.ink),
    ("row of the barycentre", |portrait| portrait.centre[0]),
    ("column of the barycentre", |portrait| portrait.centre[1]),
];

/// Half the sum of |share in a − share in b|, and about what two random parts of this size would have:
/// ½ Σ √(2 p (1 − p) (1/n + 1/m) / π), the mean absolute value of a normal difference.
fn class_distance(dataset: &Dataset, members: [&[u32]; 2]) -> (f64, f64) {
    let counts = members.map(|list| {
        let mut counts = vec![0.0; dataset.classes.len()];
        list.iter().for_each(|&i| counts[dataset.samples[i as usize].label as usize] += 1.0);
        counts
    });
    let n = members.map(|list| list.len() as f64);
    let (mut found, mut chance) = (0.0, 0.0);
    for (a, b) in counts[0].iter().zip(&counts[1]) {
        found += 0.5 * (a / n[0] - b / n[1]).abs();
        let p = (a + b) / (n[0] + n[1]);
        chance += 0.5 * (2.0 * p * (1.0 - p) * (1.0 / n[0] + 1.0 / n[1]) / std::f64::consts::PI).sqrt();
    }
    (found, chance)
}

fn shift(name: &'static str, values: [&[f64]; 2]) -> Shift {
    let n = values.map(|values| values.len() as f64);
    let means = [0, 1].map(|k| values[k].iter().sum::<f64>() / n[k]);
    let squares = [0, 1].map(|k| values[k].iter().map(|value| (value - means[k]).powi(2)).sum::<f64>());
    let deviation = ((squares[0] + squares[1]) / (n[0] + n[1])).sqrt();
    let value = if deviation > 0.0 { (means[1] - means[0]) / deviation } else { 0.0 };
    let half = 1.96 * (1.0 / n[0] + 1.0 / n[1]).sqrt();
    Shift { name, means, difference: Interval { value, low: value - half, high: value + half } }
}

/// Trains on as many images of one as of the other and measures on some that were held out.
fn told_apart(unseen: &Unseen<'_>, members: [&[u32]; 2], watch: &mut Watch<'_>) -> Result<Interval> {
    let n = members[0].len().min(members[1].len()).min(MOST);
    let (mut training, mut held_out) = (Vec::new(), Vec::new());
    for (label, list) in (0..).zip(members) {
        let mut list = list.to_vec();
        Rng::new(unseen.seed, 0, label, Operation::Choose).shuffle(&mut list);
        list.truncate(n);
        let (measured, learned) = list.split_at(n / HELD_OUT);
        training.extend(learned.iter().map(|&i| (i, label)));
        held_out.extend(measured.iter().map(|&i| (i, label)));
    }
    let n_right = unseen.count_right(&training, &held_out, &mut |share| {
        watch.observe(Step { done: share, total: 1.0, name: "parts" })
    })?;
    Ok(wilson_interval(n_right as u64, held_out.len() as u64))
}

/// What of the comparisons is worth a finding.
pub(super) fn drift(comparisons: &[Comparison]) -> Finding {
    if comparisons.is_empty() {
        return Finding::skipped(Kind::Drift, format!("needs a part train and another, of {FEWEST} images each"));
    }
    let mut texts = Vec::new();
    for comparison in comparisons {
        let [a, b] = comparison.parts;
        for shift in &comparison.statistics {
            let Interval { value, low, high } = shift.difference;
            if low > SHIFT || high < -SHIFT {
                texts.push(format!("{} of {b} {value:+.2} deviations from {a}", shift.name));
            }
        }
        if comparison.class_distance > SHARES.max(3.0 * comparison.class_distance_by_chance) {
            texts.push(format!("class shares of {a} and {b} differ by {:.0} %", 100.0 * comparison.class_distance));
        }
        if comparison.told_apart.low > ACCURACY {
            let accuracy = 100.0 * comparison.told_apart.value;
            texts.push(format!("a model tells {a} from {b} with {accuracy:.0} % accuracy"));
        }
    }
    let rule = format!(
        "the 95 % interval of a statistic's difference beyond ±{SHIFT} standard deviations, class shares that differ by \
         more than {:.0} % and three times chance, or a model that tells the parts apart with more than {:.0} % accuracy \
         (interval's lower end; half is chance)",
        100.0 * SHARES,
        100.0 * ACCURACY
    );
    let summary = if texts.is_empty() { "none".to_owned() } else { texts.join("; ") };
    Finding::new(Kind::Drift, summary, rule, Vec::new()).with_n(texts.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shift_is_in_standard_deviations_with_an_interval() {
        let shift = shift("x", [&[0.0, 2.0, 0.0, 2.0], &[2.0, 4.0, 2.0, 4.0]]);
        assert_eq!((shift.means, shift.difference.value), ([1.0, 3.0], 2.0));
        assert!((shift.difference.high - 2.0 - 1.96 * 0.5_f64.sqrt()).abs() < 1e-12);
    }
}
