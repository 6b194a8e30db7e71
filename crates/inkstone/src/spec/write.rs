//! From a [`Recipe`] to its text: stable order, every default written out, a line per layer.

use serde::Serialize;

use super::model::Initialiser;
use super::pipeline::{AugmentSpec, PreprocessSpec};
use super::recipe::{DataSpec, Recipe};
use super::training::TrainSpec;

/// What stands before `[model]`.
#[derive(Serialize)]
struct Before<'a> {
    version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: &'a Option<String>,
    data: &'a DataSpec,
    preprocess: &'a PreprocessSpec,
    augment: &'a AugmentSpec,
    model: ModelHead,
}

/// `[model]` but for its layers, which stand a line each.
#[derive(Serialize)]
struct ModelHead {
    initialiser: Initialiser,
}

/// What stands behind it.
#[derive(Serialize)]
struct After<'a> {
    train: &'a TrainSpec,
}

impl Recipe {
    /// The recipe as TOML, everything that has a default written out. [`Recipe::parse`] gives the same recipe back.
    pub fn to_toml(&self) -> String {
        let Self { version, name, data, preprocess, augment, model, train } = self;
        let head = ModelHead { initialiser: model.initialiser };
        let before = Before { version: *version, name, data, preprocess, augment, model: head };
        let mut text = toml::to_string(&before).expect("a recipe's fields all have a form in TOML");
        text += "layers = [\n";
        for layer in &model.layers {
            text += "  ";
            layer
                .serialize(toml::ser::ValueSerializer::new(&mut text))
                .expect("a layer is a word or a table of numbers and words");
            text += ",\n";
        }
        text += "]\n\n";
        text += &toml::to_string(&After { train }).expect("a recipe's fields all have a form in TOML");
        text
    }
}
