//! Pools: the largest value or the mean of each window or of the whole image, channel by channel, one image at a time.
//!
//! ```text
//! max       y[i,j,c] = max of x over window (i,j)         d_x gets d_y[i,j,c] where the maximum stands
//! average   y[i,j,c] = Σ x over window (i,j) / n          d_x gets d_y[i,j,c] / n everywhere in the window
//! global    y[c]     = Σ x over all pixels / (H·W)        d_x[i,j,c] = d_y[c] / (H·W)
//! ```
//! n counts the pixels of the window inside the image. Padding never wins and is never counted. Of several equal
//! maxima the first in row-major order wins (as in PyTorch): it alone gets the gradient.

use super::{Geometry, Real};

/// The largest value of each window.
pub fn max_forward<T: Real>(geometry: &Geometry, x: &[T]) -> Vec<T> {
    each_output(geometry, |i, j, c| x[first_maximum(geometry, x, i, j, c)])
}

/// d_x for the largest value of each window.
pub fn max_backward<T: Real>(geometry: &Geometry, x: &[T], d_y: &[T]) -> Vec<T> {
    let mut d_x = vec![T::ZERO; x.len()];
    for (i, j, pixel) in geometry.windows() {
        for c in 0..geometry.output[2] {
            d_x[first_maximum(geometry, x, i, j, c)] += d_y[pixel + c];
        }
    }
    d_x
}

/// The mean of each window.
pub fn average_forward<T: Real>(geometry: &Geometry, x: &[T]) -> Vec<T> {
    each_output(geometry, |i, j, c| {
        let sum: T = geometry.taps(i, j).map(|tap| x[tap.pixel + c]).sum();
        sum / pixels_inside(geometry, i, j)
    })
}

/// d_x for the mean of each window.
pub fn average_backward<T: Real>(geometry: &Geometry, d_y: &[T]) -> Vec<T> {
    let mut d_x = vec![T::ZERO; geometry.input.iter().product()];
    for (i, j, pixel) in geometry.windows() {
        let n = pixels_inside(geometry, i, j);
        for tap in geometry.taps(i, j) {
            for c in 0..geometry.output[2] {
                d_x[tap.pixel + c] += d_y[pixel + c] / n;
            }
        }
    }
    d_x
}

/// The mean over all pixels, per channel.
pub fn global_average_forward<T: Real>(n_channels: usize, x: &[T]) -> Vec<T> {
    let n_pixels = T::of((x.len() / n_channels) as f64);
    (0..n_channels).map(|c| x.iter().skip(c).step_by(n_channels).copied().sum::<T>() / n_pixels).collect()
}

/// d_x for the mean over all `n_pixels` pixels.
pub fn global_average_backward<T: Real>(n_pixels: usize, d_y: &[T]) -> Vec<T> {
    let one_pixel = d_y.iter().map(|&d_y| d_y / T::of(n_pixels as f64));
    one_pixel.cycle().take(n_pixels * d_y.len()).collect()
}

/// y with y\[i,j,c\] = value(i, j, c).
fn each_output<T: Real>(geometry: &Geometry, value: impl Fn(usize, usize, usize) -> T) -> Vec<T> {
    let n_channels = geometry.output[2];
    let value = &value;
    geometry.windows().flat_map(|(i, j, _)| (0..n_channels).map(move |c| value(i, j, c))).collect()
}

/// Where the first largest value of window (i, j) in channel c stands in x.
fn first_maximum<T: Real>(geometry: &Geometry, x: &[T], i: usize, j: usize, c: usize) -> usize {
    let positions = geometry.taps(i, j).map(|tap| tap.pixel + c);
    // Only a strictly larger value takes over, so the first of equals stays.
    positions.reduce(|best, next| if x[next] > x[best] { next } else { best }).expect("every window meets the image")
}

fn pixels_inside<T: Real>(geometry: &Geometry, i: usize, j: usize) -> T {
    T::of(geometry.taps(i, j).count() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Shape;
    use crate::spec::plan::Window;

    #[test]
    fn the_first_of_equal_maxima_gets_the_gradient() {
        let window = Window { size: [2, 2], stride: [2, 2], before: [0, 0], after: [0, 0] };
        let geometry = Geometry::new(window, Shape::image(2, 2, 1), Shape::image(1, 1, 1));
        assert_eq!(max_forward(&geometry, &[1.0, 3.0, 3.0, 2.0]), [3.0]);
        assert_eq!(max_backward(&geometry, &[1.0, 3.0, 3.0, 2.0], &[5.0]), [0.0, 5.0, 0.0, 0.0]);
    }

    #[test]
    fn padding_is_neither_a_maximum_nor_counted_in_a_mean() {
        let window = Window { size: [2, 2], stride: [2, 2], before: [0, 0], after: [1, 1] };
        let geometry = Geometry::new(window, Shape::image(3, 3, 1), Shape::image(2, 2, 1));
        let x = [-1.0, -2.0, -3.0, -4.0, -5.0, -6.0, -7.0, -8.0, -9.0];
        assert_eq!(max_forward(&geometry, &x), [-1.0, -3.0, -7.0, -9.0]);
        assert_eq!(average_forward(&geometry, &x), [-3.0, -4.5, -7.5, -9.0]);
        assert_eq!(average_backward(&geometry, &[4.0, 2.0, 2.0, 1.0]), [1.0; 9]);
    }

    #[test]
    fn the_global_mean_of_two_channels_by_hand() {
        assert_eq!(global_average_forward(2, &[1.0, 10.0, 3.0, 30.0]), [2.0, 20.0]);
        assert_eq!(global_average_backward(2, &[1.0, 4.0]), [0.5, 2.0, 0.5, 2.0]);
    }
}
