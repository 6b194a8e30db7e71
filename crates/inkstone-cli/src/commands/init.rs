//! `inkstone init`: looks at images, tries a few things for seconds, and prints a recipe for them with its reasons.

use inkstone::Result;
use inkstone::data::fingerprint::fingerprint;
use inkstone::init::{Task, propose};

use crate::Outcome;
use crate::context::Context;
use crate::recipes;

/// Propose a recipe for a set of images, each choice with its reason
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  inkstone init letters/ > letters.toml     then read it, and: inkstone train letters.toml
  inkstone init fashion-mnist
  inkstone init letters/ --json             the choices as a list

It trains a few small models, each on at most 8,000 of the training images for about a second, and looks at no image of \
the test part. The recipe goes to stdout, what is being tried to stderr.")]
pub(crate) struct Args {
    /// A data set's name, a folder of images or a file
    source: String,
}

/// Prints the recipe (with `--json` the choices and the recipe).
pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome> {
    let dataset = context.open(&args.source)?;
    let hashes = fingerprint(&dataset, context.pool()?);
    let source = recipes::lasting(&args.source)?;
    let task = Task { dataset: &dataset, hashes: &hashes, source: &source, pool: context.pool()?, isa: context.isa };
    let proposal = propose(&task, &mut |text| context.terminal.note(text))?;
    if context.json {
        context.print_json(&proposal);
    } else {
        context.print(&proposal.recipe);
    }
    Ok(Outcome::Done)
}
