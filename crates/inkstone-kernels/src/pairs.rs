//! bf16 products on AVX512-BF16: one instruction multiplies a pair of values of a row with the pairs of sixteen columns.
//!
//! `vdpbf16ps` counts numbers below the smallest normal one as zero and rounds the odd product's sum before the even one's;
//! MXCSR is neither read nor written. (Intel SDM, volume 2, VDPBF16PS.)

use std::arch::x86_64::{__m512, __m512bh, __m512i, _mm512_dpbf16_ps, _mm512_set1_epi32};
use std::mem::transmute;

use crate::Bf16;
use crate::avx512::F32x16;
use crate::copies::{interleave, scratch};
use crate::outer_bf16::{Outer, add_up_to};
use crate::product_bf16::{Result, Rows};
use crate::vector::Vector;

/// Values of a row, or rows of a gradient, that are copied at once.
const CHUNK: usize = 512;

/// `result = rows · panels`.
///
/// # Safety
/// The CPU has AVX-512F, AVX512-BF16, AVX2 and FMA; rows, panels and result fit each other.
#[target_feature(enable = "avx512f,avx512bf16,avx2,fma")]
pub(crate) unsafe fn product(rows: Rows<'_>, panels: &[Bf16], mut result: Result<'_>) {
    let panel_len = rows.gather.row_len().next_multiple_of(2) * 32;
    for (i, panel) in panels.chunks_exact(panel_len).enumerate() {
        let mut row = 0;
        // SAFETY: row + R ≤ n in each call; the rest is the caller's promise.
        unsafe {
            while rows.n - row >= 12 {
                tile::<12>(rows, row, panel, &mut result, 32 * i);
                row += 12;
            }
            while rows.n - row >= 4 {
                tile::<4>(rows, row, panel, &mut result, 32 * i);
                row += 4;
            }
            while rows.n > row {
                tile::<1>(rows, row, panel, &mut result, 32 * i);
                row += 1;
            }
        }
    }
}

/// R rows from `row`, the 32 columns of a panel.
///
/// # Safety
/// As [`product`]; row + R ≤ n.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16,avx2,fma")]
unsafe fn tile<const R: usize>(rows: Rows<'_>, row: usize, panel: &[Bf16], result: &mut Result<'_>, first: usize) {
    let gather = rows.gather;
    // SAFETY: the caller's promise. Rows lie inside their slice with all their pieces; where those have an odd length the
    // values of a pair stand in two of them, and the rows are copied together, a last odd one with a zero beside it.
    unsafe {
        let bias: [F32x16; 2] = [result.bias(first), result.bias(first + 16)];
        let mut sums = [bias.map(|bias| bias.0); R];
        if gather.segment_len().is_multiple_of(2) {
            let starts: [*const Bf16; R] = std::array::from_fn(|r| rows.start(row + r));
            let len = gather.segment_len();
            for segment in 0..gather.segments() {
                let starts = starts.map(|start| start.add(segment * gather.segment_stride()));
                multiply_add(&mut sums, starts, panel[segment * len * 32..].as_ptr(), len / 2);
            }
        } else {
            let mut scratch = scratch::<[[Bf16; CHUNK]; R]>();
            for k in (0..gather.row_len()).step_by(CHUNK) {
                let len = CHUNK.min(gather.row_len() - k);
                let starts: [*const Bf16; R] = std::array::from_fn(|r| {
                    let to = scratch.as_mut_ptr().cast::<Bf16>().add(r * CHUNK);
                    rows.copy::<F32x16>(row + r, k, len, to);
                    if len % 2 == 1 {
                        *to.add(len) = Bf16::default();
                    }
                    to.cast_const()
                });
                multiply_add(&mut sums, starts, panel[k * 32..].as_ptr(), len.div_ceil(2));
            }
        }
        for column in 0..2 {
            let put = first + 16 * column;
            let (fours, rest) = sums.as_chunks::<4>();
            for (i, four) in fours.iter().enumerate() {
                result.put_four(row + 4 * i, put, four.map(|sum| F32x16(sum[column])));
            }
            for (i, sum) in rest.iter().enumerate() {
                result.put(row + R - rest.len() + i, put, F32x16(sum[column]));
            }
        }
    }
}

/// Two vectors of pairs.
///
/// # Safety
/// The CPU has AVX-512F; 64 values are readable.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn columns(from: *const Bf16) -> [__m512bh; 2] {
    // SAFETY: the caller's promise; the type holds any bits.
    unsafe { from.cast::<[__m512bh; 2]>().read_unaligned() }
}

/// The same pair in every place of a vector.
///
/// # Safety
/// The CPU has AVX-512F; two values are readable.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn sixteen_times(pair: *const Bf16) -> __m512bh {
    // SAFETY: the caller's promise; both 512-bit types hold any bits.
    unsafe { transmute::<__m512i, __m512bh>(_mm512_set1_epi32(pair.cast::<i32>().read_unaligned())) }
}

