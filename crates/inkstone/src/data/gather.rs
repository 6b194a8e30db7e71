//! What readers of rows (tables, archives) collect beside the pixels, and how it becomes a dataset.

use std::path::PathBuf;

use super::dataset::{Dataset, Images, Part, Sample, SampleId};
use super::labels::{self, Label, Numbers};
use crate::error::{Error, ErrorKind, Result};

/// What is known of one image beside its pixels.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) label: Label,
    pub(super) part: Option<Part>,
    pub(super) group: Option<u32>,
    /// The file that it came from, where it is one by itself.
    pub(super) file: Option<PathBuf>,
}

/// Where the names of classes come from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Classes<'a> {
    /// From the labels themselves.
    FromLabels(Numbers),
    /// Labels are positions in this list.
    Positions(&'a [String]),
    /// Labels are names out of this list.
    Names(&'a [String]),
}

/// A dataset of these images, in this order. Rows that are no files are counted within their part.
///
/// # Errors
/// `Data` with the sample whose label is none.
pub(super) fn dataset(name: &str, images: Images, rows: Vec<Row>, classes: Classes<'_>) -> Result<Dataset> {
    let given: Vec<Label> = rows.iter().map(|row| row.label.clone()).collect();
    let (labels, classes) = match classes {
        Classes::FromLabels(numbers) => labels::resolve(&given, numbers)?,
        Classes::Names(names) => (labels::find(&given, names)?, names.to_vec()),
        Classes::Positions(names) => {
            let (labels, _) = labels::resolve(&given, Numbers::Positions)?;
            (labels, names.to_vec())
        }
    };
    if let Some(i) = labels.iter().position(|&label| label as usize >= classes.len()) {
        let expected = format!("labels below {}, the number of classes", classes.len());
        return Err(Error::mismatch(ErrorKind::Data, expected, labels[i].to_string()).with_place(format!("sample {i}")));
    }
    let mut next = [0; 4];
    let samples = rows.into_iter().zip(labels).map(|(row, label)| {
        let next = &mut next[row.part.map_or(3, |part| part as usize)];
        let id = row.file.map_or(SampleId::Row { part: row.part, index: *next }, SampleId::File);
        *next += 1;
        Sample { label, part: row.part, id, group: row.group }
    });
    let samples = samples.collect();
    Ok(Dataset { name: name.to_owned(), classes, images, samples })
}
