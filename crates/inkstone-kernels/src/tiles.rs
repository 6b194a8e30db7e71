//! bf16 products on AMX: which rows, columns and values go into which tile. The instructions themselves are in `amx.rs`;
//! what is copied and finished here runs on the vectors of whatever instruction set it is called with.

use std::mem::MaybeUninit;

use crate::Bf16;
use crate::amx::{Left, Sums, Tiles};
use crate::copies::scratch;
use crate::outer_bf16;
use crate::product_bf16::{Result, Rows};
use crate::vector::{Kernel, Vector};

/// Rows per block: two tiles.
const ROWS: usize = 32;
/// Values of a row that are copied at once: sixteen tiles' worth.
const CHUNK: usize = 512;
/// From one copied row to the next: an odd number of cache lines, so that the rows of a tile fall into different sets.
const STRIDE: usize = CHUNK + 32;

/// Copied rows, 64-byte aligned.
#[repr(C, align(64))]
struct Scratch([Bf16; ROWS * STRIDE]);

/// The forward product.
pub(crate) struct Product<'a> {
    pub(crate) rows: Rows<'a>,
    pub(crate) panels: &'a [Bf16],
    pub(crate) result: Result<'a>,
}

impl Kernel for Product<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(mut self) {
        // SAFETY: an `Isa` with tiles exists only if AMX was detected (or a test answers for it); nothing that is called
        // while they are configured configures them.
        let tiles = unsafe { Tiles::configure() };
        let mut scratch = scratch::<Scratch>();
        for row in (0..self.rows.n).step_by(ROWS) {
            // SAFETY: the caller promises V's instructions; `product_bf16` has checked every slice.
            unsafe {
                match in_place(self.rows, row) {
                    Some(left) => self.in_place::<V>(&tiles, row, left),
                    None => self.copied::<V>(&tiles, row, &mut scratch),
                }
            }
        }
    }
}

/// How 32 rows from `row` are read without a copy, if they can be: two times sixteen equally far apart, in pieces of whole
/// tiles.
fn in_place(rows: Rows<'_>, row: usize) -> Option<Left> {
    let Rows { values, gather, n } = rows;
    if row + ROWS > n || !gather.segment_len().is_multiple_of(32) {
        return None;
    }
    let offsets = &gather.offsets()[row..row + ROWS];
    let apart = |pair: &[u32]| pair[1] as isize - pair[0] as isize;
    let stride = apart(offsets);
    let (upper, lower) = offsets.split_at(16);
    if !upper.windows(2).chain(lower.windows(2)).all(|pair| apart(pair) == stride) {
        return None;
    }
    Some(Left {
        rows: [upper[0], lower[0]].map(|offset| values[offset as usize..].as_ptr()),
        row_stride: 2 * stride,
        segments: gather.segments(),
        steps: gather.segment_len() / 32,
        jump: 2 * (gather.segment_stride() as isize - gather.segment_len() as isize),
    })
}

