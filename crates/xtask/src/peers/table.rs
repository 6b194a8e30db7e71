//! From measurements to the table: a row's figures, its verdict, and the Markdown. Never runs anything.

use serde_json::{Value, json};

use super::record::{Figure, Measurement, Spread, ratios};
use super::rows::{Row, Target};

/// A row with its figures.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    work: &'static str,
    peer: &'static str,
    figure: Figure,
    ours: Option<Spread>,
    theirs: Option<Spread>,
    ratio: Option<Spread>,
    target: Option<Target>,
}

impl Line {
    pub(crate) fn new(row: &Row, measurements: &[Measurement]) -> Self {
        let figure = row.figure;
        let ours = row.ours.rounds(measurements, figure);
        let theirs = row.theirs.map(|(_, pick)| pick.rounds(measurements, figure)).unwrap_or_default();
        let values = |rounds: &[(u32, f64)]| Spread::of(rounds.iter().map(|(_, value)| *value).collect());
        Self {
            work: row.work,
            peer: row.theirs.map_or("", |(name, _)| name),
            figure,
            ratio: Spread::of(ratios(&ours, &theirs, figure)),
            ours: values(&ours),
            theirs: values(&theirs),
            target: row.target,
        }
    }

    /// Whether anything of it was measured.
    pub(crate) fn is_empty(&self) -> bool {
        self.ours.is_none() && self.theirs.is_none()
    }

    /// Reached and wanted, such that more is better; `None` without a target or a measurement.
    fn reached(&self) -> Option<(f64, f64)> {
        match self.target? {
            Target::Times(wanted) => Some((self.ratio?.median, wanted)),
            Target::AtLeast(wanted) => Some((self.ours?.median, wanted)),
            Target::AtMost(wanted) => Some((wanted, self.ours?.median)),
        }
    }

    /// `met`, or by how much it falls short of the target.
    pub(crate) fn verdict(&self) -> String {
        match (self.target, self.reached()) {
            (None, _) => String::new(),
            (Some(_), None) => "not measured".to_owned(),
            (Some(_), Some((reached, wanted))) if reached >= wanted => "met".to_owned(),
            (Some(Target::AtMost(_)), Some((wanted, reached))) => {
                format!("not met: {:.0} % too much", 100.0 * (reached / wanted - 1.0))
            }
            (Some(_), Some((reached, wanted))) => format!("not met: {:.0} % short", 100.0 * (1.0 - reached / wanted)),
        }
    }

    fn target_text(&self) -> String {
        match self.target {
            None => String::new(),
            Some(Target::Times(times)) => format!("≥ {times}×"),
            Some(Target::AtLeast(value)) => format!("≥ {}", show(self.figure, value)),
            Some(Target::AtMost(value)) => format!("≤ {}", show(self.figure, value)),
        }
    }

    fn cells(&self) -> [String; 7] {
        let value =
            |spread: Option<Spread>| spread.map_or_else(|| "–".to_owned(), |spread| show(self.figure, spread.median));
        let ratio = |Spread { median, min, max }: Spread| format!("{median:.2}× ({min:.2} to {max:.2})");
        [
            self.work.to_owned(),
            value(self.ours),
            self.peer.to_owned(),
            if self.peer.is_empty() { String::new() } else { value(self.theirs) },
            self.ratio.map(ratio).unwrap_or_default(),
            self.target_text(),
            self.verdict(),
        ]
    }

    /// As it stands in the result file.
    pub(crate) fn to_json(&self) -> Value {
        let spread = |spread: Option<Spread>| {
            spread.map(|Spread { median, min, max }| json!({ "median": median, "min": min, "max": max }))
        };
        json!({
            "work": self.work,
            "peer": self.peer,
            "figure": self.figure.key(),
            "ours": spread(self.ours),
            "theirs": spread(self.theirs),
            "ratio": spread(self.ratio),
            "target": self.target_text(),
            "verdict": self.verdict(),
        })
    }
}

