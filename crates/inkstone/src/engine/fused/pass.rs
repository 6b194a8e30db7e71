//! The forward and backward pass of one lane through a stretch of blocks.

use std::mem::take;
use std::ops::Range;

use inkstone_kernels::{
    AlignedBuffer, Epilogue, Pieces, Term, add_combination, add_outer, math, product, round_to_bf16,
};

use super::conv::{Forward, Gradient};
use super::elementwise;
use super::lane::Lane;
use super::norm::{self, ChannelSums};
use super::program::{Block, Dense, Kind, ROWS_AT_ONCE, Value};
use super::weights::{BackwardWeights, BlockWeights, ForwardWeights, Weights};
use super::{Batch, Fused, Isa};
use crate::layers::dropout::keep_mask;
use crate::spec::training::Precision;

impl Lane {
    /// Starts a step on these images of the batch.
    pub(super) fn begin(&mut self, images: Range<usize>) {
        self.images = images;
        self.gradients.fill(0.0);
        self.loss_sum = 0.0;
        self.n_correct = 0;
    }

    /// Every block adds to the gradient of its input: they start at zero.
    pub(super) fn clear_gradients_of_values(&mut self) {
        for d in &mut self.d_values {
            d.fill(0.0);
        }
    }

    /// Images loaded at the moment.
    fn n(&self) -> usize {
        self.loaded.len()
    }
}

/// Image i of a value's buffer.
pub(super) fn image(buffer: &AlignedBuffer, value: Value, i: usize) -> &[f32] {
    &buffer[i * value.stride..][..value.len]
}

pub(super) fn image_mut(buffer: &mut AlignedBuffer, value: Value, i: usize) -> &mut [f32] {
    &mut buffer[i * value.stride..][..value.len]
}

impl Fused {
    /// Fills the lane's input with images of the batch.
    pub(super) fn load_images(&self, lane: &mut Lane, images: Range<usize>, write: &dyn Fn(usize, &mut [f32])) {
        lane.loaded = images.clone();
        for (slot, i) in images.enumerate() {
            let input = image_mut(&mut lane.values[0], self.program.values[0], slot);
            write(i, input);
            self.round(input);
        }
    }

    /// A forward pass for answers alone.
    pub(super) fn infer(
        &self,
        lane: &mut Lane,
        weights: &Weights,
        images: Range<usize>,
        write: &dyn Fn(usize, &mut [f32]),
    ) {
        self.load_images(lane, images, write);
        self.forward(lane, weights, 0..self.program.blocks.len(), None);
    }

    /// Runs blocks forward. `batch` keys dropout; without one nothing is dropped.
    pub(super) fn forward(&self, lane: &mut Lane, weights: &Weights, blocks: Range<usize>, batch: Option<&Batch<'_>>) {
        for i in blocks {
            self.forward_block(lane, weights, i, batch);
        }
    }

    fn forward_block(&self, lane: &mut Lane, weights: &Weights, index: usize, batch: Option<&Batch<'_>>) {
        let block = &self.program.blocks[index];
        let (from, to) = (self.program.values[block.input], self.program.values[block.output]);
        let n = lane.n();
        // The output is taken out of the lane while it is written: it is never also read.
        let mut output = take(&mut lane.values[block.output]);
        if let Kind::Dense(dense) = &block.kind {
            let out = &mut output[..n * dense.n_outputs];
            dense.forward(lane, &weights.blocks[index], &lane.values[block.input], from.stride, out);
        } else {
            for i in 0..n {
                self.forward_image(lane, weights, (index, block), i, image_mut(&mut output, to, i), batch);
            }
        }
        // The logits are no operand of a product.
        if block.output != self.program.output {
            self.round(&mut output[..n * to.stride]);
        }
        lane.values[block.output] = output;
    }

    /// Rounds the operands of products to the precision of the program.
    fn round(&self, values: &mut [f32]) {
        if self.program.precision == Precision::Bf16 {
            round_to_bf16(self.isa, values);
        }
    }

