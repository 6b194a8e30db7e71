//! A report as text of at most 80 columns where the classes' names allow it: the table of scikit-learn's
//! `classification_report`, the confusion matrix where it fits, and two plain sentences.

use std::fmt::Write as _;

use super::metrics::Interval;
use super::report::Report;
use super::trust::DecisionsInfo;
use crate::spec::summary::grouped;

/// Columns of a terminal that nobody has widened.
const WIDTH: usize = 80;

/// The whole text, ending in a line feed.
pub fn text(report: &Report) -> String {
    let mut text = classification_report(report);
    if let Some(matrix) = confusion_matrix(report) {
        text.push('\n');
        text.push_str(&matrix);
    }
    let _ = write!(text, "\n{}\n", sentences(report));
    if let Some(decisions) = &report.decisions {
        text.push_str(&decision_sentences(decisions));
    }
    if let Some(errata) = &report.errata {
        let Interval { value, low, high } = errata.accuracy_without;
        let images = if errata.n == 1 { "image whose label is" } else { "images whose labels are" };
        let _ = writeln!(
            text,
            "Without {} {images} known to be wrong, accuracy is {value:.4} ({low:.4} to {high:.4}).",
            errata.n
        );
    }
    text
}

/// What was decided, and whether the promise was kept.
fn decision_sentences(decisions: &DecisionsInfo) -> String {
    let DecisionsInfo { coverage, answer_accuracy, n_answer, n_set, n_abstain, .. } = decisions;
    let kept = if coverage.is_inside { "as it should be" } else { "which is not as it should be" };
    format!(
        "Decisions: {} answers ({:.2} % of them right), {} sets of classes, {} abstentions.\n\
         The class is in its set for {:.2} % of the images ({:.2} % are promised), {kept}: {:.2} to {:.2} %.\n",
        grouped(*n_answer),
        answer_accuracy.value * 100.0,
        grouped(*n_set),
        grouped(*n_abstain),
        coverage.value * 100.0,
        coverage.promised * 100.0,
        coverage.low * 100.0,
        coverage.high * 100.0
    )
}

/// Scores per class and their averages: byte for byte `classification_report(…, digits=4, zero_division=0)`.
pub fn classification_report(report: &Report) -> String {
    let n = report.data.n;
    let width = report.classes.iter().map(|class| columns(&class.name)).max().unwrap_or(0).max("weighted avg".len());
    let mut text = format!("{:width$} ", "");
    for head in ["precision", "recall", "f1-score", "support"] {
        let _ = write!(text, " {head:>9}");
    }
    text.push_str("\n\n");
    let mut line = |name: &str, scores: [f64; 3], support: usize| {
        let [precision, recall, f1] = scores;
        let _ = writeln!(text, "{}  {precision:>9.4} {recall:>9.4} {f1:>9.4} {support:>9}", right(name, width));
    };
    for class in &report.classes {
        line(&class.name, [class.precision, class.recall, class.f1], class.support as usize);
    }
    let _ = writeln!(text, "\n{:>width$}  {:>9} {:>9} {:>9.4} {n:>9}", "accuracy", "", "", report.accuracy.value);
    for (name, average) in [("macro avg", report.macro_average), ("weighted avg", report.weighted_average)] {
        let (precision, recall, f1) = (average.precision, average.recall, average.f1);
        let _ = writeln!(text, "{name:>width$}  {precision:>9.4} {recall:>9.4} {f1:>9.4} {n:>9}");
    }
    text
}

/// The matrix with the classes' names over its columns or, where they are too wide, with their numbers.
fn confusion_matrix(report: &Report) -> Option<String> {
    let names: Vec<String> = report.classes.iter().map(|class| class.name.clone()).collect();
    let numbers: Vec<String> = (0..names.len()).map(|i| i.to_string()).collect();
    let numbered: Vec<String> = numbers.iter().zip(&names).map(|(number, name)| format!("{number} {name}")).collect();
    grid(report, &names, &names).or_else(|| grid(report, &numbered, &numbers))
}

fn grid(report: &Report, left: &[String], top: &[String]) -> Option<String> {
    let rows = report.confusion_matrix.rows();
    let left_width = left.iter().map(|name| columns(name)).max()?;
    let counts = rows.iter().flatten().map(|count| count.to_string().len());
    let width = counts.chain(top.iter().map(|name| columns(name))).max()? + 1;
    if left_width + 1 + width * top.len() > WIDTH {
        return None;
    }
    let mut text = String::from("Confusion matrix (rows: the truth, columns: the answers)\n\n");
    let _ = write!(text, "{:left_width$} ", "");
    for name in top {
        text.push_str(&right(name, width));
    }
    text.push('\n');
    for (name, row) in left.iter().zip(rows) {
        let _ = write!(text, "{} ", right(name, left_width));
        for count in row {
            let _ = write!(text, "{count:>width$}");
        }
        text.push('\n');
    }
    Some(text)
}

