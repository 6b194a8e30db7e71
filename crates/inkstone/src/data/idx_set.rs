//! A folder of IDX files under the names of MNIST and its relatives, plain or .gz.
//!
//! | set | files |
//! |---|---|
//! | MNIST, Fashion-MNIST, KMNIST | `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-…` |
//! | EMNIST | `emnist-digits-train-images-idx3-ubyte`, …; stored transposed, turned upright here |
//! | QMNIST | `qmnist-train-labels-idx2-int`: column 0 is the class, column 2 the writer |
//! | without parts | `images-idx3-ubyte`, `labels-idx1-ubyte` |
//!
//! `train-groups-idx1-int` beside them holds the group of each image, where groups are known.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::arrays::{self, ArrayPart, image_size, shape_text};
use super::dataset::{Dataset, Images, Part, Size};
use super::idx::{self, Idx, Values};
use super::options::StreamOptions;
use super::stream::{Run, Stream};
use crate::error::{Error, ErrorKind, Result};
use crate::parallel::Pool;

/// The columns of QMNIST's labels that are used.
const QMNIST_CLASS: usize = 0;
const QMNIST_WRITER: usize = 2;

/// The sets in a folder: by the prefix of their files' names (empty for MNIST's own), each part's files.
pub(super) type Sets = BTreeMap<String, PartFiles>;

/// The two files of one part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Files {
    images: Option<PathBuf>,
    labels: Option<PathBuf>,
    groups: Option<PathBuf>,
}

/// The files of a set, by part.
pub(super) type PartFiles = BTreeMap<Option<Part>, Files>;

/// Sorts the files of a folder into sets. Other files are passed over.
pub(super) fn find(files: &[PathBuf]) -> Sets {
    let mut sets = Sets::new();
    for path in files {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let Some((prefix, part, content)) = parse_name(name) else { continue };
        let files = sets.entry(prefix.to_owned()).or_default().entry(part).or_default();
        let place = match content {
            "images" => &mut files.images,
            "labels" => &mut files.labels,
            _ => &mut files.groups,
        };
        // Of `x` and `x.gz` the plain file: it needs no unpacking.
        if place.is_none() || !is_gz(name) {
            *place = Some(path.clone());
        }
    }
    sets
}

/// The label file of each part of the set with this prefix.
pub(super) fn label_files(files: &[PathBuf], prefix: &str) -> BTreeMap<Part, PathBuf> {
    let parts = find(files).remove(prefix).unwrap_or_default();
    parts.into_iter().filter_map(|(part, files)| Some((part?, files.labels?))).collect()
}

/// Classes and writers of a label file of QMNIST.
pub(super) fn classes_and_writers(file: &Path) -> Result<(Vec<i64>, Vec<u32>)> {
    match label_columns(&idx::read(file)?).map_err(|error| error.with_file(file))? {
        (classes, Some(writers)) => Ok((classes, writers)),
        (classes, None) => {
            let found = format!("{} labels without writers", classes.len());
            Err(Error::mismatch(ErrorKind::Data, "labels of shape (N, 8) as QMNIST's", found).with_file(file))
        }
    }
}

/// `emnist-digits-train-images-idx3-ubyte.gz` → (`emnist-digits`, train, `images`).
fn parse_name(name: &str) -> Option<(&str, Option<Part>, &str)> {
    let is_content = |text: &str| matches!(text, "images" | "labels" | "groups");
    let (stem, _) = name.split_once("-idx").or_else(|| name.split_once(".idx"))?;
    if is_content(stem) {
        return Some(("", None, stem));
    }
    let (stem, content) = stem.rsplit_once('-').filter(|(_, content)| is_content(content))?;
    let (prefix, part) = stem.rsplit_once('-').unwrap_or(("", stem));
    let part = match part {
        "train" => Part::Train,
        "validation" => Part::Validation,
        "test" | "t10k" => Part::Test,
        _ => return None,
    };
    Some((prefix, Some(part), content))
}

fn is_gz(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "gz")
}

