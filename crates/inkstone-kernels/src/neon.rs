//! NEON, which every 64-bit Arm has: four values at once, thirty-two registers.

use std::arch::aarch64::{
    float32x4_t, uint32x4_t, vaddq_f32, vaddvq_u32, vandq_u32, vbslq_f32, vceqq_f32, vcgeq_f32, vcgtq_f32, vcltq_f32,
    vcreate_u8, vcvtq_f32_u32, vcvtq_u32_f32, vdivq_f32, vdupq_n_f32, vdupq_n_u32, vfmaq_f32, vget_low_u16, vld1q_f32,
    vld1q_u32, vmovl_u8, vmovl_u16, vmulq_f32, vreinterpretq_f32_u32, vreinterpretq_u32_f32, vrndq_f32, vsqrtq_f32,
    vst1q_f32, vst1q_u32, vsubq_f32, vtstq_u32,
};

use crate::vector::{Kernel, Vector};

/// Runs an algorithm compiled with NEON.
///
/// # Safety
/// The CPU must have NEON.
#[inline(never)]
#[target_feature(enable = "neon")]
pub(crate) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: the caller promises the instructions that `F32x4` needs.
    unsafe { kernel.run::<F32x4>() }
}

/// Four values in one register.
#[derive(Clone, Copy)]
pub(crate) struct F32x4(float32x4_t);

/// Lane i's bit.
static LANE_BITS: [u32; 4] = [1, 2, 4, 8];

#[inline(always)]
unsafe fn lane_bits() -> uint32x4_t {
    // SAFETY: four readable values; the caller promises NEON.
    unsafe { vld1q_u32(LANE_BITS.as_ptr()) }
}

/// Bit i is set where lane i of a comparison's result is.
#[inline(always)]
unsafe fn bits(comparison: uint32x4_t) -> u32 {
    // SAFETY: the caller promises NEON.
    unsafe { vaddvq_u32(vandq_u32(comparison, lane_bits())) }
}

// SAFETY of every block below: the trait's callers promise NEON and valid pointers.
impl Vector for F32x4 {
    const LANES: usize = 4;
    const REGISTERS: usize = 32;

    #[inline(always)]
    unsafe fn call<K: Kernel>(kernel: K) -> K::Output {
        // SAFETY: NEON is there (trait contract).
        unsafe { run(kernel) }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: NEON is there (trait contract).
        Self(unsafe { vdupq_n_f32(value) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: four readable values (trait contract).
        Self(unsafe { vld1q_f32(from) })
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, n: usize) -> Self {
        assert!(n <= 4);
        let mut values = [0.0; 4];
        // SAFETY: n readable values (trait contract), n ≤ 4 places for them (asserted above).
        unsafe {
            from.copy_to_nonoverlapping(values.as_mut_ptr(), n);
            Self::load(values.as_ptr())
        }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: four writable values (trait contract).
        unsafe { vst1q_f32(to, self.0) }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, n: usize) {
        assert!(n <= 4);
        let mut values = [0.0; 4];
        // SAFETY: n writable values (trait contract), n ≤ 4 of them are there (asserted above).
        unsafe {
            self.store(values.as_mut_ptr());
            to.copy_from_nonoverlapping(values.as_ptr(), n);
        }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: NEON is there (trait contract).
        Self(unsafe { vaddq_f32(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: NEON is there (trait contract).
        Self(unsafe { vsubq_f32(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
        // SAFETY: NEON is there (trait contract).
        Self(unsafe { vfmaq_f32(term.0, self.0, factor.0) })
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // Not `vmaxq_f32`, which gives a NaN where either is one.
        // SAFETY: NEON is there (trait contract).
        Self(unsafe { vbslq_f32(vcgtq_f32(self.0, other.0), self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn equal_bits(self, other: Self) -> u32 {
        // SAFETY: NEON is there (trait contract).
        unsafe { bits(vceqq_f32(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn greater_bits(self, other: Self) -> u32 {
        // SAFETY: NEON is there (trait contract).
        unsafe { bits(vcgtq_f32(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn keep(self, bits: u32) -> Self {
        // SAFETY: NEON is there (trait contract).
        unsafe {
            let set = vtstq_u32(vdupq_n_u32(bits), lane_bits());
            Self(vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(self.0), set)))
        }
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        // SAFETY: NEON is there (trait contract).
        Self(unsafe { vmulq_f32(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        // SAFETY: NEON is there (trait contract).
        Self(unsafe { vdivq_f32(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        // SAFETY: NEON is there (trait contract).
        Self(unsafe { vsqrtq_f32(self.0) })
    }

    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        // SAFETY: NEON is there (trait contract).
        Self(unsafe { vbslq_f32(vcltq_f32(self.0, other.0), self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn whole(self) -> Self {
        // SAFETY: NEON is there (trait contract).
        Self(unsafe { vrndq_f32(self.0) })
    }

    #[inline(always)]
    unsafe fn where_at_least(self, threshold: Self, yes: Self, no: Self) -> Self {
        // SAFETY: NEON is there (trait contract).
        Self(unsafe { vbslq_f32(vcgeq_f32(self.0, threshold.0), yes.0, no.0) })
    }

    #[inline(always)]
    unsafe fn load_bytes(from: *const u8) -> Self {
        // SAFETY: four readable bytes (trait contract).
        unsafe {
            let bytes = vcreate_u8(u64::from(from.cast::<u32>().read_unaligned()));
            Self(vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(bytes)))))
        }
    }

    #[inline(always)]
    unsafe fn store_whole(self, to: *mut u32) {
        // SAFETY: four writable integers (trait contract).
        unsafe { vst1q_u32(to, vcvtq_u32_f32(self.0)) }
    }
}
