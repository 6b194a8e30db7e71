//! A run as a page for people: `report.html`, the pictures beside it, and a model card. Shows what was measured; measures,
//! trains and reads nothing itself.

pub mod plot;
mod words;

pub use words::{Words, escaped, percent};
