//! `corrections.csv`: which samples are left out or relabelled, as a table that people edit. The source stays untouched.
//!
//! ```csv
//! sample,found,proposed,action
//! train/17,4,9,relabel
//! seven/scan_12.png,7,,exclude
//! test/947,8,9,keep
//! ```
//!
//! `sample` is the sample's id as `inkstone inspect` prints it, `found` the class that it has, `proposed` the class that
//! it should have (empty where none is known), `action` what is done: `keep`, `relabel` or `exclude`. Further columns are
//! allowed and passed over. A line that does not fit the data is an error: it was made for other images.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use super::dataset::Dataset;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::nearest::suggestion;

/// The columns, in the order in which they are written.
pub const COLUMNS: [&str; 4] = ["sample", "found", "proposed", "action"];

/// The largest file that is read: a line for each of a million images.
const MAX_BYTES: u64 = 256 << 20;

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    /// The id of the sample.
    pub sample: String,
    /// The name of the class that it has in the source.
    pub found: String,
    /// The name of the class that it should have, where one is known.
    pub proposed: Option<String>,
    /// What is done.
    pub action: Action,
}

/// What a correction does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing: somebody looked at it, or has not decided.
    Keep,
    /// The sample gets the proposed class.
    Relabel,
    /// The sample is left out.
    Exclude,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Keep, Self::Relabel, Self::Exclude];

    /// The word in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Relabel => "relabel",
            Self::Exclude => "exclude",
        }
    }
}

/// The whole table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Corrections(pub Vec<Correction>);

/// What applying a table did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Applied {
    /// Samples left out.
    pub n_excluded: usize,
    /// Samples with another class than before.
    pub n_relabelled: usize,
    /// Lines that change nothing.
    pub n_kept: usize,
}

impl fmt::Display for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { n_excluded, n_relabelled, n_kept } = self;
        write!(f, "corrections: {n_excluded} images left out, {n_relabelled} relabelled, {n_kept} kept as they are")
    }
}

impl Corrections {
    /// Reads a table.
    ///
    /// # Errors
    /// `Io` where it cannot be read; as [`Corrections::parse`], with the file.
    pub fn read(path: &Path) -> Result<Self> {
        let failed = |error: &std::io::Error| Error::io(path, "read the corrections", error);
        let size = std::fs::metadata(path).map_err(|error| failed(&error))?.len();
        if size > MAX_BYTES {
            let expected = format!("corrections of at most {} MB", MAX_BYTES >> 20);
            return Err(Error::mismatch(ErrorKind::Data, expected, format!("{size} bytes")).with_file(path));
        }
        let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
        Self::parse(&text).map_err(|error| error.with_file(path))
    }

