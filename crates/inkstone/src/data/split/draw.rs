//! The split that a recipe asks for, with everything that prevents leaks: groups and copies on one side, folds, a split
//! that was kept. Never looks at pixels: what is a copy of what is an argument.

use std::collections::BTreeSet;
use std::path::Path;

use super::folds::deal;
use super::together::{bring_together, join_groups};
use super::{Roster, Split, SplitFile, by_recipe};
use crate::data::dataset::{Dataset, Part};
use crate::data::fingerprint::Fingerprint;
use crate::error::Result;
use crate::spec::recipe::DataSpec;

/// Splits as the recipe's `[data]` table says: as [`super::split()`], and besides
///
/// - samples that are copies of each other (`copies`: lists of positions) are in one part, as far as the source's own
///   parts allow; where nothing is in groups, sizes and the balance of classes stay exact;
/// - with `folds`, train and validation are divided anew: fold `fold` validates, the others train;
/// - with `split_file`, a split that was kept is used again; images that it does not know go to train alone.
///
/// # Errors
/// As [`super::split()`] and [`super::folds::folds`]; a split file that cannot be read or names none of these images.
pub fn draw(dataset: &Dataset, data: &DataSpec, hashes: &Fingerprint, copies: &[Vec<u32>]) -> Result<Split> {
    if let Some(path) = &data.split_file {
        let path = Path::new(path);
        let kept = SplitFile::read(path)?;
        return reuse(&kept, dataset, hashes, copies).map_err(|error| error.with_file(path));
    }
    let all: Vec<u32> = (0..dataset.samples.len() as u32).collect();
    let plain = Roster::of(dataset);
    let joined = if copies.is_empty() { Vec::new() } else { join_groups(&dataset.samples, copies) };
    let roster = if copies.is_empty() { plain } else { Roster { samples: &joined, ..plain } };
    let mut split = if plain.is_grouped(&all) {
        by_recipe(roster, data)?
    } else {
        let mut split = by_recipe(plain, data)?;
        let own = |i: u32| matches!(dataset.samples[i as usize].part, Some(Part::Validation | Part::Test));
        let fixed = |i: u32| data.split.is_none() && own(i);
        let n_moved = bring_together(&mut split, plain, copies, fixed, data.split_seed);
        if n_moved > 0 {
            split.notes.push(format!("{n_moved} images changed places so that all copies of an image are in one part"));
        }
        split
    };
    if let Some(n_folds) = data.folds {
        take_fold(&mut split, roster, n_folds as usize, data)?;
    }
    Ok(split)
}

/// Train and validation are dealt into folds, one of which validates.
fn take_fold(split: &mut Split, roster: Roster<'_>, n_folds: usize, data: &DataSpec) -> Result<()> {
    let mut pool = [&split.train[..], &split.validation].concat();
    pool.sort_unstable();
    let fold = data.fold.unwrap_or(0) as usize;
    let folds = deal(roster, &pool, n_folds, data.split_seed)?;
    split.validation.clone_from(&folds[fold]);
    split.train = folds.into_iter().enumerate().filter(|(i, _)| *i != fold).flat_map(|(_, fold)| fold).collect();
    split.train.sort_unstable();
    split.notes.push(format!("fold {fold} of {n_folds} validates (they count from 0)"));
    Ok(())
}

