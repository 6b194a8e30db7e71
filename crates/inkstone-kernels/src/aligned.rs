//! A buffer that starts at a 64-byte boundary: one cache line, one AVX-512 vector, one row of an AMX tile.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use crate::Bf16;

/// A cache line.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// A fixed number of values, zero at first, 64-byte aligned. Behaves as a slice.
#[derive(Clone, Default)]
pub struct Aligned<T> {
    lines: Vec<Line>,
    len: usize,
    values: PhantomData<T>,
}

/// The usual one.
pub type AlignedBuffer = Aligned<f32>;

/// What may stand in an [`Aligned`].
///
/// # Safety
/// Every pattern of bits is a value, the size divides 64, and so does the alignment.
pub unsafe trait Plain: Copy {}

// SAFETY: four bytes, any bits.
unsafe impl Plain for f32 {}

// SAFETY: `repr(transparent)` around `u16`: two bytes, any bits.
unsafe impl Plain for Bf16 {}

impl<T: Plain> Aligned<T> {
    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        Self { lines: vec![Line([0; 64]); len.div_ceil(64 / size_of::<T>())], len, values: PhantomData }
    }
}

impl<T: Plain> From<&[T]> for Aligned<T> {
    fn from(values: &[T]) -> Self {
        let mut buffer = Self::zeros(values.len());
        buffer.copy_from_slice(values);
        buffer
    }
}

impl<T: Plain> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the lines are bytes without padding, at least `len` values long (`zeros`), aligned for them, and any
        // bytes are values (`Plain`); the borrow of `self` keeps them alive and unchanged.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl<T: Plain> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`; the borrow is unique.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

impl<T: Plain + PartialEq> PartialEq for Aligned<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Plain + std::fmt::Debug> std::fmt::Debug for Aligned<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_aligned_zero_and_as_long_as_asked() {
        for len in [0, 1, 15, 16, 17, 1000] {
            let buffer = AlignedBuffer::zeros(len);
            assert_eq!(buffer.len(), len);
            assert_eq!(buffer.as_ptr() as usize % 64, 0);
            assert!(buffer.iter().all(|&value| value == 0.0));
            let halves = Aligned::<Bf16>::zeros(len);
            assert_eq!((halves.len(), halves.as_ptr() as usize % 64), (len, 0));
        }
    }
}
