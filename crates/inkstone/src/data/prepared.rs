//! `dataset.toml`: what a prepared folder holds, and reading such a folder by it.
//!
//! The file gives what the files beside it cannot: the classes' names and order, the size of rows of a table, which
//! files belong. Refuses a folder whose files or content are not those that were written.

pub mod manifest;

use std::path::{Component, Path, PathBuf};

use super::dataset::{Dataset, Part, Size};
use super::fingerprint::fingerprint;
use super::gather::Classes;
use super::labels::Numbers;
use super::options::SourceOptions;
use super::{csv_set, idx_set, npz, safetensors_set, tar_set};
use crate::error::{Error, ErrorKind, Result};
use crate::parallel::Pool;

pub use manifest::{Format, Manifest};

/// The file that marks a prepared folder.
pub const MANIFEST: &str = "dataset.toml";

/// The table of a folder of PNG files.
pub const SAMPLES: &str = "samples.csv";

/// What to do about a folder that has changed.
const HELP: &str = "prepare it anew, or remove dataset.toml to read the files as they are";

/// Reads a prepared folder.
///
/// # Errors
/// `Data` where a file is missing or has another size, or where the content has another fingerprint.
pub(super) fn read(folder: &Path, manifest: &Manifest, options: &SourceOptions<'_>, pool: &Pool) -> Result<Dataset> {
    let toml = folder.join(MANIFEST);
    let mut files = Vec::new();
    for file in &manifest.files {
        let path = folder.join(checked(&file.name).map_err(|error| error.with_file(&toml))?);
        let found = std::fs::metadata(&path).map_err(|error| Error::io(&path, "read the file", &error))?.len();
        if found != file.bytes {
            let expected = format!("{} bytes, as dataset.toml says", file.bytes);
            return Err(Error::mismatch(ErrorKind::Data, expected, found.to_string()).with_file(path).with_help(HELP));
        }
        files.push((part_of(&file.name), path));
    }
    let mut dataset = read_files(manifest, &files, options, pool)?;
    if manifest.format != Format::Png {
        let last = dataset.samples.iter().map(|sample| sample.label as usize).max().unwrap_or(0);
        if last >= manifest.classes.len() {
            let expected = format!("labels below {}, the number of classes", manifest.classes.len());
            return Err(Error::mismatch(ErrorKind::Data, expected, last.to_string()).with_file(folder).with_help(HELP));
        }
        dataset.classes.clone_from(&manifest.classes);
    }
    dataset.name.clone_from(&manifest.name);
    let found = fingerprint(&dataset, pool).hex;
    dataset.images.check()?;
    if found != manifest.fingerprint {
        let short = |hex: &str| hex.chars().take(16).collect::<String>() + "…";
        let expected = format!("the images and labels of fingerprint {}", short(&manifest.fingerprint));
        return Err(Error::mismatch(ErrorKind::Data, expected, short(&found)).with_file(folder).with_help(HELP));
    }
    Ok(dataset)
}

fn read_files(
    manifest: &Manifest,
    files: &[(Option<Part>, PathBuf)],
    options: &SourceOptions<'_>,
    pool: &Pool,
) -> Result<Dataset> {
    // A name that is no published set's, lest its classes be taken for these.
    let name = "";
    match manifest.format {
        Format::Idx => {
            let paths: Vec<PathBuf> = files.iter().map(|(_, path)| path.clone()).collect();
            let sets = idx_set::find(&paths);
            let set = sets.get("").ok_or_else(|| nothing("IDX files"))?;
            if let Some(stream) = &options.stream
                && let Some(dataset) = idx_set::stream("", set, name, stream)?
            {
                return Ok(dataset);
            }
            idx_set::read("", set, name, pool)
        }
        Format::Npz => npz::read(&files.first().ok_or_else(|| nothing(".npz file"))?.1, name),
        Format::Safetensors => safetensors_set::read(files, name),
        Format::Csv => {
            let classes = Classes::FromLabels(Numbers::Positions);
            csv_set::read(files, name, csv_set::Known { classes, size: manifest.images.size() }, pool)
        }
        Format::Png => {
            let known = csv_set::Known { classes: Classes::Names(&manifest.classes), size: None };
            csv_set::read(&files.iter().map(|(_, path)| (None, path.clone())).collect::<Vec<_>>(), name, known, pool)
        }
        Format::Tar => tar_set::read(files, name, pool, &|text| options.note(text)),
        Format::Parquet => read_parquet(files, name, pool),
    }
}

#[cfg(feature = "parquet")]
pub(super) fn read_parquet(files: &[(Option<Part>, PathBuf)], name: &str, pool: &Pool) -> Result<Dataset> {
    super::parquet_set::read(files, name, pool)
}

#[cfg(not(feature = "parquet"))]
pub(super) fn read_parquet(files: &[(Option<Part>, PathBuf)], _: &str, _: &Pool) -> Result<Dataset> {
    let file = files.first().map_or(Path::new(""), |(_, path)| path);
    Err(Error::new(ErrorKind::Usage, "this build reads no .parquet files")
        .with_file(file)
        .with_help("build with the feature `parquet`"))
}

fn nothing(what: &str) -> Error {
    Error::mismatch(ErrorKind::Data, what, "none").with_place("files")
}

/// A path below the folder, or an error: a manifest may come from anybody.
pub(super) fn checked(name: &str) -> Result<&Path> {
    let path = Path::new(name);
    let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    if inside && !name.is_empty() {
        return Ok(path);
    }
    Err(Error::mismatch(ErrorKind::Data, "paths below the folder", format!("{name:?}")).with_place("files"))
}

/// The part that a file's name or its folder's says: `train-00000.tar`, `mnist_test.csv`, `test/0000.parquet`.
pub(super) fn part_of(name: &str) -> Option<Part> {
    let words =
        |text: &str| -> Vec<Part> { text.split(|c: char| !c.is_alphanumeric()).filter_map(Part::from_word).collect() };
    let mut levels: Vec<&str> = name.split(['/', '\\']).collect();
    while let Some(level) = levels.pop() {
        let found = words(level);
        if let [part] = found[..] {
            return Some(part);
        }
        if found.len() > 1 {
            return None;
        }
    }
    None
}

/// Files of one kind that lie in a folder, in `data/` below it or in folders of parts, each with its part: all of them
/// named by part, or a single one.
pub(super) fn find_files(folder: &Path, extension: &str) -> Result<Vec<(Option<Part>, PathBuf)>> {
    let has_extension = |path: &PathBuf| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension));
    let top = super::listing::list(folder)?;
    let mut paths: Vec<PathBuf> = top.files.into_iter().filter(has_extension).collect();
    for inner in &top.folders {
        let name = inner.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name == "data" || Part::from_word(name).is_some() {
            paths.extend(super::listing::list(inner)?.files.into_iter().filter(has_extension));
        }
    }
    let within = |path: &PathBuf| path.strip_prefix(folder).unwrap_or(path).to_string_lossy().into_owned();
    let mut files: Vec<(Option<Part>, PathBuf)> =
        paths.into_iter().map(|path| (part_of(&within(&path)), path)).collect();
    files.sort_by_key(|(part, _)| part.map_or(3, |part| part as usize));
    Ok(files)
}

/// The size that all images share, if they do.
pub(super) fn shared_size(smallest: [usize; 3], largest: [usize; 3]) -> Option<Size> {
    let [height, width, channels] = smallest;
    (smallest == largest).then_some(Size { height, width, channels })
}
