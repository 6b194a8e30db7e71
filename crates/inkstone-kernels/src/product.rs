//! Matrix products whose left side is gathered: `out[p, o] = bias[o] + Σ_k row_p[k] · b[k, o]`.
//!
//! One register tile holds R rows × 2 vectors of columns; for each k two vectors of `b` are loaded once and R values
//! of the rows are broadcast. The right side is packed so that a tile reads it in one stream.

use crate::pool::{bit_words, first_largest, put_bits, rectified};
use crate::vector::{Kernel, Vector};
use crate::{AlignedBuffer, Gather, Isa};

/// The right side of a product, packed for one instruction set: columns in panels of two vectors, each panel k-major.
#[derive(Debug, Clone)]
pub struct Panels {
    data: AlignedBuffer,
    k: usize,
    n: usize,
    lanes: usize,
}

impl Panels {
    /// Room for a matrix of `k` rows and `n` columns; zero at first.
    pub fn new(isa: Isa, k: usize, n: usize) -> Self {
        let lanes = isa.lanes();
        Self { data: AlignedBuffer::zeros(k * n.next_multiple_of(lanes)), k, n, lanes }
    }

    /// Packs a row-major k × n matrix.
    pub fn pack(&mut self, b: &[f32]) {
        assert_eq!(b.len(), self.k * self.n, "the matrix has k × n values");
        let (k, n) = (self.k, self.n);
        self.fill(|panel, first, width| {
            for (i, row) in panel.chunks_exact_mut(width).enumerate().take(k) {
                let columns = width.min(n - first);
                row[..columns].copy_from_slice(&b[i * n + first..][..columns]);
            }
        });
    }

    /// Packs the transpose of a row-major n × k matrix.
    pub fn pack_transposed(&mut self, b: &[f32]) {
        assert_eq!(b.len(), self.k * self.n, "the matrix has n × k values");
        let (k, n) = (self.k, self.n);
        self.fill(|panel, first, width| {
            for (j, row) in b.chunks_exact(k).skip(first).take(width.min(n - first)).enumerate() {
                for (i, &value) in row.iter().enumerate() {
                    panel[i * width + j] = value;
                }
            }
        });
    }

    /// Calls `write(panel, first column, width)` for every panel.
    fn fill(&mut self, write: impl Fn(&mut [f32], usize, usize)) {
        let (k, full) = (self.k, 2 * self.lanes);
        let n_padded = self.n.next_multiple_of(self.lanes);
        let mut rest: &mut [f32] = &mut self.data;
        let mut first = 0;
        while first < n_padded {
            let width = full.min(n_padded - first);
            let (panel, tail) = rest.split_at_mut(k * width);
            write(panel, first, width);
            rest = tail;
            first += width;
        }
    }
}

/// What is done to a product before it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Epilogue {
    /// Nothing.
    None,
    /// max(x, 0).
    Relu,
}

/// `out[p, o] = epilogue(bias[o] + Σ_k row_p[k] · b[k, o])` for the first `n_rows` rows of the gather.
///
/// # Panics
/// If a slice is too short or the panels were packed for another instruction set.
pub fn product(
    isa: Isa,
    (values, gather, n_rows): (&[f32], &Gather, usize),
    panels: &Panels,
    (bias, epilogue): (Option<&[f32]>, Epilogue),
    out: &mut [f32],
) {
    assert!(n_rows <= gather.n_rows(), "the gather has {} rows, not {n_rows}", gather.n_rows());
    if n_rows == 0 {
        return;
    }
    let reach = gather.reach_of(n_rows);
    assert!(values.len() >= reach, "the rows reach over {reach} values, the slice has {}", values.len());
    assert_eq!(panels.k, gather.row_len(), "a row has as many values as the matrix has rows");
    assert_eq!(panels.lanes, isa.lanes(), "the panels were packed for another instruction set");
    assert_eq!(out.len(), n_rows * panels.n, "the result has rows × columns values");
    assert!(bias.is_none_or(|bias| bias.len() == panels.n), "one bias per column");
    isa.run(Product { values, gather, n_rows, panels, bias, epilogue, out });
}

struct Product<'a> {
    values: &'a [f32],
    gather: &'a Gather,
    n_rows: usize,
    panels: &'a Panels,
    bias: Option<&'a [f32]>,
    epilogue: Epilogue,
    out: &'a mut [f32],
}

