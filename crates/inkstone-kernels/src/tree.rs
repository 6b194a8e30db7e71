//! The sum of several buffers in one fixed order.

use crate::Isa;
use crate::vector::{Kernel, Vector};

/// Buffers that can be summed at once.
pub const MOST_SOURCES: usize = 32;

/// `out[i] = ((s0[i] + s1[i]) + (s2[i] + s3[i])) + …`: neighbours first, then neighbours of those, so that the result
/// depends on nothing but the values.
///
/// # Panics
/// If there is no source or more than [`MOST_SOURCES`], or their lengths differ from that of `out`.
///
/// ```
/// use inkstone_kernels::{Isa, tree_sum};
/// let mut out = [0.0; 2];
/// tree_sum(Isa::SCALAR, &[&[1.0, 2.0], &[10.0, 20.0], &[100.0, 200.0]], &mut out);
/// assert_eq!(out, [111.0, 222.0]);
/// ```
pub fn tree_sum(isa: Isa, sources: &[&[f32]], out: &mut [f32]) {
    assert!((1..=MOST_SOURCES).contains(&sources.len()), "1 to {MOST_SOURCES} sources, not {}", sources.len());
    assert!(sources.iter().all(|source| source.len() == out.len()), "sources as long as the result");
    isa.run(TreeSum { sources, out });
}

struct TreeSum<'a, 'b> {
    sources: &'a [&'b [f32]],
    out: &'a mut [f32],
}

impl Kernel for TreeSum<'_, '_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let n = self.sources.len();
        let len = self.out.len();
        for first in (0..len).step_by(V::LANES) {
            let width = len - first;
            // SAFETY: the caller promises V's instructions; `tree_sum` has checked all lengths; the last vector is cut.
            unsafe {
                let out = self.out.as_mut_ptr().add(first);
                if let &[a, b, c, d] = self.sources {
                    let left =
                        V::load_up_to(a.as_ptr().add(first), width).add(V::load_up_to(b.as_ptr().add(first), width));
                    let right =
                        V::load_up_to(c.as_ptr().add(first), width).add(V::load_up_to(d.as_ptr().add(first), width));
                    left.add(right).store_up_to(out, width);
                    continue;
                }
                let mut sums = [V::splat(0.0); MOST_SOURCES];
                for (sum, source) in sums.iter_mut().zip(self.sources) {
                    *sum = V::load_up_to(source.as_ptr().add(first), width);
                }
                let mut distance = 1;
                while distance < n {
                    for i in (0..n - distance).step_by(2 * distance) {
                        sums[i] = sums[i].add(sums[i + distance]);
                    }
                    distance *= 2;
                }
                sums[0].store_up_to(out, width);
            }
        }
    }
}
