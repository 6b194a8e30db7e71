//! Measurements: reading a side's lines, picking figures by round, and ratios of one round's figures.

use serde_json::{Map, Value, json};

/// Who we are among the measured.
pub(crate) const OURSELVES: &str = "inkstone";

/// One line of one side in one round.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measurement {
    pub(crate) duel: &'static str,
    pub(crate) round: u32,
    pub(crate) who: String,
    pub(crate) figures: Map<String, Value>,
}

impl Measurement {
    /// As it stands in the result file.
    pub(crate) fn to_json(&self) -> Value {
        let mut line = self.figures.clone();
        line.insert("duel".into(), json!(self.duel));
        line.insert("round".into(), json!(self.round));
        line.insert("who".into(), json!(self.who));
        Value::Object(line)
    }

    /// A figure by its key or, where it stands deeper, by `a/b`.
    pub(crate) fn number(&self, key: &str) -> Option<f64> {
        let (first, rest) = key.split_once('/').unwrap_or((key, ""));
        let value = self.figures.get(first)?;
        if rest.is_empty() { value.as_f64() } else { value.pointer(&format!("/{rest}"))?.as_f64() }
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.figures.get(key)?.as_str()
    }
}

/// Our one document.
pub(crate) fn our_document(duel: &'static str, round: u32, stdout: &str) -> Result<Measurement, String> {
    match serde_json::from_str(stdout) {
        Ok(Value::Object(figures)) => Ok(Measurement { duel, round, who: OURSELVES.to_owned(), figures }),
        Ok(_) => Err("printed JSON that is no object".to_owned()),
        Err(error) => Err(format!("printed no JSON document ({error})")),
    }
}

/// A peer's lines; what is no JSON object with a `peer` (a library's chatter) is passed over.
pub(crate) fn their_lines(duel: &'static str, round: u32, stdout: &str) -> Result<Vec<Measurement>, String> {
    let lines = stdout.lines().filter_map(|line| match serde_json::from_str(line) {
        Ok(Value::Object(figures)) => {
            let who = figures.get("peer")?.as_str()?.to_owned();
            Some(Measurement { duel, round, who, figures })
        }
        _ => None,
    });
    let lines: Vec<Measurement> = lines.collect();
    if lines.is_empty() { Err("printed no measurement".to_owned()) } else { Ok(lines) }
}

/// Which measurements a row is about. What is `None` is not asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pick {
    pub(crate) duel: &'static str,
    pub(crate) who: &'static str,
    pub(crate) batch_size: Option<u32>,
    pub(crate) threads: Option<usize>,
    pub(crate) engine: Option<&'static str>,
}

impl Pick {
    pub(crate) const fn of(duel: &'static str, who: &'static str) -> Self {
        Self { duel, who, batch_size: None, threads: None, engine: None }
    }

    pub(crate) const fn batch(mut self, size: u32) -> Self {
        self.batch_size = Some(size);
        self
    }

    pub(crate) const fn threads(mut self, n: usize) -> Self {
        self.threads = Some(n);
        self
    }

    pub(crate) const fn engine(mut self, name: &'static str) -> Self {
        self.engine = Some(name);
        self
    }

    fn takes(&self, line: &Measurement) -> bool {
        let equals = |key: &str, wanted: Option<usize>| {
            wanted.is_none_or(|wanted| line.number(key).is_some_and(|found| found == wanted as f64))
        };
        line.duel == self.duel
            && line.who == self.who
            && equals("batch_size", self.batch_size.map(|size| size as usize))
            && equals("threads", self.threads)
            && self.engine.is_none_or(|engine| line.text("engine") == Some(engine))
    }

    /// The figure of each round in which there is one, the best where a round has several.
    pub(crate) fn rounds(&self, lines: &[Measurement], figure: Figure) -> Vec<(u32, f64)> {
        let mut rounds: Vec<(u32, f64)> = Vec::new();
        for line in lines.iter().filter(|line| self.takes(line)) {
            let Some(value) = line.number(figure.key()) else { continue };
            match rounds.iter_mut().find(|(round, _)| *round == line.round) {
                Some((_, best)) => *best = figure.better(*best, value),
                None => rounds.push((line.round, value)),
            }
        }
        rounds
    }
}

/// What is compared, and which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Figure {
    /// `images_per_second`, shown as the seconds of an epoch of 60,000 images.
    Epoch,
    /// `images_per_second`.
    Rate,
    /// `images_per_second` of the folder that `bench load` reads.
    FolderRate,
    /// `latency_median_us`.
    Latency,
    /// `load_median_seconds`.
    Load,
    /// `peak_memory_bytes`.
    Memory,
    /// `seconds/mean` of several seeds.
    SeedSeconds,
    /// `accuracy/mean` of several seeds.
    SeedAccuracy,
    /// `process_seconds`.
    Process,
}

