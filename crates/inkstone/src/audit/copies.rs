//! Duplicates as findings: which classes and parts they join.

use super::finding::{Entry, Finding, Kind, Other};
use crate::data::duplicates::Near;
use crate::data::{Dataset, Part};

/// Groups of equal images.
pub(super) fn exact(dataset: &Dataset, groups: &[Vec<u32>]) -> Finding {
    let entries: Vec<Entry> = groups
        .iter()
        .map(|group| {
            let mut entry = Entry::new(dataset, group[0], group.len() as f64, relation(dataset, group));
            entry.with = group[1..].iter().map(|&i| Other::new(dataset, i)).collect();
            entry
        })
        .collect();
    let n_images: usize = groups.iter().map(Vec::len).sum();
    let summary = match groups.len() {
        0 => "none".to_owned(),
        1 => format!("{n_images} images in 1 group{}", crossings(dataset, groups)),
        n => format!("{n_images} images in {n} groups{}", crossings(dataset, groups)),
    };
    Finding::new(Kind::ExactDuplicates, summary, "the same size and the same bytes (SHA-256)", entries)
}

/// Pairs of images that are nearly the same.
pub(super) fn near(dataset: &Dataset, near: &Near) -> Finding {
    let groups: Vec<Vec<u32>> = near.pairs.iter().map(|pair| vec![pair.a, pair.b]).collect();
    let entries = near.pairs.iter().map(|pair| {
        let moved = match pair.shift {
            [0, 0] => String::new(),
            [rows, columns] => format!(", moved by {rows} rows and {columns} columns"),
        };
        let relation = relation(dataset, &[pair.a, pair.b]);
        let note = format!("distance {:.3} below {:.3}{moved}; {relation}", pair.distance, pair.threshold);
        let mut entry = Entry::new(dataset, pair.a, f64::from(pair.distance), note);
        entry.with = vec![Other::new(dataset, pair.b)];
        entry
    });
    let summary = match groups.len() {
        0 => "none".to_owned(),
        1 => format!("1 pair{}", crossings(dataset, &groups)),
        n => format!("{n} pairs{}", crossings(dataset, &groups)),
    };
    let (least, most) = near.ratios.iter().fold((f32::MAX, 0.0_f32), |(least, most), &r| (least.min(r), most.max(r)));
    let rule = format!(
        "distance (difference in units of contrast, at the best shift) below {:.3}, what small changes of these images \
         amount to, and below {least:.2} to {most:.2} (by class) of the distance to the 10th neighbour, which chance would \
         give to less than one pair of this set",
        near.small_change
    );
    Finding::new(Kind::NearDuplicates, summary, rule, entries.collect()).with_threshold(near.small_change.into())
}

/// How many groups join parts and classes.
fn crossings(dataset: &Dataset, groups: &[Vec<u32>]) -> String {
    let part = |i: u32| dataset.samples[i as usize].part;
    let label = |i: u32| dataset.samples[i as usize].label;
    let n_parts = groups.iter().filter(|group| group.iter().any(|&i| part(i) != part(group[0]))).count();
    let n_classes = groups.iter().filter(|group| group.iter().any(|&i| label(i) != label(group[0]))).count();
    let mut text = String::new();
    if n_parts > 0 {
        text += &format!(", {n_parts} across parts");
    }
    if n_classes > 0 {
        text += &format!(", {n_classes} with two labels");
    }
    text
}

fn relation(dataset: &Dataset, group: &[u32]) -> String {
    let mut classes: Vec<&str> = Vec::new();
    let mut parts: Vec<&str> = Vec::new();
    for &i in group {
        let sample = &dataset.samples[i as usize];
        classes.push(&dataset.classes[sample.label as usize]);
        parts.push(sample.part.map_or("no part", Part::name));
    }
    for list in [&mut classes, &mut parts] {
        list.sort_unstable();
        list.dedup();
    }
    let mut text = format!("{} copies", group.len());
    if parts.len() > 1 {
        text += &format!(", across {}", parts.join(" and "));
    }
    if classes.len() > 1 {
        text += &format!(", labels {}", classes.join(" and "));
    }
    text
}
