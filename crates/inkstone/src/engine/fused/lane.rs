//! One lane: a fixed share of a batch with buffers of its own. Lanes run on any thread and never look at each other.

use std::ops::Range;

use inkstone_kernels::{Aligned, AlignedBuffer, Bf16, Isa, Term, WinnerLists, WinogradScratch, bit_words};

use super::norm::ChannelSums;
use super::program::{Backward, Block, Conv, Forward, Kind, Program, ROWS_AT_ONCE};
use super::weights::Purpose;

/// The buffers of a lane for up to `capacity` images at once.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) isa: Isa,
    pub(super) capacity: usize,
    /// One buffer per value of the program: `capacity` images each.
    pub(super) values: Vec<AlignedBuffer>,
    /// Gradients of the values, where they are wanted.
    pub(super) d_values: Vec<AlignedBuffer>,
    /// Which tap of each pool window won, per fused convolution: `capacity` images each; empty where nobody asks.
    pub(super) winners: Vec<Vec<u32>>,
    /// The lane's share of the gradients of the parameters, in the plan's flat order; the kernels of sparse
    /// convolutions stand transposed in it until the lanes are summed.
    pub(super) gradients: AlignedBuffer,
    /// Statistics of the batch norm that the lane stands before.
    pub(super) sums: ChannelSums,
    pub(super) scratch: Scratch,
    /// The images of the batch that are the lane's.
    pub(super) images: Range<usize>,
    /// Those of them that are in the buffers.
    pub(super) loaded: Range<usize>,
    /// e^(z − max z) of one image.
    pub(super) powers: Vec<f64>,
    pub(super) loss_sum: f64,
    pub(super) n_correct: usize,
}

/// Room that a block uses while it works on one image.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// Outputs of a convolution before its pool, or their gradients.
    pub(super) products: AlignedBuffer,
    pub(super) padded: AlignedBuffer,
    pub(super) d_padded: AlignedBuffer,
    /// Gradients of a few windows, before they are added to the image.
    pub(super) rows: AlignedBuffer,
    /// The (padded) input of a convolution in bf16.
    pub(super) rounded: Aligned<Bf16>,
    /// The padded gradient of a convolution's output.
    pub(super) turned: AlignedBuffer,
    /// Terms of a sum over images or over dense outputs.
    pub(super) terms: Vec<Term>,
    /// The outputs of a convolution that won their pool windows.
    pub(super) lists: WinnerLists,
    pub(super) winograd: WinogradScratch,
}

impl Lane {
    /// Room for `capacity` images at once; `n_parameters` is the length of the flat buffer.
    pub(super) fn new(program: &Program, isa: Isa, purpose: Purpose, capacity: usize, n_parameters: usize) -> Self {
        let training = purpose == Purpose::Training;
        let buffers = |wanted: &dyn Fn(usize) -> bool| {
            program
                .values
                .iter()
                .enumerate()
                .map(|(i, value)| AlignedBuffer::zeros(if wanted(i) { capacity * value.stride } else { 0 }))
                .collect()
        };
        let n_winners = |block: &Block| match &block.kind {
            Kind::Conv(conv) if !training && conv.forward == Forward::PooledProduct => 0,
            Kind::Conv(Conv { pool: Some(pool), .. }) => capacity * pool.n * pool.taps * bit_words(pool.channels),
            _ => 0,
        };
        Self {
            isa,
            capacity,
            values: buffers(&|_| true),
            d_values: buffers(&|i| training && program.wants_gradient[i]),
            winners: program.blocks.iter().map(|block| vec![0; n_winners(block)]).collect(),
            gradients: AlignedBuffer::zeros(if training { n_parameters } else { 0 }),
            sums: ChannelSums::default(),
            scratch: Scratch::new(program, isa, purpose),
            images: 0..0,
            loaded: 0..0,
            powers: vec![0.0; program.values[program.output].len],
            loss_sum: 0.0,
            n_correct: 0,
        }
    }
}

impl Scratch {
    fn new(program: &Program, isa: Isa, purpose: Purpose) -> Self {
        let conv = |need: &dyn Fn(&Conv) -> usize| {
            program.largest(|block| if let Kind::Conv(conv) = &block.kind { need(conv) } else { 0 })
        };
        let padded = conv(&|conv| conv.padding.map_or(0, |padding| padding.len()));
        let winograd = conv(&|conv| {
            let forward = if matches!(conv.forward, Forward::Winograd(_)) { conv.channels[0] } else { 0 };
            if conv.turned.is_some() { forward.max(conv.channels[1]) } else { forward }
        });
        let rounded = program.largest(|block| match &block.kind {
            Kind::Conv(conv) if conv.forward == Forward::Bf16 => {
                conv.padding.map_or(program.values[block.input].len, |padding| padding.len())
            }
            _ => 0,
        });
        let products = conv(&|conv| {
            let is_kept = conv.pool.is_some() && (conv.forward == Forward::Product || purpose == Purpose::Training);
            if is_kept { conv.n_products() } else { 0 }
        });
        let mut scratch = Self {
            products: AlignedBuffer::zeros(products),
            rounded: Aligned::zeros(rounded),
            winograd: WinogradScratch::new(isa, winograd),
            padded: AlignedBuffer::zeros(padded),
            ..Self::default()
        };
        if purpose == Purpose::Training {
            let longest_row = program.largest(|block| match &block.kind {
                Kind::Conv(conv) => conv.gather.row_len(),
                Kind::Dense(dense) => dense.n_inputs,
                _ => 0,
            });
            scratch.d_padded = AlignedBuffer::zeros(padded);
            scratch.turned = AlignedBuffer::zeros(conv(&|conv| conv.turned.map_or(0, |(_, padding)| padding.len())));
            scratch.rows = AlignedBuffer::zeros(ROWS_AT_ONCE * longest_row);
            scratch.terms = vec![
                Term::default();
                ROWS_AT_ONCE.max(program.largest(|block| match &block.kind {
                    Kind::Dense(dense) if dense.is_narrow => dense.n_outputs,
                    _ => 0,
                }))
            ];
            let sparse =
                |conv: &Conv| if conv.backward == Backward::Sparse { conv.channels[1] * conv.n_windows() } else { 0 };
            scratch.lists = WinnerLists::new(1, conv(&sparse));
        }
        scratch
    }
}
