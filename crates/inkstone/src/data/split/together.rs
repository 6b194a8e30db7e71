//! Brings copies of an image together in one part of a split, and joins copies with groups. Copies are given as lists
//! of positions; what counts as a copy is decided elsewhere.

use std::collections::BTreeSet;

use super::{Roster, Split};
use crate::data::dataset::{Part, Sample};
use crate::rng::{Operation, Rng};

/// Moves the samples of each list that is spread over several parts to train, and a sample of the same class that has
/// no copy back in exchange: sizes and balance stay. Samples that are `fixed` stay where the source put them.
///
/// Gives back how many samples were moved.
pub(super) fn bring_together(
    split: &mut Split,
    roster: Roster<'_>,
    copies: &[Vec<u32>],
    fixed: impl Fn(u32) -> bool,
    seed: u64,
) -> usize {
    let mut part_of = vec![None; roster.samples.len()];
    for part in [Part::Train, Part::Validation, Part::Test] {
        split.part(part).iter().for_each(|&i| part_of[i as usize] = Some(part));
    }
    let mut moved = Vec::new();
    for list in copies {
        let movable: Vec<u32> = list.iter().copied().filter(|&i| !fixed(i)).collect();
        let parts: BTreeSet<Part> = movable.iter().filter_map(|&i| part_of[i as usize]).collect();
        if parts.len() > 1 {
            moved.extend(movable.into_iter().filter(|&i| part_of[i as usize].is_some_and(|part| part != Part::Train)));
        }
    }
    if moved.is_empty() {
        return 0;
    }
    let mut singles = singles_of_train(&split.train, roster, copies, seed);
    for &i in &moved {
        let from = part_of[i as usize].replace(Part::Train);
        if let Some(single) = singles[roster.label(i)].pop() {
            part_of[single as usize] = from;
        }
    }
    for part in [Part::Train, Part::Validation, Part::Test] {
        let members = (0..part_of.len() as u32).filter(|&i| part_of[i as usize] == Some(part));
        *split.part_mut(part) = members.collect();
    }
    moved.len()
}

/// The samples of train that have no copy, by class, in random order.
fn singles_of_train(train: &[u32], roster: Roster<'_>, copies: &[Vec<u32>], seed: u64) -> Vec<Vec<u32>> {
    let has_copy: BTreeSet<u32> = copies.iter().flatten().copied().collect();
    let mut singles = vec![Vec::new(); roster.n_classes];
    for &i in train.iter().filter(|i| !has_copy.contains(i)) {
        singles[roster.label(i)].push(i);
    }
    for (label, singles) in singles.iter_mut().enumerate() {
        Rng::new(seed, 0, label as u32, Operation::Together).shuffle(singles);
    }
    singles
}

/// The samples with groups that hold both whole groups and all copies: two writers who share a copy are one group.
pub(super) fn join_groups(samples: &[Sample], copies: &[Vec<u32>]) -> Vec<Sample> {
    let mut parent: Vec<u32> = (0..samples.len() as u32).collect();
    let mut by_group: Vec<(u32, u32)> =
        samples.iter().enumerate().filter_map(|(i, sample)| Some((sample.group?, i as u32))).collect();
    by_group.sort_unstable();
    for two in by_group.windows(2).filter(|two| two[0].0 == two[1].0) {
        link(&mut parent, two[0].1, two[1].1);
    }
    for two in copies.iter().flat_map(|list| list.windows(2)) {
        link(&mut parent, two[0], two[1]);
    }
    let has_copy: BTreeSet<u32> = copies.iter().flatten().copied().collect();
    let joined = samples.iter().enumerate().map(|(i, sample)| {
        let is_grouped = sample.group.is_some() || has_copy.contains(&(i as u32));
        Sample { group: is_grouped.then(|| root(&mut parent, i as u32)), ..sample.clone() }
    });
    joined.collect()
}

fn link(parent: &mut [u32], a: u32, b: u32) {
    let (a, b) = (root(parent, a), root(parent, b));
    parent[a.max(b) as usize] = a.min(b);
}

fn root(parent: &mut [u32], mut i: u32) -> u32 {
    while parent[i as usize] != i {
        // Halving the path on the way keeps the trees flat.
        parent[i as usize] = parent[parent[i as usize] as usize];
        i = parent[i as usize];
    }
    i
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::dataset::SampleId;

    fn samples(groups: &[Option<u32>]) -> Vec<Sample> {
        let sample = |(i, &group): (usize, &Option<u32>)| {
            let id = SampleId::Row { part: None, index: i as u32 };
            Sample { label: (i % 2) as u32, part: None, id, group }
        };
        groups.iter().enumerate().map(sample).collect()
    }

    #[test]
    fn copies_move_to_train_and_as_many_of_their_class_move_back() {
        let samples = samples(&[None; 40]);
        let roster = Roster { name: "set", n_classes: 2, samples: &samples };
        let whole = Split {
            train: (0..32).collect(),
            validation: (32..36).collect(),
            test: (36..40).collect(),
            ..Split::default()
        };
        let copies = vec![vec![0, 33], vec![34, 38], vec![1, 2, 3]];
        let mut split = whole.clone();
        assert_eq!(bring_together(&mut split, roster, &copies, |_| false, 0), 3);
        assert_eq!(split.sizes(), [32, 4, 4]);
        for list in &copies {
            let holds = |part: &&Vec<u32>| list.iter().all(|i| part.contains(i));
            assert!([&split.train, &split.validation, &split.test].iter().any(holds), "{list:?} in {split:?}");
        }
        let odd = |part: &[u32]| part.iter().filter(|&&i| i % 2 == 1).count();
        assert_eq!((odd(&split.validation), odd(&split.test)), (2, 2));
        let mut again = whole.clone();
        bring_together(&mut again, roster, &copies, |_| false, 0);
        assert_eq!(again, split);
        let mut apart = whole.clone();
        assert_eq!(bring_together(&mut apart, roster, &[vec![0, 39]], |i| i == 39, 0), 0);
        assert_eq!(apart, whole, "a sample that the source placed stays");
    }

    #[test]
    fn groups_that_share_a_copy_are_one_and_lonely_samples_stay_alone() {
        let joined = join_groups(&samples(&[Some(7), Some(7), Some(9), None, None, None]), &[vec![1, 2], vec![3, 4]]);
        let groups: Vec<Option<u32>> = joined.iter().map(|sample| sample.group).collect();
        assert_eq!(groups, [Some(0), Some(0), Some(0), Some(3), Some(3), None]);
    }
}
