//! Counts of images under every treatment and attack, and the report that they make. Whole numbers: in whatever order they
//! are added, the report is the same.

use std::ops::AddAssign;

use super::attack::{ATTACKS, Attack, Start};
use super::corruption::{Corruption, Dose, STRENGTHS};
use super::curve::Motion;
use super::report::{
    AttackResult, CorruptionResult, Curve, CurvePoint, Decisions, Measured, StrengthResult, StressReport,
};
use super::treatment::Treatment;
use crate::evaluate::wilson_interval;
use crate::predict::Decision;

/// Counts of images.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) n: u64,
    pub(super) n_right: u64,
    /// Where the model has thresholds to decide by.
    pub(super) decided: Option<Decided>,
}

/// Counts of decisions.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Decided {
    answers: u64,
    abstained: u64,
    wrong_answers: u64,
}

impl Tally {
    fn measured(self) -> Measured {
        let decisions = self.decided.map(|decided| Decisions {
            n_answers: decided.answers,
            answered: wilson_interval(decided.answers, self.n),
            abstained: wilson_interval(decided.abstained, self.n),
            wrong_answers: wilson_interval(decided.wrong_answers, decided.answers),
        });
        Measured { decisions, ..Measured::of(self.n_right, self.n) }
    }

    /// Counts one more image.
    pub(super) fn add(&mut self, is_right: bool, decision: Option<Decision>) {
        self.n += 1;
        self.n_right += u64::from(is_right);
        if let Some(decision) = decision {
            let decided = self.decided.get_or_insert_default();
            decided.answers += u64::from(decision == Decision::Answer);
            decided.abstained += u64::from(decision == Decision::Abstain);
            decided.wrong_answers += u64::from(decision == Decision::Answer && !is_right);
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.n += other.n;
        self.n_right += other.n_right;
        if let Some(other) = other.decided {
            let decided = self.decided.get_or_insert_default();
            decided.answers += other.answers;
            decided.abstained += other.abstained;
            decided.wrong_answers += other.wrong_answers;
        }
    }
}

/// The counts of everything.
pub(super) struct Tallies {
    pub(super) treatments: Vec<(Treatment, Tally)>,
    pub(super) attacks: Vec<(Attack, Tally)>,
}

impl Tallies {
    pub(super) fn new() -> Self {
        Self {
            treatments: Treatment::all().into_iter().map(|treatment| (treatment, Tally::default())).collect(),
            attacks: ATTACKS.map(|attack| (attack, Tally::default())).to_vec(),
        }
    }

    fn of(&self, treatment: Treatment) -> Tally {
        let found = self.treatments.iter().find(|(other, _)| *other == treatment);
        found.map(|(_, tally)| *tally).unwrap_or_default()
    }

    pub(super) fn report(&self, seed: u64, [n, n_in_part]: [usize; 2]) -> StressReport {
        let corruptions: Vec<CorruptionResult> =
            Corruption::ALL.iter().map(|&corruption| self.corruption(corruption, n as u64)).collect();
        StressReport {
            version: 1,
            seed,
            n: n as u64,
            n_in_part: n_in_part as u64,
            untouched: self.of(Treatment::Untouched).measured(),
            mean_corruption_accuracy: StressReport::mean_of(&corruptions),
            corruptions,
            curves: Motion::ALL.iter().map(|&motion| self.curve(motion)).collect(),
            attacks: self.attacks.iter().map(|(attack, tally)| result(*attack, *tally)).collect(),
        }
    }

    fn corruption(&self, corruption: Corruption, n: u64) -> CorruptionResult {
        let strength = |strength: u8| {
            let dose = Dose { corruption, strength };
            let measured = self.of(Treatment::Corrupted(dose)).measured();
            StrengthResult { strength: u32::from(strength), amount: dose.amount(), measured }
        };
        let mut strengths: Vec<StrengthResult> = (1..=STRENGTHS).map(strength).collect();
        let n_measured = strengths.first().map_or(0, |strength| strength.measured.n);
        let least = corruption.least_side();
        let note = (n_measured < n).then(|| {
            let n_left_out = n - n_measured;
            format!("{n_left_out} of {n} images left out: it makes sense from {least}×{least} pixels on")
        });
        if n_measured == 0 {
            strengths.clear();
        }
        CorruptionResult {
            name: corruption,
            amount: corruption.amount_is().to_owned(),
            mean: CorruptionResult::mean_of(&strengths),
            strengths,
            note,
        }
    }

    fn curve(&self, motion: Motion) -> Curve {
        let point = |&at: &f32| CurvePoint { at, measured: self.of(Treatment::Moved(motion, at)).measured() };
        Curve {
            name: motion.name().to_owned(),
            unit: motion.unit().to_owned(),
            points: motion.amounts().iter().map(point).collect(),
        }
    }
}

/// All that an attack must state.
fn result(attack: Attack, tally: Tally) -> AttackResult {
    AttackResult {
        name: attack.name.to_owned(),
        epsilon: attack.epsilon,
        steps: attack.steps,
        step_size: attack.step_size,
        start: match attack.start {
            Start::Image => "image",
            Start::Uniform => "uniform",
        }
        .to_owned(),
        loss: "cross-entropy".to_owned(),
        clip: [0.0, 1.0],
        on: "the prepared image, before scaling and normalising, not rounded to bytes".to_owned(),
        counted: "misled as soon as one of the images on the way is answered wrongly, or the image itself is"
            .to_owned(),
        n: tally.n,
        accuracy: wilson_interval(tally.n_right, tally.n),
    }
}
