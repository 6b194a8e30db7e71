//! How predictions are written: a line of text each, one JSON document, JSON lines, or a table.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use inkstone::checkpoint::write_atomically;
use inkstone::evaluate::columns;
use inkstone::predict::{Decision, Prediction, PredictionModel, Predictions, Predictor};
use inkstone::{Error, Result};

use super::files::Input;
use super::{Args, unwritable, without_file};
use crate::context::Context;

/// Classes that are named in a line of text.
const N_RANKED: usize = 3;
/// Columns of a terminal that nobody has widened.
const WIDTH: usize = 80;

/// Where predictions go, one by one.
pub(super) struct Output<'a> {
    context: &'a Context,
    form: Form,
}

enum Form {
    Text { names: usize, classes: Vec<String>, class_width: usize },
    Document { model: PredictionModel, predictions: Vec<Prediction> },
    Lines,
    Table { file: PathBuf, text: String },
}

impl<'a> Output<'a> {
    /// The form that the options ask for.
    pub(super) fn new(args: &Args, context: &'a Context, model: &str, predictor: &Predictor, inputs: &[Input]) -> Self {
        let classes = predictor.classes().to_vec();
        let form = if context.json {
            let model = PredictionModel { name: model.to_owned(), sha256: predictor.checkpoint().sha256(), classes };
            Form::Document { model, predictions: Vec::new() }
        } else if args.jsonl {
            Form::Lines
        } else if let Some(file) = &args.csv {
            Form::Table { file: file.clone(), text: table_head(&classes) }
        } else {
            let class_width = classes.iter().map(|class| columns(class)).max().unwrap_or(0).min(10);
            // What the ranked classes leave of a line; longer names push their own line out.
            let room = WIDTH - N_RANKED.min(classes.len()) * (class_width + 10);
            let names = inputs.iter().map(|input| columns(&input.name())).max().unwrap_or(0).min(room);
            Form::Text { names, classes, class_width }
        };
        Self { context, form }
    }

    /// Writes one prediction, or keeps it until [`Output::finish`].
    pub(super) fn add(&mut self, prediction: Prediction) {
        match &mut self.form {
            Form::Text { names, classes, class_width } => {
                self.context.print(&line(&prediction, *names, classes, *class_width));
            }
            Form::Document { predictions, .. } => predictions.push(prediction),
            Form::Lines => self.context.print(&serde_json::json!(prediction).to_string()),
            Form::Table { text, .. } => text.push_str(&table_row(&prediction)),
        }
    }

    /// Writes what was kept.
    pub(super) fn finish(self) -> Result<()> {
        match self.form {
            Form::Text { .. } | Form::Lines => {}
            Form::Document { model, predictions } => {
                let document = Predictions::new(model, predictions);
                self.context.print(&serde_json::to_string_pretty(&document).map_err(unwritable)?);
            }
            Form::Table { file, text } if file == Path::new("-") => self.context.print(&text),
            Form::Table { file, text } => write_atomically(&file, text.as_bytes())?,
        }
        Ok(())
    }
}

/// `five.png  5  99.8 %   3   0.1 %   8  <0.1 %`
fn line(prediction: &Prediction, names: usize, classes: &[String], class_width: usize) -> String {
    let mut text = padded(prediction.file.as_deref().unwrap_or_default(), names);
    if let Some(error) = &prediction.error {
        let _ = write!(text, "  error: {}", without_file(error));
        return text;
    }
    match prediction.decision {
        Decision::Abstain => return text + &abstention(prediction, classes.len()),
        Decision::Set if !prediction.set.is_empty() => return text + &set(prediction, classes),
        _ => {}
    }
    if prediction.probabilities.is_empty() {
        // Several signs: what was read, and which of them are doubtful.
        let probability = percent(prediction.probability.unwrap_or_default());
        let _ = write!(text, "  {}  {}", prediction.text, probability.trim_start());
        for glyph in prediction.glyphs.iter().filter(|glyph| glyph.decision == Decision::Set) {
            let _ = write!(text, "  ({}: {})", glyph.class, glyph.set.join(" or "));
        }
        return text;
    }
    for &label in prediction.ranked().iter().take(N_RANKED) {
        let share = percent(prediction.probabilities[label]);
        let _ = write!(text, "  {} {share}", padded(&classes[label], class_width));
    }
    text
}

