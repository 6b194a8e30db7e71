//! `inkstone bench trust`: whether a model's promises hold on images that it never saw, and what it makes of images that
//! are nothing that it was trained on.

mod foreign;

use inkstone::data::{Dataset, Part};
use inkstone::evaluate::{About, CalibrationInfo, DecisionsInfo, PromiseInfo, evaluate};
use inkstone::parallel::Pool;
use inkstone::predict::{self, Decision, Prediction, Predictor};
use inkstone::{Error, ErrorKind, Result};
use serde::Serialize;

use super::figures::rounded;
use crate::Outcome;
use crate::context::Context;
use foreign::Foreign;

/// The share of good images that is accepted where refusals are compared.
const TRUE_ACCEPT: f64 = 0.95;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A run folder, a model file, or a built-in model
    #[arg(long, value_name = "MODEL", default_value = "digits")]
    model: String,
    /// Images like those that it was trained on, with a test part; its own source where not given
    #[arg(long, value_name = "SOURCE")]
    data: Option<String>,
    /// Images of something else, which it should refuse; can be given several times
    #[arg(long, value_name = "SOURCE")]
    against: Vec<String>,
}

/// What was measured.
#[derive(Debug, Serialize)]
struct Results {
    version: u32,
    work: &'static str,
    model: String,
    sha256: String,
    source: String,
    /// Images of the test part.
    n: usize,
    accuracy: f64,
    calibration: Option<CalibrationInfo>,
    decisions: Option<DecisionsInfo>,
    /// How each kind of foreign images fares.
    foreign: Vec<Score>,
}

