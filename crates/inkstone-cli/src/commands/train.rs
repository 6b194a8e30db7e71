//! `inkstone train`: recipe → data → split → training → run folder → test report.

use std::path::PathBuf;

use inkstone::{Error, ErrorKind, Result};

use crate::Outcome;
use crate::context::Context;

/// Train a model and measure it on the test part
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  inkstone train                                            the recipe `mnist` on the built-in digits
  inkstone train letters/ epochs=20                         a folder with one folder of images per class
  inkstone train recipes/mine.toml train.learning_rate=0.01 --out runs/fast
  inkstone train --resume runs/mnist-001                    go on after an interruption, to the same bytes
  inkstone train --resume runs/mnist-001 epochs=10          go on for more epochs")]
pub(crate) struct Args {
    /// A recipe's name or file, or a source of images; then overrides of recipe keys such as epochs=3
    #[arg(value_name = "RECIPE|SOURCE] [KEY=VALUE")]
    words: Vec<String>,
    /// Train on these images instead of the recipe's `data.source`
    #[arg(long, value_name = "SOURCE")]
    data: Option<String>,
    /// The run folder; `runs/<name>-<NNN>` where not given
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace an earlier run in --out
    #[arg(long)]
    force: bool,
    /// Go on with a run that was interrupted
    #[arg(long, value_name = "RUN", conflicts_with_all = ["data", "out", "force"])]
    resume: Option<PathBuf>,
}

/// Trains, saves and prints the report (with `--json` the document of `report.json`).
pub(crate) fn run(args: Args, context: &Context) -> Result<Outcome> {
    let _ = (args.words, args.data, args.out, args.force, args.resume, context);
    Err(Error::new(ErrorKind::Usage, "this build has no `train`"))
}
