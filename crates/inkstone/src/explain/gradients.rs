//! Saliency and integrated gradients: maps that follow the slope of F.

use super::map::Explained;

/// Gradients that are asked for at once: what a batch of interpolated images may take of memory.
const STEPS_AT_ONCE: usize = 64;
/// The first number of steps that is tried.
const FEWEST_STEPS: usize = 32;
/// The last: a network of piecewise linear layers needs tens, and more would be waited for.
const MOST_STEPS: usize = 2048;
/// A gap that ends the search: half of what [`super::checks`] allows.
const GOOD_GAP: f64 = 0.005;

/// Integrated gradients and how they were found.
pub(super) struct Integrated {
    /// What each value of the input adds.
    pub(super) attributions: Vec<f32>,
    /// Steps of the midpoint rule.
    pub(super) n_steps: usize,
    /// |Σ attributions − (F(x) − F(b))| as a share of |F(x) − F(b)|.
    pub(super) gap: f64,
}

impl Explained<'_> {
    /// ∂F/∂x at the image.
    pub(super) fn slopes(&self) -> Vec<f32> {
        self.network.gradients(1, self.question, &|_, values| values.copy_from_slice(&self.subject.values))
    }

    /// `(x − b) · mean over k of ∂F/∂x (b + (k + ½)/n · (x − b))`, n steps; or as many as make the gap small.
    pub(super) fn integrated(&self, n_steps: Option<usize>) -> Integrated {
        let mut n = n_steps.unwrap_or(FEWEST_STEPS).max(1);
        loop {
            let attributions = self.integrate(n);
            let gap = self.gap(&attributions);
            if n_steps.is_some() || gap <= GOOD_GAP || n >= MOST_STEPS {
                return Integrated { attributions, n_steps: n, gap };
            }
            n *= 2;
        }
    }

    fn integrate(&self, n: usize) -> Vec<f32> {
        let (x, b) = (&self.subject.values, &self.subject.ground);
        let mut sums = vec![0.0_f64; x.len()];
        for first in (0..n).step_by(STEPS_AT_ONCE) {
            let write = |k: usize, values: &mut [f32]| {
                let t = ((first + k) as f64 + 0.5) / n as f64;
                for ((value, &x), &b) in values.iter_mut().zip(x).zip(b) {
                    *value = (f64::from(b) + t * (f64::from(x) - f64::from(b))) as f32;
                }
            };
            let gradients = self.network.gradients(STEPS_AT_ONCE.min(n - first), self.question, &write);
            for row in gradients.chunks_exact(x.len()) {
                sums.iter_mut().zip(row).for_each(|(sum, &d)| *sum += f64::from(d));
            }
        }
        let means = sums.into_iter().map(|sum| sum / n as f64);
        means.zip(x.iter().zip(b)).map(|(mean, (&x, &b))| (mean * (f64::from(x) - f64::from(b))) as f32).collect()
    }

    /// How far a map that should add up to F(x) − F(b) does not, as a share of it. Where there is nothing to add up to,
    /// 0 if the map adds up to nothing too, else 1.
    fn gap(&self, attributions: &[f32]) -> f64 {
        /// Of a logit: what rounding leaves.
        const NOTHING: f64 = 1e-5;
        let ends = [&self.subject.values, &self.subject.ground];
        let scores = self.network.scores(2, self.question, &|i, values| values.copy_from_slice(ends[i]));
        let difference = scores[0] - scores[1];
        let error = (attributions.iter().map(|&a| f64::from(a)).sum::<f64>() - difference).abs();
        if difference.abs() > NOTHING {
            error / difference.abs()
        } else if error > NOTHING {
            1.0
        } else {
            0.0
        }
    }
}
