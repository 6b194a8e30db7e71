//! The maximum over the taps of pooled windows, and which tap won.

use crate::Isa;
use crate::product::Epilogue;
use crate::vector::{Kernel, Vector};

/// How many 32-bit words hold one bit per channel.
pub fn bit_words(n_channels: usize) -> usize {
    n_channels.div_ceil(32)
}

/// Windows of values: `values[window][tap][channel]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// How many windows.
    pub n: usize,
    /// Values per window and channel.
    pub taps: usize,
    /// Channels.
    pub channels: usize,
}

/// `out[w, c] = epilogue(max_t values[w, t, c])`; bit c of `winners[w, t]` is set where tap t is the first that holds
/// the maximum and, with [`Epilogue::Relu`], the maximum is positive: exactly where a gradient flows.
///
/// # Panics
/// If a slice does not fit.
pub fn max_pool(isa: Isa, values: &[f32], windows: Windows, epilogue: Epilogue, out: &mut [f32], winners: &mut [u32]) {
    assert!(windows.taps > 0, "a window has at least one tap");
    assert_eq!(values.len(), windows.n * windows.taps * windows.channels, "windows × taps × channels values");
    assert_eq!(out.len(), windows.n * windows.channels, "windows × channels results");
    assert_eq!(winners.len(), windows.n * windows.taps * bit_words(windows.channels), "one bit per value");
    winners.fill(0);
    isa.run(MaxPool { values, windows, epilogue, out, winners });
}

struct MaxPool<'a> {
    values: &'a [f32],
    windows: Windows,
    epilogue: Epilogue,
    out: &'a mut [f32],
    winners: &'a mut [u32],
}

impl Kernel for MaxPool<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Windows { n, taps, channels } = self.windows;
        let words = bit_words(channels);
        for window in 0..n {
            let mut channel = 0;
            while channel < channels {
                let width = V::LANES.min(channels - channel);
                // SAFETY: the caller promises V's instructions; `max_pool` has checked that values and out hold every
                // window, tap and channel; `width` cuts the last vector to the channels there are.
                unsafe {
                    let values = self.values.as_ptr().add(window * taps * channels + channel);
                    let tap_words = self.winners.as_mut_ptr().add(window * taps * words);
                    let best = if taps == 4 {
                        let mut tap_values = [V::splat(0.0); 4];
                        for (tap, value) in tap_values.iter_mut().enumerate() {
                            *value = V::load_up_to(values.add(tap * channels), width);
                        }
                        let (best, won) = first_largest(tap_values, self.epilogue, width);
                        for (tap, bits) in won.into_iter().enumerate() {
                            put_bits::<V>(tap_words.add(tap * words), channel, bits);
                        }
                        best
                    } else {
                        let mut best = V::load_up_to(values, width);
                        for tap in 1..taps {
                            best = best.max(V::load_up_to(values.add(tap * channels), width));
                        }
                        let mut open = open_lanes(best, self.epilogue, width);
                        for tap in 0..taps {
                            let won = V::load_up_to(values.add(tap * channels), width).equal_bits(best) & open;
                            open &= !won;
                            put_bits::<V>(tap_words.add(tap * words), channel, won);
                        }
                        rectified(best, self.epilogue)
                    };
                    best.store_up_to(self.out.as_mut_ptr().add(window * channels + channel), width);
                }
                channel += V::LANES;
            }
        }
    }
}

/// The maximum of four vectors after the epilogue, and for each of them the lanes that it won: see [`max_pool`]. Lanes
/// from `width` on win nothing.
///
/// # Safety
/// The CPU has V's instructions.
#[inline(always)]
pub(crate) unsafe fn first_largest<V: Vector>([a, b, c, d]: [V; 4], epilogue: Epilogue, width: usize) -> (V, [u32; 4]) {
    // SAFETY: the caller's promise.
    unsafe {
        // A later one wins only if it is larger: three comparisons.
        let (first, second) = (a.max(b), c.max(d));
        let (b_won, d_won, second_won) = (b.greater_bits(a), d.greater_bits(c), second.greater_bits(first));
        let best = first.max(second);
        let open = open_lanes(best, epilogue, width);
        let (first_open, second_open) = (open & !second_won, open & second_won);
        let won = [first_open & !b_won, first_open & b_won, second_open & !d_won, second_open & d_won];
        (rectified(best, epilogue), won)
    }
}

/// Sets the bits of one vector of channels from `channel` on in the words of a tap, which were clear.
///
/// # Safety
/// The words of all channels are there.
#[inline(always)]
pub(crate) unsafe fn put_bits<V: Vector>(words: *mut u32, channel: usize, bits: u32) {
    // SAFETY: the caller's promise; channel is a multiple of LANES, so that the bytes lie inside one word.
    unsafe {
        if cfg!(target_endian = "little") && V::LANES == 8 {
            *words.cast::<u8>().add(channel / 8) = bits as u8;
        } else if cfg!(target_endian = "little") && V::LANES == 16 {
            *words.cast::<u16>().add(channel / 16) = bits as u16;
        } else {
            *words.add(channel / 32) |= bits << (channel % 32);
        }
    }
}

/// The lanes where a gradient flows at all.
#[inline(always)]
unsafe fn open_lanes<V: Vector>(best: V, epilogue: Epilogue, width: usize) -> u32 {
    // Bits of lanes beyond the last channel stay clear.
    let all = if width >= V::LANES { (1 << V::LANES) - 1 } else { (1 << width) - 1 };
    match epilogue {
        Epilogue::None => all,
        // SAFETY: the caller promises V's instructions.
        Epilogue::Relu => all & unsafe { best.greater_bits(V::splat(0.0)) },
    }
}

#[inline(always)]
pub(crate) unsafe fn rectified<V: Vector>(value: V, epilogue: Epilogue) -> V {
    match epilogue {
        Epilogue::None => value,
        // SAFETY: the caller promises V's instructions. Zero first: a NaN stays a NaN, so that training notices it.
        Epilogue::Relu => unsafe { V::splat(0.0).max(value) },
    }
}
