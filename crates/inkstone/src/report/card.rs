//! `MODEL_CARD.md`: what is known of a model, for whoever is to use it. Made from measured figures; what nobody measured
//! (licence, intended use) is left to a person, and says so.

use std::fmt::Write as _;

use super::Material;
use super::words::percent;
use crate::evaluate::Interval;
use crate::spec::summary::grouped;
use crate::train::judge_curves;

/// The card, with the YAML header that Hugging Face's hub reads.
pub(super) fn model_card(material: &Material<'_>) -> String {
    let mut card = header(material);
    let report = material.report;
    let Interval { value, low, high } = report.accuracy;
    let _ = write!(
        card,
        "\n# {}\n\nA classifier of {} classes of images of {}, {} parameters, made with Inkstone {}.\n\n\
         Every figure below was measured by the program that wrote this card, on the model and data whose hashes stand at its \
         end.\n\n## Figures\n\nOn {} images of the {} part of {}:\n\n| figure | value | 95 % interval |\n|---|---|---|\n",
        report.model.name,
        report.classes.len(),
        material.model.input,
        grouped(material.model.plan.n_parameters() as u64),
        material.model.provenance.program_version,
        grouped(report.data.n as u64),
        report.data.part,
        report.data.source
    );
    let _ = writeln!(card, "| accuracy | {} | {} to {} |", percent(value, 2), percent(low, 2), percent(high, 2));
    if let Some(intervals) = &report.intervals {
        for (name, value, interval) in [
            ("macro precision", report.macro_average.precision, intervals.macro_average.precision),
            ("macro recall", report.macro_average.recall, intervals.macro_average.recall),
            ("macro F1", report.macro_average.f1, intervals.macro_average.f1),
            ("log loss", report.log_loss, intervals.log_loss),
            ("Brier score", report.brier_score, intervals.brier_score),
            ("calibration error", report.calibration_error, intervals.calibration_error),
        ] {
            let _ = writeln!(card, "| {name} | {value:.4} | {:.4} to {:.4} |", interval.low, interval.high);
        }
    }
    card += "\n| class | precision | recall | F1 | images |\n|---|---|---|---|---|\n";
    for class in &report.classes {
        let name = class.name.replace('|', "\\|");
        let _ = writeln!(
            card,
            "| {name} | {:.4} | {:.4} | {:.4} | {} |",
            class.precision, class.recall, class.f1, class.support
        );
    }
    let _ = write!(card, "\n{}\n", crate::evaluate::sentences(report));
    if let Some(point) = super::promises::recommended(material) {
        let _ = write!(card, "\n{}\n", super::promises::review_sentence(&point).en);
    }
    card += &limits();
    card += &training(material);
    card + &hashes(material)
}

fn header(material: &Material<'_>) -> String {
    let report = material.report;
    let name = quoted(&report.model.name);
    let source = quoted(&report.data.source);
    let mut yaml = format!(
        "---\n# license: fill in before you publish\nlibrary_name: inkstone\npipeline_tag: image-classification\n\
         tags:\n- image-classification\n- inkstone\n- safetensors\ndatasets:\n- {}\nmetrics:\n- accuracy\n- f1\nmodel-index:\n- name: {name}\n  \
         results:\n  - task:\n      type: image-classification\n    dataset:\n      name: {source}\n      type: {source}\n      \
         split: {}\n    metrics:\n",
        quoted(&material.model.provenance.data_source),
        report.data.part
    );
    for (kind, label, value) in [
        ("accuracy", "Accuracy", report.accuracy.value),
        ("f1", "Macro F1", report.macro_average.f1),
        ("precision", "Macro precision", report.macro_average.precision),
        ("recall", "Macro recall", report.macro_average.recall),
        ("log_loss", "Log loss", report.log_loss),
        ("calibration_error", "Expected calibration error", report.calibration_error),
    ] {
        if value.is_finite() {
            let _ = write!(yaml, "    - type: {kind}\n      name: {label}\n      value: {value}\n");
        }
    }
    yaml + "---\n"
}

/// A name as YAML: always in quotes.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string is always JSON, and JSON's strings are YAML's")
}

fn limits() -> String {
    "\n## What it is for, and what not\n\n\
     It tells apart images like those it was measured on, and nothing else: other cameras, other writers, other preparation \
     are to be measured anew (`inkstone evaluate MODEL --data SOURCE`). Intervals say how far figures may be off by chance \
     alone; they promise nothing for other images. Intended use, licence and whom a mistake would hurt: for you to write.\n"
        .to_owned()
}

fn training(material: &Material<'_>) -> String {
    let Some(training) = material.training else { return String::new() };
    let seed = material.model.provenance.seed;
    format!(
        "\n## Training\n\n{} images, {} for validation, {} epochs, seed {seed}; {}.\n\n```toml\n{}\n```\n",
        grouped(training.n_training as u64),
        grouped(training.n_validation as u64),
        training.metrics.len(),
        judge_curves(training.metrics),
        training.recipe.trim_end()
    )
}

fn hashes(material: &Material<'_>) -> String {
    let Material { report, model, .. } = material;
    format!(
        "\n## Hashes\n\n- model (SHA-256 of model.safetensors): `{}`\n- training data (fingerprint over images and labels): `{}`\n\
         - measured data: `{}`\n- recipe: `{}`\n",
        report.model.sha256, model.provenance.data_fingerprint, report.data.fingerprint, model.provenance.recipe_sha256
    )
}
