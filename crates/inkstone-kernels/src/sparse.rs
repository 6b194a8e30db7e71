//! The backward pass of a convolution behind a max pool, where at most one output of a window carries a gradient.
//!
//! Three sums over the outputs that won: windows of the input per channel (the gradient of the weights, for windows of
//! long pieces), the same with all channels side by side and masked (for short pieces), and rows of weights per window
//! (the gradient of the input).

use crate::pool::{Windows, bit_words};
use crate::vector::{Kernel, Vector};
use crate::{Gather, Isa, Pieces, Term};

/// Which outputs of one image's convolution won their pool windows, and the gradients of the windows.
#[derive(Debug, Clone, Copy)]
pub struct Winners<'a> {
    /// The pool's windows.
    pub windows: Windows,
    /// Where the convolution reads, for each `[window][tap]`.
    pub gather: &'a Gather,
    /// As [`max_pool`](crate::max_pool) writes them.
    pub bits: &'a [u32],
    /// windows × channels gradients of the pool's output.
    pub d: &'a [f32],
}

impl Winners<'_> {
    fn check(&self) {
        let Windows { n, taps, channels } = self.windows;
        assert!(n > 0 && taps > 0 && channels > 0, "there are windows");
        assert_eq!(self.gather.n_rows(), n * taps, "a row per window and tap");
        assert_eq!(self.bits.len(), n * taps * bit_words(channels), "one bit per value");
        assert_eq!(self.d.len(), n * channels, "windows × channels gradients");
    }

    /// The bits of word `word` that stand for channels.
    fn mask(&self, word: usize) -> u32 {
        let channels = self.windows.channels - 32 * word;
        if channels >= 32 { u32::MAX } else { (1 << channels) - 1 }
    }
}

/// For each channel the outputs that won, over one or more images.
#[derive(Debug, Clone, Default)]
pub struct WinnerLists {
    /// `capacity` terms per channel: where the window starts, and its gradient.
    terms: Vec<Term>,
    counts: Vec<u32>,
    capacity: usize,
    /// No offset is larger.
    largest: u32,
}

impl WinnerLists {
    /// Room for `capacity` winners of each of `channels` channels.
    pub fn new(channels: usize, capacity: usize) -> Self {
        Self { terms: vec![Term::default(); channels * capacity], counts: vec![0; channels], capacity, largest: 0 }
    }

    /// Forgets all, and takes as many `channels` as there is room for.
    ///
    /// # Panics
    /// If there is no room for `channels` times `capacity` terms.
    pub fn clear(&mut self, channels: usize, capacity: usize) {
        assert!(self.terms.len() >= channels * capacity, "room for {channels} × {capacity} terms");
        self.capacity = capacity;
        self.counts.clear();
        self.counts.resize(channels, 0);
        self.largest = 0;
    }

    /// Adds the winners of an image whose values stand `start` values behind those of the first.
    ///
    /// # Panics
    /// If a slice does not fit or a channel has more winners than there is room for.
    pub fn collect(&mut self, winners: Winners<'_>, start: usize) {
        winners.check();
        let Windows { taps, channels, .. } = winners.windows;
        assert_eq!(self.counts.len(), channels, "lists for as many channels");
        assert!(self.terms.len() >= channels * self.capacity, "room for the terms of every channel");
        let words = bit_words(channels);
        let capacity = self.capacity;
        for (row, &offset) in winners.gather.offsets().iter().enumerate() {
            let offset = offset + start as u32;
            self.largest = self.largest.max(offset);
            for word in 0..words {
                // SAFETY: `check` has found words for every row and a gradient for every window and channel; the mask
                // leaves only bits of channels, each of which has a count and `capacity` terms (asserted above).
                unsafe {
                    let mut left = winners.bits.get_unchecked(row * words + word) & winners.mask(word);
                    let d = winners.d.as_ptr().add(row / taps * channels + word * 32);
                    let counts = self.counts.as_mut_ptr().add(word * 32);
                    let terms = self.terms.as_mut_ptr().add(word * 32 * capacity);
                    while left != 0 {
                        let channel = left.trailing_zeros() as usize;
                        left &= left - 1;
                        let count = &mut *counts.add(channel);
                        assert!((*count as usize) < capacity, "room for the winners of a channel");
                        *terms.add(channel * capacity + *count as usize) = Term { offset, factor: *d.add(channel) };
                        *count += 1;
                    }
                }
            }
        }
    }

