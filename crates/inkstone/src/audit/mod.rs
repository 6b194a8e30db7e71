//! What is wrong with a set of images: labels, copies, single images, parts. Looks at everything, changes nothing.
//!
//! Labels are judged by models that are trained here, each on a part of the images, and asked of the others only
//! (`unseen.rs`). Every threshold is the set's own or stated in the finding's rule.

mod finding;

mod labels;
mod unseen;

mod copies;

mod balance;
mod looks;
mod orientation;
mod outliers;
mod parts;
mod portrait;
mod robust;

mod text;

#[cfg(feature = "formats")]
mod html;
#[cfg(feature = "formats")]
mod table;

pub use balance::ClassCount;
pub use finding::{Entry, Finding, Kind, Other};
#[cfg(feature = "formats")]
pub use html::html;
#[cfg(feature = "report")]
pub(crate) use html::{base64, smaller};
pub use parts::{Comparison, Shift};
#[cfg(feature = "formats")]
pub use table::corrections_csv;
pub use text::text;

use std::sync::atomic::{AtomicBool, Ordering};

use inkstone_kernels::Isa;
use serde::Serialize;

use self::unseen::{Judgement, N_FOLDS, N_MODELS, Unseen};
use crate::data::Dataset;
use crate::data::duplicates;
use crate::data::fingerprint::fingerprint;
use crate::error::{Error, ErrorKind, Result};
use crate::parallel::Pool;

/// Sets with fewer images are not judged by models.
const FEWEST: usize = 20;

/// With which part of the machine, and which randomness.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'a> {
    /// Folds, weights, order.
    pub seed: u64,
    /// The threads.
    pub pool: &'a Pool,
    /// The instruction set.
    pub isa: Isa,
}

/// Who watches an audit and may stop it.
pub struct Watch<'a> {
    /// Is told how far it is.
    pub observe: &'a mut dyn FnMut(Step),
    /// Raise it (from a signal handler, say) and the audit ends soon, without a result.
    pub stop: &'a AtomicBool,
}

/// How far one piece of an audit has come.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// What is done: `images`, `duplicates`, `models`, `parts`.
    pub name: &'static str,
    /// How much of it.
    pub done: f64,
    /// Of how much.
    pub total: f64,
}

impl Watch<'_> {
    /// Whether to go on.
    fn observe(&mut self, step: Step) -> bool {
        (self.observe)(step);
        !self.stop.load(Ordering::Relaxed)
    }

    /// The piece begins.
    fn begin(&mut self, name: &'static str) -> Result<()> {
        if self.observe(Step { name, done: 0.0, total: 1.0 }) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Interrupted, "interrupted; nothing was written"))
    }
}

/// The whole audit: the document of `audit.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Audit {
    /// The version of this format: 1.
    pub version: u32,
    /// The dataset's name.
    pub source: String,
    /// How many images it has.
    pub n: usize,
    /// SHA-256 of classes, images, labels and parts.
    pub fingerprint: String,
    /// The seed of everything random.
    pub seed: u64,
    /// The images of each class, by part.
    pub classes: Vec<ClassCount>,
    /// The models that judged the labels, where any did.
    pub model: Option<ModelInfo>,
    /// One finding for each thing that was looked for.
    pub findings: Vec<Finding>,
    /// The training part beside the others.
    pub comparisons: Vec<Comparison>,
    /// What else one should know.
    pub notes: Vec<String>,
}

/// The models that judged the labels.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ModelInfo {
    /// Parameters of the network.
    pub n_parameters: usize,
    /// Each image is judged by models that were trained on all folds but its own.
    pub folds: usize,
    /// Models for each fold, with seeds of their own from `seed` on.
    pub models_per_fold: usize,
    /// Epochs of each training.
    pub epochs: usize,
    /// The share of images whose label is the models' answer.
    pub accuracy: f64,
}

