//! Matrix products in bf16, summed in `f32`: `out[p, o] = bias[o] + Σ_k row_p[k] · b[k, o]`.
//!
//! Three ways, picked by what the CPU has for bf16: AMX's tiles (`tiles.rs`), AVX512-BF16's pairs (`pairs.rs`), and for
//! all others the meaning, here: values widened to `f32` and multiplied there. The three add up in different orders.

use crate::isa::Bf16Unit;
#[cfg(target_arch = "x86_64")]
use crate::pairs;
use crate::pool::{bit_words, first_largest, put_bits, rectified};
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::tiles;
use crate::vector::{Kernel, Vector};
use crate::{Aligned, AlignedBuffer, Bf16, Epilogue, Gather, Isa};

/// The right side of a product, rounded to bf16 and packed for one instruction set.
#[derive(Debug, Clone)]
pub struct PanelsBf16 {
    packed: Packed,
    k: usize,
    n: usize,
}

#[derive(Debug, Clone)]
enum Packed {
    /// Panels of two vectors of columns, k-major: the rounded values as `f32`.
    Widened { data: AlignedBuffer, lanes: usize },
    /// Panels of 32 columns; in each the pairs of k, in each of them the columns, in each the two values.
    #[cfg(target_arch = "x86_64")]
    Pairs(Aligned<Bf16>),
    /// As pairs, cut into tiles of 16 pairs × 16 columns, two beside each other before the next two.
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    Tiles(Aligned<Bf16>),
}

impl PanelsBf16 {
    /// Room for a matrix of `k` rows and `n` columns; zero at first.
    pub fn new(isa: Isa, k: usize, n: usize) -> Self {
        let packed = match isa.bf16_unit() {
            Bf16Unit::Widened => {
                let lanes = isa.lanes();
                Packed::Widened { data: Aligned::zeros(k * n.next_multiple_of(2 * lanes)), lanes }
            }
            #[cfg(target_arch = "x86_64")]
            Bf16Unit::Pairs => Packed::Pairs(Aligned::zeros(k.next_multiple_of(2) * n.next_multiple_of(32))),
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Bf16Unit::Tiles => Packed::Tiles(Aligned::zeros(k.next_multiple_of(32) * n.next_multiple_of(32))),
        };
        Self { packed, k, n }
    }

    /// Packs a row-major k × n matrix.
    pub fn pack(&mut self, b: &[f32]) {
        assert_eq!(b.len(), self.k * self.n, "the matrix has k × n values");
        for (k, row) in b.chunks_exact(self.n.max(1)).enumerate() {
            for (group, values) in row.chunks(16).enumerate() {
                self.put(k, 16 * group, values.iter().copied());
            }
        }
    }

    /// Packs the transpose of a row-major n × k matrix.
    pub fn pack_transposed(&mut self, b: &[f32]) {
        assert_eq!(b.len(), self.k * self.n, "the matrix has n × k values");
        let k_total = self.k;
        for (group, rows) in b.chunks(16 * k_total.max(1)).enumerate() {
            for k in 0..k_total {
                self.put(k, 16 * group, rows[k..].iter().copied().step_by(k_total));
            }
        }
    }

    /// Writes at most 16 neighbours of row k from column `first`, a multiple of 16.
    #[inline(always)]
    fn put(&mut self, k: usize, first: usize, values: impl Iterator<Item = f32>) {
        match &mut self.packed {
            Packed::Widened { data, lanes } => {
                for (column, value) in (first..).zip(values) {
                    let (panel, inside) = (column - column % (2 * *lanes), column % (2 * *lanes));
                    data[panel * self.k + k * 2 * *lanes + inside] = Bf16::from_f32(value).to_f32();
                }
            }
            #[cfg(target_arch = "x86_64")]
            Packed::Pairs(data) => {
                let (panel, inside) = (first - first % 32, first % 32);
                let start = panel * self.k.next_multiple_of(2) + k / 2 * 64 + 2 * inside + k % 2;
                for (i, value) in values.enumerate() {
                    data[start + 2 * i] = Bf16::from_f32(value);
                }
            }
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Packed::Tiles(data) => {
                let (panel, inside) = (first - first % 32, first % 32);
                let tiles = panel * self.k.next_multiple_of(32) + k / 32 * 1024 + inside / 16 * 512;
                let start = tiles + k % 32 / 2 * 32 + k % 2;
                for (i, value) in values.enumerate() {
                    data[start + 2 * i] = Bf16::from_f32(value);
                }
            }
        }
    }
}

