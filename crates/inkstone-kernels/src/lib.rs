//! Numeric loops over slices, each algorithm written once over a small vector trait, for every instruction set.
//!
//! This is the only crate of Inkstone with `unsafe` code. An [`Isa`] is a token: it exists only if the CPU has the
//! instructions, so every function that takes one is safe to call. Slices are checked at the door of each function.

mod aligned;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod bf16;
mod ceiling;
mod combine;
#[cfg(target_arch = "x86_64")]
mod copies;
mod gather;
mod isa;
pub mod math;
#[cfg(target_arch = "aarch64")]
mod neon;
mod optimize;
mod outer;
mod outer_bf16;
#[cfg(target_arch = "x86_64")]
mod pairs;
mod pool;
mod product;
mod product_bf16;
mod resample;
mod rows;
mod scale;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
mod sparse;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod tiles;
mod transpose;
mod tree;
mod vector;
mod winograd;

pub use aligned::{Aligned, AlignedBuffer, Plain};
pub use bf16::{Bf16, round_to_bf16, to_bf16};
pub use ceiling::fma_ceiling;
pub use combine::{Pieces, Term, add_combination};
pub use gather::Gather;
pub use isa::Isa;
pub use optimize::{AdamStep, SgdStep, adam, follow, sgd};
pub use outer::add_outer;
pub use outer_bf16::add_outer_bf16;
pub use pool::{Windows, bit_words, max_pool};
pub use product::{Epilogue, Panels, pooled_product, product};
pub use product_bf16::{PanelsBf16, pooled_product_bf16, product_bf16};
pub use resample::{Beyond, Grid, Sampling, Workspace, resample};
pub use rows::mix_rows;
pub use scale::{Scale, scale_bytes};
pub use sparse::{WinnerLists, Winners, add_pooled_outer, add_weight_sums};
pub use transpose::transpose;
pub use tree::{MOST_SOURCES, tree_sum};
pub use winograd::{Target, Tiles, Transformed, WinogradScratch, winograd};
