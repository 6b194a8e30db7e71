//! The choices of a recipe, each from what was seen or tried. The rules of thumb stand here as constants.

use serde::Serialize;

use super::look::Look;
use super::trial::{FEWEST_IMAGES, Flip, Rates, Trials, Tried};
use super::{Choice, Task};
use crate::data::dataset::Dataset;
use crate::data::duplicates::exact;
use crate::data::split::draw;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::model::LayerSpec;
use crate::spec::pipeline::Normalise;
use crate::spec::recipe::DataSpec;
use crate::spec::summary::grouped;
use crate::spec::{Activation, AugmentSpec, ModelSpec, PreprocessSpec};

/// Images up to this side keep their own size; larger ones are brought to it.
const LONGEST_SIDE: usize = 64;

/// Images of a class that a part should have at least, so that one mistake is not ten points.
const ENOUGH: usize = 10;

/// Mirrored images must be known nearly as well as others, of every class, for a class not to depend on its side.
const MIRRORED: Rates = Rates { all: 0.75, worst_class: 0.4 };

/// How many times as many images the largest class may have as the smallest before all images count by their class.
const BALANCED: usize = 3;

/// Images that a training sees in all epochs together.
const SEEN: usize = 600_000;

/// What there is to choose.
pub(super) fn choose(task: &Task<'_>, look: &Look, observe: &mut dyn FnMut(&str)) -> Result<Vec<Choice>> {
    let n_filled = task.dataset.counts().iter().filter(|class| class[0] + class[3] > 0).count();
    if n_filled < 2 {
        let expected = "training images of two classes or more";
        return Err(Error::mismatch(ErrorKind::Data, expected, format!("{n_filled} with any")).with_file(task.source));
    }
    let mut choices = about_data(task.source, look);
    let mut preprocess = preprocess_for(look);
    let members = training_members(task, look)?;
    let has_enough = members.len() >= FEWEST_IMAGES;
    let ink = if has_enough && may_need_ink(task, look) {
        Some(about_ink(task, &members, &mut preprocess, observe)?)
    } else {
        None
    };
    choices.extend(about_preprocess(look, &preprocess));
    choices.extend(ink);
    choices.extend(if has_enough {
        about_augmentation(task, &members, &preprocess, observe)?
    } else {
        let reason = format!("{} training images are too few to try what helps; a little seldom harms", members.len());
        vec![choice("augment.rotation_degrees", &5.0, reason)]
    });
    choices.push(about_network(preprocess.size.unwrap_or([LONGEST_SIDE; 2])));
    choices.extend(about_training(look));
    Ok(choices)
}

fn choice(key: &str, value: &impl Serialize, reason: impl Into<String>) -> Choice {
    let mut text = String::new();
    value.serialize(toml::ser::ValueSerializer::new(&mut text)).expect("texts, numbers and lists have a form in TOML");
    Choice { key: key.to_owned(), value: Some(text), reason: reason.into() }
}

fn left_out(key: &str, reason: impl Into<String>) -> Choice {
    Choice { key: key.to_owned(), value: None, reason: reason.into() }
}

fn about_data(source: &str, look: &Look) -> Vec<Choice> {
    let [train, validation, test] = look.parts;
    let mut choices = vec![choice("data.source", &source, "")];
    let share = held_out_share(look);
    let enough = if share > 0.1 {
        format!(
            "; more than a tenth, so that the smallest class ({} images) has about {ENOUGH} there",
            look.class_sizes[0]
        )
    } else {
        String::new()
    };
    if test + validation == 0 {
        let parts = [20 - (40.0 * share).round() as u64, (20.0 * share).round() as u64, (20.0 * share).round() as u64];
        let divisor = if parts.iter().all(|part| part % 2 == 0) { 2 } else { 1 };
        let split = parts.map(|part| (part / divisor).to_string()).join(":");
        choices.push(choice(
            "data.split",
            &split,
            format!("the source has no parts of its own: train, validation, test{enough}"),
        ));
    } else if validation == 0 {
        let reason =
            format!("the share of the {} training images that chooses the epoch{enough}", grouped(train as u64));
        choices.push(choice("data.validation", &share, reason));
    } else if test == 0 {
        choices.push(left_out(
            "data.split",
            "the source has a validation part and no test part: a tenth of train becomes one",
        ));
    }
    choices.push(match (look.has_groups, look.group_pattern) {
        (true, _) => left_out("data.group", "the source itself says which images belong together: they stay in one part"),
        (_, Some((pattern, n))) => choice(
            "data.group",
            &pattern,
            format!("the file names fall into {n} groups, of several classes each: a writer, a sheet or a camera whose images should not be on both sides"),
        ),
        _ => left_out("data.group", "nothing tells which images come from one writer or camera; if file names do: \"{group}_*\""),
    });
    if look.n_copies > 0 {
        let reason = format!(
            "{} images have the pixels of another one; all copies stay in one part (\"near_together\" looks for near-copies too)",
            grouped(look.n_copies as u64)
        );
        choices.push(choice("data.duplicates", &"together", reason));
    }
    choices
}

