//! The rules that turn gradients into steps: Adam, AdamW, SGD with momentum, in PyTorch's formulas.
//!
//! Works on flat buffers; the gaps between tensors are zero and stay zero. The loops themselves are kernels.

use inkstone_kernels::{AdamStep, SgdStep, adam, sgd};

use crate::engine::{AlignedBuffer, Isa};
use crate::parallel::Pool;
use crate::spec::TrainSpec;
use crate::spec::training::OptimizerName;

use super::schedule::power;

/// The most values that one thread takes in one go where there are others: about 10 µs of work.
const PIECE: usize = 1 << 14;

/// An optimizer with its memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Optimizer {
    rule: Rule,
    /// Steps made so far.
    pub(crate) n_steps: u64,
    /// Adam: the means of gradients and of their squares. SGD: the velocity, where there is momentum.
    pub(crate) moments: Vec<AlignedBuffer>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Rule {
    Adam { beta_1: f32, beta_2: f32, epsilon: f32, decay: Decay },
    Sgd { momentum: f32, nesterov: bool, weight_decay: f32 },
}

/// Where the pull towards zero enters.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Decay {
    /// g ← g + λ·p: an L2 penalty.
    Gradient(f32),
    /// p ← p − η·λ·p: decoupled (Loshchilov & Hutter 2019).
    Value(f32),
}

impl Optimizer {
    /// The optimizer that `spec` describes, for a flat buffer of `len` parameters, before its first step.
    pub fn new(spec: &TrainSpec, len: usize) -> Self {
        let adam = |decay| Rule::Adam {
            beta_1: spec.beta_1.unwrap_or(0.9),
            beta_2: spec.beta_2.unwrap_or(0.999),
            epsilon: spec.epsilon.unwrap_or(1e-8),
            decay,
        };
        let rule = match spec.optimizer {
            OptimizerName::Adam => adam(Decay::Gradient(spec.weight_decay.unwrap_or(0.0))),
            OptimizerName::Adamw => adam(Decay::Value(spec.weight_decay.unwrap_or(0.01))),
            OptimizerName::Sgd => Rule::Sgd {
                momentum: spec.momentum.unwrap_or(0.0),
                nesterov: spec.nesterov.unwrap_or(false),
                weight_decay: spec.weight_decay.unwrap_or(0.0),
            },
        };
        let n_moments = match rule {
            Rule::Adam { .. } => 2,
            Rule::Sgd { momentum, .. } => usize::from(momentum != 0.0),
        };
        Self { rule, n_steps: 0, moments: vec![AlignedBuffer::zeros(len); n_moments] }
    }

    /// Moves `parameters` against `gradients`.
    ///
    /// Adam: m ← m + (1−β₁)(g−m), v ← β₂v + (1−β₂)g², p ← p − η/(1−β₁ᵗ) · m / (√v/√(1−β₂ᵗ) + ε) ·
    /// SGD: u ← μu + g, p ← p − ηu (Nesterov: p ← p − η(g + μu)).
    pub fn step(&mut self, (isa, pool): (Isa, &Pool), parameters: &mut [f32], gradients: &[f32], learning_rate: f64) {
        self.n_steps += 1;
        match self.rule {
            Rule::Adam { beta_1, beta_2, epsilon, decay } => {
                let correction = |beta: f32| 1.0 - power(f64::from(beta), self.n_steps);
                let constants = AdamStep {
                    mean_share: (1.0 - f64::from(beta_1)) as f32,
                    square_keep: beta_2,
                    square_share: (1.0 - f64::from(beta_2)) as f32,
                    rate: (learning_rate / correction(beta_1)) as f32,
                    root_factor: (1.0 / correction(beta_2).sqrt()) as f32,
                    epsilon,
                    penalty: if let Decay::Gradient(decay) = decay { decay } else { 0.0 },
                    shrink: match decay {
                        Decay::Value(decay) => (1.0 - learning_rate * f64::from(decay)) as f32,
                        Decay::Gradient(_) => 1.0,
                    },
                };
                Piece::whole(parameters, gradients, &mut self.moments).for_each(pool, &|piece| {
                    let [Some(means), Some(squares)] = piece.moments else { unreachable!("Adam has two moments") };
                    adam(isa, &constants, piece.parameters, piece.gradients, [means, squares]);
                });
            }
            Rule::Sgd { momentum, nesterov, weight_decay } => {
                let constants = SgdStep { rate: learning_rate as f32, momentum, nesterov, weight_decay };
                Piece::whole(parameters, gradients, &mut self.moments).for_each(pool, &|piece| {
                    let [velocity, _] = piece.moments;
                    sgd(isa, &constants, piece.parameters, piece.gradients, velocity);
                });
            }
        }
    }
}

/// The same stretch of all buffers.
struct Piece<'a> {
    parameters: &'a mut [f32],
    gradients: &'a [f32],
    moments: [Option<&'a mut [f32]>; 2],
}

impl<'a> Piece<'a> {
    fn whole(parameters: &'a mut [f32], gradients: &'a [f32], moments: &'a mut [AlignedBuffer]) -> Self {
        let mut moments = moments.iter_mut().map(|moment| &mut moment[..]);
        Self { parameters, gradients, moments: [moments.next(), moments.next()] }
    }