/// Audits a dataset. The same dataset, seed and instruction set give the same result on any number of threads.
///
/// # Errors
/// `Interrupted` where `watch.stop` was raised; what training refuses.
pub fn audit(dataset: &Dataset, setup: &Setup<'_>, mut watch: Watch<'_>) -> Result<Audit> {
    let Setup { seed, pool, isa } = *setup;
    watch.begin("images")?;
    let hashes = fingerprint(dataset, pool);
    let portraits = portrait::portraits(&dataset.images, pool);
    watch.begin("duplicates")?;
    let exact = duplicates::exact(&hashes);
    let near = duplicates::near(dataset, &hashes, pool, isa);
    let prepared = unseen::prepare(&dataset.images, pool)?;
    let unseen = Unseen { dataset, prepared: &prepared, fingerprint: &hashes.hex, seed, pool, isa };
    watch.begin("models")?;
    let unfit = why_not(dataset);
    let judgement = if unfit.is_none() { Some(unseen.judge(&mut watch)?) } else { None };
    watch.begin("parts")?;
    let comparisons = parts::comparisons(&unseen, &portraits, &mut watch)?;
    let classes = balance::counts(dataset);
    let labels = match (&judgement, unfit) {
        (Some(judgement), _) => labels::label_errors(dataset, judgement),
        (None, why) => Finding::skipped(Kind::LabelErrors, why.unwrap_or_default()),
    };
    let mut findings = vec![labels, copies::exact(dataset, &exact), copies::near(dataset, &near)];
    findings.push(balance::imbalance(&classes));
    findings.extend(looks::findings(dataset, &portraits));
    findings.push(orientation::transposed_images(&unseen, judgement.as_ref()));
    findings.push(outliers::outliers(dataset, &near));
    findings.push(parts::drift(&comparisons));
    Ok(Audit {
        version: 1,
        source: dataset.name.clone(),
        n: dataset.samples.len(),
        fingerprint: hashes.hex.clone(),
        seed,
        notes: notes(dataset, judgement.as_ref()),
        classes,
        model: judgement.as_ref().map(model_info),
        findings,
        comparisons,
    })
}

impl Audit {
    /// The finding of a kind.
    ///
    /// # Panics
    /// Never: an audit has all kinds.
    pub fn finding(&self, kind: Kind) -> &Finding {
        self.findings.iter().find(|finding| finding.kind == kind).expect("an audit has a finding of each kind")
    }
}

/// Why models cannot judge labels.
fn why_not(dataset: &Dataset) -> Option<String> {
    let n_classes = dataset.counts().iter().filter(|counts| counts.iter().sum::<usize>() >= N_FOLDS).count();
    if dataset.samples.len() < FEWEST {
        return Some(format!("needs {FEWEST} images, and there are {}", dataset.samples.len()));
    }
    (n_classes < 2).then(|| format!("needs two classes of {N_FOLDS} images each"))
}

fn notes(dataset: &Dataset, judgement: Option<&Judgement>) -> Vec<String> {
    let mut notes = Vec::new();
    let few = labels::too_few(dataset);
    if judgement.is_some() && !few.is_empty() {
        let named = few.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
        let more = if few.len() > 5 { format!(" and {} more", few.len() - 5) } else { String::new() };
        notes.push(format!("too few images to judge the labels of {named}{more}"));
    }
    if let Some(accuracy) = judgement.map(|judgement| judgement.accuracy).filter(|&accuracy| accuracy < 0.8) {
        notes.push(format!(
            "the models are right on {:.0} % of the images only: take their word on labels with caution",
            100.0 * accuracy
        ));
    }
    notes
}

fn model_info(judgement: &Judgement) -> ModelInfo {
    ModelInfo {
        n_parameters: judgement.n_parameters,
        folds: N_FOLDS,
        models_per_fold: N_MODELS,
        epochs: judgement.epochs,
        accuracy: judgement.accuracy,
    }
}