/// `  4 or 9  (62.1 %, 37.5 %)`
fn set(prediction: &Prediction, classes: &[String]) -> String {
    let share = |class: &String| classes.iter().position(|known| known == class).map(|i| prediction.probabilities[i]);
    let shares = prediction.set.iter().filter_map(share).map(|share| percent(share).trim_start().to_owned());
    format!("  {}  ({})", prediction.set.join(" or "), shares.collect::<Vec<_>>().join(", "))
}

/// `  abstains: unlike the training images (best guess 3, 61.0 %)`
fn abstention(prediction: &Prediction, n_classes: usize) -> String {
    let reasons: Vec<String> = prediction.reasons.iter().map(|reason| words(reason, prediction, n_classes)).collect();
    let guess = match prediction.probability {
        Some(probability) if !prediction.text.is_empty() => {
            format!(" (best guess {}, {})", prediction.text, percent(probability).trim_start())
        }
        _ => String::new(),
    };
    format!("  abstains: {}{guess}", reasons.join(", "))
}

/// A reason as people say it; one that is not known here as it is.
fn words(reason: &str, prediction: &Prediction, n_classes: usize) -> String {
    match reason {
        "unlike_training_data" => "unlike the training images".to_owned(),
        "ambiguous" if prediction.set.is_empty() => "too many classes are possible".to_owned(),
        "ambiguous" => format!("{} of {n_classes} classes are possible", prediction.set.len()),
        "below_max_error" => "not sure enough for --max-error".to_owned(),
        "low_contrast" => "too faint".to_owned(),
        other => other.replace('_', " "),
    }
}

/// Seven columns. What rounds to all or nothing says so only where it is.
fn percent(probability: f64) -> String {
    match probability {
        p if p < 0.0005 && p > 0.0 => " <0.1 %".to_owned(),
        p if (0.9995..1.0).contains(&p) => ">99.9 %".to_owned(),
        p => format!("{:>5.1} %", p * 100.0),
    }
}

fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

fn table_head(classes: &[String]) -> String {
    let fixed =
        ["file", "decision", "label", "class", "probability", "set", "reasons", "text", "error"].map(str::to_owned);
    let shares = classes.iter().map(|class| format!("p({class})"));
    table_line(fixed.into_iter().chain(shares))
}

fn table_row(prediction: &Prediction) -> String {
    let number = |value: Option<String>| value.unwrap_or_default();
    let decision = serde_json::json!(prediction.decision);
    let fixed = [
        prediction.file.clone().unwrap_or_default(),
        decision.as_str().unwrap_or_default().to_owned(),
        number(prediction.label.map(|label| label.to_string())),
        prediction.class.clone().unwrap_or_default(),
        number(prediction.probability.map(|probability| probability.to_string())),
        prediction.set.join(" "),
        prediction.reasons.join(" "),
        prediction.text.clone(),
        prediction.error.as_ref().map(Error::to_string).unwrap_or_default(),
    ];
    table_line(fixed.into_iter().chain(prediction.probabilities.iter().map(f64::to_string)))
}

/// One record of RFC 4180: a cell with a comma, a quote or a line break stands in quotes, its quotes doubled.
fn table_line(cells: impl Iterator<Item = String>) -> String {
    let quoted = cells.map(|cell| {
        if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
    });
    quoted.collect::<Vec<_>>().join(",") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use inkstone::ErrorKind;

    #[test]
    fn a_bad_image_is_told_in_its_line_without_naming_the_file_twice() {
        let error = Error::mismatch(ErrorKind::Data, "an image", "text").with_file("a.png");
        let prediction = Prediction::failed(error.with_help("say, \"no\"")).with_file("a.png");
        let text = line(&prediction, 8, &["0".into()], 1);
        assert_eq!(text, "a.png     error: expected an image, found text; say, \"no\"");
        let row = "a.png,error,,,,,,,\"a.png: expected an image, found text; say, \"\"no\"\"\"\n";
        assert_eq!(table_row(&prediction), row);
    }

    #[test]
    fn percentages_are_seven_columns_and_round_to_all_or_nothing_only_where_it_is() {
        let shown = [0.0, 0.0001, 0.0312, 0.998, 0.9999, 1.0].map(percent);
        assert_eq!(shown, ["  0.0 %", " <0.1 %", "  3.1 %", " 99.8 %", ">99.9 %", "100.0 %"]);
    }
}
