//! A stress test as text of at most 80 columns.

use std::fmt::Write as _;

use super::report::{AttackResult, CorruptionResult, Curve, Pooled, StressReport};
use crate::spec::summary::grouped;

/// Points of a curve on one line.
const POINTS: usize = 13;

/// The whole text, ending in a line feed.
pub fn text(report: &StressReport) -> String {
    let mut text = format!("Stress: accuracy in % on {}, each spoiled at five strengths\n\n", images(report));
    let decides = report.untouched.decisions.is_some();
    let _ = write!(text, "{:14}{:>7}{:>7}{:>7}{:>7}{:>7}{:>8}", "", 1, 2, 3, 4, 5, "mean");
    text.push_str(if decides { "   refused   wrong\n" } else { "\n" });
    for corruption in &report.corruptions {
        text.push_str(&corruption_line(corruption));
    }
    for (name, share, decided) in [
        ("mean", report.mean_corruption_accuracy, report.pooled()),
        ("untouched", report.untouched.accuracy.value, report.pooled_untouched()),
    ] {
        let _ = writeln!(text, "{name:14}{:35}{}{}", "", percent(share, 8), decisions(decided));
    }
    if decides {
        text.push_str("\nrefused: the share of images that the model abstains from; wrong: of its answers\n");
    }
    text.push_str("\nMoved, turned, made larger or smaller\n");
    for curve in &report.curves {
        text.push_str(&curve_lines(curve));
    }
    text.push_str("\nAccuracy under these attacks (L∞, on the prepared image from 0 to 1)\n\n");
    for attack in &report.attacks {
        text.push_str(&attack_line(attack));
    }
    text.push_str("\nThis is what these treatments do; others, and stronger attacks, may do more.\n");
    text
}

fn images(report: &StressReport) -> String {
    let n = grouped(report.n);
    let images = if report.n == 1 { "image" } else { "images" };
    if report.n < report.n_in_part {
        return format!("{n} images drawn of {}", grouped(report.n_in_part));
    }
    format!("{n} {images}")
}

fn corruption_line(corruption: &CorruptionResult) -> String {
    let mut line = format!("{:14}", words(corruption.name.name()));
    if corruption.strengths.is_empty() {
        line.push_str("  not measured");
    } else {
        for strength in &corruption.strengths {
            line.push_str(&percent(strength.measured.accuracy.value, 7));
        }
        line.push_str(&percent(corruption.mean, 8));
        line.push_str(&decisions(corruption.pooled()));
    }
    if let Some(note) = &corruption.note {
        let _ = write!(line, "\n  {note}");
    }
    line.push('\n');
    line
}

fn curve_lines(curve: &Curve) -> String {
    let mut text = format!("\n{}: {}\n", words(&curve.name), curve.unit);
    for points in curve.points.chunks(POINTS) {
        let places: String = points.iter().map(|point| format!("{:>6}", point.at)).collect();
        let values: String = points.iter().map(|point| percent(point.measured.accuracy.value, 6)).collect();
        let _ = write!(text, "{places}\n{values}\n");
    }
    text
}

fn attack_line(attack: &AttackResult) -> String {
    let steps = if attack.steps == 1 { "step" } else { "steps" };
    let (name, start) = (attack.name.to_uppercase(), &attack.start);
    let how = format!("{name} ε = {}, {} {steps} of {} from {start}", attack.epsilon, attack.steps, attack.step_size);
    format!("{how:50}{} (n = {})\n", percent(attack.accuracy.value, 7), grouped(attack.n))
}

/// The two columns that are there for a model that decides.
fn decisions(pooled: Option<Pooled>) -> String {
    pooled.map_or(String::new(), |pooled| percent(pooled.abstained, 10) + &percent(pooled.wrong_answers, 8))
}

/// One decimal, to the right of `width` columns; a dash where nothing was measured.
fn percent(share: f64, width: usize) -> String {
    if share.is_nan() { format!("{:>width$}", "-") } else { format!("{:>width$.1}", 100.0 * share) }
}

fn words(name: &str) -> String {
    name.replace('_', " ")
}
