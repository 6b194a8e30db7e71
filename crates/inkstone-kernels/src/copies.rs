//! Rows of bf16 as AVX512-BF16 and AMX want them: copied together where their pieces do not fit, or interleaved by pairs.

use std::mem::MaybeUninit;

use crate::Bf16;
use crate::product_bf16::Rows;
use crate::vector::Vector;

impl Rows<'_> {
    /// Copies values `k .. k + len` of row p, its pieces joined.
    ///
    /// # Safety
    /// The CPU has V's instructions; p < n, k + len ≤ row_len, and `to` has room for `len` values.
    #[inline(always)]
    pub(crate) unsafe fn copy<V: Vector>(&self, p: usize, k: usize, len: usize, to: *mut Bf16) {
        let segment_len = self.gather.segment_len();
        let (mut segment, mut inside, mut done) = (k / segment_len, k % segment_len, 0);
        while done < len {
            let n = (segment_len - inside).min(len - done);
            // SAFETY: n values are left in this piece, which lies inside `values`, and in `to`.
            unsafe {
                let from = self.start(p).add(segment * self.gather.segment_stride() + inside);
                copy_values::<V>(from, to.add(done), n);
            }
            done += n;
            segment += 1;
            inside = 0;
        }
    }

    /// Interleaves values `k .. k + len` of `n` rows from `row` by pairs of rows: sixteen pairs of values at
    /// `place(pair, half)` for values 0–15 and 16–31, where it gives a place. Zeros beyond the last row and value.
    ///
    /// # Safety
    /// The CPU has V's instructions; row + n rows exist; k + len ≤ row_len, len ≤ 32; each place has room for 32 values,
    /// 4-byte aligned.
    #[inline(always)]
    pub(crate) unsafe fn pair<V: Vector>(
        &self,
        (row, n): (usize, usize),
        (k, len): (usize, usize),
        place: impl Fn(usize, usize) -> Option<*mut Bf16>,
    ) {
        let gather = self.gather;
        let (segment, inside) = (k / gather.segment_len(), k % gather.segment_len());
        let in_place = len == 32 && inside + len <= gather.segment_len();
        let start = segment * gather.segment_stride() + inside;
        let mut lines = [[Bf16::default(); 32]; 2];
        for pair in 0..n.div_ceil(2) {
            // SAFETY: 32 values stand in the piece, or are copied into a line of 32.
            unsafe {
                let from: [*const Bf16; 2] = std::array::from_fn(|half| {
                    let p = 2 * pair + half;
                    let line = &mut lines[half];
                    if p >= n {
                        *line = [Bf16::default(); 32];
                    } else if in_place {
                        return self.start(row + p).add(start);
                    } else {
                        self.copy::<V>(row + p, k, len, line.as_mut_ptr());
                    }
                    line.as_ptr()
                });
                for half in 0..2 {
                    if let Some(to) = place(pair, half) {
                        interleave(from[0].add(16 * half), from[1].add(16 * half), to);
                    }
                }
            }
        }
    }
}

/// Room for copies, not cleared; in debug builds full of NaNs, so that a test notices what is read unwritten.
#[inline(always)]
pub(crate) fn scratch<T>() -> MaybeUninit<T> {
    let mut room = MaybeUninit::<T>::uninit();
    if cfg!(debug_assertions) {
        // SAFETY: the room is one T long.
        unsafe { room.as_mut_ptr().write_bytes(0xff, 1) };
    }
    room
}

/// Copies n values: a few, or a few cache lines, for which a call of the C library's function would cost more.
///
/// # Safety
/// The CPU has V's instructions; n readable values, n writable ones, apart from each other.
#[inline(always)]
unsafe fn copy_values<V: Vector>(from: *const Bf16, to: *mut Bf16, n: usize) {
    let mut done = 0;
    // SAFETY: each step stays below n; a vector moves bits and asks for no alignment, nor does `read_unaligned`.
    unsafe {
        while n - done >= 2 * V::LANES {
            V::load(from.add(done).cast()).store(to.add(done).cast());
            done += 2 * V::LANES;
        }
        while n - done >= 4 {
            to.add(done).cast::<u64>().write_unaligned(from.add(done).cast::<u64>().read_unaligned());
            done += 4;
        }
        if n - done >= 2 {
            to.add(done).cast::<u32>().write_unaligned(from.add(done).cast::<u32>().read_unaligned());
            done += 2;
        }
        if n > done {
            *to.add(done) = *from.add(done);
        }
    }
}

/// Sixteen pairs `(low[i], high[i])`.
///
/// # Safety
/// Sixteen readable values each; `to` has room for 32, 4-byte aligned.
#[inline(always)]
pub(crate) unsafe fn interleave(low: *const Bf16, high: *const Bf16, to: *mut Bf16) {
    // SAFETY: the caller's promise. The compiler makes vectors of this loop.
    unsafe {
        let (low, high) = (low.cast::<[u16; 16]>().read_unaligned(), high.cast::<[u16; 16]>().read_unaligned());
        let pairs: [u32; 16] = std::array::from_fn(|i| u32::from(low[i]) | u32::from(high[i]) << 16);
        to.cast::<[u32; 16]>().write(pairs);
    }
}
