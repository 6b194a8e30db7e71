//! What a person wants to see of a dataset: a summary as a value, and single images as text.
//! Only makes strings; who called prints them.

use std::fmt::Write;

use serde::Serialize;

use super::dataset::{Dataset, Image, Part, Size};
use super::fingerprint::fingerprint;
use crate::parallel::Pool;

/// The widest picture of [`picture`], in pixels of two characters each: 80 columns.
const MAX_PICTURE_WIDTH: usize = 40;

/// From no ink to full ink.
const SHADES: [char; 5] = [' ', '░', '▒', '▓', '█'];

/// A dataset in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The version of this format: 1.
    pub version: u32,
    /// The dataset's name.
    pub source: String,
    /// All images.
    pub n_images: usize,
    /// How many in each part of the source's own.
    pub parts: PartCounts,
    /// The classes in order.
    pub classes: Vec<ClassSummary>,
    /// Height, width, channels of the smallest image (by area).
    pub smallest: [usize; 3],
    /// The same of the largest.
    pub largest: [usize; 3],
    /// How many are grey.
    pub n_grey: usize,
    /// How many are RGB.
    pub n_rgb: usize,
    /// The mean of all bytes, 0 to 255.
    pub mean: f64,
    /// Their standard deviation.
    pub deviation: f64,
    /// How many samples are in a group (have a known writer).
    pub n_grouped: usize,
    /// SHA-256 of classes, images, labels and parts.
    pub fingerprint: String,
}

/// One class in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ClassSummary {
    /// Its name.
    pub name: String,
    /// All its images.
    pub n_images: usize,
    /// By part.
    pub parts: PartCounts,
}

/// How many images the source itself puts in each part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct PartCounts {
    /// In train.
    pub train: usize,
    /// In validation.
    pub validation: usize,
    /// In test.
    pub test: usize,
    /// In none.
    pub unassigned: usize,
}

impl From<[usize; 4]> for PartCounts {
    fn from([train, validation, test, unassigned]: [usize; 4]) -> Self {
        Self { train, validation, test, unassigned }
    }
}

/// Counts, sizes, grey values and fingerprint of a dataset.
pub fn summarise(dataset: &Dataset, pool: &Pool) -> Summary {
    let counts = dataset.counts();
    let sum = |i: usize| counts.iter().map(|class| class[i]).sum();
    let sizes = || (0..dataset.images.len()).map(|i| dataset.images.get(i).size);
    let area = |size: &Size| size.height * size.width;
    let array = |size: Size| [size.height, size.width, size.channels];
    let n_grey = sizes().filter(|size| size.channels == 1).count();
    let (mean, deviation) = moments(dataset.images.pixels());
    Summary {
        version: 1,
        source: dataset.name.clone(),
        n_images: dataset.images.len(),
        parts: [sum(0), sum(1), sum(2), sum(3)].into(),
        classes: (dataset.classes.iter().zip(&counts))
            .map(|(name, &parts)| ClassSummary {
                name: name.clone(),
                n_images: parts.iter().sum(),
                parts: parts.into(),
            })
            .collect(),
        smallest: sizes().min_by_key(area).map_or([0; 3], array),
        largest: sizes().max_by_key(area).map_or([0; 3], array),
        n_grey,
        n_rgb: dataset.images.len() - n_grey,
        mean,
        deviation,
        n_grouped: dataset.samples.iter().filter(|sample| sample.group.is_some()).count(),
        fingerprint: fingerprint(dataset, pool).hex,
    }
}

/// Mean and standard deviation of bytes: sums of integers, so the same in any order.
fn moments(bytes: &[u8]) -> (f64, f64) {
    let mut histogram = [0_u64; 256];
    for &byte in bytes {
        histogram[usize::from(byte)] += 1;
    }
    let n = bytes.len().max(1) as f64;
    let weighted =
        |f: fn(f64) -> f64| (histogram.iter().enumerate()).map(|(v, &count)| f(v as f64) * count as f64).sum::<f64>();
    let mean = weighted(|v| v) / n;
    (mean, (weighted(|v| v * v) / n - mean * mean).max(0.0).sqrt())
}

