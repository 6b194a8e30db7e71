//! Images that look like no other: far from their tenth neighbour, measured as near-duplicates are.

use super::finding::{Entry, Finding, Kind};
use super::robust::Robust;
use crate::data::Dataset;
use crate::data::duplicates::Near;

/// Deviations above the class's median.
const DEVIATIONS: f64 = 5.0;
/// Deviations above the whole set's median as well: in a class where all are alike a little is far, and yet no outlier.
const DEVIATIONS_OF_ALL: f64 = 2.5;
/// Fewer images of a class say too little of what is usual there: the whole set's middle and spread are taken.
const FEWEST: usize = 20;

/// By class: sneakers are all alike, bags are not.
pub(super) fn outliers(dataset: &Dataset, near: &Near) -> Finding {
    let measured = |class: Option<usize>| {
        let samples = dataset.samples.iter().zip(&near.reach);
        let of_class = samples.filter(move |(sample, _)| class.is_none_or(|class| sample.label as usize == class));
        of_class.map(|(_, &reach)| f64::from(reach)).filter(|&reach| reach > 0.0)
    };
    let general = Robust::of(measured(None));
    let usual: Vec<Robust> = (0..dataset.classes.len())
        .map(|class| if measured(Some(class)).count() < FEWEST { general } else { Robust::of(measured(Some(class))) })
        .collect();
    let mut found: Vec<(u32, f64, f64)> = Vec::new();
    for (i, (sample, &reach)) in dataset.samples.iter().zip(&near.reach).enumerate() {
        let Robust { median, deviation } = usual[sample.label as usize];
        let reach = f64::from(reach);
        let score = (reach - median) / deviation.max(0.05 * median).max(1e-9);
        if score > DEVIATIONS && reach > general.median + DEVIATIONS_OF_ALL * general.deviation {
            found.push((i as u32, score, reach));
        }
    }
    found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let entries = found.iter().map(|&(i, score, reach)| {
        let usual = usual[dataset.samples[i as usize].label as usize].median;
        Entry::new(dataset, i, score, format!("distance to the 10th neighbour {reach:.2}, usual {usual:.2}"))
    });
    let entries: Vec<Entry> = entries.collect();
    let summary = match entries.len() {
        0 => "none".to_owned(),
        1 => "1 image".to_owned(),
        n => format!("{n} images"),
    };
    let rule = format!(
        "the distance to the 10th neighbour (as for near-duplicates) more than {DEVIATIONS} deviations above the class's \
         median and {DEVIATIONS_OF_ALL} above the set's"
    );
    Finding::new(Kind::Outliers, summary, rule, entries).with_threshold(DEVIATIONS)
}
