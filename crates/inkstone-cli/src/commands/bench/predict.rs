//! `inkstone bench predict`: the library call for one image with the weights loaded, then many images on all threads.

use std::time::Duration;

use inkstone::Result;
use inkstone::checkpoint::{Checkpoint, Provenance};
use inkstone::data::{Image, Images};
use inkstone::engine::Parameters;
use inkstone::predict::{self, Predictor};
use inkstone::shape::Shape;
use inkstone::spec::summary::summarise;

use super::figures::{Figures, brief, grouped, rounded};
use super::{Prepared, Time, measure, prepare};
use crate::context::Context;

/// The most images that are asked about in one call.
const N_TOGETHER: usize = 10_000;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A recipe's name or file, or a source of images; then overrides of recipe keys
    #[arg(value_name = "RECIPE|SOURCE] [KEY=VALUE")]
    words: Vec<String>,
    /// A trained model, on the images of the recipe; where not given, the recipe's network with its first values
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    #[command(flatten)]
    time: Time,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Figures> {
    let prepared = prepare(&args.words, context)?;
    let mut figures = prepared.figures("predict");
    let checkpoint = match &args.model {
        Some(model) => {
            let opened = predict::open(model)?;
            figures.add("model", &opened.name, "model", &opened.name);
            opened.checkpoint
        }
        None => untrained(&prepared)?,
    };
    let precision = prepared.recipe.train.precision;
    let named = serde_json::json!(precision);
    figures.add("precision", &named, "precision", named.as_str().unwrap_or("f32"));
    let macs = summarise(&checkpoint.plan).macs_forward;
    let predictor = Predictor::with_precision(checkpoint, context.isa, precision);
    let images = &prepared.dataset.images;
    let half = args.time.seconds / 2;

    let mut i = 0;
    let latencies = measure::each(half, 100, || {
        std::hint::black_box(predictor.predict_image(images.get(i)));
        i = (i + 1) % images.len();
        Ok(())
    })?;
    for (key, label, share) in [("latency_median_us", "alone, median", 0.5), ("latency_p99_us", "alone, 99 %", 0.99)] {
        let latency = measure::quantile(&latencies, share).as_secs_f64() * 1e6;
        figures.add(key, rounded(latency), label, format!("{} µs", brief(latency)));
    }
    let (n_images, elapsed) = many(&predictor, images, half, context)?;
    let n_together = N_TOGETHER.min(images.len());
    figures.add("batch_size", n_together, "together", format!("{} images", grouped(n_together as f64)));
    figures.add_speed(n_images, elapsed);
    figures.add_operations(macs, n_images as f64 / elapsed.as_secs_f64(), context)?;
    figures.add_circumstances(context)?;
    Ok(figures)
}

fn many(predictor: &Predictor, images: &Images, seconds: Duration, context: &Context) -> Result<(u64, Duration)> {
    let pool = context.pool()?;
    let n = N_TOGETHER.min(images.len());
    let image = |i: usize| -> Image<'_> { images.get(i) };
    measure::repeat(seconds, || {
        std::hint::black_box(predictor.probabilities(pool, n, &image));
        n as u64
    })
}

/// The recipe's network as training would begin with it: as fast as a trained one.
fn untrained(prepared: &Prepared) -> Result<Checkpoint> {
    let Prepared { recipe, dataset, preprocess, .. } = prepared;
    let size = preprocess.size();
    let input = Shape::image(size.height, size.width, size.channels);
    let plan = recipe.model.resolve(input, dataset.classes.len())?;
    Ok(Checkpoint {
        spec: recipe.model.clone(),
        input,
        preprocess: preprocess.clone(),
        classes: dataset.classes.clone(),
        provenance: Provenance::default(),
        parameters: Parameters::initialise(&plan, recipe.train.seed),
        plan,
        trust: None,
        sha256: None,
    })
}
