//! A recipe: data, preprocess, augment, model and training in one TOML file.
//!
//! Reading and its errors stand in `read`, writing in `write`, `KEY=VALUE` in `overrides`.

use serde::{Deserialize, Serialize};

use super::loading::{Caching, OnError, Streaming, is_default};
use super::model::ModelSpec;
use super::pipeline::{AugmentSpec, PreprocessSpec};
use super::split::Duplicates;
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
        if matches!(&self.data.cache, Caching::Folder(path) if path.as_os_str().is_empty()) {
            return Err(wrong("data.cache", "\"auto\", \"off\" or a folder", "\"\""));
        }
        if self.model.layers.is_empty() {
            return Err(wrong("model.layers", "at least one layer", "none"));
        }
        self.data.check_split()?;
        self.check_preprocess()?;
        self.augment.check()?;
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
    /// What becomes of images that cannot be read: `"fail"` or `"skip"`.
    #[serde(skip_serializing_if = "is_default")]
    pub on_error: OnError,
    /// Where the decoded images of a folder are kept for the next time: `"auto"`, `"off"` or a folder.
    #[serde(skip_serializing_if = "is_default")]
    pub cache: Caching,
    /// Whether the pixels stay on the disk and are read block by block: `"auto"`, `"always"` or `"never"`.
    #[serde(skip_serializing_if = "is_default")]
    pub stream: Streaming,
    /// What must not be in two parts: `"writer"` (of MNIST's digits), `"group"` (what the table's column of that name says;
    /// also where this key is not given), or a pattern of the images' paths such as `"{group}_*"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Whether copies of an image may be in two parts.
    #[serde(skip_serializing_if = "Duplicates::is_default")]
    pub duplicates: Duplicates,
    /// Divides train and validation into this many folds, of which one validates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folds: Option<u32>,
    /// Which one, counted from 0; the first where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fold: Option<u32>,
    /// A `split.json` that is used instead of drawing a split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split_file: Option<String>,
    /// A table of samples that are left out or relabelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corrections: Option<String>,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::builtin;

    const HEAD: &str = "version = 1\n";
    const MODEL: &str = "[model]\nlayers = [\"flatten\", { dense = {} }]\n";

    /// `text` stands on the lines from 2 on.
    fn check(text: &str, message: &str) {
        let text = if text.contains("[model]") { format!("{HEAD}{text}") } else { format!("{HEAD}{text}\n{MODEL}") };
        let error = Recipe::parse(&text, "mine.toml").unwrap_err();
        assert_eq!(error.to_string(), format!("mine.toml: {message}"), "{text}");
        assert_eq!(error.kind(), ErrorKind::Spec);
    }

    #[test]
    fn a_wrong_key_or_word_is_named_with_its_line_and_the_nearest_known_one() {
        check("[train]\nepoch = 3", "line 3, train.epoch: unknown key; did you mean `epochs`?");
        check("[trian]\nepochs = 3", "line 2, trian: unknown key; did you mean `train`?");
        check("[train]\noptimizer = \"sdg\"", "line 3, train.optimizer: unknown word `sdg`; did you mean `sgd`?");
        check("[train]\nkeep = \"every\"", "line 3, train.keep: unknown word `every`; known: best, last");
        check(
            "[train]\nearly_stopping = { patienc = 2 }",
            "line 3, train.early_stopping.patienc: unknown key; did you mean `patience`?",
        );
    }

    #[test]
    fn a_wrong_value_is_told_as_expected_and_found() {
        check(
            "[train]\nepochs = \"three\"",
            "line 3, train.epochs: expected a whole number, 0 or more, found \"three\"",
        );
        check("[train]\nepochs = -3", "line 3, train.epochs: expected a whole number, 0 or more, found -3");
        check("[train]\nepochs = 1.5", "line 3, train.epochs: expected a whole number, 0 or more, found 1.5");
        check("name = 3", "line 2, name: expected a text in quotes, found 3");
        check("name = \"a/b\"", "name: expected a name that can be a folder's, found \"a/b\"");
        check("[preprocess]\nsize = [28]", "line 3, preprocess.size: expected a list of 2, found 1 of them");
        check("[preprocess]\ngrayscale = 1", "line 3, preprocess.grayscale: expected true or false, found 1");
        check("[preprocess]\nsize = [0, 28]", "preprocess.size: expected sides from 1 to 4096, found [0, 28]");
        check("[preprocess]\nscale = [1, 1]", "preprocess.scale: expected two different finite numbers, found [1, 1]");
        check(
            "[augment]\nfill = \"blue\"",
            "line 3, augment.fill: expected \"edge\", \"reflect\" or a number from 0 to 255, found something else",
        );
        check("[data]\non_error = \"ignore\"", "line 3, data.on_error: unknown word `ignore`; known: fail, skip");
        check("[data]\nstream = \"alway\"", "line 3, data.stream: unknown word `alway`; did you mean `always`?");
        check("[data]\ncache = \"\"", "data.cache: expected \"auto\", \"off\" or a folder, found \"\"");
        check("[data]\nvalidation = 1.0", "data.validation: expected a share from 0 to below 1, found 1");
        check(
            "[data]\nsplit = \"8:1\"",
            "line 3, data.split: expected three proportions train:validation:test such as 8:1:1, found [8.0, 1.0]",
        );
        check("[train]\nepochs = 0", "train.epochs: expected a whole number from 1 to 1000000, found 0");
    }

    #[test]
    fn a_wrong_layer_is_told_by_its_number_and_kind() {
        check(
            "[model]\nlayers = [\n\"flaten\",\n]",
            "line 4, layer 1: unknown layer `flaten`; did you mean `flatten`?",
        );
        check(
            "[model]\nlayers = [\n\"flatten\",\n{ conv2d = { filter = 3 } },\n]",
            "line 5, layer 2 (conv2d), filter: unknown key; did you mean `filters`?",
        );
        check("[model]\nlayers = [{ conv2d = { filters = 3 } }]", "line 3, layer 1 (conv2d): missing key `kernel`");
        check(
            "[model]\nlayers = [{ conv2d = { filters = 3, kernel = \"a\" } }]",
            "line 3, layer 1 (conv2d), kernel: expected a whole number such as 3 or a pair such as [3, 5], \
             found something else",
        );
        check(
            "[model]\nlayers = [{ residual = { body = [\"flatten\", { dense = { unit = 3 } }] } }]",
            "line 3, layer 1 (residual), layer 2 (dense), unit: unknown key; did you mean `units`?",
        );
        check(
            "[model]\nlayers = [\"conv2d\"]",
            "line 3, layer 1 (conv2d): expected its options, such as { conv2d = { filters = 32, kernel = 3 } }, found none",
        );
        check(
            "[model]\nlayers = [3]",
            "line 3, layer 1: expected a layer such as \"flatten\" or { dense = { units = 10 } }, found something else",
        );
        check("[model]\nlayers = []", "model.layers: expected at least one layer, found none");
    }

    #[test]
    fn a_text_that_is_no_recipe_is_told_by_its_line() {
        check("name = \n", "line 2: string values must be quoted, expected literal string");
        check("name = \"a\"\nname = \"b\"", "line 3: duplicate key: found `name`");
        let error = Recipe::parse("version = 1\n", "mine.toml").unwrap_err();
        assert_eq!(error.to_string(), "mine.toml: missing key `model`");
        let error = Recipe::parse(&format!("version = 2\n{MODEL}"), "mine.toml").unwrap_err();
        assert_eq!(error.to_string(), "mine.toml: version: expected 1, found 2");
        assert_eq!(Recipe::parse("", "mine.toml").unwrap_err().to_string(), "mine.toml: missing key `version`");
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let words =
            ["learning_rate=0.1", "ema=0.999", "patience=3", "split=8:1:1", "fill=0.1", "name=a b", "size=[3, 5]"];
        for name in builtin::recipe_names() {
            let recipe = builtin::recipe(name).unwrap().with_overrides(&words).unwrap();
            let text = recipe.to_toml();
            assert_eq!(Recipe::parse(&text, "again.toml").unwrap(), recipe, "{text}");
            assert_eq!(Recipe::parse(&text, "again.toml").unwrap().to_toml(), text);
            assert!(text.contains("\n  { conv2d = "), "a line per layer: {text}");
            assert!(text.contains("learning_rate = 0.1\n"), "{text}");
        }
    }
}
