//! Where `--nearest` looks: the images that a model was trained on, or those that are named.

use inkstone::data::source::SETS;
use inkstone::data::split::SplitFile;
use inkstone::data::{Dataset, Part};
use inkstone::predict::OpenModel;
use inkstone::spec::Recipe;
use inkstone::spec::recipe::DataSpec;
use inkstone::train::folder::{RECIPE, SPLIT};
use inkstone::{Error, ErrorKind, Result};

use super::Args;
use crate::context::Context;
use crate::images;

/// Labelled images, and which of them are looked at.
pub(super) struct Near {
    pub(super) dataset: Dataset,
    pub(super) indices: Vec<u32>,
}

/// Of a named source the training part, or all where it has none; else what the run was trained on, or the training part
/// of the published set that the model was made from.
pub(super) fn open(args: &Args, model: &OpenModel, context: &Context) -> Result<Near> {
    let mut data = DataSpec::default();
    if args.data.is_none()
        && let Some(run) = &model.run
    {
        let recipe = Recipe::read(run.join(RECIPE))?;
        if let Some(source) = &recipe.data.source {
            data.corrections = images::of_run(&recipe.data, run).corrections;
            (data.on_error, data.stream) = (recipe.data.on_error, recipe.data.stream);
            data.cache = recipe.data.cache;
            let loaded = images::load_again(source, &data, run.parent(), context)?;
            let file = run.join(SPLIT);
            let split = SplitFile::read(&file)?.find(&loaded.dataset, &loaded.hashes);
            let indices = split.map_err(|error| error.with_file(&file))?.part(Part::Train).to_vec();
            return Ok(Near { dataset: loaded.dataset, indices });
        }
    }
    let source = &model.checkpoint.provenance.data_source;
    let Some(source) = args.data.as_ref().or(SETS.contains(&source.as_str()).then_some(source)) else {
        let found = "a model that does not say where its images are";
        return Err(Error::mismatch(ErrorKind::Usage, "--data SOURCE", found).with_place(&args.model));
    };
    let dataset = images::load_again(source, &data, None, context)?.dataset;
    let of_train = |&i: &u32| dataset.samples[i as usize].part == Some(Part::Train);
    let all = 0..dataset.samples.len() as u32;
    let mut indices: Vec<u32> = all.clone().filter(of_train).collect();
    if indices.is_empty() {
        indices = all.collect();
    }
    Ok(Near { dataset, indices })
}
