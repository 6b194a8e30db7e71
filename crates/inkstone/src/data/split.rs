//! Divides a dataset into disjoint parts: exact in size, balanced by class, seeded, groups kept together.
//! Never looks at pixels; `split.json` names samples by id and content ([`mod@file`]), so that added images never leak.

pub mod allocate;
mod calibration;
mod draw;
pub mod file;
pub mod folds;
mod together;

use super::dataset::{Dataset, Part, Sample};
use crate::error::{Error, ErrorKind, Result};
use crate::rng::{Operation, Rng};
use crate::spec::recipe::{DataSpec, Proportions};

pub use calibration::keep_for_calibration;
pub use draw::draw;
pub use file::SplitFile;

/// The share of the training part that validates, where the recipe does not say.
pub const DEFAULT_VALIDATION: f64 = 0.1;

/// The proportions for a source without parts of its own.
pub const DEFAULT_PROPORTIONS: [f64; 3] = [8.0, 1.0, 1.0];

/// Positions of the samples of each part: disjoint, ascending, together every sample of the dataset.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Split {
    /// What the parameters are fitted on.
    pub train: Vec<u32>,
    /// What chooses between epochs.
    pub validation: Vec<u32>,
    /// What is measured once, at the end.
    pub test: Vec<u32>,
    /// Those of `validation` that neither train nor choose, and are for calibration alone; empty where validation chooses
    /// nothing and calibrates as a whole.
    pub calibration: Vec<u32>,
    /// What the log should say about how this came about.
    pub notes: Vec<String>,
}

impl Split {
    /// The positions of one part.
    pub fn part(&self, part: Part) -> &[u32] {
        match part {
            Part::Train => &self.train,
            Part::Validation => &self.validation,
            Part::Test => &self.test,
        }
    }

    fn part_mut(&mut self, part: Part) -> &mut Vec<u32> {
        match part {
            Part::Train => &mut self.train,
            Part::Validation => &mut self.validation,
            Part::Test => &mut self.test,
        }
    }

    /// How many samples each part has: train, validation, test.
    pub fn sizes(&self) -> [usize; 3] {
        [self.train.len(), self.validation.len(), self.test.len()]
    }
}

/// Splits as the recipe's `[data]` table says (DESIGN 5.3):
///
/// | the source has | train | validation | test |
/// |---|---|---|---|
/// | a test part | the rest | its own, or the share `validation` of train | its own |
/// | no test part | 8 | 1 | 1 |
/// | any, and `split` is given | all parts pooled and divided anew | | |
///
/// The sizes are those of the largest remainder, over all samples and within each class; a class has at least one
/// sample in train. Samples of one group stay together, so that sizes are then only as near as the groups allow.
///
/// # Errors
/// `Spec` for a share out of range, `Data` where a part that must not be empty would be.
pub fn split(dataset: &Dataset, spec: &DataSpec) -> Result<Split> {
    by_recipe(Roster::of(dataset), spec)
}

/// What a split looks at: labels, parts and groups, never pixels.
#[derive(Clone, Copy)]
struct Roster<'a> {
    name: &'a str,
    n_classes: usize,
    samples: &'a [Sample],
}

impl<'a> Roster<'a> {
    fn of(dataset: &'a Dataset) -> Self {
        Self { name: &dataset.name, n_classes: dataset.classes.len(), samples: &dataset.samples }
    }

    fn label(self, i: u32) -> usize {
        self.samples[i as usize].label as usize
    }

    /// Whether any of these samples is in a group.
    fn is_grouped(self, members: &[u32]) -> bool {
        members.iter().any(|&i| self.samples[i as usize].group.is_some())
    }

    /// The samples of each group, a sample without one by itself; in an order that depends on the samples alone.
    fn groups(self, members: &[u32]) -> Vec<Vec<u32>> {
        let mut keyed: Vec<(Option<u32>, u32)> = members.iter().map(|&i| (self.samples[i as usize].group, i)).collect();
        keyed.sort_unstable();
        let same = keyed.chunk_by(|a, b| a.0.is_some() && a.0 == b.0);
        same.map(|group| group.iter().map(|&(_, i)| i).collect()).collect()
    }
}

