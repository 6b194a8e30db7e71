//! bf16: the upper half of an `f32`. Eight bits of exponent as `f32` has, eight of significance. Storage only: whatever
//! is computed with it is computed and summed in `f32`.

use crate::Isa;
use crate::vector::{Kernel, Vector};

/// A bf16.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
#[repr(transparent)]
pub struct Bf16(u16);

impl Bf16 {
    /// The nearest one; of two equally near the one with an even last bit. A NaN stays a NaN, and what lies above the
    /// largest becomes infinite.
    #[inline]
    pub const fn from_f32(value: f32) -> Self {
        let bits = value.to_bits();
        let nearest = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
        // A NaN whose payload lies in the lower half alone would round to infinity: it is made a quiet one.
        let nan = bits >> 16 | 0x40;
        Self(if bits & 0x7fff_ffff > 0x7f80_0000 { nan } else { nearest } as u16)
    }

    /// The same value.
    #[inline]
    pub const fn to_f32(self) -> f32 {
        f32::from_bits((self.0 as u32) << 16)
    }

    /// The one with these bits.
    #[inline]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// Its bits.
    #[inline]
    pub const fn to_bits(self) -> u16 {
        self.0
    }
}

impl std::fmt::Debug for Bf16 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.to_f32().fmt(f)
    }
}

/// Rounds every value: `out[i] = Bf16::from_f32(values[i])`, the same on every instruction set.
///
/// # Panics
/// If the slices differ in length.
pub fn to_bf16(isa: Isa, values: &[f32], out: &mut [Bf16]) {
    assert_eq!(values.len(), out.len(), "as many results as values");
    isa.run(Rounding { values, out });
}

struct Rounding<'a> {
    values: &'a [f32],
    out: &'a mut [Bf16],
}

impl Kernel for Rounding<'_> {
    type Output = ();

    /// A loop that the compiler turns into the instruction set's integer vectors.
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        for (out, &value) in self.out.iter_mut().zip(self.values) {
            *out = Bf16::from_f32(value);
        }
    }
}

/// Rounds every value to the nearest bf16 and keeps it as `f32`.
pub fn round_to_bf16(isa: Isa, values: &mut [f32]) {
    isa.run(RoundingInPlace { values });
}

struct RoundingInPlace<'a> {
    values: &'a mut [f32],
}

impl Kernel for RoundingInPlace<'_> {
    type Output = ();

    /// As [`Rounding`]: a loop for the compiler.
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        for value in self.values {
            *value = Bf16::from_f32(*value).to_f32();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_picks_the_nearest_and_ties_go_to_even() {
        for bits in 0..=u16::MAX {
            let exact = Bf16::from_bits(bits);
            if exact.to_f32().is_nan() {
                assert!(Bf16::from_f32(exact.to_f32()).to_f32().is_nan());
                continue;
            }
            assert_eq!(Bf16::from_f32(exact.to_f32()), exact);
            if exact.to_f32().is_infinite() || bits & 0x7fff == 0x7f7f {
                continue;
            }
            let below = u32::from(bits) << 16;
            let next = Bf16::from_bits(bits + 1);
            let even = if bits % 2 == 0 { exact } else { next };
            for (rest, expected) in [(1, exact), (0x7fff, exact), (0x8000, even), (0x8001, next), (0xffff, next)] {
                assert_eq!(Bf16::from_f32(f32::from_bits(below | rest)), expected, "{below:x} + {rest:x}");
            }
        }
    }

    #[test]
    fn the_largest_rounds_to_infinity_and_no_nan_does() {
        assert_eq!(Bf16::from_f32(f32::MAX).to_f32(), f32::INFINITY);
        for bits in [0x7f80_0001_u32, 0x7fff_ffff, 0xffff_ffff, 0xff80_0001] {
            let nan = Bf16::from_f32(f32::from_bits(bits));
            assert!(nan.to_f32().is_nan() && nan.to_f32().is_sign_negative() == (bits >> 31 == 1));
        }
    }

    #[test]
    fn every_instruction_set_rounds_alike() {
        let values: Vec<f32> = (0..1003_u32).map(|i| f32::from_bits(i.wrapping_mul(0x9e37_79b9))).collect();
        let expected: Vec<u16> = values.iter().map(|&value| Bf16::from_f32(value).to_bits()).collect();
        for isa in Isa::available() {
            let mut out = vec![Bf16::default(); values.len()];
            to_bf16(isa, &values, &mut out);
            assert!(out.iter().map(|value| value.to_bits()).eq(expected.iter().copied()), "{isa}");
            let mut rounded = values.clone();
            round_to_bf16(isa, &mut rounded);
            assert!(rounded.iter().map(|value| value.to_bits()).eq(expected.iter().map(|&bits| u32::from(bits) << 16)));
        }
    }
}
