//! `inkstone train`: recipe → data → split → training → run folder → test report.

mod report;
mod seeds;

use std::path::{Path, PathBuf};

use inkstone::calibrate;
use inkstone::data::advice::advise;
use inkstone::data::duplicates::exact;
use inkstone::data::fingerprint::Fingerprint;
use inkstone::data::split::{SplitFile, draw, keep_for_calibration};
use inkstone::data::{Augment, Dataset, Part, Preprocess, Samples, Split};
use inkstone::evaluate::sample_names;
use inkstone::report::Suspects;
use inkstone::spec::Recipe;
use inkstone::spec::recipe::Proportions;
use inkstone::spec::split::Duplicates;
use inkstone::train::folder::{self, Existing, RunFolder};
use inkstone::train::{Ending, Origin, Setup, Watch};
use inkstone::{Error, ErrorKind, Result};

use crate::Outcome;
use crate::context::Context;
use crate::images::{self, Loaded};
use crate::interrupt;
use crate::recipes;
use crate::terminal::Watcher;

/// Train a model and measure it on the test part
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  inkstone train                                the recipe `mnist` on the built-in digits
  inkstone train letters/ epochs=20             a folder with one folder of images per class
  inkstone train recipes/mine.toml train.learning_rate=0.01 --out runs/fast
  inkstone train --resume runs/mnist-001        go on after an interruption, to the same bytes
  inkstone train --resume runs/mnist-001 epochs=10          go on for more epochs
  inkstone train letters/ --audit               look for wrong labels too, and show them in the report
  inkstone train mnist-fast --seeds 30          mean, spread and time over 30 trainings

With --seeds nothing is written and no model is kept: redirect what it prints. Training once more with one of the \
seeds (--seed) gives that model, byte for byte.")]
pub(crate) struct Args {
    /// A recipe's name or file, or a source of images; then overrides of recipe keys such as epochs=3
    #[arg(value_name = "RECIPE|SOURCE] [KEY=VALUE")]
    words: Vec<String>,
    /// Train on these images instead of the recipe's `data.source`; without a recipe: with the recipe `images`
    #[arg(long, value_name = "SOURCE")]
    data: Option<String>,
    /// The run folder; `runs/<name>-<NNN>` where not given
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace an earlier run in --out
    #[arg(long, requires = "out")]
    force: bool,
    /// Go on with a run that was interrupted, or for more epochs (epochs=N)
    #[arg(long, value_name = "RUN", conflicts_with_all = ["data", "out", "force", "seed", "seeds"])]
    resume: Option<PathBuf>,
    /// Train N times in memory, with seeds SEED, SEED+1, …, and print accuracy and time of each, with mean and spread
    #[arg(long, value_name = "N", conflicts_with_all = ["out", "force"], value_parser = clap::value_parser!(u32).range(1..))]
    seeds: Option<u32>,
    /// Let models that have not seen an image judge its label, and show the suspects in the report; takes eight short trainings
    #[arg(long, conflicts_with_all = ["resume", "seeds"])]
    audit: bool,
}

/// Trains, saves and prints the report (with `--json` the document of `report.json`).
pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome> {
    match &args.resume {
        Some(path) => resume(path, &args.words, context),
        None => start(args, context),
    }
}

