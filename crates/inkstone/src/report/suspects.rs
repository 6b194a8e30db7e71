//! What an audit says of the labels, with the pictures: kept beside a training, whose images are gone by the time of the
//! report.

use super::pictures;
use super::pictures::Owned;
use super::words::Words;
use crate::audit::{Audit, Entry, Kind};
use crate::data::Dataset;

/// Labels that models contradict which have not seen the images.
#[derive(Debug, Clone, PartialEq)]
pub struct Suspects {
    /// How many candidates there are.
    pub n: usize,
    /// Of how many images.
    pub n_images: usize,
    /// Why labels could not be judged, where they could not.
    pub skipped: Option<String>,
    /// The most striking, first.
    pub shown: Vec<Suspect>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Suspect {
    /// Its id.
    pub sample: String,
    /// The class that it has.
    pub found: String,
    /// The class that the models see.
    pub proposed: String,
    /// The picture as an element of the page.
    element: String,
}

/// How many are shown.
const MOST: usize = 24;

impl Suspects {
    /// The candidates of an audit of `dataset`.
    pub fn of(audit: &Audit, dataset: &Dataset) -> Self {
        let finding = audit.finding(Kind::LabelErrors);
        let candidates = finding.samples.iter().filter(|entry| entry.is_candidate == Some(true));
        Self {
            n: finding.n,
            n_images: audit.n,
            skipped: finding.skipped.clone(),
            shown: candidates.take(MOST).map(|entry| Suspect::of(entry, dataset)).collect(),
        }
    }
}

impl Suspect {
    fn of(entry: &Entry, dataset: &Dataset) -> Self {
        let proposed = entry.proposed.clone().unwrap_or_default();
        let (sample, found) = (&entry.sample, &entry.found);
        let description = Words::new(
            format!("{sample}, labelled {found}, looks like {proposed}"),
            format!("{sample}，标为 {found}，看起来像 {proposed}"),
        );
        let image = dataset.images.with(entry.index as usize, Owned::of);
        Self {
            sample: sample.clone(),
            found: found.clone(),
            element: pictures::element(&image, 84, &description),
            proposed,
        }
    }

    pub(super) fn element(&self) -> &str {
        &self.element
    }
}
