//! A skip connection: the input is added to what the body makes of it.
//!
//! ```text
//! y   = x + body(x)
//! d_x = d_y + d_body      d_body: d_y carried back through the body
//! ```
//! Backward is the same addition as forward: the gradient takes both ways and meets again.
//! Source: He et al., "Deep residual learning for image recognition", CVPR 2016.

use super::Real;

/// x + body(x).
pub fn forward<T: Real>(x: &[T], body_of_x: &[T]) -> Vec<T> {
    x.iter().zip(body_of_x).map(|(&x, &body)| x + body).collect()
}

/// d_y + d_body.
pub fn backward<T: Real>(d_y: &[T], d_body: &[T]) -> Vec<T> {
    d_y.iter().zip(d_body).map(|(&d_y, &d_body)| d_y + d_body).collect()
}
