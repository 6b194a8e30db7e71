//! From files to batches: source → dataset → split → pipeline (preprocess, augment) → batches.

pub mod augment;
pub mod batches;
pub mod dataset;
#[cfg(feature = "fetch")]
pub mod fetch;
pub mod preprocess;

pub use augment::Augment;
pub use batches::Samples;
pub use dataset::{Dataset, Image, Images, Part, SampleId};
pub use preprocess::Preprocess;
