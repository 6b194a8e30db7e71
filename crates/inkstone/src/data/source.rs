//! From the name of a source to a dataset: a built-in or fetched set, a folder, an array file.
//! Never uses the network and never reads the environment: the caller says where fetched sets lie.

use std::path::Path;

#[cfg(feature = "mnist")]
use super::arrays::{self, ArrayPart};
use super::dataset::Dataset;
#[cfg(feature = "mnist")]
use super::dataset::{Part, Size};
pub use super::options::SourceOptions;
#[cfg(feature = "formats")]
use super::{folder, npz};
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

/// Reads a source whole: the name of a set ([`SETS`]), a folder of class folders, a folder of IDX files, or an `.npz`.
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
        return open_file(&path);
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
        let expected = "a folder of images, a folder of IDX files or an .npz file";
        return Error::mismatch(ErrorKind::Io, expected, "nothing at this path").with_file(path);
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

/// `folder` as IDX files, as an only .npz, or as class folders.
fn open_folder(folder: &Path, name: &str, options: &SourceOptions<'_>, pool: &Pool) -> Result<Dataset> {
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

fn open_file(path: &Path) -> Result<Dataset> {
    if has_extension(path, "npz") {
        return open_npz(path, &name_of(path));
    }
    let later = ["csv", "parquet"].into_iter().find(|extension| has_extension(path, extension));
    let (found, help) = match later {
        Some(extension) => (format!("a .{extension} file, which this version does not read"), None),
        None if is_idx(path) => ("one IDX file".to_owned(), Some("name the folder with both images and labels")),
        None => ("another file".to_owned(), None),
    };
    let expected = "a folder of images, a folder of IDX files or an .npz file";
    let error = Error::mismatch(ErrorKind::Usage, expected, found).with_file(path);
    Err(match help {
        Some(help) => error.with_help(help),
        None => error,
    })
}

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
    arrays::dataset("mnist", vec![train, test])
}
