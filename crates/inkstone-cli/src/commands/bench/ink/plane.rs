//! A plane of numbers, and what is done to whole planes: distances, blur, smooth noise. Knows nothing of digits.

use inkstone::rng::Rng;

/// Rows of `width` numbers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plane {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) values: Vec<f32>,
}

impl Plane {
    pub(super) fn filled(width: usize, height: usize, value: f32) -> Self {
        Self { width, height, values: vec![value; width * height] }
    }

    /// The value of a pixel; outside, that of the nearest one.
    pub(super) fn at(&self, x: isize, y: isize) -> f32 {
        let x = x.clamp(0, self.width as isize - 1) as usize;
        let y = y.clamp(0, self.height as isize - 1) as usize;
        self.values[y * self.width + x]
    }

    /// Bilinear between pixel centres, which lie at whole numbers.
    pub(super) fn sample(&self, x: f32, y: f32) -> f32 {
        let (left, top) = (x.floor(), y.floor());
        let (u, v) = (x - left, y - top);
        let (i, j) = (left as isize, top as isize);
        let upper = self.at(i, j) * (1.0 - u) + self.at(i + 1, j) * u;
        let lower = self.at(i, j + 1) * (1.0 - u) + self.at(i + 1, j + 1) * u;
        upper * (1.0 - v) + lower * v
    }

    /// A Gaussian of deviation `sigma` along both axes, cut off at three deviations.
    pub(super) fn blur(&mut self, sigma: f32) {
        let reach = (3.0 * sigma).ceil() as isize;
        if reach < 1 || self.values.is_empty() {
            return;
        }
        let weight = |offset: isize| (-0.5 * (offset as f32 / sigma).powi(2)).exp();
        let weights: Vec<f32> = (-reach..=reach).map(weight).collect();
        let total: f32 = weights.iter().sum();
        let reach = reach as usize;
        let mut padded = vec![0.0; self.width + 2 * reach];
        for row in self.values.chunks_exact_mut(self.width) {
            padded[..reach].fill(row[0]);
            padded[reach..reach + row.len()].copy_from_slice(row);
            padded[reach + row.len()..].fill(row[row.len() - 1]);
            for (value, window) in row.iter_mut().zip(padded.windows(weights.len())) {
                *value = window.iter().zip(&weights).map(|(value, weight)| value * weight).sum::<f32>() / total;
            }
        }
        let before = self.values.clone();
        for (y, row) in self.values.chunks_exact_mut(self.width).enumerate() {
            row.fill(0.0);
            for (k, weight) in weights.iter().enumerate() {
                let from = (y + k).saturating_sub(reach).min(self.height - 1) * self.width;
                let share = weight / total;
                row.iter_mut().zip(&before[from..]).for_each(|(value, before)| *value += share * before);
            }
        }
    }

    /// Smooth noise between −1 and 1: random values on a lattice of `step` pixels, bilinear in between.
    pub(super) fn add_noise(&mut self, step: f32, amplitude: f32, rng: &mut Rng) {
        let (columns, rows) = ((self.width as f32 / step) as usize + 2, (self.height as f32 / step) as usize + 2);
        let mut lattice = Self::filled(columns, rows, 0.0);
        lattice.values.iter_mut().for_each(|value| *value = rng.uniform(-1.0, 1.0));
        let places: Vec<(usize, f32)> =
            (0..self.width).map(|x| x as f32 / step).map(|x| (x as usize, x - x.floor())).collect();
        let mut between = vec![0.0; columns];
        for (y, row) in self.values.chunks_exact_mut(self.width).enumerate() {
            let y = y as f32 / step;
            let (above, below) = lattice.values[y as usize * columns..].split_at(columns);
            let share = y - y.floor();
            let mix = |(above, below): (&f32, &f32)| amplitude * (above + share * (below - above));
            between.iter_mut().zip(above.iter().zip(below).map(mix)).for_each(|(to, value)| *to = value);
            for (value, &(left, share)) in row.iter_mut().zip(&places) {
                *value += between[left] + share * (between[left + 1] - between[left]);
            }
        }
    }
}

