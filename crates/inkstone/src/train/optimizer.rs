//! The rules that turn gradients into steps: Adam, AdamW, SGD with momentum, in PyTorch's formulas.
//!
//! Works on flat buffers; the gaps between tensors are zero and stay zero. No `mul_add`: plain products and sums give
//! the same bits on every instruction set that the compiler may choose.

use crate::engine::AlignedBuffer;
use crate::parallel::Pool;
use crate::spec::TrainSpec;
use crate::spec::training::OptimizerName;

use super::schedule::power;

/// Moments smaller than this become zero: denormals slow a CPU 20 to 50 times, and no step can feel them.
const TINY: f32 = 1e-30;
/// Values per piece of work; fewer values than two pieces are not worth waking other threads for.
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
    pub fn step(&mut self, pool: &Pool, parameters: &mut [f32], gradients: &[f32], learning_rate: f64) {
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
                let [means, squares] = &mut self.moments[..] else { unreachable!("Adam has two moments") };
                adam(pool, &constants, parameters, gradients, [means, squares]);
            }
            Rule::Sgd { momentum, nesterov, weight_decay } => {
                let rate = learning_rate as f32;
                match self.moments.first_mut() {
                    None => descend(parameters, gradients, rate, weight_decay),
                    Some(velocity) => {
                        let constants = SgdStep { rate, momentum, weight_decay };
                        let look_ahead = if nesterov { nesterov_momentum } else { heavy_ball };
                        look_ahead(parameters, gradients, velocity, &constants);
                    }
                }
            }
        }
    }
}

/// The constants of one Adam step.
struct AdamStep {
    mean_share: f32,
    square_keep: f32,
    square_share: f32,
    rate: f32,
    root_factor: f32,
    epsilon: f32,
    penalty: f32,
    shrink: f32,
}

fn adam(
    pool: &Pool,
    constants: &AdamStep,
    parameters: &mut [f32],
    gradients: &[f32],
    [means, squares]: [&mut AlignedBuffer; 2],
) {
    if parameters.len() < 2 * PIECE || pool.n_threads() == 1 {
        return adam_piece(constants, parameters, gradients, means, squares);
    }
    let pieces = parameters.chunks_mut(PIECE).zip(gradients.chunks(PIECE));
    let mut pieces: Vec<_> = pieces.zip(means.chunks_mut(PIECE)).zip(squares.chunks_mut(PIECE)).collect();
    pool.for_each(&mut pieces, |_, (((parameters, gradients), means), squares)| {
        adam_piece(constants, parameters, gradients, means, squares);
    });
}

fn adam_piece(step: &AdamStep, parameters: &mut [f32], gradients: &[f32], means: &mut [f32], squares: &mut [f32]) {
    for (((p, &g), m), v) in parameters.iter_mut().zip(gradients).zip(means).zip(squares) {
        let g = g + step.penalty * *p;
        *m = without_denormals(*m + step.mean_share * (g - *m));
        *v = without_denormals(step.square_keep * *v + step.square_share * (g * g));
        *p = *p * step.shrink - step.rate * *m / (v.sqrt() * step.root_factor + step.epsilon);
    }
}

/// The constants of one SGD step with momentum.
struct SgdStep {
    rate: f32,
    momentum: f32,
    weight_decay: f32,
}

fn descend(parameters: &mut [f32], gradients: &[f32], rate: f32, weight_decay: f32) {
    for (p, &g) in parameters.iter_mut().zip(gradients) {
        *p -= rate * (g + weight_decay * *p);
    }
}

fn heavy_ball(parameters: &mut [f32], gradients: &[f32], velocity: &mut AlignedBuffer, step: &SgdStep) {
    for ((p, &g), u) in parameters.iter_mut().zip(gradients).zip(velocity.iter_mut()) {
        *u = without_denormals(step.momentum * *u + (g + step.weight_decay * *p));
        *p -= step.rate * *u;
    }
}

fn nesterov_momentum(parameters: &mut [f32], gradients: &[f32], velocity: &mut AlignedBuffer, step: &SgdStep) {
    for ((p, &g), u) in parameters.iter_mut().zip(gradients).zip(velocity.iter_mut()) {
        let g = g + step.weight_decay * *p;
        *u = without_denormals(step.momentum * *u + g);
        *p -= step.rate * (g + step.momentum * *u);
    }
}

/// A select, not a branch: the loop around it stays a vector loop.
fn without_denormals(value: f32) -> f32 {
    if value.abs() < TINY { 0.0 } else { value }
}

/// The factor that an average of the parameters keeps of itself at its step t (counted from 1): `decay`, but at most
/// (1 + t) / (10 + t), so that the first values do not linger (as TensorFlow's `ExponentialMovingAverage` with `num_updates`).
pub(crate) fn average_keep(decay: f32, t: u64) -> f32 {
    decay.min(((1.0 + t as f64) / (10.0 + t as f64)) as f32)
}

/// a ← a + (1 − keep)(p − a)
pub(crate) fn follow(average: &mut [f32], parameters: &[f32], keep: f32) {
    let share = 1.0 - keep;
    for (a, &p) in average.iter_mut().zip(parameters) {
        *a += share * (p - *a);
    }
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
                optimizer.step(&pool, &mut values, &numbers(gradients), f64::from(spec.learning_rate));
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
        Optimizer::new(&adam_spec(), 3).step(&pool, &mut values, &[5.0, -0.001, 0.0], 0.1);
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
            (0..3).for_each(|_| optimizer.step(&pool, &mut values, &gradients, 0.01));
            values
        };
        assert_eq!(run(1), run(3));
    }

    #[test]
    fn vanishing_moments_become_zero_instead_of_denormal() {
        let pool = Pool::new(1).unwrap();
        let mut optimizer = Optimizer::new(&adam_spec(), 1);
        optimizer.step(&pool, &mut [1.0], &[1e-14], 0.1);
        for _ in 0..2000 {
            optimizer.step(&pool, &mut [1.0], &[0.0], 0.1);
        }
        assert!(optimizer.moments.iter().all(|moment| moment[0] == 0.0));
    }

    #[test]
    fn an_average_follows_quickly_at_first_and_slowly_later() {
        assert_eq!(average_keep(0.999, 1), (2.0_f64 / 11.0) as f32);
        assert_eq!(average_keep(0.999, 100_000), 0.999);
        let mut average = [0.0];
        follow(&mut average, &[1.0], 0.75);
        assert_eq!(average, [0.25]);
    }
}
