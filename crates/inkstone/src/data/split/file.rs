//! `split.json`: which sample belongs to which part, by id and content. Images added later are in no part; a missing
//! or changed one is an error, never silently another.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Split;
use crate::data::dataset::{Dataset, Part};
use crate::data::fingerprint::Fingerprint;
use crate::error::{Error, ErrorKind, Result};

/// The version of the format.
const VERSION: u32 = 1;

/// A split as it is kept.
///
/// An entry is the sample's id, `#`, and 16 hexadecimal digits of its content's SHA-256: `train/17#b3f2…`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SplitFile {
    /// The version of this format: 1.
    pub version: u32,
    /// The dataset's name.
    pub source: String,
    /// The seed it was drawn with.
    pub seed: u64,
    /// The dataset's fingerprint.
    pub fingerprint: String,
    /// What the parameters are fitted on.
    pub train: Vec<String>,
    /// What chooses between epochs.
    pub validation: Vec<String>,
    /// What is measured once, at the end.
    pub test: Vec<String>,
    /// Those of `validation` that are for calibration alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calibration: Vec<String>,
}

impl SplitFile {
    /// Names the samples of a split. `hashes` is the dataset's own fingerprint.
    pub fn new(split: &Split, dataset: &Dataset, hashes: &Fingerprint, seed: u64) -> Self {
        let names = |members: &[u32]| -> Vec<String> {
            let indices = members.iter().map(|&i| i as usize);
            indices.map(|i| format!("{}#{}", dataset.samples[i].id, hashes.short(i))).collect()
        };
        Self {
            version: VERSION,
            source: dataset.name.clone(),
            seed,
            fingerprint: hashes.hex.clone(),
            train: names(&split.train),
            validation: names(&split.validation),
            test: names(&split.test),
            calibration: names(&split.calibration),
        }
    }

    /// The text of the file: JSON, an id per line.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("strings and numbers are always JSON");
        text.push('\n');
        text
    }

    /// Reads the text of the file.
    ///
    /// # Errors
    /// `Data` where it is not this format, or not this version of it.
    pub fn parse(text: &str) -> Result<Self> {
        let file: Self = serde_json::from_str(text).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            let message = error.to_string();
            let reason = message.split(" at line ").next().unwrap_or_default().to_owned();
            Error::new(ErrorKind::Data, format!("not a split file: {reason}")).with_place(place)
        })?;
        if file.version != VERSION {
            let found = file.version.to_string();
            return Err(Error::mismatch(ErrorKind::Data, VERSION.to_string(), found).with_place("version"));
        }
        Ok(file)
    }

    /// Reads a `split.json`.
    ///
    /// # Errors
    /// As [`SplitFile::parse`], and `Io` where it cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| Error::io(path, "read the split", &error))?;
        Self::parse(&text).map_err(|error| error.with_file(path))
    }

    /// Finds the samples again in a dataset. Its images that the file does not name are in no part; a note counts them.
    ///
    /// # Errors
    /// `Data` where named images are missing or changed, or one is named twice.
    pub fn find(&self, dataset: &Dataset, hashes: &Fingerprint) -> Result<Split> {
        let (mut split, problems) = self.look_up(dataset, hashes);
        problems.check(&dataset.name)?;
        let n_added = dataset.samples.len() - split.sizes().iter().sum::<usize>();
        if n_added > 0 {
            split.notes.push(format!("{n_added} images of {} are not in the split and are left out", dataset.name));
        }
        Ok(split)
    }

    /// The samples that are there; a note counts those that are not.
    ///
    /// # Errors
    /// `Data` where named images changed, one is named twice, or nothing is left of a part.
    pub(super) fn find_present(&self, dataset: &Dataset, hashes: &Fingerprint) -> Result<Split> {
        let (mut split, mut problems) = self.look_up(dataset, hashes);
        let n_missing = std::mem::take(&mut problems.missing).len();
        problems.check(&dataset.name)?;
        for part in [Part::Train, Part::Validation, Part::Test] {
            if split.part(part).is_empty() && !self.names(part).is_empty() {
                let expected = format!("images of the split's {} part in {}", part.name(), dataset.name);
                let found = format!("none of its {}", self.names(part).len());
                return Err(Error::mismatch(ErrorKind::Data, expected, found));
            }
        }
        if n_missing > 0 {
            split.notes.push(format!("{n_missing} images of the split are not in {}", dataset.name));
        }
        Ok(split)
    }

    fn look_up(&self, dataset: &Dataset, hashes: &Fingerprint) -> (Split, Problems<'_>) {
        let mut places: HashMap<String, Option<u32>> = HashMap::with_capacity(dataset.samples.len());
        for (i, sample) in dataset.samples.iter().enumerate() {
            places.insert(sample.id.to_string(), Some(i as u32));
        }
        let mut split = Split::default();
        let mut problems = Problems::default();
        for part in [Part::Train, Part::Validation, Part::Test] {
            for name in self.names(part) {
                let (id, hash) = name.rsplit_once('#').unwrap_or((name, ""));
                match places.entry(id.to_owned()) {
                    Entry::Vacant(_) => problems.missing.push(id),
                    Entry::Occupied(mut place) => match place.insert(None) {
                        None => problems.repeated.push(id),
                        Some(i) if hashes.short(i as usize) != hash => problems.changed.push(id),
                        Some(i) => split.part_mut(part).push(i),
                    },
                }
            }
            split.part_mut(part).sort_unstable();
        }
        let calibrates: HashSet<&str> = self.calibration.iter().map(|name| id_of(name)).collect();
        let is_for_calibration = |&i: &u32| calibrates.contains(&*dataset.samples[i as usize].id.to_string());
        if !calibrates.is_empty() {
            split.calibration = split.validation.iter().copied().filter(is_for_calibration).collect();
        }
        (split, problems)
    }

    fn names(&self, part: Part) -> &[String] {
        match part {
            Part::Train => &self.train,
            Part::Validation => &self.validation,
            Part::Test => &self.test,
        }
    }
}

/// An entry without its hash.
fn id_of(name: &str) -> &str {
    name.rsplit_once('#').map_or(name, |(id, _)| id)
}

/// The ids that do not fit, by how they do not.
#[derive(Default)]
struct Problems<'a> {
    missing: Vec<&'a str>,
    changed: Vec<&'a str>,
    repeated: Vec<&'a str>,
}

impl Problems<'_> {
    fn check(&self, source: &str) -> Result<()> {
        let told: Vec<String> =
            [("missing", &self.missing), ("changed", &self.changed), ("named twice", &self.repeated)]
                .iter()
                .filter(|(_, ids)| !ids.is_empty())
                .map(|(how, ids)| {
                    let more = if ids.len() > 3 { ", …" } else { "" };
                    format!("{} {how} ({}{more})", ids.len(), ids[..ids.len().min(3)].join(", "))
                })
                .collect();
        if told.is_empty() {
            return Ok(());
        }
        let expected = format!("the images of the split in {source}");
        Err(Error::mismatch(ErrorKind::Data, expected, told.join(", ")))
    }
}
