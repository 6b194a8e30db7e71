//! A two-dimensional convolution (cross-correlation, as everywhere in this field), one image at a time.
//!
//! ```text
//! x (H, W, C) · w (U, V, C, O) · b (O) → y (I, J, O)            s: stride, p: rows and columns added before
//!
//! y[i,j,o]   = b[o] + Σ_{u,v,c} w[u,v,c,o] · x[i·s+u−p, j·s+v−p, c]        x is 0 outside the image
//!
//! d_x[i·s+u−p, j·s+v−p, c] = Σ_{i,j,u,v,o} w[u,v,c,o] · d_y[i,j,o]
//! d_w[u,v,c,o]             = Σ_{i,j} x[i·s+u−p, j·s+v−p, c] · d_y[i,j,o]
//! d_b[o]                   = Σ_{i,j} d_y[i,j,o]
//! ```
//! Forward and backward walk the same windows and places: where forward reads `x · w` into y, backward carries d_y the
//! same way back, once to x and once to w.

use super::{Geometry, Real};

/// y for one image.
pub fn forward<T: Real>(geometry: &Geometry, kernel: &[T], bias: Option<&[T]>, x: &[T]) -> Vec<T> {
    let ([_, _, n_in], [rows, columns, n_out]) = (geometry.input, geometry.output);
    let mut y = vec![T::ZERO; rows * columns * n_out];
    for (i, j, pixel) in geometry.windows() {
        let y = &mut y[pixel..][..n_out];
        if let Some(bias) = bias {
            y.copy_from_slice(bias);
        }
        for tap in geometry.taps(i, j) {
            for c in 0..n_in {
                let x = x[tap.pixel + c];
                let w = &kernel[(tap.index * n_in + c) * n_out..][..n_out];
                for (y, &w) in y.iter_mut().zip(w) {
                    *y += w * x;
                }
            }
        }
    }
    y
}

/// The gradients of one image's share of the loss.
#[derive(Debug, Clone, PartialEq)]
pub struct Backward<T> {
    /// Like x.
    pub d_x: Vec<T>,
    /// Like the kernel.
    pub d_kernel: Vec<T>,
    /// One per output channel.
    pub d_bias: Vec<T>,
}

/// d_x, d_w and d_b for one image, from d_y.
pub fn backward<T: Real>(geometry: &Geometry, kernel: &[T], x: &[T], d_y: &[T]) -> Backward<T> {
    let (n_in, n_out) = (geometry.input[2], geometry.output[2]);
    let mut d_x = vec![T::ZERO; x.len()];
    let mut d_kernel = vec![T::ZERO; kernel.len()];
    let mut d_bias = vec![T::ZERO; n_out];
    for (i, j, pixel) in geometry.windows() {
        let d_y = &d_y[pixel..][..n_out];
        for (d_b, &d_y) in d_bias.iter_mut().zip(d_y) {
            *d_b += d_y;
        }
        for tap in geometry.taps(i, j) {
            for c in 0..n_in {
                let x = x[tap.pixel + c];
                let w = &kernel[(tap.index * n_in + c) * n_out..][..n_out];
                let d_w = &mut d_kernel[(tap.index * n_in + c) * n_out..][..n_out];
                for o in 0..n_out {
                    d_x[tap.pixel + c] += w[o] * d_y[o];
                    d_w[o] += x * d_y[o];
                }
            }
        }
    }
    Backward { d_x, d_kernel, d_bias }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Shape;
    use crate::spec::plan::Window;

    #[test]
    fn a_two_by_two_kernel_over_a_three_by_three_image_by_hand() {
        let window = Window { size: [2, 2], stride: [1, 1], before: [0, 0], after: [0, 0] };
        let geometry = Geometry::new(window, Shape::image(3, 3, 1), Shape::image(2, 2, 1));
        let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
        let kernel = [1.0, 0.0, 0.0, -1.0];
        assert_eq!(forward(&geometry, &kernel, Some(&[10.0]), &x), [6.0; 4]);
        let gradients = backward(&geometry, &kernel, &x, &[1.0, 0.0, 0.0, 0.0]);
        assert_eq!(gradients.d_x, [1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(gradients.d_kernel, [1.0, 2.0, 4.0, 5.0]);
        assert_eq!(gradients.d_bias, [1.0]);
    }
}
