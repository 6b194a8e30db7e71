//! `inkstone bench train`: whole steps of the real training loop. No validation: the steps alone are timed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use inkstone::Result;
use inkstone::data::{Augment, Samples};
use inkstone::spec::summary::summarise;
use inkstone::spec::training::Keep;
use inkstone::train::{Event, Setup, Watch, fit};

use super::figures::Figures;
use super::measure::warm_up;
use super::{Prepared, Words, interrupted, prepare};
use crate::context::Context;
use crate::interrupt;

/// More epochs than anybody measures; schedules that look at the end hardly move.
const ENDLESS: usize = 1_000_000;

pub(super) fn run(args: &Words, context: &Context) -> Result<Figures> {
    let prepared = prepare(&args.words, context)?;
    let mut figures = prepared.figures("train");
    let Prepared { recipe, dataset, split, preprocess } = prepared;
    let augment = Augment::new(&recipe.augment, preprocess.size())?;
    let parts: [&[u32]; 2] = [&split.train, &[]];
    let [training, nothing] = Samples::of_parts(dataset, parts, &preprocess, context.pool()?);
    let mut train = recipe.train.clone();
    (train.epochs, train.early_stopping, train.keep) = (ENDLESS, None, Keep::Last);
    let setup = Setup {
        model: &recipe.model,
        train: &train,
        training: &training,
        validation: &nothing,
        augment: augment.as_ref(),
        pool: context.pool()?,
        isa: context.isa,
    };
    figures.add("batch_size", train.batch_size, "batch size", train.batch_size);
    let precision = serde_json::json!(train.precision);
    figures.add("precision", &precision, "precision", precision.as_str().unwrap_or("f32"));
    let words = if augment.is_some() { "yes" } else { "no" };
    figures.add("is_augmented", augment.is_some(), "augmented", words);
    let (n_images, elapsed) = measured(&setup, args.time.seconds)?;
    figures.add_speed(n_images, elapsed);
    let macs = summarise(&setup.plan()?).macs_training;
    figures.add_operations(macs, n_images as f64 / elapsed.as_secs_f64(), context)?;
    figures.add_circumstances(context)?;
    Ok(figures)
}

/// Images and time from the end of the warm-up on.
fn measured(setup: &Setup<'_>, seconds: Duration) -> Result<(u64, Duration)> {
    /// When, and how many images were done by then.
    type Mark = Option<(Instant, usize)>;
    let stop = AtomicBool::new(false);
    let n = setup.training.len();
    let start = Instant::now();
    let (mut from, mut to): (Mark, Mark) = (None, None);
    let mut observe = |event: &Event<'_>| {
        let n_done = match event {
            Event::Step(progress) => (progress.epoch - 1) * n + (progress.step * setup.train.batch_size).min(n),
            Event::EpochEnded { metrics, .. } => metrics.epoch * n,
            _ => return,
        };
        let now = Instant::now();
        match from {
            None if now - start >= warm_up(seconds) => from = Some((now, n_done)),
            Some((begin, _)) if to.is_none() && now - begin >= seconds => {
                to = Some((now, n_done));
                stop.store(true, Ordering::Relaxed);
            }
            _ => {}
        }
        if interrupt::flag().load(Ordering::Relaxed) {
            stop.store(true, Ordering::Relaxed);
        }
    };
    // Seldom enough not to be felt, often enough to end in time.
    let interval = (seconds / 20).min(Duration::from_millis(100));
    fit(setup, Watch { observe: &mut observe, stop: &stop, interval })?;
    match (from, to) {
        (Some((begin, before)), Some((end, after))) => Ok(((after - before) as u64, end - begin)),
        _ => Err(interrupted()),
    }
}
