//! A dense layer: every output from every input, one image at a time.
//!
//! ```text
//! x (N) · w (N, O) · b (O) → y (O)
//!
//! y[o]     = b[o] + Σ_i x[i] · w[i,o]
//!
//! d_x[i]   = Σ_o w[i,o] · d_y[o]
//! d_w[i,o] = x[i] · d_y[o]
//! d_b[o]   = d_y[o]
//! ```

use super::Real;

/// y for one image of `n_out` outputs.
pub fn forward<T: Real>(n_out: usize, kernel: &[T], bias: Option<&[T]>, x: &[T]) -> Vec<T> {
    let mut y = bias.map_or_else(|| vec![T::ZERO; n_out], <[T]>::to_vec);
    for (&x, w) in x.iter().zip(kernel.chunks_exact(n_out)) {
        for (y, &w) in y.iter_mut().zip(w) {
            *y += x * w;
        }
    }
    y
}

/// The gradients of one image's share of the loss; d_b is d_y itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Backward<T> {
    /// Like x.
    pub d_x: Vec<T>,
    /// Like the kernel.
    pub d_kernel: Vec<T>,
}

/// d_x and d_w for one image, from d_y.
pub fn backward<T: Real>(kernel: &[T], x: &[T], d_y: &[T]) -> Backward<T> {
    let rows = kernel.chunks_exact(d_y.len());
    Backward {
        d_x: rows.map(|w| w.iter().zip(d_y).map(|(&w, &d_y)| w * d_y).sum()).collect(),
        d_kernel: x.iter().flat_map(|&x| d_y.iter().map(move |&d_y| x * d_y)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_inputs_and_three_outputs_by_hand() {
        let kernel = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        assert_eq!(forward(3, &kernel, Some(&[0.5, 0.0, 0.0]), &[1.0, -1.0]), [-2.5, -3.0, -3.0]);
        let gradients = backward(&kernel, &[1.0, -1.0], &[1.0, 0.0, 2.0]);
        assert_eq!(gradients.d_x, [7.0, 16.0]);
        assert_eq!(gradients.d_kernel, [1.0, 0.0, 2.0, -1.0, 0.0, -2.0]);
    }
}