impl Kernel for Product<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(mut self) {
        let n_padded = self.panels.n.next_multiple_of(V::LANES);
        let mut first = 0;
        while first < n_padded {
            // SAFETY: the caller promises V's instructions; `product` has checked every slice; first + width ≤ n_padded.
            unsafe {
                match (n_padded - first >= 2 * V::LANES, self.gather.segment_len()) {
                    (true, 3) => self.panel::<V, 2, 3>(first),
                    (true, _) => self.panel::<V, 2, 0>(first),
                    (false, _) => self.panel::<V, 1, 0>(first),
                }
            }
            first += 2 * V::LANES;
        }
    }
}

impl Product<'_> {
    /// One panel of C vectors of columns, all rows.
    ///
    /// # Safety
    /// As [`Product::tile`].
    #[inline(always)]
    unsafe fn panel<V: Vector, const C: usize, const LEN: usize>(&mut self, first: usize) {
        let mut row = 0;
        // SAFETY: row + R ≤ n_rows in each call; the rest is the caller's promise.
        unsafe {
            // Twelve rows fill 32 registers, six fill 16.
            while V::REGISTERS == 32 && self.n_rows - row >= 12 {
                self.tile::<V, 12, C, LEN>(row, first);
                row += 12;
            }
            while self.n_rows - row >= 6 {
                self.tile::<V, 6, C, LEN>(row, first);
                row += 6;
            }
            while self.n_rows - row >= 4 {
                self.tile::<V, 4, C, LEN>(row, first);
                row += 4;
            }
            while self.n_rows - row >= 2 {
                self.tile::<V, 2, C, LEN>(row, first);
                row += 2;
            }
            if self.n_rows > row {
                self.tile::<V, 1, C, LEN>(row, first);
            }
        }
    }

    /// R rows from `row`, C vectors of columns from `first`.
    ///
    /// # Safety
    /// The CPU has V's instructions; row + R ≤ n_rows; `first` starts a panel of at least C vectors; `product` has
    /// checked that the rows lie inside `values`.
    #[inline(always)]
    unsafe fn tile<V: Vector, const R: usize, const C: usize, const LEN: usize>(&mut self, row: usize, first: usize) {
        let n = self.panels.n;
        // SAFETY: the caller's promise; columns beyond n are cut off by `store_up_to`.
        unsafe {
            let sums = sums::<V, R, C, LEN>((self.values, self.gather), self.panels, self.bias, row, first);
            for (r, sum) in sums.iter().enumerate() {
                for (c, &value) in sum.iter().enumerate() {
                    let column = first + c * V::LANES;
                    let value = rectified(value, self.epilogue);
                    value.store_up_to(self.out.as_mut_ptr().add((row + r) * n + column), n - column);
                }
            }
        }
    }
}

/// `bias[o] + Σ_k row_p[k] · b[k, o]` for R rows from `row` and C vectors of columns from `first`. LEN is the length of
/// the rows' pieces where it is known to be short (they need no loop then), else 0.
///
/// # Safety
/// The CPU has V's instructions; the rows exist and lie inside `values`; `first` starts a panel of at least C vectors.
#[inline(always)]
unsafe fn sums<V: Vector, const R: usize, const C: usize, const LEN: usize>(
    (values, gather): (&[f32], &Gather),
    panels: &Panels,
    bias: Option<&[f32]>,
    row: usize,
    first: usize,
) -> [[V; C]; R] {
    let n = panels.n;
    let segment_stride = gather.segment_stride();
    // SAFETY: the caller's promise; the panel has k · C · LANES values from here; columns beyond n are cut off by
    // `load_up_to`.
    unsafe {
        let mut b = panels.data.as_ptr().add(first * panels.k);
        let mut sums = [[V::splat(0.0); C]; R];
        if let Some(bias) = bias {
            for c in 0..C {
                let column = first + c * V::LANES;
                let start = V::load_up_to(bias.as_ptr().add(column), n - column);
                for sum in &mut sums {
                    sum[c] = start;
                }
            }
        }
        let mut rows: [*const f32; R] =
            std::array::from_fn(|r| values.as_ptr().add(*gather.offsets().get_unchecked(row + r) as usize));
        for segment in 0..gather.segments() {
            let len = if LEN == 0 { gather.segment_len() } else { LEN };
            for k in 0..len {
                let mut columns = [V::splat(0.0); C];
                for (c, column) in columns.iter_mut().enumerate() {
                    *column = V::load(b.add(c * V::LANES));
                }
                b = b.add(C * V::LANES);
                for (row, sum) in rows.iter().zip(&mut sums) {
                    let value = V::splat(*row.add(k));
                    for c in 0..C {
                        sum[c] = value.mul_add(columns[c], sum[c]);
                    }
                }
            }
            if segment + 1 < gather.segments() {
                for pointer in &mut rows {
                    *pointer = pointer.add(segment_stride);
                }
            }
        }
        sums
    }
}

