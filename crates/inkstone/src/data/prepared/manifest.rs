//! The text of `dataset.toml`. Holds no paths of a machine and no times: the same input gives the same bytes.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::MANIFEST;
use crate::data::dataset::{Dataset, Size};
use crate::error::{Error, ErrorKind, Result};
use crate::spec::PreprocessSpec;

/// The version of the format.
pub const VERSION: u32 = 1;

/// The longest file that is read, in bytes: 16 MiB.
const MAX_BYTES: u64 = 16 << 20;

/// What a prepared folder is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// IDX files under the names of MNIST's.
    Idx,
    /// One `.npz` with the keys of Keras' mnist.npz.
    Npz,
    /// Parquet in Hugging Face's layout.
    Parquet,
    /// `label,pixel0,…`, a file per part.
    Csv,
    /// A folder of PNG files per class.
    Png,
    /// Tar shards in WebDataset's layout.
    Tar,
    /// Tensors `images` and `labels`, a file per part.
    Safetensors,
}

impl Format {
    /// All formats, in the order of the documents.
    pub const ALL: [Self; 7] =
        [Self::Idx, Self::Npz, Self::Parquet, Self::Csv, Self::Png, Self::Tar, Self::Safetensors];

    /// The word of `--format`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Idx => "idx",
            Self::Npz => "npz",
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::Png => "png",
            Self::Tar => "tar",
            Self::Safetensors => "safetensors",
        }
    }
}

impl std::str::FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|format| format.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::mismatch(ErrorKind::Usage, format!("a format ({names})"), text).with_place("--format")
        })
    }
}

/// A `dataset.toml`. Keys that a later version adds are passed over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Manifest {
    /// The version of this format: 1.
    pub version: u32,
    /// The dataset's name.
    pub name: String,
    /// How the files are written.
    pub format: Format,
    /// SHA-256 over classes, pixels, labels and parts.
    pub fingerprint: String,
    /// The classes' names; a label is a position in this list.
    pub classes: Vec<String>,
    /// Sizes and number of the images.
    pub images: ImageFacts,
    /// How many images of each class there are in each part, in the order of `classes`.
    pub counts: Counts,
    /// How the parts came about.
    pub split: SplitFacts,
    /// The fixed steps that were applied to the pixels, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preprocess: Option<PreprocessSpec>,
    /// What it was made of.
    pub provenance: Provenance,
    /// The files, in reading order. Of a folder of PNG files the table that lists them.
    pub files: Vec<FileFacts>,
}

/// Number and sizes of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ImageFacts {
    /// How many.
    pub n: usize,
    /// Height, width and channels of the smallest (by area).
    pub smallest: [usize; 3],
    /// The same of the largest.
    pub largest: [usize; 3],
    /// How many are in a group (have a known writer).
    pub n_grouped: usize,
}

impl ImageFacts {
    /// What is to be said of these images.
    pub fn of(dataset: &Dataset) -> Self {
        let sizes = || (0..dataset.images.len()).map(|i| dataset.images.get(i).size);
        let area = |size: &Size| size.height * size.width;
        let array = |size: Size| [size.height, size.width, size.channels];
        Self {
            n: dataset.images.len(),
            smallest: sizes().min_by_key(area).map_or([0; 3], array),
            largest: sizes().max_by_key(area).map_or([0; 3], array),
            n_grouped: dataset.samples.iter().filter(|sample| sample.group.is_some()).count(),
        }
    }

    /// The size that all share, if they do.
    pub fn size(&self) -> Option<Size> {
        super::shared_size(self.smallest, self.largest)
    }
}

/// Images of each class, by part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Counts {
    /// In train.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub train: Vec<usize>,
    /// In validation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub validation: Vec<usize>,
    /// In test.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub test: Vec<usize>,
    /// In none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unassigned: Vec<usize>,
}

impl Counts {
    /// Counted; parts without images are left out.
    pub fn of(dataset: &Dataset) -> Self {
        let counts = dataset.counts();
        let part = |k: usize| -> Vec<usize> {
            let column: Vec<usize> = counts.iter().map(|class| class[k]).collect();
            if column.iter().all(|&n| n == 0) { Vec::new() } else { column }
        };
        Self { train: part(0), validation: part(1), test: part(2), unassigned: part(3) }
    }
}

/// How the parts came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SplitFacts {
    /// `source` (its own parts, or none), or proportions such as `8:1:1`.
    pub how: String,
    /// The seed it was drawn with, where it was drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// What a prepared set was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Provenance {
    /// The source's name: a published set's, or that of a folder or file.
    pub source: String,
    /// The fingerprint of the source as it was read, after corrections.
    pub source_fingerprint: String,
    /// SHA-256 of the table of corrections, where one was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrections: Option<String>,
    /// Which program wrote it, and its version.
    pub program: String,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FileFacts {
    /// Its path below the folder, with forward slashes.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
}

impl Manifest {
    /// The text of the file.
    pub fn to_toml(&self) -> String {
        let body = toml::to_string(self).expect("strings, numbers and tables are always TOML");
        format!("# A data set as `inkstone prepare` wrote it. Reading it checks the files against this list.\n{body}")
    }

    /// Reads the text of the file.
    ///
    /// # Errors
    /// `Data` where it is not this format, or not this version of it.
    pub fn parse(text: &str) -> Result<Self> {
        let manifest: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| text[..span.start].matches('\n').count() + 1);
            let told = Error::new(ErrorKind::Data, format!("no dataset.toml of Inkstone: {}", error.message()));
            match line {
                Some(line) => told.with_place(format!("line {line}")),
                None => told,
            }
        })?;
        if manifest.version != VERSION {
            let found = manifest.version.to_string();
            return Err(Error::mismatch(ErrorKind::Data, VERSION.to_string(), found).with_place("version"));
        }
        Ok(manifest)
    }

    /// The manifest of a folder; none where it has no file of that name, or somebody else's.
    ///
    /// # Errors
    /// As [`Manifest::parse`], and `Io` where it cannot be read.
    pub fn find(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(MANIFEST);
        if !path.is_file() {
            return Ok(None);
        }
        let failed = |error: &std::io::Error| Error::io(&path, "read the file", error);
        let length = std::fs::metadata(&path).map_err(|error| failed(&error))?.len();
        if length > MAX_BYTES {
            let expected = format!("a file of at most {MAX_BYTES} bytes");
            return Err(Error::mismatch(ErrorKind::Data, expected, length.to_string()).with_file(path));
        }
        let text = std::fs::read_to_string(&path).map_err(|error| failed(&error))?;
        // A file of that name may be somebody else's; ours always has this key.
        if !text.contains("fingerprint") {
            return Ok(None);
        }
        Self::parse(&text).map(Some).map_err(|error| error.with_file(path))
    }
}