/// What the numbers mean, for whoever decides: what to expect of new images, and which mistake is the commonest.
pub fn sentences(report: &Report) -> String {
    if report.data.n == 0 {
        return "There are no images in this part, so nothing can be said.".to_owned();
    }
    let of_thousand = |share: f64| (share * 1000.0).round() as u64;
    let (low, high) = (of_thousand(report.accuracy.low), of_thousand(report.accuracy.high));
    let range =
        if low == high { format!("about {}", grouped(low)) } else { format!("{} to {}", grouped(low), grouped(high)) };
    let mistakes = match report.confusion_matrix.most_confused() {
        None => "Nothing was confused.".to_owned(),
        Some(confusion) => {
            let class = &report.classes[confusion.class];
            let (name, taken_for) = (&class.name, &report.classes[confusion.taken_for].name);
            let images = if class.support == 1 { "image" } else { "images" };
            let (count, support) = (grouped(confusion.count), grouped(class.support));
            format!("Most confused: {name} with {taken_for} ({count} of {support} {images}).")
        }
    };
    format!("Of 1,000 new images like these, expect {range} right. {mistakes}")
}

/// The text, padded on its left to `width` columns.
pub(super) fn right(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(columns(text))))
}

/// How many columns a terminal gives to a text: two for the wide characters of Chinese, Japanese and Korean.
///
/// ```
/// assert_eq!(inkstone::evaluate::columns("七 seven"), 8);
/// ```
pub fn columns(text: &str) -> usize {
    let wide = |c: char| matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}' | '\u{20000}'..='\u{3fffd}');
    text.chars().map(|c| 1 + usize::from(wide(c))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::{About, DataInfo, ModelInfo};

    fn report(names: &[&str], labels: &[u32], predicted: &[usize]) -> Report {
        let mut probabilities = vec![0.0; labels.len() * names.len()];
        predicted.iter().enumerate().for_each(|(i, &class)| probabilities[i * names.len() + class] = 1.0);
        let classes: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let model = ModelInfo { name: String::new(), sha256: String::new(), kept_epoch: None };
        let data = DataInfo { source: String::new(), part: String::new(), n: 0, fingerprint: String::new() };
        Report::measure(labels, &probabilities, &classes, About { model, data })
    }

    #[test]
    fn the_text_is_a_table_a_matrix_and_two_sentences() {
        let expected = "              precision    recall  f1-score   support

         cat     1.0000    0.5000    0.6667         2
         dog     0.5000    1.0000    0.6667         1

    accuracy                         0.6667         3
   macro avg     0.7500    0.7500    0.6667         3
weighted avg     0.8333    0.6667    0.6667         3

Confusion matrix (rows: the truth, columns: the answers)

     cat dog
cat    1   1
dog    0   1

Of 1,000 new images like these, expect 208 to 939 right. Most confused: cat with dog (1 of 2 images).
";
        assert_eq!(text(&report(&["cat", "dog"], &[0, 0, 1], &[0, 1, 1])), expected);
    }

    #[test]
    fn known_errata_are_told_behind_the_rest() {
        let mut report = report(&["cat", "dog"], &[0, 1], &[0, 1]);
        assert!(!text(&report).contains("known"));
        let accuracy_without = Interval { value: 1.0, low: 0.2065, high: 1.0 };
        report.errata = Some(crate::evaluate::ErrataInfo { n: 1, accuracy_without });
        let told = "Without 1 image whose label is known to be wrong, accuracy is 1.0000 (0.2065 to 1.0000).\n";
        assert!(text(&report).ends_with(told), "{}", text(&report));
    }

    #[test]
    fn a_matrix_whose_names_are_too_wide_is_headed_by_numbers_and_one_that_never_fits_is_left_out() {
        let names: Vec<String> = (0..12).map(|i| format!("garment number {i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let matrix = confusion_matrix(&report(&names, &[0], &[0])).unwrap();
        assert!(matrix.lines().all(|line| line.len() <= WIDTH), "{matrix}");
        assert!(matrix.contains("11 garment number 11"));
        let many: Vec<&str> = vec!["x"; 80];
        assert_eq!(confusion_matrix(&report(&many, &[0], &[0])), None);
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(right("七", 4), "  七");
    }

    #[test]
    fn a_part_without_images_and_one_without_mistakes_have_their_own_sentences() {
        assert!(sentences(&report(&["a", "b"], &[], &[])).starts_with("There are no images"));
        assert!(sentences(&report(&["a", "b"], &[0], &[0])).ends_with("Nothing was confused."));
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(982), "982");
    }
}