/// A kept split on a dataset that may have grown or lost images. What is new goes to train, unless the source holds it
/// out itself or a copy or its group is held out.
fn reuse(kept: &SplitFile, dataset: &Dataset, hashes: &Fingerprint, copies: &[Vec<u32>]) -> Result<Split> {
    let mut split = kept.find_present(dataset, hashes)?;
    let held_out: BTreeSet<u32> = split.validation.iter().chain(&split.test).copied().collect();
    let known: BTreeSet<u32> = split.train.iter().chain(&held_out).copied().collect();
    let group = |i: u32| dataset.samples[i as usize].group;
    let groups: BTreeSet<u32> = held_out.iter().filter_map(|&i| group(i)).collect();
    let twins: BTreeSet<u32> =
        copies.iter().filter(|list| list.iter().any(|i| held_out.contains(i))).flatten().copied().collect();
    let may_train = |i: &u32| {
        let is_own = matches!(dataset.samples[*i as usize].part, Some(Part::Validation | Part::Test));
        !is_own && !twins.contains(i) && group(*i).is_none_or(|group| !groups.contains(&group))
    };
    let added: Vec<u32> = (0..dataset.samples.len() as u32).filter(|i| !known.contains(i)).collect();
    let (train, left_out): (Vec<u32>, Vec<u32>) = added.into_iter().partition(may_train);
    if !train.is_empty() {
        split.notes.push(format!("{} new images of {} go to train", train.len(), dataset.name));
    }
    if !left_out.is_empty() {
        split.notes.push(format!(
            "{} new images of {} are left out: they, a copy or their group are held out",
            left_out.len(),
            dataset.name
        ));
    }
    split.train.extend(train);
    split.train.sort_unstable();
    Ok(split)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::dataset::{Rows, Size};
    use crate::data::fingerprint::fingerprint;
    use crate::data::split::split;
    use crate::parallel::Pool;

    const SIZE: Size = Size { height: 1, width: 4, channels: 1 };

    /// Image i holds the number `content(i)`; classes 0 and 1 in turn.
    fn dataset(parts: &[(Option<Part>, u32)], content: impl Fn(u32) -> u32) -> Dataset {
        let mut next = 0;
        let mut rows = Vec::new();
        for &(part, n) in parts {
            let pixels = (next..next + n).flat_map(|i| content(i).to_le_bytes()).collect();
            rows.push(Rows { part, size: SIZE, pixels, labels: (0..n).map(|i| i % 2).collect(), groups: None });
            next += n;
        }
        Dataset::from_rows("set", vec!["a".into(), "b".into()], rows).unwrap()
    }

    fn data(text: &str) -> DataSpec {
        toml::from_str(text).unwrap()
    }

    fn drawn(dataset: &Dataset, text: &str, copies: &[Vec<u32>]) -> Split {
        draw(dataset, &data(text), &fingerprint(dataset, &Pool::new(1).unwrap()), copies).unwrap()
    }

    #[test]
    fn without_copies_the_split_is_that_of_groups_and_classes_alone() {
        let set = dataset(&[(Some(Part::Train), 200), (Some(Part::Test), 40)], |i| i);
        assert_eq!(drawn(&set, "", &[]), split(&set, &data("")).unwrap());
    }

    #[test]
    fn copies_are_in_one_part_and_sizes_stay_exact() {
        let set = dataset(&[(None, 400)], |i| i / 2);
        let copies: Vec<Vec<u32>> = (0..200).map(|k| vec![2 * k, 2 * k + 1]).filter(|list| list[0] % 8 == 0).collect();
        let split = drawn(&set, "", &copies);
        assert_eq!(split.sizes(), [320, 40, 40]);
        for list in &copies {
            let parts = [&split.train, &split.validation, &split.test];
            assert!(parts.iter().any(|part| list.iter().all(|i| part.contains(i))), "{list:?}");
        }
        assert!(split.notes[1].ends_with("changed places so that all copies of an image are in one part"));
    }

    #[test]
    fn copies_join_groups() {
        let mut set = dataset(&[(None, 300)], |i| i);
        set.samples.iter_mut().enumerate().for_each(|(i, sample)| sample.group = Some(i as u32 / 5));
        let copies = [vec![0, 299]];
        let split = drawn(&set, "", &copies);
        let place = |i: u32| [&split.train, &split.validation, &split.test].iter().position(|part| part.contains(&i));
        assert!((0..5).chain(295..300).all(|i| place(i) == place(0)));
    }

    #[test]
    fn each_fold_validates_once_and_the_test_part_stays() {
        for parts in [&[(None, 130)][..], &[(Some(Part::Train), 100), (Some(Part::Test), 30)]] {
            let set = dataset(parts, |i| i);
            let whole = drawn(&set, "", &[]);
            let mut seen = Vec::new();
            for fold in 0..5 {
                let split = drawn(&set, &format!("folds = 5\nfold = {fold}"), &[]);
                assert_eq!(split.test, whole.test);
                assert_eq!(split.train.len() + split.validation.len(), set.samples.len() - whole.test.len());
                assert!(split.validation.iter().all(|i| !split.train.contains(i)));
                seen.extend(split.validation);
            }
            seen.sort_unstable();
            assert_eq!(
                seen,
                [&whole.train[..], &whole.validation]
                    .concat()
                    .into_iter()
                    .collect::<BTreeSet<_>>()
                    .into_iter()
                    .collect::<Vec<_>>()
            );
        }
    }

    /// `split` of `set`, kept in a file that is there until the value goes.
    struct Kept(std::path::PathBuf);

    impl Kept {
        fn new(name: &str, set: &Dataset, split: &Split) -> Self {
            let path = std::env::temp_dir().join(format!("inkstone-draw-{name}-{}.json", std::process::id()));
            let hashes = fingerprint(set, &Pool::new(1).unwrap());
            std::fs::write(&path, SplitFile::new(split, set, &hashes, 0).to_json()).unwrap();
            Self(path)
        }

        fn key(&self) -> String {
            format!("split_file = '{}'", self.0.display())
        }
    }

    impl Drop for Kept {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    #[test]
    fn a_kept_split_is_used_again_and_new_images_go_to_train_alone() {
        let set = dataset(&[(None, 100)], |i| i);
        let split = drawn(&set, "", &[]);
        let kept = Kept::new("grown", &set, &split);
        let again = drawn(&set, &kept.key(), &[]);
        assert_eq!((&again.train, &again.validation, &again.test), (&split.train, &split.validation, &split.test));
        let held_out = split.test[0];
        let grown = dataset(&[(None, 110)], |i| if i == 105 { held_out } else { i });
        let again = drawn(&grown, &kept.key(), &[vec![held_out, 105]]);
        assert_eq!((&again.validation, &again.test), (&split.validation, &split.test));
        assert_eq!(again.train.len(), split.train.len() + 9, "a copy of a test image is not trained on");
        assert_eq!(
            again.notes,
            [
                "9 new images of set go to train",
                "1 new images of set are left out: they, a copy or their group are held out"
            ]
        );
    }

    #[test]
    fn a_kept_split_bears_missing_images_but_not_changed_ones_or_an_empty_part() {
        let set = dataset(&[(None, 100)], |i| i);
        let kept = Kept::new("shrunk", &set, &drawn(&set, "", &[]));
        let shrunk = drawn(&set.subset(&(0..98).collect::<Vec<_>>()), &kept.key(), &[]);
        assert_eq!(shrunk.sizes().iter().sum::<usize>(), 98);
        assert_eq!(shrunk.notes, ["2 images of the split are not in set"]);
        let message = |set: &Dataset| {
            let hashes = fingerprint(set, &Pool::new(1).unwrap());
            draw(set, &data(&kept.key()), &hashes, &[]).unwrap_err().to_string()
        };
        let changed = message(&dataset(&[(None, 100)], |i| i + u32::from(i == 7)));
        assert!(changed.ends_with("expected the images of the split in set, found 1 changed (7)"), "{changed}");
        let other = message(&dataset(&[(Some(Part::Train), 100)], |i| i));
        assert!(other.contains("expected images of the split's train part in set, found none of its 80"), "{other}");
    }
}
