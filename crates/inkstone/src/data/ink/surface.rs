//! A smooth surface through grey values: a polynomial of second degree in both axes, fitted so that outliers (ink)
//! hardly count.

use super::plane::Plane;

/// `a + b·x + c·y + d·x² + e·x·y + f·y²`, with x and y from −1 to 1 across the plane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Surface([f64; 6]);

/// A value at a place, to fit a surface to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weighted {
    terms: [f64; 6],
    value: f64,
}

/// One row of a surface: a parabola.
pub(super) struct Line {
    coefficients: [f32; 3],
    scale: f32,
    offset: f32,
}

/// How often weights are set anew.
const ROUNDS: usize = 8;

impl Weighted {
    pub(super) fn new(plane: &Plane, x: usize, y: usize) -> Self {
        Self { terms: terms(plane, x, y), value: f64::from(plane.at(x, y)) }
    }
}

impl Surface {
    /// The surface of least absolute differences (by iterated weights): half the samples may be anything.
    pub(super) fn fit(plane: &Plane, samples: &[Weighted]) -> Self {
        debug_assert!(!plane.pixels.is_empty());
        let mut surface = Self([median(samples.iter().map(|sample| sample.value)), 0.0, 0.0, 0.0, 0.0, 0.0]);
        for _ in 0..ROUNDS {
            surface = surface.refined(samples, |difference| 1.0 / difference.abs().max(2.0));
        }
        surface
    }

    /// The surface that most of the plane lies on, dark outliers left out: the ground below dark ink.
    pub(super) fn fit_from_above(plane: &Plane) -> Self {
        let step = (plane.width.max(plane.height) / 64).max(1);
        let places = (0..plane.height).step_by(step).flat_map(|y| (0..plane.width).step_by(step).map(move |x| (x, y)));
        let samples: Vec<Weighted> = places.map(|(x, y)| Weighted::new(plane, x, y)).collect();
        let mut surface = Self::fit(plane, &samples);
        for _ in 0..ROUNDS {
            let spread = 3.0 + 1.5 * median(samples.iter().map(|sample| surface.difference(sample).abs()));
            surface =
                surface.refined(
                    &samples,
                    |difference| {
                        if difference < -spread { 0.0 } else { 1.0 / difference.abs().max(2.0) }
                    },
                );
        }
        surface
    }

    pub(super) fn at_pixel(&self, plane: &Plane, x: usize, y: usize) -> f64 {
        self.value(&terms(plane, x, y))
    }

    /// Row y of the surface, at the pixels of `plane`.
    pub(super) fn line(&self, plane: &Plane, y: usize) -> Line {
        let [a, b, c, d, e, f] = self.0;
        let v = coordinate(y, plane.height);
        let coefficients = [a + c * v + f * v * v, b + e * v, d].map(|value| value as f32);
        let scale = 2.0 / plane.width as f32;
        Line { coefficients, scale, offset: scale / 2.0 - 1.0 }
    }

    fn value(&self, terms: &[f64; 6]) -> f64 {
        self.0.iter().zip(terms).map(|(a, t)| a * t).sum()
    }

    fn difference(&self, sample: &Weighted) -> f64 {
        sample.value - self.value(&sample.terms)
    }

    /// One step of weighted least squares.
    #[allow(clippy::needless_range_loop)] // The indices are the formula's.
    fn refined(&self, samples: &[Weighted], weight: impl Fn(f64) -> f64) -> Self {
        let mut normal = [[0.0; 7]; 6];
        for sample in samples {
            let weight = weight(self.difference(sample));
            for i in 0..6 {
                let scaled = weight * sample.terms[i];
                for k in i..6 {
                    normal[i][k] += scaled * sample.terms[k];
                }
                normal[i][6] += scaled * sample.value;
            }
        }
        let total = normal[0][0].max(1e-9);
        for i in 0..6 {
            for k in 0..i {
                normal[i][k] = normal[k][i];
            }
            // A little stiffness where the samples say nothing: in a picture of one row, say.
            normal[i][i] += total * if i == 0 { 1e-12 } else { 1e-5 };
        }
        solve(normal).map_or(*self, Self)
    }
}

impl Line {
    pub(super) fn at(&self, x: usize) -> f32 {
        let u = x as f32 * self.scale + self.offset;
        let [a, b, c] = self.coefficients;
        a + u * (b + u * c)
    }
}

fn coordinate(i: usize, n: usize) -> f64 {
    (2 * i + 1) as f64 / n as f64 - 1.0
}

fn terms(plane: &Plane, x: usize, y: usize) -> [f64; 6] {
    let (u, v) = (coordinate(x, plane.width), coordinate(y, plane.height));
    [1.0, u, v, u * u, u * v, v * v]
}

/// The middle value, the upper of two; 0 of none.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Gauss' elimination with the largest pivot; `None` where there is none.
#[allow(clippy::needless_range_loop)] // The indices are the formula's.
fn solve(mut rows: [[f64; 7]; 6]) -> Option<[f64; 6]> {
    for i in 0..6 {
        let pivot = (i..6).max_by(|&a, &b| rows[a][i].abs().total_cmp(&rows[b][i].abs()))?;
        rows.swap(i, pivot);
        if rows[i][i].abs() < 1e-300 {
            return None;
        }
        for k in i + 1..6 {
            let factor = rows[k][i] / rows[i][i];
            for j in i..7 {
                rows[k][j] -= factor * rows[i][j];
            }
        }
    }
    let mut solution = [0.0; 6];
    for i in (0..6).rev() {
        let known: f64 = (i + 1..6).map(|k| rows[i][k] * solution[k]).sum();
        solution[i] = (rows[i][6] - known) / rows[i][i];
    }
    solution.iter().all(|value| value.is_finite()).then_some(solution)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(value: impl Fn(usize, usize) -> u8) -> Plane {
        Plane::new(40, 30, (0..1200).map(|i| value(i % 40, i / 40)).collect())
    }

    #[test]
    fn a_ramp_is_found_below_dark_ink() {
        let inked =
            plane(|x, y| if (10..20).contains(&x) && (5..25).contains(&y) { 10 } else { 100 + x as u8 + y as u8 });
        let surface = Surface::fit_from_above(&inked);
        for (x, y) in [(0, 0), (15, 15), (39, 29)] {
            assert!((surface.at_pixel(&inked, x, y) - (100 + x + y) as f64).abs() < 1.0, "{x} {y}");
            assert!((surface.line(&inked, y).at(x) - (100 + x + y) as f32).abs() < 1.0, "{x} {y}");
        }
    }

    #[test]
    fn a_single_row_and_a_single_pixel_are_surfaces_too() {
        for (width, height) in [(1, 1), (50, 1), (1, 50)] {
            let plane = Plane::constant(width, height, 77);
            assert!((Surface::fit_from_above(&plane).at_pixel(&plane, 0, 0) - 77.0).abs() < 0.5);
        }
    }
}
