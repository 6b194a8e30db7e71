//! A convolution with its rectifier and pool, one image at a time: the whole block stays in the first caches.

use inkstone_kernels::{
    Epilogue, Isa, Panels, Target, Transformed, WinnerLists, Winners, add_outer, add_pooled_outer, add_weight_sums,
    bit_words, max_pool, pooled_product, pooled_product_bf16, product, product_bf16, to_bf16, winograd,
};

use super::lane::Scratch;
use super::program::{Backward, Conv, Forward as Method, Padding, ROWS_AT_ONCE};
use super::weights::{BackwardWeights, BlockWeights, ForwardWeights};
use crate::spec::plan::Plan;

/// What one image brings to a forward pass.
pub(super) struct Forward<'a> {
    pub(super) input: &'a [f32],
    pub(super) output: &'a mut [f32],
    /// Which taps won; empty without a pool.
    pub(super) winners: &'a mut [u32],
}

/// What one image brings to a backward pass.
pub(super) struct Gradient<'a> {
    pub(super) input: &'a [f32],
    pub(super) output: &'a [f32],
    pub(super) winners: &'a [u32],
    pub(super) d_output: &'a mut [f32],
    /// Added to; `None` where nobody wants it.
    pub(super) d_input: Option<&'a mut [f32]>,
    /// The lane's flat gradients; empty where nobody wants those of parameters.
    pub(super) gradients: &'a mut [f32],
}

impl Conv {
    /// Windows of the output: pool windows, or single positions.
    pub(super) fn n_windows(&self) -> usize {
        self.pool.map_or(self.gather.n_rows(), |pool| pool.n)
    }

    /// Words of winner bits per image.
    pub(super) fn n_winners(&self) -> usize {
        self.pool.map_or(0, |pool| pool.n * pool.taps * bit_words(pool.channels))
    }

    pub(super) fn forward(&self, isa: Isa, weights: &BlockWeights, image: Forward<'_>, scratch: &mut Scratch) {
        let BlockWeights::Matrix { forward: weights, bias, .. } = weights else {
            unreachable!("a convolution has weights")
        };
        let source = padded(self.padding, image.input, &mut scratch.padded);
        let line = (bias.as_deref(), self.epilogue);
        match (self.forward, weights) {
            (Method::Winograd(tiles), ForwardWeights::Transformed(kernels)) => {
                let target = match self.pool {
                    Some(_) => Target::Pooled { out: image.output, winners: image.winners },
                    None => Target::Image { size: self.size, out: image.output },
                };
                winograd(isa, (source, tiles), kernels, line, target, &mut scratch.winograd);
            }
            (Method::PooledProduct, ForwardWeights::Panels(panels)) => {
                pooled_product(isa, (source, &self.gather), panels, line, (image.output, image.winners));
            }
            (Method::Product, ForwardWeights::Panels(panels)) => {
                let rows = (source, &self.gather, self.gather.n_rows());
                let Some(pool) = self.pool else { return product(isa, rows, panels, line, image.output) };
                let products = &mut scratch.products[..self.n_products()];
                product(isa, rows, panels, (line.0, Epilogue::None), products);
                max_pool(isa, products, pool, self.epilogue, image.output, image.winners);
            }
            (Method::Bf16, ForwardWeights::Bf16(panels)) => {
                let rounded = &mut scratch.rounded[..source.len()];
                to_bf16(isa, source, rounded);
                match self.pool {
                    Some(_) => {
                        let pooled = (image.output, image.winners);
                        pooled_product_bf16(isa, (rounded, &self.gather), panels, line, pooled);
                    }
                    None => {
                        let rows = (&*rounded, &self.gather, self.gather.n_rows());
                        product_bf16(isa, rows, panels, line, image.output);
                    }
                }
            }
            _ => unreachable!("the weights were packed for the method"),
        }
    }

