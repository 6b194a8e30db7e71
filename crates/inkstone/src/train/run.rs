//! A training in its folder: started, gone on with, or found finished. Each stop of the process, however hard, leaves a
//! folder that goes on to the same bytes.
//!
//! The order of a save is its proof: the model first, then the state as the commit record that carries the model's hash,
//! then the tables that are made from the state. A run killed anywhere in between is made whole from the state.

use super::event::{Ending, Event};
use super::folder::{METRICS_CSV, METRICS_JSONL, MODEL, RECIPE, RESUME, RunFolder, SPLIT};
use super::metrics::{EpochMetrics, judge_curves, to_csv, to_jsonl};
use super::resume::{self, Circumstances};
use super::state::State;
use super::trainer::{Setup, Trainer, Watch};
use crate::checkpoint::{Checkpoint, Provenance};
use crate::engine::Isa;
use crate::engine::fused::n_lanes;
use crate::error::{Error, ErrorKind, Result};
use crate::hash::sha256_hex;
use crate::spec::training::{Keep, Precision};
use crate::spec::{Plan, Recipe, TrainSpec};

/// Where the samples and the settings come from: what the run's files say of it.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The recipe's text, everything resolved.
    pub recipe: &'a str,
    /// The name of the data set. Not a path: it becomes part of the model's bytes.
    pub source: &'a str,
    /// The SHA-256 over its images and labels.
    pub fingerprint: &'a str,
    /// The content of `split.json`.
    pub split: &'a [u8],
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// Why it ended.
    pub ending: Ending,
    /// The epoch that is the model, counted from 1; none where no epoch has ended.
    pub kept_epoch: Option<usize>,
    /// The SHA-256 of `model.safetensors`; none where no epoch has ended.
    pub model_sha256: Option<String>,
    /// The lines of all epochs.
    pub metrics: Vec<EpochMetrics>,
    /// Which epoch was kept and why, in one sentence.
    pub kept_because: String,
    /// Whether the curves look under- or overfitted, in one sentence.
    pub verdict: String,
}

/// Trains in a folder: from the start, or on from the state that it holds.
///
/// A run that has ended is left as it is. A larger `epochs` than before extends it, also when it has ended; schedules that
/// look at the end of training then follow the longer curve from there on.
///
/// # Errors
/// A folder whose state belongs to another recipe (but for `epochs`), other data or another split; what [`super::fit`]
/// refuses; what the disk refuses. The last state that was saved stays.
pub fn run(folder: &RunFolder, setup: &Setup<'_>, origin: &Origin<'_>, watch: Watch<'_>) -> Result<Ended> {
    let Watch { observe: told, stop, interval } = watch;
    let mut record = Record { folder, setup, origin, plan: setup.plan()?, saved_model: None };
    let state = record.recover(told)?;
    let is_resumed = state.is_some();
    let mut trainer = Trainer::new(setup, state)?;
    if is_resumed && trainer.ended().is_some() {
        let ending = Ending::NothingToDo;
        told(&Event::Stopped(&ending));
        return Ok(record.conclude(ending, &trainer.state));
    }
    if !is_resumed {
        record.save(&trainer.state)?;
    }
    let mut refused = Ok(());
    let mut observe = |event: &Event<'_>| {
        if let (Some(line), Ok(())) = (log_line(event), &refused) {
            refused = folder.log(&line);
        }
        told(event);
    };
    let watch = Watch { observe: &mut observe, stop, interval };
    let ending = trainer.run(watch, &mut |state| record.save(state));
    if let Err(error) = &ending {
        // The error itself is what the caller must hear of, whether or not the log can still be written.
        let _ = folder.log(&format!("stopped: {error}"));
    }
    let ended = record.conclude(ending?, &trainer.state);
    refused?;
    folder.log(&format!("{}\n{}", ended.kept_because, ended.verdict))?;
    Ok(ended)
}

/// Puts another model in place of the one that a run ended with, and gives back its SHA-256: the model is written first,
/// then the state with its hash, so that a kill in between leaves the one that the run ended with.
///
/// # Errors
/// A folder without a state of this very run; what the disk refuses.
pub fn replace_model(folder: &RunFolder, setup: &Setup<'_>, model: &Checkpoint) -> Result<String> {
    let path = folder.path().join(RESUME);
    let bytes = folder.read(RESUME)?.ok_or_else(|| {
        Error::mismatch(ErrorKind::Usage, "a run that has begun", format!("no {RESUME} in it")).with_file(folder.path())
    })?;
    let plan = setup.plan()?;
    let read = || Ok((resume::circumstances(&bytes)?, resume::decode(&bytes, &plan, setup.train)?));
    let (circumstances, (state, _)) = read().map_err(|error: Error| error.with_file(&path))?;
    let sha256 = model.save(&folder.path().join(MODEL))?;
    folder.write(RESUME, &resume::encode(&plan, &state, &circumstances, Some(&sha256)))?;
    Ok(sha256)
}

/// The writing side of a run.
struct Record<'a> {
    folder: &'a RunFolder,
    setup: &'a Setup<'a>,
    origin: &'a Origin<'a>,
    plan: Plan,
    /// The epoch and hash of the model on the disk, once this process has written or checked it.
    saved_model: Option<(usize, String)>,
}

