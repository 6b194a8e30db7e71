//! Blocks that work value by value, and the small loops that others share.

use inkstone_kernels::math;

use super::program::Pooling;
use crate::spec::plan::Function;

/// d_x = d_y where y > 0, in place.
pub(super) fn relu_backward(y: &[f32], d: &mut [f32]) {
    for (d, &y) in d.iter_mut().zip(y) {
        *d = if y > 0.0 { *d } else { 0.0 };
    }
}

/// Adds every row of `rows` to `sum`.
pub(super) fn add_rows(rows: &[f32], sum: &mut [f32]) {
    for row in rows.chunks_exact(sum.len()) {
        add(row, sum);
    }
}

/// sum += x
pub(super) fn add(x: &[f32], sum: &mut [f32]) {
    for (sum, &x) in sum.iter_mut().zip(x) {
        *sum += x;
    }
}

/// y = f(x), softmax over each stretch of `channels`.
pub(super) fn activate(function: Function, channels: usize, x: &[f32], y: &mut [f32]) {
    let each = |y: &mut [f32], f: &dyn Fn(f32) -> f32| {
        for (y, &x) in y.iter_mut().zip(x) {
            *y = f(x);
        }
    };
    match function {
        Function::Relu => {
            for (y, &x) in y.iter_mut().zip(x) {
                // Written so that a NaN stays a NaN.
                *y = if x < 0.0 { 0.0 } else { x };
            }
        }
        Function::LeakyRelu(slope) => {
            for (y, &x) in y.iter_mut().zip(x) {
                *y = if x > 0.0 { x } else { slope * x };
            }
        }
        Function::Gelu => each(y, &math::gelu),
        Function::Tanh => each(y, &math::tanh),
        Function::Sigmoid => each(y, &math::sigmoid),
        Function::Softmax => {
            for (y, x) in y.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
                let largest = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let mut sum = 0.0;
                for (y, &x) in y.iter_mut().zip(x) {
                    let power = math::exp(f64::from(x) - f64::from(largest));
                    *y = power as f32;
                    sum += power;
                }
                y.iter_mut().for_each(|y| *y = (f64::from(*y) / sum) as f32);
            }
        }
    }
}

/// d_x += f'(x) · d_y
pub(super) fn activate_backward(
    function: Function,
    channels: usize,
    (x, y): (&[f32], &[f32]),
    d_y: &[f32],
    d_x: &mut [f32],
) {
    let each = |d_x: &mut [f32], from: &[f32], slope: &dyn Fn(f32) -> f32| {
        for ((d_x, &value), &d_y) in d_x.iter_mut().zip(from).zip(d_y) {
            *d_x += slope(value) * d_y;
        }
    };
    match function {
        Function::Relu => each(d_x, x, &|x| if x > 0.0 { 1.0 } else { 0.0 }),
        Function::LeakyRelu(slope) => each(d_x, x, &|x| if x > 0.0 { 1.0 } else { slope }),
        Function::Gelu => each(d_x, x, &math::gelu_slope),
        Function::Tanh => each(d_x, y, &|y| 1.0 - y * y),
        Function::Sigmoid => each(d_x, y, &|y| y * (1.0 - y)),
        Function::Softmax => {
            let vectors = d_x.chunks_exact_mut(channels).zip(y.chunks_exact(channels)).zip(d_y.chunks_exact(channels));
            for ((d_x, y), d_y) in vectors {
                let mean: f32 = y.iter().zip(d_y).map(|(y, d_y)| y * d_y).sum();
                for ((d_x, &y), &d_y) in d_x.iter_mut().zip(y).zip(d_y) {
                    *d_x += y * (d_y - mean);
                }
            }
        }
    }
}

impl Pooling {
    /// For every window: its output position and the input positions inside the image, row by row.
    fn windows(&self) -> impl Iterator<Item = (usize, impl Iterator<Item = usize> + Clone)> {
        let Self { window, input, output, .. } = *self;
        let span = move |axis: usize, i: usize| {
            let start = i * window.stride[axis];
            let first = start.saturating_sub(window.before[axis]);
            first..(start + window.size[axis]).saturating_sub(window.before[axis]).min(input[axis])
        };
        (0..output[0] * output[1]).map(move |place| {
            let columns = span(1, place % output[1]);
            let rows = span(0, place / output[1]);
            (place, rows.flat_map(move |i| columns.clone().map(move |j| i * input[1] + j)))
        })
    }

    /// The largest value of each window; padding never wins.
    pub(super) fn max(&self, x: &[f32], y: &mut [f32]) {
        for (place, window) in self.windows() {
            let y = &mut y[place * self.channels..][..self.channels];
            y.fill(f32::NEG_INFINITY);
            for pixel in window {
                for (y, &x) in y.iter_mut().zip(&x[pixel * self.channels..]) {
                    *y = if x > *y || x.is_nan() { x } else { *y };
                }
            }
        }
    }

    /// The first largest value of a window takes the gradient.
    pub(super) fn max_backward(&self, (x, y): (&[f32], &[f32]), d_y: &[f32], d_x: &mut [f32]) {
        for (place, window) in self.windows() {
            for c in 0..self.channels {
                let at = place * self.channels + c;
                if let Some(pixel) = window.clone().find(|pixel| x[pixel * self.channels + c] == y[at]) {
                    d_x[pixel * self.channels + c] += d_y[at];
                }
            }
        }
    }

    /// The mean of each window; padding is not counted.
    pub(super) fn average(&self, x: &[f32], y: &mut [f32]) {
        for (place, window) in self.windows() {
            let y = &mut y[place * self.channels..][..self.channels];
            y.fill(0.0);
            let share = 1.0 / window.clone().count() as f32;
            for pixel in window {
                add(&x[pixel * self.channels..][..self.channels], y);
            }
            y.iter_mut().for_each(|y| *y *= share);
        }
    }

    /// Every value of a window takes its share.
    pub(super) fn average_backward(&self, d_y: &[f32], d_x: &mut [f32]) {
        for (place, window) in self.windows() {
            let share = 1.0 / window.clone().count() as f32;
            let d_y = &d_y[place * self.channels..][..self.channels];
            for pixel in window {
                for (d_x, &d_y) in d_x[pixel * self.channels..].iter_mut().zip(d_y) {
                    *d_x += share * d_y;
                }
            }
        }
    }
}
