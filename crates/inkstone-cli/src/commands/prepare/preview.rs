//! `inkstone prepare --preview`: images as training sees them, above each other epoch by epoch, and what was drawn for one.
//!
//! The pixels come from the very function that training calls, mapped back to 0…255.

use std::path::Path;

use inkstone::checkpoint::write_atomically;
use inkstone::data::augment::Drawn;
use inkstone::data::dataset::Sample;
use inkstone::data::encode::png;
use inkstone::data::sheet::Sheet;
use inkstone::data::split::draw;
use inkstone::data::steps::DrawnStep;
use inkstone::data::{Augment, Image, Mixing, Mixture, Part, Preprocess, Samples, Split};
use inkstone::spec::{AugmentSpec, Recipe};
use inkstone::{Error, ErrorKind, Result};
use serde_json::{Map, Value, json};

use super::Args;
use crate::context::Context;
use crate::{Outcome, images, recipes};

/// Images on a sheet.
const N_COLUMNS: usize = 12;
/// Epochs that are shown, from the first on.
const N_EPOCHS: u32 = 6;
/// Small images are enlarged to about this side.
const CELL: usize = 84;
/// A line of text is no longer where it can be helped.
const WIDTH: usize = 80;

/// Writes the sheet, says what was drawn for the sample, or both.
pub(super) fn run(args: &Args, context: &Context) -> Result<Outcome> {
    let preview = Preview::new(&args.words, context)?;
    let sample = args.preview_sample.as_deref().map(|id| preview.find(id)).transpose()?;
    let columns = preview.columns(sample);
    let sheet = args.preview.as_deref().map(|file| preview.write_sheet(&columns, file, context)).transpose()?;
    if context.json {
        context.print_json(&json!({
            "version": 1,
            "recipe": preview.recipe.name,
            "source": preview.source,
            "seed": preview.recipe.train.seed,
            "augment": preview.augment.spec(),
            "sheet": sheet,
            "sample": sample.map(|i| preview.sample_document(i)),
        }));
        return Ok(Outcome::Done);
    }
    if let Some(i) = sample {
        context.print(&preview.sample_text(i));
    }
    if let Some(file) = &args.preview {
        context.terminal.note(&format!(
            "wrote {}: {} training images of {}, below each the epochs 0 to {}",
            file.display(),
            columns.len(),
            preview.source,
            N_EPOCHS - 1
        ));
    }
    Ok(Outcome::Done)
}

/// A training part and its augmentation, as `train` would have them.
struct Preview {
    recipe: Recipe,
    source: String,
    /// All samples of the source, in its order.
    ids: Vec<Sample>,
    split: Split,
    training: Samples,
    augment: Augment,
}

impl Preview {
    fn new(words: &[String], context: &Context) -> Result<Self> {
        let chosen = recipes::choose(words, None, context)?;
        let loaded =
            images::load(&chosen.source()?, &chosen.data()?, None, context).map_err(|error| chosen.blame(error))?;
        let mut recipe = chosen.for_dataset(&loaded.dataset)?;
        if let Some(seed) = context.seed {
            recipe.train.seed = seed;
        }
        let split = draw(&loaded.dataset, &recipe.data, &loaded.hashes, &loaded.copies);
        let split = split.map_err(|error| chosen.blame(error))?;
        let (dataset, pool) = (loaded.dataset, context.pool()?);
        let (ids, source) = (dataset.samples.clone(), dataset.name.clone());
        let preprocess = Preprocess::fit(&recipe.preprocess, &dataset.images, &split.train, pool)?;
        let [training] = Samples::of_parts(dataset, [&split.train], &preprocess, pool);
        let augment = match Augment::new(&recipe.augment, preprocess.size())? {
            Some(augment) => augment,
            None => {
                context.terminal.note("the recipe augments nothing: shown with rotation_degrees = 10 and zoom = 0.1");
                let gentle = AugmentSpec::default().rotation_degrees(10.0).zoom(0.1);
                Augment::new(&gentle, preprocess.size())?.expect("it turns and zooms")
            }
        };
        Ok(Self { recipe, source, ids, split, training, augment })
    }