/// The summary as text: a line per fact, then a table of the classes.
pub fn summary_text(summary: &Summary) -> String {
    let shape = |[height, width, channels]: [usize; 3]| format!("{height}×{width}×{channels}");
    let sizes = if summary.smallest == summary.largest {
        shape(summary.largest)
    } else {
        format!("{} to {}", shape(summary.smallest), shape(summary.largest))
    };
    let colour = match (summary.n_grey, summary.n_rgb) {
        (_, 0) => "grey".to_owned(),
        (0, _) => "RGB".to_owned(),
        (grey, rgb) => format!("{grey} grey, {rgb} RGB"),
    };
    let mut text = format!("{}: {} images, {} classes\n", summary.source, summary.n_images, summary.classes.len());
    let mut line = |name: &str, value: String| text.extend(["  ", &format!("{name:<12} "), &value, "\n"]);
    line("size", format!("{sizes}, {colour}"));
    line("grey values", format!("mean {:.2}, standard deviation {:.2} (of 0 to 255)", summary.mean, summary.deviation));
    if summary.n_grouped > 0 {
        line("groups", format!("known for {} images", summary.n_grouped));
    }
    line("fingerprint", summary.fingerprint.clone());
    text.push('\n');
    text.push_str(&class_table(summary));
    text
}

/// Class, counts of the parts that the source has, and their sum.
fn class_table(summary: &Summary) -> String {
    let numbers = |parts: &PartCounts, sum| [parts.train, parts.validation, parts.test, parts.unassigned, sum];
    let all = numbers(&summary.parts, summary.n_images);
    let width = summary.classes.iter().map(|class| class.name.chars().count()).max().unwrap_or(0).max(5);
    let row = |name: &str, cells: [String; 5]| {
        let shown = cells.iter().zip(all).filter(|(_, all)| *all > 0);
        let cells: Vec<String> = shown.map(|(cell, _)| format!(" {cell:>10}")).collect();
        format!("  {name:<width$}{}\n", cells.concat())
    };
    let title = [Part::Train.name(), Part::Validation.name(), Part::Test.name(), "in no part", "images"];
    let mut text = row("class", title.map(str::to_owned));
    for class in &summary.classes {
        text += &row(&class.name, numbers(&class.parts, class.n_images).map(|n| n.to_string()));
    }
    text + &row("all", all.map(|n| n.to_string()))
}