/// For each pixel the distance between its centre and the nearest centre of a pixel that is set; 10⁶ where none is.
///
/// Source: Felzenszwalb and Huttenlocher, "Distance transforms of sampled functions", 2012.
pub(super) fn distances(set: &[bool], width: usize) -> Vec<f32> {
    const FAR: f32 = 1e12;
    let height = set.len() / width;
    let mut squares: Vec<f32> = set.iter().map(|&set| if set { 0.0 } else { FAR }).collect();
    let mut column = vec![0.0; height];
    for x in 0..width {
        (0..height).for_each(|y| column[y] = squares[y * width + x]);
        let nearest = lower_envelope(&column);
        (0..height).for_each(|y| squares[y * width + x] = nearest[y]);
    }
    for row in squares.chunks_exact_mut(width) {
        row.copy_from_slice(&lower_envelope(row));
    }
    squares.into_iter().map(|square| square.sqrt().min(1e6)).collect()
}

/// `out[q] = min over p of (q − p)² + f[p]`: the lowest of the parabolas that stand on f.
fn lower_envelope(f: &[f32]) -> Vec<f32> {
    let crossing = |p: usize, q: usize| {
        let [a, b] = [p, q].map(|i| f64::from(f[i]) + (i * i) as f64);
        (b - a) / (2.0 * (q as f64 - p as f64))
    };
    // Parabolas of the envelope from left to right, and from where on each is the lowest.
    let mut parabolas: Vec<(usize, f64)> = vec![(0, f64::NEG_INFINITY)];
    for q in 1..f.len() {
        while let Some(&(p, from)) = parabolas.last() {
            let from_here = crossing(p, q);
            if from_here > from {
                parabolas.push((q, from_here));
                break;
            }
            parabolas.pop();
        }
        if parabolas.is_empty() {
            parabolas.push((q, f64::NEG_INFINITY));
        }
    }
    let mut k = 0;
    let value = |q: usize| {
        while parabolas.get(k + 1).is_some_and(|&(_, from)| from < q as f64) {
            k += 1;
        }
        let p = parabolas[k].0;
        (q as f32 - p as f32).powi(2) + f[p]
    };
    (0..f.len()).map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use inkstone::rng::Operation;

    #[test]
    fn distances_are_those_of_a_search_over_all_pixels() {
        let mut rng = Rng::new(1, 0, 0, Operation::Handwriting);
        for (width, height) in [(1, 1), (7, 5), (13, 20)] {
            let set: Vec<bool> = (0..width * height).map(|_| rng.below(9) == 0).collect();
            let found = distances(&set, width);
            for (i, found) in found.into_iter().enumerate() {
                let square = |k: usize| {
                    let [dx, dy] = [(k % width).abs_diff(i % width), (k / width).abs_diff(i / width)];
                    (dx * dx + dy * dy) as f32
                };
                let squares = (0..set.len()).filter(|&k| set[k]).map(square);
                let expected = squares.fold(1e12, f32::min).sqrt();
                assert!((found - expected).abs() < 1e-3, "{width}×{height}, {i}: {found}, {expected}");
            }
        }
    }

    #[test]
    fn a_blur_keeps_the_sum_and_a_plane_of_one_value() {
        let mut point = Plane::filled(21, 21, 0.0);
        point.values[10 * 21 + 10] = 1.0;
        point.blur(1.5);
        assert!((point.values.iter().sum::<f32>() - 1.0).abs() < 1e-4);
        assert!(point.values[10 * 21 + 10] < 0.2);
        let mut plain = Plane::filled(5, 4, 7.0);
        plain.blur(2.0);
        assert!(plain.values.iter().all(|value| (value - 7.0).abs() < 1e-4));
    }
}