    /// Reads the text of a table: CSV with a header that has [`COLUMNS`], in any order, among others.
    ///
    /// # Errors
    /// `Data` for a missing column, a line of another length, an unknown action, or a `relabel` without a class.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text); // spreadsheets put a byte order mark in front
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
        let header = reader.headers().map_err(|error| not_csv(&error))?.clone();
        let places: Vec<Option<usize>> =
            COLUMNS.iter().map(|name| header.iter().position(|column| column.eq_ignore_ascii_case(name))).collect();
        let [Some(sample), Some(found), Some(proposed), Some(action)] = places[..] else {
            let found = header.iter().collect::<Vec<_>>().join(",");
            return Err(Error::mismatch(ErrorKind::Data, format!("the columns {}", COLUMNS.join(",")), found)
                .with_place("line 1"));
        };
        let mut lines = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| not_csv(&error))?;
            let line = record.position().map_or(0, csv::Position::line);
            let text = |column: usize| record.get(column).unwrap_or_default().to_owned();
            let correction = Correction {
                sample: text(sample),
                found: text(found),
                proposed: Some(text(proposed)).filter(|class| !class.is_empty()),
                action: parse_action(&text(action)).map_err(|error| error.with_place(format!("line {line}")))?,
            };
            if correction.action == Action::Relabel && correction.proposed.is_none() {
                return Err(Error::mismatch(ErrorKind::Data, "a proposed class to relabel to", "none")
                    .with_place(format!("line {line}")));
            }
            lines.push(correction);
        }
        Ok(Self(lines))
    }

    /// The text of the table.
    pub fn to_csv(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let rows = self.0.iter().map(|line| {
            [line.sample.as_str(), &line.found, line.proposed.as_deref().unwrap_or_default(), line.action.name()]
        });
        for row in std::iter::once(COLUMNS).chain(rows) {
            writer.write_record(row).expect("memory takes all, and all rows have four columns");
        }
        let bytes = writer.into_inner().expect("memory takes all");
        String::from_utf8(bytes).expect("made of texts")
    }

    /// The dataset without what is excluded and with new labels where one is relabelled. The classes stay, also where
    /// one has no sample left.
    ///
    /// # Errors
    /// `Data`, naming the sample: an id that is not there or stands twice, a class that is not `found`, a proposed class
    /// that the dataset does not have; and where nothing would be left.
    pub fn apply(&self, mut dataset: Dataset) -> Result<(Dataset, Applied)> {
        let mut applied = Applied::default();
        let mut excluded = vec![false; dataset.samples.len()];
        for (line, i) in self.0.iter().zip(self.places(&dataset)?) {
            let label = dataset.samples[i].label as usize;
            if dataset.classes[label] != line.found {
                let expected = format!("the class `{}` that it was found with", line.found);
                return Err(Error::mismatch(ErrorKind::Data, expected, format!("`{}`", dataset.classes[label]))
                    .with_place(&line.sample)
                    .with_help("the corrections were made for other data"));
            }
            match (line.action, &line.proposed) {
                (Action::Exclude, _) => {
                    excluded[i] = true;
                    applied.n_excluded += 1;
                }
                (Action::Relabel, Some(class)) => {
                    dataset.samples[i].label = label_of(&dataset.classes, class, &line.sample)?;
                    applied.n_relabelled += 1;
                }
                _ => applied.n_kept += 1,
            }
        }
        if applied.n_excluded == excluded.len() {
            return Err(Error::mismatch(ErrorKind::Data, "an image that is left", "all of them excluded"));
        }
        if applied.n_excluded > 0 {
            let left: Vec<u32> = (0..excluded.len() as u32).filter(|&i| !excluded[i as usize]).collect();
            dataset = dataset.subset(&left);
        }
        Ok((dataset, applied))
    }

    /// The position of each line's sample.
    fn places(&self, dataset: &Dataset) -> Result<Vec<usize>> {
        let mut places: BTreeMap<&str, Option<usize>> = BTreeMap::new();
        for line in &self.0 {
            if places.insert(&line.sample, None).is_some() {
                let error = Error::mismatch(ErrorKind::Data, "one line for each sample", "two");
                return Err(error.with_place(&line.sample));
            }
        }
        for (i, sample) in dataset.samples.iter().enumerate() {
            if let Some(place) = places.get_mut(sample.id.to_string().as_str()) {
                *place = Some(i);
            }
        }
        let place = |line: &Correction| {
            places[line.sample.as_str()].ok_or_else(|| {
                let expected = format!("the id of a sample of {}", dataset.name);
                Error::mismatch(ErrorKind::Data, expected, format!("`{}`", line.sample))
                    .with_help("an id is a path in the source's folder, or part and row such as train/17")
            })
        };
        self.0.iter().map(place).collect()
    }
}

fn label_of(classes: &[String], class: &str, sample: &str) -> Result<u32> {
    classes.iter().position(|known| known == class).map(|label| label as u32).ok_or_else(|| {
        let names: Vec<&str> = classes.iter().map(String::as_str).collect();
        Error::new(ErrorKind::Data, format!("unknown class `{class}`"))
            .with_place(sample)
            .with_help(suggestion(class, &names))
    })
}

fn parse_action(text: &str) -> Result<Action> {
    Action::ALL
        .into_iter()
        .find(|action| text.eq_ignore_ascii_case(action.name()))
        .ok_or_else(|| Error::mismatch(ErrorKind::Data, "an action keep, relabel or exclude", format!("`{text}`")))
}