/// An image as shades, two characters a pixel, so that it is as wide as it should be. The brighter, the denser: right
/// on a dark terminal. Images wider than 40 pixels are averaged down.
pub fn picture(image: Image<'_>) -> String {
    let size = image.size;
    let step = size.width.div_ceil(MAX_PICTURE_WIDTH).max(1);
    let mut text = String::new();
    for top in (0..size.height).step_by(step) {
        let row: String = (0..size.width)
            .step_by(step)
            .map(|left| shade(mean_of_box(image, (top, left), step)))
            .flat_map(|shade| [shade, shade])
            .collect();
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

fn mean_of_box(image: Image<'_>, (top, left): (usize, usize), step: usize) -> usize {
    let Size { height, width, channels } = image.size;
    let (mut sum, mut n) = (0, 0);
    for row in top..(top + step).min(height) {
        let pixels =
            &image.pixels[(row * width + left) * channels..(row * width + (left + step).min(width)) * channels];
        sum += pixels.iter().map(|&value| usize::from(value)).sum::<usize>();
        n += pixels.len();
    }
    sum / n.max(1)
}

fn shade(value: usize) -> char {
    // 0 alone is empty: a faint stroke is seen.
    SHADES[value.min(255).div_ceil(64).min(4)]
}

/// An image as its numbers, 0 to 255: a line per row, each column as wide as its largest number, a block per channel.
///
/// ```
/// use inkstone::data::dataset::{Image, Size};
/// let size = Size { height: 2, width: 3, channels: 1 };
/// let text = inkstone::data::inspect::numbers(Image { size, pixels: &[0, 255, 7, 0, 3, 10] });
/// assert_eq!(text, "0 255  7\n0   3 10\n");
/// ```
pub fn numbers(image: Image<'_>) -> String {
    let Size { height, width, channels } = image.size;
    let value = |row: usize, column: usize, channel: usize| image.pixels[(row * width + column) * channels + channel];
    let mut text = String::new();
    for channel in 0..channels {
        if channels == 3 {
            text.push_str(["red\n", "green\n", "blue\n"][channel]);
        }
        let digits = |column| (0..height).map(|row| value(row, column, channel).to_string().len()).max().unwrap_or(1);
        let widths: Vec<usize> = (0..width).map(digits).collect();
        for row in 0..height {
            for (column, &digits) in widths.iter().enumerate() {
                let space = if column == 0 { "" } else { " " };
                write!(text, "{space}{:>digits$}", value(row, column, channel)).expect("a string takes all");
            }
            text.push('\n');
        }
    }
    text
}

/// The line above a sample: its place, name, label and part.
pub fn sample_title(dataset: &Dataset, i: usize) -> String {
    let sample = &dataset.samples[i];
    let part = sample.part.map_or(String::new(), |part| format!(", part {}", part.name()));
    let group = sample.group.map_or(String::new(), |group| format!(", group {group}"));
    let class = &dataset.classes[sample.label as usize];
    let size = dataset.images.get(i).size;
    format!("{} sample {i} ({}): label {} (class {class}), {size}{part}{group}", dataset.name, sample.id, sample.label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::dataset::Rows;

    fn dataset() -> Dataset {
        let size = Size { height: 1, width: 2, channels: 1 };
        let rows = |part, pixels: Vec<u8>, labels| Rows { part: Some(part), size, pixels, labels, groups: None };
        let parts = vec![rows(Part::Train, vec![0, 0, 255, 255], vec![0, 1]), rows(Part::Test, vec![0, 255], vec![1])];
        Dataset::from_rows("tiny", vec!["a".into(), "longer".into()], parts).unwrap()
    }

    #[test]
    fn a_summary_counts_and_prints_as_a_table() {
        let summary = summarise(&dataset(), &Pool::new(1).unwrap());
        assert_eq!((summary.n_images, summary.mean, summary.deviation), (3, 127.5, 127.5));
        let text = summary_text(&summary).replace(&summary.fingerprint, "F");
        assert_eq!(
            text,
            "tiny: 3 images, 2 classes\n  size         1×2×1, grey\n  \
             grey values  mean 127.50, standard deviation 127.50 (of 0 to 255)\n  fingerprint  F\n\n  \
             class       train       test     images\n  a               1          0          1\n  \
             longer          1          1          2\n  all             2          1          3\n"
        );
        let json = serde_json::to_value(&summary).unwrap();
        assert_eq!(json["classes"][1]["parts"]["test"], 1);
    }

    #[test]
    fn a_picture_shows_brightness_and_shrinks_what_is_wide() {
        let size = Size { height: 2, width: 3, channels: 1 };
        assert_eq!(picture(Image { size, pixels: &[0, 1, 100, 150, 255, 0] }), "  ░░▒▒\n▓▓██\n");
        let size = Size { height: 100, width: 100, channels: 3 };
        let wide = picture(Image { size, pixels: &vec![255; 30_000] });
        assert!(wide.lines().count() == 34 && wide.lines().all(|line| line.chars().count() == 68));
    }

    #[test]
    fn colours_are_three_blocks_of_numbers() {
        let size = Size { height: 1, width: 2, channels: 3 };
        assert_eq!(numbers(Image { size, pixels: &[1, 20, 3, 4, 5, 6] }), "red\n1 4\ngreen\n20 5\nblue\n3 6\n");
        assert_eq!(sample_title(&dataset(), 2), "tiny sample 2 (test/0): label 1 (class longer), 1×2×1, part test");
    }
}
