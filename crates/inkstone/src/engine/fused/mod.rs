//! The plan compiled into blocks over [`inkstone_kernels`], run micro-batch by micro-batch inside each lane.
//!
//! A batch is cut into lanes by a rule of its size alone. A lane takes a few of its images at a time forward and
//! backward through the whole network, so that they stay in the cache, and adds to gradients of its own; the lanes are
//! then summed in one fixed tree. So neither the number of threads nor their order changes a bit of the result.
//! A batch norm needs the whole batch: there the lanes wait for each other, and a lane keeps all its images.

mod conv;
mod elementwise;
mod input;
mod lane;
mod norm;
mod pass;
mod program;
mod reduce;
mod spare;
mod weights;

pub use self::input::{InputGradients, Weigh};

use std::ops::Range;

use self::lane::Lane;
use self::norm::ChannelSums;
use self::program::{Kind, Norm, Program};
use self::spare::SpareLanes;
use self::weights::{BlockWeights, Purpose, Weights};
use super::{AlignedBuffer, Batch, Isa, Parameters, StepOutcome};
use crate::parallel::Pool;
use crate::spec::plan::Plan;
use crate::spec::training::Precision;

/// Images that go through the network together, so that a dense layer's weights are read once for all of them.
const MICRO_BATCH: usize = 4;

/// A plan made ready for one instruction set.
#[derive(Debug, Clone)]
pub struct Fused {
    plan: Plan,
    isa: Isa,
    program: Program,
}

/// What training steps of up to one batch size work in.
#[derive(Debug)]
pub struct TrainBuffers {
    /// d loss / d parameters of the last step, the loss being the mean over the batch: Σ weight·loss / n.
    pub gradients: AlignedBuffer,
    batch_size: usize,
    weights: Weights,
    lanes: Vec<Lane>,
}

/// Parameters in the forms that the forward pass reads, and the buffers that it runs in: packed once, asked by any
/// number of threads at once. Later changes to the parameters do not reach it.
#[derive(Debug)]
pub struct Packed {
    weights: Weights,
    lanes: SpareLanes,
}

/// What a network says of images, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Outputs {
    /// What the last layer yields: n × classes.
    pub logits: Vec<f32>,
    /// What the last dense layer takes in: n × [`Fused::n_features`].
    pub features: Vec<f32>,
}

impl Fused {
    /// Makes a plan ready to run in 32-bit floating point.
    pub fn compile(plan: &Plan, isa: Isa) -> Self {
        Self::with_precision(plan, isa, Precision::F32)
    }

    /// Makes a plan ready to run with the operands of products in some precision.
    pub fn with_precision(plan: &Plan, isa: Isa, precision: Precision) -> Self {
        Self { program: Program::new(plan, precision), plan: plan.clone(), isa }
    }

    /// The plan that it runs.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The instruction set that it runs on.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// The fused blocks in order: the names of their layers and what they do, for people.
    pub fn blocks(&self) -> Vec<(String, String)> {
        self.program.blocks.iter().map(|block| (block.name.clone(), block.describe())).collect()
    }

    /// Room for training steps of up to `batch_size` images.
    pub fn train_buffers(&self, batch_size: usize) -> TrainBuffers {
        let n_parameters = self.plan.parameter_buffer_len();
        let longest_lane = (1..=batch_size).rev().take(64).map(|n| n.div_ceil(n_lanes(n))).max().unwrap_or(1);
        let capacity = if self.program.cuts.is_empty() { MICRO_BATCH.min(longest_lane) } else { longest_lane };
        let lane = || Lane::new(&self.program, self.isa, Purpose::Training, capacity, n_parameters);
        TrainBuffers {
            gradients: AlignedBuffer::zeros(n_parameters),
            batch_size,
            weights: Weights::new(&self.program, self.isa, Purpose::Training),
            lanes: (0..n_lanes(batch_size)).map(|_| lane()).collect(),
        }
    }

    /// One forward and backward pass: leaves the gradients in `buffers`, updates `parameters.state` (running
    /// statistics), not the parameters. The bits do not depend on the number of threads.
    ///
    /// # Panics
    /// If the batch is empty or larger than the buffers were made for.
    pub fn step(
        &self,
        pool: &Pool,
        parameters: &mut Parameters,
        batch: &Batch<'_>,
        buffers: &mut TrainBuffers,
    ) -> StepOutcome {
        let n = batch.targets.len();
        assert!((1..=buffers.batch_size).contains(&n), "a batch of {n} for buffers of {}", buffers.batch_size);
        buffers.weights.load(pool, &self.program, self.isa, &self.plan, parameters);
        let n_lanes = n_lanes(n);
        if self.program.cuts.is_empty() {
            let (lanes, weights) = (&mut buffers.lanes[..n_lanes], &buffers.weights);
            pool.for_each(lanes, |i, lane| {
                lane.begin(lane_range(n, n_lanes, i));
                self.micro_batches(lane, weights, batch);
            });
        } else {
            self.phases(pool, parameters, batch, buffers, n_lanes);
        }
        reduce::reduce(pool, self.isa, &self.program.transposed, &buffers.lanes[..n_lanes], &mut buffers.gradients);
        // In the order of the lanes: the sum's bits depend on nothing else.
        let lanes = &buffers.lanes[..n_lanes];
        StepOutcome {
            loss_sum: lanes.iter().map(|lane| lane.loss_sum).sum(),
            n_correct: lanes.iter().map(|lane| lane.n_correct).sum(),
        }
    }