/// The product of [`product`], of which only the maxima over windows of four rows are kept: `out[w, o]` is the largest
/// of rows 4w … 4w + 3, and `winners` say which, as in [`max_pool`](crate::max_pool); empty ones are not written.
///
/// # Panics
/// If a slice is too short or the panels were packed for another instruction set.
pub fn pooled_product(
    isa: Isa,
    (values, gather): (&[f32], &Gather),
    panels: &Panels,
    (bias, epilogue): (Option<&[f32]>, Epilogue),
    (out, winners): (&mut [f32], &mut [u32]),
) {
    let n_windows = gather.n_rows() / 4;
    assert_eq!(gather.n_rows() % 4, 0, "windows of four rows");
    check(isa, values, gather, panels, bias);
    assert_eq!(out.len(), n_windows * panels.n, "the result has windows × columns values");
    let n_words = gather.n_rows() * bit_words(panels.n);
    assert!(winners.is_empty() || winners.len() == n_words, "one bit per value, or none");
    winners.fill(0);
    isa.run(PooledProduct { values, gather, panels, bias, epilogue, out, winners });
}

fn check(isa: Isa, values: &[f32], gather: &Gather, panels: &Panels, bias: Option<&[f32]>) {
    let reach = gather.reach_of(gather.n_rows());
    assert!(values.len() >= reach, "the rows reach over {reach} values, the slice has {}", values.len());
    assert_eq!(panels.k, gather.row_len(), "a row has as many values as the matrix has rows");
    assert_eq!(panels.lanes, isa.lanes(), "the panels were packed for another instruction set");
    assert!(bias.is_none_or(|bias| bias.len() == panels.n), "one bias per column");
}

struct PooledProduct<'a> {
    values: &'a [f32],
    gather: &'a Gather,
    panels: &'a Panels,
    bias: Option<&'a [f32]>,
    epilogue: Epilogue,
    out: &'a mut [f32],
    winners: &'a mut [u32],
}

impl Kernel for PooledProduct<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(mut self) {
        let n_padded = self.panels.n.next_multiple_of(V::LANES);
        for first in (0..n_padded).step_by(2 * V::LANES) {
            for window in 0..self.gather.n_rows() / 4 {
                // SAFETY: the caller promises V's instructions; `pooled_product` has checked every slice.
                unsafe {
                    match (n_padded - first >= 2 * V::LANES, self.gather.segment_len()) {
                        (true, 3) => self.window::<V, 2, 3>(window, first),
                        (true, 5) => self.window::<V, 2, 5>(window, first),
                        (true, _) => self.window::<V, 2, 0>(window, first),
                        (false, _) => self.window::<V, 1, 0>(window, first),
                    }
                }
            }
        }
    }
}

impl PooledProduct<'_> {
    /// One window, C vectors of columns from `first`.
    ///
    /// # Safety
    /// As [`sums`]; the window exists.
    #[inline(always)]
    unsafe fn window<V: Vector, const C: usize, const LEN: usize>(&mut self, window: usize, first: usize) {
        let n = self.panels.n;
        let words = bit_words(n);
        // SAFETY: the caller's promise; columns beyond n are cut off.
        unsafe {
            let sums = sums::<V, 4, C, LEN>((self.values, self.gather), self.panels, self.bias, 4 * window, first);
            for c in 0..C {
                let column = first + c * V::LANES;
                let (best, won) = first_largest(sums.map(|sum| sum[c]), self.epilogue, n - column);
                best.store_up_to(self.out.as_mut_ptr().add(window * n + column), n - column);
                if self.winners.is_empty() {
                    continue;
                }
                let winners = self.winners.as_mut_ptr().add(window * 4 * words);
                for (tap, bits) in won.into_iter().enumerate() {
                    put_bits::<V>(winners.add(tap * words), column, bits);
                }
            }
        }
    }
}