    /// `rows[o, k] += Σ_j factor_j · values[offset_j + k-th value of a window]` over the winners of channel o.
    ///
    /// # Panics
    /// If a slice does not fit.
    pub fn add_window_sums(&self, isa: Isa, values: &[f32], gather: &Gather, rows: &mut [f32]) {
        let k = gather.row_len();
        let reach = self.largest as usize + (gather.segments() - 1) * gather.segment_stride() + gather.segment_len();
        assert!(values.len() >= reach, "the windows reach over {reach} values, the slice has {}", values.len());
        assert_eq!(rows.len(), self.counts.len() * k, "a row of weights per channel");
        isa.run(WindowSums { lists: self, values, gather, rows });
    }

    /// The sum of a channel's gradients: that of its bias.
    pub fn sum_of_factors(&self, channel: usize) -> f32 {
        let terms = &self.terms[channel * self.capacity..][..self.counts[channel] as usize];
        terms.iter().map(|term| term.factor).sum()
    }
}

struct WindowSums<'a> {
    lists: &'a WinnerLists,
    values: &'a [f32],
    gather: &'a Gather,
    rows: &'a mut [f32],
}

impl Kernel for WindowSums<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { lists, values, gather, rows } = self;
        let len = gather.segment_len();
        let pieces = Pieces { n: gather.segments(), len, source_stride: gather.segment_stride(), target_stride: len };
        for (channel, row) in rows.chunks_exact_mut(gather.row_len()).enumerate() {
            let terms = &lists.terms[channel * lists.capacity..][..lists.counts[channel] as usize];
            let sum = Sum { source: values.as_ptr(), pieces, target: row.as_mut_ptr() };
            // SAFETY: the caller promises V's instructions; `add_window_sums` has checked that every window lies inside
            // the values; a row holds all pieces.
            unsafe { sum.run::<V, _>(|| terms.iter().map(|term| (term.offset as usize, term.factor))) }
        }
    }
}

/// `target[window of (w, t)] += Σ_o d[w, o] · rows[o]` over the channels o that tap t of window w won: `rows` are
/// channels × row_len weights.
///
/// # Panics
/// If a slice does not fit.
pub fn add_weight_sums(isa: Isa, rows: &[f32], winners: Winners<'_>, target: &mut [f32]) {
    winners.check();
    let Winners { windows, gather, .. } = winners;
    let reach = gather.reach_of(gather.n_rows());
    assert!(target.len() >= reach, "the windows reach over {reach} values, the slice has {}", target.len());
    assert_eq!(rows.len(), windows.channels * gather.row_len(), "a row of weights per channel");
    isa.run(WeightSums { rows, winners, target });
}

struct WeightSums<'a> {
    rows: &'a [f32],
    winners: Winners<'a>,
    target: &'a mut [f32],
}

impl Kernel for WeightSums<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { rows, winners, target } = self;
        let Windows { taps, channels, .. } = winners.windows;
        let (gather, words) = (winners.gather, bit_words(channels));
        let (k, len) = (gather.row_len(), gather.segment_len());
        // Piece by piece: one piece of all rows of weights stays in the first cache, all of them do not.
        for piece in 0..gather.segments() {
            let pieces = Pieces { n: 1, len, source_stride: 0, target_stride: 0 };
            for (row, (bits, &offset)) in winners.bits.chunks_exact(words).zip(gather.offsets()).enumerate() {
                let d = &winners.d[row / taps * channels..][..channels];
                for (pair, bits) in bits.chunks(2).enumerate() {
                    let high = bits.get(1).map_or(0, |&bits| bits & winners.mask(2 * pair + 1));
                    let bits = u64::from(bits[0] & winners.mask(2 * pair)) | u64::from(high) << 32;
                    if bits == 0 {
                        continue;
                    }
                    let first = pair * 64;
                    // SAFETY: the caller promises V's instructions; `add_weight_sums` has checked that the window lies
                    // inside the target; the masks leave only bits of channels, each of which has its row and gradient.
                    unsafe {
                        let source = rows.as_ptr().add(first * k + piece * len);
                        let d = d.as_ptr().add(first);
                        let target = target.as_mut_ptr().add(offset as usize + piece * gather.segment_stride());
                        Sum { source, pieces, target }.run::<V, _>(|| Ones(bits).map(|bit| (bit * k, *d.add(bit))));
                    }
                }
            }
        }
    }
}

