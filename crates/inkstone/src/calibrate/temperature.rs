//! The temperature that makes a model as sure as it is right: the least log loss on calibration images.

use inkstone_kernels::math;

use crate::parallel::Pool;

/// The lowest and highest temperature, as logarithms: 1/20 and 20.
const RANGE: [f64; 2] = [-2.995_732_273_553_991, 2.995_732_273_553_991];
/// Rows whose losses are added up by one task: part of the result's bits, whatever the threads.
const ROWS: usize = 256;

/// The T with the least Σ −ln p(label; T) + (ln T)², by golden section on ln T to nine digits.
///
/// The last term is a weak prior for T = 1: without it a few images that are all answered rightly would ask for T = 0,
/// certainty. From some hundred images on it does not show. The sum alone has one minimum: in 1/T it is convex.
///
/// # Panics
/// If there is not one row of logits per label.
///
/// ```
/// use inkstone::{calibrate::fit_temperature, parallel::Pool};
/// // A hundred times e² : 1 for class 0, and half of the time it is class 1: nothing is known, so T is as high as it may be.
/// let logits = [2.0, 0.0].repeat(100);
/// let labels: Vec<u32> = (0..100).map(|i| i % 2).collect();
/// assert!(fit_temperature(&logits, &labels, &Pool::current_thread()) > 4.0);
/// ```
pub fn fit_temperature(logits: &[f32], labels: &[u32], pool: &Pool) -> f64 {
    assert!(!labels.is_empty() && logits.len().is_multiple_of(labels.len()), "one row of logits per label");
    let cost = |log: f64| loss_sum(logits, labels, math::exp(log), pool) + log * log;
    math::exp(golden_section(RANGE, &cost))
}

/// Σ ln Σ_c e^((z_c − max)/T) − (z_label − max)/T.
fn loss_sum(logits: &[f32], labels: &[u32], temperature: f64, pool: &Pool) -> f64 {
    let n_classes = logits.len() / labels.len();
    let one = |row: &[f32], label: u32| {
        let largest = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        let scaled = |z: f32| (f64::from(z) - largest) / temperature;
        let sum: f64 = row.iter().map(|&z| math::exp(scaled(z))).sum();
        math::ln(sum) - scaled(row[label as usize])
    };
    let parts = pool.map(labels.len().div_ceil(ROWS), |task| -> f64 {
        let rows = logits[task * ROWS * n_classes..].chunks_exact(n_classes).zip(&labels[task * ROWS..]);
        rows.take(ROWS).map(|(row, &label)| one(row, label)).sum()
    });
    parts.into_iter().sum()
}

/// Where a function with one minimum between two places has it.
fn golden_section([mut low, mut high]: [f64; 2], cost: &dyn Fn(f64) -> f64) -> f64 {
    /// (√5 − 1) / 2.
    const RATIO: f64 = 0.618_033_988_749_894_8;
    let place = |low: f64, high: f64, share: f64| low + share * (high - low);
    let (mut left, mut right) = (place(low, high, 1.0 - RATIO), place(low, high, RATIO));
    let (mut at_left, mut at_right) = (cost(left), cost(right));
    while high - low > 1e-9 {
        if at_left <= at_right {
            (high, right, at_right) = (right, left, at_left);
            left = place(low, high, 1.0 - RATIO);
            at_left = cost(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = place(low, high, RATIO);
            at_right = cost(right);
        }
    }
    low.midpoint(high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Operation, Rng};

    /// Labels drawn from the softmax of logits, which are then said `factor` times too loud.
    fn drawn(n: usize, factor: f32) -> (Vec<f32>, Vec<u32>) {
        let mut rng = Rng::new(3, 0, 0, Operation::Shuffle);
        let (mut logits, mut labels) = (Vec::new(), Vec::new());
        for _ in 0..n {
            let row: Vec<f32> = (0..5).map(|_| rng.normal() as f32 * 2.0).collect();
            let p = crate::trust::soften(&row, 5, 1.0);
            let mut left = f64::from(rng.unit());
            let label = p.iter().position(|p| {
                left -= p;
                left < 0.0
            });
            labels.push(label.unwrap_or(4) as u32);
            logits.extend(row.iter().map(|z| z * factor));
        }
        (logits, labels)
    }

    #[test]
    fn the_temperature_undoes_a_factor() {
        for factor in [0.5, 1.0, 3.0] {
            let (logits, labels) = drawn(20_000, factor);
            let temperature = fit_temperature(&logits, &labels, &Pool::new(2).unwrap());
            assert!((temperature / f64::from(factor) - 1.0).abs() < 0.05, "{factor}: {temperature}");
        }
    }

    #[test]
    fn the_bits_do_not_depend_on_the_threads() {
        let (logits, labels) = drawn(3001, 2.0);
        let of = |n| fit_temperature(&logits, &labels, &Pool::new(n).unwrap()).to_bits();
        assert!([2, 5].into_iter().all(|n| of(n) == of(1)));
    }

    #[test]
    fn a_few_right_answers_do_not_make_a_model_certain() {
        let temperature = fit_temperature(&[4.0, 0.0].repeat(20), &[0; 20], &Pool::current_thread());
        assert!((0.3..1.0).contains(&temperature), "{temperature}");
    }
}
