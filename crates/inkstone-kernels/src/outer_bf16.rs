//! Weight gradients in bf16, summed in `f32`: `out[k, o] += Σ_p row_p[k] · d[p, o]`.
//!
//! The sum runs over rows, so that the pairs that AVX512-BF16 and AMX multiply are values of two neighbouring rows:
//! `Rows::pair` makes them. Elsewhere the values are widened, here.

use crate::isa::Bf16Unit;
#[cfg(target_arch = "x86_64")]
use crate::pairs;
use crate::product_bf16::Rows;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::tiles;
use crate::vector::{Kernel, Vector};
use crate::{Bf16, Gather, Isa};

/// Adds the sum of outer products of gathered rows with the rows of `d` to the row-major `out` (row_len × n). Products and
/// sums below the smallest normal number may count as zero.
///
/// # Panics
/// If a slice does not fit.
pub fn add_outer_bf16(
    isa: Isa,
    (values, gather, n_rows): (&[Bf16], &Gather, usize),
    (d, n): (&[Bf16], usize),
    out: &mut [f32],
) {
    assert!(n > 0 && n_rows <= gather.n_rows(), "the gather has {} rows, not {n_rows}", gather.n_rows());
    let reach = gather.reach_of(n_rows);
    assert!(values.len() >= reach, "the rows reach over {reach} values, the slice has {}", values.len());
    assert_eq!(d.len(), n_rows * n, "one row of d per row");
    assert_eq!(out.len(), gather.row_len() * n, "the result has row_len × n values");
    let outer = Outer { rows: Rows { values, gather, n: n_rows }, d, n, out };
    match isa.bf16_unit() {
        Bf16Unit::Widened => isa.run(Widened(outer)),
        // SAFETY: the unit exists only if AVX512-BF16 was detected; the slices are checked above.
        #[cfg(target_arch = "x86_64")]
        Bf16Unit::Pairs => unsafe { pairs::add_outer(outer) },
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        Bf16Unit::Tiles => isa.run(tiles::Outer(outer)),
    }
}

/// What is added up, and to what. The slices fit each other.
pub(crate) struct Outer<'a> {
    pub(crate) rows: Rows<'a>,
    pub(crate) d: &'a [Bf16],
    pub(crate) n: usize,
    pub(crate) out: &'a mut [f32],
}

/// The meaning: in `f32`.
struct Widened<'a>(Outer<'a>);

/// Rows of `d` that are widened at once.
const CHUNK: usize = 64;

impl Kernel for Widened<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(mut self) {
        let n = self.0.n;
        // Two vectors of sixteen are the most there is.
        let mut d = [0.0_f32; CHUNK * 32];
        for rows in (0..self.0.rows.n).step_by(CHUNK) {
            let len = CHUNK.min(self.0.rows.n - rows);
            for first in (0..n).step_by(2 * V::LANES) {
                let width = (2 * V::LANES).min(n - first);
                for (p, line) in d.chunks_exact_mut(2 * V::LANES).take(len).enumerate() {
                    for (wide, value) in line.iter_mut().zip(&self.0.d[(rows + p) * n + first..][..width]) {
                        *wide = value.to_f32();
                    }
                }
                let row_len = self.0.rows.gather.row_len();
                let mut k = 0;
                // SAFETY: the caller promises V's instructions; rows + len ≤ n_rows; k + R ≤ row_len; first < n.
                unsafe {
                    while row_len - k >= 4 {
                        self.tile::<V, 4>((rows, len), k, first, &d);
                        k += 4;
                    }
                    while row_len > k {
                        self.tile::<V, 1>((rows, len), k, first, &d);
                        k += 1;
                    }
                }
            }
        }
    }
}

impl Widened<'_> {
    /// R rows of the result from k, two vectors of columns from `first`, `len` gathered rows from `row`.
    ///
    /// # Safety
    /// The CPU has V's instructions; row + len ≤ n_rows, k + R ≤ row_len, first < n; `d` holds `len` rows of two vectors.
    #[inline(always)]
    unsafe fn tile<V: Vector, const R: usize>(
        &mut self,
        (row, len): (usize, usize),
        k: usize,
        first: usize,
        d: &[f32; CHUNK * 32],
    ) {
        let Outer { rows, n, out, .. } = &mut self.0;
        let gather = rows.gather;
        // SAFETY: the caller's promise; value k of a row is value k % segment_len of its piece; columns beyond n are
        // neither read nor written.
        unsafe {
            let places: [usize; R] = std::array::from_fn(|r| {
                (k + r) / gather.segment_len() * gather.segment_stride() + (k + r) % gather.segment_len()
            });
            let mut sums = [[V::splat(0.0); 2]; R];
            for p in 0..len {
                let start = rows.start(row + p);
                let d = d.as_ptr().add(p * 2 * V::LANES);
                let columns = [V::load(d), V::load(d.add(V::LANES))];
                for (sum, place) in sums.iter_mut().zip(places) {
                    let value = V::splat((*start.add(place)).to_f32());
                    *sum = [value.mul_add(columns[0], sum[0]), value.mul_add(columns[1], sum[1])];
                }
            }
            for (r, sum) in sums.into_iter().enumerate() {
                add_up_to(out.as_mut_ptr().add((k + r) * *n + first), *n - first, sum);
            }
        }
    }
}

/// Adds two vectors to the first `n` values at `to`.
///
/// # Safety
/// The CPU has V's instructions; n > 0 values, or at least two vectors, can be read and written.
#[inline(always)]
pub(crate) unsafe fn add_up_to<V: Vector>(to: *mut f32, n: usize, sums: [V; 2]) {
    // SAFETY: the caller's promise, cut to what is there.
    unsafe {
        V::load_up_to(to, n).add(sums[0]).store_up_to(to, n);
        if n > V::LANES {
            let (to, n) = (to.add(V::LANES), n - V::LANES);
            V::load_up_to(to, n).add(sums[1]).store_up_to(to, n);
        }
    }
}