fn by_recipe(roster: Roster<'_>, spec: &DataSpec) -> Result<Split> {
    let all: Vec<u32> = (0..roster.samples.len() as u32).collect();
    let given: Vec<Part> = [Part::Train, Part::Validation, Part::Test]
        .into_iter()
        .filter(|&part| roster.samples.iter().any(|sample| sample.part == Some(part)))
        .collect();
    if let Some(proportions) = spec.split {
        let mut split = divide(roster, &all, proportions.0, spec.split_seed)?;
        if !given.is_empty() {
            let [train, validation, test] = proportions.0;
            split.notes.push(format!(
                "warning: {} has parts of its own ({}); they are pooled and split {train}:{validation}:{test} as asked",
                roster.name,
                given.iter().map(|part| part.name()).collect::<Vec<_>>().join(", ")
            ));
        }
        return Ok(split);
    }
    if given.is_empty() {
        let mut split = divide(roster, &all, DEFAULT_PROPORTIONS, spec.split_seed)?;
        split.notes.push(format!("{} has no test part: split 8:1:1 (seed {})", roster.name, spec.split_seed));
        return Ok(split);
    }
    by_given_parts(roster, spec, &all, &given)
}

/// The source's own parts stay; what is missing is taken out of its training part.
fn by_given_parts(roster: Roster<'_>, spec: &DataSpec, all: &[u32], given: &[Part]) -> Result<Split> {
    let of = |part| -> Vec<u32> {
        let belongs = |&&i: &&u32| roster.samples[i as usize].part.unwrap_or(Part::Train) == part;
        all.iter().filter(belongs).copied().collect()
    };
    let share = spec.validation.unwrap_or(DEFAULT_VALIDATION);
    if !(0.0..1.0).contains(&share) {
        let expected = "a share of the training part from 0 to below 1";
        return Err(Error::mismatch(ErrorKind::Spec, expected, share.to_string()).with_place("data.validation"));
    }
    let train = of(Part::Train);
    if train.is_empty() {
        return Err(Error::mismatch(ErrorKind::Data, "images in train", "none")
            .with_help("or pool all parts with data.split = \"8:1:1\""));
    }
    let has = |part| given.contains(&part);
    let (mut shares, mut notes) = ([1.0, 0.0, 0.0], Vec::new());
    if has(Part::Validation) {
        if spec.validation.is_some() {
            notes.push(format!("{} has a validation part of its own: data.validation is not used", roster.name));
        }
    } else {
        shares[1] = share;
    }
    if !has(Part::Test) {
        shares[2] = 0.1;
        notes.push(format!("{} has no test part: a tenth of its training part is taken", roster.name));
    }
    shares[0] = 1.0 - shares[1] - shares[2];
    if shares[0] <= 0.0 {
        let found = format!("{share} for validation and 0.1 for test");
        return Err(Error::mismatch(ErrorKind::Spec, "a share left for train", found).with_place("data.validation"));
    }
    let mut split = divide(roster, &train, shares, spec.split_seed)?;
    for part in [Part::Validation, Part::Test].into_iter().filter(|&part| has(part)) {
        *split.part_mut(part) = of(part);
    }
    notes.append(&mut split.notes);
    Ok(Split { notes, ..split })
}

/// Divides the samples `pool` in these proportions.
fn divide(roster: Roster<'_>, pool: &[u32], proportions: [f64; 3], seed: u64) -> Result<Split> {
    let proportions = Proportions::new(&proportions)
        .map_err(|message| Error::new(ErrorKind::Spec, message).with_place("data.split"))?;
    let sum: f64 = proportions.0.iter().sum();
    let shares = proportions.0.map(|share| share / sum);
    let mut split = if roster.is_grouped(pool) {
        divide_groups(roster, pool, shares, seed)
    } else {
        divide_samples(roster, pool, shares, seed)
    };
    for part in [Part::Train, Part::Validation, Part::Test] {
        split.part_mut(part).sort_unstable();
        if split.part(part).is_empty() && shares[part as usize] > 0.0 {
            let [train, validation, test] = split.sizes();
            let found = format!("{} images, divided {train}:{validation}:{test}", pool.len());
            return Err(Error::mismatch(ErrorKind::Data, format!("enough images for a {} part", part.name()), found));
        }
    }
    Ok(split)
}

