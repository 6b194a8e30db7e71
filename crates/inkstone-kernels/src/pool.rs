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
                    let mut best = V::load_up_to(values, width);
                    for tap in 1..taps {
                        best = best.max(V::load_up_to(values.add(tap * channels), width));
                    }
                    // Bits of lanes beyond the last channel stay clear.
                    let mut open = if width == 32 { u32::MAX } else { (1 << width) - 1 };
                    if self.epilogue == Epilogue::Relu {
                        open &= best.greater_bits(V::splat(0.0));
                    }
                    for tap in 0..taps {
                        let won = V::load_up_to(values.add(tap * channels), width).equal_bits(best) & open;
                        open &= !won;
                        self.winners[(window * taps + tap) * words + channel / 32] |= won << (channel % 32);
                    }
                    if self.epilogue == Epilogue::Relu {
                        best = V::splat(0.0).max(best);
                    }
                    best.store_up_to(self.out.as_mut_ptr().add(window * channels + channel), width);
                }
                channel += V::LANES;
            }
        }
    }
}
