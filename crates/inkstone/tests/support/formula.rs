//! The values that Python and Rust both make, so that fixtures hold results only. Python's twin: reference/formula.py.

/// `n` numbers in [−0.5, 0.5), multiples of 2⁻²⁴: a hash of (position, salt), the same in f32 and f64.
pub(crate) fn values(n: usize, salt: u64) -> Vec<f64> {
    let salt = (salt.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32;
    (0..n as u32)
        .map(|i| {
            let mut x = i.wrapping_mul(2_654_435_761).wrapping_add(salt);
            x = (x ^ x >> 16).wrapping_mul(0x85EB_CA6B);
            x = (x ^ x >> 13).wrapping_mul(0xC2B2_AE35);
            x ^= x >> 16;
            f64::from(x >> 8) / 16_777_216.0 - 0.5
        })
        .collect()
}
