//! Inkstone: from a pile of small images to a classifier that is trained, checked and served.
//!
//! The modules stand in the order in which data flows, and imports point left only:
//!
//! ```text
//! spec → data (source → dataset → split → pipeline → batches) → layers → engine → trust → checkpoint → train → predict → calibrate → evaluate → explain → stress → seeds → audit → init → report
//! ```
//!
//! The library never prints, never reads the environment and never touches a global thread pool:
//! observers, paths and a [`parallel::Pool`] are arguments.

pub mod error;
pub mod shape;
pub mod hash;
pub mod rng;
pub mod parallel;

pub mod spec;
pub mod data;
pub mod layers;
pub mod engine;
pub mod trust;
pub mod checkpoint;
pub mod train;
pub mod predict;
pub mod calibrate;
pub mod evaluate;
pub mod explain;
pub mod stress;
pub mod seeds;
pub mod audit;
pub mod init;
#[cfg(feature = "report")]
pub mod report;

pub use error::{Error, ErrorKind, Result};
