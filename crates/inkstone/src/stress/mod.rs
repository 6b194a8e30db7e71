//! How a model does on images that were spoiled, moved or attacked on purpose. Never trains, never chooses, and promises
//! nothing beyond what was tried.

mod canvas;
mod noise;
mod blur;
mod geometry;
mod tone;
mod spatter;
mod lines;
mod edges;
mod corruption;

mod curve;
mod attack;

mod report;
mod treatment;
mod tally;
mod run;
mod text;

pub use corruption::{Corruption, Dose, Key, STRENGTHS, corrupt};
pub use curve::{Motion, moved};
pub use report::{
    AttackResult, CorruptionResult, Curve, CurvePoint, Decisions, Measured, Pooled, StrengthResult, StressReport,
    WithStress,
};
pub use run::{Setup, Step, Watch, stress};
pub use text::text;
