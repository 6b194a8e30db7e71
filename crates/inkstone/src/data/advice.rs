//! What is unwise about a recipe for these images and this split: guard rails. Advises, never changes or refuses.
//!
//! That validation and test are never augmented and that `normalise = "dataset"` takes its numbers from the training part
//! alone needs no advice: there is no way to do otherwise.

use std::collections::BTreeSet;
use std::fmt;

use super::dataset::{Dataset, Part};
use super::split::Split;
use crate::spec::Recipe;
use crate::spec::training::ClassWeights;

/// Fewer images of a class than this say little: one more mistake is over ten points of its recall.
const FEW: usize = 10;

/// How many times as many images the largest class may have as the smallest.
const BALANCED: usize = 5;

/// Turned farther than this, a 6 looks like a 9 and a 7 like a 1 that lies.
const MOST_DEGREES: f32 = 45.0;

/// Classes that a sentence names.
const NAMED: usize = 5;

/// One piece of advice; prints as a sentence.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Advice {
    /// Augmentation mirrors digits or letters.
    MirroredGlyphs {
        /// `horizontal_flip` or `vertical_flip`.
        key: &'static str,
    },
    /// Augmentation turns digits or letters far.
    TurnedGlyphs {
        /// The range.
        degrees: f32,
    },
    /// Classes with few validation images.
    FewValidation {
        /// Their names and numbers, the rarest first.
        classes: Vec<(String, usize)>,
    },
    /// Classes that a part lacks.
    ClassMissing {
        /// The part.
        part: Part,
        /// Their names.
        classes: Vec<String>,
    },
    /// Held-out images that are, pixel by pixel, in train too; test images that are in train or validation.
    CopiesAcross {
        /// The part that holds them out.
        part: Part,
        /// How many of its images.
        n_images: usize,
    },
    /// Groups with samples in train and in another part.
    GroupsAcross {
        /// The other part.
        part: Part,
        /// How many groups.
        n_groups: usize,
    },
    /// Classes of very different size, weighted alike.
    Imbalance {
        /// The largest class and its training images.
        most: (String, usize),
        /// The smallest that has any.
        least: (String, usize),
    },
}

impl Advice {
    /// A word that stays the same when the sentence changes.
    pub fn name(&self) -> &'static str {
        match self {
            Self::MirroredGlyphs { .. } => "mirrored_glyphs",
            Self::TurnedGlyphs { .. } => "turned_glyphs",
            Self::FewValidation { .. } => "few_validation",
            Self::ClassMissing { .. } => "class_missing",
            Self::CopiesAcross { .. } => "copies_across",
            Self::GroupsAcross { .. } => "groups_across",
            Self::Imbalance { .. } => "imbalance",
        }
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MirroredGlyphs { key } => write!(
                f,
                "augment.{key} mirrors digits or letters: a mirrored 2, 3 or 7 is none, and a 6 may become a 9; leave it out"
            ),
            Self::TurnedGlyphs { degrees } => write!(
                f,
                "augment.rotation_degrees = {degrees} turns a 6 towards a 9; 10 to 15 is usual for digits and letters"
            ),
            Self::FewValidation { classes } => write!(
                f,
                "fewer than {FEW} validation images of {}: their scores say little; raise data.validation, or use data.folds",
                listed(classes.iter().map(|(name, n)| format!("{name} ({n})")), classes.len())
            ),
            Self::ClassMissing { part: Part::Train, classes } => write!(
                f,
                "no training image of {}: the model cannot learn it",
                listed(classes.iter().cloned(), classes.len())
            ),
            Self::ClassMissing { part, classes } => write!(
                f,
                "no {} image of {}: the scores say nothing about it",
                part.name(),
                listed(classes.iter().cloned(), classes.len())
            ),
            Self::CopiesAcross { part, n_images } => write!(
                f,
                "{n_images} {} images are in {} too, pixel by pixel: the score is too good; exclude them with \
                 data.corrections, or pool the parts with data.split",
                part.name(),
                if *part == Part::Test { "train or validation" } else { "train" }
            ),
            Self::GroupsAcross { part, n_groups } => write!(
                f,
                "{n_groups} groups are both in train and in {}: the score is too good for new ones; pool the parts with \
                 data.split",
                part.name()
            ),
            Self::Imbalance { most, least } => write!(
                f,
                "{} has {} training images and {} only {}, and all count alike: see train.class_weights = \"balanced\"",
                most.0, most.1, least.0, least.1
            ),
        }
    }
}