    /// Calls `work` for pieces of at most [`PIECE`] values, on several threads where there are more. Every value is
    /// worked out from its own place alone, so it does not matter where the cuts are.
    fn for_each(self, pool: &Pool, work: &(impl Fn(Piece<'_>) + Sync)) {
        if self.parameters.len() <= PIECE || pool.n_threads() == 1 {
            return work(self);
        }
        let (left, right) = self.halves();
        pool.join(|| left.for_each(pool, work), || right.for_each(pool, work));
    }

    fn halves(self) -> (Self, Self) {
        // A whole number of vectors and cache lines on the left.
        let middle = (self.parameters.len() / 2).next_multiple_of(16);
        let (parameters, right_parameters) = self.parameters.split_at_mut(middle);
        let (gradients, right_gradients) = self.gradients.split_at(middle);
        let [first, second] = self.moments.map(|moment| moment.map(|moment| moment.split_at_mut(middle)));
        let ((first, right_first), (second, right_second)) = (first.unzip(), second.unzip());
        (
            Self { parameters, gradients, moments: [first, second] },
            Self { parameters: right_parameters, gradients: right_gradients, moments: [right_first, right_second] },
        )
    }
}

/// The factor that an average of the parameters keeps of itself at its step t (counted from 1): `decay`, but at most
/// (1 + t) / (10 + t), so that the first values do not linger (as TensorFlow's `ExponentialMovingAverage` with `num_updates`).
pub(crate) fn average_keep(decay: f32, t: u64) -> f32 {
    decay.min(((1.0 + t as f64) / (10.0 + t as f64)) as f32)
}

/// a ← a + (1 − keep)(p − a)
pub(crate) fn follow(isa: Isa, average: &mut [f32], parameters: &[f32], keep: f32) {
    inkstone_kernels::follow(isa, average, parameters, 1.0 - keep);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn numbers(value: &Value) -> Vec<f32> {
        value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
    }

    #[test]
    fn ten_steps_of_every_optimizer_equal_pytorch() {
        let fixture: Value = serde_json::from_str(include_str!("../../tests/fixtures/optimizers.json")).unwrap();
        let pool = Pool::new(1).unwrap();
        for case in fixture["cases"].as_array().unwrap() {
            let spec: TrainSpec = serde_json::from_value(case["spec"].clone()).unwrap();
            let mut values = numbers(&case["start"]);
            let mut optimizer = Optimizer::new(&spec, values.len());
            for (gradients, expected) in
                case["gradients"].as_array().unwrap().iter().zip(case["values"].as_array().unwrap())
            {
                optimizer.step((Isa::detect(), &pool), &mut values, &numbers(gradients), f64::from(spec.learning_rate));
                for (value, expected) in values.iter().zip(numbers(expected)) {
                    assert!((value - expected).abs() <= 2e-6 * expected.abs().max(0.1), "{spec:?}: {value} {expected}");
                }
            }
        }
    }

    fn adam_spec() -> TrainSpec {
        TrainSpec { learning_rate: 0.1, ..TrainSpec::default() }
    }

    #[test]
    fn the_first_adam_step_is_the_learning_rate_against_the_sign() {
        let pool = Pool::new(1).unwrap();
        let mut values = [1.0, 1.0, 0.0];
        // m/(1−β₁) = g and √(v/(1−β₂)) = |g|, whatever the size of g; a gap (0, 0) stays 0.
        Optimizer::new(&adam_spec(), 3).step((Isa::detect(), &pool), &mut values, &[5.0, -0.001, 0.0], 0.1);
        assert!((values[0] - 0.9).abs() < 1e-6 && (values[1] - 1.1).abs() < 1e-5 && values[2] == 0.0, "{values:?}");
    }

    #[test]
    fn pieces_on_several_threads_give_the_bits_of_one() {
        let n = 5 * PIECE + 17;
        let gradients: Vec<f32> = (0..n).map(|i| (i as f32 * 0.37).sin()).collect();
        let run = |n_threads| {
            let pool = Pool::new(n_threads).unwrap();
            let mut values = vec![0.5; n];
            let mut optimizer = Optimizer::new(&adam_spec(), n);
            (0..3).for_each(|_| optimizer.step((Isa::detect(), &pool), &mut values, &gradients, 0.01));
            values
        };
        assert_eq!(run(1), run(3));
    }

    #[test]
    fn vanishing_moments_become_zero_instead_of_denormal() {
        let pool = Pool::new(1).unwrap();
        let mut optimizer = Optimizer::new(&adam_spec(), 1);
        optimizer.step((Isa::detect(), &pool), &mut [1.0], &[1e-14], 0.1);
        for _ in 0..2000 {
            optimizer.step((Isa::detect(), &pool), &mut [1.0], &[0.0], 0.1);
        }
        assert!(optimizer.moments.iter().all(|moment| moment[0] == 0.0));
    }

    #[test]
    fn an_average_follows_quickly_at_first_and_slowly_later() {
        assert_eq!(average_keep(0.999, 1), (2.0_f64 / 11.0) as f32);
        assert_eq!(average_keep(0.999, 100_000), 0.999);
        let mut average = [0.0];
        follow(Isa::detect(), &mut average, &[1.0], 0.75);
        assert_eq!(average, [0.25]);
    }
}
