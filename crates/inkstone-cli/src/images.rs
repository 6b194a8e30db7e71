//! The images that a recipe's `[data]` table is about, ready to be split: opened, put in groups, corrected, hashed.

use std::path::Path;

use inkstone::data::Dataset;
use inkstone::data::corrections::Corrections;
use inkstone::data::duplicates::kept_together;
use inkstone::data::fingerprint::{Fingerprint, fingerprint};
use inkstone::data::groups;
use inkstone::spec::recipe::DataSpec;
use inkstone::train::folder::{CORRECTIONS, SPLIT};
use inkstone::{Error, Result};

use crate::context::Context;

/// A dataset and what is known of it.
pub(crate) struct Loaded {
    /// The images after all corrections.
    pub(crate) dataset: Dataset,
    /// Their hashes.
    pub(crate) hashes: Fingerprint,
    /// Which of them must stay on one side of a split.
    pub(crate) copies: Vec<Vec<u32>>,
    /// The text of the corrections.
    pub(crate) corrections: Option<String>,
    /// What the log should say.
    pub(crate) notes: Vec<String>,
    /// What was said while the images were read: for the log too.
    pub(crate) remarks: Vec<String>,
}

/// Opens the images and does with them what `data` says. Its paths are taken as they stand. `runs`: beside which runs
/// decoded images are kept.
pub(crate) fn load(source: &str, data: &DataSpec, runs: Option<&Path>, context: &Context) -> Result<Loaded> {
    let (mut dataset, remarks) = context.open_for(source, data, runs)?;
    // Before corrections: writers are looked up by row and checked by class.
    let told = match &data.group {
        Some(group) => Some(groups::assign(&mut dataset, group, Some(&context.home))?),
        None => None,
    };
    let mut loaded = corrected(dataset, remarks, data, context)?;
    loaded.notes.splice(0..0, told);
    loaded.copies = kept_together(data.duplicates, (&loaded.dataset, &loaded.hashes), context.pool()?, context.isa);
    Ok(loaded)
}

/// The same where the split is known, so that nobody asks for groups and copies.
pub(crate) fn load_again(source: &str, data: &DataSpec, runs: Option<&Path>, context: &Context) -> Result<Loaded> {
    let (dataset, remarks) = context.open_for(source, data, runs)?;
    corrected(dataset, remarks, data, context)
}

fn corrected(mut dataset: Dataset, remarks: Vec<String>, data: &DataSpec, context: &Context) -> Result<Loaded> {
    let (mut corrections, mut notes) = (None, Vec::new());
    if let Some(path) = &data.corrections {
        let (text, corrected, note) = correct(dataset, Path::new(path))?;
        (dataset, corrections) = (corrected, Some(text));
        notes.push(note);
    }
    let hashes = fingerprint(&dataset, context.pool()?);
    dataset.images.check()?;
    Ok(Loaded { dataset, hashes, copies: Vec::new(), corrections, notes, remarks })
}

/// A dataset with the corrections of a file, the file's text, and what the log should say.
pub(crate) fn correct(dataset: Dataset, path: &Path) -> Result<(String, Dataset, String)> {
    let corrections = Corrections::read(path)?;
    let applied = corrections.apply(dataset).map_err(|error| error.with_file(path));
    let (dataset, applied) = applied?;
    let text = std::fs::read_to_string(path).map_err(|error| Error::io(path, "read the corrections", &error))?;
    Ok((text, dataset, applied.to_string()))
}

/// The table as it stands in a run's folder, where corrections and split lie beside the recipe: wherever they came from,
/// the same training has the same recipe.
pub(crate) fn in_run(mut data: DataSpec) -> DataSpec {
    data.corrections = data.corrections.map(|_| CORRECTIONS.to_owned());
    data.split_file = data.split_file.map(|_| SPLIT.to_owned());
    data
}

/// The table of a run with its paths as they are from here.
pub(crate) fn of_run(data: &DataSpec, run: &Path) -> DataSpec {
    let beside = |name: &String| run.join(name).to_string_lossy().into_owned();
    let mut here = data.clone();
    here.corrections = data.corrections.as_ref().map(beside);
    here.split_file = data.split_file.as_ref().map(beside);
    here
}
