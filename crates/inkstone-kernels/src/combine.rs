//! Sums of few long rows: `target += Σ_j factor_j · source[offset_j ..]`.
//!
//! This is what is left of a convolution's backward pass behind a max pool, where one output in four carries a
//! gradient: for each channel a sum of input windows (gradient of the weights), for each window a sum of weight rows
//! (gradient of the input).

use crate::Isa;
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
    unsafe fn run<V: Vector>(mut self) {
        for piece in 0..self.pieces.n {
            let mut done = 0;
            let len = self.pieces.len;
            // SAFETY: done + C vectors ≤ len in each call but the last, which is cut to what is left; the caller
            // promises V's instructions, `add_combination` has checked source and target.
            unsafe {
                while len - done >= 12 * V::LANES {
                    self.strip::<V, 12>(piece, done);
                    done += 12 * V::LANES;
                }
                while len - done >= 6 * V::LANES {
                    self.strip::<V, 6>(piece, done);
                    done += 6 * V::LANES;
                }
                while len - done >= 2 * V::LANES {
                    self.strip::<V, 2>(piece, done);
                    done += 2 * V::LANES;
                }
                while len - done > 0 {
                    self.strip::<V, 1>(piece, done);
                    done = (done + V::LANES).min(len);
                }
            }
        }
    }
}

impl Combination<'_> {
    /// C vectors of one piece, all terms.
    ///
    /// # Safety
    /// The CPU has V's instructions; the C vectors from value `first` of piece `piece` lie inside the piece (the last one
    /// may stand over its end); `add_combination` has checked that the pieces lie inside source and target.
    #[inline(always)]
    unsafe fn strip<V: Vector, const C: usize>(&mut self, piece: usize, first: usize) {
        let last = self.pieces.len - first - (C - 1) * V::LANES;
        let width = |c: usize| if c + 1 < C { V::LANES } else { last };
        // SAFETY: see above.
        unsafe {
            let to = self.target.as_mut_ptr().add(piece * self.pieces.target_stride + first);
            let from = self.source.as_ptr().add(piece * self.pieces.source_stride + first);
            let mut sums: [V; C] = std::array::from_fn(|c| V::load_up_to(to.add(c * V::LANES), width(c)));
            for term in self.terms {
                let factor = V::splat(term.factor);
                let row = from.add(term.offset as usize);
                for (c, sum) in sums.iter_mut().enumerate() {
                    *sum = factor.mul_add(V::load_up_to(row.add(c * V::LANES), width(c)), *sum);
                }
            }
            for (c, &sum) in sums.iter().enumerate() {
                sum.store_up_to(to.add(c * V::LANES), width(c));
            }
        }
    }
}
