//! Divides samples into k folds: disjoint, complete, balanced by class, seeded, groups kept together. Each fold is once
//! what is looked at while the others are learned from. Never looks at pixels.

use super::Roster;
use crate::data::dataset::Dataset;
use crate::error::{Error, ErrorKind, Result};
use crate::rng::{Operation, Rng};

/// Divides the samples at `members` into `k` folds, each ascending.
///
/// Without groups, sizes are those of the largest remainder: two folds differ by at most one sample, as a whole and in
/// each class. Samples of one group ([`crate::data::dataset::Sample::group`]) stay in one fold, so that sizes are then
/// only as near as the groups allow. The seed decides, not the number of threads or the order of `members`.
///
/// # Errors
/// `Spec` for fewer than two folds, `Data` where there are fewer samples (or groups) than folds.
///
/// # Panics
/// If a member is no sample of the dataset.
///
/// ```
/// use inkstone::data::dataset::{Dataset, Rows, Size};
/// let size = Size { height: 1, width: 1, channels: 1 };
/// let rows = Rows { part: None, size, pixels: vec![0; 7], labels: vec![0, 0, 0, 0, 1, 1, 1], groups: None };
/// let dataset = Dataset::from_rows("mine", vec!["a".into(), "b".into()], vec![rows])?;
/// let folds = inkstone::data::split::folds::folds(&dataset, &[0, 1, 2, 3, 4, 5, 6], 3, 0)?;
/// assert_eq!(folds.iter().map(Vec::len).collect::<Vec<_>>(), [3, 2, 2]);
/// # Ok::<(), inkstone::Error>(())
/// ```
pub fn folds(dataset: &Dataset, members: &[u32], k: usize, seed: u64) -> Result<Vec<Vec<u32>>> {
    deal(Roster::of(dataset), members, k, seed)
}

/// The same by what a split looks at.
pub(super) fn deal(roster: Roster<'_>, members: &[u32], k: usize, seed: u64) -> Result<Vec<Vec<u32>>> {
    if k < 2 {
        return Err(Error::mismatch(ErrorKind::Spec, "2 folds or more", k.to_string()).with_place("data.folds"));
    }
    let is_grouped = roster.is_grouped(members);
    let mut folds = if is_grouped { by_groups(roster, members, k, seed) } else { by_classes(roster, members, k, seed) };
    folds.iter_mut().for_each(|fold| fold.sort_unstable());
    if folds.iter().any(Vec::is_empty) {
        let what = if is_grouped { "groups" } else { "images" };
        let expected = format!("enough {what} for {k} folds");
        let found = format!("{} {what}", if is_grouped { roster.groups(members).len() } else { members.len() });
        return Err(Error::mismatch(ErrorKind::Data, expected, found).with_place("data.folds"));
    }
    Ok(folds)
}

/// Class by class in random order, dealt like cards without starting anew at the next class: so neither a class nor the
/// whole is off by more than one.
fn by_classes(roster: Roster<'_>, members: &[u32], k: usize, seed: u64) -> Vec<Vec<u32>> {
    let mut classes = vec![Vec::new(); roster.n_classes];
    let mut sorted = members.to_vec();
    sorted.sort_unstable();
    for i in sorted {
        classes[roster.label(i)].push(i);
    }
    let mut folds = vec![Vec::with_capacity(members.len().div_ceil(k)); k];
    let mut next = 0;
    for (label, class) in classes.iter_mut().enumerate() {
        Rng::new(seed, 0, label as u32, Operation::Folds).shuffle(class);
        for &i in class.iter() {
            folds[next % k].push(i);
            next += 1;
        }
    }
    folds
}

