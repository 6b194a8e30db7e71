//! Which instruction set the loops run on.

use std::fmt;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::amx;
#[cfg(target_arch = "aarch64")]
use crate::neon;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use crate::simd128;
use crate::vector::{Kernel, Portable, Vector};
#[cfg(target_arch = "x86_64")]
use crate::{avx2, avx512};

/// An instruction set that this CPU has: there is no other way to make one than to ask the CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Isa {
    kind: Kind,
    bf16: Bf16Unit,
}

/// What works on `f32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Scalar,
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128,
    #[cfg(target_arch = "aarch64")]
    Neon,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// What multiplies bf16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Bf16Unit {
    /// Nothing of its own: values are widened to `f32` and multiplied there.
    Widened,
    /// AVX512-BF16: pairs, sixteen sums at once.
    #[cfg(target_arch = "x86_64")]
    Pairs,
    /// AMX: tiles of 16 × 32 by 32 × 16 values.
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    Tiles,
}

impl Isa {
    /// Plain Rust, everywhere. The compiler may use the target's baseline vectors; results do not depend on it.
    pub const SCALAR: Self = Self::of(Kind::Scalar);

    /// Every name that [`Isa::named`] may know on some machine.
    pub const NAMES: [&'static str; 6] = ["scalar", "simd128", "neon", "avx2", "avx512", "amx"];

    const fn of(kind: Kind) -> Self {
        Self { kind, bf16: Bf16Unit::Widened }
    }

    /// The fastest one that this CPU has.
    pub fn detect() -> Self {
        *Self::available().last().expect("scalar is always there")
    }

    /// All that this CPU has, slowest first. In `f32`, `amx` is `avx512`.
    pub fn available() -> Vec<Self> {
        #[allow(unused_mut)] // Some architectures push nothing.
        let mut found = vec![Self::SCALAR];
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        found.push(Self::of(Kind::Simd128));
        #[cfg(target_arch = "aarch64")]
        found.push(Self::of(Kind::Neon));
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                found.push(Self::of(Kind::Avx2));
            }
            if is_x86_feature_detected!("avx512f") && found.len() == 2 {
                let pairs = is_x86_feature_detected!("avx512bf16");
                let bf16 = if pairs { Bf16Unit::Pairs } else { Bf16Unit::Widened };
                found.push(Self { kind: Kind::Avx512, bf16 });
                #[cfg(target_os = "linux")]
                if amx::detected() {
                    found.push(Self { kind: Kind::Avx512, bf16: Bf16Unit::Tiles });
                }
            }
        }
        found
    }

    /// The instruction set called `name` (one of [`Isa::NAMES`]), if this CPU has it.
    pub fn named(name: &str) -> Option<Self> {
        Self::available().into_iter().find(|isa| isa.name() == name)
    }

    /// Runs an algorithm on this instruction set: the one place that picks a vector type.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.kind {
            // SAFETY: `Portable` needs nothing of the CPU.
            Kind::Scalar => unsafe { kernel.run::<Portable>() },
            // SAFETY: a module with these instructions is refused as a whole by an engine without them.
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Kind::Simd128 => unsafe { kernel.run::<simd128::F32x4>() },
            // SAFETY: NEON is part of the 64-bit architecture.
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => unsafe { neon::run(kernel) },
            // SAFETY: this value exists only if AVX2 and FMA were detected.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { avx2::run(kernel) },
            // SAFETY: this value exists only if AVX-512F, AVX2 and FMA were detected.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { avx512::run(kernel) },
        }
    }

    /// How many `f32` it works on at once.
    pub fn lanes(self) -> usize {
        match self.kind {
            Kind::Scalar => Portable::LANES,
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Kind::Simd128 => simd128::F32x4::LANES,
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => neon::F32x4::LANES,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => avx2::F32x8::LANES,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => avx512::F32x16::LANES,
        }
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        if self.bf16 == Bf16Unit::Tiles {
            return "amx";
        }
        match self.kind {
            Kind::Scalar => "scalar",
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Kind::Simd128 => "simd128",
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => "neon",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
        }
    }

    /// What bf16 products run on: `amx`, `avx512_bf16`, else [`Isa::name`]. It decides their last bits, so that two runs
    /// in bf16 are the same only where this is.
    pub fn bf16_name(self) -> &'static str {
        match self.bf16 {
            #[cfg(target_arch = "x86_64")]
            Bf16Unit::Pairs => "avx512_bf16",
            _ => self.name(),
        }
    }

    /// What multiplies bf16.
    pub(crate) fn bf16_unit(self) -> Bf16Unit {
        self.bf16
    }

    /// For tests that execute the tile instructions in software: this instruction set with AMX's tiles for bf16.
    ///
    /// # Safety
    /// Whatever is run on it, the process must survive AMX's tile instructions.
    #[doc(hidden)]
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    pub unsafe fn with_tiles(self) -> Self {
        Self { bf16: Bf16Unit::Tiles, ..self }
    }

    /// For tests that execute AVX512-BF16's instructions in software: `avx512` with them, if this CPU has that.
    ///
    /// # Safety
    /// Whatever is run on it, the process must survive `vdpbf16ps`.
    #[doc(hidden)]
    #[cfg(target_arch = "x86_64")]
    pub unsafe fn with_pairs() -> Option<Self> {
        Self::available()
            .into_iter()
            .find(|isa| isa.kind == Kind::Avx512)
            .map(|isa| Self { bf16: Bf16Unit::Pairs, ..isa })
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