    pub(super) fn backward(
        &self,
        isa: Isa,
        plan: &Plan,
        weights: &BlockWeights,
        mut image: Gradient<'_>,
        scratch: &mut Scratch,
    ) {
        let BlockWeights::Matrix { backward: weights, .. } = weights else { unreachable!("a convolution has weights") };
        if let BackwardWeights::Turned(kernels, _) = weights {
            self.add_turned(isa, kernels, &mut image, scratch);
        }
        let Scratch { products, padded: padded_input, d_padded, rows, lists, .. } = scratch;
        let source = padded(self.padding, image.input, padded_input);
        let (d_source, d_image): (Option<&mut [f32]>, _) = match (image.d_input, self.padding) {
            (Some(d_input), Some(padding)) => {
                let d_padded = &mut d_padded[..padding.len()];
                d_padded.fill(0.0);
                (Some(d_padded), Some((d_input, padding)))
            }
            (d_input, _) => (d_input, None),
        };
        let parameters = super::split_kernel_and_bias(image.gradients, plan, self.kernel, self.bias);
        let parameters = parameters.map(|(kernel, bias)| OfParameters { kernel, bias });
        let mut pass = Pass { conv: self, isa, source, d_source, parameters };
        match self.backward {
            Backward::Sparse => pass.sparse(weights, image.winners, image.d_output, lists),
            Backward::Masked => {
                pass.masked(image.winners, image.d_output);
                if let BackwardWeights::Panels(panels) = weights {
                    let d = self.spread(image.output, image.winners, image.d_output, products);
                    pass.add_to_input(panels, d, rows);
                }
            }
            Backward::Full => {
                let d = self.spread(image.output, image.winners, image.d_output, products);
                pass.full(weights, d, rows);
            }
        }
        if let (Some(d_padded), Some((d_input, padding))) = (pass.d_source, d_image) {
            padding.add_middle(d_padded, d_input);
        }
    }

    /// Adds the input's gradient as a convolution of the padded gradient of the output with the turned kernels, which
    /// then is no longer wanted.
    fn add_turned(&self, isa: Isa, kernels: &Transformed, image: &mut Gradient<'_>, scratch: &mut Scratch) {
        let Scratch { products, turned, winograd: room, .. } = scratch;
        let (Some((tiles, padding)), Some(out)) = (self.turned, image.d_input.take()) else { return };
        let d = self.spread(image.output, image.winners, image.d_output, products);
        let d = padded(Some(padding), d, turned);
        let target = Target::Sum { size: self.input_size, out };
        winograd(isa, (d, tiles), kernels, (None, Epilogue::None), target, room);
    }

    /// The gradient of every position from that of the output: zero where the rectifier or the pool let nothing by.
    fn spread<'a>(
        &self,
        output: &[f32],
        winners: &[u32],
        d_output: &'a mut [f32],
        products: &'a mut [f32],
    ) -> &'a [f32] {
        let n = self.channels[1];
        let Some(pool) = self.pool else {
            if self.epilogue == Epilogue::Relu {
                super::elementwise::relu_backward(output, d_output);
            }
            return d_output;
        };
        let words = bit_words(n);
        let spread = &mut products[..self.n_products()];
        spread.fill(0.0);
        for (tap, (d, bits)) in spread.chunks_exact_mut(n).zip(winners.chunks_exact(words)).enumerate() {
            let from = &d_output[tap / pool.taps * n..][..n];
            for channel in ones(bits) {
                d[channel] = from[channel];
            }
        }
        spread
    }
}

/// The image with its zeros around it, if it has any.
fn padded<'a>(padding: Option<Padding>, image: &'a [f32], scratch: &'a mut [f32]) -> &'a [f32] {
    match padding {
        None => image,
        Some(padding) => {
            let padded = &mut scratch[..padding.len()];
            padded.fill(0.0);
            padding.insert(image, padded);
            padded
        }
    }
}