fn not_csv(error: &csv::Error) -> Error {
    let place = error.position().map_or_else(|| "line 1".to_owned(), |position| format!("line {}", position.line()));
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            Error::mismatch(ErrorKind::Data, format!("{expected_len} columns as in the first line"), len.to_string())
        }
        _ => Error::new(ErrorKind::Data, format!("not a table of corrections: {error}")),
    }
    .with_place(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::dataset::{Part, Rows, Size};
    use crate::data::fingerprint::fingerprint;
    use crate::parallel::Pool;

    fn dataset() -> Dataset {
        let size = Size { height: 1, width: 1, channels: 1 };
        let rows = |part, pixels: Vec<u8>| {
            let labels = pixels.iter().map(|pixel| u32::from(pixel % 3)).collect();
            Rows { part: Some(part), size, pixels, labels, groups: None }
        };
        let parts = vec![rows(Part::Train, (0..6).collect()), rows(Part::Test, (6..9).collect())];
        Dataset::from_rows("set", vec!["a".into(), "b, or 8".into(), "c".into()], parts).unwrap()
    }

    fn apply(lines: &str) -> Result<(Dataset, Applied)> {
        Corrections::parse(&format!("sample,found,proposed,action\n{lines}"))?.apply(dataset())
    }

    #[test]
    fn samples_are_left_out_and_relabelled_and_the_fingerprint_follows() {
        let (corrected, applied) =
            apply("train/1,\"b, or 8\",c,relabel\ntest/0,a,,exclude\ntest/2,c,a,keep\ntrain/0,a,\"b, or 8\",exclude")
                .unwrap();
        assert_eq!(applied, Applied { n_excluded: 2, n_relabelled: 1, n_kept: 1 });
        assert_eq!(applied.to_string(), "corrections: 2 images left out, 1 relabelled, 1 kept as they are");
        let ids: Vec<String> = corrected.samples.iter().map(|sample| sample.id.to_string()).collect();
        assert_eq!(ids, ["train/1", "train/2", "train/3", "train/4", "train/5", "test/1", "test/2"]);
        assert_eq!((corrected.samples[0].label, corrected.images.get(5).pixels), (2, &[7_u8][..]));
        let hex = |dataset: &Dataset| fingerprint(dataset, &Pool::new(1).unwrap()).hex;
        assert_ne!(hex(&corrected), hex(&dataset()));
        assert_eq!(hex(&apply("test/2,c,a,keep").unwrap().0), hex(&dataset()), "keeping changes nothing");
    }

    #[test]
    fn a_table_reads_back_as_it_was_written_whatever_its_names_and_columns() {
        let line = |sample: &str, proposed: Option<&str>, action| Correction {
            sample: sample.into(),
            found: "b, \"or\" 8".into(),
            proposed: proposed.map(str::to_owned),
            action,
        };
        let table = Corrections(vec![
            line("seven/a,b.png", Some("c"), Action::Relabel),
            line("七/1.png", None, Action::Exclude),
            line("train/3", None, Action::Keep),
        ]);
        assert_eq!(Corrections::parse(&table.to_csv()).unwrap(), table);
        let other = "\u{feff}score,Action,sample,proposed,found\r\n0.1, Exclude ,train/3,,a\r\n";
        let parsed = Corrections::parse(other).unwrap();
        assert_eq!((parsed.0[0].sample.as_str(), parsed.0[0].action), ("train/3", Action::Exclude));
        assert_eq!(Corrections::parse("sample,found,proposed,action\n").unwrap(), Corrections::default());
    }

    #[test]
    fn what_does_not_fit_is_one_clear_line() {
        for (lines, message) in [
            (
                "train/9,a,,exclude",
                "expected the id of a sample of set, found `train/9`; an id is a path in the source's folder, or part and row such as train/17",
            ),
            (
                "train/0,c,a,relabel",
                "train/0: expected the class `c` that it was found with, found `a`; the corrections were made for other data",
            ),
            ("train/0,a,d,relabel", "train/0: unknown class `d`; known: a, b, or 8, c"),
            ("train/0,a,,relabel", "line 2: expected a proposed class to relabel to, found none"),
            ("train/0,a,,drop", "line 2: expected an action keep, relabel or exclude, found `drop`"),
            ("train/0,a,,keep\ntrain/0,a,,exclude", "train/0: expected one line for each sample, found two"),
            ("train/0,a,,keep\ntrain/1,a", "line 3: expected 4 columns as in the first line, found 2"),
        ] {
            assert_eq!(apply(lines).unwrap_err().to_string(), message, "{lines}");
        }
        let message = |text: &str| Corrections::parse(text).unwrap_err().to_string();
        assert_eq!(
            message("path,label\n"),
            "line 1: expected the columns sample,found,proposed,action, found path,label"
        );
        let all: String = dataset()
            .samples
            .iter()
            .map(|sample| format!("{},\"{}\",,exclude\n", sample.id, dataset().classes[sample.label as usize]))
            .collect();
        assert_eq!(apply(&all).unwrap_err().to_string(), "expected an image that is left, found all of them excluded");
    }
}