/// `out[p, o] = epilogue(bias[o] + Σ_k row_p[k] · b[k, o])` for the first `n_rows` rows of the gather: bf16 times bf16,
/// summed in `f32`. Products and sums below the smallest normal number may count as zero.
///
/// On AMX the rows are read in place where sixteen after each other are equally far apart and their pieces are multiples of
/// 32 values long; at best 64-byte aligned. Others are copied together first.
///
/// # Panics
/// If a slice is too short or the panels were packed for another instruction set.
pub fn product_bf16(
    isa: Isa,
    (values, gather, n_rows): (&[Bf16], &Gather, usize),
    panels: &PanelsBf16,
    (bias, epilogue): (Option<&[f32]>, Epilogue),
    out: &mut [f32],
) {
    assert_eq!(out.len(), n_rows * panels.n, "the result has rows × columns values");
    let result = Result { n: panels.n, bias, epilogue, out, winners: None };
    run(isa, Rows { values, gather, n: n_rows }, panels, result);
}

/// The product of [`product_bf16`], of which only the maxima over windows of four rows are kept: `out[w, o]` is the largest
/// of rows 4w … 4w + 3, and `winners` say which, as in [`max_pool`](crate::max_pool).
///
/// # Panics
/// If a slice is too short or the panels were packed for another instruction set.
pub fn pooled_product_bf16(
    isa: Isa,
    (values, gather): (&[Bf16], &Gather),
    panels: &PanelsBf16,
    (bias, epilogue): (Option<&[f32]>, Epilogue),
    (out, winners): (&mut [f32], &mut [u32]),
) {
    let n_rows = gather.n_rows();
    assert_eq!(n_rows % 4, 0, "windows of four rows");
    assert_eq!(out.len(), n_rows / 4 * panels.n, "the result has windows × columns values");
    assert_eq!(winners.len(), n_rows * bit_words(panels.n), "one bit per value");
    winners.fill(0);
    let result = Result { n: panels.n, bias, epilogue, out, winners: Some(winners) };
    run(isa, Rows { values, gather, n: n_rows }, panels, result);
}

fn run(isa: Isa, rows: Rows<'_>, panels: &PanelsBf16, result: Result<'_>) {
    let Rows { values, gather, n: n_rows } = rows;
    assert!(n_rows <= gather.n_rows(), "the gather has {} rows, not {n_rows}", gather.n_rows());
    if n_rows == 0 {
        return;
    }
    let reach = gather.reach_of(n_rows);
    assert!(values.len() >= reach, "the rows reach over {reach} values, the slice has {}", values.len());
    assert_eq!(panels.k, gather.row_len(), "a row has as many values as the matrix has rows");
    assert!(result.bias.is_none_or(|bias| bias.len() == panels.n), "one bias per column");
    match (&panels.packed, isa.bf16_unit()) {
        (Packed::Widened { data, lanes }, Bf16Unit::Widened) if *lanes == isa.lanes() => {
            isa.run(Widened { rows, panels: data, result });
        }
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the unit exists only if AVX512-BF16 was detected; the slices are checked above and by the callers.
        (Packed::Pairs(data), Bf16Unit::Pairs) => unsafe { pairs::product(rows, data, result) },
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        (Packed::Tiles(data), Bf16Unit::Tiles) => isa.run(tiles::Product { rows, panels: data, result }),
        _ => panic!("the panels were packed for another instruction set"),
    }
}

/// The left side of a product. Every row lies inside `values`: that is checked where one is made.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) values: &'a [Bf16],
    pub(crate) gather: &'a Gather,
    pub(crate) n: usize,
}

impl Rows<'_> {
    /// Where row p starts.
    ///
    /// # Safety
    /// p < n
    #[inline(always)]
    pub(crate) unsafe fn start(&self, p: usize) -> *const Bf16 {
        // SAFETY: the gather has at least n offsets, each inside `values`.
        unsafe { self.values.as_ptr().add(*self.gather.offsets().get_unchecked(p) as usize) }
    }
}

/// Where a product goes, and what is done to it before.
pub(crate) struct Result<'a> {
    pub(crate) n: usize,
    pub(crate) bias: Option<&'a [f32]>,
    pub(crate) epilogue: Epilogue,
    pub(crate) out: &'a mut [f32],
    /// With it, the maximum of every four rows is written, and here which it is.
    pub(crate) winners: Option<&'a mut [u32]>,
}