/// What validation gets: a tenth, or more where the smallest class would have too few images there; in twentieths.
fn held_out_share(look: &Look) -> f64 {
    let needed = ENOUGH as f64 / look.class_sizes[0].max(1) as f64;
    (needed.clamp(0.1, 0.2) * 20.0).round() / 20.0
}

fn preprocess_for(look: &Look) -> PreprocessSpec {
    let size = match look.uniform_size {
        Some(size) if size.iter().max() <= Some(&LONGEST_SIDE) => size,
        _ => brought_to(look.median_size),
    };
    PreprocessSpec {
        grayscale: look.n_coloured == 0,
        size: Some(size),
        normalise: Normalise::Dataset,
        ..PreprocessSpec::default()
    }
}

/// The size for images of a median size: the longest side 32, 48 or 64; square, unless they clearly are not.
fn brought_to([height, width]: [usize; 2]) -> [usize; 2] {
    let longest = height.max(width).max(1);
    let side = [32, 48].into_iter().find(|&side| longest <= side).unwrap_or(LONGEST_SIDE);
    if 4 * height.min(width) >= 3 * longest {
        return [side; 2];
    }
    [height, width].map(|length| (length * side).div_ceil(longest).next_multiple_of(4))
}

fn about_preprocess(look: &Look, preprocess: &PreprocessSpec) -> Vec<Choice> {
    let [height, width] = look.median_size;
    let colour = match look.n_coloured {
        0 => "all images are grey, whatever they are stored as".to_owned(),
        _ if preprocess.ink => "ink has no colour that matters".to_owned(),
        n => format!("{} of {} images have colours", grouped(n as u64), grouped(look.n_images as u64)),
    };
    let size = preprocess.size.unwrap_or(look.median_size);
    let why = match look.uniform_size {
        _ if preprocess.ink => "what the ink rules make".to_owned(),
        Some(own) if own == size => "the size of all images".to_owned(),
        Some(_) => format!("all images are {height}×{width}: more than {LONGEST_SIDE} costs time and seldom helps"),
        None => {
            let [high, wide] = look.largest_size;
            format!("sizes differ: {height}×{width} in the middle, up to {high}×{wide}")
        }
    };
    let ground = look.n_light_ground as f64 / look.n_images.max(1) as f64;
    let mut normalise = "zero mean and unit deviation of the training part: it trains faster".to_owned();
    if (0.05..=0.95).contains(&ground) && !preprocess.ink {
        normalise += &format!(
            ". Mind: {:.0} % of the images have a light border and the others a dark one; bring them to one polarity",
            ground * 100.0
        );
    }
    vec![
        choice("preprocess.grayscale", &preprocess.grayscale, colour),
        choice("preprocess.size", &size, why),
        choice("preprocess.normalise", &"dataset", normalise),
    ]
}

/// Digits and letters (names of one character) that are not all drawn alike: of many sizes, or on light ground.
fn may_need_ink(task: &Task<'_>, look: &Look) -> bool {
    let are_glyphs = task.dataset.classes.iter().all(|class| class.chars().count() == 1);
    are_glyphs && (look.uniform_size.is_none() || 20 * look.n_light_ground >= look.n_images)
}

/// The ink rules in place of a resize, where a trial with them is not worse.
fn about_ink(
    task: &Task<'_>,
    members: &[u32],
    preprocess: &mut PreprocessSpec,
    observe: &mut dyn FnMut(&str),
) -> Result<Choice> {
    let with_ink = PreprocessSpec { ink: true, grayscale: true, size: Some([28, 28]), ..preprocess.clone() };
    let run = |preprocess: &PreprocessSpec| {
        Trials::new((task.dataset, members), preprocess, network, (task.pool, task.isa)).run(AugmentSpec::default())
    };
    observe("trying: a plain resize");
    let plain = run(preprocess)?;
    observe("trying: the ink rules instead");
    let inked = run(&with_ink)?;
    let (gain, error) = inked.gain_over(&plain);
    let told = told(&inked, &plain, (gain, error));
    if gain < -2.0 * error {
        return Ok(left_out(
            "preprocess.ink",
            format!("the ink rules (docs/ink.md) in place of a resize made a trial worse: {told}"),
        ));
    }
    *preprocess = with_ink;
    let reason = format!(
        "glyphs of many sizes or on light ground: the ink rules (docs/ink.md) make them alike; a trial: {told}"
    );
    Ok(choice("preprocess.ink", &true, reason))
}

