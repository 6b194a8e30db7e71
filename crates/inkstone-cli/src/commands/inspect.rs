//! `inkstone inspect`: the layers of a recipe or model, the summary of a data set, one image as numbers.

use std::path::Path;

use inkstone::data::inspect::{numbers, picture, sample_title, summarise, summary_text};
use inkstone::data::source::SETS;
use inkstone::data::{Dataset, Preprocess};
use inkstone::engine::fused::Fused;
use inkstone::predict::{self, OpenModel};
use inkstone::shape::Shape;
use inkstone::spec::{LayerSpec, Plan, Recipe, builtin, summary};
use inkstone::{Error, ErrorKind, Result};
use serde_json::json;

use crate::context::Context;
use crate::{Outcome, recipes};

/// Show the layers of a recipe or model, or what a data set holds
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  inkstone inspect mnist                the data set: parts, classes, sizes
  inkstone inspect mnist --sample 5     an image as a picture and as numbers
  inkstone inspect recipes/mnist.toml   layers, shapes, parameters, MACs
  inkstone inspect digits --blocks      what its layers are fused into
  inkstone inspect runs/mnist-001       a model and where it comes from")]
pub(crate) struct Args {
    /// A recipe, a model or a source of images
    what: String,
    /// Show one image, counted from 0, as a picture and as numbers
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// Show the fused blocks that the layers run as
    #[arg(long, conflicts_with = "sample")]
    blocks: bool,
}

/// Tells recipe, model and source apart and prints their summary.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome> {
    let what = args.what.as_str();
    if let Some(i) = args.sample {
        return sample(&context.open(what)?, i, context);
    }
    if !SETS.contains(&what) {
        if is_model(what) {
            let opened = predict::open(what)?;
            if args.blocks {
                return Ok(blocks(&opened.checkpoint.plan, context));
            }
            model(&opened, context);
            return Ok(Outcome::Done);
        }
        if let Some(recipe) = open_recipe(what)? {
            let (input, n_classes) = ends(&recipe, context)?;
            let plan = recipe.model.resolve(input, n_classes).map_err(|error| error.with_file(what))?;
            return Ok(if args.blocks { blocks(&plan, context) } else { layers(&plan, context) });
        }
    }
    if args.blocks {
        return Err(Error::mismatch(ErrorKind::Usage, "a recipe or a model", format!("the data set {what}"))
            .with_place("--blocks"));
    }
    let dataset = context.open(what)?;
    let summary = summarise(&dataset, context.pool()?);
    if context.json {
        context.print_json(&summary);
    } else {
        context.print(&summary_text(&summary));
    }
    Ok(Outcome::Done)
}

fn is_model(what: &str) -> bool {
    let path = Path::new(what);
    let is_file = path.extension().is_some_and(|extension| extension == "safetensors");
    predict::builtin(what).is_some() || is_file || path.join("model.safetensors").is_file()
}

/// A recipe's name or file, or a run that has no model yet.
fn open_recipe(what: &str) -> Result<Option<Recipe>> {
    let path = Path::new(what);
    if let Some(recipe) = builtin::recipe(what) {
        return Ok(Some(recipe));
    }
    if path.extension().is_some_and(|extension| extension == "toml") {
        return recipes::read(path).map(Some);
    }
    let of_run = path.join("recipe.toml");
    if of_run.is_file() { recipes::read(&of_run).map(Some) } else { Ok(None) }
}

fn layers(plan: &Plan, context: &Context) -> Outcome {
    let summary = summary::summarise(plan);
    if context.json {
        context.print_json(&summary);
    } else {
        context.print(&summary.to_text());
    }
    Outcome::Done
}

/// What the engine makes of the layers.
fn blocks(plan: &Plan, context: &Context) -> Outcome {
    let blocks = Fused::compile(plan, context.isa).blocks();
    if context.json {
        let rows: Vec<_> = blocks.iter().map(|(layers, work)| json!({ "layers": layers, "work": work })).collect();
        context.print_json(&json!({ "version": 1, "isa": context.isa.name(), "blocks": rows }));
    } else {
        let rows: Vec<String> = blocks.iter().map(|(layers, work)| format!("{layers}\n    {work}\n")).collect();
        context.print(&rows.concat());
    }
    Outcome::Done
}

/// The shape of an input and the number of classes: the recipe's own word, else its images are looked at.
fn ends(recipe: &Recipe, context: &Context) -> Result<(Shape, usize)> {
    let channels = if recipe.preprocess.grayscale { 1 } else { 3 };
    let shape = recipe.preprocess.size.map(|[height, width]| Shape::image(height, width, channels));
    let n_classes = recipe.model.layers.iter().rev().find_map(|layer| match layer {
        LayerSpec::Dense(dense) => Some(dense.units),
        _ => None,
    });
    if let (Some(shape), Some(Some(n_classes))) = (shape, n_classes) {
        return Ok((shape, n_classes));
    }
    let Some(source) = &recipe.data.source else {
        context.terminal.note("the recipe leaves open what its images decide: shown for 28×28 pixels and 10 classes");
        return Ok((shape.unwrap_or(Shape::image(28, 28, channels)), n_classes.flatten().unwrap_or(10)));
    };
    let dataset = context.open(source)?;
    let all: Vec<u32> = (0..dataset.samples.len() as u32).collect();
    let size = Preprocess::fit(&recipe.preprocess, &dataset.images, &all, context.pool()?)?.size();
    Ok((Shape::image(size.height, size.width, size.channels), dataset.classes.len()))
}

fn model(model: &OpenModel, context: &Context) {
    let checkpoint = &model.checkpoint;
    let layers = summary::summarise(&checkpoint.plan);
    let provenance = &checkpoint.provenance;
    if let Some(note) = &model.note {
        context.terminal.note(note);
    }
    if context.json {
        context.print_json(&json!({
            "version": 1,
            "name": model.name,
            "sha256": checkpoint.sha256(),
            "classes": checkpoint.classes,
            "preprocess": checkpoint.preprocess,
            "provenance": provenance,
            "summary": layers,
        }));
        return;
    }
    let mut text = format!("model {}\n\n{}\n", model.name, layers.to_text());
    let mut line = |name: &str, value: String| text += &format!("{name:<13} {value}\n");
    line("classes", checkpoint.classes.join(" "));
    line("SHA-256", checkpoint.sha256());
    line("trained on", format!("{} ({})", provenance.data_source, provenance.data_fingerprint));
    line("seed", provenance.seed.to_string());
    line("kept epoch", provenance.kept_epoch.to_string());
    line("recipe", provenance.recipe_sha256.clone());
    line("made by", format!("inkstone {}", provenance.program_version));
    context.print(&text);
}

fn sample(dataset: &Dataset, i: usize, context: &Context) -> Result<Outcome> {
    let n = dataset.samples.len();
    let Some(sample) = dataset.samples.get(i) else {
        return Err(Error::mismatch(ErrorKind::Usage, format!("a number from 0 to {}", n - 1), i.to_string())
            .with_place("--sample"));
    };
    let image = dataset.images.get(i);
    if context.json {
        context.print_json(&json!({
            "version": 1,
            "source": dataset.name,
            "sample": i,
            "id": sample.id.to_string(),
            "label": sample.label,
            "class": dataset.classes[sample.label as usize],
            "part": sample.part.map(inkstone::data::Part::name),
            "shape": [image.size.height, image.size.width, image.size.channels],
            "pixels": image.pixels,
        }));
    } else {
        context.print(&format!("{}\n\n{}\n{}", sample_title(dataset, i), picture(image), numbers(image)));
    }
    Ok(Outcome::Done)
}
