//! `inkstone evaluate`: measures a model on a part of a data set and prints the report.

mod html;
mod stress;

use std::path::{Path, PathBuf};

use inkstone::checkpoint::write_atomically;
use inkstone::data::fingerprint::Fingerprint;
use inkstone::data::source::SETS;
use inkstone::data::split::SplitFile;
use inkstone::data::{Dataset, Part};
use inkstone::evaluate::{self, About, DataInfo, Measured, ModelInfo, Report};
use inkstone::predict::{self, OpenModel, Predictor};
use inkstone::spec::Recipe;
use inkstone::spec::recipe::DataSpec;
use inkstone::stress::{StressReport, WithStress};
use inkstone::train::folder::{RECIPE, SPLIT};
use inkstone::{Error, ErrorKind, Result};

use crate::Outcome;
use crate::context::Context;
use crate::images::{self, Loaded};

/// Measure a model on a part of a data set
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  inkstone evaluate runs/mnist-001              on the test part it never saw
  inkstone evaluate runs/mnist-001 --part validation
  inkstone evaluate runs/mnist-001 --stress     spoiled, moved and attacked images as well
  inkstone evaluate runs/mnist-001 --data my-digits/ --part all --json
  inkstone evaluate runs/mnist-001 --html report.html       the report as a page")]
pub(crate) struct Args {
    /// A run folder, a model file, or a built-in model such as `digits`
    model: String,
    /// Other images than the ones the run was trained on: a data set's name, a folder or a file
    #[arg(long, value_name = "SOURCE")]
    data: Option<String>,
    /// Which of the images; of images without parts of their own, `test` takes all
    #[arg(long, value_name = "PART", default_value = "test")]
    part: PartChoice,
    /// Also measure it on images spoiled in 15 ways at five strengths, moved, turned, scaled, and attacked
    #[arg(long)]
    stress: bool,
    /// Write the report as a page too, with charts and mistakes
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// What `--part` may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum PartChoice {
    Test,
    Validation,
    Train,
    All,
}

impl PartChoice {
    /// The part, unless it is all of them.
    fn part(self) -> Option<Part> {
        match self {
            Self::Test => Some(Part::Test),
            Self::Validation => Some(Part::Validation),
            Self::Train => Some(Part::Train),
            Self::All => None,
        }
    }
}

/// Prints the report (text, or with `--json` the document of `report.json`).
pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome> {
    let model = predict::open(&args.model)?;
    if let Some(note) = &model.note {
        context.terminal.note_or_warn(note);
    }
    let task = Task::new(args, &model, context)?;
    let Task { dataset, hashes, chosen } = &task;
    let about = about(&model, dataset, hashes, chosen);
    let run = model.run.clone();
    let predictor = Predictor::from_checkpoint(model.checkpoint, context.isa);
    let pool = context.pool()?;
    let measured = evaluate::measure(&predictor, pool, dataset, &chosen.indices)?;
    let report = evaluate::report(&measured, &predictor, dataset, (about, pool));
    let stress = if args.stress { Some(stress::run(&task, &predictor, context)?) } else { None };
    if let Some(file) = &args.html {
        let found = Found { report: &report, measured: &measured, stress: stress.as_ref() };
        let page = html::page(&task, run.as_deref(), (found, &predictor), context)?;
        write_atomically(file, page.as_bytes())?;
        context.terminal.note(&format!("wrote {}", file.display()));
    }
    match &stress {
        Some(stress) if context.json => context.print_json(&WithStress { report: &report, stress }),
        None if context.json => context.print_json(&report),
        _ => context.print(&evaluate::text(&report)),
    }
    if let Some(stress) = stress.filter(|_| !context.json) {
        context.print(&format!("\n{}", inkstone::stress::text(&stress)));
    }
    Ok(Outcome::Done)
}

/// What was measured.
#[derive(Clone, Copy)]
pub(super) struct Found<'a> {
    pub(super) report: &'a Report,
    pub(super) measured: &'a Measured,
    pub(super) stress: Option<&'a StressReport>,
}

/// Images, and which of them are measured.
pub(super) struct Task {
    pub(super) dataset: Dataset,
    pub(super) hashes: Fingerprint,
    pub(super) chosen: Chosen,
}

impl Task {
    fn new(args: &Args, model: &OpenModel, context: &Context) -> Result<Self> {
        let Loaded { dataset, hashes, notes, .. } = load(args, model, context)?;
        for note in &notes {
            context.terminal.note_or_warn(note);
        }
        let chosen = choose(args, model, &dataset, &hashes, context)?;
        if chosen.indices.is_empty() {
            let expected = format!("images in the part `{}`", chosen.part);
            return Err(Error::mismatch(ErrorKind::Data, expected, "none").with_file(&dataset.name));
        }
        Ok(Self { dataset, hashes, chosen })
    }