fn about_augmentation(
    task: &Task<'_>,
    members: &[u32],
    preprocess: &PreprocessSpec,
    observe: &mut dyn FnMut(&str),
) -> Result<Vec<Choice>> {
    let trials = Trials::new((task.dataset, members), preprocess, network, (task.pool, task.isa));
    observe("trying: a model on a part of the images as they are");
    let plain = trials.run(AugmentSpec::default())?;
    let mut choices = about_small_changes(&trials, &plain, observe)?;
    for (flip, key) in [(Flip::Horizontal, "augment.horizontal_flip"), (Flip::Vertical, "augment.vertical_flip")] {
        choices.push(about_flip(&trials, &plain, (flip, key), observe)?);
    }
    Ok(choices)
}

/// Rotation, zoom and shifts together: as they are usual, else half as strong, else none.
fn about_small_changes(trials: &Trials<'_>, plain: &Tried, observe: &mut dyn FnMut(&str)) -> Result<Vec<Choice>> {
    let mut worse = Vec::new();
    for [degrees, zoom, shift] in [[10.0, 0.1, 0.05], [5.0, 0.05, 0.03]] {
        observe(&format!("trying: rotation {degrees}°, zoom {zoom}, shifts {shift}"));
        let augment =
            AugmentSpec::default().rotation_degrees(degrees).zoom(zoom).width_shift(shift).height_shift(shift);
        let changed = trials.run(augment)?;
        let (gain, error) = changed.gain_over(plain);
        let told = told(&changed, plain, (gain, error));
        if gain < -2.0 * error {
            worse.push(format!("rotation {degrees}°, zoom {zoom} and shifts {shift}: {told}"));
            continue;
        }
        let reason =
            format!("a short trial with all four is not measurably worse, and they pay over more epochs: {told}");
        return Ok(vec![
            choice("augment.rotation_degrees", &degrees, reason),
            choice("augment.zoom", &zoom, ""),
            choice("augment.width_shift", &shift, ""),
            choice("augment.height_shift", &shift, ""),
        ]);
    }
    Ok(vec![left_out("augment.rotation_degrees", format!("short trials were worse with {}", worse.join("; with ")))])
}

/// Mirroring is taken where a model that never saw it knows mirrored images, and a trial with it is not worse.
fn about_flip(
    trials: &Trials<'_>,
    plain: &Tried,
    (flip, key): (Flip, &str),
    observe: &mut dyn FnMut(&str),
) -> Result<Choice> {
    let rates = trials.mirrored(plain, flip);
    let known = format!(
        "of the images that the trial's model knows, it knows {:.0} % once they are mirrored ({:.0} % of the worst class)",
        rates.all * 100.0,
        rates.worst_class * 100.0
    );
    if rates.all < MIRRORED.all || rates.worst_class < MIRRORED.worst_class {
        return Ok(left_out(key, format!("the classes depend on the side: {known}")));
    }
    observe("trying: mirrored images");
    let augment = AugmentSpec::default();
    let augment = match flip {
        Flip::Horizontal => augment.horizontal_flip(true),
        Flip::Vertical => augment.vertical_flip(true),
    };
    let mirrored = trials.run(augment)?;
    let (gain, error) = mirrored.gain_over(plain);
    let told = told(&mirrored, plain, (gain, error));
    Ok(if gain < -2.0 * error {
        left_out(key, format!("it made a trial worse: {told}"))
    } else {
        choice(key, &true, format!("{known}; a trial with it: {told}"))
    })
}

fn told(with: &Tried, without: &Tried, (gain, error): (f64, f64)) -> String {
    format!(
        "{:.1} % with, {:.1} % without, of {} images held out (difference {:+.1} ± {:.1} points)",
        with.accuracy() * 100.0,
        without.accuracy() * 100.0,
        grouped(with.n() as u64),
        gain * 100.0,
        error * 100.0
    )
}

/// The samples that a training on these images may see: never the test part, the source's own or a drawn one.
fn training_members(task: &Task<'_>, look: &Look) -> Result<Vec<u32>> {
    let mut data = DataSpec::default();
    if look.parts[1] + look.parts[2] == 0 {
        data.split = Some(crate::spec::recipe::Proportions([8.0, 1.0, 1.0]));
    }
    let split = draw(task.dataset, &data, task.hashes, &exact(task.hashes));
    match split {
        Ok(split) => Ok(split.train),
        // Too few images to divide: there is nothing to try on either.
        Err(_) if task.dataset.samples.len() < FEWEST_IMAGES => Ok(all_of_train(task.dataset)),
        Err(error) => Err(error),
    }
}

