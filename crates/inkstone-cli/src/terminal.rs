//! The two streams: results on stdout, progress and warnings on stderr. Never fails because nobody listens.
//!
//! A bar is drawn on a terminal only; through a pipe there is one plain line per epoch (or per ten seconds).

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use inkstone::train::{EpochMetrics, Event};

/// How often a training says how far it is.
pub(crate) const REFRESH: Duration = Duration::from_millis(100);

/// How often a long piece of work says so through a pipe.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// Writes to stdout.
pub(crate) fn out(text: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
}

/// Writes to stderr. Where nobody listens there is no one left to tell.
pub(crate) fn err(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// What stderr is and how much should go there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terminal {
    /// `--quiet`: no progress and no notes.
    quiet: bool,
    /// A person looks at stderr.
    is_interactive: bool,
    /// Colours are wanted: a terminal, and `NO_COLOR` is not set (no-color.org).
    colour: bool,
}

impl Terminal {
    /// Looks at stderr and the environment.
    pub(crate) fn new(quiet: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let is_interactive = std::io::stderr().is_terminal() && !dumb;
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { quiet, is_interactive, colour: is_interactive && !no_colour }
    }

    /// A line that is no result and no warning: what is done now, where things are kept.
    pub(crate) fn note(self, text: &str) {
        if !self.quiet {
            err(&format!("{text}\n"));
        }
    }

    /// A warning: stays under `--quiet`.
    pub(crate) fn warn(self, text: &str) {
        let word = if self.colour { "\x1b[33mwarning:\x1b[0m" } else { "warning:" };
        err(&format!("{word} {text}\n"));
    }

    /// A sentence of the library: a warning where it begins with `warning: `, else a note.
    pub(crate) fn note_or_warn(self, text: &str) {
        match text.strip_prefix("warning: ") {
            Some(text) => self.warn(text),
            None => self.note(text),
        }
    }

    /// A bar over `total` steps with a changing message (loss, accuracy, images/s), rate and time left.
    pub(crate) fn steps(self, total: u64, title: &str) -> Progress {
        self.progress(total, title, "{prefix} {bar} {percent}%  {msg}  {eta} left")
    }

    /// A bar over bytes with amount, a changing message (the rate) and time left. `total` 0: unknown.
    pub(crate) fn bytes(self, total: u64, title: &str) -> Progress {
        let template = if total == 0 {
            "{prefix} {spinner} {bytes}  {msg}"
        } else {
            "{prefix} {bar} {bytes}/{total_bytes}  {msg}  {eta} left"
        };
        self.progress(total, title, template)
    }

    fn progress(self, total: u64, title: &str, template: &str) -> Progress {
        let bar = (self.is_interactive && !self.quiet).then(|| {
            // The bar takes what the numbers leave of the line: ten columns of eighty.
            let wide = if self.colour { "{wide_bar:.cyan}" } else { "{wide_bar}" };
            let template = template.replace("{bar}", wide);
            let style = ProgressStyle::with_template(&template)
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("━╸─");
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10));
            bar.set_style(style);
            bar.set_prefix(title.to_string());
            bar
        });
        Progress { terminal: self, bar, title: title.to_string(), total, last: Instant::now() }
    }
}

/// A piece of work under way: a bar on a terminal, now and then a plain line through a pipe, nothing when quiet.
#[derive(Debug)]
pub(crate) struct Progress {
    terminal: Terminal,
    bar: Option<ProgressBar>,
    title: String,
    total: u64,
    last: Instant,
}

impl Progress {
    /// Says how far it is.
    pub(crate) fn set(&mut self, position: u64, message: &str) {
        if let Some(bar) = &self.bar {
            bar.set_position(position);
            bar.set_message(message.to_string());
        } else if self.last.elapsed() >= PLAIN_INTERVAL {
            self.last = Instant::now();
            let of = if self.total == 0 { String::new() } else { format!("/{}", self.total) };
            self.terminal.note(format!("{} {position}{of}  {message}", self.title).trim_end());
        }
    }

