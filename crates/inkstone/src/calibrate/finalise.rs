//! The last stage of a run: the model gets what it knows of its limits. Can be repeated, and killed at any moment.

use std::fmt::Write as _;

use super::{Evidence, fit};
use crate::checkpoint::Checkpoint;
use crate::data::Samples;
use crate::error::Result;
use crate::train::folder::MODEL;
use crate::train::{RunFolder, Setup, replace_model};
use crate::trust::{ACCEPTED, COVERAGE, Trust};

/// What finalising a run came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Finalised {
    /// The SHA-256 of `model.safetensors`.
    pub model_sha256: String,
    /// What the model knows of its limits.
    pub trust: Trust,
    /// Whether that was fitted now; else the folder was left as it was.
    pub is_new: bool,
}

/// Calibrates the model of a run that has ended ([`crate::train::run()`] must have said so), unless that was done.
///
/// The model is written first, then `resume.safetensors` with its hash. A process killed in between leaves a model that
/// the state does not name: the next [`crate::train::run()`] makes the uncalibrated one anew, and this is done again,
/// to the same bytes.
///
/// # Errors
/// What [`fit`] and the disk refuse.
pub fn finalise(folder: &RunFolder, setup: &Setup<'_>, calibration: &Samples) -> Result<Finalised> {
    let mut checkpoint = Checkpoint::load(&folder.path().join(MODEL))?;
    if let Some(trust) = checkpoint.trust.take() {
        return Ok(Finalised { model_sha256: checkpoint.sha256(), trust, is_new: false });
    }
    let Setup { training, pool, isa, .. } = *setup;
    let trust = fit(&Evidence { checkpoint: &checkpoint, training, calibration, pool, isa })?;
    let calibrated = Checkpoint { trust: Some(trust.clone()), sha256: None, ..checkpoint };
    let model_sha256 = replace_model(folder, setup, &calibrated)?;
    folder.log(&describe(&trust))?;
    Ok(Finalised { model_sha256, trust, is_new: true })
}

/// What was fitted, in one sentence.
pub fn describe(trust: &Trust) -> String {
    let percent = |share: f64| format!("{:.4}", share * 100.0).trim_end_matches('0').trim_end_matches('.').to_owned();
    let mut text = format!(
        "calibrated on {} images: temperature {:.3}, sets with {} % coverage, {} % of good images accepted",
        trust.n,
        trust.temperature,
        percent(trust.sets.coverage),
        percent(trust.novelty.accepted)
    );
    if trust.sets.coverage < COVERAGE || trust.novelty.accepted < ACCEPTED {
        let (coverage, accepted) = (percent(COVERAGE), percent(ACCEPTED));
        let _ = write!(text, " (not {coverage} % and {accepted} %: so few images cannot promise more)");
    }
    text
}
