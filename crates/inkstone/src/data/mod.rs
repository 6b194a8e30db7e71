//! From files to batches: source → dataset → split → pipeline (preprocess, augment) → batches.

#[cfg(feature = "fetch")]
pub mod fetch;

mod options;
mod stream;
pub mod dataset;
pub mod fingerprint;

#[cfg(feature = "formats")]
mod inflate;
#[cfg(feature = "formats")]
mod small_png;
#[cfg(feature = "formats")]
mod tiff_pages;
#[cfg(feature = "formats")]
pub mod decode;
#[cfg(feature = "formats")]
pub mod encode;
pub mod idx;
mod arrays;
mod idx_set;
mod listing;
#[cfg(feature = "formats")]
mod decoded_cache;
#[cfg(feature = "formats")]
pub mod folder;
#[cfg(feature = "formats")]
pub mod npz;
#[cfg(feature = "formats")]
pub mod safetensors_set;
#[cfg(feature = "formats")]
mod labels;
#[cfg(feature = "formats")]
mod gather;
#[cfg(feature = "formats")]
mod decode_many;
#[cfg(feature = "formats")]
pub mod csv_set;
#[cfg(feature = "formats")]
pub mod tar_set;
#[cfg(feature = "parquet")]
pub mod parquet_set;
#[cfg(feature = "formats")]
pub mod prepared;
pub mod source;
#[cfg(feature = "formats")]
pub mod corrections;
pub mod groups;

pub mod errata;
pub mod inspect;
pub mod split;
#[cfg(feature = "formats")]
pub mod write;

pub mod sheet;

pub(crate) mod luma;
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
pub(crate) mod trigonometry;

pub mod batches;

pub mod advice;

pub use augment::Augment;
pub use batches::Samples;
pub use dataset::{Dataset, Image, Images, Part, SampleId};
pub use mix::{Mixing, Mixture};
pub use options::{Progress, SourceOptions, StreamOptions};
pub use preprocess::Preprocess;
pub use split::Split;
