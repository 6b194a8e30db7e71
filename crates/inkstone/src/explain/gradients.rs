//! Saliency and integrated gradients: maps that follow the slope of F.
//!
//! The path from the ground b to the image x is cut into stretches, the slope is taken in the middle of each. What each should
//! add up to is known, since F is known at its ends: where they differ most, at the kinks of a network of piecewise linear
//! layers, a stretch is halved. So a gap of less than 1 % costs tens of gradients where even steps would cost thousands.

use super::map::Explained;

/// Gradients that are asked for at once: what a batch of interpolated images may take of memory.
const AT_ONCE: usize = 64;
/// Even steps to begin with.
const FEWEST_STEPS: usize = 32;
/// Stretches at the end, at most.
const MOST_STEPS: usize = 2048;
/// A gap that ends the search: half of what [`super::checks`] allows.
const GOOD_GAP: f64 = 0.005;
/// Of a logit: what rounding leaves.
const NOTHING: f64 = 1e-5;

/// Integrated gradients and how they were found.
pub(super) struct Integrated {
    /// What each value of the input adds.
    pub(super) attributions: Vec<f32>,
    /// Stretches of the path.
    pub(super) n_steps: usize,
    /// |Σ attributions − (F(x) − F(b))| as a share of |F(x) − F(b)|.
    pub(super) gap: f64,
}

/// A stretch of the path `b + t(x − b)`, its ends as t.
#[derive(Clone, Copy)]
struct Stretch {
    start: f64,
    end: f64,
    /// F at the ends.
    from: f64,
    to: f64,
    /// d F / d t in the middle.
    slope: f64,
}

impl Stretch {
    fn length(self) -> f64 {
        self.end - self.start
    }

    fn middle(self) -> f64 {
        f64::midpoint(self.start, self.end)
    }

    /// By how much its slope misses what F changes by.
    fn error(self) -> f64 {
        self.slope * self.length() - (self.to - self.from)
    }
}

impl Explained<'_> {
    /// ∂F/∂x at the image.
    pub(super) fn slopes(&self) -> Vec<f32> {
        self.network.gradients(1, self.question, &|_, values| values.copy_from_slice(&self.subject.values))
    }

    /// `(x − b) · Σ_k length[k] · ∂F/∂x (b + middle[k] · (x − b))` over the stretches of the path: n even ones, which is the
    /// midpoint rule, or as many as make the gap small.
    pub(super) fn integrated(&self, n_steps: Option<usize>) -> Integrated {
        let mut sums = vec![0.0; self.subject.values.len()];
        let mut path = self.even(n_steps.unwrap_or(FEWEST_STEPS).max(1), &mut sums);
        if n_steps.is_none() {
            while gap(&path) > GOOD_GAP && path.len() < MOST_STEPS {
                self.halve_the_worst(&mut path, &mut sums);
            }
        }
        let distances = self.subject.values.iter().zip(&self.subject.ground);
        let attributions = sums.iter().zip(distances).map(|(sum, (&x, &b))| (sum * f64::from(x - b)) as f32).collect();
        Integrated { attributions, n_steps: path.len(), gap: gap(&path) }
    }

    /// n stretches of the same length.
    fn even(&self, n: usize, sums: &mut [f64]) -> Vec<Stretch> {
        let places: Vec<f64> = (0..=n).map(|k| k as f64 / n as f64).collect();
        let middles: Vec<(f64, f64)> = (0..n).map(|k| ((k as f64 + 0.5) / n as f64, 1.0 / n as f64)).collect();
        let scores = self.scores_at(&places);
        let slopes = self.walk(&middles, sums);
        let stretch = |k: usize| Stretch {
            start: places[k],
            end: places[k + 1],
            from: scores[k],
            to: scores[k + 1],
            slope: slopes[k],
        };
        (0..n).map(stretch).collect()
    }

    /// Halves the stretches that miss more than their share of what may be missed; the worst one at least.
    fn halve_the_worst(&self, path: &mut Vec<Stretch>, sums: &mut [f64]) {
        let worst = path.iter().map(|stretch| stretch.error().abs()).fold(0.0, f64::max);
        let allowed = GOOD_GAP * difference(path).abs() / path.len() as f64;
        let (split, kept): (Vec<Stretch>, Vec<Stretch>) =
            path.iter().copied().partition(|stretch| stretch.error().abs() > allowed || stretch.error().abs() >= worst);
        // What the middles added is taken back.
        self.walk(&split.iter().map(|whole| (whole.middle(), -whole.length())).collect::<Vec<_>>(), sums);
        let scores = self.scores_at(&split.iter().map(|whole| whole.middle()).collect::<Vec<_>>());
        let mut halves: Vec<Stretch> = Vec::with_capacity(2 * split.len());
        for (whole, &score) in split.iter().zip(&scores) {
            halves.push(Stretch { end: whole.middle(), to: score, ..*whole });
            halves.push(Stretch { start: whole.middle(), from: score, ..*whole });
        }
        let slopes = self.walk(&halves.iter().map(|half| (half.middle(), half.length())).collect::<Vec<_>>(), sums);
        halves.iter_mut().zip(slopes).for_each(|(half, slope)| half.slope = slope);
        *path = kept;
        path.extend(halves);
    }

    /// F at places of the path.
    fn scores_at(&self, places: &[f64]) -> Vec<f64> {
        self.network.scores(places.len(), self.question, &|k, values| self.write_at(places[k], values))
    }

    /// d F / d t at places of the path; adds to `sums` their weight times ∂F/∂x there.
    fn walk(&self, places: &[(f64, f64)], sums: &mut [f64]) -> Vec<f64> {
        let (x, b) = (&self.subject.values, &self.subject.ground);
        let mut slopes = Vec::with_capacity(places.len());
        for places in places.chunks(AT_ONCE) {
            let write = |k: usize, values: &mut [f32]| self.write_at(places[k].0, values);
            let gradients = self.network.gradients(places.len(), self.question, &write);
            for ((_, weight), row) in places.iter().zip(gradients.chunks_exact(x.len())) {
                sums.iter_mut().zip(row).for_each(|(sum, &d)| *sum += weight * f64::from(d));
                let along = row.iter().zip(x.iter().zip(b)).map(|(&d, (&x, &b))| f64::from(d) * f64::from(x - b));
                slopes.push(along.sum());
            }
        }
        slopes
    }

    /// `b + t(x − b)`.
    fn write_at(&self, t: f64, values: &mut [f32]) {
        for ((value, &x), &b) in values.iter_mut().zip(&self.subject.values).zip(&self.subject.ground) {
            *value = (f64::from(b) + t * (f64::from(x) - f64::from(b))) as f32;
        }
    }
}

/// F(x) − F(b).
fn difference(path: &[Stretch]) -> f64 {
    path.iter().map(|stretch| stretch.to - stretch.from).sum()
}

/// How far a path misses F(x) − F(b), as a share of it. Where there is nothing to add up to, 0 if the path adds up to
/// nothing too, else 1.
fn gap(path: &[Stretch]) -> f64 {
    let difference = difference(path).abs();
    let error = path.iter().map(|stretch| stretch.error()).sum::<f64>().abs();
    if difference > NOTHING {
        error / difference
    } else if error > NOTHING {
        1.0
    } else {
        0.0
    }
}
