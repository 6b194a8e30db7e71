//! From the name of a source to a dataset: a built-in or fetched set, a folder, an array file.
//! Never uses the network and never reads the environment: the caller says where fetched sets lie.

use std::path::{Path, PathBuf};

#[cfg(feature = "mnist")]
use super::arrays::{self, ArrayPart};
use super::dataset::Dataset;
use super::dataset::Part;
#[cfg(feature = "mnist")]
use super::dataset::Size;
pub use super::options::SourceOptions;
#[cfg(feature = "formats")]
use super::{csv_set, folder, gather, labels, npz, prepared, safetensors_set, tar_set};
use super::{idx_set, listing};
use crate::error::{Error, ErrorKind, Result};
use crate::parallel::Pool;
use crate::spec::nearest::nearest;

/// The published sets that are known by name: built in (`mnist`, with the feature of that name), or found in
/// [`SourceOptions::home`] once fetched.
pub const SETS: [&str; 10] = [
    "mnist",
    "fashion-mnist",
    "kmnist",
    "qmnist",
    "emnist-balanced",
    "emnist-byclass",
    "emnist-bymerge",
    "emnist-digits",
    "emnist-letters",
    "emnist-mnist",
];

/// What can be read, in the words of messages.
const SOURCES: &str = "a folder of images, a folder of IDX files or an .npz, .csv, .parquet, .tar or .safetensors file";

/// Reads a source whole: the name of a set ([`SETS`]), a folder of class folders, a folder of IDX files, an `.npz`,
/// `.csv`, `.parquet`, `.tar` or `.safetensors` file, a folder of such files, or a folder that `prepare` wrote.
///
/// A name that is also a path means the set, with a note; `./name` means the path.
///
/// # Errors
/// `Usage` for a name that is unknown, `Io` and `Data` for what cannot be read; always with the file.
///
/// ```
/// # #[cfg(feature = "mnist")] {
/// use inkstone::data::source::{open, SourceOptions};
/// let mnist = open("mnist", &SourceOptions::default(), &inkstone::parallel::Pool::new(0)?)?;
/// assert_eq!((mnist.images.len(), mnist.classes.len()), (70_000, 10));
/// # }
/// # Ok::<(), inkstone::Error>(())
/// ```
pub fn open(source: &str, options: &SourceOptions<'_>, pool: &Pool) -> Result<Dataset> {
    let dataset = open_any(source, options, pool)?;
    if options.stream.is_some_and(|stream| stream.at_least == 0) && !dataset.images.is_streamed() {
        let what = "only uncompressed IDX files can be streamed (`inkstone prepare --format idx`)";
        options.note(&format!("warning: {}: {what}; this source is read whole", dataset.name));
    }
    Ok(dataset)
}

fn open_any(source: &str, options: &SourceOptions<'_>, pool: &Pool) -> Result<Dataset> {
    if source.is_empty() {
        return Err(Error::mismatch(ErrorKind::Usage, "the name of a data set or a path", "nothing"));
    }
    let path = options.path(source);
    if SETS.contains(&source) {
        if path.exists() {
            options.note(&format!("`{source}` is the published set; for the path of that name write ./{source}"));
        }
        return open_set(source, options, pool);
    }
    if path.is_dir() {
        return open_folder(&path, &name_of(&path), options, pool);
    }
    if path.is_file() {
        return open_file(&path, options, pool);
    }
    // `emnist/emnist-digits` is one of the sets whose files lie in `emnist`.
    if let (Some(parent), Some(prefix)) = (path.parent().filter(|parent| parent.is_dir()), path.file_name())
        && let Some(prefix) = prefix.to_str()
        && let Some(files) = idx_set::find(&listing::list(parent)?.files).remove(prefix)
    {
        return idx_set::read(prefix, &files, prefix, pool);
    }
    Err(not_found(source, &path))
}

/// The name of a folder or file as a dataset's name.
fn name_of(path: &Path) -> String {
    let absolute = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = if absolute.is_file() { absolute.file_stem() } else { absolute.file_name() };
    name.map_or_else(|| "data".to_owned(), |name| name.to_string_lossy().into_owned())
}

fn not_found(source: &str, path: &Path) -> Error {
    let is_word = !source.contains(['/', '\\', '.']);
    if !is_word {
        return Error::mismatch(ErrorKind::Io, SOURCES, "nothing at this path").with_file(path);
    }
    let error = Error::new(ErrorKind::Usage, format!("unknown source `{source}`, and no file or folder of that name"));
    match nearest(source, &SETS) {
        Some(known) => error.with_help(format!("did you mean `{known}`?")),
        None => error.with_help(format!("known sets: {}", SETS.join(", "))),
    }
}

