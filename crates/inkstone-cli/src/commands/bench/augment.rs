//! `inkstone bench augment`: the recipe's random steps on prepared images, written as the values that a network takes.

use inkstone::data::{Augment, Samples};
use inkstone::{Error, ErrorKind, Result};

use super::figures::Figures;
use super::{Prepared, Words, measure, prepare};
use crate::context::Context;

/// Images that are written before their memory is used again: some megabytes, as a large batch would be.
const N_WRITTEN: usize = 2048;
/// Images per task of a thread.
const N_PER_TASK: usize = 64;

pub(super) fn run(args: &Words, context: &Context) -> Result<Figures> {
    let prepared = prepare(&args.words, context)?;
    let mut figures = prepared.figures("augment");
    let Prepared { recipe, dataset, split, preprocess } = prepared;
    let size = preprocess.size();
    let augment = Augment::new(&recipe.augment, size)?.ok_or_else(|| {
        let error = Error::mismatch(ErrorKind::Usage, "a recipe that augments", "one without random steps");
        error.with_help("give it some: augment.rotation_degrees=10 augment.zoom=0.1")
    })?;
    let (pool, isa) = (context.pool()?, context.isa);
    let parts: [&[u32]; 1] = [&split.train];
    let [samples] = Samples::of_parts(dataset, parts, &preprocess, pool);
    let steps = serde_json::json!(recipe.augment);
    figures.add_silently("augment", &steps);
    let mut values = vec![0.0_f32; N_WRITTEN * size.len()];
    let mut n_done = 0;
    let (n_images, elapsed) = measure::repeat(args.time.seconds, || {
        pool.for_each_chunk(&mut values, N_PER_TASK * size.len(), |task, values| {
            for (k, out) in values.chunks_exact_mut(size.len()).enumerate() {
                let i = n_done + task * N_PER_TASK + k;
                let epoch = (i / samples.len()) as u32;
                samples.write_augmented(isa, i % samples.len(), &augment, (recipe.train.seed, epoch), out);
            }
        });
        n_done += N_WRITTEN;
        N_WRITTEN as u64
    })?;
    figures.add_speed(n_images, elapsed);
    figures.add_circumstances(context)?;
    Ok(figures)
}