    /// The position in the training part of the sample that is called `id` or stands there in the source.
    fn find(&self, id: &str) -> Result<usize> {
        let error = |expected: String, found: String| {
            Err(Error::mismatch(ErrorKind::Usage, expected, found).with_place("--preview-sample"))
        };
        let named = self.ids.iter().position(|sample| sample.id.to_string() == id);
        let Some(index) = named.or_else(|| id.parse().ok()).filter(|&index| index < self.ids.len()) else {
            let first = self.split.train.first().map_or(String::new(), |&i| self.ids[i as usize].id.to_string());
            let expected = format!("a sample of {} such as {first}, or a number below {}", self.source, self.ids.len());
            return error(expected, format!("`{id}`"));
        };
        match self.split.train.iter().position(|&i| i as usize == index) {
            Some(i) => Ok(i),
            None => {
                let holds = |part: &Part| self.split.part(*part).iter().any(|&i| i as usize == index);
                let part = [Part::Validation, Part::Test].into_iter().find(holds);
                let found = part.map_or("one that is in no part".to_owned(), |part| format!("one of {}", part.name()));
                error("a sample of the training part, the only one that is augmented".to_owned(), found)
            }
        }
    }

    /// Positions in the training part: the sample that was asked for, then the classes in turn.
    fn columns(&self, sample: Option<usize>) -> Vec<usize> {
        let n_classes = self.training.classes.len();
        let mut of_class: Vec<Vec<usize>> = vec![Vec::new(); n_classes];
        for (i, &label) in self.training.labels.iter().enumerate() {
            let found = &mut of_class[label as usize];
            if found.len() < N_COLUMNS {
                found.push(i);
            }
        }
        let in_turn = (0..N_COLUMNS).flat_map(|round| of_class.iter().filter_map(move |found| found.get(round)));
        let others = in_turn.copied().filter(|&i| Some(i) != sample);
        sample.into_iter().chain(others).take(N_COLUMNS).collect()
    }

    /// Draws the sheet, writes it, and says what stands on it.
    fn write_sheet(&self, columns: &[usize], file: &Path, context: &Context) -> Result<Value> {
        let size = self.training.preprocess.size();
        let mut values = vec![0.0; size.len()];
        let mut bytes = vec![0; (1 + N_EPOCHS as usize) * columns.len() * size.len()];
        for (k, out) in bytes.chunks_exact_mut(size.len()).enumerate() {
            let (row, i) = (k / columns.len(), columns[k % columns.len()]);
            match row.checked_sub(1) {
                None => self.training.write(context.isa, i, &mut values),
                Some(epoch) => {
                    let key = (self.recipe.train.seed, epoch as u32);
                    self.training.write_augmented(context.isa, i, &self.augment, key, &mut values);
                }
            }
            self.training.preprocess.bytes_of(&values, out);
        }
        let cells: Vec<_> = bytes.chunks_exact(size.len()).map(|pixels| Some(Image { size, pixels })).collect();
        let picture = Sheet::new(columns.len()).fit(size, CELL).head(8).draw(&cells)?;
        write_atomically(file, &png(picture.image()))?;
        let samples: Vec<Value> =
            columns.iter().map(|&i| json!({ "id": self.id(i), "class": self.class(i) })).collect();
        Ok(json!({
            "file": file,
            "size": [picture.size.height, picture.size.width],
            "epochs": N_EPOCHS,
            "samples": samples,
        }))
    }

    fn id(&self, i: usize) -> String {
        self.ids[self.training.indices[i] as usize].id.to_string()
    }

    fn class(&self, i: usize) -> &str {
        &self.training.classes[self.training.labels[i] as usize]
    }

    /// What is drawn for sample i in an epoch.
    fn drawn(&self, i: usize, epoch: u32) -> (Drawn, Vec<DrawnStep>, Option<Mixture>) {
        let seed = self.recipe.train.seed;
        let key = (seed, epoch, self.training.indices[i]);
        let mixture = self.training.mixture(i, &self.augment, (seed, epoch));
        (self.augment.draw(key), self.augment.draw_steps(key), mixture)
    }

    fn sample_document(&self, i: usize) -> Value {
        let draws = (0..N_EPOCHS).map(|epoch| {
            let (drawn, steps, mixture) = self.drawn(i, epoch);
            let named = |(name, values): (&str, Vec<f32>)| {
                (name.to_owned(), if let [one] = values[..] { json!(one) } else { json!(values) })
            };
            let step = |step: &DrawnStep| {
                let values: Map<String, Value> = step.values().into_iter().map(named).collect();
                json!({ step.name(): values })
            };
            json!({
                "epoch": epoch,
                "rotation_degrees": drawn.rotation_degrees,
                "shift": drawn.shift,
                "shear_degrees": drawn.shear_degrees,
                "zoom": drawn.zoom,
                "horizontal_flip": drawn.horizontal_flip,
                "vertical_flip": drawn.vertical_flip,
                "crop": drawn.crop,
                "also": steps.iter().map(step).collect::<Vec<_>>(),
                "mixture": mixture.map(|mixture| self.mixture_document(&mixture)),
            })
        });
        json!({ "id": self.id(i), "class": self.class(i), "draws": draws.collect::<Vec<_>>() })
    }