/// Every class by itself, with the counts of [`allocate::allocate`].
fn divide_samples(roster: Roster<'_>, pool: &[u32], shares: [f64; 3], seed: u64) -> Split {
    let mut members = vec![Vec::new(); roster.n_classes];
    for &i in pool {
        members[roster.label(i)].push(i);
    }
    let counts: Vec<usize> = members.iter().map(Vec::len).collect();
    let cells = allocate::allocate(&counts, shares);
    let mut split = Split::default();
    for (label, (mut members, [n_train, n_validation, _])) in members.into_iter().zip(cells).enumerate() {
        Rng::new(seed, 0, label as u32, Operation::Split).shuffle(&mut members);
        let (train, rest) = members.split_at(n_train);
        let (validation, test) = rest.split_at(n_validation);
        split.train.extend(train);
        split.validation.extend(validation);
        split.test.extend(test);
    }
    split
}

/// Whole groups, the largest first (in random order among equals), each to the part that lacks most of its classes.
/// A sample without a group is a group of its own.
fn divide_groups(roster: Roster<'_>, pool: &[u32], shares: [f64; 3], seed: u64) -> Split {
    let groups = shuffled_groups(roster, pool, seed);
    let label = |i: &u32| roster.label(*i);
    let mut counts = vec![0_usize; roster.n_classes];
    for i in pool {
        counts[label(i)] += 1;
    }
    // What each part still lacks of each class, as a share of what it should have.
    let mut lacking: Vec<[f64; 3]> = vec![[1.0; 3]; counts.len()];
    let mut parts: [Vec<&[u32]>; 3] = Default::default();
    for group in &groups {
        let need = |part: usize| group.iter().map(|i| lacking[label(i)][part]).sum::<f64>();
        let part = (0..3)
            .filter(|&part| shares[part] > 0.0)
            .max_by(|&a, &b| need(a).total_cmp(&need(b)).then(b.cmp(&a)))
            .expect("train has a share");
        for i in group {
            lacking[label(i)][part] -= 1.0 / (shares[part] * counts[label(i)] as f64);
        }
        parts[part].push(group);
    }
    let notes = vec![format!("the samples of each of {} groups are kept in one part", groups.len())];
    bring_every_class_to_train(&mut parts, label);
    let [train, validation, test] = parts.map(|groups| groups.concat());
    Split { train, validation, test, notes, ..Split::default() }
}

/// The smallest group with a class that train lacks moves there.
fn bring_every_class_to_train(parts: &mut [Vec<&[u32]>; 3], label: impl Fn(&u32) -> usize) {
    let has = |group: &[u32], class: usize| group.iter().any(|i| label(i) == class);
    let n_classes = parts.iter().flatten().flat_map(|group| group.iter().map(&label)).max().map_or(0, |last| last + 1);
    for class in 0..n_classes {
        if parts[0].iter().any(|group| has(group, class)) {
            continue;
        }
        let places = (1..3).flat_map(|part| (0..parts[part].len()).map(move |k| (part, k)));
        let smallest =
            places.filter(|&(part, k)| has(parts[part][k], class)).min_by_key(|&(part, k)| parts[part][k].len());
        if let Some((part, k)) = smallest {
            let group = parts[part].remove(k);
            parts[0].push(group);
        }
    }
}