/// One image's backward pass.
struct Pass<'a> {
    conv: &'a Conv,
    isa: Isa,
    source: &'a [f32],
    d_source: Option<&'a mut [f32]>,
    parameters: Option<OfParameters<'a>>,
}

/// The gradients of a convolution's own parameters.
struct OfParameters<'a> {
    kernel: &'a mut [f32],
    bias: Option<&'a mut [f32]>,
}

impl Pass<'_> {
    /// Products over all positions. `d` is the gradient of every position.
    fn full(&mut self, weights: &BackwardWeights, d: &[f32], rows: &mut [f32]) {
        let (gather, n) = (&self.conv.gather, self.conv.channels[1]);
        if let Some(OfParameters { kernel, bias }) = &mut self.parameters {
            add_outer(self.isa, (self.source, gather, gather.n_rows()), (d, n), kernel);
            if let Some(bias) = bias {
                super::elementwise::add_rows(d, bias);
            }
        }
        if let BackwardWeights::Panels(panels) = weights {
            self.add_to_input(panels, d, rows);
        }
    }

    /// The gradient of the input from that of every position.
    fn add_to_input(&mut self, panels: &Panels, d: &[f32], rows: &mut [f32]) {
        let (gather, n) = (&self.conv.gather, self.conv.channels[1]);
        let Some(d_source) = &mut self.d_source else { return };
        let k = gather.row_len();
        for (d, offsets) in d.chunks(ROWS_AT_ONCE * n).zip(gather.offsets().chunks(ROWS_AT_ONCE)) {
            let rows = &mut rows[..offsets.len() * k];
            product(self.isa, (d, &self.conv.d_rows, offsets.len()), panels, (None, Epilogue::None), rows);
            for (row, &offset) in rows.chunks_exact(k).zip(offsets) {
                for (s, piece) in row.chunks_exact(gather.segment_len()).enumerate() {
                    let to = &mut d_source[offset as usize + s * gather.segment_stride()..][..piece.len()];
                    for (value, &add) in to.iter_mut().zip(piece) {
                        *value += add;
                    }
                }
            }
        }
    }

    /// Only the positions that won their pool window, channel by channel.
    fn sparse(&mut self, weights: &BackwardWeights, bits: &[u32], d_output: &[f32], lists: &mut WinnerLists) {
        let conv = self.conv;
        let windows = conv.pool.expect("only a pooled convolution is sparse");
        let winners = Winners { windows, gather: &conv.gather, bits, d: d_output };
        if let Some(OfParameters { kernel, bias }) = &mut self.parameters {
            lists.clear(conv.channels[1], windows.n);
            lists.collect(winners, 0);
            lists.add_window_sums(self.isa, self.source, &conv.gather, kernel);
            for (channel, bias) in bias.iter_mut().flat_map(|bias| bias.iter_mut()).enumerate() {
                *bias += lists.sum_of_factors(channel);
            }
        }
        if let (Some(d_source), BackwardWeights::Rows(rows)) = (&mut self.d_source, weights) {
            add_weight_sums(self.isa, rows, winners, d_source);
        }
    }

    /// The kernel's and the bias' gradient from the positions that won, all channels side by side.
    fn masked(&mut self, bits: &[u32], d_output: &[f32]) {
        let Some(OfParameters { kernel, bias }) = &mut self.parameters else { return };
        let windows = self.conv.pool.expect("only a pooled convolution is masked");
        let winners = Winners { windows, gather: &self.conv.gather, bits, d: d_output };
        add_pooled_outer(self.isa, self.source, winners, kernel, bias.as_deref_mut());
    }
}

/// The positions of the bits that are set, lowest first.
fn ones(words: &[u32]) -> impl Iterator<Item = usize> + '_ {
    words.iter().enumerate().flat_map(|(i, &word)| {
        let mut left = word;
        std::iter::from_fn(move || {
            let bit = left.trailing_zeros();
            (bit < 32).then(|| {
                left &= left - 1;
                i * 32 + bit as usize
            })
        })
    })
}
