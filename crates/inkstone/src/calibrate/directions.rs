//! Means and covariances of the directions and lengths that training images take in a network's features ([`crate::trust::Novelty`]).

use super::Network;
use crate::data::Samples;
use crate::error::Result;
use crate::parallel::Pool;
use crate::trust::{Novelty, Projection};

/// Training images that are looked at, spread evenly over each class: more change nothing that can be measured.
const MAX_IMAGES: usize = 20_000;
/// At least so many of a class, where it has them.
const MIN_OF_CLASS: usize = 64;
/// Above so many values (2 MiB) all classes share one covariance.
const MAX_FACTOR_VALUES: usize = 1 << 19;
/// The share of the mean variance that is added to each variance: no direction counts as never taken.
const RIDGE: f64 = 0.01;

/// Fits all but the limits.
pub(super) fn fit(network: &Network<'_>, training: &Samples) -> Result<Novelty> {
    let projection = Projection::new(network.n_features());
    let chosen = choose(&training.labels, network.n_classes);
    let mut directions: Vec<Vec<f32>> = Vec::with_capacity(chosen.len());
    network.run(training, &chosen, &mut |_, features| {
        let rows = features.len() / network.n_features();
        let row = |i: usize| &features[i * network.n_features()..][..network.n_features()];
        directions.extend(network.pool.map(rows, |i| projection.describe(row(i))));
    })?;
    let mut classes: Vec<Vec<&[f32]>> = vec![Vec::new(); network.n_classes];
    for (direction, &position) in directions.iter().zip(&chosen) {
        classes[training.labels[position as usize] as usize].push(direction);
    }
    let (means, factors) = describe(&classes, projection.dimensions(), network.pool);
    Ok(Novelty::new(projection, means, factors))
}

/// The positions that are looked at, ascending: of each class its share, evenly spread.
fn choose(labels: &[u32], n_classes: usize) -> Vec<u32> {
    let most = (MAX_IMAGES / n_classes).max(MIN_OF_CLASS);
    let mut classes = vec![Vec::new(); n_classes];
    labels.iter().enumerate().for_each(|(i, &label)| classes[label as usize].push(i as u32));
    let mut chosen: Vec<u32> = classes
        .iter()
        .flat_map(|class| {
            let n = class.len().min(most);
            (0..n).map(move |k| class[k * class.len() / n])
        })
        .collect();
    chosen.sort_unstable();
    chosen
}

/// Means, and the inverse Cholesky factors of covariances, as [`Novelty`] keeps them.
fn describe(classes: &[Vec<&[f32]>], d: usize, pool: &Pool) -> (Vec<f32>, Vec<f32>) {
    let n: usize = classes.iter().map(Vec::len).sum();
    let overall = mean(classes.iter().flatten().copied(), d).unwrap_or_else(|| vec![0.0; d]);
    let means: Vec<Vec<f64>> =
        classes.iter().map(|class| mean(class.iter().copied(), d).unwrap_or_else(|| overall.clone())).collect();
    // Each class is summed up by one thread, in the order of its images.
    let scatters = pool.map(classes.len(), |c| scatter(&classes[c], &means[c]));
    let mut shared = vec![0.0; d * d];
    for scatter in &scatters {
        shared.iter_mut().zip(scatter).for_each(|(sum, s)| *sum += s);
    }
    shared.iter_mut().for_each(|sum| *sum /= n as f64);
    let is_shared = classes.len() * d * (d + 1) / 2 > MAX_FACTOR_VALUES;
    let factors = if is_shared {
        inverse_factor(shared, d)
    } else {
        // The fewer images a class has, the more its covariance is everybody's: as if d more had shown that.
        let own = |c: usize| {
            let (n, d_images) = (classes[c].len() as f64, d as f64);
            let mixed = scatters[c].iter().zip(&shared).map(|(s, shared)| (s + d_images * shared) / (n + d_images));
            inverse_factor(mixed.collect(), d)
        };
        pool.map(classes.len(), own).concat()
    };
    (means.concat().into_iter().map(|value| value as f32).collect(), factors)
}

