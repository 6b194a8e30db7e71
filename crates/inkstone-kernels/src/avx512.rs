//! AVX-512: sixteen values at once.

use std::arch::x86_64::{
    __m512, __mmask16, _CMP_EQ_OQ, _CMP_GE_OQ, _CMP_GT_OQ, _MM_FROUND_NO_EXC, _MM_FROUND_TO_ZERO, _mm_loadu_si128,
    _mm512_add_ps, _mm512_and_si512, _mm512_cmp_ps_mask, _mm512_cvtepi32_ps, _mm512_cvtepu8_epi32, _mm512_cvttps_epi32,
    _mm512_div_ps, _mm512_fmadd_ps, _mm512_i32gather_epi32, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_mask_blend_ps,
    _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_maskz_mov_ps, _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps,
    _mm512_roundscale_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_sqrt_ps, _mm512_srli_epi32, _mm512_storeu_ps,
    _mm512_storeu_si512, _mm512_sub_ps,
};

use crate::vector::{Kernel, Vector};

/// Runs an algorithm compiled with AVX-512.
///
/// # Safety
/// The CPU must have AVX-512F, AVX2 and FMA.
#[inline(never)]
#[target_feature(enable = "avx512f,avx2,fma")]
pub(crate) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: the caller promises the instructions that `F32x16` needs.
    unsafe { kernel.run::<F32x16>() }
}

/// Sixteen values in one register.
#[derive(Clone, Copy)]
pub(crate) struct F32x16(pub(crate) __m512);

/// The mask of the first n lanes.
#[inline(always)]
fn first(n: usize) -> __mmask16 {
    assert!(n <= 16);
    ((1_u32 << n) - 1) as __mmask16
}

impl Vector for F32x16 {
    const LANES: usize = 16;
    const REGISTERS: usize = 32;

    #[inline(always)]
    unsafe fn call<K: Kernel>(kernel: K) -> K::Output {
        // SAFETY: AVX-512F, AVX2 and FMA are there (trait contract).
        unsafe { run(kernel) }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: AVX-512F is there (trait contract).
        Self(unsafe { _mm512_set1_ps(value) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: sixteen readable values (trait contract).
        Self(unsafe { _mm512_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, n: usize) -> Self {
        // SAFETY: masked lanes are not touched, the first n are readable (trait contract).
        Self(unsafe { _mm512_maskz_loadu_ps(first(n), from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: sixteen writable values (trait contract).
        unsafe { _mm512_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, n: usize) {
        // SAFETY: masked lanes are not touched, the first n are writable (trait contract).
        unsafe { _mm512_mask_storeu_ps(to, first(n), self.0) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: AVX-512F is there (trait contract).
        Self(unsafe { _mm512_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: AVX-512F is there (trait contract).
        Self(unsafe { _mm512_sub_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
        // SAFETY: AVX-512F is there (trait contract).
        Self(unsafe { _mm512_fmadd_ps(self.0, factor.0, term.0) })
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // SAFETY: AVX-512F is there (trait contract).
        Self(unsafe { _mm512_max_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn equal_bits(self, other: Self) -> u32 {
        // SAFETY: AVX-512F is there (trait contract).
        u32::from(unsafe { _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn greater_bits(self, other: Self) -> u32 {
        // SAFETY: AVX-512F is there (trait contract).
        u32::from(unsafe { _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn keep(self, bits: u32) -> Self {
        // SAFETY: AVX-512F is there (trait contract).
        Self(unsafe { _mm512_maskz_mov_ps(bits as __mmask16, self.0) })
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        // SAFETY: AVX-512F is there (trait contract).
        Self(unsafe { _mm512_mul_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        // SAFETY: AVX-512F is there (trait contract).
        Self(unsafe { _mm512_div_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        // SAFETY: AVX-512F is there (trait contract).
        Self(unsafe { _mm512_sqrt_ps(self.0) })
    }

    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        // SAFETY: AVX-512F is there (trait contract).
        Self(unsafe { _mm512_min_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn whole(self) -> Self {
        // SAFETY: AVX-512F is there (trait contract).
        Self(unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC }>(self.0) })
    }

    #[inline(always)]
    unsafe fn where_at_least(self, threshold: Self, yes: Self, no: Self) -> Self {
        // SAFETY: AVX-512F is there (trait contract).
        Self(unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_GE_OQ>(self.0, threshold.0), no.0, yes.0) })
    }

    #[inline(always)]
    unsafe fn load_bytes(from: *const u8) -> Self {
        // SAFETY: sixteen readable bytes, AVX-512F is there (trait contract).
        Self(unsafe { _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(from.cast()))) })
    }

    #[inline(always)]
    unsafe fn store_whole(self, to: *mut u32) {
        // SAFETY: sixteen writable integers, AVX-512F is there (trait contract).
        unsafe { _mm512_storeu_si512(to.cast(), _mm512_cvttps_epi32(self.0)) }
    }

    #[inline(always)]
    unsafe fn load_two_pairs(from: *const [u8; 2], index: *const u32) -> [Self; 4] {
        // SAFETY: sixteen indices, four readable bytes at each, AVX-512F is there (trait contract).
        unsafe {
            let index = _mm512_loadu_si512(index.cast());
            let words = _mm512_i32gather_epi32::<2>(index, from.cast());
            let low = _mm512_set1_epi32(0xFF);
            [
                Self(_mm512_cvtepi32_ps(_mm512_and_si512(words, low))),
                Self(_mm512_cvtepi32_ps(_mm512_and_si512(_mm512_srli_epi32::<8>(words), low))),
                Self(_mm512_cvtepi32_ps(_mm512_and_si512(_mm512_srli_epi32::<16>(words), low))),
                Self(_mm512_cvtepi32_ps(_mm512_srli_epi32::<24>(words))),
            ]
        }
    }
}