/// A value with its unit, three significant digits.
fn show(figure: Figure, value: f64) -> String {
    match figure {
        Figure::Epoch => format!("{} s", brief(60_000.0 / value)),
        Figure::Rate | Figure::FolderRate => format!("{}/s", grouped(value)),
        Figure::Latency => format!("{} µs", brief(value)),
        Figure::Load | Figure::Process => format!("{} ms", brief(1e3 * value)),
        Figure::Memory => format!("{} MB", grouped(value / 1e6)),
        Figure::SeedSeconds => format!("{} s", brief(value)),
        Figure::SeedAccuracy => format!("{:.2} %", 100.0 * value),
    }
}

fn brief(value: f64) -> String {
    let digits = if value > 0.0 { value.log10().floor() } else { 0.0 };
    format!("{value:.*}", (2.0 - digits).clamp(0.0, 4.0) as usize)
}

fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| str::from_utf8(group).unwrap_or("")).collect();
    groups.join(",")
}

/// The table, a line per row that was measured at all.
pub(crate) fn markdown(lines: &[Line]) -> String {
    let header = ["work", "Inkstone", "peer", "theirs", "times better", "target", ""].map(str::to_owned);
    let rule = ["---", "--:", "---", "--:", "--:", "--:", "---"].map(str::to_owned);
    let rows = lines.iter().filter(|line| !line.is_empty()).map(Line::cells);
    let rows = [header, rule].into_iter().chain(rows);
    rows.map(|cells| format!("| {} |\n", cells.join(" | "))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::record::{OURSELVES, Pick, our_document, their_lines};
    use crate::peers::rows::rows;

    fn row(target: Option<Target>, figure: Figure) -> Row {
        let theirs = Some(("PyTorch", Pick::of("pytorch", "pytorch")));
        Row { work: "train", ours: Pick::of("pytorch", OURSELVES), theirs, figure, target }
    }

    fn measurements() -> Vec<Measurement> {
        let document = r#"{"images_per_second": 30000, "peak_memory_bytes": 200000000}"#;
        let line = r#"{"peer": "pytorch", "images_per_second": 5000, "peak_memory_bytes": 1000000000}"#;
        let mut all = their_lines("pytorch", 1, line).unwrap();
        all.push(our_document("pytorch", 1, document).unwrap());
        all
    }

    #[test]
    fn a_verdict_says_by_how_much() {
        for (target, figure, verdict) in [
            (Some(Target::Times(6.0)), Figure::Epoch, "met"),
            (Some(Target::Times(8.0)), Figure::Epoch, "not met: 25 % short"),
            (Some(Target::AtLeast(40_000.0)), Figure::Rate, "not met: 25 % short"),
            (Some(Target::AtMost(160e6)), Figure::Memory, "not met: 25 % too much"),
            (Some(Target::AtMost(250e6)), Figure::Memory, "met"),
            (Some(Target::AtMost(18.0)), Figure::Latency, "not measured"),
            (None, Figure::Epoch, ""),
        ] {
            let line = Line::new(&row(target, figure), &measurements());
            assert_eq!(line.verdict(), verdict, "{target:?}");
        }
    }

    #[test]
    fn the_table_shows_what_was_measured() {
        let lines: Vec<Line> = rows(2).iter().map(|row| Line::new(row, &[])).collect();
        assert_eq!(markdown(&lines).lines().count(), 2, "a header and its rule");
        let line = Line::new(&row(Some(Target::Times(8.0)), Figure::Epoch), &measurements());
        let table = markdown(&[line]);
        let expected = "| train | 2.00 s | PyTorch | 12.0 s | 6.00× (6.00 to 6.00) | ≥ 8× | not met: 25 % short |";
        assert_eq!(table.lines().last(), Some(expected));
    }

    #[test]
    fn values_carry_their_units() {
        assert_eq!(show(Figure::Rate, 2_543_210.4), "2,543,210/s");
        assert_eq!(show(Figure::Rate, 512.0), "512/s");
        assert_eq!(show(Figure::Load, 0.0754), "75.4 ms");
        assert_eq!(show(Figure::SeedAccuracy, 0.990_41), "99.04 %");
        assert_eq!(show(Figure::Latency, 17.96), "18.0 µs");
    }
}