fn start(args: &Args, context: &Context) -> Result<Outcome> {
    let chosen = recipes::choose(&args.words, args.data.as_deref(), context)?;
    let source = chosen.source()?;
    let data = chosen.data()?;
    let loaded = images::load(&source, &data, runs(args), context).map_err(|error| chosen.blame(error))?;
    let mut recipe = chosen.for_dataset(&loaded.dataset)?;
    recipe.data.cache = data.cache;
    recipe.data.source = Some(recipes::lasting(&source)?);
    if let Some(seed) = context.seed {
        recipe.train.seed = seed;
    }
    let drawn = draw(&loaded.dataset, &recipe.data, &loaded.hashes, &loaded.copies);
    let mut split = drawn.map_err(|error| chosen.blame(error))?;
    keep_for_calibration(&mut split, &loaded.dataset, &loaded.copies, &recipe.train, recipe.data.split_seed);
    state_the_split(&mut recipe, &loaded.dataset);
    recipe.data = images::in_run(recipe.data);
    let record = SplitFile::new(&split, &loaded.dataset, &loaded.hashes, recipe.data.split_seed).to_json();
    let mut notes = [&loaded.notes[..], &split.notes].concat();
    let same = if recipe.data.duplicates == Duplicates::Ignore { Vec::new() } else { exact(&loaded.hashes) };
    let advice = advise(&recipe, &loaded.dataset, &split, &same);
    notes.extend(advice.iter().map(|advice| format!("warning: {advice}")));
    let Loaded { dataset, hashes, corrections, remarks, .. } = loaded;
    let suspects = if args.audit { Some(suspects(&dataset, &recipe, context)?) } else { None };
    let mut job = Job::new(recipe, dataset, split, &hashes, record, context).map_err(|error| chosen.blame(error))?;
    job.suspects = suspects;
    if let Some(n_seeds) = args.seeds {
        return seeds::run(&job, &notes, n_seeds as usize, context).map_err(|error| chosen.blame(error));
    }
    let folder = match &args.out {
        Some(path) => {
            let existing = if args.force { Existing::Replace } else { Existing::Refuse };
            RunFolder::create(path, existing, &job.text)?
        }
        None => RunFolder::next(Path::new("runs"), job.name(), &job.text)?,
    };
    if let Some(text) = &corrections {
        folder.write(folder::CORRECTIONS, text.as_bytes())?;
    }
    remarks.iter().try_for_each(|remark| folder.log(remark))?;
    for note in notes {
        context.terminal.note_or_warn(&note);
        folder.log(&note)?;
    }
    job.train(&folder, context)
}

/// What models that have not seen an image say of its label.
fn suspects(dataset: &Dataset, recipe: &Recipe, context: &Context) -> Result<Suspects> {
    let audit = super::audit::of(dataset, recipe.train.seed, context)?;
    Ok(Suspects::of(&audit, dataset))
}

/// Where the run goes, and so where decoded images are kept; with --seeds nothing is written.
fn runs(args: &Args) -> Option<&Path> {
    match &args.out {
        _ if args.seeds.is_some() => None,
        Some(out) => out.parent(),
        None => Some(Path::new("runs")),
    }
}

fn resume(path: &Path, words: &[String], context: &Context) -> Result<Outcome> {
    let folder = RunFolder::open(path)?;
    let before = Recipe::parse(&folder.recipe()?, path.join(folder::RECIPE))?;
    let recipe = before.with_overrides(words)?;
    if !differs_in_epochs_alone(&before, &recipe) {
        return Err(Error::mismatch(ErrorKind::Usage, "epochs=N or nothing", words.join(" "))
            .with_place("--resume")
            .with_help("a run goes on as it was begun; for anything else start a new one"));
    }
    let source = recipe.data.source.clone().ok_or_else(|| no_source(path))?;
    let data = images::of_run(&recipe.data, path);
    let file = path.join(folder::SPLIT);
    let kept = folder.read(folder::SPLIT)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let (loaded, split, record) = match kept {
        Some(text) => {
            let loaded = images::load_again(&source, &data, path.parent(), context)?;
            let split = SplitFile::parse(&text).and_then(|kept| kept.find(&loaded.dataset, &loaded.hashes));
            (loaded, split.map_err(|error| error.with_file(&file))?, text)
        }
        // Killed before the split was written: nothing was trained on another one.
        None => {
            let loaded = images::load(&source, &data, path.parent(), context)?;
            let mut split = draw(&loaded.dataset, &data, &loaded.hashes, &loaded.copies)?;
            keep_for_calibration(&mut split, &loaded.dataset, &loaded.copies, &recipe.train, recipe.data.split_seed);
            let record = SplitFile::new(&split, &loaded.dataset, &loaded.hashes, recipe.data.split_seed).to_json();
            (loaded, split, record)
        }
    };
    loaded.remarks.iter().try_for_each(|remark| folder.log(remark))?;
    Job::new(recipe, loaded.dataset, split, &loaded.hashes, record, context)?.train(&folder, context)
}

fn no_source(path: &Path) -> Error {
    Error::mismatch(ErrorKind::Spec, "data.source", "none").with_file(path.join(folder::RECIPE))
}

