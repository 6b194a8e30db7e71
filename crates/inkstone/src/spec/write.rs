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
    augment: AugmentSpec,
}

/// What stands between the steps of augmentation and the layers.
#[derive(Serialize)]
struct Between {
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
        let affine = AugmentSpec { also: Vec::new(), mixup: None, cutmix: None, ..augment.clone() };
        let before = Before { version: *version, name, data, preprocess, augment: affine };
        let mut text = toml::to_string(&before).expect("a recipe's fields all have a form in TOML");
        write_steps(augment, &mut text);
        let head = ModelHead { initialiser: model.initialiser };
        text += "\n";
        text += &toml::to_string(&Between { model: head }).expect("a recipe's fields all have a form in TOML");
        text += "layers = [\n";
        for layer in &model.layers {
            text += "  ";
            write_inline(layer, &mut text);
            text += ",\n";
        }
        text += "]\n\n";
        text += &toml::to_string(&After { train }).expect("a recipe's fields all have a form in TOML");
        text
    }
}

/// What `[augment]` holds beside the affine keys: a line per step, nothing where there is none.
fn write_steps(augment: &AugmentSpec, text: &mut String) {
    for (key, spec) in [("mixup", &augment.mixup), ("cutmix", &augment.cutmix)] {
        if let Some(spec) = spec {
            *text += &format!("{key} = ");
            write_inline(spec, text);
            *text += "\n";
        }
    }
    if augment.also.is_empty() {
        return;
    }
    *text += "also = [\n";
    for step in &augment.also {
        *text += "  ";
        write_inline(step, text);
        *text += ",\n";
    }
    *text += "]\n";
}

fn write_inline(value: &impl Serialize, text: &mut String) {
    value.serialize(toml::ser::ValueSerializer::new(text)).expect("a word or a table of numbers and words");
}