    /// The test part of a run.
    pub(super) fn of_own_test(model: &OpenModel, context: &Context) -> Result<Self> {
        let args = Args { model: model.name.clone(), data: None, part: PartChoice::Test, stress: false, html: None };
        Self::new(&args, model, context)
    }
}

fn about(model: &OpenModel, dataset: &Dataset, hashes: &Fingerprint, chosen: &Chosen) -> About {
    let kept_epoch = Some(model.checkpoint.provenance.kept_epoch).filter(|&epoch| epoch > 0);
    About {
        model: ModelInfo { name: model.name.clone(), sha256: model.checkpoint.sha256(), kept_epoch },
        data: DataInfo {
            source: dataset.name.clone(),
            part: chosen.part.to_owned(),
            n: chosen.indices.len(),
            fingerprint: hashes.hex.clone(),
        },
    }
}

/// The images: as asked for, as the run's recipe says (with its corrections), or the published set that the model was
/// made from.
fn load(args: &Args, model: &OpenModel, context: &Context) -> Result<Loaded> {
    // The run's split is kept: groups are not asked for again.
    let mut data = DataSpec::default();
    if let Some(source) = &args.data {
        return images::load_again(source, &data, None, context);
    }
    if let Some(run) = &model.run {
        let recipe = Recipe::read(run.join(RECIPE))?;
        if let Some(source) = recipe.data.source.clone() {
            data.corrections = images::of_run(&recipe.data, run).corrections;
            (data.on_error, data.stream) = (recipe.data.on_error, recipe.data.stream);
            data.cache = recipe.data.cache;
            return images::load_again(&source, &data, run.parent(), context);
        }
    }
    let source = &model.checkpoint.provenance.data_source;
    if SETS.contains(&source.as_str()) {
        return images::load_again(source, &data, None, context);
    }
    let error = Error::mismatch(ErrorKind::Usage, "--data SOURCE", "a model that does not say where its images are");
    Err(error.with_place(&args.model))
}

/// The images that are measured.
pub(super) struct Chosen {
    pub(super) indices: Vec<u32>,
    /// What the report calls them.
    pub(super) part: &'static str,
}

fn choose(
    args: &Args,
    model: &OpenModel,
    dataset: &Dataset,
    hashes: &Fingerprint,
    context: &Context,
) -> Result<Chosen> {
    let all = || (0..dataset.samples.len() as u32).collect();
    let is_its_own = hashes.hex == model.checkpoint.provenance.data_fingerprint;
    if is_its_own && matches!(args.part, PartChoice::Train | PartChoice::All) {
        context.terminal.warn("the model was fitted on these images: this says little of new ones");
    }
    let Some(part) = args.part.part() else { return Ok(Chosen { indices: all(), part: "all" }) };
    if let Some(run) = model.run.as_deref().filter(|_| is_its_own || args.data.is_none()) {
        return Ok(Chosen { indices: of_run(run, part, dataset, hashes, context)?, part: part.name() });
    }
    if dataset.samples.iter().any(|sample| sample.part.is_some()) {
        let of_part = |&i: &u32| dataset.samples[i as usize].part == Some(part);
        let indices = (0..dataset.samples.len() as u32).filter(of_part).collect();
        return Ok(Chosen { indices, part: part.name() });
    }
    if is_its_own {
        let found = "a model without its run folder, and images without parts";
        let error = Error::mismatch(ErrorKind::Usage, format!("to know the part `{}`", part.name()), found);
        return Err(error.with_help("name the run folder, or measure --part all"));
    }
    if part != Part::Test {
        let error = Error::mismatch(ErrorKind::Usage, format!("a part `{}`", part.name()), "images without parts");
        return Err(error.with_file(&dataset.name).with_help("measure all of them with --part all"));
    }
    context.terminal.note(&format!("{} has no parts of its own: all its images are measured", dataset.name));
    Ok(Chosen { indices: all(), part: "all" })
}

/// The part of the run's own split.
fn of_run(run: &Path, part: Part, dataset: &Dataset, hashes: &Fingerprint, context: &Context) -> Result<Vec<u32>> {
    let file = run.join(SPLIT);
    let split = SplitFile::read(&file)?.find(dataset, hashes).map_err(|error| error.with_file(&file))?;
    for note in &split.notes {
        context.terminal.note_or_warn(note);
    }
    Ok(split.part(part).to_vec())
}