/// The positions of the bits that are set, lowest first.
struct Ones(u64);

impl Iterator for Ones {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        let bit = self.0.trailing_zeros();
        self.0 &= self.0.wrapping_sub(1);
        (bit < 64).then_some(bit as usize)
    }
}

/// `target[piece] += Σ_j factor_j · source[offset_j + piece]`: the registers hold a strip of the target while all terms
/// are added.
#[derive(Clone, Copy)]
pub(crate) struct Sum {
    pub(crate) source: *const f32,
    pub(crate) pieces: Pieces,
    pub(crate) target: *mut f32,
}

impl Sum {
    /// # Safety
    /// The CPU has V's instructions; the pieces lie inside what the pointers stand for, for every term's offset.
    #[inline(always)]
    pub(crate) unsafe fn run<V: Vector, T: Iterator<Item = (usize, f32)>>(self, terms: impl Fn() -> T) {
        let Pieces { n, len, .. } = self.pieces;
        // SAFETY: done + C vectors ≤ len in each call but the last, which is cut to what is left; the rest is the
        // caller's promise.
        unsafe {
            if V::REGISTERS == 32 && n == 3 && len == 6 * V::LANES {
                // A 3×3 window of 32 channels fits the registers as a whole: each factor is read once.
                return self.strip::<V, 3, 6>(0, 0, terms());
            }
            for piece in 0..n {
                let mut done = 0;
                while len - done >= 12 * V::LANES {
                    self.strip::<V, 1, 12>(piece, done, terms());
                    done += 12 * V::LANES;
                }
                while len - done >= 6 * V::LANES {
                    self.strip::<V, 1, 6>(piece, done, terms());
                    done += 6 * V::LANES;
                }
                while len - done >= 2 * V::LANES {
                    self.strip::<V, 1, 2>(piece, done, terms());
                    done += 2 * V::LANES;
                }
                while len - done > 0 {
                    self.strip::<V, 1, 1>(piece, done, terms());
                    done = (done + V::LANES).min(len);
                }
            }
        }
    }

    /// C vectors of S pieces, all terms.
    ///
    /// # Safety
    /// As [`Sum::run`]; the C vectors from value `first` of the pieces from `piece` on lie inside the pieces (a single
    /// vector may stand over the end).
    #[inline(always)]
    unsafe fn strip<V: Vector, const S: usize, const C: usize>(
        self,
        piece: usize,
        first: usize,
        terms: impl Iterator<Item = (usize, f32)>,
    ) {
        let Pieces { len, source_stride, target_stride, .. } = self.pieces;
        // Only a single vector may be cut.
        let width = if C == 1 { len - first } else { V::LANES };
        // SAFETY: see above.
        unsafe {
            let to = self.target.add(piece * target_stride + first);
            let from = self.source.add(piece * source_stride + first);
            let mut sums = [[V::splat(0.0); C]; S];
            // Loops, not `array::from_fn`: that becomes a call and a copy when the array is large.
            for (s, sums) in sums.iter_mut().enumerate() {
                for (c, sum) in sums.iter_mut().enumerate() {
                    *sum = V::load_up_to(to.add(s * target_stride + c * V::LANES), width);
                }
            }
            for (offset, factor) in terms {
                let factor = V::splat(factor);
                let row = from.add(offset);
                for (s, sums) in sums.iter_mut().enumerate() {
                    for (c, sum) in sums.iter_mut().enumerate() {
                        let value = V::load_up_to(row.add(s * source_stride + c * V::LANES), width);
                        *sum = factor.mul_add(value, *sum);
                    }
                }
            }
            for (s, sums) in sums.iter().enumerate() {
                for (c, &sum) in sums.iter().enumerate() {
                    sum.store_up_to(to.add(s * target_stride + c * V::LANES), width);
                }
            }
        }
    }
}

