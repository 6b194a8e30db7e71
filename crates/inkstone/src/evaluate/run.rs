//! Measures a model on samples of a dataset, through the same path as every prediction.

use super::intervals::Intervals;
use super::measured::Measured;
use super::report::{About, Report};
use crate::data::dataset::Size;
use crate::data::errata::errata_among;
use crate::data::{Dataset, Image, Images};
use crate::error::{Error, ErrorKind, Result};
use crate::parallel::Pool;
use crate::predict::{Judged, Predictor};

/// Asks the model about the samples at `indices` of `dataset`, whose classes are matched with the model's by name. The
/// images are prepared by the model's own preprocess.
///
/// # Errors
/// A class of the dataset that the model does not know; a streamed image that can no longer be read.
pub fn measure(predictor: &Predictor, pool: &Pool, dataset: &Dataset, indices: &[u32]) -> Result<Measured> {
    let label_of = match_classes(&dataset.classes, predictor.classes())?;
    let label = |&i: &u32| label_of[dataset.samples[i as usize].label as usize];
    let judged = judged(predictor, pool, &dataset.images, indices)?;
    Ok(Measured {
        indices: indices.to_vec(),
        labels: indices.iter().map(label).collect(),
        probabilities: judged.probabilities.clone(),
        n_classes: predictor.classes().len(),
        judged: Some(judged),
    })
}

/// The report of what was measured, with intervals. Where some images are known to be labelled wrong, the accuracy without
/// them is reported too.
pub fn report(measured: &Measured, predictor: &Predictor, dataset: &Dataset, (about, pool): (About, &Pool)) -> Report {
    let Measured { indices, labels, probabilities, judged, .. } = measured;
    let mut report = Report::measure(labels, probabilities, predictor.classes(), about);
    if let Some(judged) = judged {
        report = report.with_trust(predictor, labels, judged);
    }
    report.intervals = Some(Intervals::of(&report, measured, pool));
    report.without_errata(&errata_among(dataset, indices), labels, probabilities)
}

/// Measures the model on the samples at `indices` of `dataset`: [`measure`], then [`report`].
///
/// # Errors
/// As [`measure`].
pub fn evaluate(
    predictor: &Predictor,
    pool: &Pool,
    dataset: &Dataset,
    indices: &[u32],
    about: About,
) -> Result<Report> {
    let measured = measure(predictor, pool, dataset, indices)?;
    Ok(report(&measured, predictor, dataset, (about, pool)))
}

/// Streamed images are taken into memory some at a time.
fn judged(predictor: &Predictor, pool: &Pool, images: &Images, indices: &[u32]) -> Result<Judged> {
    /// A small part of what a streamed set holds, and enough for all threads.
    const STREAMED_AT_ONCE: usize = 4096;
    if !images.is_streamed() {
        return Ok(predictor.judge(pool, indices.len(), &|i: usize| images.get(indices[i] as usize)));
    }
    let mut all = Judged::default();
    for indices in indices.chunks(STREAMED_AT_ONCE) {
        let some: Vec<(Size, Vec<u8>)> =
            pool.map(indices.len(), |i| images.with(indices[i] as usize, |image| (image.size, image.pixels.to_vec())));
        let image = |i: usize| Image { size: some[i].0, pixels: &some[i].1 };
        all.append(predictor.judge(pool, indices.len(), &image));
    }
    images.check()?;
    Ok(all)
}

/// The model's label of each class of a dataset, by name.
pub(crate) fn match_classes(classes: &[String], known: &[String]) -> Result<Vec<u32>> {
    let position = |class: &String| known.iter().position(|name| name == class).map(|i| i as u32);
    let unknown: Vec<&str> = classes.iter().filter(|class| position(class).is_none()).map(String::as_str).collect();
    if !unknown.is_empty() {
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let expected = format!("only classes that the model knows ({})", listed(&known));
        let found = format!("{} that it does not ({})", unknown.len(), listed(&unknown));
        let help = "evaluate on data with the same names of classes";
        return Err(Error::mismatch(ErrorKind::Data, expected, found).with_place("classes").with_help(help));
    }
    Ok(classes.iter().filter_map(position).collect())
}

/// The first names, and how many more there are.
fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 12;
    let mut text = names[..names.len().min(SHOWN)].join(", ");
    if names.len() > SHOWN {
        text = format!("{text} and {} more", names.len() - SHOWN);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn classes_are_matched_by_name_whatever_their_order() {
        assert_eq!(match_classes(&names("c a"), &names("a b c")).unwrap(), [2, 0]);
    }

    #[test]
    fn an_unknown_class_is_named() {
        let error = match_classes(&names("0 1 x"), &names("0 1 2")).unwrap_err();
        let expected = "classes: expected only classes that the model knows (0, 1, 2), found 1 that it does not (x); ";
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}