    /// Packs parameters for [`Fused::logits`].
    pub fn pack(&self, pool: &Pool, parameters: &Parameters) -> Packed {
        let mut weights = Weights::new(&self.program, self.isa, Purpose::Inference);
        weights.load(pool, &self.program, self.isa, &self.plan, parameters);
        Packed { weights, lanes: SpareLanes::new() }
    }

    /// The logits of `n` images, row by row: image i is asked for with `write_image(i, …)`, from any thread.
    /// `packed` comes from this engine.
    pub fn logits(
        &self,
        pool: &Pool,
        packed: &Packed,
        n: usize,
        write_image: &(dyn Fn(usize, &mut [f32]) + Sync),
    ) -> Vec<f32> {
        let Packed { weights, lanes } = packed;
        let n_classes = self.plan.n_classes;
        let mut logits = vec![0.0; n * n_classes];
        // Lanes cost next to nothing to borrow, so that a task can be as small as a micro-batch: no thread is idle long.
        pool.for_each_chunk(&mut logits, MICRO_BATCH * n_classes, |task, logits| {
            let first = task * MICRO_BATCH;
            let images = first..first + logits.len() / n_classes;
            let make = |capacity| Lane::new(&self.program, self.isa, Purpose::Inference, capacity, 0);
            lanes.with_lane(MICRO_BATCH.min(n), make, |lane| {
                self.infer(lane, weights, images, write_image);
                logits.copy_from_slice(&lane.values[self.program.output][..logits.len()]);
            });
        });
        logits
    }

    /// How many values the last dense layer takes in (without one, the last block): an image as the network describes it.
    pub fn n_features(&self) -> usize {
        self.program.values[self.program.features()].len
    }

    /// The logits of `n` images as [`Fused::logits`] gives them, and their features.
    pub fn outputs(
        &self,
        pool: &Pool,
        packed: &Packed,
        n: usize,
        write_image: &(dyn Fn(usize, &mut [f32]) + Sync),
    ) -> Outputs {
        let Packed { weights, lanes } = packed;
        let (n_classes, n_features) = (self.plan.n_classes, self.n_features());
        let place = self.program.features();
        let mut rows = vec![0.0; n * (n_classes + n_features)];
        pool.for_each_chunk(&mut rows, MICRO_BATCH * (n_classes + n_features), |task, rows| {
            let first = task * MICRO_BATCH;
            let images = first..first + rows.len() / (n_classes + n_features);
            let make = |capacity| Lane::new(&self.program, self.isa, Purpose::Inference, capacity, 0);
            lanes.with_lane(MICRO_BATCH.min(n), make, |lane| {
                self.infer(lane, weights, images, write_image);
                for (i, row) in rows.chunks_exact_mut(n_classes + n_features).enumerate() {
                    row[..n_classes].copy_from_slice(&lane.values[self.program.output][i * n_classes..][..n_classes]);
                    row[n_classes..].copy_from_slice(pass::image(&lane.values[place], self.program.values[place], i));
                }
            });
        });
        let split = rows.chunks_exact(n_classes + n_features).map(|row| row.split_at(n_classes));
        Outputs {
            logits: split.clone().flat_map(|(logits, _)| logits).copied().collect(),
            features: split.flat_map(|(_, features)| features).copied().collect(),
        }
    }

    /// Without batch norm: a few images at a time, forward and backward.
    fn micro_batches(&self, lane: &mut Lane, weights: &Weights, batch: &Batch<'_>) {
        let images = lane.images.clone();
        for first in images.clone().step_by(MICRO_BATCH) {
            let images = first..(first + MICRO_BATCH).min(images.end);
            self.load_images(lane, images, batch.write_image);
            let blocks = 0..self.program.blocks.len();
            self.forward(lane, weights, blocks.clone(), Some(batch));
            self.loss(lane, batch);
            self.backward_blocks(lane, weights, blocks);
        }
    }