impl Record<'_> {
    /// The state that the folder holds, if any, after making its other files agree with it.
    fn recover(&mut self, observe: &mut dyn FnMut(&Event<'_>)) -> Result<Option<State>> {
        let Some(bytes) = self.folder.read(RESUME)? else {
            self.folder.write_if_changed(RECIPE, self.origin.recipe.as_bytes())?;
            self.folder.write_if_changed(SPLIT, self.origin.split)?;
            return Ok(None);
        };
        let path = self.folder.path().join(RESUME);
        let before = resume::circumstances(&bytes).map_err(|error| error.with_file(&path))?;
        let now = self.circumstances();
        let is_extended = check_circumstances(&before, &now).map_err(|error| error.with_file(&path))?;
        let (state, model_sha256) =
            resume::decode(&bytes, &self.plan, self.setup.train).map_err(|error| error.with_file(&path))?;
        self.check_epochs(&state)?;
        if let Some(warning) = unlike(&before, &now) {
            observe(&Event::Warning(&warning));
        }
        self.repair(&state, model_sha256.as_deref())?;
        if is_extended {
            self.folder.write(RECIPE, self.origin.recipe.as_bytes())?;
            self.folder.log(&format!("extended to {} epochs", self.setup.train.epochs))?;
            self.saved_model = None; // The model names its recipe.
            self.save(&state)?;
        }
        Ok(Some(state))
    }

    /// Makes the files that follow from the state agree with it. Files that do are not touched.
    fn repair(&mut self, state: &State, model_sha256: Option<&str>) -> Result<()> {
        if let Some(epoch) = state.kept_epoch() {
            let found = self.folder.read(MODEL)?.map(|bytes| sha256_hex(&bytes));
            self.saved_model = found.filter(|found| Some(&**found) == model_sha256).map(|found| (epoch, found));
            self.save_model(state)?;
        }
        self.folder.write_if_changed(SPLIT, self.origin.split)?;
        self.save_tables(state)
    }

    fn save(&mut self, state: &State) -> Result<()> {
        self.save_model(state)?;
        let sha256 = self.saved_model.as_ref().map(|(_, sha256)| sha256.as_str());
        let bytes = resume::encode(&self.plan, state, &self.circumstances(), sha256);
        self.folder.write(RESUME, &bytes)?;
        self.save_tables(state)
    }

    /// Writes the model of the kept epoch, unless it is on the disk.
    fn save_model(&mut self, state: &State) -> Result<()> {
        let Some(checkpoint) = self.checkpoint(state) else { return Ok(()) };
        let epoch = checkpoint.provenance.kept_epoch;
        if self.saved_model.as_ref().is_none_or(|(saved, _)| *saved != epoch) {
            let sha256 = checkpoint.save(&self.folder.path().join(MODEL))?;
            self.saved_model = Some((epoch, sha256));
        }
        Ok(())
    }

    fn save_tables(&self, state: &State) -> Result<()> {
        self.folder.write_if_changed(METRICS_JSONL, to_jsonl(state.metrics()).as_bytes())?;
        self.folder.write_if_changed(METRICS_CSV, to_csv(state.metrics()).as_bytes())
    }

    /// The model: a function of the kept values and of what the run was started with, so that it can be made anew.
    fn checkpoint(&self, state: &State) -> Option<Checkpoint> {
        let kept = state.kept.as_ref()?;
        let samples = self.setup.training;
        Some(Checkpoint {
            spec: self.setup.model.clone(),
            input: self.plan.input,
            preprocess: samples.preprocess.clone(),
            classes: samples.classes.to_vec(),
            provenance: Provenance {
                data_source: self.origin.source.to_owned(),
                data_fingerprint: self.origin.fingerprint.to_owned(),
                seed: self.setup.train.seed,
                recipe_sha256: recipe_sha256(self.origin.recipe),
                program_version: PROGRAM_VERSION.to_owned(),
                kept_epoch: kept.epoch,
            },
            plan: self.plan.clone(),
            parameters: kept.parameters.clone(),
            trust: None,
            sha256: None,
        })
    }

    fn circumstances(&self) -> Circumstances {
        Circumstances {
            recipe: self.origin.recipe.to_owned(),
            data_fingerprint: self.origin.fingerprint.to_owned(),
            split_sha256: sha256_hex(self.origin.split),
            isa: arithmetic(self.setup.isa, self.setup.train.precision).to_owned(),
            program_version: PROGRAM_VERSION.to_owned(),
            n_lanes: n_lanes(self.setup.train.batch_size.min(self.setup.training.len())),
        }
    }

    fn check_epochs(&self, state: &State) -> Result<()> {
        let TrainSpec { epochs, .. } = *self.setup.train;
        let needed = state.position.epoch + usize::from(state.position.step > 0);
        if epochs >= needed {
            return Ok(());
        }
        let error = Error::mismatch(ErrorKind::Usage, format!("at least the {needed} begun"), epochs.to_string());
        Err(error.with_place("train.epochs"))
    }

    fn conclude(&self, ending: Ending, state: &State) -> Ended {
        let kept_because = match (&state.kept, self.setup.train.keep) {
            (None, _) => "no epoch has ended, so there is no model yet".to_owned(),
            (Some(kept), Keep::Best) if kept.validation_loss.is_some() => format!(
                "kept epoch {} of {}: it has the lowest validation loss, {:.4}",
                kept.epoch,
                state.position.epoch,
                kept.validation_loss.unwrap_or(f64::NAN)
            ),
            (Some(kept), Keep::Best) => {
                format!("kept epoch {}, the last: there is no validation part to choose by", kept.epoch)
            }
            (Some(kept), Keep::Last) => format!("kept epoch {}, the last, as keep = \"last\" asks", kept.epoch),
        };
        Ended {
            ending,
            kept_epoch: state.kept_epoch(),
            model_sha256: self.saved_model.as_ref().map(|(_, sha256)| sha256.clone()),
            metrics: state.metrics().to_vec(),
            kept_because,
            verdict: judge_curves(state.metrics()),
        }
    }
}