/// Reads one set; its name is its prefix, else `folder_name`.
pub(super) fn read(prefix: &str, files: &PartFiles, folder_name: &str, pool: &Pool) -> Result<Dataset> {
    let mut jobs = Vec::new();
    for (part, files) in files {
        match (&files.images, &files.labels) {
            (Some(images), Some(labels)) => jobs.push((*part, images, labels, &files.groups)),
            (Some(there), None) => return Err(lonely(there, "labels", *part)),
            (None, Some(there)) => return Err(lonely(there, "images", *part)),
            (None, None) => {}
        }
    }
    // What is in no part comes last, as everywhere.
    jobs.sort_by_key(|(part, ..)| part.map_or(3, |part| part as usize));
    let mut arrays = pool.map(jobs.len() * 2, |i| {
        let (_, images, labels, _) = jobs[i / 2];
        idx::read(if i % 2 == 0 { images } else { labels })
    });
    let mut parts = Vec::new();
    for &(part, images, labels, groups) in jobs.iter().rev() {
        let label_array = arrays.pop().expect("two arrays per part")?;
        let image_array = arrays.pop().expect("two arrays per part")?;
        let read = pair(part, (images, image_array), (labels, label_array))?;
        parts.insert(0, with_groups(read, groups.as_deref())?);
    }
    if prefix.starts_with("emnist") {
        for part in &mut parts {
            transpose(part, pool);
        }
    }
    arrays::dataset(if prefix.is_empty() { folder_name } else { prefix }, parts, None)
}

/// A part with the groups of its images, where there is a file of them.
fn with_groups(mut part: ArrayPart, groups: Option<&Path>) -> Result<ArrayPart> {
    if let Some(file) = groups {
        let (values, _) = label_columns(&idx::read(file)?).map_err(|error| error.with_file(file))?;
        part.groups = Some(values.into_iter().map(|group| group as u32).collect());
    }
    Ok(part)
}

/// The set with its pixels left in their files; nothing where they are compressed, too few or not as wanted.
pub(super) fn stream(
    prefix: &str,
    files: &PartFiles,
    folder_name: &str,
    options: &StreamOptions,
) -> Result<Option<Dataset>> {
    // EMNIST's images would have to be turned.
    if prefix.starts_with("emnist") {
        return Ok(None);
    }
    let (mut parts, mut runs, mut common) = (Vec::new(), Vec::new(), None);
    // What is in no part comes last, as everywhere.
    for (part, files) in files.iter().filter(|(part, _)| part.is_some()).chain(files.get_key_value(&None)) {
        let Files { images: Some(images), labels: Some(labels), groups } = files else { return Ok(None) };
        let Some((shape, offset)) = idx::look(images)? else { return Ok(None) };
        let size = image_size(&shape).map_err(|error| error.with_file(images))?;
        if *common.get_or_insert(size) != size {
            return Ok(None);
        }
        // A byte for each image stands in for it: labels, names and checks are those of any set.
        let stand_in = Idx { shape: vec![shape[0], 1, 1], values: Values::U8(vec![0; shape[0]]) };
        parts.push(with_groups(pair(*part, (images, stand_in), (labels, idx::read(labels)?))?, groups.as_deref())?);
        runs.push(Run { path: images.clone(), offset, n: shape[0] });
    }
    let Some(size) = common else { return Ok(None) };
    let n: u64 = runs.iter().map(|run| run.n as u64).sum();
    if n.saturating_mul(size.len() as u64) < options.at_least {
        return Ok(None);
    }
    let mut dataset = arrays::dataset(if prefix.is_empty() { folder_name } else { prefix }, parts, None)?;
    dataset.images = Images::streamed(size, Stream::open(runs, size.len(), options)?);
    Ok(Some(dataset))
}

fn lonely(there: &Path, missing: &str, part: Option<Part>) -> Error {
    let of = part.map_or(String::new(), |part| format!(" of {}", part.name()));
    Error::mismatch(ErrorKind::Data, format!("the {missing}{of} beside it"), "no such file").with_file(there)
}

