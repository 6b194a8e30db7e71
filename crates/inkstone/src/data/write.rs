//! A dataset written as files that other tools read, with a `dataset.toml` beside them: without loss, and the same
//! bytes each time. The whole folder is written under a temporary name first, so nobody ever meets half of one.
//!
//! Refuses a folder that is not empty; [`Replace::Ours`] replaces what an earlier call wrote, and nothing else. A
//! format that cannot hold these images (of several sizes, say) is refused before anything is written.

mod csv;
mod folder;
mod idx;
mod names;
mod npz;
#[cfg(feature = "parquet")]
mod parquet;
mod png;
mod safetensors;
mod tar;

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

use super::dataset::{Dataset, Images, Part, Size};
use super::fingerprint::fingerprint;
use super::prepared::manifest::{Counts, ImageFacts, Provenance, SplitFacts, VERSION};
use super::prepared::{Format, Manifest};
use super::preprocess::Preprocess;
use super::split::Split;
use crate::error::{Error, ErrorKind, Result};
use crate::parallel::Pool;
use crate::spec::PreprocessSpec;
use folder::Folder;

/// What to do about a folder that is not empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replace {
    /// Refuse it.
    Nothing,
    /// Replace the files that its own `dataset.toml` lists; refuse it without one.
    Ours,
}

/// What is to be written, beside the images.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// As what.
    pub format: Format,
    /// What to do about a folder that is not empty.
    pub replace: Replace,
    /// How the parts came about: `source`, or proportions.
    pub split: String,
    /// The seed of that split, where it was drawn.
    pub split_seed: Option<u64>,
    /// The fixed steps that were applied, if any.
    pub preprocess: Option<PreprocessSpec>,
    /// The source's name.
    pub source: String,
    /// The fingerprint of the source as it was read, after corrections.
    pub source_fingerprint: String,
    /// SHA-256 of the table of corrections, where one was applied.
    pub corrections: Option<String>,
}

/// Writes a dataset to a folder. Samples are written part by part: train, validation, test, those in no part.
///
/// # Errors
/// `Usage` where the folder is not empty or is somebody else's, `Data` where the format cannot hold these images,
/// `Io` where the system refuses.
pub fn write(dataset: &Dataset, out: &Path, request: &Request, pool: &Pool) -> Result<Manifest> {
    let dataset = by_part(dataset);
    check(&dataset, request.format)?;
    let mut folder = Folder::create(out, request.replace)?;
    write_files(&dataset, request.format, &mut folder, pool)?;
    let manifest = Manifest {
        version: VERSION,
        name: dataset.name.clone(),
        format: request.format,
        fingerprint: fingerprint(&dataset, pool).hex,
        classes: dataset.classes.clone(),
        images: ImageFacts::of(&dataset),
        counts: Counts::of(&dataset),
        split: SplitFacts { how: request.split.clone(), seed: request.split_seed },
        preprocess: request.preprocess.clone(),
        provenance: Provenance {
            source: request.source.clone(),
            source_fingerprint: request.source_fingerprint.clone(),
            corrections: request.corrections.clone(),
            program: concat!("inkstone ", env!("CARGO_PKG_VERSION")).to_owned(),
        },
        files: folder.files().to_vec(),
    };
    folder.finish(&manifest)?;
    Ok(manifest)
}

fn write_files(dataset: &Dataset, format: Format, folder: &mut Folder, pool: &Pool) -> Result<()> {
    match format {
        Format::Idx => idx::write(dataset, folder),
        Format::Npz => npz::write(dataset, folder),
        Format::Csv => csv::write(dataset, folder, pool),
        Format::Png => png::write(dataset, folder, pool),
        Format::Tar => tar::write(dataset, folder, pool),
        Format::Safetensors => safetensors::write(dataset, folder),
        #[cfg(feature = "parquet")]
        Format::Parquet => parquet::write(dataset, folder, pool),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => Err(without_parquet()),
    }
}

#[cfg(not(feature = "parquet"))]
fn without_parquet() -> Error {
    Error::new(ErrorKind::Usage, "this build writes no .parquet files").with_help("build with the feature `parquet`")
}