pub(crate) const PROGRAM_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The SHA-256 of a recipe but for its source: that may be a path, and the same training gives the same bytes wherever
/// its images lie.
pub(crate) fn recipe_sha256(text: &str) -> String {
    let without_source = Recipe::parse(text, RECIPE).map(|mut recipe| {
        recipe.data.source = None;
        recipe.to_toml()
    });
    sha256_hex(without_source.as_deref().unwrap_or(text).as_bytes())
}

/// Whether the recipe differs in its number of epochs; an error where anything else differs.
fn check_circumstances(before: &Circumstances, now: &Circumstances) -> Result<bool> {
    if before.data_fingerprint != now.data_fingerprint {
        return Err(differs("the data that the run was begun with", "other images or labels", ""));
    }
    if before.split_sha256 != now.split_sha256 {
        return Err(differs("the split that the run was begun with", "another one", ""));
    }
    if before.recipe == now.recipe {
        return Ok(false);
    }
    let [mut old, mut new] = [&before.recipe, &now.recipe].map(|text| Recipe::parse(text, RECIPE).ok());
    for recipe in [&mut old, &mut new].into_iter().flatten() {
        recipe.train.epochs = 1;
    }
    if old.is_some() && old == new {
        return Ok(true);
    }
    let help = "only train.epochs may change; for anything else start a new run";
    Err(differs("the recipe that the run was begun with", "another one", help))
}

/// What makes the rest of a run round differently from its beginning.
fn unlike(before: &Circumstances, now: &Circumstances) -> Option<String> {
    let (old_lanes, new_lanes) = (before.n_lanes.to_string(), now.n_lanes.to_string());
    let (what, old, new) = [
        ("instruction set", &before.isa, &now.isa),
        ("version", &before.program_version, &now.program_version),
        ("number of lanes", &old_lanes, &new_lanes),
    ]
    .into_iter()
    .find(|(_, old, new)| old != new)?;
    Some(format!(
        "the run was begun with {what} {old} and goes on with {new}: its bytes will not be those of an uninterrupted run"
    ))
}

fn differs(expected: &str, found: &str, help: &str) -> Error {
    let error = Error::mismatch(ErrorKind::Usage, expected, found);
    if help.is_empty() { error } else { error.with_help(help) }
}

/// What the log keeps of an event.
fn log_line(event: &Event<'_>) -> Option<String> {
    match event {
        Event::Started { epoch: 0, step: 0, n_epochs, n_steps, n_training, n_validation } => Some(format!(
            "started: {n_epochs} epochs of {n_steps} steps on {n_training} images, {n_validation} for validation"
        )),
        Event::Started { epoch, step, n_epochs, .. } => {
            Some(format!("resumed after step {step} of epoch {} of {n_epochs}", epoch + 1))
        }
        Event::EpochEnded { metrics, n_epochs, is_kept } => {
            let validation = match (metrics.validation_loss, metrics.validation_accuracy) {
                (Some(loss), Some(accuracy)) => format!(", validation loss {loss:.4}, accuracy {accuracy:.4}"),
                _ => String::new(),
            };
            Some(format!(
                "epoch {}/{n_epochs}: loss {:.4}, accuracy {:.4}{validation}, {:.0} images/s{}",
                metrics.epoch,
                metrics.train_loss,
                metrics.train_accuracy,
                metrics.images_per_second,
                if *is_kept { ", kept" } else { "" }
            ))
        }
        Event::Warning(text) => Some(format!("warning: {text}")),
        Event::Stopped(ending) => Some(ending.to_string()),
        _ => None,
    }
}

/// What decides the bits of a training: the instruction set, in bf16 with the unit that multiplies.
fn arithmetic(isa: Isa, precision: Precision) -> &'static str {
    match precision {
        Precision::Bf16 => isa.bf16_name(),
        // AMX has no 32-bit products: the vectors beside it are those of AVX-512.
        Precision::F32 if isa.name() == "amx" => "avx512",
        Precision::F32 => isa.name(),
    }
}
