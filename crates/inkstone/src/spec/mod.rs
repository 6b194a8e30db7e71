//! What a person writes: the recipe and its parts. May be wrong; [`model::ModelSpec::resolve`] and
//! [`recipe::Recipe::check`] are where it is found out, and nothing behind them checks again.

pub mod nearest;

pub mod model;
pub mod loading;
pub mod steps;
pub mod pipeline;
pub mod plan;
mod resolve;
pub mod recipe;
pub mod split;
pub mod training;

mod overrides;
mod read;
mod write;

pub mod builtin;
pub mod summary;

pub use model::{Activation, LayerSpec, ModelSpec};
pub use pipeline::{AugmentSpec, PreprocessSpec};
pub use plan::Plan;
pub use recipe::Recipe;
pub use steps::{MixSpec, StepSpec};
pub use training::TrainSpec;