/// `out[k, o] += Σ_w Σ_t values[k-th value of the window of (w, t)] · d[w, o]` over the taps t that won window w for
/// column o, and `bias[o] += Σ_w Σ_t d[w, o]` over the same: all columns side by side, those that did not win masked.
/// For windows of short pieces.
///
/// # Panics
/// If a slice does not fit.
pub fn add_pooled_outer(isa: Isa, values: &[f32], winners: Winners<'_>, out: &mut [f32], bias: Option<&mut [f32]>) {
    winners.check();
    let Winners { windows, gather, .. } = winners;
    let reach = gather.reach_of(gather.n_rows());
    assert!(values.len() >= reach, "the windows reach over {reach} values, the slice has {}", values.len());
    assert_eq!(out.len(), gather.row_len() * windows.channels, "the result has row_len × channels values");
    assert!(bias.as_ref().is_none_or(|bias| bias.len() == windows.channels), "one bias per column");
    isa.run(PooledOuter { values, winners, out, bias });
}

struct PooledOuter<'a> {
    values: &'a [f32],
    winners: Winners<'a>,
    out: &'a mut [f32],
    bias: Option<&'a mut [f32]>,
}

impl Kernel for PooledOuter<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(mut self) {
        let (segments, len) = (self.winners.gather.segments(), self.winners.gather.segment_len());
        for column in (0..self.winners.windows.channels).step_by(V::LANES) {
            // SAFETY: S segments from `segment` and L values from k exist in each call; the caller promises V's
            // instructions; `add_pooled_outer` has checked every slice.
            unsafe {
                if segments == 3 && len == 3 {
                    self.tile::<V, 3, 3>(0, 0, column);
                    continue;
                }
                for segment in 0..segments {
                    let mut k = 0;
                    while len - k >= 9 {
                        self.tile::<V, 1, 9>(segment, k, column);
                        k += 9;
                    }
                    while len - k >= 5 {
                        self.tile::<V, 1, 5>(segment, k, column);
                        k += 5;
                    }
                    while len > k {
                        self.tile::<V, 1, 1>(segment, k, column);
                        k += 1;
                    }
                }
            }
        }
    }
}

impl PooledOuter<'_> {
    /// S segments from `segment`, L values of each from value k, one vector of columns.
    ///
    /// # Safety
    /// The CPU has V's instructions; the values and the column exist; `add_pooled_outer` has checked every slice.
    #[inline(always)]
    unsafe fn tile<V: Vector, const S: usize, const L: usize>(&mut self, segment: usize, k: usize, column: usize) {
        let Winners { windows: Windows { n, taps, channels }, gather, bits, d } = self.winners;
        let (stride, len, words) = (gather.segment_stride(), gather.segment_len(), bit_words(channels));
        let width = channels - column;
        // SAFETY: the caller's promise; columns beyond the last are cut off.
        unsafe {
            let out = self.out.as_mut_ptr().add((segment * len + k) * channels + column);
            let mut sums = [[V::splat(0.0); L]; S];
            for (s, sums) in sums.iter_mut().enumerate() {
                for (l, sum) in sums.iter_mut().enumerate() {
                    *sum = V::load_up_to(out.add((s * len + l) * channels), width);
                }
            }
            let mut sum_of_d = V::splat(0.0);
            let values = self.values.as_ptr().add(segment * stride + k);
            let mut offsets = gather.offsets().as_ptr();
            let mut bits = bits.as_ptr().add(column / 32);
            for window in 0..n {
                let d = V::load_up_to(d.as_ptr().add(window * channels + column), width);
                for _ in 0..taps {
                    let d = d.keep(*bits >> (column % 32));
                    sum_of_d = sum_of_d.add(d);
                    let row = values.add(*offsets as usize);
                    for (s, sums) in sums.iter_mut().enumerate() {
                        for (l, sum) in sums.iter_mut().enumerate() {
                            *sum = V::splat(*row.add(s * stride + l)).mul_add(d, *sum);
                        }
                    }
                    offsets = offsets.wrapping_add(1);
                    bits = bits.wrapping_add(words);
                }
            }
            for (s, sums) in sums.iter().enumerate() {
                for (l, &sum) in sums.iter().enumerate() {
                    sum.store_up_to(out.add((s * len + l) * channels), width);
                }
            }
            if let (Some(bias), 0, 0) = (&mut self.bias, segment, k) {
                let bias = bias.as_mut_ptr().add(column);
                V::load_up_to(bias, width).add(sum_of_d).store_up_to(bias, width);
            }
        }
    }
}
