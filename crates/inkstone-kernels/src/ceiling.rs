//! What the machine can do at most: multiply-adds on registers alone, the mark that other figures are a share of.

use std::hint::black_box;

use crate::Isa;
use crate::vector::{Kernel, Vector};

/// Sums that do not wait for one another: at least latency × units of any CPU we know (x86: 4 or 5 cycles on 2 units;
/// large ARM cores: 4 cycles on 4), and few enough for 16 registers where there are no more.
const N_SUMS: usize = if cfg!(target_arch = "x86_64") { 12 } else { 16 };

/// Runs `rounds` rounds of independent multiply-adds in registers and gives back how many floating-point operations
/// that was: two per multiply-add and lane. Who calls holds the clock.
///
/// ```
/// use inkstone_kernels::{Isa, fma_ceiling};
/// assert_eq!(fma_ceiling(Isa::SCALAR, 1000) % 8000, 0); // 4 lanes, 2 operations each
/// ```
pub fn fma_ceiling(isa: Isa, rounds: usize) -> u64 {
    let lanes = isa.run(Ceiling { rounds });
    (rounds * N_SUMS * lanes * 2) as u64
}

struct Ceiling {
    rounds: usize,
}

impl Kernel for Ceiling {
    type Output = usize;

    #[inline(always)]
    unsafe fn run<V: Vector>(self) -> usize {
        let mut out = [0.0; 16];
        assert!(V::LANES <= out.len());
        // SAFETY: the caller promises V's instructions; `out` has room for V's values (asserted above).
        unsafe {
            // s ← s·0.5 + 1 stays near 2: no overflow, no denormals, nothing that the compiler may leave out.
            let (half, one) = (V::splat(black_box(0.5)), V::splat(black_box(1.0)));
            let mut sums = [one; N_SUMS];
            for _ in 0..self.rounds {
                for sum in &mut sums {
                    *sum = sum.mul_add(half, one);
                }
            }
            for sum in sums {
                sum.store(out.as_mut_ptr());
                black_box(&out);
            }
        }
        V::LANES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_counted_by_lanes() {
        for isa in Isa::available() {
            assert_eq!(fma_ceiling(isa, 3), (3 * N_SUMS * isa.lanes() * 2) as u64, "{isa}");
        }
    }
}
