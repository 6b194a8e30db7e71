//! The report as a table of at most 80 columns and two sentences.

use super::report::{Ensemble, SeedResult, SeedsReport};
use super::spread::Spread;

/// The whole text, ending in a line feed.
pub fn text(report: &SeedsReport) -> String {
    let line = |name: &str, [accuracy, f1, seconds, training]: [f64; 4]| {
        format!("{name:>12}  {accuracy:>9.4} {f1:>9.4} {seconds:>9.3} {training:>9.3}\n")
    };
    let mut text =
        format!("{:>12}  {:>9} {:>9} {:>9} {:>9}\n\n", "seed", "accuracy", "macro F1", "seconds", "training");
    for result in &report.seeds {
        let SeedResult { accuracy, macro_f1, seconds, train_seconds, .. } = *result;
        text += &line(&result.seed.to_string(), [accuracy, macro_f1, seconds, train_seconds]);
    }
    let columns = [report.accuracy, report.macro_f1, report.seconds, report.train_seconds];
    text.push('\n');
    text += &line("mean", columns.map(|column| column.mean));
    if report.n > 1 {
        text += &line("std (n−1)", columns.map(|column| column.standard_deviation.unwrap_or(f64::NAN)));
    }
    text += &line("min", columns.map(|column| column.min));
    text += &line("max", columns.map(|column| column.max));
    text.push('\n');
    text + &sentences(report)
}

/// One seed in a line: its number among those wanted, and what it came to.
pub fn result_line(number: usize, n_wanted: usize, result: &SeedResult) -> String {
    format!(
        "seed {} ({number} of {n_wanted})  accuracy {:.4}  macro F1 {:.4}  {:.3} s  kept epoch {} of {}",
        result.seed, result.accuracy, result.macro_f1, result.seconds, result.kept_epoch, result.epochs
    )
}

/// Mean ± standard deviation, how well the mean is known, and what the seconds are of.
fn sentences(report: &SeedsReport) -> String {
    let Spread { mean, standard_deviation, low, high, .. } = report.accuracy;
    let percent = |share: f64| format!("{:.3} %", share * 100.0);
    let mut text = format!("Accuracy on the {} part: {}", report.data.part, percent(mean));
    match (standard_deviation, low, high) {
        (Some(deviation), Some(low), Some(high)) => {
            let (n, deviation) = (report.n, deviation * 100.0);
            text += &format!(" ± {deviation:.3} (mean ± std, {n} seeds).\n");
            text += &format!("The mean's 95 % interval: {} to {}.\n", percent(low), percent(high.min(1.0)));
        }
        _ => text += ", of one seed.\n",
    }
    if let Some(Ensemble { n, accuracy, .. }) = report.ensemble {
        let (low, high) = (percent(accuracy.low), percent(accuracy.high));
        text += &format!("The {n} models together: {} ({low} to {high}).\n", percent(accuracy.value));
    }
    let what = if report.n_validation > 0 { "training, validation and evaluation" } else { "training and evaluation" };
    let threads = if report.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", report.threads) };
    let (seconds, isa) = (report.seconds.mean, &report.instruction_set);
    text + &format!("{seconds:.3} s per seed for {what}, data in memory\n({threads}, {isa}).\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::{DataInfo, Interval};
    use crate::seeds::RecipeInfo;
    use crate::spec::training::Precision;

    fn report(accuracies: &[f64]) -> SeedsReport {
        let result = |(i, &accuracy): (usize, &f64)| SeedResult {
            seed: 7 + i as u64,
            accuracy,
            macro_f1: accuracy,
            log_loss: 0.1,
            validation_accuracy: None,
            epochs: 3,
            kept_epoch: 2,
            train_seconds: 0.5,
            seconds: 0.75,
            model_sha256: String::new(),
        };
        let data = DataInfo { source: "s".into(), part: "test".into(), n: 20, fingerprint: String::new() };
        SeedsReport {
            version: 1,
            recipe: RecipeInfo { name: "r".into(), sha256: String::new() },
            data,
            n_training: 80,
            n_validation: 0,
            n_wanted: accuracies.len(),
            n: accuracies.len(),
            accuracy: Spread::of(accuracies),
            macro_f1: Spread::of(accuracies),
            seconds: Spread::of(&vec![0.75; accuracies.len()]),
            train_seconds: Spread::of(&vec![0.5; accuracies.len()]),
            instruction_set: "avx2".into(),
            threads: 2,
            precision: Precision::F32,
            program_version: String::new(),
            ensemble: (accuracies.len() > 1).then_some(Ensemble {
                n: accuracies.len(),
                accuracy: Interval { value: 0.993, low: 0.985, high: 0.996 },
                macro_f1: 0.993,
                log_loss: 0.1,
                calibration_error: 0.01,
            }),
            seeds: accuracies.iter().enumerate().map(result).collect(),
        }
    }

    #[test]
    fn the_text_is_a_table_of_seeds_their_spread_and_two_sentences() {
        let expected = "        seed   accuracy  macro F1   seconds  training

           7     0.9900    0.9900     0.750     0.500
           8     0.9920    0.9920     0.750     0.500

        mean     0.9910    0.9910     0.750     0.500
   std (n−1)     0.0014    0.0014     0.000     0.000
         min     0.9900    0.9900     0.750     0.500
         max     0.9920    0.9920     0.750     0.500

Accuracy on the test part: 99.100 % ± 0.141 (mean ± std, 2 seeds).
The mean's 95 % interval: 97.829 % to 100.000 %.
The 2 models together: 99.300 % (98.500 % to 99.600 %).
0.750 s per seed for training and evaluation, data in memory
(2 threads, avx2).
";
        assert_eq!(text(&report(&[0.99, 0.992])), expected);
    }

    #[test]
    fn one_seed_says_nothing_of_a_spread() {
        let text = text(&report(&[0.99]));
        assert!(!text.contains("std") && text.contains("test part: 99.000 %, of one seed."), "{text}");
    }

    #[test]
    fn a_line_of_progress_fits_80_columns() {
        let line = result_line(3, 30, &report(&[0.99]).seeds[0]);
        assert_eq!(line, "seed 7 (3 of 30)  accuracy 0.9900  macro F1 0.9900  0.750 s  kept epoch 2 of 3");
        assert!(line.len() <= 80);
    }
}
