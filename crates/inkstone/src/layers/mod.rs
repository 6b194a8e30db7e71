//! What each layer computes, as textbook loops: forward directly above backward, one file per layer.
//!
//! Functions of one image (batch norm: of a batch), from slices to new vectors; no speed, no state, no drawing of
//! random numbers except dropout's mask. A gradient is called `d_` + name: `d_x` is d loss / d x.
//! Images lie in memory as rows of pixels of channels: x\[i,j,c\] is `x[(i·W + j)·C + c]`.

pub mod real;
pub mod window;

pub mod activation;
pub mod batch_norm;
pub mod conv2d;
pub mod dense;
pub mod dropout;
pub mod loss;
pub mod pool;
pub mod residual;

pub use real::Real;
pub use window::Geometry;
