//! A run as a page for people: `report.html`, the pictures beside it, and a model card. Shows what was measured; trains and
//! measures nothing itself, and reads neither clock nor machine: what it says of them is an argument.
//!
//! A section of the page is a function from [`Material`] to a [`Section`]; `page.rs` lists them in their order.

mod words;
pub mod plot;

mod figures;
mod pictures;
mod suspects;

mod section;
mod numbers;
mod promises;
mod shown;
mod stress;
mod about;
mod page;

mod card;

pub use section::Section;
pub use suspects::{Suspect, Suspects};
pub use words::{Words, escaped, percent};

use crate::checkpoint::Checkpoint;
use crate::data::{Augment, Dataset, Samples};
use crate::engine::Isa;
use crate::error::Result;
use crate::evaluate::{Measured, Report};
use crate::stress::StressReport;
use crate::train::EpochMetrics;
use crate::train::folder;

/// What a page is made from.
#[derive(Debug, Clone, Copy)]
pub struct Material<'a> {
    /// The figures.
    pub report: &'a Report,
    /// What they were computed from.
    pub measured: &'a Measured,
    /// How the model does on spoiled, moved and attacked images, where that was measured.
    pub stress: Option<&'a StressReport>,
    /// The images that were measured, as they were read: `measured.indices` are positions in it.
    pub dataset: &'a Dataset,
    /// The model.
    pub model: &'a Checkpoint,
    /// How it was trained, where that is known.
    pub training: Option<Training<'a>>,
    /// What an audit says of the labels, where there was one.
    pub suspects: Option<&'a Suspects>,
    /// What it was measured with.
    pub machine: &'a Machine,
}

/// How a model was trained.
#[derive(Debug, Clone, Copy)]
pub struct Training<'a> {
    /// The recipe's text, everything resolved.
    pub recipe: &'a str,
    /// A line per epoch.
    pub metrics: &'a [EpochMetrics],
    /// How many images the parameters were fitted on.
    pub n_training: usize,
    /// How many chose between epochs.
    pub n_validation: usize,
    /// Training images, all or some, and what changes them at random, where it is known.
    pub samples: Option<&'a Samples>,
    /// The random steps, where there are any.
    pub augment: Option<&'a Augment>,
}

/// The machine that a report was made on. Nothing in it is part of a model's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The processor's name, where the system tells it.
    pub cpu: Option<String>,
    /// Operating system and architecture.
    pub system: String,
    /// The instruction set.
    pub isa: Isa,
    /// Worker threads.
    pub threads: usize,
}

/// A file of the run's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFile {
    /// Its name.
    pub name: &'static str,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// The page: one file that needs no other and no network.
pub fn html(material: &Material<'_>) -> String {
    page::html(material)
}

/// The page, the pictures beside it and the model card. Pictures of what is not there (curves without epochs, mistakes where
/// none were made) are left out.
///
/// # Errors
/// A streamed image that can no longer be read.
pub fn files(material: &Material<'_>) -> Result<Vec<ReportFile>> {
    let mut files = vec![
        ReportFile { name: folder::REPORT_HTML, bytes: html(material).into_bytes() },
        ReportFile { name: folder::MODEL_CARD, bytes: card::model_card(material).into_bytes() },
    ];
    let curves =
        material.training.and_then(|training| figures::curves(training.metrics, material.report.model.kept_epoch));
    let drawings = [
        (folder::CURVES, curves.map(|curves| plot::Svg::beside(&curves))),
        (folder::CONFUSION_MATRIX, Some(plot::Svg::beside(&figures::matrices(material.report)))),
        (folder::RELIABILITY, Some(plot::Svg::beside(&figures::reliability(material.measured)))),
    ];
    for (name, drawing) in drawings {
        files.extend(drawing.map(|drawing| ReportFile { name, bytes: drawing.file().into_bytes() }));
    }
    for (name, picture) in
        [(folder::MISTAKES, pictures::mistakes(material)?), (folder::SAMPLES, pictures::samples(material)?)]
    {
        files.extend(picture.map(|bytes| ReportFile { name, bytes }));
    }
    material.dataset.images.check()?;
    Ok(files)
}
