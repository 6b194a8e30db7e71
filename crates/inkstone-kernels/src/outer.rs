//! Weight gradients: `out[k, o] += Σ_p row_p[k] · d[p, o]`.

use crate::vector::{Kernel, Vector};
use crate::{Gather, Isa};

/// Adds the sum of outer products of gathered rows with the rows of `d` to the row-major `out` (row_len × n).
///
/// # Panics
/// If a slice does not fit.
pub fn add_outer(
    isa: Isa,
    (values, gather, n_rows): (&[f32], &Gather, usize),
    (d, n): (&[f32], usize),
    out: &mut [f32],
) {
    assert!(n > 0 && n_rows <= gather.n_rows(), "the gather has {} rows, not {n_rows}", gather.n_rows());
    let reach = gather.reach_of(n_rows);
    assert!(values.len() >= reach, "the rows reach over {reach} values, the slice has {}", values.len());
    assert_eq!(d.len(), n_rows * n, "one row of d per row");
    assert_eq!(out.len(), gather.row_len() * n, "the result has row_len × n values");
    isa.run(Outer { values, offsets: &gather.offsets()[..n_rows], gather, d, n, out });
}

struct Outer<'a> {
    values: &'a [f32],
    offsets: &'a [u32],
    gather: &'a Gather,
    d: &'a [f32],
    n: usize,
    out: &'a mut [f32],
}

impl Kernel for Outer<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(mut self) {
        let mut first = 0;
        while first < self.n {
            let left = self.n - first;
            // SAFETY: the caller promises V's instructions; `add_outer` has checked every slice; first < n, and two
            // vectors are taken only where more than one has columns.
            unsafe {
                if left > V::LANES {
                    self.columns::<V, 2>(first);
                } else {
                    self.columns::<V, 1>(first);
                }
            }
            first += 2 * V::LANES;
        }
    }
}

impl Outer<'_> {
    /// C vectors of columns from `first`, all rows of the result.
    ///
    /// # Safety
    /// As [`Outer::tile`].
    #[inline(always)]
    unsafe fn columns<V: Vector, const C: usize>(&mut self, first: usize) {
        for segment in 0..self.gather.segments() {
            let mut k = 0;
            // SAFETY: k + R ≤ segment_len in each call; the rest is the caller's promise.
            unsafe {
                while V::REGISTERS == 32 && self.gather.segment_len() - k >= 12 {
                    self.tile::<V, 12, C>(segment, k, first);
                    k += 12;
                }
                while self.gather.segment_len() - k >= 6 {
                    self.tile::<V, 6, C>(segment, k, first);
                    k += 6;
                }
                while self.gather.segment_len() - k >= 3 {
                    self.tile::<V, 3, C>(segment, k, first);
                    k += 3;
                }
                while self.gather.segment_len() > k {
                    self.tile::<V, 1, C>(segment, k, first);
                    k += 1;
                }
            }
        }
    }

    /// R rows of the result from value k of a segment, C vectors of columns from `first`.
    ///
    /// # Safety
    /// The CPU has V's instructions; k + R ≤ segment_len; column `first + (C − 1) · LANES` exists; `add_outer` has
    /// checked that the rows lie inside `values`.
    #[inline(always)]
    unsafe fn tile<V: Vector, const R: usize, const C: usize>(&mut self, segment: usize, k: usize, first: usize) {
        let last = self.n - first - (C - 1) * V::LANES;
        // SAFETY: see above; columns beyond n are cut off by `load_up_to` and `store_up_to`.
        unsafe {
            let out = self.out.as_mut_ptr().add((segment * self.gather.segment_len() + k) * self.n + first);
            let width = |c: usize| if c + 1 < C { V::LANES } else { last };
            let mut sums = [[V::splat(0.0); C]; R];
            for (r, sum) in sums.iter_mut().enumerate() {
                for (c, sum) in sum.iter_mut().enumerate() {
                    *sum = V::load_up_to(out.add(r * self.n + c * V::LANES), width(c));
                }
            }
            let values = self.values.as_ptr().add(segment * self.gather.segment_stride() + k);
            let mut d = self.d.as_ptr().add(first);
            for &offset in self.offsets {
                let row = values.add(offset as usize);
                let mut columns = [V::splat(0.0); C];
                for (c, column) in columns.iter_mut().enumerate() {
                    *column = V::load_up_to(d.add(c * V::LANES), width(c));
                }
                for (r, sum) in sums.iter_mut().enumerate() {
                    let value = V::splat(*row.add(r));
                    for c in 0..C {
                        sum[c] = value.mul_add(columns[c], sum[c]);
                    }
                }
                d = d.wrapping_add(self.n);
            }
            for (r, sum) in sums.iter().enumerate() {
                for (c, &value) in sum.iter().enumerate() {
                    value.store_up_to(out.add(r * self.n + c * V::LANES), width(c));
                }
            }
        }
    }
}