/// The first names, and how many more there are.
fn listed(names: impl Iterator<Item = String>, n: usize) -> String {
    let mut text = names.take(NAMED).collect::<Vec<_>>().join(", ");
    if n > NAMED {
        text += &format!(" and {} more", n - NAMED);
    }
    text
}

/// What is unwise about `recipe` for the dataset divided so. `copies` are lists of positions of images with the same
/// pixels, as [`super::duplicates::exact`] finds them.
pub fn advise(recipe: &Recipe, dataset: &Dataset, split: &Split, copies: &[Vec<u32>]) -> Vec<Advice> {
    let mut advice = about_augmentation(recipe, &dataset.classes);
    advice.extend(about_classes(recipe, dataset, split));
    for part in [Part::Validation, Part::Test] {
        advice.extend(about_leaks(dataset, split, part, copies));
    }
    advice
}

/// What is unwise about augmenting images of these classes so: classes of one character each are digits or letters.
pub fn about_augmentation(recipe: &Recipe, classes: &[String]) -> Vec<Advice> {
    let is_glyph = |class: &String| class.chars().count() == 1;
    if classes.len() < 2 || !classes.iter().all(is_glyph) {
        return Vec::new();
    }
    let augment = &recipe.augment;
    let flips = [("horizontal_flip", augment.horizontal_flip), ("vertical_flip", augment.vertical_flip)];
    let mut advice: Vec<Advice> =
        flips.into_iter().filter(|(_, is_on)| *is_on).map(|(key, _)| Advice::MirroredGlyphs { key }).collect();
    if augment.rotation_degrees > MOST_DEGREES {
        advice.push(Advice::TurnedGlyphs { degrees: augment.rotation_degrees });
    }
    advice
}

fn about_classes(recipe: &Recipe, dataset: &Dataset, split: &Split) -> Vec<Advice> {
    let mut advice = Vec::new();
    let name = |label: usize| dataset.classes[label].clone();
    let counts = |part: Part| {
        let mut counts = vec![0_usize; dataset.classes.len()];
        split.part(part).iter().for_each(|&i| counts[dataset.samples[i as usize].label as usize] += 1);
        counts
    };
    for part in [Part::Train, Part::Validation, Part::Test] {
        let counts = counts(part);
        let missing: Vec<String> = (0..counts.len()).filter(|&label| counts[label] == 0).map(name).collect();
        if !missing.is_empty() && !split.part(part).is_empty() {
            advice.push(Advice::ClassMissing { part, classes: missing });
        }
        if part == Part::Validation {
            let mut few: Vec<(String, usize)> = (0..counts.len())
                .filter(|&label| (1..FEW).contains(&counts[label]))
                .map(|label| (name(label), counts[label]))
                .collect();
            few.sort_by_key(|(_, n)| *n);
            if !few.is_empty() {
                advice.push(Advice::FewValidation { classes: few });
            }
        }
    }
    let counts = counts(Part::Train);
    let most = (0..counts.len()).max_by_key(|&label| (counts[label], std::cmp::Reverse(label)));
    let least = (0..counts.len()).filter(|&label| counts[label] > 0).min_by_key(|&label| counts[label]);
    if let (Some(most), Some(least), ClassWeights::None) = (most, least, recipe.train.class_weights)
        && counts[most] >= BALANCED * counts[least]
    {
        advice.push(Advice::Imbalance { most: (name(most), counts[most]), least: (name(least), counts[least]) });
    }
    advice
}

