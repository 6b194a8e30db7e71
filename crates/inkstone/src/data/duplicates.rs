//! Which images of a dataset are the same picture: equal to the last byte, or nearly so: shifted by a pixel or two,
//! re-encoded, a little noisy, brighter or turned. Never looks at labels but to know what is usual within a class, and
//! never decides what to do about it.
//!
//! # When two images are near-duplicates
//! Hashes of a picture's coarse structure fail on digits: two different eights look alike. So pixels are compared. The
//! *distance* of two images is the root of the mean square difference of their pixels, brightness taken out, at the best
//! whole-pixel shift, divided by their contrast (the geometric mean of their standard deviations): 0 for the same picture,
//! about 1.4 for unrelated ones. A pair is near where its distance is below both of two thresholds, which the data set:
//!
//! 1. *explained by a small change*: what 90 % of known small changes (noise of ±8 levels, 2° of rotation, a shift of a
//!    third of a pixel) of sampled images of this set amount to;
//! 2. *not explained by crowding*: two ones of one hand are near each other, but so are eight others. Around an image whose
//!    10th neighbour is d₁₀ away, chance puts the nearest closer than r·d₁₀ with probability 9·rᵐ, where m is the dimension
//!    that the data have there (Levina and Bickel 2004, from the same distances, by class). r is chosen so that chance gives
//!    fewer than half a pair in the whole set.
//!
//! All pairs are looked at through 45 low frequencies, centred on each image's barycentre; the ten images that are nearest
//! there are compared pixel by pixel. A near-duplicate with more than nine others nearer in that coarse sense is missed,
//! and so are copies in clusters of more than ten, unless the copies differ by less than ±2 levels.

mod calibrate;
mod candidates;
mod distance;

use std::collections::BTreeMap;

use inkstone_kernels::Isa;

use self::calibrate::Calibrated;
use self::candidates::candidates;
use self::distance::Pictures;
use super::dataset::Dataset;
use super::fingerprint::Fingerprint;
use crate::parallel::Pool;

/// The pairs that are nearly the same picture, and how that was judged.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Near {
    /// The pairs, the nearest first; among exact duplicates only the first stands here.
    pub pairs: Vec<NearPair>,
    /// What 90 % of known small changes amount to: no pair is farther apart.
    pub small_change: f32,
    /// The share of the distance to the 10th neighbour that chance hardly ever goes below, by class.
    pub ratios: Vec<f32>,
    /// Per image, the distance to its 10th neighbour (the last, where there are fewer), and 0 for exact copies and images
    /// without contrast: what is far from all others is an outlier.
    pub reach: Vec<f32>,
}

/// Two images that are nearly the same picture.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct NearPair {
    /// The first image.
    pub a: u32,
    /// The second, later in the dataset.
    pub b: u32,
    /// Their distance.
    pub distance: f32,
    /// What it had to stay below.
    pub threshold: f32,
    /// By how many rows and columns of the compared size the second must be moved to lie on the first.
    pub shift: [i32; 2],
}

/// The groups of samples with the same size and pixels, each in the dataset's order, the groups by their first sample.
pub fn exact(fingerprint: &Fingerprint) -> Vec<Vec<u32>> {
    let mut by_hash: BTreeMap<&[u8; 32], Vec<u32>> = BTreeMap::new();
    for (i, hash) in fingerprint.samples.iter().enumerate() {
        by_hash.entry(hash).or_default().push(i as u32);
    }
    let mut groups: Vec<Vec<u32>> = by_hash.into_values().filter(|group| group.len() > 1).collect();
    groups.sort_unstable();
    groups
}

/// Finds the near-duplicates of a dataset. Images without contrast are compared with nothing. The result does not depend
/// on the number of threads.
pub fn near(dataset: &Dataset, fingerprint: &Fingerprint, pool: &Pool, isa: Isa) -> Near {
    let pictures = Pictures::new(&dataset.images, pool);
    let chosen = distinct(fingerprint, &pictures);
    let found = candidates(&pictures, &chosen, pool, isa);
    let neighbours = pictures.measure(&chosen, &found, pool);
    let labels: Vec<u32> = chosen.iter().map(|&i| dataset.samples[i as usize].label).collect();
    let calibrated = Calibrated::new(&pictures, &chosen, (&labels, dataset.classes.len()), &neighbours, pool);
    let mut reach = vec![0.0; dataset.images.len()];
    for (list, &i) in neighbours.iter().zip(&chosen) {
        reach[i as usize] = list.last().map_or(0.0, |last| last.distance);
    }
    let pairs = calibrated.pairs(&pictures, &chosen, &labels, &neighbours);
    Near { pairs, small_change: calibrated.small_change, ratios: calibrated.ratios, reach }
}

/// Exact and near-duplicates together: the groups of samples that belong on one side of a split, in the same order as
/// [`exact`]'s.
///
/// ```
/// assert_eq!(inkstone::data::duplicates::merged(9, &[vec![0, 4], vec![2, 3]], &[]), [vec![0, 4], vec![2, 3]]);
/// ```
pub fn merged(n_samples: usize, exact: &[Vec<u32>], near: &[NearPair]) -> Vec<Vec<u32>> {
    let mut parent: Vec<u32> = (0..n_samples as u32).collect();
    let links = exact.iter().flat_map(|group| group.windows(2).map(|two| (two[0], two[1])));
    for (a, b) in links.chain(near.iter().map(|pair| (pair.a, pair.b))) {
        let (a, b) = (root(&mut parent, a), root(&mut parent, b));
        parent[a.max(b) as usize] = a.min(b);
    }
    let mut groups: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for i in 0..n_samples as u32 {
        groups.entry(root(&mut parent, i)).or_default().push(i);
    }
    groups.into_values().filter(|group| group.len() > 1).collect()
}

/// The smallest sample of i's group; on the way the links are made shorter.
fn root(parent: &mut [u32], mut i: u32) -> u32 {
    while parent[i as usize] != i {
        parent[i as usize] = parent[parent[i as usize] as usize];
        i = parent[i as usize];
    }
    i
}

/// The images that are compared: the first of each group of equal ones, where it has contrast.
fn distinct(fingerprint: &Fingerprint, pictures: &Pictures) -> Vec<u32> {
    let mut is_first = vec![true; fingerprint.samples.len()];
    for group in exact(fingerprint) {
        group[1..].iter().for_each(|&i| is_first[i as usize] = false);
    }
    let all = 0..fingerprint.samples.len() as u32;
    all.filter(|&i| is_first[i as usize] && pictures.has_contrast(i)).collect()
}
