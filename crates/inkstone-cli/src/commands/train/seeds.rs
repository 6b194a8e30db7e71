//! `inkstone train --seeds N`: how good a recipe is, over several trainings. Writes no folder and keeps no model.

use inkstone::data::Part;
use inkstone::evaluate::DataInfo;
use inkstone::seeds::{self, Event, Repetition, SeedResult, SeedsWatch};
use inkstone::{Result, train};

use super::Job;
use crate::Outcome;
use crate::context::Context;
use crate::interrupt;
use crate::terminal::{Progress, REFRESH, Terminal};

/// Trains with each seed and prints the table (with `--json` the document). An interruption prints what is done.
pub(super) fn run(job: &Job, notes: &[String], n_seeds: usize, context: &Context) -> Result<Outcome> {
    let terminal = context.terminal;
    for note in notes {
        terminal.note_or_warn(note);
    }
    let (part, measured) = &job.measured;
    if *part != Part::Test {
        terminal.warn("there is no test part: accuracy is that on the validation part, which chooses the epoch");
    }
    let data = DataInfo {
        source: job.source.clone(),
        part: part.name().to_owned(),
        n: measured.samples.len(),
        fingerprint: job.fingerprint.clone(),
    };
    let task = Repetition {
        recipe: &job.recipe,
        n_seeds,
        training: &job.samples[0],
        validation: &job.samples[1],
        calibration: &job.samples[2],
        augment: job.augment.as_ref(),
        measured,
        data: &data,
        pool: context.pool()?,
        isa: context.isa,
    };
    let mut watcher = Watcher::new(terminal, &task);
    let watch = SeedsWatch { observe: &mut |event| watcher.observe(event), stop: interrupt::flag(), interval: REFRESH };
    let report = seeds::repeat(&task, watch);
    watcher.finish();
    let report = report?;
    if context.json {
        context.print_json(&report);
    } else {
        context.print(&seeds::text(&report));
    }
    if report.is_interrupted() {
        terminal.warn(&format!("interrupted: {} of {} seeds are done", report.n, report.n_wanted));
        return Ok(Outcome::Interrupted);
    }
    Ok(Outcome::Done)
}

/// Shows the trainings: one bar over the steps of all, a line for each that is done.
struct Watcher {
    terminal: Terminal,
    /// Made with the first training's numbers of steps.
    progress: Option<Progress>,
    n_seeds: usize,
    /// Steps of one training, if nothing stops it early.
    n_steps: usize,
}

impl Watcher {
    fn new(terminal: Terminal, task: &Repetition<'_>) -> Self {
        let train = &task.recipe.train;
        let per_epoch = task.training.len().div_ceil(train.batch_size);
        terminal.note(&format!(
            "{} seeds, {} {} of {per_epoch} steps on {} images each, {} for validation",
            task.n_seeds,
            train.epochs,
            if train.epochs == 1 { "epoch" } else { "epochs" },
            task.training.len(),
            task.validation.len()
        ));
        Self { terminal, progress: None, n_seeds: task.n_seeds, n_steps: per_epoch * train.epochs }
    }

    fn observe(&mut self, event: &Event<'_>) {
        match event {
            Event::Training { number, event: train::Event::Step(now) } => {
                let done = (number - 1) * self.n_steps + (now.epoch - 1) * now.n_steps + now.step;
                let message = format!(
                    "seed {number} of {}, epoch {}/{}  loss {:.4}  {:.0} images/s",
                    self.n_seeds, now.epoch, now.n_epochs, now.loss, now.images_per_second
                );
                self.bar().set(done as u64, &message);
            }
            Event::Training { event: train::Event::Warning(text), .. } => self.terminal.warn(text),
            Event::Measured { number, result } => self.measured(*number, result),
            _ => {}
        }
    }

    fn bar(&mut self) -> &mut Progress {
        let (terminal, total) = (self.terminal, (self.n_seeds * self.n_steps) as u64);
        self.progress.get_or_insert_with(|| terminal.steps(total, "seeds"))
    }

    /// The line must not run into the bar: it is taken away and comes back with the next step.
    fn measured(&mut self, number: usize, result: &SeedResult) {
        self.finish();
        self.terminal.note(&seeds::result_line(number, self.n_seeds, result));
    }

    fn finish(&mut self) {
        if let Some(progress) = self.progress.take() {
            progress.finish();
        }
    }
}