    /// Takes the bar away for good.
    pub(crate) fn finish(self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Shows how far the decoding of a folder is, once it has taken a moment. Threads tell it; one of them at a time shows.
#[derive(Debug)]
pub(crate) struct Decoding {
    terminal: Terminal,
    begun: Instant,
    shown: Mutex<Option<(Progress, Instant)>>,
}

impl Decoding {
    /// What is over sooner is not shown.
    const PATIENCE: Duration = Duration::from_millis(500);

    /// Before anything is decoded.
    pub(crate) fn new(terminal: Terminal) -> Self {
        Self { terminal, begun: Instant::now(), shown: Mutex::new(None) }
    }

    /// Shows how far it is, if somebody else is not just doing that.
    pub(crate) fn show(&self, now: inkstone::data::Progress) {
        if self.begun.elapsed() < Self::PATIENCE {
            return;
        }
        let Ok(mut shown) = self.shown.try_lock() else { return };
        let (progress, last) =
            shown.get_or_insert_with(|| (self.terminal.steps(now.total as u64, "decoding"), self.begun));
        if last.elapsed() >= REFRESH {
            *last = Instant::now();
            let rate = now.done as f64 / self.begun.elapsed().as_secs_f64();
            progress.set(now.done as u64, &format!("{rate:.0} images/s"));
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(self) {
        if let Some((progress, _)) = self.shown.into_inner().unwrap_or_else(PoisonError::into_inner) {
            progress.finish();
        }
    }
}

/// Shows a training: a bar for the epoch under way, a line for each that is done.
#[derive(Debug)]
pub(crate) struct Watcher {
    terminal: Terminal,
    progress: Option<Progress>,
}

impl Watcher {
    /// Before the first event.
    pub(crate) fn new(terminal: Terminal) -> Self {
        Self { terminal, progress: None }
    }

    /// Shows one event.
    pub(crate) fn observe(&mut self, event: &Event<'_>) {
        match event {
            Event::Started { epoch, step, n_epochs, n_steps, n_training, n_validation } => {
                let begun = *epoch > 0 || *step > 0;
                let start =
                    if begun { format!("going on after step {step} of epoch {}: ", epoch + 1) } else { String::new() };
                self.terminal.note(&format!(
                    "{start}{n_epochs} {} of {n_steps} steps on {n_training} images, {n_validation} for validation",
                    if *n_epochs == 1 { "epoch" } else { "epochs" }
                ));
                if *n_validation > 0 {
                    self.terminal.note("loss and accuracy: in training/in validation");
                }
            }
            Event::Step(now) => {
                let progress = self.progress.get_or_insert_with(|| {
                    self.terminal.steps(now.n_steps as u64, &format!("epoch {}/{}", now.epoch, now.n_epochs))
                });
                let message = format!(
                    "loss {:.4}  accuracy {:.4}  {:.0} images/s",
                    now.loss, now.accuracy, now.images_per_second
                );
                progress.set(now.step as u64, &message);
            }
            Event::EpochEnded { metrics, n_epochs, is_kept } => {
                self.finish();
                self.terminal.note(&epoch_line(metrics, *n_epochs, *is_kept));
            }
            Event::Warning(text) => self.terminal.warn(text),
            Event::Stopped(_) => self.finish(),
            _ => {}
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&mut self) {
        if let Some(progress) = self.progress.take() {
            progress.finish();
        }
    }
}

/// One epoch in a line of less than 80 columns: loss and accuracy of training / of validation.
fn epoch_line(metrics: &EpochMetrics, n_epochs: usize, is_kept: bool) -> String {
    let pair = |training: f64, validation: Option<f64>| match validation {
        Some(validation) => format!("{training:.4}/{validation:.4}"),
        None => format!("{training:.4}"),
    };
    format!(
        "epoch {}/{n_epochs}  loss {}  accuracy {}  {:.0} images/s{}",
        metrics.epoch,
        pair(metrics.train_loss, metrics.validation_loss),
        pair(metrics.train_accuracy, metrics.validation_accuracy),
        metrics.images_per_second,
        if is_kept { "  kept" } else { "" }
    )
}
