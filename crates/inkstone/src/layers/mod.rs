//! What each layer computes, as textbook loops: forward directly above backward, one file per layer.

pub mod dropout;