/// How a kind of foreign images fares.
#[derive(Debug, Serialize)]
struct Score {
    name: String,
    n: usize,
    /// The probability that a foreign image is more unlike the training images than a test image.
    auroc: f64,
    /// The share that is not refused where 95 % of the test images are accepted.
    false_accept_at_95: f64,
    /// The share that the model abstains from, for whatever reason.
    abstain: f64,
    /// The share that gets a set of classes for an answer.
    set: f64,
    /// The share that gets an answer.
    answer: f64,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Outcome> {
    let opened = predict::open(&args.model)?;
    let source = args.data.clone().unwrap_or_else(|| opened.checkpoint.provenance.data_source.clone());
    let dataset = context.open(&source)?;
    let test: Vec<u32> =
        (0..dataset.samples.len() as u32).filter(|&i| dataset.samples[i as usize].part == Some(Part::Test)).collect();
    if test.is_empty() {
        return Err(Error::mismatch(ErrorKind::Data, "a test part", "none").with_file(&dataset.name));
    }
    let sha256 = opened.checkpoint.sha256();
    let about = About::own(&opened.checkpoint, Part::Test);
    let predictor = Predictor::from_checkpoint(opened.checkpoint, context.isa);
    let pool = context.pool()?;
    let report = evaluate(&predictor, pool, &dataset, &test, about)?;
    let mut results = Results {
        version: 1,
        work: "trust",
        model: opened.name,
        sha256,
        source: dataset.name.clone(),
        n: test.len(),
        accuracy: report.accuracy.value,
        calibration: report.calibration,
        decisions: report.decisions,
        foreign: Vec::new(),
    };
    let good = strangeness(&predictor.predict_many(pool, &dataset.images.select(&test)));
    for foreign in all_foreign(args, &dataset, &test, context)? {
        results.foreign.push(score(&predictor, pool, &foreign, &good));
    }
    if !args.against.iter().any(|source| source.contains("fashion")) {
        context.terminal.warn("without --against a folder of Fashion-MNIST nothing is said of garments");
    }
    if context.json {
        context.print_json(&results);
    } else {
        context.print(&to_text(&results));
    }
    Ok(Outcome::Done)
}

/// What is made here, then what was given.
fn all_foreign(args: &Args, dataset: &Dataset, test: &[u32], context: &Context) -> Result<Vec<Foreign>> {
    let mut all = foreign::made(dataset, test, context.seed.unwrap_or(0));
    for source in &args.against {
        let given = context.open(source)?;
        let is_test = |i: &u32| given.samples[*i as usize].part == Some(Part::Test);
        let mut chosen: Vec<u32> = (0..given.samples.len() as u32).filter(is_test).collect();
        if chosen.is_empty() {
            chosen = (0..given.samples.len() as u32).collect();
        }
        all.push(Foreign { name: given.name.clone(), images: given.images.select(&chosen) });
    }
    Ok(all)
}

/// How strange the model finds each image; one that it cannot read at all is the strangest there is.
fn strangeness(predictions: &[Prediction]) -> Vec<f64> {
    let of = |prediction: &Prediction| {
        let is_nothing = prediction.glyphs.is_empty() || prediction.reasons.iter().any(|reason| reason == "blank");
        if is_nothing { f64::INFINITY } else { prediction.novelty.unwrap_or(0.0) }
    };
    predictions.iter().map(of).collect()
}

fn score(predictor: &Predictor, pool: &Pool, foreign: &Foreign, good: &[f64]) -> Score {
    let predictions = predictor.predict_many(pool, &foreign.images);
    let bad = strangeness(&predictions);
    let share = |decision| {
        let n = predictions.iter().filter(|prediction| prediction.decision == decision).count();
        rounded(n as f64 / predictions.len() as f64)
    };
    Score {
        name: foreign.name.clone(),
        n: bad.len(),
        auroc: rounded(auroc(good, &bad)),
        false_accept_at_95: rounded(accepted(good, &bad)),
        abstain: share(Decision::Abstain),
        set: share(Decision::Set),
        answer: share(Decision::Answer),
    }
}

/// The share of pairs in which the bad one is larger; equals count half. Mann and Whitney's U over the number of pairs.
fn auroc(good: &[f64], bad: &[f64]) -> f64 {
    let mut sorted = good.to_vec();
    sorted.sort_by(f64::total_cmp);
    let below = |value: &f64| {
        let (less, not_more) = (sorted.partition_point(|g| g < value), sorted.partition_point(|g| g <= value));
        (less + not_more) as f64 / 2.0
    };
    bad.iter().map(below).sum::<f64>() / (good.len() as f64 * bad.len() as f64)
}

/// The share of the bad ones that are not above the least value that takes in 95 % of the good ones.
fn accepted(good: &[f64], bad: &[f64]) -> f64 {
    let mut sorted = good.to_vec();
    sorted.sort_by(f64::total_cmp);
    let limit = sorted[((sorted.len() as f64 * TRUE_ACCEPT).ceil() as usize).clamp(1, sorted.len()) - 1];
    bad.iter().filter(|value| **value <= limit).count() as f64 / bad.len() as f64
}

fn to_text(results: &Results) -> String {
    let mut text = format!(
        "{} ({}…) on {} test images of {}: accuracy {:.4}\n",
        results.model,
        &results.sha256[..12],
        results.n,
        results.source,
        results.accuracy
    );
    let promise = |name: &str, promise: &PromiseInfo| {
        let inside = if promise.is_inside { "inside" } else { "OUTSIDE" };
        format!(
            "{name:<12}promised {:.4}, measured {:.4}: {inside} {:.4} to {:.4}\n",
            promise.promised, promise.value, promise.low, promise.high
        )
    };
    if let Some(info) = &results.calibration {
        for (name, scores) in [("before", info.before), ("after", info.after)] {
            text += &format!(
                "{name:<12}log loss {:.4}, Brier score {:.4}, calibration error {:.4}\n",
                scores.log_loss, scores.brier_score, scores.calibration_error
            );
        }
        text += &format!("{:<12}{:.3}, fitted on {} images\n", "temperature", info.temperature, info.n);
    }
    match &results.decisions {
        Some(info) => {
            text += &promise("coverage", &info.coverage);
            text += &promise("accepted", &info.accepted);
            text += &format!(
                "{:<12}{} answers ({:.2} % right), {} sets, {} abstentions; {:.3} classes in a set on average\n",
                "decisions",
                info.n_answer,
                info.answer_accuracy.value * 100.0,
                info.n_set,
                info.n_abstain,
                info.mean_set_size
            );
        }
        None => text += "the model was not calibrated: it promises nothing\n",
    }
    text += &format!(
        "\n{:<24}{:>7}{:>9}{:>12}{:>10}{:>7}{:>9}\n",
        "foreign images", "n", "AUROC", "accepted*", "abstains", "sets", "answers"
    );
    for score in &results.foreign {
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        text += &format!(
            "{:<24}{:>7}{:>9.4}{:>12}{:>10}{:>7}{:>9}\n",
            score.name.chars().take(23).collect::<String>(),
            score.n,
            score.auroc,
            percent(score.false_accept_at_95),
            percent(score.abstain),
            percent(score.set),
            percent(score.answer)
        );
    }
    text + "* where 95 % of the test images are accepted\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_under_the_curve_counts_pairs_and_equals_half() {
        assert_eq!(auroc(&[1.0, 2.0], &[3.0, 4.0]), 1.0);
        assert_eq!(auroc(&[1.0, 2.0], &[2.0]), 0.75);
        assert_eq!(auroc(&[1.0, 3.0], &[2.0]), 0.5);
        assert_eq!(auroc(&[1.0, 2.0], &[f64::INFINITY, 0.0]), 0.5);
    }

    #[test]
    fn what_is_accepted_is_counted_at_the_value_that_takes_in_95_of_100() {
        let good: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(accepted(&good, &[95.0, 95.5, 1.0, 200.0]), 0.5);
    }
}
