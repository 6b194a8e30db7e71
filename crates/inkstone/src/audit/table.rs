//! `corrections.csv`: the samples that an audit would change, one line each, for people to decide on. Every action is
//! `keep` until somebody edits it.

use std::collections::BTreeSet;

use super::Audit;
use super::finding::{Finding, Kind};
use crate::data::corrections::{Action, COLUMNS};

/// The text of the table: the columns of [`crate::data::corrections`], then `reason` and `note`, which are for people.
///
/// Label errors come first, the surest first, as far as the models would answer otherwise; then what duplicates repeat and
/// the images that show nothing. A sample stands there once, with its first reason.
pub fn corrections_csv(audit: &Audit) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = COLUMNS.iter().copied().chain(["reason", "note"]);
    writer.write_record(header).expect("memory takes all");
    let mut seen = BTreeSet::new();
    for finding in audit.findings.iter().filter(|finding| is_listed(finding.kind)) {
        for [sample, found, proposed, note] in rows(finding) {
            if seen.insert(sample) {
                let row = [sample, found, proposed, Action::Keep.name(), finding.kind.name(), note];
                writer.write_record(row).expect("memory takes all, and all rows have six columns");
            }
        }
    }
    let bytes = writer.into_inner().expect("memory takes all");
    String::from_utf8(bytes).expect("made of texts")
}

/// Whether a sample of it may have to be changed or left out.
fn is_listed(kind: Kind) -> bool {
    !matches!(kind, Kind::Imbalance | Kind::Outliers | Kind::Drift)
}

/// Sample, found, proposed, note.
fn rows(finding: &Finding) -> Vec<[&str; 4]> {
    let is_copies = matches!(finding.kind, Kind::ExactDuplicates | Kind::NearDuplicates);
    let mut rows = Vec::new();
    for entry in &finding.samples {
        if finding.kind == Kind::LabelErrors && entry.proposed.is_none() {
            continue;
        }
        if is_copies {
            // The first stays; what repeats it is up for exclusion.
            rows.extend(entry.with.iter().map(|other| [other.sample.as_str(), &other.found, "", &entry.note]));
        } else {
            let proposed = entry.proposed.as_deref().unwrap_or_default();
            rows.push([entry.sample.as_str(), &entry.found, proposed, &entry.note]);
        }
    }
    rows
}
