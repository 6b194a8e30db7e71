//! Bytes become the values of a network's input.

use crate::Isa;
use crate::vector::{Kernel, Vector};

/// `value = (byte − shift) / divisor`, for each channel; of grey images the first entries count. Divided, not
/// multiplied by the inverse, so that a byte over 255 is the float nearest to the fraction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// Taken away first.
    pub shift: [f32; 3],
    /// Divides what is left.
    pub divisor: [f32; 3],
}

impl Scale {
    /// Values stay what they are.
    pub const NONE: Self = Self { shift: [0.0; 3], divisor: [1.0; 3] };
}

/// `out[k] = (bytes[k] − shift) / divisor` with the shift and divisor of channel k mod `channels`: the same bits on
/// every instruction set.
///
/// # Panics
/// If the slices differ in length or there are neither 1 nor 3 channels.
pub fn scale_bytes(isa: Isa, bytes: &[u8], channels: usize, scale: &Scale, out: &mut [f32]) {
    assert_eq!(bytes.len(), out.len(), "a value for each byte");
    match channels {
        1 => isa.run(ScaleBytes::<1> { bytes, scale, out }),
        3 => isa.run(ScaleBytes::<3> { bytes, scale, out }),
        n => panic!("an image has 1 or 3 channels, not {n}"),
    }
}

struct ScaleBytes<'a, const C: usize> {
    bytes: &'a [u8],
    scale: &'a Scale,
    out: &'a mut [f32],
}

impl<const C: usize> Kernel for ScaleBytes<'_, C> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let n = self.bytes.len();
        let mut at = 0;
        // SAFETY: the caller promises V's instructions; C vectors from `at` on lie inside both slices.
        unsafe {
            let (shift, divisor): ([V; C], [V; C]) = (by_channel(self.scale.shift), by_channel(self.scale.divisor));
            while n - at >= C * V::LANES {
                for c in 0..C {
                    let value = V::load_bytes(self.bytes.as_ptr().add(at)).sub(shift[c]).div(divisor[c]);
                    value.store(self.out.as_mut_ptr().add(at));
                    at += V::LANES;
                }
            }
        }
        for k in at..n {
            self.out[k] = (f32::from(self.bytes[k]) - self.scale.shift[k % C]) / self.scale.divisor[k % C];
        }
    }
}

/// Vectors whose value k is that of channel k mod C.
///
/// # Safety
/// The CPU has V's instructions.
#[inline(always)]
pub(crate) unsafe fn by_channel<V: Vector, const C: usize>(values: [f32; 3]) -> [V; C] {
    let all: [f32; 48] = std::array::from_fn(|k| values[k % C]);
    // SAFETY: C ≤ 3 vectors of at most 16 values are inside the array.
    std::array::from_fn(|c| unsafe { V::load(all.as_ptr().add(c * V::LANES)) })
}