    fn forward_image(
        &self,
        lane: &mut Lane,
        weights: &Weights,
        (index, block): (usize, &Block),
        i: usize,
        y: &mut [f32],
        batch: Option<&Batch<'_>>,
    ) {
        let Lane { values, winners, scratch, isa, loaded, .. } = lane;
        let x = image(&values[block.input], self.program.values[block.input], i);
        match &block.kind {
            Kind::Conv(conv) => {
                let winners = match winners[index].as_mut_slice() {
                    [] => &mut [],
                    winners => &mut winners[i * conv.n_winners()..][..conv.n_winners()],
                };
                let image = Forward { input: x, output: y, winners };
                conv.forward(*isa, &weights.blocks[index], image, scratch);
            }
            Kind::Dense(_) => unreachable!("runs on all images at once"),
            Kind::MaxPool(pool) => pool.max(x, y),
            Kind::AveragePool(pool) => pool.average(x, y),
            Kind::GlobalAveragePool { pixels, .. } => {
                y.fill(0.0);
                elementwise::add_rows(x, y);
                y.iter_mut().for_each(|y| *y /= *pixels as f32);
            }
            Kind::Activation { function, channels } => elementwise::activate(*function, *channels, x, y),
            Kind::Dropout { rate, index, mask } => {
                y.copy_from_slice(x);
                if let Some(batch) = batch {
                    let position = (loaded.start + i) as u32;
                    let value = self.program.values[*mask];
                    let mask = image_mut(&mut values[*mask], value, i);
                    keep_mask(batch.seed, batch.step, position, *index, *rate, mask);
                    y.iter_mut().zip(&*mask).for_each(|(y, &factor)| *y *= factor);
                }
            }
            Kind::BatchNorm(_) => {
                if let BlockWeights::Norm(factors) = &weights.blocks[index] {
                    norm::normalise(factors, x, y);
                }
            }
            Kind::Add { other } => {
                y.copy_from_slice(x);
                elementwise::add(image(&values[*other], self.program.values[*other], i), y);
            }
        }
    }

    /// Loss, right answers and the gradient of the logits. Softmax and cross-entropy are one, in f64:
    /// loss = w · (ln Σ e^z − Σ t·z), d_z = w · (p − t) / n; t as [`crate::layers::loss`] says.
    pub(super) fn loss(&self, lane: &mut Lane, batch: &Batch<'_>) {
        let n_classes = self.plan.n_classes;
        let scale = 1.0 / batch.targets.len() as f64;
        let spread = f64::from(batch.label_smoothing) / n_classes as f64;
        let kept = 1.0 - f64::from(batch.label_smoothing);
        let hit = kept + spread;
        lane.clear_gradients_of_values();
        let logits = &lane.values[self.program.output];
        let d_logits = &mut lane.d_values[self.program.output];
        for (i, position) in lane.loaded.clone().enumerate() {
            let target = batch.targets[position];
            let (label, weight) = (target.label as usize, f64::from(target.weight));
            let z = &logits[i * n_classes..][..n_classes];
            let best = (1..n_classes).fold(0, |best, k| if z[k] > z[best] { k } else { best });
            let largest = f64::from(z[best]);
            let powers = &mut lane.powers[..n_classes];
            for (power, &z) in powers.iter_mut().zip(z) {
                *power = math::exp(f64::from(z) - largest);
            }
            let sum: f64 = powers.iter().sum();
            let aim = |k: usize| match target.admixture {
                None if k == label => hit,
                None => spread,
                Some(other) => {
                    let share = f64::from(other.share);
                    let own = if k == label { 1.0 - share } else { 0.0 };
                    let mixed = if k == other.label as usize { own + share } else { own };
                    kept * mixed + spread
                }
            };
            let expected: f64 = z.iter().enumerate().map(|(k, &z)| aim(k) * f64::from(z)).sum();
            lane.loss_sum += weight * (largest + math::ln(sum) - expected);
            lane.n_correct += usize::from(best == label && !z[best].is_nan());
            if let Some(d) = d_logits.get_mut(i * n_classes..(i + 1) * n_classes) {
                for (k, d) in d.iter_mut().enumerate() {
                    *d = (weight * scale * (powers[k] / sum - aim(k))) as f32;
                }
            }
        }
    }

    /// Runs blocks backward, last first.
    pub(super) fn backward_blocks(&self, lane: &mut Lane, weights: &Weights, blocks: Range<usize>) {
        for index in blocks.rev() {
            let block = &self.program.blocks[index];
            if self.program.wants_gradient[block.output] {
                self.backward_block(lane, weights, index);
            }
        }
    }

    fn backward_block(&self, lane: &mut Lane, weights: &Weights, index: usize) {
        let block = &self.program.blocks[index];
        let (from, to) = (self.program.values[block.input], self.program.values[block.output]);
        let wants_input = self.program.wants_gradient[block.input];
        let n = lane.n();
        let mut d_output = take(&mut lane.d_values[block.output]);
        let mut d_input = take(&mut lane.d_values[block.input]);
        if matches!(block.kind, Kind::Conv(_) | Kind::Dense(_)) {
            self.round(&mut d_output[..n * to.stride]);
        }
        match &block.kind {
            Kind::Dense(dense) => {
                let d_input = wants_input.then_some((&mut d_input, from));
                dense.backward(self, lane, &weights.blocks[index], block, &mut d_output, d_input);
            }
            Kind::Add { other } => {
                if wants_input {
                    elementwise::add(&d_output[..n * to.stride], &mut d_input);
                }
                if self.program.wants_gradient[*other] {
                    elementwise::add(&d_output[..n * to.stride], &mut lane.d_values[*other]);
                }
            }
            _ => {
                for i in 0..n {
                    let d_x = wants_input.then(|| image_mut(&mut d_input, from, i));
                    self.backward_image(lane, weights, (index, block), i, image_mut(&mut d_output, to, i), d_x);
                }
            }
        }
        lane.d_values[block.input] = d_input;
        lane.d_values[block.output] = d_output;
    }

