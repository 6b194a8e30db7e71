//! Numeric loops over slices, each algorithm written once over a small vector trait, for every instruction set.
//!
//! This is the only crate of Inkstone with `unsafe` code. An [`Isa`] is a token: it exists only if the CPU has the
//! instructions, so every function that takes one is safe to call.

mod aligned;
mod isa;

pub use aligned::AlignedBuffer;
pub use isa::Isa;
