//! Sums of few long rows: `target += Σ_j factor_j · source[offset_j ..]`.
//!
//! A dense layer's backward pass over a few images is made of them: each output's weights get a sum of images, each
//! image a sum of rows of weights.

use crate::Isa;
use crate::sparse::Sum;
use crate::vector::{Kernel, Vector};

/// One row of a sum.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[repr(C)]
pub struct Term {
    /// Where the row starts in the source.
    pub offset: u32,
    /// What it is multiplied by.
    pub factor: f32,
}

/// The rows' pieces, in the source and in the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pieces {
    /// How many.
    pub n: usize,
    /// Values in each.
    pub len: usize,
    /// From one to the next in the source.
    pub source_stride: usize,
    /// From one to the next in the target.
    pub target_stride: usize,
}

/// `target[s·target_stride + i] += Σ_j factor_j · source[offset_j + s·source_stride + i]` for all pieces s, i < len.
///
/// # Panics
/// If a piece lies outside its slice.
pub fn add_combination(isa: Isa, source: &[f32], terms: &[Term], pieces: Pieces, target: &mut [f32]) {
    if terms.is_empty() || pieces.n == 0 || pieces.len == 0 {
        return;
    }
    let largest = terms.iter().map(|term| term.offset).max().unwrap_or(0) as usize;
    let last = pieces.n - 1;
    assert!(largest + last * pieces.source_stride + pieces.len <= source.len(), "a term lies outside the source");
    assert!(last * pieces.target_stride + pieces.len <= target.len(), "a piece lies outside the target");
    isa.run(Combination { source, terms, pieces, target });
}

struct Combination<'a> {
    source: &'a [f32],
    terms: &'a [Term],
    pieces: Pieces,
    target: &'a mut [f32],
}

impl Kernel for Combination<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { source, terms, pieces, target } = self;
        let sum = Sum { source: source.as_ptr(), pieces, target: target.as_mut_ptr() };
        // SAFETY: the caller promises V's instructions; `add_combination` has checked source and target.
        unsafe { sum.run::<V, _>(|| terms.iter().map(|term| (term.offset as usize, term.factor))) }
    }
}
