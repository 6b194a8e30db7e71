//! `inkstone predict`: which class does each image show?

use std::path::PathBuf;

use inkstone::{Error, ErrorKind, Result};

use crate::Outcome;
use crate::context::Context;

/// Say what images show
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  inkstone predict five.png                                 with the built-in model `digits`
  inkstone predict --model runs/letters-001 scans/ page.jpg
  curl -s https://example.org/7.png | inkstone predict -
  inkstone predict --csv answers.csv scans/")]
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
}

/// Prints ranked classes per image; goes on past a bad image and ends with [`Outcome::SomeFailed`] then.
pub(crate) fn run(args: Args, context: &Context) -> Result<Outcome> {
    let _ = (args.model, args.images, args.jsonl, args.csv, context);
    Err(Error::new(ErrorKind::Usage, "this build has no `predict`"))
}
