//! From files to batches: source → dataset → split → pipeline (preprocess, augment) → batches.

#[cfg(feature = "fetch")]
pub mod fetch;

pub mod dataset;
pub mod fingerprint;

#[cfg(feature = "formats")]
pub mod decode;
#[cfg(feature = "formats")]
pub mod encode;
pub mod idx;
mod arrays;
mod idx_set;
#[cfg(feature = "formats")]
pub mod folder;
mod listing;
#[cfg(feature = "formats")]
mod npz;
pub mod source;
#[cfg(feature = "formats")]
pub mod corrections;
pub mod groups;

pub mod errata;
pub mod inspect;
pub mod split;

pub mod sheet;

mod luma;
pub mod ink;
#[cfg(feature = "formats")]
pub mod glyphs;
pub mod preprocess;
pub mod resize;
pub mod duplicates;

mod affine;
mod keras;
pub mod steps;
mod mix;
pub mod augment;
mod trigonometry;

pub mod batches;

pub mod advice;

pub use augment::Augment;
pub use batches::Samples;
pub use dataset::{Dataset, Image, Images, Part, SampleId};
pub use mix::{Mixing, Mixture};
pub use preprocess::Preprocess;
pub use split::Split;