impl Product<'_> {
    /// From one panel of 32 columns to the next.
    fn panel_len(&self) -> usize {
        self.rows.gather.row_len().next_multiple_of(32) * 32
    }

    /// A block of rows that are read where they stand.
    ///
    /// # Safety
    /// The CPU has V's instructions; `left` is what [`in_place`] gave for `row`.
    #[inline(always)]
    unsafe fn in_place<V: Vector>(&mut self, tiles: &Tiles, row: usize, left: Left) {
        for (i, panel) in self.panels.chunks_exact(self.panel_len()).enumerate() {
            // SAFETY: rows inside `values` have all their pieces there, of `steps` tiles each; a panel has two tiles of
            // columns for each.
            unsafe {
                let mut sums = self.start::<V>(32 * i);
                tiles.multiply_add(left, panel.as_ptr(), &mut sums);
                self.finish::<V>(row, 32 * i, &sums);
            }
        }
    }

    /// A block of any rows, copied together a chunk of values at a time.
    ///
    /// # Safety
    /// The CPU has V's instructions; `row` exists.
    #[inline(always)]
    unsafe fn copied<V: Vector>(&mut self, tiles: &Tiles, row: usize, scratch: &mut MaybeUninit<Scratch>) {
        let k_total = self.rows.gather.row_len();
        let mut copied = usize::MAX;
        for (i, panel) in self.panels.chunks_exact(self.panel_len()).enumerate() {
            // SAFETY: `copy` fills the 32 rows of the scratch up to whole tiles; a panel has two tiles of columns for each.
            unsafe {
                let mut sums = self.start::<V>(32 * i);
                for k in (0..k_total).step_by(CHUNK) {
                    let len = CHUNK.min(k_total - k);
                    let to = scratch.as_mut_ptr().cast::<Bf16>();
                    // One chunk alone serves all panels.
                    if copied != k {
                        copy::<V>(self.rows, row, (k, len), to);
                        copied = k;
                    }
                    let rows = [to.cast_const(), to.add(16 * STRIDE).cast_const()];
                    let row_stride = 2 * STRIDE as isize;
                    let left = Left { rows, row_stride, segments: 1, steps: len.div_ceil(32), jump: 0 };
                    tiles.multiply_add(left, panel.as_ptr().add(32 * k), &mut sums);
                }
                self.finish::<V>(row, 32 * i, &sums);
            }
        }
    }

    /// The biases of 32 columns, in every row.
    ///
    /// # Safety
    /// The CPU has V's instructions.
    #[inline(always)]
    unsafe fn start<V: Vector>(&self, first: usize) -> Sums {
        let mut sums = Sums([[[0.0; 16]; 16]; 4]);
        if self.result.bias.is_none() {
            return sums;
        }
        for column in (0..32).step_by(V::LANES) {
            // SAFETY: LANES divides 16, so that a vector stays inside a row of a tile.
            unsafe {
                let bias: V = self.result.bias(first + column);
                for half in 0..2 {
                    for line in &mut sums.0[2 * half + column / 16] {
                        bias.store(line.as_mut_ptr().add(column % 16));
                    }
                }
            }
        }
        sums
    }

    /// Writes the rows of a block that exist.
    ///
    /// # Safety
    /// The CPU has V's instructions; `row` exists.
    #[inline(always)]
    unsafe fn finish<V: Vector>(&mut self, row: usize, first: usize, sums: &Sums) {
        let n = ROWS.min(self.rows.n - row);
        for column in (0..32).step_by(V::LANES) {
            // SAFETY: LANES divides 16, so that a vector stays inside a row of a tile.
            let line =
                |r: usize| unsafe { V::load(sums.0[r / 16 * 2 + column / 16][r % 16].as_ptr().add(column % 16)) };
            // SAFETY: row + n rows exist.
            unsafe {
                for r in (0..n - n % 4).step_by(4) {
                    self.result.put_four(row + r, first + column, std::array::from_fn(|i| line(r + i)));
                }
                for r in n - n % 4..n {
                    self.result.put(row + r, first + column, line(r));
                }
            }
        }
    }
}

/// Copies values `k .. k + len` of 32 rows from `row`, [`STRIDE`] apart, each filled up with zeros to whole tiles. Rows that
/// do not exist are zero.
///
/// # Safety
/// The CPU has V's instructions; `row` exists; k + len ≤ row_len, len ≤ [`CHUNK`]; `to` is a [`Scratch`].
#[inline(always)]
unsafe fn copy<V: Vector>(rows: Rows<'_>, row: usize, (k, len): (usize, usize), to: *mut Bf16) {
    let padded = len.next_multiple_of(32);
    for r in 0..ROWS {
        // SAFETY: padded ≤ CHUNK < STRIDE, so that every row has its place.
        unsafe {
            let to = to.add(r * STRIDE);
            let len = if row + r < rows.n { len } else { 0 };
            if len > 0 {
                rows.copy::<V>(row + r, k, len, to);
            }
            if padded > len {
                to.add(len).write_bytes(0, padded - len);
            }
        }
    }
}

/// Gradients of `CHUNK` rows by 32 values, as a stream of tiles of 16 pairs of rows × 16 values.
#[repr(C, align(64))]
struct Stream([Bf16; CHUNK * 32]);

/// The weight gradient, transposed: `sums[o, k] = Σ_p d[p, o] · row_p[k]`. So the long rows need only be interleaved by
/// pairs; what is transposed is the short gradient.
pub(crate) struct Outer<'a>(pub(crate) outer_bf16::Outer<'a>);