    /// With batch norms: all lanes go to the next one, their statistics are merged, and so on; the same backward.
    fn phases(
        &self,
        pool: &Pool,
        parameters: &mut Parameters,
        batch: &Batch<'_>,
        buffers: &mut TrainBuffers,
        n_lanes: usize,
    ) {
        let (lanes, weights) = (&mut buffers.lanes[..n_lanes], &mut buffers.weights);
        let (cuts, end) = (&self.program.cuts, self.program.blocks.len());
        for (i, &cut) in cuts.iter().enumerate() {
            let start = if i == 0 { 0 } else { cuts[i - 1] };
            let loaded = &*weights;
            pool.for_each(lanes, |k, lane| {
                if i == 0 {
                    lane.begin(lane_range(batch.targets.len(), n_lanes, k));
                    self.load_images(lane, lane.images.clone(), batch.write_image);
                }
                self.forward(lane, loaded, start..cut, Some(batch));
                lane.sums = self.statistics(lane, cut);
            });
            let merged = ChannelSums::merge_statistics(lanes.iter().map(|lane| &lane.sums));
            self.use_statistics(&merged, cut, parameters, weights);
        }
        let mut stop = end;
        for (i, &cut) in cuts.iter().enumerate().rev() {
            let loaded = &*weights;
            pool.for_each(lanes, |_, lane| {
                if i + 1 == cuts.len() {
                    self.forward(lane, loaded, cut..end, Some(batch));
                    self.loss(lane, batch);
                }
                self.backward_blocks(lane, loaded, cut + 1..stop);
                lane.sums = self.gradient_sums(lane, loaded, cut);
            });
            let merged = ChannelSums::merge_sums(lanes.iter().map(|lane| &lane.sums));
            self.use_gradient_sums(&merged, cut, lanes);
            pool.for_each(lanes, |_, lane| self.norm_backward(lane, loaded, cut, &merged));
            stop = cut;
        }
        let loaded = &*weights;
        pool.for_each(lanes, |_, lane| self.backward_blocks(lane, loaded, 0..stop));
    }

    /// The batch's mean and variance become the norm's line, and enter the running statistics.
    fn use_statistics(&self, sums: &ChannelSums, cut: usize, parameters: &mut Parameters, weights: &mut Weights) {
        let norm = self.norm(cut);
        let (mean, variance) = sums.mean_and_variance();
        if let BlockWeights::Norm(factors) = &mut weights.blocks[cut] {
            factors.set(norm, &self.plan, parameters, &mean, &variance);
        }
        for (tensor, batch) in [(norm.mean, &mean), (norm.variance, &variance)] {
            for (running, &batch) in parameters.state[self.plan.state[tensor].range()].iter_mut().zip(batch) {
                *running = norm.momentum * *running + (1.0 - norm.momentum) * batch;
            }
        }
    }

    /// γ's and β's gradients are sums over the whole batch: the first lane carries them into the reduction.
    fn use_gradient_sums(&self, sums: &ChannelSums, cut: usize, lanes: &mut [Lane]) {
        let norm = self.norm(cut);
        for (tensor, sum) in [(norm.gamma, &sums.second), (norm.beta, &sums.first)] {
            for (d, &sum) in lanes[0].gradients[self.plan.parameters[tensor].range()].iter_mut().zip(sum) {
                *d += sum as f32;
            }
        }
    }

    fn norm(&self, block: usize) -> &Norm {
        match &self.program.blocks[block].kind {
            Kind::BatchNorm(norm) => norm,
            _ => unreachable!("a cut is a batch norm"),
        }
    }
}

/// How many lanes a batch is cut into: enough to feed many cores, few enough to be summed cheaply. A rule of the batch
/// size alone: it is part of what a result depends on.
pub fn n_lanes(batch_size: usize) -> usize {
    (batch_size / 8).clamp(4, 32).min(batch_size)
}

/// The images of lane i: as even as can be.
fn lane_range(n: usize, n_lanes: usize, i: usize) -> Range<usize> {
    i * n / n_lanes..(i + 1) * n / n_lanes
}

/// The stretches of a layer's kernel and bias in a flat buffer: the bias stands behind its kernel. None of an empty
/// buffer: nobody wants the gradients of parameters.
fn split_kernel_and_bias<'a>(
    flat: &'a mut [f32],
    plan: &Plan,
    kernel: usize,
    bias: Option<usize>,
) -> Option<(&'a mut [f32], Option<&'a mut [f32]>)> {
    if flat.is_empty() {
        return None;
    }
    let kernel = &plan.parameters[kernel];
    let (before, behind) = flat.split_at_mut(kernel.offset + kernel.len);
    let bias = bias.map(|bias| {
        let bias = &plan.parameters[bias];
        &mut behind[bias.offset - kernel.offset - kernel.len..][..bias.len]
    });
    Some((&mut before[kernel.offset..], bias))
}