fn mean<'a>(rows: impl Iterator<Item = &'a [f32]>, d: usize) -> Option<Vec<f64>> {
    let (mut sums, mut n) = (vec![0.0; d], 0_u64);
    for row in rows {
        sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
        n += 1;
    }
    (n > 0).then(|| sums.into_iter().map(|sum| sum / n as f64).collect())
}

/// Σ (z − μ)(z − μ)ᵀ; of the symmetric matrix only the lower triangle.
fn scatter(rows: &[&[f32]], mean: &[f64]) -> Vec<f64> {
    let d = mean.len();
    let mut sums = vec![0.0; d * d];
    let mut away = vec![0.0; d];
    for row in rows {
        away.iter_mut().zip(*row).zip(mean).for_each(|((away, &value), mean)| *away = f64::from(value) - mean);
        for i in 0..d {
            let factor = away[i];
            sums[i * d..=i * d + i].iter_mut().zip(&away).for_each(|(sum, away)| *sum += factor * away);
        }
    }
    sums
}

/// L⁻¹ of a covariance L Lᵀ with the ridge added: its lower triangle, column by column.
fn inverse_factor(mut covariance: Vec<f64>, d: usize) -> Vec<f32> {
    let trace: f64 = (0..d).map(|i| covariance[i * d + i]).sum();
    // Where all directions are the same there is no variance at all.
    let ridge = RIDGE * trace / d as f64 + 1e-9;
    (0..d).for_each(|i| covariance[i * d + i] += ridge);
    cholesky(&mut covariance, d);
    let l = covariance;
    let mut columns = Vec::with_capacity(d * (d + 1) / 2);
    let mut x = vec![0.0; d];
    for j in 0..d {
        // L x = e_j, from the diagonal down.
        for i in j..d {
            let sum: f64 = (j..i).map(|k| l[i * d + k] * x[k]).sum();
            x[i] = (f64::from(u8::from(i == j)) - sum) / l[i * d + i];
        }
        columns.extend(x[j..].iter().map(|&value| value as f32));
    }
    columns
}

/// A = L Lᵀ in place, the lower triangle alone. A is positive definite by its ridge.
fn cholesky(a: &mut [f64], d: usize) {
    for j in 0..d {
        for i in j..d {
            let sum: f64 = (0..j).map(|k| a[i * d + k] * a[j * d + k]).sum();
            let rest = a[i * d + j] - sum;
            a[i * d + j] = if i == j { rest.max(1e-12).sqrt() } else { rest / a[j * d + j] };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_is_the_inverse_of_the_covariances_root() {
        let a = vec![4.0, 0.0, 2.0, 5.0];
        let columns = inverse_factor(a, 2);
        let ridge = 0.01 * 4.5;
        // L = [[√a, 0], [2/√a, √(b − 4/a)]]
        let (first, second) = (4.0_f64 + ridge, 5.0 + ridge);
        let below = (second - 4.0 / first).sqrt();
        let expected = [1.0 / first.sqrt(), -2.0 / (first * below), 1.0 / below];
        assert!(columns.iter().zip(expected).all(|(&a, b)| (f64::from(a) - b).abs() < 1e-6), "{columns:?}");
    }

    #[test]
    fn images_are_chosen_evenly_and_small_classes_whole() {
        let labels: Vec<u32> = (0..60_000).map(|i| u32::from(i % 1000 == 0)).collect();
        let chosen = choose(&labels, 2);
        assert!(chosen.is_sorted() && chosen.len() == MAX_IMAGES / 2 + 60);
        assert!(chosen.windows(2).all(|two| two[1] - two[0] < 9));
        assert_eq!(choose(&[0, 0, 2], 3), [0, 1, 2], "a class may have none");
    }

    #[test]
    fn a_class_without_images_and_images_that_are_all_alike_are_borne() {
        let row = [0.6_f32, 0.8];
        let (means, factors) = describe(&[vec![&row, &row], vec![]], 2, &Pool::current_thread());
        assert_eq!(means, [0.6, 0.8, 0.6, 0.8]);
        assert!(factors.len() == 6 && factors.iter().all(|value| value.is_finite()), "{factors:?}");
    }
}