fn shuffled_groups(roster: Roster<'_>, pool: &[u32], seed: u64) -> Vec<Vec<u32>> {
    let mut groups = roster.groups(pool);
    Rng::new(seed, 0, u32::MAX, Operation::Split).shuffle(&mut groups);
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::dataset::{Rows, Size};
    use crate::data::fingerprint::fingerprint;
    use crate::parallel::Pool;

    const SIZE: Size = Size { height: 1, width: 4, channels: 1 };

    fn rows(part: Option<Part>, labels: Vec<u32>) -> Rows {
        let pixels = (0..labels.len() as u32).flat_map(u32::to_le_bytes).collect();
        Rows { part, size: SIZE, pixels, labels, groups: None }
    }

    fn dataset(parts: Vec<Rows>) -> Dataset {
        let classes = (0..10).map(|class| class.to_string()).collect();
        Dataset::from_rows("set", classes, parts).unwrap()
    }

    fn random_labels(rng: &mut Rng, n: usize) -> Vec<u32> {
        let n_classes = rng.below(10) + 1;
        (0..n).map(|_| rng.below(n_classes).min(rng.below(n_classes))).collect()
    }

    fn spec(text: &str) -> DataSpec {
        toml::from_str(text).unwrap()
    }

    fn assert_disjoint_and_complete(split: &Split, n: usize, context: &str) {
        let mut all = [&split.train[..], &split.validation, &split.test].concat();
        assert!([&split.train, &split.validation, &split.test].iter().all(|part| part.is_sorted()), "{context}");
        all.sort_unstable();
        assert_eq!(all, (0..n as u32).collect::<Vec<_>>(), "{context}");
    }

    fn count(dataset: &Dataset, part: &[u32], label: u32) -> usize {
        part.iter().filter(|&&i| dataset.samples[i as usize].label == label).count()
    }

    #[test]
    fn any_source_is_split_into_disjoint_complete_stratified_parts_of_exact_size() {
        let mut rng = Rng::new(5, 0, 0, Operation::Split);
        for case in 0..300 {
            let n = 100 + rng.below(900) as usize;
            let dataset = dataset(vec![rows(None, random_labels(&mut rng, n))]);
            let data = DataSpec { split_seed: case, ..DataSpec::default() };
            let split = split(&dataset, &data).unwrap();
            assert_disjoint_and_complete(&split, n, &format!("case {case}"));
            assert_eq!(split.sizes(), allocate::largest_remainder(n, [0.8, 0.1, 0.1]), "case {case}");
            for label in 0..10 {
                let n_class = dataset.samples.iter().filter(|sample| sample.label == label).count() as f64;
                for (part, share) in [(&split.train, 0.8), (&split.validation, 0.1), (&split.test, 0.1)] {
                    let off = count(&dataset, part, label) as f64 - n_class * share;
                    assert!(off.abs() < 1.0, "case {case}: class {label} is off by {off}");
                }
            }
        }
    }

    #[test]
    fn an_official_test_part_stays_apart_and_validation_comes_out_of_train() {
        let mut rng = Rng::new(2, 0, 0, Operation::Split);
        let parts = vec![
            rows(Some(Part::Train), random_labels(&mut rng, 6000)),
            rows(Some(Part::Test), random_labels(&mut rng, 1000)),
        ];
        let dataset = dataset(parts);
        for (text, sizes) in [
            ("", [5400, 600, 1000]),
            ("validation = 0.2", [4800, 1200, 1000]),
            ("validation = 0", [6000, 0, 1000]),
            ("validation = 0.1001", [5399, 601, 1000]),
        ] {
            let split = split(&dataset, &spec(text)).unwrap();
            assert_disjoint_and_complete(&split, 7000, text);
            assert_eq!(split.sizes(), sizes, "{text}");
            assert_eq!(split.test, (6000..7000).collect::<Vec<_>>());
            assert!(split.notes.is_empty(), "{text}: {:?}", split.notes);
        }
    }

    #[test]
    fn pooling_a_source_with_parts_is_done_with_a_warning() {
        let parts = vec![rows(Some(Part::Train), vec![0; 60]), rows(Some(Part::Test), vec![1; 40])];
        let split = split(&dataset(parts), &spec("split = \"8:1:1\"\nvalidation = 0.3")).unwrap();
        assert_eq!(split.sizes(), [80, 10, 10]);
        assert_eq!(
            split.notes,
            ["warning: set has parts of its own (train, test); they are pooled and split 8:1:1 as asked"]
        );
    }

    #[test]
    fn a_source_without_a_test_part_is_split_8_1_1_and_says_so() {
        let split = split(&dataset(vec![rows(None, vec![3; 50])]), &spec("validation = 0.1")).unwrap();
        assert_eq!(split.sizes(), [40, 5, 5]);
        assert_eq!(split.notes, ["set has no test part: split 8:1:1 (seed 0)"]);
    }

    #[test]
    fn parts_that_the_source_has_are_used_as_they_are() {
        let (train, validation) = (rows(Some(Part::Train), vec![0; 40]), rows(Some(Part::Validation), vec![0; 7]));
        let with_test = dataset(vec![train.clone(), validation.clone(), rows(Some(Part::Test), vec![0; 9])]);
        assert_eq!(split(&with_test, &spec("")).unwrap().sizes(), [40, 7, 9]);
        assert!(split(&with_test, &spec("")).unwrap().notes.is_empty());
        assert_eq!(split(&with_test, &spec("validation = 0.5")).unwrap().notes.len(), 1);
        let without_test = split(&dataset(vec![train, validation]), &spec("")).unwrap();
        assert_eq!(without_test.sizes(), [36, 7, 4]);
        assert_eq!(without_test.validation, (40..47).collect::<Vec<_>>());
    }

    #[test]
    fn the_seed_decides_and_nothing_else() {
        let dataset = dataset(vec![rows(None, vec![1; 200])]);
        let with = |seed| split(&dataset, &DataSpec { split_seed: seed, ..DataSpec::default() }).unwrap();
        assert_eq!(with(3), with(3));
        assert_ne!(with(3).test, with(4).test);
    }

    #[test]
    fn a_rare_class_is_in_train() {
        let mut labels = vec![0; 97];
        labels.extend([1, 2, 2]);
        let dataset = dataset(vec![rows(None, labels)]);
        for seed in 0..20 {
            let split = split(&dataset, &DataSpec { split_seed: seed, ..spec("split = [1, 2, 7]") }).unwrap();
            assert!((0..3).all(|label| count(&dataset, &split.train, label) > 0));
            assert_disjoint_and_complete(&split, 100, "rare");
        }
    }

    #[test]
    fn groups_stay_in_one_part_and_sizes_are_near() {
        let mut rng = Rng::new(9, 0, 0, Operation::Split);
        for seed in 0..50 {
            let mut all = rows(Some(Part::Train), random_labels(&mut rng, 3000));
            all.groups = Some((0..3000).map(|_| rng.below(120)).collect());
            let mut dataset = dataset(vec![all]);
            dataset.samples[5].group = None;
            let split = split(&dataset, &DataSpec { split_seed: seed, ..spec("split = [8, 1, 1]") }).unwrap();
            assert_disjoint_and_complete(&split, 3000, "groups");
            let group = |&i: &u32| -> Option<u32> { dataset.samples[i as usize].group };
            let writers = |part: &[u32]| part.iter().filter_map(group).collect::<std::collections::BTreeSet<_>>();
            let (train, validation, test) = (writers(&split.train), writers(&split.validation), writers(&split.test));
            assert!(train.is_disjoint(&validation) && train.is_disjoint(&test) && validation.is_disjoint(&test));
            for (size, target) in split.sizes().into_iter().zip([2400, 300, 300]) {
                assert!(size.abs_diff(target) <= 40, "seed {seed}: {:?}", split.sizes());
            }
        }
    }

    #[test]
    fn what_cannot_be_split_is_one_clear_line() {
        let message = |dataset: &Dataset, text: &str| split(dataset, &spec(text)).unwrap_err().to_string();
        let small = dataset(vec![rows(None, vec![0; 4])]);
        assert_eq!(message(&small, ""), "expected enough images for a test part, found 4 images, divided 3:1:0");
        let only_test = dataset(vec![rows(Some(Part::Test), vec![0; 4])]);
        assert_eq!(
            message(&only_test, ""),
            "expected images in train, found none; or pool all parts with data.split = \"8:1:1\""
        );
        let official = dataset(vec![rows(Some(Part::Train), vec![0; 40]), rows(Some(Part::Test), vec![0; 4])]);
        for share in ["1.0", "-0.1", "nan"] {
            let message = message(&official, &format!("validation = {share}"));
            assert!(message.starts_with("data.validation: expected a share of the training part"), "{message}");
        }
    }

    fn kept(dataset: &Dataset) -> (Split, SplitFile) {
        let split = split(dataset, &DataSpec::default()).unwrap();
        let hashes = fingerprint(dataset, &Pool::new(1).unwrap());
        let file = SplitFile::new(&split, dataset, &hashes, 0);
        (split, SplitFile::parse(&file.to_json()).unwrap())
    }

    fn found(file: &SplitFile, dataset: &Dataset) -> Result<Split> {
        file.find(dataset, &fingerprint(dataset, &Pool::new(1).unwrap()))
    }

    #[test]
    fn a_kept_split_is_found_again_wherever_its_samples_stand() {
        let mut dataset = dataset(vec![rows(None, vec![0; 50])]);
        let (split, file) = kept(&dataset);
        assert_eq!(Split { notes: split.notes.clone(), ..found(&file, &dataset).unwrap() }, split);
        assert_eq!(file.train[0].len(), file.train[0].find('#').unwrap() + 17);
        let ids = |split: &Split, dataset: &Dataset| -> std::collections::BTreeSet<String> {
            split.test.iter().map(|&i| dataset.samples[i as usize].id.to_string()).collect()
        };
        let before = ids(&split, &dataset);
        dataset.samples.reverse();
        let reversed: Vec<u8> = (0..50).rev().flat_map(|i| dataset.images.get(i).pixels.to_vec()).collect();
        dataset.images = crate::data::Images::uniform(SIZE, reversed);
        assert_eq!(ids(&found(&file, &dataset).unwrap(), &dataset), before);
    }

    #[test]
    fn added_images_are_left_out_and_missing_or_changed_ones_are_named() {
        let original = dataset(vec![rows(None, vec![0; 50])]);
        let (split, file) = kept(&original);
        let longer = found(&file, &dataset(vec![rows(None, vec![0; 53])])).unwrap();
        assert_eq!(longer.notes, ["3 images of set are not in the split and are left out"]);
        assert_eq!((longer.train, longer.test), (split.train, split.test));
        let shorter = found(&file, &dataset(vec![rows(None, vec![0; 49])])).unwrap_err();
        assert_eq!(shorter.to_string(), "expected the images of the split in set, found 1 missing (49)");
        let mut changed = rows(None, vec![0; 50]);
        changed.pixels[4] ^= 1;
        let changed = found(&file, &dataset(vec![changed])).unwrap_err();
        assert_eq!(changed.to_string(), "expected the images of the split in set, found 1 changed (1)");
        let mut twice = file.clone();
        twice.test.push(file.train[0].clone());
        assert!(found(&twice, &original).unwrap_err().to_string().contains("1 named twice ("));
    }

    #[test]
    fn a_text_that_is_no_split_file_is_one_clear_line() {
        for (text, message) in [
            ("", "line 1, column 0: not a split file: EOF while parsing a value"),
            ("{\"version\":1,\"part\":2}", "line 1, column 19: not a split file: unknown field `part`"),
        ] {
            let found = SplitFile::parse(text).unwrap_err().to_string();
            assert!(found.starts_with(message), "{found}");
        }
        let (_, mut file) = kept(&dataset(vec![rows(None, vec![0; 50])]));
        file.version = 2;
        assert_eq!(SplitFile::parse(&file.to_json()).unwrap_err().to_string(), "version: expected 1, found 2");
    }

    #[test]
    fn one_image_per_class_goes_to_train_which_leaves_nothing_for_the_other_parts() {
        let found = split(&dataset(vec![rows(None, (0..10).collect())]), &spec("")).unwrap_err().to_string();
        assert_eq!(found, "expected enough images for a validation part, found 10 images, divided 10:0:0");
    }
}
