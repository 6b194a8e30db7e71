//! A whole recipe on a dataset in memory, in one call: split, preprocess, augment, training. Writes nothing.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::event::Event;
use super::metrics::EpochMetrics;
use super::run::PROGRAM_VERSION;
use super::trainer::{Setup, Watch, fit};
use crate::checkpoint::{Checkpoint, Provenance};
use crate::data::duplicates::kept_together;
use crate::data::fingerprint::fingerprint;
use crate::data::split::draw;
use crate::data::{Augment, Dataset, Preprocess, Samples, Split};
use crate::engine::Isa;
use crate::error::Result;
use crate::hash::sha256_hex;
use crate::parallel::Pool;
use crate::spec::Recipe;

/// How often an observer hears of steps.
const INTERVAL: Duration = Duration::from_millis(100);

/// What came out of a recipe.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Fitted {
    /// The model of the kept epoch.
    pub checkpoint: Checkpoint,
    /// Which samples it was fitted on, which chose the epoch, and which it never saw.
    pub split: Split,
    /// A line per epoch.
    pub metrics: Vec<EpochMetrics>,
}

/// Trains as the recipe says, on the fastest instruction set that this CPU has. `recipe.data` says only how to split:
/// its source is not opened. For runs that are kept, stopped and gone on with there is [`super::run()`].
///
/// # Errors
/// A recipe that does not fit the dataset, or a loss that stops being finite.
pub fn fit_recipe(
    recipe: &Recipe,
    dataset: &Dataset,
    pool: &Pool,
    observe: &mut dyn FnMut(&Event<'_>),
) -> Result<Fitted> {
    recipe.check()?;
    let hashes = fingerprint(dataset, pool);
    let copies = kept_together(recipe.data.duplicates, (dataset, &hashes), pool, Isa::detect());
    let split = draw(dataset, &recipe.data, &hashes, &copies)?;
    let preprocess = Preprocess::fit(&recipe.preprocess, &dataset.images, &split.train, pool)?;
    let parts: [&[u32]; 2] = [&split.train, &split.validation];
    let [training, validation] = Samples::of_parts(dataset.clone(), parts, &preprocess, pool);
    let augment = Augment::new(&recipe.augment, preprocess.size())?;
    let setup = Setup {
        model: &recipe.model,
        train: &recipe.train,
        training: &training,
        validation: &validation,
        augment: augment.as_ref(),
        pool,
        isa: Isa::detect(),
    };
    let trained = fit(&setup, Watch { observe, stop: &AtomicBool::new(false), interval: INTERVAL })?;
    let metrics = trained.state.metrics().to_vec();
    let kept = trained.state.kept.expect("a recipe has at least one epoch, and nobody stops this training");
    let plan = setup.plan()?;
    let checkpoint = Checkpoint {
        spec: recipe.model.clone(),
        input: plan.input,
        preprocess,
        classes: dataset.classes.clone(),
        provenance: Provenance {
            data_source: dataset.name.clone(),
            data_fingerprint: hashes.hex,
            seed: recipe.train.seed,
            recipe_sha256: sha256_hex(recipe.to_toml().as_bytes()),
            program_version: PROGRAM_VERSION.to_owned(),
            kept_epoch: kept.epoch,
        },
        plan,
        parameters: kept.parameters,
        trust: None,
        sha256: None,
    };
    Ok(Fitted { checkpoint, split, metrics })
}
