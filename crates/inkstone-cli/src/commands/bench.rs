//! `inkstone bench`: how fast this machine trains, predicts, augments and reads, and how much of its ceiling that is.
//!
//! Measures through the library's ordinary doors, in the steady state, and writes nothing that stays.

mod augment;
mod figures;
mod ink;
mod load;
mod machine;
mod measure;
mod predict;
mod train;
mod trust;

use std::time::Duration;

use inkstone::data::split::split;
use inkstone::data::{Dataset, Preprocess, Split};
use inkstone::spec::Recipe;
use inkstone::{Error, ErrorKind, Result};

use crate::Outcome;
use crate::context::Context;
use crate::recipes;
use figures::Figures;

/// Images of the epoch that seconds are told for, whatever the source: MNIST's training part.
const EPOCH: f64 = 60_000.0;

/// Measure how fast this machine trains, predicts, augments and reads
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  inkstone bench train                            the recipe `mnist` on the built-in digits
  inkstone bench train digits train.batch_size=128 --threads 1
  inkstone bench predict --isa avx2 --json
  inkstone bench augment letters/                 what rotation and zoom cost on your images
  inkstone bench load letters/                    how fast a folder is read, the cache being warm
  inkstone bench load --images 60000              the same for MNIST as PNG files
  inkstone bench ink --sheet sheet.png            how well `digits` reads pictures as people make them
  inkstone bench trust --against garments/        whether `digits` keeps its promises and refuses what is no digit

GFLOP/s count two operations per multiply-accumulate of the plan (`inkstone inspect RECIPE`): forward for predict, forward
and backward for train. Work that the engine leaves out because its result is zero is counted too. The ceiling is what
multiply-adds on registers alone reach on the same threads and instruction set, in f32.")]
pub(crate) struct Args {
    #[command(subcommand)]
    work: Work,
}

/// What is measured.
#[derive(Debug, clap::Subcommand)]
enum Work {
    /// Whole training steps: batch assembly, augmentation, forward, backward, optimizer
    Train(Words),
    /// One image at a time, then many: preprocess, network, probabilities
    Predict(predict::Args),
    /// The random steps of the recipe on prepared images
    Augment(Words),
    /// A source from the disk (or from this program) into memory
    Load(load::Args),
    /// How well a model reads digits in pictures as people make them
    Ink(ink::Args),
    /// Whether a model's promises hold, and what it makes of images that are none of its classes
    Trust(trust::Args),
}

/// What is measured on, and for how long.
#[derive(Debug, clap::Args)]
struct Words {
    /// A recipe's name or file, or a source of images; then overrides of recipe keys such as batch_size=128
    #[arg(value_name = "RECIPE|SOURCE] [KEY=VALUE")]
    words: Vec<String>,
    #[command(flatten)]
    time: Time,
}

#[derive(Debug, Clone, Copy, clap::Args)]
struct Time {
    /// Measure at least so long
    #[arg(long, value_name = "N", default_value = "3", value_parser = seconds)]
    seconds: Duration,
}

/// A number of seconds between a millisecond and an hour.
fn seconds(text: &str) -> std::result::Result<Duration, String> {
    let number = text.parse::<f64>().ok().filter(|number| (0.001..=3600.0).contains(number));
    number.map(Duration::from_secs_f64).ok_or_else(|| "expected a number of seconds, 0.001 to 3600".to_owned())
}

/// Measures and prints.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome> {
    let figures = match &args.work {
        Work::Train(words) => train::run(words, context),
        Work::Predict(args) => predict::run(args, context),
        Work::Augment(words) => augment::run(words, context),
        Work::Load(args) => load::run(args, context),
        Work::Ink(args) => return ink::run(args, context),
        Work::Trust(args) => return trust::run(args, context),
    }?;
    if context.json {
        context.print_json(&figures);
    } else {
        context.print(&figures.to_text());
    }
    Ok(Outcome::Done)
}

/// A recipe and its images, as `train` would take them.
struct Prepared {
    recipe: Recipe,
    dataset: Dataset,
    split: Split,
    preprocess: Preprocess,
}

fn prepare(words: &[String], context: &Context) -> Result<Prepared> {
    let chosen = recipes::choose(words, None, context)?;
    let dataset = context.open(&chosen.source()?)?;
    let mut recipe = chosen.for_dataset(&dataset)?;
    if let Some(seed) = context.seed {
        recipe.train.seed = seed;
    }
    recipe.check().map_err(|error| chosen.blame(error))?;
    let split = split(&dataset, &recipe.data).map_err(|error| chosen.blame(error))?;
    let preprocess = Preprocess::fit(&recipe.preprocess, &dataset.images, &split.train, context.pool()?)?;
    Ok(Prepared { recipe, dataset, split, preprocess })
}

impl Prepared {
    /// What every document begins with: the work, on what.
    fn figures(&self, work: &'static str) -> Figures {
        let name = self.recipe.name.as_deref().unwrap_or("images");
        let size = self.preprocess.size();
        let mut figures = Figures::new(work);
        figures.add("recipe", name, "recipe", name);
        figures.add("source", &self.dataset.name, "source", &self.dataset.name);
        figures.add("input", [size.height, size.width, size.channels], "input", size.to_string());
        figures
    }
}

/// What Ctrl-C ends with: no figure is half right.
fn interrupted() -> Error {
    Error::new(ErrorKind::Interrupted, "interrupted before enough was measured")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_have_a_range() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for text in ["0", "-1", "NaN", "4000", "two"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
