//! `inkstone inspect`: the layers of a recipe or model, the summary of a data set, one image as numbers.

use inkstone::{Error, ErrorKind, Result};

use crate::Outcome;
use crate::context::Context;

/// Show the layers of a recipe or model, or what a data set holds
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  inkstone inspect mnist                                    the data set: parts, classes, sizes
  inkstone inspect mnist --sample 5                         one image as a picture and as numbers
  inkstone inspect recipes/mnist.toml                       layers, shapes, parameters, MACs
  inkstone inspect runs/mnist-001                           a trained model and where it comes from")]
pub(crate) struct Args {
    /// A recipe, a model or a source of images
    what: String,
    /// Show one image, counted from 0, as a picture and as numbers
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
}

/// Tells recipe, model and source apart and prints their summary.
pub(crate) fn run(args: Args, context: &Context) -> Result<Outcome> {
    let _ = (args.what, args.sample, context);
    Err(Error::new(ErrorKind::Usage, "this build has no `inspect`"))
}
