//! What an audit says: one finding for each thing it looks for, whether or not it found any. Serialised as `audit.json`.

use serde::Serialize;

use crate::data::Dataset;

/// What an audit looks for, in the order of its report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// Labels that the images contradict.
    LabelErrors,
    /// Images that are equal to the last byte.
    ExactDuplicates,
    /// Images that are nearly the same picture.
    NearDuplicates,
    /// Classes with many more images than others.
    Imbalance,
    /// Images of one single value.
    Constant,
    /// Images with hardly any contrast.
    Blank,
    /// Images whose ink is at the end of the scale.
    Clipped,
    /// Images larger, smaller, wider or taller than the others.
    OffSize,
    /// Images whose picture is not where the others' is.
    OffCentre,
    /// Dark on light among light on dark, or the other way round.
    InvertedPolarity,
    /// Rows and columns exchanged.
    Transposed,
    /// Images that look like no other.
    Outliers,
    /// Parts that differ from each other.
    Drift,
}

impl Kind {
    /// Its name in `audit.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::LabelErrors => "label_errors",
            Self::ExactDuplicates => "exact_duplicates",
            Self::NearDuplicates => "near_duplicates",
            Self::Imbalance => "imbalance",
            Self::Constant => "constant",
            Self::Blank => "blank",
            Self::Clipped => "clipped",
            Self::OffSize => "off_size",
            Self::OffCentre => "off_centre",
            Self::InvertedPolarity => "inverted_polarity",
            Self::Transposed => "transposed",
            Self::Outliers => "outliers",
            Self::Drift => "drift",
        }
    }

    /// Its name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::LabelErrors => "Label errors",
            Self::ExactDuplicates => "Exact duplicates",
            Self::NearDuplicates => "Near-duplicates",
            Self::Imbalance => "Imbalance",
            Self::Constant => "Constant images",
            Self::Blank => "Blank images",
            Self::Clipped => "Clipped images",
            Self::OffSize => "Odd sizes",
            Self::OffCentre => "Off-centre images",
            Self::InvertedPolarity => "Inverted polarity",
            Self::Transposed => "Transposed images",
            Self::Outliers => "Outliers",
            Self::Drift => "Drift between parts",
        }
    }

    /// What it means and what to do, in plain words.
    pub fn advice(self) -> &'static str {
        match self {
            Self::LabelErrors => {
                "Models that never saw an image are sure that it belongs to another class. Most of these are wrong labels \
                 or pictures that nobody can read. Look at each; where the label is wrong, set its action in \
                 corrections.csv to relabel or exclude."
            }
            Self::ExactDuplicates => {
                "The same bytes more than once. Across parts they let a model be tested on what it has learned by heart: \
                 keep one, and keep copies on one side of a split. With two labels, at least one label is wrong."
            }
            Self::NearDuplicates => {
                "The same picture, moved, encoded anew or a little changed. Treat them as duplicates: keep them on one \
                 side of a split, or exclude all but one."
            }
            Self::Imbalance => {
                "Rare classes are learned badly and measured badly. Collect more of them, or set \
                 train.class_weights = \"balanced\", and read the report class by class."
            }
            Self::Constant => "Nothing is to be seen. Usually a file that failed; exclude it.",
            Self::Blank => {
                "Hardly anything is to be seen: an empty field, or a scan that is far too faint. Exclude it, or \
                            make empty a class of its own."
            }
            Self::Clipped => {
                "Most of the ink is fully black or white, unlike in the other images: over-exposed, or made binary on the \
                 way. Shades are lost; scan again where you can."
            }
            Self::OffSize => {
                "Resizing brings all images to one size, and these change most by it. Crop or pad them, or exclude what \
                 does not belong."
            }
            Self::OffCentre => {
                "The picture is not where the others have it. A model expects it there: crop anew, set preprocess.ink, or \
                 augment with shifts."
            }
            Self::InvertedPolarity => {
                "These are dark on light where the others are light on dark, or the other way round. Invert them, or \
                 choose a preprocess that settles polarity (preprocess.ink)."
            }
            Self::Transposed => {
                "Rows and columns are exchanged, as in EMNIST's files when they are read as they are. A model trained on \
                 upright images fails on them."
            }
            Self::Outliers => {
                "No other image looks like these. Some are the interesting cases, some do not belong: look before you \
                 exclude any."
            }
            Self::Drift => {
                "The parts come from different sources or times. A result measured on one says less of the other; where \
                 the test part is what you care about, train on images like it."
            }
        }
    }

    /// Whether a finding of this kind hurts whatever one does, rather than being worth a look.
    pub fn is_fault(self) -> bool {
        !matches!(self, Self::Imbalance | Self::Clipped | Self::Outliers | Self::OffSize)
    }
}

/// One thing that was looked for, and what was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// What was looked for.
    pub kind: Kind,
    /// How many images (pairs or groups, classes, statistics) were found; 0: none.
    pub n: usize,
    /// What was found, in a few words.
    pub summary: String,
    /// From where on something counts, in words.
    pub rule: String,
    /// The number in that rule, where there is one for the whole set.
    pub threshold: Option<f64>,
    /// Why it could not be looked for; `null` where it was.
    pub skipped: Option<String>,
    /// The images, the most striking first. Label errors: the whole ranking, which goes on beyond the first `n`.
    pub samples: Vec<Entry>,
}

impl Finding {
    /// Something that was found, or looked for and not found.
    pub(super) fn new(kind: Kind, summary: impl Into<String>, rule: impl Into<String>, samples: Vec<Entry>) -> Self {
        let (summary, rule) = (summary.into(), rule.into());
        Self { kind, n: samples.len(), summary, rule, threshold: None, skipped: None, samples }
    }

    /// Something that could not be looked for.
    pub(super) fn skipped(kind: Kind, why: impl Into<String>) -> Self {
        let mut finding = Self::new(kind, "", "", Vec::new());
        finding.skipped = Some(why.into());
        finding
    }

    pub(super) fn with_n(mut self, n: usize) -> Self {
        self.n = n;
        self
    }

    pub(super) fn with_threshold(mut self, threshold: f64) -> Self {
        self.threshold = Some(threshold);
        self
    }
}

/// One image of a finding, or the first of several.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Entry {
    /// Its position in the dataset.
    #[serde(skip)]
    pub index: u32,
    /// Its id.
    pub sample: String,
    /// The class that it has.
    pub found: String,
    /// The class that it should have, where one is proposed.
    pub proposed: Option<String>,
    /// How striking it is, in the finding's own measure.
    pub score: f64,
    /// Label errors: whether it is one of the first `n`'s kind, a candidate, and not only next in the ranking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_candidate: Option<bool>,
    /// The same in words.
    pub note: String,
    /// Further images: copies.
    pub with: Vec<Other>,
}

/// A further image of an entry.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Other {
    /// Its position in the dataset.
    #[serde(skip)]
    pub index: u32,
    /// Its id.
    pub sample: String,
    /// The class that it has.
    pub found: String,
}

impl Entry {
    pub(super) fn new(dataset: &Dataset, index: u32, score: f64, note: impl Into<String>) -> Self {
        let Other { index, sample, found } = Other::new(dataset, index);
        Self { index, sample, found, proposed: None, score, is_candidate: None, note: note.into(), with: Vec::new() }
    }
}

impl Other {
    pub(super) fn new(dataset: &Dataset, index: u32) -> Self {
        let sample = &dataset.samples[index as usize];
        Self { index, sample: sample.id.to_string(), found: dataset.classes[sample.label as usize].clone() }
    }
}