fn differs_in_epochs_alone(before: &Recipe, now: &Recipe) -> bool {
    let mut now = now.clone();
    now.train.epochs = before.train.epochs;
    now == *before
}

/// Writes into the recipe what the split went by, so that `recipe.toml` leaves nothing open.
fn state_the_split(recipe: &mut Recipe, dataset: &Dataset) {
    let has = |part: Part| dataset.samples.iter().any(|sample| sample.part == Some(part));
    if recipe.data.split.is_some() || recipe.data.split_file.is_some() {
        return;
    }
    if ![Part::Train, Part::Validation, Part::Test].into_iter().any(has) {
        recipe.data.split = Some(Proportions(inkstone::data::split::DEFAULT_PROPORTIONS));
    } else if !has(Part::Validation) {
        recipe.data.validation.get_or_insert(inkstone::data::split::DEFAULT_VALIDATION);
    }
}

/// A training that is ready to run: everything resolved, the parts apart. The test part is kept for the end.
struct Job {
    recipe: Recipe,
    /// The recipe as it stands in the folder.
    text: String,
    /// `split.json`.
    record: String,
    fingerprint: String,
    source: String,
    /// Training, validation without what is kept from it, and calibration.
    samples: [Samples; 3],
    augment: Option<Augment>,
    /// What the report is about, and its images as they were read.
    measured: (Part, Dataset),
    /// What these are called in `predictions.csv`.
    names: Vec<String>,
    /// What an audit said of the labels, where one was asked for.
    suspects: Option<Suspects>,
}

impl Job {
    fn new(
        mut recipe: Recipe,
        dataset: Dataset,
        split: Split,
        hashes: &Fingerprint,
        record: String,
        context: &Context,
    ) -> Result<Self> {
        let pool = context.pool()?;
        let preprocess = Preprocess::fit(&recipe.preprocess, &dataset.images, &split.train, pool)?;
        recipe.preprocess = preprocess.spec().clone();
        let part = if split.test.is_empty() { Part::Validation } else { Part::Test };
        let measured = (part, dataset.subset(split.part(part)));
        let names = sample_names(&dataset, hashes, split.part(part));
        let source = dataset.name.clone();
        let parts = [&split.train[..], &split.choosing(), split.calibrating(&recipe.train)];
        let samples = Samples::of_parts(dataset, parts, &preprocess, pool);
        let augment = Augment::new(&recipe.augment, preprocess.size())?;
        let text = recipe.to_toml();
        let fingerprint = hashes.hex.clone();
        let job = Self { recipe, text, record, fingerprint, source, samples, augment, measured, names, suspects: None };
        job.setup(context)?.plan()?; // What cannot be trained leaves no folder behind.
        Ok(job)
    }

    fn name(&self) -> &str {
        self.recipe.name.as_deref().unwrap_or(&self.source)
    }

    fn setup<'a>(&'a self, context: &'a Context) -> Result<Setup<'a>> {
        Ok(Setup {
            model: &self.recipe.model,
            train: &self.recipe.train,
            training: &self.samples[0],
            validation: &self.samples[1],
            augment: self.augment.as_ref(),
            pool: context.pool()?,
            isa: context.isa,
        })
    }

    fn train(&self, folder: &RunFolder, context: &Context) -> Result<Outcome> {
        let origin = Origin {
            recipe: &self.text,
            source: &self.source,
            fingerprint: &self.fingerprint,
            split: self.record.as_bytes(),
        };
        let mut watcher = Watcher::new(context.terminal);
        let watch = Watch {
            observe: &mut |event| watcher.observe(event),
            stop: interrupt::flag(),
            interval: crate::terminal::REFRESH,
        };
        let setup = self.setup(context)?;
        let ended = inkstone::train::run(folder, &setup, &origin, watch)?;
        watcher.finish();
        if let Ending::Interrupted { .. } = ended.ending {
            let again = format!("go on with `inkstone train --resume {}`", folder.path().display());
            return Err(Error::new(ErrorKind::Interrupted, ended.ending.to_string()).with_help(again));
        }
        let calibration = &self.samples[2];
        if !calibration.is_empty() {
            let finalised = calibrate::finalise(folder, &setup, calibration)?;
            context.terminal.note(&calibrate::describe(&finalised.trust));
        }
        self.finish(folder, &ended, context)
    }
}
