//! What a model knows of its own limits: how sure it may be, what it may be wrong about, what it was never shown.
//!
//! Values and rules alone: `calibrate` fits them, `predict` goes by them, a checkpoint keeps them. One file per promise;
//! what each promises and what it does not stands in docs/trust.md. Never looks at pixels.

mod temperature;
mod sets;
mod novelty;
mod review;
mod stored;

pub use novelty::{MAX_DIMENSIONS, Novelty, Projection};
pub use review::{Review, ReviewPoint};
pub use sets::{Sets, rank, reached};
pub use stored::StoredTrust;
pub use temperature::{soften, write_softened};

/// The share of images whose class is to be in their set, where there are enough calibration images to promise it.
pub const COVERAGE: f64 = 0.999;
/// The share of images like the training data that is to be accepted as such.
pub const ACCEPTED: f64 = 0.99;

/// What was fitted on calibration images, which trained nothing and chose nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Trust {
    /// How many calibration images there were.
    pub n: usize,
    /// What the logits are divided by before the softmax.
    pub temperature: f64,
    /// Which classes an image may be.
    pub sets: Sets,
    /// How unlike the training images an image is.
    pub novelty: Novelty,
    /// How many errors there are above each confidence.
    pub review: Review,
}
