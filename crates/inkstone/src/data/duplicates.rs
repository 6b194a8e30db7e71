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
//!    of the data, measured by class from the same distances (the larger of the estimates of Levina and Bickel 2004 and of
//!    Facco et al. 2017). r is chosen so that chance gives fewer than half a pair in the whole set, and is at most a third.
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
use crate::spec::split::Duplicates;

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

/// The groups of samples that a recipe wants on one side of a split.
pub fn kept_together(
    rule: Duplicates,
    (dataset, fingerprint): (&Dataset, &Fingerprint),
    pool: &Pool,
    isa: Isa,
) -> Vec<Vec<u32>> {
    match rule {
        Duplicates::Ignore => Vec::new(),
        Duplicates::Together => exact(fingerprint),
        Duplicates::NearTogether => {
            merged(dataset.samples.len(), &exact(fingerprint), &near(dataset, fingerprint, pool, isa).pairs)
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::dataset::{Image, Rows, Size};
    use crate::data::fingerprint::fingerprint;
    use crate::rng::{Operation, Rng};

    const SIDE: usize = 24;
    const SIZE: Size = Size { height: SIDE, width: SIDE, channels: 1 };

    /// A few thick strokes at random places: no two images alike.
    fn scribble(number: u32) -> Vec<u8> {
        let mut rng = Rng::new(5, 0, number, Operation::Disturb);
        let mut pixels = vec![0_u8; SIZE.len()];
        for _ in 0..3 {
            let mut draw = || f64::from(rng.uniform(5.0, 18.0));
            let (from, to) = ([draw(), draw()], [draw(), draw()]);
            for step in 0..=40 {
                let share = f64::from(step) / 40.0;
                let at = [0, 1].map(|axis| from[axis] + share * (to[axis] - from[axis]));
                for (i, pixel) in pixels.iter_mut().enumerate() {
                    let distance = (i / SIDE) as f64 - at[0];
                    let distance = distance.hypot((i % SIDE) as f64 - at[1]);
                    *pixel = (*pixel).max((255.0 * (2.0 - distance).clamp(0.0, 1.0)) as u8);
                }
            }
        }
        pixels
    }

    fn dataset(images: &[Vec<u8>]) -> Dataset {
        let labels = vec![0; images.len()];
        let rows = Rows { part: None, size: SIZE, pixels: images.concat(), labels, groups: None };
        Dataset::from_rows("scribbles", vec!["scribble".into()], vec![rows]).unwrap()
    }

    fn find(images: &[Vec<u8>], n_threads: usize) -> Near {
        let (dataset, pool) = (dataset(images), Pool::new(n_threads).unwrap());
        near(&dataset, &fingerprint(&dataset, &pool), &pool, Isa::detect())
    }

    fn moved(pixels: &[u8], rows: usize, columns: usize) -> Vec<u8> {
        let mut out = vec![0; pixels.len()];
        for (i, out) in out.iter_mut().enumerate() {
            let (y, x) = (i / SIDE, i % SIDE);
            if y >= rows && x >= columns {
                *out = pixels[(y - rows) * SIDE + x - columns];
            }
        }
        out
    }

    #[test]
    fn exact_copies_are_grouped_in_order() {
        let images = [0, 1, 0, 2, 1, 0].map(scribble);
        let dataset = dataset(&images);
        let groups = exact(&fingerprint(&dataset, &Pool::current_thread()));
        assert_eq!(groups, [vec![0, 2, 5], vec![1, 4]]);
    }

    #[test]
    fn different_scribbles_are_no_copies_however_few_or_many() {
        for n in [2, 30, 600] {
            let images: Vec<Vec<u8>> = (0..n).map(scribble).collect();
            assert_eq!(find(&images, 2).pairs, [], "{n}");
        }
    }

    #[test]
    fn what_was_moved_brightened_or_made_noisy_is_found_and_nothing_else() {
        for n in [100, 600] {
            let mut images: Vec<Vec<u8>> = (0..n).map(scribble).collect();
            images.push(moved(&images[3], 1, 0));
            images.push(moved(&images[14], 2, 1));
            images.push(images[25].iter().map(|&byte| byte.saturating_add(5)).collect());
            images.push(images[36].iter().map(|&byte| byte.saturating_sub(5)).collect());
            let mut rng = Rng::new(1, 0, 0, Operation::Disturb);
            images.push(images[47].iter().map(|&byte| byte.saturating_add(rng.below(12) as u8)).collect());
            let found = find(&images, 3);
            let mut pairs: Vec<(u32, u32)> = found.pairs.iter().map(|pair| (pair.a, pair.b)).collect();
            pairs.sort_unstable();
            assert_eq!(pairs, [(3, n), (14, n + 1), (25, n + 2), (36, n + 3), (47, n + 4)], "{found:?}");
            let shift = found.pairs.iter().find(|pair| pair.a == 14).unwrap().shift;
            assert_eq!(shift, [-2, -1]);
            assert_eq!(found, find(&images, 1));
        }
    }

    /// As re-encoding does: JPEG at quality 90, written and read with the same library.
    #[cfg(feature = "formats")]
    #[test]
    fn what_went_through_jpeg_is_found() {
        let mut images: Vec<Vec<u8>> = (0..200).map(scribble).collect();
        for i in [7, 80, 150] {
            let mut bytes = Vec::new();
            let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 90);
            encoder.encode(&images[i], SIDE as u32, SIDE as u32, image::ExtendedColorType::L8).unwrap();
            let decoded = crate::data::decode::decode(&bytes).unwrap();
            images.push(match decoded.size.channels {
                1 => decoded.pixels,
                _ => decoded.pixels.iter().step_by(3).copied().collect(),
            });
        }
        let mut pairs: Vec<(u32, u32)> = find(&images, 2).pairs.iter().map(|pair| (pair.a, pair.b)).collect();
        pairs.sort_unstable();
        assert_eq!(pairs, [(7, 200), (80, 201), (150, 202)]);
    }

    #[test]
    fn blank_images_and_images_of_all_sizes_and_colours_do_no_harm() {
        let pool = Pool::new(2).unwrap();
        let blank = vec![9; SIZE.len()];
        assert_eq!(find(&[blank.clone(), blank.iter().map(|byte| byte + 1).collect()], 1).pairs, []);
        let mut dataset = dataset(&(0..40).map(scribble).collect::<Vec<_>>());
        let wide = Size { height: 1, width: 300, channels: 3 };
        let pixels: Vec<u8> = (0..900).map(|i| (i % 251) as u8).collect();
        let grey = (0..39).map(|i| dataset.images.get(i));
        dataset.images = super::super::dataset::Images::collect(grey.chain([Image { size: wide, pixels: &pixels }]));
        assert_eq!(near(&dataset, &fingerprint(&dataset, &pool), &pool, Isa::detect()).pairs, []);
    }

    #[test]
    fn exact_and_near_copies_are_merged() {
        let pair = |a, b| NearPair { a, b, distance: 0.0, threshold: 1.0, shift: [0, 0] };
        let groups = merged(9, &[vec![1, 4], vec![2, 3]], &[pair(4, 8), pair(3, 7), pair(1, 7)]);
        assert_eq!(groups, [vec![1, 2, 3, 4, 7, 8]]);
        assert_eq!(merged(3, &[], &[]), Vec::<Vec<u32>>::new());
    }
}
