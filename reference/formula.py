"""The values that Python and Rust both make, so that fixtures hold results only.

Rust's twin is crates/inkstone/tests/support/formula.rs. Imported by the other scripts; makes no fixture itself.
"""

import numpy as np

MASK = np.uint64(0xFFFFFFFF)


def values(n, salt):
    """n numbers in [-0.5, 0.5), multiples of 2^-24: a hash of (position, salt), the same in f32 and f64."""
    x = np.arange(n, dtype=np.uint64) * np.uint64(2654435761) + np.uint64(salt * 0x9E3779B97F4A7C15 % 2**64 >> 32)
    x &= MASK
    for factor, shift in [(0x85EBCA6B, 16), (0xC2B2AE35, 13)]:
        x ^= x >> np.uint64(shift)
        x = x * np.uint64(factor) & MASK
    x ^= x >> np.uint64(16)
    return (x >> np.uint64(8)).astype(np.float64) / 2.0**24 - 0.5


def f32(x):
    """The f64 that holds x rounded to f32: the plan's numbers (rates, epsilons, slopes) are f32."""
    return float(np.float32(x))


DROPOUT = 4  # the operation's number in crates/inkstone/src/rng.rs


def keep_mask(seed, step, position, index, rate, n):
    """Dropout's factors, by the rule of layers/dropout.rs: Philox 4x32-10 keyed by (seed, step, position, index)."""
    seed ^= (index + 1) << 40
    words = []
    for block in range(-(-n // 4)):
        words += philox([block, step, position, DROPOUT], [seed & 0xFFFFFFFF, seed >> 32])
    draws = np.array([word >> 8 for word in words[:n]], dtype=np.float32) / np.float32(2**24)
    kept = np.float32(1) / (np.float32(1) - np.float32(rate))
    return np.where(draws >= np.float32(rate), kept, np.float32(0)).astype(np.float64)


def philox(counter, key):
    """Salmon et al., SC 2011."""
    for _ in range(10):
        a, b = counter[0] * 0xD2511F53, counter[2] * 0xCD9E8D57
        counter = [b >> 32 ^ counter[1] ^ key[0], b & 0xFFFFFFFF, a >> 32 ^ counter[3] ^ key[1], a & 0xFFFFFFFF]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return counter
