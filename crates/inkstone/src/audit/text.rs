//! An audit as a short table of at most 80 columns.

use std::fmt::Write;

use super::finding::{Finding, Kind};
use super::{Audit, Entry};

/// The column at which what was found begins, and the width in all.
const INDENT: usize = 21;
const WIDTH: usize = 80;
/// Label errors that are shown.
const SHOWN: usize = 8;

/// The table.
pub fn text(audit: &Audit) -> String {
    let mut text = String::new();
    let classes = audit.classes.len();
    let _ = writeln!(text, "{}: {} images, {classes} classes\n", audit.source, audit.n);
    for finding in &audit.findings {
        let found = match &finding.skipped {
            Some(why) => format!("not judged: {why}"),
            None => finding.summary.clone(),
        };
        paragraph(&mut text, finding.kind.title(), &found);
    }
    for note in &audit.notes {
        paragraph(&mut text, "Note", note);
    }
    labels(&mut text, audit);
    text
}

/// The first candidates, where there are any.
fn labels(text: &mut String, audit: &Audit) {
    let finding: &Finding = audit.finding(Kind::LabelErrors);
    let shown: Vec<&Entry> = finding.samples.iter().filter(|entry| entry.proposed.is_some()).take(SHOWN).collect();
    if finding.n == 0 || shown.is_empty() {
        return;
    }
    let width = |column: fn(&Entry) -> usize| shown.iter().map(|entry| column(entry)).max().unwrap_or(0);
    let samples = width(|entry| entry.sample.chars().count());
    let found = width(|entry| entry.found.chars().count());
    let _ = writeln!(text, "\nLabels to look at first (margin from 0, doubtful, to -1, surely wrong):");
    for entry in shown {
        let proposed = entry.proposed.as_deref().unwrap_or_default();
        let line = format!("  {:samples$}  {:found$} → {proposed}  {:.2}", entry.sample, entry.found, entry.score);
        let _ = writeln!(text, "{line}");
    }
}

/// A title, and beside it words that are broken at spaces.
fn paragraph(text: &mut String, title: &str, words: &str) {
    let mut line = format!("{title:INDENT$}");
    let mut is_empty = true;
    for word in words.split(' ') {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(text, "{line}");
            line = " ".repeat(INDENT);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_and_indented() {
        let mut text = String::new();
        paragraph(&mut text, "Drift", &"word ".repeat(30));
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with(&" ".repeat(INDENT))));
    }
}
