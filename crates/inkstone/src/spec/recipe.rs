//! A recipe: data, preprocess, augment, model and training in one TOML file.
//!
//! Reading and its errors stand in `read`, writing in `write`, `KEY=VALUE` in `overrides`.

use serde::{Deserialize, Serialize};

use super::model::ModelSpec;
use super::pipeline::{AugmentSpec, PreprocessSpec};
use super::training::TrainSpec;
use crate::error::{Error, ErrorKind, Result};

/// The version of the format that this program reads and writes.
pub const VERSION: u32 = 1;

/// A whole recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Recipe {
    /// The version of this format: 1.
    pub version: u32,
    /// Names the run folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where the images come from and how they are split.
    #[serde(default)]
    pub data: DataSpec,
    /// Fixed steps.
    #[serde(default)]
    pub preprocess: PreprocessSpec,
    /// Random steps.
    #[serde(default)]
    pub augment: AugmentSpec,
    /// The network.
    pub model: ModelSpec,
    /// The training.
    #[serde(default)]
    pub train: TrainSpec,
}

impl Recipe {
    /// A recipe for `model` with every other choice at its default.
    pub fn new(model: ModelSpec) -> Self {
        Self {
            version: VERSION,
            name: None,
            data: DataSpec::default(),
            preprocess: PreprocessSpec::default(),
            augment: AugmentSpec::default(),
            model,
            train: TrainSpec::default(),
        }
    }

    /// Checks what can be checked without data: the version and the ranges of numbers.
    ///
    /// # Errors
    /// `Spec`, with the key, what was expected and what was found.
    pub fn check(&self) -> Result<()> {
        if self.version != VERSION {
            return Err(wrong("version", VERSION.to_string(), self.version.to_string()));
        }
        if let Some(name) = &self.name
            && !is_file_name(name)
        {
            return Err(wrong("name", "a name that can be a folder's", format!("{name:?}")));
        }
        match self.data.validation {
            Some(share) if !(0.0..1.0).contains(&share) => {
                return Err(wrong("data.validation", "a share from 0 to below 1", share.to_string()));
            }
            _ => {}
        }
        if self.model.layers.is_empty() {
            return Err(wrong("model.layers", "at least one layer", "none"));
        }
        self.check_preprocess()?;
        self.train.check()
    }

    fn check_preprocess(&self) -> Result<()> {
        /// Small images: beyond it, this is the wrong program.
        const LONGEST_SIDE: usize = 4096;
        if let Some(size) = self.preprocess.size
            && size.iter().any(|side| !(1..=LONGEST_SIDE).contains(side))
        {
            return Err(wrong("preprocess.size", format!("sides from 1 to {LONGEST_SIDE}"), format!("{size:?}")));
        }
        let [low, high] = self.preprocess.scale;
        if !(low.is_finite() && high.is_finite() && low != high) {
            return Err(wrong("preprocess.scale", "two different finite numbers", format!("[{low}, {high}]")));
        }
        Ok(())
    }
}

fn wrong(key: &str, expected: impl Into<String>, found: impl Into<String>) -> Error {
    Error::mismatch(ErrorKind::Spec, expected, found).with_place(key)
}

/// Whether a text can stand as one part of a path on every system.
fn is_file_name(name: &str) -> bool {
    let forbidden = |c: char| c.is_control() || "/\\:*?\"<>|".contains(c);
    !name.is_empty() && name.len() <= 100 && !name.starts_with('.') && !name.contains(forbidden)
}

/// The `[data]` table.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct DataSpec {
    /// A built-in or fetched set, a folder or a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The share of the training part that validates, where the source has a test part of its own; 0.1 where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<f64>,
    /// Pools all parts and splits them anew: `"8:1:1"` or `[8, 1, 1]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<Proportions>,
    /// The seed of the split.
    pub split_seed: u64,
}

/// Train : validation : test, in any unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(into = "[f64; 3]", try_from = "ProportionForms")]
pub struct Proportions(pub [f64; 3]);

impl From<Proportions> for [f64; 3] {
    fn from(proportions: Proportions) -> Self {
        proportions.0
    }
}

/// `"8:1:1"` or `[8, 1, 1]`.
#[derive(Deserialize)]
#[serde(untagged)]
enum ProportionForms {
    Text(String),
    List(Vec<f64>),
}

impl TryFrom<ProportionForms> for Proportions {
    type Error = String;

    fn try_from(forms: ProportionForms) -> Result<Self, String> {
        match forms {
            ProportionForms::Text(text) => text.parse(),
            ProportionForms::List(list) => Self::new(&list),
        }
    }
}

impl std::str::FromStr for Proportions {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Result<Vec<f64>, _> = text.split(':').map(|part| part.trim().parse::<f64>()).collect();
        Self::new(&numbers.map_err(|_| format!("expected proportions such as 8:1:1, found {text}"))?)
    }
}

impl Proportions {
    /// Three shares, none negative, the first positive.
    pub fn new(shares: &[f64]) -> Result<Self, String> {
        match shares {
            &[train, validation, test]
                if shares.iter().all(|share| share.is_finite() && *share >= 0.0) && train > 0.0 =>
            {
                Ok(Self([train, validation, test]))
            }
            _ => Err(format!("expected three proportions train:validation:test such as 8:1:1, found {shares:?}")),
        }
    }
}
