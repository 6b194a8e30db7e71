//! The parameters of one step in the forms that the blocks read: packed once per step, shared by all lanes.

use inkstone_kernels::{AlignedBuffer, Isa, Panels, PanelsBf16, Transformed, round_to_bf16, transpose};

use super::program::{Backward, Conv, Dense, Forward, Kind, Norm, Program};
use crate::engine::Parameters;
use crate::parallel::Pool;
use crate::spec::plan::Plan;
use crate::spec::training::Precision;

/// What a step needs the parameters for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The forward pass alone.
    Inference,
    /// Both passes.
    Training,
}

/// One entry per block of the program.
#[derive(Debug)]
pub(super) struct Weights {
    pub(super) blocks: Vec<BlockWeights>,
}

/// The parameters of one block.
#[derive(Debug)]
pub(super) enum BlockWeights {
    /// The block has none.
    None,
    /// A matrix of K rows and n columns.
    Matrix {
        forward: ForwardWeights,
        bias: Option<AlignedBuffer>,
        backward: BackwardWeights,
        /// The matrix rounded to the precision of products; empty where that is the parameters' own.
        rounded: AlignedBuffer,
    },
    /// y = x · scale + shift per channel, and what the backward pass wants.
    Norm(NormFactors),
}

/// A matrix as the forward pass reads it.
#[derive(Debug)]
pub(super) enum ForwardWeights {
    /// Packed for products.
    Panels(Panels),
    /// Transformed for minimal filtering.
    Transformed(Transformed),
    /// Rounded, packed for products in bf16.
    Bf16(PanelsBf16),
}

/// A matrix as the backward pass reads it.
#[derive(Debug)]
pub(super) enum BackwardWeights {
    /// The input's gradient is not wanted.
    None,
    /// Packed transpose.
    Panels(Panels),
    /// The transpose, row-major: row o holds the K weights of output o.
    Rows(AlignedBuffer),
    /// Each kernel turned by half a turn, inputs and outputs exchanged, transformed; and the room to turn them in.
    Turned(Transformed, AlignedBuffer),
}

/// A batch normalisation as a line per channel.
#[derive(Debug, Clone, Default)]
pub(super) struct NormFactors {
    pub(super) scale: Vec<f32>,
    pub(super) shift: Vec<f32>,
    pub(super) mean: Vec<f32>,
    /// 1 / √(variance + ε)
    pub(super) inverse_deviation: Vec<f32>,
}

impl Weights {
    /// Room for the weights of a program.
    pub(super) fn new(program: &Program, isa: Isa, purpose: Purpose) -> Self {
        let rounded = |len| AlignedBuffer::zeros(if program.precision == Precision::Bf16 { len } else { 0 });
        let blocks = program.blocks.iter().map(|block| {
            let wants_input = purpose == Purpose::Training && program.wants_gradient[block.input];
            match &block.kind {
                Kind::Conv(Conv { gather, channels: [channels, n], forward, backward, bias, turned, .. }) => {
                    let k = gather.row_len();
                    BlockWeights::Matrix {
                        forward: match forward {
                            Forward::Winograd(_) => ForwardWeights::Transformed(Transformed::new(isa, *channels, *n)),
                            Forward::Bf16 => ForwardWeights::Bf16(PanelsBf16::new(isa, k, *n)),
                            Forward::PooledProduct | Forward::Product => {
                                ForwardWeights::Panels(Panels::new(isa, k, *n))
                            }
                        },
                        bias: bias.map(|_| AlignedBuffer::zeros(*n)),
                        rounded: rounded(k * n),
                        backward: match (wants_input, backward) {
                            (false, _) => BackwardWeights::None,
                            (true, _) if turned.is_some() => BackwardWeights::Turned(
                                Transformed::new(isa, *n, *channels),
                                AlignedBuffer::zeros(k * n),
                            ),
                            (true, Backward::Full | Backward::Masked) => {
                                BackwardWeights::Panels(Panels::new(isa, *n, k))
                            }
                            (true, Backward::Sparse) => BackwardWeights::Rows(AlignedBuffer::zeros(n * k)),
                        },
                    }
                }
                Kind::Dense(Dense { n_inputs, n_outputs, bias, is_narrow, .. }) => BlockWeights::Matrix {
                    forward: ForwardWeights::Panels(Panels::new(isa, *n_inputs, *n_outputs)),
                    bias: bias.map(|_| AlignedBuffer::zeros(*n_outputs)),
                    rounded: rounded(n_inputs * n_outputs),
                    backward: match (wants_input, is_narrow) {
                        (false, _) => BackwardWeights::None,
                        (true, true) => BackwardWeights::Rows(AlignedBuffer::zeros(n_inputs * n_outputs)),
                        (true, false) => BackwardWeights::Panels(Panels::new(isa, *n_outputs, *n_inputs)),
                    },
                },
                Kind::BatchNorm(norm) => BlockWeights::Norm(NormFactors::new(norm.channels)),
                _ => BlockWeights::None,
            }
        });
        Self { blocks: blocks.collect() }
    }