    fn backward_image(
        &self,
        lane: &mut Lane,
        weights: &Weights,
        (index, block): (usize, &Block),
        i: usize,
        d_y: &mut [f32],
        d_x: Option<&mut [f32]>,
    ) {
        let Lane { values, winners, scratch, isa, gradients, .. } = lane;
        let x = image(&values[block.input], self.program.values[block.input], i);
        let y = image(&values[block.output], self.program.values[block.output], i);
        if let Kind::Conv(conv) = &block.kind {
            let winners = &winners[index][i * conv.n_winners()..][..conv.n_winners()];
            let image = Gradient { input: x, output: y, winners, d_output: d_y, d_input: d_x, gradients };
            return conv.backward(*isa, &self.plan, &weights.blocks[index], image, scratch);
        }
        let Some(d_x) = d_x else { return };
        match &block.kind {
            Kind::Conv(_) | Kind::Dense(_) | Kind::Add { .. } => unreachable!("done before"),
            // Training goes by the batch's statistics (`norm_backward`); the running ones do not depend on the image.
            Kind::BatchNorm(_) => {
                if let BlockWeights::Norm(factors) = &weights.blocks[index] {
                    norm::scale_backward(factors, d_y, d_x);
                }
            }
            Kind::MaxPool(pool) => pool.max_backward((x, y), d_y, d_x),
            Kind::AveragePool(pool) => pool.average_backward(d_y, d_x),
            Kind::GlobalAveragePool { pixels, channels } => {
                for d_x in d_x.chunks_exact_mut(*channels) {
                    d_x.iter_mut().zip(&*d_y).for_each(|(d_x, &d_y)| *d_x += d_y / *pixels as f32);
                }
            }
            Kind::Activation { function, channels } => {
                elementwise::activate_backward(*function, *channels, (x, y), d_y, d_x);
            }
            Kind::Dropout { mask, .. } => {
                let mask = image(&values[*mask], self.program.values[*mask], i);
                for ((d_x, &factor), &d_y) in d_x.iter_mut().zip(mask).zip(&*d_y) {
                    *d_x += factor * d_y;
                }
            }
        }
    }

    /// The lane's statistics of what a batch norm takes in.
    pub(super) fn statistics(&self, lane: &Lane, cut: usize) -> ChannelSums {
        let input = self.program.blocks[cut].input;
        let value = self.program.values[input];
        let images: Vec<_> = (0..lane.n()).map(|i| image(&lane.values[input], value, i)).collect();
        ChannelSums::of_values(self.norm(cut), &images)
    }

    /// The lane's Σ d_y and Σ d_y · x̂ of a batch norm.
    pub(super) fn gradient_sums(&self, lane: &Lane, weights: &Weights, cut: usize) -> ChannelSums {
        let Block { input, output, .. } = self.program.blocks[cut];
        let BlockWeights::Norm(factors) = &weights.blocks[cut] else { unreachable!("a batch norm has factors") };
        let (from, to) = (self.program.values[input], self.program.values[output]);
        let pairs: Vec<_> = (0..lane.n())
            .map(|i| (image(&lane.values[input], from, i), image(&lane.d_values[output], to, i)))
            .collect();
        ChannelSums::of_gradients(self.norm(cut), factors, &pairs)
    }

    /// A batch norm backward, once the sums over the batch are known.
    pub(super) fn norm_backward(&self, lane: &mut Lane, weights: &Weights, cut: usize, sums: &ChannelSums) {
        let Block { input, output, .. } = self.program.blocks[cut];
        if !self.program.wants_gradient[input] {
            return;
        }
        let BlockWeights::Norm(factors) = &weights.blocks[cut] else { unreachable!("a batch norm has factors") };
        let (from, to) = (self.program.values[input], self.program.values[output]);
        let mut d_input = take(&mut lane.d_values[input]);
        for i in 0..lane.n() {
            let (x, d_y) = (image(&lane.values[input], from, i), image(&lane.d_values[output], to, i));
            norm::normalise_backward(factors, sums, x, d_y, image_mut(&mut d_input, from, i));
        }
        lane.d_values[input] = d_input;
    }
}