/// `sums[r] += Σ_pair starts[r][pair] · b[pair]`
///
/// # Safety
/// The CPU has AVX-512F and AVX512-BF16; each start has `n_pairs` pairs, `b` 32 for each.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn multiply_add<const R: usize>(
    sums: &mut [[__m512; 2]; R],
    starts: [*const Bf16; R],
    b: *const Bf16,
    n_pairs: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        for pair in 0..n_pairs {
            let columns = columns(b.add(64 * pair));
            for (sum, start) in sums.iter_mut().zip(starts) {
                let value = sixteen_times(start.add(2 * pair));
                *sum = [_mm512_dpbf16_ps(sum[0], value, columns[0]), _mm512_dpbf16_ps(sum[1], value, columns[1])];
            }
        }
    }
}

/// Pairs of rows, interleaved: for each pair of rows 16 or 32 pairs of values.
#[repr(C, align(64))]
struct Interleaved<const N: usize>([[[Bf16; 2]; N]; CHUNK / 2]);

/// `out[k, o] += Σ_p row_p[k] · d[p, o]`
///
/// # Safety
/// The CPU has AVX-512F, AVX512-BF16, AVX2 and FMA; the slices fit each other.
#[target_feature(enable = "avx512f,avx512bf16,avx2,fma")]
pub(crate) unsafe fn add_outer(outer: Outer<'_>) {
    let Outer { rows, d, n, out } = outer;
    let row_len = rows.gather.row_len();
    let mut right = scratch::<Interleaved<32>>();
    let mut left = scratch::<Interleaved<16>>();
    for row in (0..rows.n).step_by(CHUNK) {
        let len = CHUNK.min(rows.n - row);
        for first in (0..n).step_by(32) {
            let right = right.as_mut_ptr().cast::<Bf16>();
            // SAFETY: row + len ≤ n; first < n; both have room for half as many pairs as a chunk has rows.
            unsafe {
                pair_gradients((d, n), (row, len), first, right);
                for k in (0..row_len).step_by(16) {
                    let left = left.as_mut_ptr().cast::<Bf16>();
                    rows.pair::<F32x16>((row, len), (k, 16.min(row_len - k)), |pair, half| {
                        (half == 0).then(|| left.add(32 * pair))
                    });
                    for k in (k..row_len.min(k + 16)).step_by(8) {
                        let from = left.add(2 * (k % 16)).cast_const();
                        let sums = outer_sums(from, right, len.div_ceil(2));
                        for (k, sum) in (k..row_len).zip(sums) {
                            add_up_to(out.as_mut_ptr().add(k * n + first), n - first, sum);
                        }
                    }
                }
            }
        }
    }
}

/// Interleaves 32 columns of `len` rows of `d` by pairs of rows; zeros beyond the last row and column.
///
/// # Safety
/// The CPU has AVX-512F; row + len rows and column `first` exist; `to` has room for ⌈len / 2⌉ · 64 values.
#[inline]
#[target_feature(enable = "avx512f,avx2,fma")]
unsafe fn pair_gradients((d, n): (&[Bf16], usize), (row, len): (usize, usize), first: usize, to: *mut Bf16) {
    let width = 32.min(n - first);
    let mut lines = [[Bf16::default(); 32]; 2];
    for pair in 0..len.div_ceil(2) {
        for (half, line) in lines.iter_mut().enumerate() {
            match 2 * pair + half < len {
                true => line[..width].copy_from_slice(&d[(row + 2 * pair + half) * n + first..][..width]),
                false => *line = [Bf16::default(); 32],
            }
        }
        // SAFETY: 32 values in each line; the pair has its place.
        unsafe {
            interleave(lines[0].as_ptr(), lines[1].as_ptr(), to.add(64 * pair));
            interleave(lines[0].as_ptr().add(16), lines[1].as_ptr().add(16), to.add(64 * pair + 32));
        }
    }
}

/// Σ over pairs of rows of eight pairs of values (16 pairs apart) times 32 pairs of gradients.
///
/// # Safety
/// The CPU has AVX-512F and AVX512-BF16; `n_pairs` times 8 pairs and 32 pairs are readable.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16,avx2,fma")]
unsafe fn outer_sums(left: *const Bf16, right: *const Bf16, n_pairs: usize) -> [[F32x16; 2]; 8] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [[F32x16::splat(0.0).0; 2]; 8];
        for pair in 0..n_pairs {
            let columns = columns(right.add(64 * pair));
            for (k, sum) in sums.iter_mut().enumerate() {
                let value = sixteen_times(left.add(32 * pair + 2 * k));
                *sum = [_mm512_dpbf16_ps(sum[0], value, columns[0]), _mm512_dpbf16_ps(sum[1], value, columns[1])];
            }
        }
        sums.map(|sum| sum.map(F32x16))
    }
}
