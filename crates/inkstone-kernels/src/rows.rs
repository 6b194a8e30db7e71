//! Weighted sums of a matrix' rows: one half of a separable filter.

use crate::Isa;
use crate::vector::{Kernel, Vector};

/// `out[i, :] = Σ_k weights[i, k] · rows[k, :]` over the k at most `reach` from i; all matrices row-major, as many rows
/// in as out.
///
/// # Panics
/// If the slices are not n × n weights for n rows of one length.
///
/// ```
/// use inkstone_kernels::{Isa, mix_rows};
/// let mut out = [0.0; 4];
/// mix_rows(Isa::SCALAR, &[0.5, 0.5, 0.0, 2.0], 1, &[1.0, 2.0, 3.0, 4.0], &mut out);
/// assert_eq!(out, [2.0, 3.0, 6.0, 8.0]);
/// ```
pub fn mix_rows(isa: Isa, weights: &[f32], reach: usize, rows: &[f32], out: &mut [f32]) {
    let n = weights.len().isqrt();
    assert!(n > 0 && n * n == weights.len(), "a weight for each pair of rows");
    assert!(rows.len() == out.len() && rows.len().is_multiple_of(n), "{n} rows in and out");
    isa.run(MixRows { weights, n, reach, rows, out });
}

struct MixRows<'a> {
    weights: &'a [f32],
    n: usize,
    reach: usize,
    rows: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for MixRows<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let width = self.rows.len() / self.n;
        for i in 0..self.n {
            let first = i.saturating_sub(self.reach);
            let weights = &self.weights[i * self.n..][first..(i + self.reach + 1).min(self.n)];
            let rows = &self.rows[first * width..];
            let out = &mut self.out[i * width..][..width];
            // SAFETY: the caller promises V's instructions; each call gets values that the rows and `out` have, and there
            // is a row for each weight.
            unsafe {
                for at in (0..width).step_by(8 * V::LANES) {
                    let n = (width - at).min(8 * V::LANES);
                    let (rows, out) = (rows.as_ptr().add(at), out.as_mut_ptr().add(at));
                    // As many sums at once as there are vectors: one alone would wait for its own last addition.
                    match n.div_ceil(V::LANES) {
                        1 => sum::<V, 1>(weights, rows, width, out, n),
                        2 => sum::<V, 2>(weights, rows, width, out, n),
                        3 => sum::<V, 3>(weights, rows, width, out, n),
                        4 => sum::<V, 4>(weights, rows, width, out, n),
                        5 => sum::<V, 5>(weights, rows, width, out, n),
                        6 => sum::<V, 6>(weights, rows, width, out, n),
                        7 => sum::<V, 7>(weights, rows, width, out, n),
                        _ => sum::<V, 8>(weights, rows, width, out, n),
                    }
                }
            }
        }
    }
}

/// The sum's first `n` values, in N vectors, of which the last may be cut short.
///
/// # Safety
/// The CPU has V's instructions; `out` and each of the rows (`width` apart) have `n` values, which fill all vectors but
/// the last.
#[inline(always)]
unsafe fn sum<V: Vector, const N: usize>(weights: &[f32], rows: *const f32, width: usize, out: *mut f32, n: usize) {
    let left = n - (N - 1) * V::LANES;
    // SAFETY: the caller's promise; k counts rows that have a weight.
    unsafe {
        let mut sums = [V::splat(0.0); N];
        for (k, &weight) in weights.iter().enumerate() {
            let (weight, row) = (V::splat(weight), rows.add(k * width));
            for (v, sum) in sums.iter_mut().enumerate() {
                let values =
                    if v + 1 < N { V::load(row.add(v * V::LANES)) } else { V::load_up_to(row.add(v * V::LANES), left) };
                *sum = weight.mul_add(values, *sum);
            }
        }
        for (v, sum) in sums.into_iter().enumerate() {
            let n = if v + 1 < N { V::LANES } else { left };
            sum.store_up_to(out.add(v * V::LANES), n);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_summed_as_the_weights_say_on_every_instruction_set() {
        for (n, width, reach) in [(1, 1, 0), (5, 3, 1), (7, 37, 7), (28, 56, 16), (9, 130, 2)] {
            let value = |i: usize| ((i * 37 + 11) % 101) as f32 / 50.0 - 1.0;
            let weights: Vec<f32> = (0..n * n).map(value).collect();
            let rows: Vec<f32> = (0..n * width).map(|i| value(i + 5)).collect();
            for isa in Isa::available() {
                let mut out = vec![f32::NAN; n * width];
                mix_rows(isa, &weights, reach, &rows, &mut out);
                for (k, found) in out.iter().enumerate() {
                    let (i, j) = (k / width, k % width);
                    let near = (0..n).filter(|other| i.abs_diff(*other) <= reach);
                    let sum: f64 = near.map(|o| f64::from(weights[i * n + o]) * f64::from(rows[o * width + j])).sum();
                    assert!((f64::from(*found) - sum).abs() < 1e-4, "{isa} {n} {width}: {found} {sum}");
                }
            }
        }
    }
}
