//! What was measured, as one JSON document and as lines for people. Each figure is entered once for both.

use std::time::Duration;

use inkstone::Result;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::machine::{self, Machine};
use super::{EPOCH, measure};
use crate::context::Context;

/// Figures in the order in which they are shown.
#[derive(Debug)]
pub(super) struct Figures {
    keys: Vec<(&'static str, Value)>,
    lines: Vec<(&'static str, String)>,
}

impl Figures {
    /// An empty document about one kind of work.
    pub(super) fn new(work: &'static str) -> Self {
        Self { keys: vec![("version", json!(1)), ("work", json!(work))], lines: vec![("measured", work.to_owned())] }
    }

    /// A figure with its JSON value and its text.
    pub(super) fn add(&mut self, key: &'static str, value: impl Serialize, label: &'static str, text: impl ToString) {
        self.keys.push((key, json!(value)));
        self.lines.push((label, text.to_string()));
    }

    /// A figure that goes without saying on a terminal.
    pub(super) fn add_silently(&mut self, key: &'static str, value: impl Serialize) {
        self.keys.push((key, json!(value)));
    }

    /// A line that belongs to the figure before it.
    pub(super) fn say(&mut self, label: &'static str, text: String) {
        self.lines.push((label, text));
    }

    /// How many images in how much time, and what follows from it.
    pub(super) fn add_speed(&mut self, n_images: u64, elapsed: Duration) {
        let seconds = elapsed.as_secs_f64();
        let rate = n_images as f64 / seconds;
        self.add("images_per_second", rounded(rate), "images/s", grouped(rate));
        self.add("seconds_per_epoch", rounded(EPOCH / rate), "60,000 images", format!("{} s", brief(EPOCH / rate)));
        self.add("us_per_image", rounded(1e6 / rate), "one image", format!("{} µs", brief(1e6 / rate)));
        self.add_silently("images", n_images);
        self.add_silently("seconds", rounded(seconds));
    }

    /// Operations per second for `macs` multiply-accumulates per image, and their share of what the machine can do.
    pub(super) fn add_operations(&mut self, macs: u64, rate: f64, context: &Context) -> Result<()> {
        let n_threads = context.pool()?.n_threads();
        let (gflops, ceiling) = (2.0 * macs as f64 * rate / 1e9, measure::ceiling(context.isa, n_threads) / 1e9);
        self.add("gflops", rounded(gflops), "GFLOP/s", brief(gflops));
        self.add("ceiling_gflops", rounded(ceiling), "ceiling (f32)", format!("{} GFLOP/s", brief(ceiling)));
        let share = gflops / ceiling;
        self.add("share_of_ceiling", rounded(share), "share", format!("{} %", brief(100.0 * share)));
        Ok(())
    }

    /// What every document ends with: on what machine, with how much memory.
    pub(super) fn add_circumstances(&mut self, context: &Context) -> Result<()> {
        self.add("isa", context.isa.name(), "instructions", context.isa);
        let n_threads = context.pool()?.n_threads();
        self.add("threads", n_threads, "threads", n_threads);
        let machine = Machine::look();
        self.add("machine", &machine, "machine", machine.to_string());
        match machine::peak_memory() {
            Some(bytes) => {
                self.add("peak_memory_bytes", bytes, "peak memory", format!("{} MB", grouped(bytes as f64 / 1e6)));
            }
            None => self.add_silently("peak_memory_bytes", Value::Null),
        }
        Ok(())
    }

    /// A line per figure: at most 80 columns.
    pub(super) fn to_text(&self) -> String {
        self.lines.iter().map(|(label, text)| format!("{label:<15}{}\n", shortened(text, 65))).collect()
    }
}

impl Serialize for Figures {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.keys.iter().map(|(key, value)| (key, value)))
    }
}

/// Five significant digits: more would be noise.
pub(super) fn rounded(value: f64) -> f64 {
    format!("{value:.4e}").parse().unwrap_or(value)
}

/// Three significant digits.
pub(super) fn brief(value: f64) -> String {
    let digits = if value == 0.0 { 0.0 } else { value.abs().log10().floor() };
    format!("{value:.*}", (2.0 - digits).clamp(0.0, 6.0) as usize)
}

/// 17823.4 → 17,823
pub(super) fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.max(0.0));
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_long_as_they_are_sure() {
        for (value, expected) in
            [(0.004_567, "0.00457"), (3.368, "3.37"), (42.0, "42.0"), (163.2, "163"), (0.0, "0.00")]
        {
            assert_eq!(brief(value), expected);
        }
        assert_eq!((rounded(17_823.456), rounded(0.001_234_567)), (17_823.0, 0.001_234_6));
        assert_eq!(
            (grouped(999.6), grouped(2_500_000.0), grouped(-1.0)),
            ("1,000".into(), "2,500,000".into(), "0".into())
        );
    }

    #[test]
    fn a_figure_stands_in_the_document_and_in_the_text() {
        let mut figures = Figures::new("train");
        figures.add_speed(30_000, Duration::from_secs(2));
        let document = serde_json::to_value(&figures).unwrap();
        assert_eq!(document["work"], "train");
        assert_eq!(document["images_per_second"], 15_000.0);
        assert_eq!(document["seconds_per_epoch"], 4.0);
        let text = figures.to_text();
        assert!(text.contains("images/s       15,000\n60,000 images  4.00 s\none image      66.7 µs\n"), "{text}");
    }

    #[test]
    fn no_line_is_longer_than_a_terminal_is_wide() {
        let mut figures = Figures::new("train");
        figures.add("source", "x", "source", "é".repeat(200));
        assert!(figures.to_text().lines().all(|line| line.chars().count() <= 80));
    }
}
