//! bf16 products on AVX512-BF16: one instruction multiplies a pair of values of a row with the pairs of sixteen columns.
//!
//! `vdpbf16ps` counts numbers below the smallest normal one as zero and rounds the odd product's sum before the even one's;
//! MXCSR is neither read nor written. (Intel SDM, volume 2, VDPBF16PS.)

use std::arch::x86_64::{__m512, __m512bh, _mm512_castsi512_ps, _mm512_dpbf16_ps, _mm512_loadu_ps, _mm512_set1_epi32};
use std::mem::{MaybeUninit, transmute};

use crate::Bf16;
use crate::avx512::F32x16;
use crate::product_bf16::{Result, Rows};

/// Values of a row that are copied at once.
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
        if gather.segment_len() % 2 == 0 {
            let starts: [*const Bf16; R] = std::array::from_fn(|r| rows.start(row + r));
            let len = gather.segment_len();
            for segment in 0..gather.segments() {
                let starts = starts.map(|start| start.add(segment * gather.segment_stride()));
                multiply_add(&mut sums, starts, panel[segment * len * 32..].as_ptr(), len / 2);
            }
        } else {
            let mut scratch = MaybeUninit::<[[Bf16; CHUNK]; R]>::uninit();
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
        for (r, sum) in sums.into_iter().enumerate() {
            result.put(row + r, first, F32x16(sum[0]));
            result.put(row + r, first + 16, F32x16(sum[1]));
        }
    }
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
    // SAFETY: the caller's promise; the two 512-bit types hold any bits.
    unsafe {
        for pair in 0..n_pairs {
            let columns = b.add(64 * pair).cast::<f32>();
            let columns: [__m512bh; 2] =
                [transmute(_mm512_loadu_ps(columns)), transmute(_mm512_loadu_ps(columns.add(16)))];
            for (sum, start) in sums.iter_mut().zip(starts) {
                let value = start.add(2 * pair).cast::<i32>().read_unaligned();
                let value: __m512bh = transmute(_mm512_castsi512_ps(_mm512_set1_epi32(value)));
                *sum = [_mm512_dpbf16_ps(sum[0], value, columns[0]), _mm512_dpbf16_ps(sum[1], value, columns[1])];
            }
        }
    }
}