/// Whole groups, the largest first (in random order among equals), each to the fold that lacks most of its classes.
fn by_groups(roster: Roster<'_>, members: &[u32], k: usize, seed: u64) -> Vec<Vec<u32>> {
    let mut groups = roster.groups(members);
    Rng::new(seed, 0, u32::MAX, Operation::Folds).shuffle(&mut groups);
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    let label = |i: u32| roster.label(i);
    let mut counts = vec![0_usize; roster.n_classes];
    members.iter().for_each(|&i| counts[label(i)] += 1);
    // What each fold still lacks of each class, as a share of what it should have.
    let mut lacking = vec![vec![1.0_f64; k]; counts.len()];
    let mut folds = vec![Vec::new(); k];
    for group in groups {
        let need = |fold: usize| group.iter().map(|&i| lacking[label(i)][fold]).sum::<f64>();
        let fold = (0..k).max_by(|&a, &b| need(a).total_cmp(&need(b)).then(b.cmp(&a))).unwrap_or(0);
        for &i in &group {
            lacking[label(i)][fold] -= k as f64 / counts[label(i)] as f64;
        }
        folds[fold].extend(group);
    }
    folds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::dataset::{Rows, Size};
    use std::collections::BTreeSet;

    fn dataset(labels: Vec<u32>, groups: Option<Vec<u32>>) -> Dataset {
        let size = Size { height: 1, width: 1, channels: 1 };
        let rows = Rows { part: None, size, pixels: vec![0; labels.len()], labels, groups };
        Dataset::from_rows("set", (0..10).map(|class| class.to_string()).collect(), vec![rows]).unwrap()
    }

    #[test]
    fn folds_are_disjoint_complete_and_off_by_at_most_one_as_a_whole_and_in_each_class() {
        let mut rng = Rng::new(3, 0, 0, Operation::Folds);
        for case in 0..300 {
            let n = 20 + rng.below(400);
            let set = dataset((0..n).map(|_| rng.below(10).min(rng.below(10))).collect(), None);
            let members: Vec<u32> = (0..n).filter(|i| i % 7 != 3).collect();
            let k = 2 + rng.below(9) as usize;
            let folds = folds(&set, &members, k, case).unwrap();
            let mut all = folds.concat();
            all.sort_unstable();
            assert_eq!(all, members, "case {case}");
            let spread = |counts: Vec<usize>| counts.iter().max().unwrap() - counts.iter().min().unwrap();
            assert!(spread(folds.iter().map(Vec::len).collect()) <= 1, "case {case}");
            for label in 0..10 {
                let of_class =
                    |fold: &Vec<u32>| fold.iter().filter(|&&i| set.samples[i as usize].label == label).count();
                assert!(spread(folds.iter().map(of_class).collect()) <= 1, "case {case}: class {label}");
            }
        }
    }

    #[test]
    fn a_group_is_in_one_fold_and_sizes_are_near() {
        let mut rng = Rng::new(8, 0, 0, Operation::Folds);
        for seed in 0..30 {
            let labels = (0..2000).map(|_| rng.below(10)).collect();
            let mut set = dataset(labels, Some((0..2000).map(|_| rng.below(100)).collect()));
            set.samples[9].group = None;
            let folds = folds(&set, &(0..2000).collect::<Vec<_>>(), 5, seed).unwrap();
            let groups = |fold: &Vec<u32>| -> BTreeSet<u32> {
                fold.iter().filter_map(|&i| set.samples[i as usize].group).collect()
            };
            let kept: Vec<BTreeSet<u32>> = folds.iter().map(groups).collect();
            assert_eq!(kept.iter().map(BTreeSet::len).sum::<usize>(), 100);
            assert_eq!(folds.iter().map(Vec::len).sum::<usize>(), 2000);
            assert!(folds.iter().all(|fold| fold.len().abs_diff(400) <= 20), "seed {seed}");
        }
    }

    #[test]
    fn the_seed_decides_and_the_order_of_the_members_does_not() {
        let set = dataset(vec![1; 100], None);
        let (up, down): (Vec<u32>, Vec<u32>) = ((0..100).collect(), (0..100).rev().collect());
        assert_eq!(folds(&set, &up, 4, 1).unwrap(), folds(&set, &down, 4, 1).unwrap());
        assert_ne!(folds(&set, &up, 4, 1).unwrap(), folds(&set, &up, 4, 2).unwrap());
    }

    #[test]
    fn what_cannot_be_divided_is_one_clear_line() {
        let set = dataset(vec![0; 6], Some(vec![1, 1, 1, 2, 2, 2]));
        let message = |set: &Dataset, k| folds(set, &[0, 1, 2, 3, 4, 5], k, 0).unwrap_err().to_string();
        assert_eq!(message(&set, 3), "data.folds: expected enough groups for 3 folds, found 2 groups");
        let set = dataset(vec![0; 6], None);
        assert_eq!(message(&set, 7), "data.folds: expected enough images for 7 folds, found 6 images");
        assert_eq!(message(&set, 1), "data.folds: expected 2 folds or more, found 1");
    }
}
