//! The step size as a pure function of the step: nothing is remembered, so a resumed run needs no schedule state.
//!
//! A run that is extended to more epochs recomputes the schedules that look at the end (`cosine`, `one_cycle`) for the new
//! number of epochs: from the resumed step on they follow the longer curve.

use crate::spec::TrainSpec;
use crate::spec::training::ScheduleName;

/// The learning rate at every step of a training.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    name: ScheduleName,
    learning_rate: f64,
    warmup_steps: u64,
    steps_per_epoch: u64,
    n_steps: u64,
    step_epochs: u64,
    decay: f64,
}

impl Schedule {
    /// The schedule of `spec`, where an epoch has `steps_per_epoch` steps (at least one).
    pub fn new(spec: &TrainSpec, steps_per_epoch: usize) -> Self {
        let steps_per_epoch = steps_per_epoch.max(1) as u64;
        let warmup = f64::from(spec.warmup_epochs.unwrap_or(0.0)) * steps_per_epoch as f64;
        let default_decay = if spec.schedule == ScheduleName::Step { 0.1 } else { 0.95 };
        Self {
            name: spec.schedule,
            learning_rate: f64::from(spec.learning_rate),
            warmup_steps: warmup.round() as u64,
            steps_per_epoch,
            n_steps: steps_per_epoch * spec.epochs as u64,
            step_epochs: spec.step_epochs.unwrap_or(10).max(1) as u64,
            decay: spec.decay.map_or(default_decay, f64::from),
        }
    }

    /// The learning rate of a step, counted from 0 at the start of training.
    ///
    /// Warm-up: η·(step + 1)/warmup. Then, with t = step − warmup, T = all steps − warmup, e = ⌊t / steps per epoch⌋:
    /// `constant` η · `step` η·decay^⌊e/step_epochs⌋ · `exponential` η·decay^e · `cosine` η·(1 + cos(πt/T))/2 ·
    /// `one_cycle` PyTorch's `OneCycleLR(max_lr=η, total_steps=T)` without its cycling of momentum.
    pub fn rate(&self, step: u64) -> f64 {
        if step < self.warmup_steps {
            return self.learning_rate * (step + 1) as f64 / self.warmup_steps as f64;
        }
        let t = step - self.warmup_steps;
        let total = self.n_steps.saturating_sub(self.warmup_steps).max(1);
        let epoch = t / self.steps_per_epoch;
        let factor = match self.name {
            ScheduleName::Constant => 1.0,
            ScheduleName::Step => power(self.decay, epoch / self.step_epochs),
            ScheduleName::Exponential => power(self.decay, epoch),
            ScheduleName::Cosine => half_cosine(1.0, 0.0, t as f64 / total as f64),
            ScheduleName::OneCycle => one_cycle(t as f64, total as f64),
        };
        self.learning_rate * factor
    }
}

/// The share of the highest rate at step t of `total`: 30 % up from 1/25, then down to 1/250,000.
fn one_cycle(t: f64, total: f64) -> f64 {
    const START: f64 = 1.0 / 25.0;
    const END: f64 = START / 10_000.0;
    let peak = 0.3 * total - 1.0;
    // Fewer than four steps have no way up.
    if t <= peak && peak > 0.0 {
        return half_cosine(START, 1.0, t / peak);
    }
    let peak = peak.max(0.0);
    let span = total - 1.0 - peak;
    half_cosine(1.0, END, if span > 0.0 { (t - peak) / span } else { 1.0 })
}

/// From `start` (share 0) to `end` (share 1) along half a cosine.
fn half_cosine(start: f64, end: f64, share: f64) -> f64 {
    end + (start - end) / 2.0 * (cos_pi(share.clamp(0.0, 1.0)) + 1.0)
}

/// cos(πx) for x in 0..=1, to an ulp or two. The C library's cosine differs between machines; this does not.
fn cos_pi(x: f64) -> f64 {
    let y = x - 0.5;
    // cos(πx) = −sin(π(x − ½)); near the ends the cosine's own series of the smaller angle is the exact one.
    if y.abs() <= 0.25 {
        -sine(std::f64::consts::PI * y)
    } else if x < 0.5 {
        cosine(std::f64::consts::PI * x)
    } else {
        -cosine(std::f64::consts::PI * (1.0 - x))
    }
}

/// Taylor's series, |a| ≤ π/4: the first term left out is below 1e-18.
fn sine(a: f64) -> f64 {
    series(a, 1)
}

fn cosine(a: f64) -> f64 {
    series(a, 0)
}

/// Σ (−1)ᵏ a^(2k+first) / (2k+first)!, from the smallest term up.
fn series(a: f64, first: u32) -> f64 {
    let square = a * a;
    let sum = (1..=9).rev().fold(1.0, |sum, k| {
        let n = f64::from(2 * k + first);
        1.0 - square / (n * (n - 1.0)) * sum
    });
    if first == 1 { a * sum } else { sum }
}

/// base^exponent by repeated squaring: the same bits on every machine.
pub(crate) fn power(mut base: f64, mut exponent: u64) -> f64 {
    let mut result = 1.0;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result *= base;
        }
        base *= base;
        exponent >>= 1;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn every_schedule_equals_pytorch() {
        let fixture: Value = serde_json::from_str(include_str!("../../tests/fixtures/schedules.json")).unwrap();
        for case in fixture["cases"].as_array().unwrap() {
            let spec: TrainSpec = serde_json::from_value(case["spec"].clone()).unwrap();
            let schedule = Schedule::new(&spec, case["steps_per_epoch"].as_u64().unwrap() as usize);
            for (step, expected) in case["rates"].as_array().unwrap().iter().enumerate() {
                let (rate, expected) = (schedule.rate(step as u64), expected.as_f64().unwrap());
                // The recipe's numbers are f32; PyTorch's were f64 numbers of the same decimal.
                assert!((rate - expected).abs() <= 3e-7 * expected + 1e-12, "{spec:?}, step {step}: {rate} {expected}");
            }
        }
    }

    #[test]
    fn warm_up_grows_in_a_straight_line_and_the_schedule_starts_behind_it() {
        let spec = TrainSpec { learning_rate: 1.0, warmup_epochs: Some(0.5), epochs: 3, ..TrainSpec::default() };
        let schedule = Schedule::new(&spec, 8);
        let rates: Vec<f64> = (0..6).map(|step| schedule.rate(step)).collect();
        assert_eq!(rates, [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]);
        let cosine = Schedule::new(&TrainSpec { schedule: ScheduleName::Cosine, ..spec }, 8);
        assert_eq!([cosine.rate(4), cosine.rate(14), cosine.rate(24)], [1.0, 0.5, 0.0]);
    }

    #[test]
    fn the_shortest_trainings_have_finite_rates() {
        for name in [ScheduleName::Constant, ScheduleName::Cosine, ScheduleName::OneCycle] {
            for epochs in 1..=5 {
                let spec = TrainSpec { schedule: name, epochs, ..TrainSpec::default() };
                let schedule = Schedule::new(&spec, 1);
                assert!((0..10).all(|step| schedule.rate(step).is_finite()), "{name:?} {epochs}");
            }
        }
    }

    #[test]
    fn our_cosine_equals_the_c_library_s_to_its_last_digits() {
        for i in 0..=1000 {
            let x = f64::from(i) / 1000.0;
            assert!((cos_pi(x) - (std::f64::consts::PI * x).cos()).abs() < 4e-16, "{x}");
        }
        assert_eq!([cos_pi(0.0), cos_pi(0.5), cos_pi(1.0)], [1.0, 0.0, -1.0]);
    }
}
