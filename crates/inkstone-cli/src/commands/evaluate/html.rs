//! `inkstone evaluate --html`: the report as a page, with what the run's folder tells of its training.

use std::path::Path;

use inkstone::data::split::SplitFile;
use inkstone::data::{Augment, Samples};
use inkstone::predict::Predictor;
use inkstone::report::{self, Material, Training};
use inkstone::spec::Recipe;
use inkstone::train::EpochMetrics;
use inkstone::train::folder::{METRICS_JSONL, RECIPE, SPLIT};
use inkstone::train::metrics::parse_jsonl;
use inkstone::{Error, Result};

use super::{Found, Task};
use crate::context::Context;
use crate::machine::machine;

/// Training images of each class that the page may show.
const OF_EACH: usize = 10;

/// What a run's folder tells of a training.
struct Past {
    recipe: String,
    metrics: Vec<EpochMetrics>,
    n_training: usize,
    n_validation: usize,
    samples: Option<Samples>,
    augment: Option<Augment>,
}

/// The page. The images of the training part are shown where they are those that were read for measuring.
pub(super) fn page(
    task: &Task,
    run: Option<&Path>,
    (found, predictor): (Found<'_>, &Predictor),
    context: &Context,
) -> Result<String> {
    let past = run.map(|run| Past::read(run, task, predictor, context)).transpose()?;
    let training = past.as_ref().map(|past| Training {
        recipe: &past.recipe,
        metrics: &past.metrics,
        n_training: past.n_training,
        n_validation: past.n_validation,
        samples: past.samples.as_ref(),
        augment: past.augment.as_ref(),
    });
    let machine = machine(context, context.pool()?.n_threads());
    let (dataset, model) = (&task.dataset, predictor.checkpoint());
    let Found { report, measured, stress } = found;
    let machine = &machine;
    let material = Material { report, measured, stress, dataset, model, training, suspects: None, machine };
    let page = report::html(&material);
    dataset.images.check()?;
    Ok(page)
}

impl Past {
    fn read(run: &Path, task: &Task, predictor: &Predictor, context: &Context) -> Result<Self> {
        let text = |name: &str| {
            let path = run.join(name);
            std::fs::read_to_string(&path).map_err(|error| Error::io(path, "read", &error))
        };
        let recipe_text = text(RECIPE)?;
        let recipe = Recipe::parse(&recipe_text, run.join(RECIPE))?;
        let metrics = parse_jsonl(&text(METRICS_JSONL)?).map_err(|error| error.with_file(run.join(METRICS_JSONL)))?;
        let split = SplitFile::read(&run.join(SPLIT))?;
        let model = predictor.checkpoint();
        let is_its_own = task.hashes.hex == model.provenance.data_fingerprint;
        let samples = if is_its_own { some_samples(&split, task, predictor, context)? } else { None };
        let augment = Augment::new(&recipe.augment, model.preprocess.size())?;
        let (n_training, n_validation) = (split.train.len(), split.validation.len());
        Ok(Self { recipe: recipe_text, metrics, n_training, n_validation, samples, augment })
    }
}

/// A few training images of each class, as the network is given them.
fn some_samples(split: &SplitFile, task: &Task, predictor: &Predictor, context: &Context) -> Result<Option<Samples>> {
    let train = split.find(&task.dataset, &task.hashes)?.train;
    let mut of_class = vec![0; task.dataset.classes.len()];
    let is_wanted = |&i: &u32| {
        let count = &mut of_class[task.dataset.samples[i as usize].label as usize];
        *count += 1;
        *count <= OF_EACH
    };
    let chosen: Vec<u32> = train.into_iter().filter(is_wanted).collect();
    if chosen.is_empty() || task.dataset.classes != predictor.classes() {
        return Ok(None);
    }
    let all: Vec<u32> = (0..chosen.len() as u32).collect();
    let preprocess = &predictor.checkpoint().preprocess;
    let [samples] = Samples::of_parts(task.dataset.subset(&chosen), [&all], preprocess, context.pool()?);
    Ok(Some(samples))
}
