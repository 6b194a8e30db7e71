//! WebAssembly's 128-bit vectors: four values at once. A module is compiled with them or without; nothing to detect.
//!
//! No relaxed SIMD: whether its multiply-add rounds once or twice is up to the engine that runs the module, so that
//! here it is a product and a sum, with two roundings, everywhere.

use std::arch::wasm32::{
    f32x4_add, f32x4_convert_u32x4, f32x4_div, f32x4_eq, f32x4_ge, f32x4_gt, f32x4_mul, f32x4_pmax, f32x4_pmin,
    f32x4_splat, f32x4_sqrt, f32x4_sub, f32x4_trunc, i32x4_bitmask, i32x4_eq, u16x8_extend_low_u8x16, u32x4,
    u32x4_extend_low_u16x8, u32x4_splat, u32x4_trunc_sat_f32x4, v128, v128_and, v128_bitselect, v128_load,
    v128_load32_zero, v128_store,
};

use crate::vector::{Kernel, Vector};

/// Four values in one vector.
#[derive(Clone, Copy)]
pub(crate) struct F32x4(v128);

// SAFETY of every block below: this file is compiled only where the module may use the instructions; the trait's
// callers promise valid pointers.
impl Vector for F32x4 {
    const LANES: usize = 4;
    /// The engine's machine has at least so many.
    const REGISTERS: usize = 16;

    #[inline(never)]
    unsafe fn call<K: Kernel>(kernel: K) -> K::Output {
        // SAFETY: the instructions are there (trait contract).
        unsafe { kernel.run::<Self>() }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self(f32x4_splat(value))
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: four readable values (trait contract); the instruction asks for no alignment.
        Self(unsafe { v128_load(from.cast()) })
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
        // SAFETY: four writable values (trait contract); the instruction asks for no alignment.
        unsafe { v128_store(to.cast(), self.0) }
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
        Self(f32x4_add(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(f32x4_sub(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
        Self(f32x4_add(f32x4_mul(self.0, factor.0), term.0))
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // pmax(a, b) is b where a < b, else a.
        Self(f32x4_pmax(other.0, self.0))
    }

    #[inline(always)]
    unsafe fn equal_bits(self, other: Self) -> u32 {
        u32::from(i32x4_bitmask(f32x4_eq(self.0, other.0)))
    }

    #[inline(always)]
    unsafe fn greater_bits(self, other: Self) -> u32 {
        u32::from(i32x4_bitmask(f32x4_gt(self.0, other.0)))
    }

    #[inline(always)]
    unsafe fn keep(self, bits: u32) -> Self {
        let lanes = u32x4(1, 2, 4, 8);
        Self(v128_and(self.0, i32x4_eq(v128_and(u32x4_splat(bits), lanes), lanes)))
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Self(f32x4_mul(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        Self(f32x4_div(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        Self(f32x4_sqrt(self.0))
    }

    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        // pmin(a, b) is b where b < a, else a.
        Self(f32x4_pmin(other.0, self.0))
    }

    #[inline(always)]
    unsafe fn whole(self) -> Self {
        Self(f32x4_trunc(self.0))
    }

    #[inline(always)]
    unsafe fn where_at_least(self, threshold: Self, yes: Self, no: Self) -> Self {
        Self(v128_bitselect(yes.0, no.0, f32x4_ge(self.0, threshold.0)))
    }

    #[inline(always)]
    unsafe fn load_bytes(from: *const u8) -> Self {
        // SAFETY: four readable bytes (trait contract); the instruction asks for no alignment.
        let bytes = unsafe { v128_load32_zero(from.cast()) };
        Self(f32x4_convert_u32x4(u32x4_extend_low_u16x8(u16x8_extend_low_u8x16(bytes))))
    }

    #[inline(always)]
    unsafe fn store_whole(self, to: *mut u32) {
        // SAFETY: four writable integers (trait contract); the instruction asks for no alignment.
        unsafe { v128_store(to.cast(), u32x4_trunc_sat_f32x4(self.0)) }
    }
}
