//! Images with rows and columns exchanged, as EMNIST's files store them: whole sets and parts, and single images.
//!
//! A set of digits is shown to the built-in model as it is and transposed. Parts of any set are compared with the training
//! part by their classes' mean images. A single image is reported where models that have not seen it do not recognise it,
//! but are sure of its label once it is transposed.

use super::finding::{Entry, Finding, Kind};
use super::unseen::{Judgement, Unseen, transposed};
use crate::data::{Dataset, Image, Images, Part};
use crate::parallel::Pool;
use crate::predict::Predictor;

/// Images of a part that are looked at.
const MOST: usize = 1_000;
/// Transposed, at least this share must be right, and this much more than as they are.
const RIGHT: f64 = 0.6;
const BETTER: f64 = 0.2;
/// Correlations of class means of two parts: transposed, they must be higher by this.
const ALIKE: f64 = 0.1;

/// Looks at all three.
pub(super) fn transposed_images(unseen: &Unseen<'_>, judgement: Option<&Judgement>) -> Finding {
    let dataset = unseen.dataset;
    let is_square = |i: &u32| {
        let size = dataset.images.get(*i as usize).size;
        size.height == size.width
    };
    if !(0..dataset.samples.len() as u32).all(|i| is_square(&i)) {
        return Finding::skipped(Kind::Transposed, "the images are not square");
    }
    let mut texts = Vec::new();
    let mut entries = Vec::new();
    let parts = parts(dataset);
    for (name, members) in &parts {
        if digits_are_transposed(unseen, members) {
            texts.push(format!("{name}: the built-in digits model reads the images transposed only"));
        }
    }
    if texts.is_empty() && parts.len() > 1 {
        let (first, others) = parts.split_first().expect("there are several");
        for (name, members) in others {
            if classes_match_transposed(dataset, unseen.prepared, [&first.1, members]) {
                texts.push(format!("{name}: its classes look like those of {} transposed", first.0));
            }
        }
    }
    if let Some(judgement) = judgement.filter(|_| texts.is_empty()) {
        entries = judgement
            .transposed
            .iter()
            .map(|&(i, p)| {
                let own = 100.0 * judgement.of(i)[dataset.samples[i as usize].label as usize];
                let note = format!("{:.0} % sure of its label once transposed, {own:.0} % as it is", 100.0 * p);
                Entry::new(dataset, i, p, note)
            })
            .collect();
    }
    let (n_sets, n) = (texts.len(), entries.len());
    texts.extend((n > 0).then(|| if n == 1 { "1 image".to_owned() } else { format!("{n} images") }));
    let summary = if texts.is_empty() { "none".to_owned() } else { texts.join("; ") };
    let rule = "a part that the built-in digits model (for digits), or the classes' mean images (between parts), recognise \
                transposed only; an image that models which have not seen it recognise transposed only";
    Finding::new(Kind::Transposed, summary, rule, entries).with_n(n_sets + n)
}

/// The parts that there are, each with some of its images, evenly chosen; all images where there are none.
fn parts(dataset: &Dataset) -> Vec<(&'static str, Vec<u32>)> {
    let names = [Some(Part::Train), Some(Part::Validation), Some(Part::Test), None];
    let members = |part: Option<Part>| -> Vec<u32> {
        let samples = dataset.samples.iter().zip(0..);
        let all: Vec<u32> = samples.filter(|(sample, _)| sample.part == part).map(|(_, i)| i).collect();
        let n = all.len().min(MOST);
        (0..n).map(|k| all[k * all.len() / n]).collect()
    };
    let named = |part: Option<Part>| (part.map_or("the set", Part::name), members(part));
    names.map(named).into_iter().filter(|(_, members)| !members.is_empty()).collect()
}

/// What the built-in model of digits says, where there are ten classes 0 to 9.
fn digits_are_transposed(unseen: &Unseen<'_>, members: &[u32]) -> bool {
    let is_digits = unseen.dataset.classes.iter().eq(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"].iter());
    let Some(model) = is_digits.then(|| crate::predict::open("digits").ok()).flatten() else { return false };
    let predictor = Predictor::from_checkpoint(model.checkpoint, unseen.isa);
    let plain = Images::collect(members.iter().map(|&i| unseen.dataset.images.get(i as usize)));
    let right = |images: &Images| {
        let predictions = predictor.predict_many(unseen.pool, images);
        let labels = members.iter().map(|&i| unseen.dataset.samples[i as usize].label);
        let n = predictions.iter().zip(labels).filter(|(prediction, label)| prediction.label == Some(*label)).count();
        n as f64 / members.len() as f64
    };
    let turned = right(&all_transposed(&plain, unseen.pool));
    turned >= RIGHT && turned >= right(&plain) + BETTER
}

fn all_transposed(images: &Images, pool: &Pool) -> Images {
    let turned = pool.map(images.len(), |i| transposed(images.get(i)));
    Images::collect(turned.iter().map(|(size, pixels)| Image { size: *size, pixels }))
}

/// Whether the mean images of the classes in one part correlate better with those of the other when transposed.
fn classes_match_transposed(dataset: &Dataset, prepared: &Images, members: [&[u32]; 2]) -> bool {
    let [first, second] = members.map(|members| class_means(dataset, prepared, members));
    let (mut plain, mut turned, mut n) = (0.0, 0.0, 0);
    let size = prepared.get(0).size;
    for (a, b) in first.iter().zip(&second).filter_map(|pair| Some((pair.0.as_ref()?, pair.1.as_ref()?))) {
        let across = |i: usize| {
            let (pixel, channel) = (i / size.channels, i % size.channels);
            b[((pixel % size.width) * size.width + pixel / size.width) * size.channels + channel]
        };
        plain += correlation(a, b);
        turned += correlation(a, &(0..b.len()).map(across).collect::<Vec<f64>>());
        n += 1;
    }
    n > 1 && size.height == size.width && turned > plain + ALIKE * f64::from(n)
}

/// By class the mean image, where there are at least five.
fn class_means(dataset: &Dataset, prepared: &Images, members: &[u32]) -> Vec<Option<Vec<f64>>> {
    let mut sums = vec![(vec![0.0; prepared.get(0).pixels.len()], 0_u32); dataset.classes.len()];
    for &i in members {
        let (sum, n) = &mut sums[dataset.samples[i as usize].label as usize];
        sum.iter_mut().zip(prepared.get(i as usize).pixels).for_each(|(sum, &byte)| *sum += f64::from(byte));
        *n += 1;
    }
    let mean = |(sum, n): (Vec<f64>, u32)| (n >= 5).then(|| sum.iter().map(|value| value / f64::from(n)).collect());
    sums.into_iter().map(mean).collect()
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut both, mut squares) = (0.0, [0.0; 2]);
    for (a, b) in a.iter().zip(b) {
        both += (a - mean_a) * (b - mean_b);
        squares[0] += (a - mean_a).powi(2);
        squares[1] += (b - mean_b).powi(2);
    }
    both / (squares[0] * squares[1]).sqrt().max(1e-12)
}
