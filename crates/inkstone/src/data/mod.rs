//! From files to batches: source → dataset → split → pipeline (preprocess, augment) → batches.

mod arrays;
pub mod augment;
pub mod batches;
pub mod dataset;
#[cfg(feature = "formats")]
pub mod decode;
pub mod fingerprint;
#[cfg(feature = "formats")]
pub mod folder;
pub mod idx;
mod idx_set;
pub mod inspect;
mod listing;
#[cfg(feature = "formats")]
mod npz;
pub mod preprocess;
pub mod source;
pub mod split;

pub use augment::Augment;
pub use batches::Samples;
pub use dataset::{Dataset, Image, Images, Part, SampleId};
pub use preprocess::Preprocess;
pub use split::Split;