fn pair(part: Option<Part>, images: (&Path, Idx), labels: (&Path, Idx)) -> Result<ArrayPart> {
    let (image_file, image_array) = images;
    let (label_file, label_array) = labels;
    let size = image_size(&image_array.shape).map_err(|error| error.with_file(image_file))?;
    let Values::U8(pixels) = image_array.values else {
        let found = format!("values of type {}", image_array.values.type_name());
        return Err(Error::mismatch(ErrorKind::Data, "images of type u8", found).with_file(image_file));
    };
    let (labels, groups) = label_columns(&label_array).map_err(|error| error.with_file(label_file))?;
    let (image_file, label_file) = (image_file.to_owned(), label_file.to_owned());
    Ok(ArrayPart { part, image_file, label_file, label_place: None, size, pixels, labels, groups })
}

/// Classes, and writers where the labels are QMNIST's (N, 8).
fn label_columns(array: &Idx) -> Result<(Vec<i64>, Option<Vec<u32>>)> {
    let Some(values) = array.values.integers() else {
        let found = format!("values of type {}", array.values.type_name());
        return Err(Error::mismatch(ErrorKind::Data, "labels that are integers", found));
    };
    match array.shape[..] {
        [_] | [_, 1] => Ok((values, None)),
        [_, 8] => {
            let column = |k| values.chunks_exact(8).map(move |row| row[k]);
            // Only equality of writers counts, so the wrapping of a negative one does no harm.
            let writers = column(QMNIST_WRITER).map(|writer| writer as u32).collect();
            Ok((column(QMNIST_CLASS).collect(), Some(writers)))
        }
        _ => {
            let expected = "labels of shape (N), or (N, 8) as QMNIST's";
            Err(Error::mismatch(ErrorKind::Data, expected, shape_text(&array.shape)))
        }
    }
}

/// Swaps rows and columns of every image.
fn transpose(part: &mut ArrayPart, pool: &Pool) {
    let Size { height, width, channels } = part.size;
    pool.for_each_chunk(&mut part.pixels, part.size.len(), |_, image| {
        let before = image.to_vec();
        for (k, pixel) in image.chunks_exact_mut(channels).enumerate() {
            let (column, row) = (k / height, k % height);
            let start = (row * width + column) * channels;
            pixel.copy_from_slice(&before[start..start + channels]);
        }
    });
    part.size = Size { height: width, width: height, channels };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_say_set_part_and_content() {
        for (name, expected) in [
            ("train-images-idx3-ubyte", Some(("", Some(Part::Train), "images"))),
            ("t10k-labels-idx1-ubyte.gz", Some(("", Some(Part::Test), "labels"))),
            ("t10k-images.idx3-ubyte", Some(("", Some(Part::Test), "images"))),
            ("emnist-digits-test-images-idx3-ubyte.gz", Some(("emnist-digits", Some(Part::Test), "images"))),
            ("qmnist-train-labels-idx2-int", Some(("qmnist", Some(Part::Train), "labels"))),
            ("validation-groups-idx1-int", Some(("", Some(Part::Validation), "groups"))),
            ("images-idx3-ubyte", Some(("", None, "images"))),
            ("qmnist-test50k-labels-idx2-int", None),
            ("emnist-digits-mapping.txt", None),
            ("train.png", None),
        ] {
            assert_eq!(parse_name(name), expected, "{name}");
        }
    }

    #[test]
    fn of_a_plain_and_a_packed_file_the_plain_one_is_taken() {
        for order in [
            ["train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"],
            ["train-images-idx3-ubyte.gz", "train-images-idx3-ubyte"],
        ] {
            let sets = find(&order.map(PathBuf::from));
            assert_eq!(sets[""][&Some(Part::Train)].images, Some("train-images-idx3-ubyte".into()));
        }
    }

    #[test]
    fn transposing_turns_a_row_into_a_column() {
        let size = Size { height: 2, width: 3, channels: 1 };
        let (image_file, label_file) = (PathBuf::new(), PathBuf::new());
        let pixels = vec![1, 2, 3, 4, 5, 6];
        let mut part = ArrayPart {
            part: None,
            image_file,
            label_file,
            label_place: None,
            size,
            pixels,
            labels: vec![0],
            groups: None,
        };
        transpose(&mut part, &Pool::new(1).unwrap());
        assert_eq!((part.pixels, part.size.height, part.size.width), (vec![1, 4, 2, 5, 3, 6], 3, 2));
    }
}