    fn mixture_document(&self, mixture: &Mixture) -> Value {
        let other = mixture.other as usize;
        let (how, corner, sides) = match mixture.how {
            Mixing::Blend => ("mixup", None, None),
            Mixing::Paste { corner, sides } => ("cutmix", Some(corner), Some(sides)),
        };
        json!({
            "how": how, "id": self.id(other), "class": self.class(other), "share": mixture.share,
            "corner": corner, "sides": sides,
        })
    }

    fn sample_text(&self, i: usize) -> String {
        let mut text = format!("{}  class {}  seed {}\n", self.id(i), self.class(i), self.recipe.train.seed);
        for epoch in 0..N_EPOCHS {
            let (drawn, steps, mixture) = self.drawn(i, epoch);
            let mut items = affine_words(&drawn);
            items.extend(steps.iter().map(step_words));
            items.extend(mixture.map(|mixture| self.mixture_words(&mixture)));
            if items.is_empty() {
                items.push("unchanged".to_owned());
            }
            text += &wrapped(&format!("epoch {epoch}"), &items);
        }
        text
    }

    fn mixture_words(&self, mixture: &Mixture) -> String {
        let other = mixture.other as usize;
        let word = if mixture.how == Mixing::Blend { "mixup" } else { "cutmix" };
        format!("{word} with {} (class {}), share {:.3}", self.id(other), self.class(other), mixture.share)
    }
}

/// What is drawn for the affine part, without what changes nothing.
fn affine_words(drawn: &Drawn) -> Vec<String> {
    let Drawn { rotation_degrees, shift, shear_degrees, zoom, horizontal_flip, vertical_flip, crop } = drawn;
    let still = Drawn::default();
    let items = [
        (*rotation_degrees != 0.0, format!("rotation {rotation_degrees:.2}°")),
        (*shift != still.shift, format!("shift {:.2} rows {:.2} columns", shift[0], shift[1])),
        (*shear_degrees != 0.0, format!("shear {shear_degrees:.2}°")),
        (*zoom != still.zoom, format!("zoom {:.3} high {:.3} wide", zoom[0], zoom[1])),
        (*horizontal_flip, "flipped left to right".to_owned()),
        (*vertical_flip, "flipped upside down".to_owned()),
        (*crop != still.crop, format!("crop from {} rows {} columns", crop[0], crop[1])),
    ];
    items.into_iter().filter(|(is_on, _)| *is_on).map(|(_, words)| words).collect()
}

fn step_words(step: &DrawnStep) -> String {
    let number = |value: &f32| format!("{value:.3}").trim_end_matches('0').trim_end_matches('.').to_owned();
    let values = step.values().into_iter().map(|(name, values)| {
        let numbers: Vec<String> = values.iter().map(number).collect();
        format!(" {name} {}", numbers.join(" "))
    });
    format!("{}{}", step.name(), values.collect::<String>())
}

/// A heading and items behind it, broken between items where the line gets too long.
fn wrapped(head: &str, items: &[String]) -> String {
    let mut text = head.to_owned();
    let mut column = head.chars().count();
    for item in items {
        let width = item.chars().count() + 2;
        if column + width > WIDTH {
            text += "\n";
            text += &" ".repeat(head.chars().count());
            column = head.chars().count();
        }
        text += "  ";
        text += item;
        column += width;
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_items() {
        let item = "x".repeat(30);
        let text = wrapped("epoch 0", &[item.clone(), item.clone(), item.clone()]);
        assert_eq!(text, format!("epoch 0  {item}  {item}\n         {item}\n"));
    }

    #[test]
    fn what_changes_nothing_is_not_said() {
        assert!(affine_words(&Drawn::default()).is_empty());
        let drawn = Drawn { rotation_degrees: -3.0, horizontal_flip: true, ..Drawn::default() };
        assert_eq!(affine_words(&drawn), ["rotation -3.00°", "flipped left to right"]);
        assert_eq!(
            step_words(&DrawnStep::Elastic { alpha: 34.0, sigma: 4.5, number: 0 }),
            "elastic alpha 34 sigma 4.5"
        );
    }
}
