//! `inkstone compare`: is one run better than another, or was it luck? Runs are compared on the images that their reports
//! are about, by what they answered to them; a run that has not kept its answers is asked again.

use inkstone::evaluate::{self, Judged, Report};
use inkstone::predict::{self, OpenModel};
use inkstone::train::folder::{PREDICTIONS, REPORT};
use inkstone::{Error, ErrorKind, Result};

use super::evaluate::Task;
use crate::Outcome;
use crate::context::Context;

/// Compare runs on the images they were measured on
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  inkstone compare runs/mnist-001 runs/mnist-002        is the difference more than noise?
  inkstone compare runs/mnist-00* --json                every pair, with Holm's correction

Only images on which two runs differ tell them apart: the test is McNemar's, exact.")]
pub(crate) struct Args {
    /// Run folders, two or more
    #[arg(value_name = "RUN", required = true, num_args = 2..)]
    runs: Vec<String>,
}

/// Prints the table and a sentence for each pair (with `--json` the document).
pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome> {
    let judged: Vec<Judged> = args.runs.iter().map(|run| answers(run, context)).collect::<Result<_>>()?;
    let comparison = evaluate::compare(&judged)?;
    if context.json {
        context.print_json(&comparison);
    } else {
        context.print(&evaluate::comparison_text(&comparison));
    }
    Ok(Outcome::Done)
}

/// What a run answered to its images.
fn answers(name: &str, context: &Context) -> Result<Judged> {
    let model = predict::open(name)?;
    let Some(run) = &model.run else {
        return Err(Error::mismatch(ErrorKind::Usage, "run folders to compare", "a model without one").with_file(name));
    };
    let name = name.trim_end_matches(['/', '\\']);
    let kept = run.join(PREDICTIONS);
    if kept.is_file() && is_of_this_model(&model) {
        return evaluate::read_predictions(&kept, name);
    }
    context.terminal.note(&format!("{name} has kept no answers of its model: it is asked again"));
    ask(name, model, context)
}

/// Whether the run's report, and so what lies beside it, is about the model that it holds.
fn is_of_this_model(model: &OpenModel) -> bool {
    let report = model.run.as_ref().and_then(|run| std::fs::read(run.join(REPORT)).ok());
    let report: Option<Report> = report.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    report.is_some_and(|report| report.model.sha256 == model.checkpoint.sha256())
}

fn ask(name: &str, model: OpenModel, context: &Context) -> Result<Judged> {
    let task = Task::of_own_test(&model, context)?;
    let samples = evaluate::sample_names(&task.dataset, &task.hashes, &task.chosen.indices);
    let predictor = predict::Predictor::from_checkpoint(model.checkpoint, context.isa);
    let measured = evaluate::measure(&predictor, context.pool()?, &task.dataset, &task.chosen.indices)?;
    Ok(evaluate::judged(name, samples, &measured, predictor.classes()))
}