impl Figure {
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Epoch | Self::Rate => "images_per_second",
            Self::FolderRate => "folder/images_per_second",
            Self::Latency => "latency_median_us",
            Self::Load => "load_median_seconds",
            Self::Memory => "peak_memory_bytes",
            Self::SeedSeconds => "seconds/mean",
            Self::SeedAccuracy => "accuracy/mean",
            Self::Process => "process_seconds",
        }
    }

    fn more_is_better(self) -> bool {
        matches!(self, Self::Epoch | Self::Rate | Self::FolderRate | Self::SeedAccuracy)
    }

    fn better(self, a: f64, b: f64) -> f64 {
        if self.more_is_better() { a.max(b) } else { a.min(b) }
    }

    /// How many times better `ours` is than `theirs`.
    pub(crate) fn ratio(self, ours: f64, theirs: f64) -> f64 {
        if self.more_is_better() { ours / theirs } else { theirs / ours }
    }
}

/// Median, smallest and largest of some values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// `None` of nothing. The median of an even number is the mean of the middle two.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let half = values.len() / 2;
        let median =
            if values.len().is_multiple_of(2) { f64::midpoint(values[half - 1], values[half]) } else { values[half] };
        Some(Self { median, min, max })
    }
}

/// The ratios of the rounds in which both sides were measured: what drifts hits both.
pub(crate) fn ratios(ours: &[(u32, f64)], theirs: &[(u32, f64)], figure: Figure) -> Vec<f64> {
    let of_round = |round: u32| theirs.iter().find(|(other, _)| *other == round).map(|(_, value)| *value);
    ours.iter().filter_map(|&(round, value)| of_round(round).map(|other| figure.ratio(value, other))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> Vec<Measurement> {
        let peer = |round: u32, size: u32, rate: f64| {
            let line = format!("{{\"peer\":\"pytorch\",\"batch_size\":{size},\"images_per_second\":{rate}}}");
            their_lines("pytorch", round, &format!("chatter\n{line}\n[1]\n")).unwrap().remove(0)
        };
        let mut lines = vec![peer(1, 32, 100.0), peer(1, 128, 200.0), peer(2, 32, 50.0), peer(2, 128, 40.0)];
        for (round, rate) in [(1, 1000.0), (2, 600.0), (3, 900.0)] {
            let document = format!(
                "{{\"batch_size\": 32, \"images_per_second\": {rate}, \"folder\": {{\"images_per_second\": 7}}}}"
            );
            lines.push(our_document("pytorch", round, &document).unwrap());
        }
        lines
    }

    #[test]
    fn the_best_of_a_round_is_picked() {
        let lines = lines();
        assert_eq!(Pick::of("pytorch", "pytorch").rounds(&lines, Figure::Epoch), [(1, 200.0), (2, 50.0)]);
        assert_eq!(Pick::of("pytorch", "pytorch").batch(128).rounds(&lines, Figure::Epoch), [(1, 200.0), (2, 40.0)]);
        assert_eq!(Pick::of("pytorch", "pytorch").engine("x").rounds(&lines, Figure::Epoch), []);
        assert_eq!(Pick::of("pytorch", OURSELVES).rounds(&lines, Figure::FolderRate)[0], (1, 7.0));
        assert_eq!(Pick::of("burn", OURSELVES).rounds(&lines, Figure::Epoch), []);
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let lines = lines();
        let ours = Pick::of("pytorch", OURSELVES).rounds(&lines, Figure::Epoch);
        let theirs = Pick::of("pytorch", "pytorch").rounds(&lines, Figure::Epoch);
        assert_eq!(ratios(&ours, &theirs, Figure::Epoch), [5.0, 12.0]);
        assert_eq!(ratios(&[(1, 10.0)], &[(1, 45.0)], Figure::Latency), [4.5]);
    }

    #[test]
    fn a_spread_has_its_median_in_the_middle() {
        assert_eq!(Spread::of(vec![]), None);
        assert_eq!(Spread::of(vec![3.0, 1.0, 2.0]), Some(Spread { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(Spread::of(vec![4.0, 1.0]).map(|spread| spread.median), Some(2.5));
    }

    #[test]
    fn a_side_that_says_nothing_is_told() {
        assert_eq!(their_lines("burn", 1, "no line\n").unwrap_err(), "printed no measurement");
        assert!(our_document("burn", 1, "").unwrap_err().starts_with("printed no JSON document"));
        assert_eq!(our_document("burn", 1, "[]").unwrap_err(), "printed JSON that is no object");
    }
}