fn open_set(name: &str, options: &SourceOptions<'_>, pool: &Pool) -> Result<Dataset> {
    #[cfg(feature = "mnist")]
    if name == "mnist" {
        return built_in_mnist();
    }
    let family = if name.starts_with("emnist") { "emnist" } else { name };
    // The two largest parts of EMNIST are fetched by their own names only.
    let to_fetch = if name.starts_with("emnist-by") { name } else { family };
    let help = format!("get it with `inkstone fetch {to_fetch}`");
    let Some(home) = &options.home else {
        let message = format!("`{name}` is not built in, and no folder of fetched sets is given");
        return Err(Error::new(ErrorKind::Usage, message).with_help(help));
    };
    for folder in [home.join(name), home.join(family)] {
        if !folder.is_dir() {
            continue;
        }
        return match idx_set::find(&listing::list(&folder)?.files).remove(name) {
            Some(files) => idx_set::read(name, &files, name, pool).map_err(|error| error.with_file(&folder)),
            None => open_folder(&folder, name, options, pool),
        };
    }
    Err(Error::mismatch(ErrorKind::Data, format!("the files of {name}"), "no such folder")
        .with_file(home.join(family))
        .with_help(help))
}

/// `folder` as what `prepare` wrote, as IDX files, as an only .npz, as tables or archives by part, or as class folders.
fn open_folder(folder: &Path, name: &str, options: &SourceOptions<'_>, pool: &Pool) -> Result<Dataset> {
    if let Some(dataset) = open_prepared(folder, options, pool)? {
        return Ok(dataset);
    }
    let files = listing::list(folder)?.files;
    let sets = idx_set::find(&files);
    match sets.iter().next() {
        Some((prefix, files)) if sets.len() == 1 => {
            if let Some(dataset) = stream(prefix, files, name, options)? {
                return Ok(dataset);
            }
            return idx_set::read(prefix, files, name, pool).map_err(|error| error.with_file(folder));
        }
        Some(_) => {
            let names: Vec<&str> = sets.keys().map(String::as_str).collect();
            return Err(Error::mismatch(ErrorKind::Data, "the IDX files of one set", names.join(", "))
                .with_file(folder)
                .with_help(format!("name one of them: {}", folder.join(names[names.len() - 1]).display())));
        }
        None => {}
    }
    let mut archives = files.iter().filter(|file| has_extension(file, "npz"));
    if let (Some(archive), None) = (archives.next(), archives.next()) {
        return open_npz(archive, name);
    }
    if let Some(dataset) = open_part_files(folder, name, options, pool)? {
        return Ok(dataset);
    }
    open_class_folders(folder, name, options, pool)
}

/// The set with its pixels left in their files, where that is wanted and possible.
fn stream(
    prefix: &str,
    files: &idx_set::PartFiles,
    name: &str,
    options: &SourceOptions<'_>,
) -> Result<Option<Dataset>> {
    match &options.stream {
        Some(stream) => idx_set::stream(prefix, files, name, stream),
        None => Ok(None),
    }
}

fn open_file(path: &Path, options: &SourceOptions<'_>, pool: &Pool) -> Result<Dataset> {
    if has_extension(path, "npz") {
        return open_npz(path, &name_of(path));
    }
    if let Some(kind) = KINDS.into_iter().find(|kind| has_extension(path, kind)) {
        return open_files(kind, &[(None, path.to_owned())], &name_of(path), options, pool);
    }
    if is_idx(path) {
        return Err(Error::mismatch(ErrorKind::Usage, SOURCES, "one IDX file")
            .with_file(path)
            .with_help("name the folder with both images and labels"));
    }
    Err(Error::mismatch(ErrorKind::Usage, SOURCES, "another file").with_file(path))
}

/// Files whose folder may hold one for each part.
const KINDS: [&str; 4] = ["parquet", "tar", "csv", "safetensors"];

fn is_idx(path: &Path) -> bool {
    !idx_set::find(&[path.to_owned()]).is_empty()
}

fn has_extension(path: &Path, expected: &str) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(expected))
}

#[cfg(feature = "formats")]
fn open_npz(path: &Path, name: &str) -> Result<Dataset> {
    npz::read(path, name)
}

