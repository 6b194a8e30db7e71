//! `inkstone evaluate --stress`: spoiled, moved and attacked images as well, with a bar for the whole of it.

use inkstone::Result;
use inkstone::predict::Predictor;
use inkstone::stress::{self, Setup, Step, StressReport, Watch};

use super::Task;
use crate::context::Context;
use crate::interrupt;

/// Measures; Ctrl-C ends it without a result.
pub(super) fn run(task: &Task, predictor: &Predictor, context: &Context) -> Result<StressReport> {
    let setup = Setup { seed: context.seed.unwrap_or(0), pool: context.pool()?, isa: context.isa };
    let mut bar = context.terminal.steps(1000, "stress");
    let mut observe = |step: Step| bar.set((1000.0 * step.done / step.total) as u64, &step.name.replace('_', " "));
    let watch = Watch { observe: &mut observe, stop: interrupt::flag() };
    let report = stress::stress(predictor, &task.dataset, &task.chosen.indices, &setup, watch);
    bar.finish();
    report
}