impl Result<'_> {
    /// What the sums of the columns from `column` start from; zero beyond the last.
    ///
    /// # Safety
    /// The CPU has V's instructions.
    #[inline(always)]
    pub(crate) unsafe fn bias<V: Vector>(&self, column: usize) -> V {
        // SAFETY: one bias per column (checked by `product_bf16`), cut to the columns there are.
        unsafe {
            match self.bias {
                Some(bias) if column < self.n => V::load_up_to(bias.as_ptr().add(column), self.n - column),
                _ => V::splat(0.0),
            }
        }
    }

    /// Finishes and writes a vector of sums. Not for windows.
    ///
    /// # Safety
    /// The CPU has V's instructions; the row exists.
    #[inline(always)]
    pub(crate) unsafe fn put<V: Vector>(&mut self, row: usize, column: usize, sums: V) {
        if column < self.n {
            // SAFETY: rows × columns places (checked by `product_bf16`), cut to the columns there are.
            unsafe {
                let to = self.out.as_mut_ptr().add(row * self.n + column);
                rectified(sums, self.epilogue).store_up_to(to, self.n - column);
            }
        }
    }

    /// Finishes and writes vectors of sums of four rows, from a multiple of four.
    ///
    /// # Safety
    /// The CPU has V's instructions; the rows exist.
    #[inline(always)]
    pub(crate) unsafe fn put_four<V: Vector>(&mut self, row: usize, column: usize, sums: [V; 4]) {
        let n = self.n;
        if column >= n {
            return;
        }
        // SAFETY: the caller's promise; the slices have a place for each window and column, cut to those there are.
        unsafe {
            match &mut self.winners {
                None => (row..).zip(sums).for_each(|(row, sums)| self.put(row, column, sums)),
                Some(winners) => {
                    let (best, won) = first_largest(sums, self.epilogue, n - column);
                    best.store_up_to(self.out.as_mut_ptr().add(row / 4 * n + column), n - column);
                    for (row, bits) in (row..).zip(won) {
                        put_bits::<V>(winners.as_mut_ptr().add(row * bit_words(n)), column, bits);
                    }
                }
            }
        }
    }
}

/// The meaning: in `f32`.
struct Widened<'a> {
    rows: Rows<'a>,
    panels: &'a [f32],
    result: Result<'a>,
}

impl Kernel for Widened<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(mut self) {
        for first in (0..self.result.n).step_by(2 * V::LANES) {
            let mut row = 0;
            // SAFETY: the caller promises V's instructions; row + R ≤ n; `first` starts a panel.
            unsafe {
                while self.rows.n - row >= 4 {
                    let [left, right] = self.tile::<V, 4>(row, first);
                    self.result.put_four(row, first, left);
                    self.result.put_four(row, first + V::LANES, right);
                    row += 4;
                }
                while self.rows.n > row {
                    let [[left], [right]] = self.tile::<V, 1>(row, first);
                    self.result.put(row, first, left);
                    self.result.put(row, first + V::LANES, right);
                    row += 1;
                }
            }
        }
    }
}

impl Widened<'_> {
    /// The sums of R rows from `row`, two vectors of columns from `first`.
    ///
    /// # Safety
    /// The CPU has V's instructions; row + R ≤ n; `first` starts a panel.
    #[inline(always)]
    unsafe fn tile<V: Vector, const R: usize>(&self, row: usize, first: usize) -> [[V; R]; 2] {
        let gather = self.rows.gather;
        // SAFETY: the rows lie inside `values`; the panel has row_len × 2 vectors.
        unsafe {
            let mut b = self.panels.as_ptr().add(first * gather.row_len());
            let bias: [V; 2] = [self.result.bias(first), self.result.bias(first + V::LANES)];
            let mut sums = [bias; R];
            let starts: [*const Bf16; R] = std::array::from_fn(|r| self.rows.start(row + r));
            for segment in 0..gather.segments() {
                for k in 0..gather.segment_len() {
                    let columns = [V::load(b), V::load(b.add(V::LANES))];
                    b = b.add(2 * V::LANES);
                    for (start, sum) in starts.iter().zip(&mut sums) {
                        let value = V::splat((*start.add(segment * gather.segment_stride() + k)).to_f32());
                        *sum = [value.mul_add(columns[0], sum[0]), value.mul_add(columns[1], sum[1])];
                    }
                }
            }
            [sums.map(|sum| sum[0]), sums.map(|sum| sum[1])]
        }
    }
}
