//! `inkstone audit`: looks for what is wrong with a set of images, prints a short table and writes it as JSON, as a page
//! with pictures, and as a table of corrections to decide on. Never changes the source.

use std::fs;
use std::path::{Path, PathBuf};

use inkstone::audit::{self, Audit, Setup, Step, Watch};
use inkstone::checkpoint::write_atomically;
use inkstone::data::Dataset;
use inkstone::{Error, ErrorKind, Result};

use crate::Outcome;
use crate::context::{Context, to_json};
use crate::interrupt;
use crate::terminal::{Progress, Terminal};

/// The whole audit.
const JSON: &str = "audit.json";
/// The same as a page with pictures.
const HTML: &str = "audit.html";
/// What might be changed, for people to decide.
const CORRECTIONS: &str = "corrections.csv";

/// Look for wrong labels, copies and odd images in a data set
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  inkstone audit mnist                     writes audits/mnist-001/
  inkstone audit letters/ --out checked    audit.json, audit.html, corrections.csv in checked/
  inkstone audit mnist --json              the document of audit.json on stdout

Nothing is changed. Edit corrections.csv, and name it as data.corrections in a recipe or with prepare --exclude.")]
pub(crate) struct Args {
    /// A data set's name, a folder or a file
    source: String,
    /// The folder to write into, empty or not there; `audits/<name>-<NNN>` where not given
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Prints the table (or the document) and writes the files.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome> {
    if let Some(out) = &args.out {
        refuse_full(out)?;
    }
    let dataset = context.open(&args.source)?;
    let audit = of(&dataset, context.seed.unwrap_or(0), context)?;
    let folder = match &args.out {
        Some(out) => create(out).map(|()| out.clone())?,
        None => next(Path::new("audits"), &dataset.name)?,
    };
    write(&folder, &audit, &dataset)?;
    if context.json {
        context.print_json(&audit);
    } else {
        context.print(&audit::text(&audit));
    }
    context.terminal.note(&format!("{} holds {HTML}, {JSON} and {CORRECTIONS}", folder.display()));
    Ok(Outcome::Done)
}

/// The audit of a dataset, with its progress on the terminal.
pub(super) fn of(dataset: &Dataset, seed: u64, context: &Context) -> Result<Audit> {
    let setup = Setup { seed, pool: context.pool()?, isa: context.isa };
    let mut watcher = Watcher { terminal: context.terminal, bar: None };
    let mut observe = |step: Step| watcher.observe(step);
    let audit = audit::audit(dataset, &setup, Watch { observe: &mut observe, stop: interrupt::flag() });
    watcher.finish();
    audit
}

fn write(folder: &Path, audit: &Audit, dataset: &Dataset) -> Result<()> {
    write_atomically(&folder.join(JSON), format!("{}\n", to_json(audit)).as_bytes())?;
    write_atomically(&folder.join(CORRECTIONS), audit::corrections_csv(audit).as_bytes())?;
    write_atomically(&folder.join(HTML), audit::html(audit, dataset).as_bytes())
}

/// Said before the work, not after it.
fn refuse_full(out: &Path) -> Result<()> {
    let is_empty = match fs::read_dir(out) {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => !out.exists(),
    };
    if is_empty {
        return Ok(());
    }
    let found = if out.is_dir() { "the folder is not empty" } else { "there is a file of that name" };
    Err(Error::new(ErrorKind::Usage, found).with_file(out).with_help("choose another --out"))
}

fn create(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| Error::io(folder, "create the folder", &error))
}

/// A new folder `<audits>/<name>-<NNN>` with the next free number.
fn next(audits: &Path, name: &str) -> Result<PathBuf> {
    create(audits)?;
    let name: String = name.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    for number in 1.. {
        let folder = audits.join(format!("{name}-{number:03}"));
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::io(&folder, "create the folder", &error)),
        }
    }
    unreachable!("there is always a next number")
}

/// Shows what is done: a bar for each piece of work.
struct Watcher {
    terminal: Terminal,
    bar: Option<(&'static str, Progress)>,
}

impl Watcher {
    fn observe(&mut self, step: Step) {
        let (title, message) = match step.name {
            "images" => ("looking at images", ""),
            "duplicates" => ("looking for copies", ""),
            "models" => ("judging labels", "models that have not seen them"),
            _ => ("comparing parts", ""),
        };
        if self.bar.as_ref().is_none_or(|(shown, _)| *shown != title) {
            self.finish();
            self.bar = Some((title, self.terminal.steps(1000, title)));
        }
        if let Some((_, bar)) = &mut self.bar {
            bar.set((1000.0 * step.done / step.total) as u64, message);
        }
    }

    fn finish(&mut self) {
        if let Some((_, bar)) = self.bar.take() {
            bar.finish();
        }
    }
}
