//! Which instruction set the loops run on.

use std::fmt;

use crate::vector::{Kernel, Portable, Vector};
#[cfg(target_arch = "x86_64")]
use crate::{avx2, avx512};

/// An instruction set that this CPU has: there is no other way to make one than to ask the CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Isa(pub(crate) Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Isa {
    /// Plain Rust, everywhere. The compiler may use the target's baseline vectors; results do not depend on it.
    pub const SCALAR: Self = Self(Kind::Scalar);

    /// The fastest one that this CPU has.
    pub fn detect() -> Self {
        *Self::available().last().expect("scalar is always there")
    }

    /// All that this CPU has, slowest first.
    pub fn available() -> Vec<Self> {
        #[allow(unused_mut)] // Other architectures push nothing.
        let mut found = vec![Self::SCALAR];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                found.push(Self(Kind::Avx2));
            }
            if is_x86_feature_detected!("avx512f") && found.len() == 2 {
                found.push(Self(Kind::Avx512));
            }
        }
        found
    }

    /// Every name that [`Isa::named`] may know on some machine.
    pub const NAMES: [&'static str; 3] = ["scalar", "avx2", "avx512"];

    /// The instruction set called `name` (`avx512`, `avx2`, `scalar`), if this CPU has it.
    pub fn named(name: &str) -> Option<Self> {
        Self::available().into_iter().find(|isa| isa.name() == name)
    }

    /// Runs an algorithm on this instruction set: the one place that picks a vector type.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            // SAFETY: `Portable` needs nothing of the CPU.
            Kind::Scalar => unsafe { kernel.run::<Portable>() },
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
        match self.0 {
            Kind::Scalar => Portable::LANES,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => avx2::F32x8::LANES,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => avx512::F32x16::LANES,
        }
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