/// What the format cannot hold, told before anything is written.
fn check(dataset: &Dataset, format: Format) -> Result<()> {
    #[cfg(not(feature = "parquet"))]
    if format == Format::Parquet {
        return Err(without_parquet());
    }
    if dataset.images.is_empty() {
        return Err(Error::mismatch(ErrorKind::Data, "images to write", "none"));
    }
    if dataset.images.is_streamed() {
        return Err(Error::mismatch(ErrorKind::Data, "images in memory", "images that stay in their files")
            .with_help("open the source without streaming"));
    }
    let arrays = matches!(format, Format::Idx | Format::Npz | Format::Csv | Format::Safetensors);
    if arrays && dataset.images.uniform_size().is_none() {
        let ImageFacts { smallest, largest, .. } = ImageFacts::of(dataset);
        let [smallest, largest] =
            [smallest, largest].map(|[height, width, channels]| Size { height, width, channels }.to_string());
        let found =
            if smallest == largest { format!("{smallest} and others") } else { format!("{smallest} to {largest}") };
        let expected = format!("images of one size and one kind of colour for {}", format.name());
        return Err(Error::mismatch(ErrorKind::Data, expected, found)
            .with_help("bring them to one with preprocess.size=28x28, or write png, parquet or tar"));
    }
    if format == Format::Csv
        && let Some(size) = dataset.images.uniform_size()
        && size.len() + 3 > super::csv_set::MAX_COLUMNS
    {
        let expected = format!("images of fewer than {} values for csv", super::csv_set::MAX_COLUMNS - 3);
        return Err(Error::mismatch(ErrorKind::Data, expected, size.to_string()).with_help("write png, parquet or tar"));
    }
    Ok(())
}

/// The samples in the order of their parts, those of one part in their own order.
fn by_part(dataset: &Dataset) -> Cow<'_, Dataset> {
    let place = |part: Option<Part>| part.map_or(3, |part| part as usize);
    if dataset.samples.is_sorted_by_key(|sample| place(sample.part)) {
        return Cow::Borrowed(dataset);
    }
    let mut order: Vec<u32> = (0..dataset.samples.len() as u32).collect();
    order.sort_by_key(|&i| place(dataset.samples[i as usize].part));
    Cow::Owned(dataset.subset(&order))
}

/// The parts that have samples, in order, and which samples those are.
fn parts(dataset: &Dataset) -> Vec<(Option<Part>, Range<usize>)> {
    let mut parts: Vec<(Option<Part>, Range<usize>)> = Vec::new();
    for (i, sample) in dataset.samples.iter().enumerate() {
        match parts.last_mut() {
            Some((part, range)) if *part == sample.part => range.end = i + 1,
            _ => parts.push((sample.part, i..i + 1)),
        }
    }
    parts
}

/// Whether any of these samples is in a group.
fn has_groups(dataset: &Dataset, range: &Range<usize>) -> bool {
    dataset.samples[range.clone()].iter().any(|sample| sample.group.is_some())
}

/// A word for a part in a file's name.
fn stem(part: Option<Part>) -> &'static str {
    part.map_or("data", Part::name)
}

/// The pixels of some of the images, all of one size.
fn pixels<'a>(dataset: &'a Dataset, size: Size, range: &Range<usize>) -> &'a [u8] {
    &dataset.images.pixels()[range.start * size.len()..range.end * size.len()]
}

/// The size of all images; [`check`] has seen that there is one.
fn size(dataset: &Dataset) -> Result<Size> {
    dataset.images.uniform_size().ok_or_else(|| Error::mismatch(ErrorKind::Data, "images of one size", "several"))
}

/// The dataset with the parts of a split, without the samples that are in none.
pub fn with_parts(dataset: &Dataset, split: &Split) -> Dataset {
    let all: Vec<u32> = [&split.train[..], &split.validation, &split.test].concat();
    let mut divided = dataset.subset(&all);
    let sizes = split.sizes();
    for (i, sample) in divided.samples.iter_mut().enumerate() {
        let part = if i < sizes[0] {
            Part::Train
        } else if i < sizes[0] + sizes[1] {
            Part::Validation
        } else {
            Part::Test
        };
        sample.part = Some(part);
    }
    divided
}

/// The dataset with the fixed steps applied that end in bytes: grey and size. Scaling and normalising stay for later.
///
/// # Errors
/// As [`Preprocess::fit`].
pub fn preprocessed(dataset: &Dataset, spec: &PreprocessSpec, pool: &Pool) -> Result<Dataset> {
    let preprocess = Preprocess::fit(spec, &dataset.images, &[], pool)?;
    let size = preprocess.size();
    let mut pixels = vec![0; dataset.images.len() * size.len()];
    pool.for_each_chunk(&mut pixels, size.len(), |i, out| preprocess.prepare(dataset.images.get(i), out));
    Ok(Dataset { images: Images::uniform(size, pixels), ..dataset.clone_without_images() })
}
