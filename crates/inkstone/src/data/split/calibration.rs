//! Which validation images are kept from choosing, so that what is calibrated on them holds for new images.

use super::folds::deal;
use super::together::join_groups;
use super::{Roster, Split};
use crate::data::dataset::Dataset;
use crate::spec::TrainSpec;
use crate::spec::training::Keep;

/// Where validation chooses something (which epoch is kept, when training stops), half of it is kept for calibration
/// alone: [`Split::calibration`]. The half is balanced by class, decided by the seed of the split, and keeps groups and
/// copies (lists of positions) together. Otherwise the whole part calibrates. Adds the sentence for the log.
///
/// A part that cannot be halved is left to choose; then nothing calibrates, and a note says so.
pub fn keep_for_calibration(split: &mut Split, dataset: &Dataset, copies: &[Vec<u32>], train: &TrainSpec, seed: u64) {
    let n = split.validation.len();
    if n == 0 {
        split
            .notes
            .push("warning: without a validation part the model cannot be calibrated: it answers always".to_owned());
        return;
    }
    if !chooses(train) {
        split.notes.push(format!("the {n} validation images choose nothing: all of them calibrate the model"));
        return;
    }
    let joined = join_groups(&dataset.samples, copies);
    let roster = Roster { samples: &joined, ..Roster::of(dataset) };
    match deal(roster, &split.validation, 2, seed) {
        Ok(halves) => {
            let [first, second] = [&halves[0], &halves[1]].map(Vec::len);
            let why = "so that its promises hold for new images";
            split.notes.push(format!(
                "{first} of the {n} validation images choose the epoch; {second} calibrate the model alone, {why}"
            ));
            split.calibration.clone_from(&halves[1]);
        }
        Err(_) => split.notes.push(format!(
            "warning: {n} validation images cannot be halved: they choose the epoch, and the model is not calibrated"
        )),
    }
}

/// Whether validation decides anything of a training.
fn chooses(train: &TrainSpec) -> bool {
    train.keep == Keep::Best || train.early_stopping.is_some()
}

impl Split {
    /// The validation images that the trainer is given: all but those kept for calibration.
    pub fn choosing(&self) -> Vec<u32> {
        self.validation.iter().copied().filter(|i| self.calibration.binary_search(i).is_err()).collect()
    }

    /// The images that calibrate a training like this: those that were kept for it, or the whole validation part where
    /// it chooses nothing. Of a split that kept none although it chooses (by an older program, or because the part is too
    /// small) there are none.
    pub fn calibrating(&self, train: &TrainSpec) -> &[u32] {
        if self.calibration.is_empty() && !chooses(train) { &self.validation } else { &self.calibration }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::dataset::{Rows, Size};

    fn world(n: u32) -> (Dataset, Split) {
        let size = Size { height: 1, width: 1, channels: 1 };
        let rows = Rows {
            part: None,
            size,
            pixels: vec![0; n as usize],
            labels: (0..n).map(|i| i % 3).collect(),
            groups: None,
        };
        let dataset = Dataset::from_rows("set", ["a", "b", "c"].map(str::to_owned).to_vec(), vec![rows]).unwrap();
        let (validation, train) = (0..n).partition(|i| i % 5 < 2);
        (dataset, Split { train, validation, ..Split::default() })
    }

    fn train(text: &str) -> TrainSpec {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn half_of_the_validation_part_calibrates_where_it_chooses() {
        let (dataset, mut split) = world(300);
        keep_for_calibration(&mut split, &dataset, &[vec![0, 1], vec![5, 6]], &train(""), 7);
        assert_eq!((split.calibration.len(), split.choosing().len()), (60, 60));
        assert!(split.calibration.is_sorted() && split.calibrating(&train("")) == split.calibration);
        let has = |i| split.calibration.contains(&i);
        assert!(has(0) == has(1) && has(5) == has(6), "copies stay together");
        assert_eq!(
            split.notes,
            [
                "60 of the 120 validation images choose the epoch; 60 calibrate the model alone, so that its promises hold for new images"
            ]
        );
    }

    #[test]
    fn all_of_it_calibrates_where_it_chooses_nothing() {
        let (dataset, mut split) = world(300);
        let last = train("keep = \"last\"");
        keep_for_calibration(&mut split, &dataset, &[], &last, 7);
        assert!(split.calibration.is_empty());
        assert_eq!((split.calibrating(&last).len(), split.choosing().len()), (120, 120));
        keep_for_calibration(
            &mut split,
            &dataset,
            &[],
            &train("keep = \"last\"\nearly_stopping = { patience = 2 }"),
            7,
        );
        assert_eq!(split.calibration.len(), 60);
    }

    #[test]
    fn a_part_that_is_too_small_or_missing_calibrates_nothing_and_says_so() {
        let (dataset, mut split) = world(1);
        keep_for_calibration(&mut split, &dataset, &[], &train(""), 0);
        assert!(split.calibrating(&train("")).is_empty() && split.notes[0].starts_with("warning: 1 validation images"));
        let mut split = Split::default();
        keep_for_calibration(&mut split, &dataset, &[], &train(""), 0);
        assert!(split.notes[0].contains("without a validation part"));
    }
}
