//! `inkstone evaluate`: measures a model on a part of a data set and prints the report.

use inkstone::{Error, ErrorKind, Result};

use crate::Outcome;
use crate::context::Context;

/// Measure a model on a part of a data set
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  inkstone evaluate runs/mnist-001                          on the test part it never saw
  inkstone evaluate runs/mnist-001 --part validation
  inkstone evaluate runs/mnist-001 --data my-digits/ --part all --json")]
pub(crate) struct Args {
    /// A run folder, a model file, or a built-in model such as `digits`
    model: String,
    /// Other images than the ones the run was trained on: a data set's name, a folder or a file
    #[arg(long, value_name = "SOURCE")]
    data: Option<String>,
    /// test, validation, train or all
    #[arg(long, value_name = "PART", default_value = "test")]
    part: String,
}

/// Prints the report (text, or with `--json` the document of `report.json`) through `context.print`/`print_json`.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome> {
    let _ = (&args.model, &args.data, &args.part, context);
    Err(Error::new(ErrorKind::Usage, "this build has no `evaluate`"))
}