    /// Takes the parameters over. Batch norms take the running statistics; training replaces them by the batch's.
    pub(super) fn load(&mut self, pool: &Pool, program: &Program, isa: Isa, plan: &Plan, parameters: &Parameters) {
        pool.for_each(&mut self.blocks, |i, weights| weights.load(&program.blocks[i].kind, isa, plan, parameters));
    }
}

impl BlockWeights {
    fn load(&mut self, kind: &Kind, isa: Isa, plan: &Plan, parameters: &Parameters) {
        match (kind, self) {
            (
                Kind::Conv(Conv { kernel, bias, .. }) | Kind::Dense(Dense { kernel, bias, .. }),
                Self::Matrix { forward, bias: bias_values, backward, rounded },
            ) => {
                let mut matrix = &parameters.values[plan.parameters[*kernel].range()];
                if !rounded.is_empty() {
                    rounded.copy_from_slice(matrix);
                    round_to_bf16(isa, rounded);
                    matrix = &*rounded;
                }
                match forward {
                    ForwardWeights::Panels(panels) => panels.pack(matrix),
                    ForwardWeights::Transformed(kernels) => kernels.transform(isa, matrix),
                    ForwardWeights::Bf16(panels) => panels.pack(matrix),
                }
                if let (Some(bias), Some(values)) = (bias, bias_values) {
                    values.copy_from_slice(&parameters.values[plan.parameters[*bias].range()]);
                }
                match backward {
                    BackwardWeights::None => {}
                    BackwardWeights::Panels(panels) => panels.pack_transposed(matrix),
                    BackwardWeights::Rows(rows) => transpose(matrix, rows, bias_len(plan, *kernel)),
                    BackwardWeights::Turned(kernels, turned) => {
                        let tap = matrix.len() / 9;
                        for (from, to) in matrix.chunks_exact(tap).zip(turned.chunks_exact_mut(tap).rev()) {
                            transpose(from, to, bias_len(plan, *kernel));
                        }
                        kernels.transform(isa, turned);
                    }
                }
            }
            (Kind::BatchNorm(norm), Self::Norm(factors)) => {
                let state = |i: usize| &parameters.state[plan.state[i].range()];
                factors.set(norm, plan, parameters, state(norm.mean), state(norm.variance));
            }
            _ => {}
        }
    }
}

/// The number of columns of a kernel: its last dimension.
fn bias_len(plan: &Plan, kernel: usize) -> usize {
    *plan.parameters[kernel].shape.last().expect("a kernel has dimensions")
}

impl NormFactors {
    fn new(channels: usize) -> Self {
        let zeros = || vec![0.0; channels];
        Self { scale: zeros(), shift: zeros(), mean: zeros(), inverse_deviation: zeros() }
    }

    /// The line for these statistics.
    pub(super) fn set(&mut self, norm: &Norm, plan: &Plan, parameters: &Parameters, mean: &[f32], variance: &[f32]) {
        let gamma = &parameters.values[plan.parameters[norm.gamma].range()];
        let beta = &parameters.values[plan.parameters[norm.beta].range()];
        self.mean.copy_from_slice(mean);
        for c in 0..norm.channels {
            self.inverse_deviation[c] = 1.0 / (variance[c] + norm.epsilon).sqrt();
            self.scale[c] = gamma[c] * self.inverse_deviation[c];
            self.shift[c] = beta[c] - mean[c] * self.scale[c];
        }
    }
}