fn about_leaks(dataset: &Dataset, split: &Split, part: Part, copies: &[Vec<u32>]) -> Vec<Advice> {
    let mut advice = Vec::new();
    let within = |part: Part, i: &u32| split.part(part).binary_search(i).is_ok();
    let is_chosen_by = |i: &u32| within(Part::Train, i) || (part == Part::Test && within(Part::Validation, i));
    let leaking = copies.iter().filter(|list| list.iter().any(is_chosen_by));
    let n_images = leaking.flatten().filter(|i| within(part, i)).count();
    if n_images > 0 {
        advice.push(Advice::CopiesAcross { part, n_images });
    }
    let groups = |part: Part| -> BTreeSet<u32> {
        split.part(part).iter().filter_map(|&i| dataset.samples[i as usize].group).collect()
    };
    let n_groups = groups(Part::Train).intersection(&groups(part)).count();
    if n_groups > 0 {
        advice.push(Advice::GroupsAcross { part, n_groups });
    }
    advice
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::dataset::{Rows, Size};
    use crate::data::split::split;
    use crate::spec::builtin;

    fn dataset(train: Vec<u32>, test: Vec<u32>, classes: &str) -> Dataset {
        let size = Size { height: 1, width: 1, channels: 1 };
        let rows = |part, labels: Vec<u32>| {
            let groups = Some((0..labels.len() as u32).collect());
            Rows { part: Some(part), size, pixels: vec![0; labels.len()], labels, groups }
        };
        let classes = classes.split(' ').map(str::to_owned).collect();
        Dataset::from_rows("set", classes, vec![rows(Part::Train, train), rows(Part::Test, test)]).unwrap()
    }

    fn advice(dataset: &Dataset, words: &[&str], copies: &[Vec<u32>]) -> Vec<String> {
        let recipe = builtin::recipe("mnist").unwrap().with_overrides(words).unwrap();
        let split = split(dataset, &recipe.data).unwrap();
        advise(&recipe, dataset, &split, copies).iter().map(ToString::to_string).collect()
    }

    fn names(dataset: &Dataset, words: &[&str], copies: &[Vec<u32>]) -> Vec<&'static str> {
        let recipe = builtin::recipe("mnist").unwrap().with_overrides(words).unwrap();
        let split = split(dataset, &recipe.data).unwrap();
        advise(&recipe, dataset, &split, copies).iter().map(Advice::name).collect()
    }

    fn balanced(classes: &str) -> Dataset {
        let mut set = dataset((0..400).map(|i| i % 2).collect(), (0..40).map(|i| i % 2).collect(), classes);
        set.samples.iter_mut().for_each(|sample| sample.group = None);
        set
    }

    #[test]
    fn nothing_is_said_where_nothing_is_unwise() {
        assert_eq!(advice(&balanced("3 7"), &["rotation_degrees=45"], &[vec![1, 2]]), Vec::<String>::new());
        assert_eq!(names(&balanced("bag boot"), &["horizontal_flip=true", "rotation_degrees=180"], &[]), [""; 0]);
    }

    #[test]
    fn mirrored_and_turned_digits_are_told() {
        let words = ["horizontal_flip=true", "vertical_flip=true", "rotation_degrees=46"];
        assert_eq!(names(&balanced("3 7"), &words, &[]), ["mirrored_glyphs", "mirrored_glyphs", "turned_glyphs"]);
        assert!(advice(&balanced("3 7"), &words[..1], &[])[0].starts_with("augment.horizontal_flip mirrors digits"));
    }

    #[test]
    fn rare_and_missing_classes_are_told_by_part() {
        let mut set = dataset([vec![0; 300], vec![1; 30]].concat(), vec![0; 40], "cat dog");
        set.samples.iter_mut().for_each(|sample| sample.group = None);
        assert_eq!(
            advice(&set, &[], &[]),
            [
                "fewer than 10 validation images of dog (3): their scores say little; raise data.validation, or use data.folds",
                "no test image of dog: the scores say nothing about it",
                "cat has 270 training images and dog only 27, and all count alike: see train.class_weights = \"balanced\"",
            ]
        );
        assert_eq!(names(&set, &["class_weights=balanced", "validation=0"], &[]), ["class_missing"]);
    }

    #[test]
    fn copies_and_groups_across_the_sources_own_parts_are_told() {
        let set = balanced("3 7");
        let told = advice(&set, &["validation=0"], &[vec![5, 6, 401, 402], vec![403, 404]]);
        assert_eq!(told.len(), 1);
        assert!(told[0].starts_with("2 test images are in train or validation too, pixel by pixel"), "{told:?}");
        let set = dataset((0..400).map(|i| i % 2).collect(), (0..40).map(|i| i % 2).collect(), "3 7");
        let told = advice(&set, &["validation=0"], &[]);
        assert!(told[0].starts_with("40 groups are both in train and in test"), "{told:?}");
    }
}
