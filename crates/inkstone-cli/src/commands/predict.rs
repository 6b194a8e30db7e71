//! `inkstone predict`: which class does each image show?

pub(super) mod files;
mod output;
pub(super) mod region;
mod stages;

use std::path::PathBuf;

use inkstone::parallel::Pool;
use inkstone::predict::{self, Decision, OpenModel, Prediction, Predictor};
use inkstone::{Error, ErrorKind, Result};

use crate::Outcome;
use crate::context::Context;

use files::Input;
use output::Output;
use region::Region;

/// Images that are read and answered at once: enough for every core, few enough to stay small in memory.
const CHUNK: usize = 256;

/// Say what images show
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  inkstone predict five.png                     with the built-in model `digits`
  inkstone predict --model runs/letters-001 scans/ page.jpg
  curl -s https://example.org/7.png | inkstone predict -
  inkstone predict --csv answers.csv scans/
  inkstone predict --max-error 0.001 scans/     abstain wherever 1 error in 1,000 cannot be promised
  inkstone predict form.png --crop 120,40,300,80          one field of a form
  inkstone predict photo.jpg --stages stages.png          how the ink rules see it")]
pub(crate) struct Args {
    /// A run folder, a model file, or a built-in model
    #[arg(long, value_name = "MODEL", default_value = "digits")]
    model: String,
    /// Image files, folders of them, or - for stdin
    #[arg(required = true, value_name = "IMAGE|FOLDER|-")]
    images: Vec<PathBuf>,
    /// One JSON document per image and line
    #[arg(long, conflicts_with_all = ["json", "csv"])]
    jsonl: bool,
    /// Write a table to FILE (- for stdout)
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    csv: Option<PathBuf>,
    /// Answer only where a share of errors of at most E is to be expected among the answers; abstain from the rest
    #[arg(long, value_name = "E")]
    max_error: Option<f64>,
    /// Only this region of each image: left, top, width, height in pixels, after the file's orientation is applied
    #[arg(long, value_name = "X,Y,W,H", value_parser = region::parse)]
    crop: Option<Region>,
    /// Write what the ink rules make of the image, step by step, to FILE.png
    #[arg(long, value_name = "FILE")]
    stages: Option<PathBuf>,
}

/// Prints ranked classes per image; goes on past a bad image and ends with [`Outcome::SomeFailed`] then.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome> {
    let model = predict::open(&args.model)?;
    if let Some(note) = &model.note {
        context.terminal.note(&format!("note: {note}"));
    }
    let OpenModel { name, checkpoint, .. } = model;
    context.terminal.note(&format!("model: {name}, {} classes", checkpoint.classes.len()));
    let mut predictor = Predictor::from_checkpoint(checkpoint, context.isa);
    if let Some(max_error) = args.max_error {
        predictor = predictor.with_max_error(max_error).map_err(|error| error.with_place("--max-error"))?;
    }

    let inputs = files::expand(&args.images);
    if let Some(file) = &args.stages {
        stages::write(file, &predictor, &inputs, args.crop)?;
    }
    let mut output = Output::new(args, context, &name, &predictor, &inputs);
    // A single image is answered before a pool of threads would have started.
    let here = Pool::current_thread();
    let pool = if inputs.len() == 1 { &here } else { context.pool()? };
    let mut n_failed = 0;
    for chunk in inputs.chunks(CHUNK) {
        for prediction in predict_chunk(&predictor, pool, chunk, args.crop) {
            n_failed += usize::from(prediction.decision == Decision::Error);
            output.add(prediction);
        }
    }
    output.finish()?;
    if n_failed == 0 {
        return Ok(Outcome::Done);
    }
    if inputs.len() > 1 {
        context.terminal.warn(&format!("{n_failed} of {} could not be read", inputs.len()));
    }
    Ok(Outcome::SomeFailed)
}

/// The answers to a few inputs, in their order.
fn predict_chunk(predictor: &Predictor, pool: &Pool, inputs: &[Input], crop: Option<Region>) -> Vec<Prediction> {
    pool.map(inputs.len(), |i| {
        let answer = inputs[i].read().and_then(|bytes| match crop {
            Some(region) => predictor.predict_region(&bytes, region),
            None => predictor.predict_bytes(&bytes),
        });
        let name = inputs[i].name();
        answer.unwrap_or_else(|error| Prediction::failed(error.with_file(&name))).with_file(name)
    })
}

/// An error that names the file already, said in that file's line.
fn without_file(error: &Error) -> String {
    let line = error.to_string();
    let prefix = error.file().map(|file| format!("{}: ", file.display())).unwrap_or_default();
    line.strip_prefix(&prefix).map_or_else(|| line.clone(), str::to_owned)
}

/// A table or document that cannot be written: our own bug, told instead of a panic.
fn unwritable(error: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Io, format!("cannot write the predictions as JSON: {error}"))
}
