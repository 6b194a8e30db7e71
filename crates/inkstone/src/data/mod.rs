//! From files to batches: source → dataset → split → pipeline (preprocess, augment) → batches.

#[cfg(feature = "fetch")]
pub mod fetch;

pub mod dataset;
pub mod idx;
mod idx_set;
mod arrays;
#[cfg(feature = "formats")]
mod npz;
#[cfg(feature = "formats")]
pub mod decode;
#[cfg(feature = "formats")]
pub mod folder;
mod listing;
pub mod source;
pub mod fingerprint;
pub mod split;
pub mod inspect;

pub mod resize;
pub mod preprocess;
mod trigonometry;
mod affine;
pub mod augment;

pub mod batches;

pub use augment::Augment;
pub use batches::Samples;
pub use dataset::{Dataset, Image, Images, Part, SampleId};
pub use preprocess::Preprocess;
pub use split::Split;