fn all_of_train(dataset: &Dataset) -> Vec<u32> {
    (0..dataset.samples.len() as u32)
        .filter(|&i| dataset.samples[i as usize].part.is_none_or(|part| part as usize == 0))
        .collect()
}

/// Convolutions and pools as long as the picture stays at least 2×2 (4×4 for the third), then one dense layer.
fn network(size: [usize; 2]) -> ModelSpec {
    let mut side = size[0].min(size[1]);
    let mut layers = Vec::new();
    for (filters, least) in [(32, 1), (64, 2), (64, 4)] {
        let next = side.saturating_sub(2) / 2;
        if next < least {
            break;
        }
        layers.push(LayerSpec::conv2d(filters, 3).activation(Activation::Relu));
        layers.push(LayerSpec::max_pool(2));
        side = next;
    }
    layers.push(LayerSpec::flatten());
    layers.push(LayerSpec::dense_per_class().activation(Activation::Softmax));
    ModelSpec::sequential(layers)
}

fn about_network(size: [usize; 2]) -> Choice {
    let mut text = "[\n".to_owned();
    for layer in network(size).layers {
        text += "  ";
        layer.serialize(toml::ser::ValueSerializer::new(&mut text)).expect("a layer has a form in TOML");
        text += ",\n";
    }
    text += "]";
    let reason = format!(
        "the tutorials' convolutions, as many as {}×{} pixels bear; as many outputs as classes",
        size[0], size[1]
    );
    Choice { key: "model.layers".to_owned(), value: Some(text), reason }
}

fn about_training(look: &Look) -> Vec<Choice> {
    let n = look.parts[0].max(1);
    let epochs = (SEEN / n).clamp(8, 60);
    let batch_size = if n < 20_000 { 32 } else { 64 };
    let [least, most] = look.class_sizes;
    let weights = if most >= BALANCED * least {
        choice(
            "train.class_weights",
            &"balanced",
            format!(
                "the largest class has {} training images and the smallest {}: all classes count alike",
                grouped(most as u64),
                grouped(least as u64)
            ),
        )
    } else {
        left_out(
            "train.class_weights",
            format!("classes of {} to {} training images need none", grouped(least as u64), grouped(most as u64)),
        )
    };
    let images = grouped(n as u64);
    vec![
        choice(
            "train.epochs",
            &epochs,
            format!("{images} images, seen about {} times in all", grouped((epochs * n) as u64)),
        ),
        choice(
            "train.batch_size",
            &batch_size,
            format!("{} steps in an epoch", grouped(n.div_ceil(batch_size) as u64)),
        ),
        choice("train.optimizer", &"adam", ""),
        choice("train.learning_rate", &0.001, "Adam's usual rate"),
        choice("train.schedule", &"cosine", "falls to nothing by the last epoch, so that the end is quiet"),
        weights,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Shape;

    #[test]
    fn a_network_fits_every_size() {
        for size in [[1, 1], [3, 40], [4, 4], [8, 8], [12, 12], [28, 28], [32, 32], [64, 64], [64, 16]] {
            let plan = network(size).resolve(Shape::image(size[0], size[1], 1), 7).unwrap();
            assert_eq!(plan.n_classes, 7, "{size:?}");
        }
    }

    #[test]
    fn sizes_are_brought_to_few_and_keep_proportions_that_matter() {
        for (median, size) in [
            ([20, 22], [32, 32]),
            ([33, 40], [48, 48]),
            ([480, 640], [64, 64]),
            ([1000, 400], [64, 28]),
            ([10, 40], [12, 48]),
        ] {
            assert_eq!(brought_to(median), size, "{median:?}");
        }
    }

    #[test]
    fn rare_classes_get_a_larger_held_out_share() {
        let share = |least| {
            let look = Look { class_sizes: [least, 1000], ..Look::at(&one(), &[]) };
            held_out_share(&look)
        };
        assert_eq!([share(5000), share(100), share(70), share(20)], [0.1, 0.1, 0.15, 0.2]);
    }

    fn one() -> Dataset {
        use crate::data::dataset::{Rows, Size};
        let size = Size { height: 1, width: 1, channels: 1 };
        let rows = Rows { part: None, size, pixels: vec![0], labels: vec![0], groups: None };
        Dataset::from_rows("one", vec!["a".into()], vec![rows]).unwrap()
    }
}