#[cfg(feature = "formats")]
fn open_class_folders(folder: &Path, name: &str, options: &SourceOptions<'_>, pool: &Pool) -> Result<Dataset> {
    folder::read(folder, name, options, pool)
}

/// A folder with a `dataset.toml`.
#[cfg(feature = "formats")]
fn open_prepared(folder: &Path, options: &SourceOptions<'_>, pool: &Pool) -> Result<Option<Dataset>> {
    let Some(manifest) = prepared::Manifest::find(folder)? else { return Ok(None) };
    prepared::read(folder, &manifest, options, pool).map(Some)
}

/// Files of one kind, where each is named by its part or there is only one.
#[cfg(feature = "formats")]
fn open_part_files(folder: &Path, name: &str, options: &SourceOptions<'_>, pool: &Pool) -> Result<Option<Dataset>> {
    let has_folders = !listing::list(folder)?.folders.is_empty();
    for kind in KINDS {
        // Beside folders of images a table is a description of them.
        if has_folders && matches!(kind, "csv" | "safetensors") {
            continue;
        }
        let files = prepared::find_files(folder, kind)?;
        let named = files.iter().all(|(part, _)| part.is_some());
        match (files.len(), named) {
            (0, _) => {}
            (1, _) | (_, true) => return open_files(kind, &files, name, options, pool).map(Some),
            // Shards of one set: `name-000000.tar`, `name-000001.tar`.
            _ if kind == "tar" => return open_files(kind, &files, name, options, pool).map(Some),
            _ => {}
        }
    }
    Ok(None)
}

#[cfg(feature = "formats")]
fn open_files(
    kind: &str,
    files: &[(Option<Part>, PathBuf)],
    name: &str,
    options: &SourceOptions<'_>,
    pool: &Pool,
) -> Result<Dataset> {
    let numbers = gather::Classes::FromLabels(labels::Numbers::Positions);
    match kind {
        "csv" => csv_set::read(files, name, csv_set::Known { classes: numbers, size: None }, pool),
        "parquet" => prepared::read_parquet(files, name, pool),
        "tar" => tar_set::read(files, name, pool, &|text| options.note(text)),
        _ => safetensors_set::read(files, name),
    }
}

#[cfg(not(feature = "formats"))]
fn open_prepared(_: &Path, _: &SourceOptions<'_>, _: &Pool) -> Result<Option<Dataset>> {
    Ok(None)
}

#[cfg(not(feature = "formats"))]
fn open_part_files(_: &Path, _: &str, _: &SourceOptions<'_>, _: &Pool) -> Result<Option<Dataset>> {
    Ok(None)
}

#[cfg(not(feature = "formats"))]
fn open_files(
    kind: &str,
    files: &[(Option<Part>, PathBuf)],
    _: &str,
    _: &SourceOptions<'_>,
    _: &Pool,
) -> Result<Dataset> {
    let path = files.first().map_or(Path::new(""), |(_, path)| path);
    Err(without_formats(&format!(".{kind} files"), path))
}

#[cfg(not(feature = "formats"))]
fn open_npz(path: &Path, _: &str) -> Result<Dataset> {
    Err(without_formats(".npz files", path))
}

#[cfg(not(feature = "formats"))]
fn open_class_folders(folder: &Path, _: &str, _: &SourceOptions<'_>, _: &Pool) -> Result<Dataset> {
    Err(without_formats("folders of images", folder))
}

#[cfg(not(feature = "formats"))]
fn without_formats(what: &str, path: &Path) -> Error {
    let message = format!("this build reads no {what}");
    Error::new(ErrorKind::Usage, message).with_file(path).with_help("build with the feature `formats`")
}

#[cfg(feature = "mnist")]
fn built_in_mnist() -> Result<Dataset> {
    let mnist = inkstone_mnist::load();
    let size = Size { height: inkstone_mnist::SIDE, width: inkstone_mnist::SIDE, channels: 1 };
    let part = |part, pixels, labels: &[u8]| ArrayPart {
        part: Some(part),
        image_file: "mnist".into(),
        label_file: "mnist".into(),
        label_place: None,
        size,
        pixels,
        labels: labels.iter().map(|&label| label.into()).collect(),
        groups: None,
    };
    let train = part(Part::Train, mnist.train_images, &mnist.train_labels);
    let test = part(Part::Test, mnist.test_images, &mnist.test_labels);
    arrays::dataset("mnist", vec![train, test], None)
}