impl Kernel for Outer<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let outer_bf16::Outer { rows, d, n, out } = self.0;
        // SAFETY: as in `Product`.
        let tiles = unsafe { Tiles::configure() };
        let (mut gradients, mut values) = (scratch::<Scratch>(), scratch::<Stream>());
        let (gradients, values) = (gradients.as_mut_ptr().cast::<Bf16>(), values.as_mut_ptr().cast::<Bf16>());
        let row_len = rows.gather.row_len();
        for row in (0..rows.n).step_by(CHUNK) {
            let len = CHUNK.min(rows.n - row);
            for first in (0..n).step_by(32) {
                // SAFETY: the caller promises V's instructions; row + len rows, column `first` and value k exist; the
                // streams are filled up to whole tiles before they are multiplied.
                unsafe {
                    transpose((d, n), (row, len), first, gradients);
                    for k in (0..row_len).step_by(32) {
                        let width = 32.min(row_len - k);
                        pair::<V>(rows, (row, len), (k, width), values);
                        let mut sums = Sums([[[0.0; 16]; 16]; 4]);
                        let starts = [gradients.cast_const(), gradients.add(16 * STRIDE).cast_const()];
                        let row_stride = 2 * STRIDE as isize;
                        let left = Left { rows: starts, row_stride, segments: 1, steps: len.div_ceil(32), jump: 0 };
                        tiles.multiply_add(left, values, &mut sums);
                        add_transposed(&sums, &mut out[k * n..][..width * n], (n, first));
                    }
                }
            }
        }
    }
}

/// Columns of `len` rows of `d` as 32 rows, [`STRIDE`] apart, filled up with zeros to whole tiles.
///
/// # Safety
/// row + len ≤ rows of d, len ≤ [`CHUNK`], first < n; `to` is a [`Scratch`].
#[inline(always)]
unsafe fn transpose((d, n): (&[Bf16], usize), (row, len): (usize, usize), first: usize, to: *mut Bf16) {
    let width = 32.min(n - first);
    let padded = len.next_multiple_of(32);
    for pair in 0..padded / 2 {
        let line = |p: usize| if p < len { &d[(row + p) * n + first..][..width] } else { &[] };
        let (low, high) = (line(2 * pair), line(2 * pair + 1));
        for o in 0..32 {
            let bits = |line: &[Bf16]| line.get(o).map_or(0, |value| u32::from(value.to_bits()));
            // SAFETY: 2 · pair < padded ≤ CHUNK < STRIDE and o < 32; the place is 4-byte aligned, since STRIDE is even.
            unsafe { to.add(o * STRIDE + 2 * pair).cast::<u32>().write(bits(low) | bits(high) << 16) };
        }
    }
}

/// Values `k .. k + width` of `len` rows as a stream of pairs of tiles, filled up with zeros to whole tiles.
///
/// # Safety
/// The CPU has V's instructions; row + len ≤ n, len ≤ [`CHUNK`]; k + width ≤ row_len, width ≤ 32; `to` is a [`Stream`].
#[inline(always)]
unsafe fn pair<V: Vector>(rows: Rows<'_>, (row, len): (usize, usize), (k, width): (usize, usize), to: *mut Bf16) {
    let place = |pair: usize, half: usize| pair / 16 * 1024 + half * 512 + pair % 16 * 32;
    // SAFETY: places of pairs below CHUNK / 2 lie inside the stream; the rest is the caller's promise.
    unsafe {
        rows.pair::<V>((row, len), (k, width), |pair, half| Some(to.add(place(pair, half))));
        for pair in len.div_ceil(2)..len.next_multiple_of(32) / 2 {
            to.add(place(pair, 0)).write_bytes(0, 32);
            to.add(place(pair, 1)).write_bytes(0, 32);
        }
    }
}

/// `out[k, first + o] += sums[o, k]` for the rows and columns that exist.
#[inline(always)]
fn add_transposed(sums: &Sums, out: &mut [f32], (n, first): (usize, usize)) {
    for (k, row) in out.chunks_exact_mut(n).enumerate() {
        for (half, values) in row[first..].chunks_mut(16).take(2).enumerate() {
            for (value, line) in values.iter_mut().zip(&sums.0[2 * half + k / 16]) {
                *value += line[k % 16];
            }
        }
    }
}
