//! Running a plan: `reference` is the meaning of every layer, `fused` is what everybody runs.

pub mod fused;
pub mod reference;

pub use inkstone_kernels::{AlignedBuffer, Isa, fma_ceiling};

use crate::rng::{Operation, Rng};
use crate::spec::plan::{Plan, Start, TensorInfo};

/// The values of a plan's parameters and of its running state, each in one flat buffer in the plan's order.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// Trained: `plan.parameters[i].range()` is tensor i. Gaps between tensors are zero.
    pub values: AlignedBuffer,
    /// Running statistics: `plan.state[i].range()` is tensor i.
    pub state: AlignedBuffer,
}

impl Parameters {
    /// The first values for `plan`: a function of the plan and the seed alone.
    pub fn initialise(plan: &Plan, seed: u64) -> Self {
        let mut parameters = Self {
            values: AlignedBuffer::zeros(plan.parameter_buffer_len()),
            state: AlignedBuffer::zeros(plan.state_buffer_len()),
        };
        for (i, info) in plan.parameters.iter().enumerate() {
            fill(info, &mut parameters.values[info.range()], seed, i as u32);
        }
        for (i, info) in plan.state.iter().enumerate() {
            fill(info, &mut parameters.state[info.range()], seed, i as u32);
        }
        parameters
    }
}

fn fill(info: &TensorInfo, values: &mut [f32], seed: u64, index: u32) {
    let mut rng = Rng::new(seed, 0, index, Operation::Initialise);
    match info.start {
        Start::Constant(value) => values.fill(value),
        Start::Uniform { bound } => values.iter_mut().for_each(|value| *value = rng.uniform(-bound, bound)),
        Start::Normal { deviation } => {
            for value in values {
                *value = (rng.normal() * f64::from(deviation)) as f32;
            }
        }
    }
}

/// What a training step is told of its batch. The images are asked for one by one, by the lane that needs them.
pub struct Batch<'a> {
    /// Writes the values of image i of the batch (`plan.input.len()` of them); called from any thread.
    pub write_image: &'a (dyn Fn(usize, &mut [f32]) + Sync),
    /// The label and weight of each image; its length is the batch size.
    pub targets: &'a [Target],
    /// Share of the target spread evenly over all classes.
    pub label_smoothing: f32,
    /// The key of dropout's draws: the same (seed, step, position in the batch) drops the same values.
    pub seed: u64,
    /// Steps since the start of training.
    pub step: u32,
}

/// What one image should be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// The class.
    pub label: u32,
    /// Its weight in the loss; 1 for all when classes are not weighted.
    pub weight: f32,
    /// Another class that the image is in part (mixup, cutmix).
    pub admixture: Option<Admixture>,
}

/// How much of an image is of another class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Admixture {
    /// The other class.
    pub label: u32,
    /// Its share of the target, from 0 to 1; what is left is the label's.
    pub share: f32,
}

/// What a training step found out beside the gradients.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct StepOutcome {
    /// Σ weight · loss over the batch (not yet divided by the number of images).
    pub loss_sum: f64,
    /// Images whose largest logit was their label's.
    pub n_correct: usize,
}