/// A dense layer works on several images at once.
impl Dense {
    fn forward(&self, lane: &Lane, weights: &BlockWeights, input: &[f32], stride: usize, out: &mut [f32]) {
        let BlockWeights::Matrix { forward: ForwardWeights::Panels(panels), bias, .. } = weights else {
            unreachable!("a dense layer has panels")
        };
        for (i, out) in out.chunks_mut(ROWS_AT_ONCE * self.n_outputs).enumerate() {
            let rows = (&input[i * ROWS_AT_ONCE * stride..], &self.rows[0], out.len() / self.n_outputs);
            product(lane.isa, rows, panels, (bias.as_deref(), self.epilogue), out);
        }
    }

    fn backward(
        &self,
        fused: &Fused,
        lane: &mut Lane,
        weights: &BlockWeights,
        block: &Block,
        d_output: &mut AlignedBuffer,
        d_input: Option<(&mut AlignedBuffer, Value)>,
    ) {
        let n = lane.n();
        let d_output = &mut d_output[..n * self.n_outputs];
        if self.epilogue == Epilogue::Relu {
            elementwise::relu_backward(&lane.values[block.output], d_output);
        }
        let stride = fused.program.values[block.input].stride;
        let mut parameters = super::split_kernel_and_bias(&mut lane.gradients, &fused.plan, self.kernel, self.bias);
        if let Some((_, Some(bias))) = &mut parameters {
            elementwise::add_rows(d_output, bias);
        }
        let BlockWeights::Matrix { backward: weights, .. } = weights else { unreachable!("a dense layer has weights") };
        let scratch = &mut lane.scratch;
        let mut d_input = d_input;
        for (i, d) in d_output.chunks(ROWS_AT_ONCE * self.n_outputs).enumerate() {
            let first = i * ROWS_AT_ONCE;
            let input = &lane.values[block.input][first * stride..];
            match &mut parameters {
                Some((kernel, _)) if self.is_narrow => {
                    self.add_images(lane.isa, input, stride, d, &mut scratch.terms, kernel);
                }
                Some((kernel, _)) => {
                    add_outer(lane.isa, (input, &self.rows[0], d.len() / self.n_outputs), (d, self.n_outputs), kernel);
                }
                None => {}
            }
            let Some((d_input, value)) = &mut d_input else { continue };
            match weights {
                BackwardWeights::None | BackwardWeights::Turned(..) => {}
                BackwardWeights::Rows(rows) => {
                    for (i, d) in d.chunks_exact(self.n_outputs).enumerate() {
                        let d_input = image_mut(d_input, *value, first + i);
                        self.add_rows(lane.isa, rows, d, &mut scratch.terms, d_input);
                    }
                }
                BackwardWeights::Panels(panels) => {
                    let rows = &mut scratch.rows[..d.len() / self.n_outputs * self.n_inputs];
                    let of_d = (d, &self.rows[1], d.len() / self.n_outputs);
                    product(lane.isa, of_d, panels, (None, Epilogue::None), rows);
                    for (i, row) in rows.chunks_exact(self.n_inputs).enumerate() {
                        elementwise::add(row, image_mut(d_input, *value, first + i));
                    }
                }
            }
        }
    }

    /// The gradient of the transposed weights: row o gets Σ_i d[i, o] · image i.
    fn add_images(&self, isa: Isa, input: &[f32], stride: usize, d: &[f32], terms: &mut [Term], rows: &mut [f32]) {
        for (o, row) in rows.chunks_exact_mut(self.n_inputs).enumerate() {
            let factors = d.chunks_exact(self.n_outputs).map(|d| d[o]).enumerate();
            let n = write_terms(terms, factors.map(|(i, factor)| (i * stride, factor)));
            add_combination(isa, input, &terms[..n], self.piece(), row);
        }
    }

    /// The gradient of one image: Σ_o d[o] · row o of the transposed weights.
    fn add_rows(&self, isa: Isa, rows: &[f32], d: &[f32], terms: &mut [Term], d_input: &mut [f32]) {
        let n = write_terms(terms, d.iter().enumerate().map(|(o, &factor)| (o * self.n_inputs, factor)));
        add_combination(isa, rows, &terms[..n], self.piece(), d_input);
    }

    fn piece(&self) -> Pieces {
        Pieces { n: 1, len: self.n_inputs, source_stride: 0, target_stride: 0 }
    }
}

/// Writes the terms whose factor is not zero; answers how many.
fn write_terms(terms: &mut [Term], factors: impl Iterator<Item = (usize, f32)>) -> usize {
    let wanted = factors.filter(|&(_, factor)| factor != 0.0);
    let mut n = 0;
    for (term, (offset, factor)) in terms.iter_mut().zip(wanted) {
        *term = Term { offset: offset as u32, factor };
        n += 1;
    }
    n
}
