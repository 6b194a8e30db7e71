//! What array files (IDX, NPZ, the built-in set) have in common: images of one size paired with integer labels,
//! and the names that published sets give to those labels.

use std::path::PathBuf;

use super::dataset::{Dataset, Part, Rows, Size};
use crate::error::{Error, ErrorKind, Result};

/// Labels are positions in the list of classes; a larger one is taken for something else than a label.
pub(super) const MAX_LABEL: i64 = 9_999;

/// The arrays of one part, and the files that they came from.
pub(super) struct ArrayPart {
    pub(super) part: Option<Part>,
    pub(super) image_file: PathBuf,
    pub(super) label_file: PathBuf,
    /// Where in that file, if it holds several arrays.
    pub(super) label_place: Option<String>,
    pub(super) size: Size,
    pub(super) pixels: Vec<u8>,
    pub(super) labels: Vec<i64>,
    pub(super) groups: Option<Vec<u32>>,
}

/// The size of each image in an array (N, H, W) or (N, H, W, C).
pub(super) fn image_size(shape: &[usize]) -> Result<Size> {
    match *shape {
        [_, height, width] if height * width > 0 => Ok(Size { height, width, channels: 1 }),
        [_, height, width, channels @ (1 | 3)] if height * width > 0 => Ok(Size { height, width, channels }),
        _ => {
            let expected = "images of shape (N, H, W) or (N, H, W, C) with 1 or 3 channels";
            Err(Error::mismatch(ErrorKind::Data, expected, shape_text(shape)))
        }
    }
}

/// `(60000, 28, 28)`.
pub(super) fn shape_text(shape: &[usize]) -> String {
    let lengths: Vec<String> = shape.iter().map(ToString::to_string).collect();
    format!("({})", lengths.join(", "))
}

/// A dataset named `name`: with the given names of classes, else those of the published set of that name, else numbers.
pub(super) fn dataset(name: &str, parts: Vec<ArrayPart>, classes: Option<Vec<String>>) -> Result<Dataset> {
    for part in &parts {
        check(part)?;
    }
    let last = parts.iter().flat_map(|part| &part.labels).max().copied().unwrap_or(0);
    let known = classes.map(|names| (0, names)).or_else(|| class_names(name));
    let (first, names) = match known {
        Some((first, names)) if last < first + names.len() as i64 && no_label_below(first, &parts) => (first, names),
        _ => (0, (0..=last).map(|label| label.to_string()).collect()),
    };
    let rows = parts
        .into_iter()
        .map(|part| Rows {
            part: part.part,
            size: part.size,
            pixels: part.pixels,
            labels: part.labels.iter().map(|&label| (label - first) as u32).collect(),
            groups: part.groups,
        })
        .collect();
    Dataset::from_rows(name, names, rows)
}

fn no_label_below(first: i64, parts: &[ArrayPart]) -> bool {
    parts.iter().all(|part| part.labels.iter().all(|&label| label >= first))
}

fn check(part: &ArrayPart) -> Result<()> {
    let n_images = part.pixels.len() / part.size.len();
    if n_images != part.labels.len() {
        let expected = format!("{n_images} labels, one for each image of {}", part.image_file.display());
        let found = part.labels.len().to_string();
        let error = Error::mismatch(ErrorKind::Data, expected, found).with_file(&part.label_file);
        return Err(match &part.label_place {
            Some(place) => error.with_place(place),
            None => error,
        });
    }
    match part.labels.iter().position(|label| !(0..=MAX_LABEL).contains(label)) {
        Some(row) => {
            let expected = format!("labels from 0 to {MAX_LABEL}");
            let place = part.label_place.as_ref().map_or(String::new(), |place| format!("{place}, "));
            Err(Error::mismatch(ErrorKind::Data, expected, part.labels[row].to_string())
                .with_place(format!("{place}row {row}"))
                .with_file(&part.label_file))
        }
        None => Ok(()),
    }
}

/// The first label and the names of a published set's classes.
fn class_names(set: &str) -> Option<(i64, Vec<String>)> {
    let chars = |text: &str| text.chars().map(String::from).collect::<Vec<String>>();
    let digits_and_capitals = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    match set {
        "fashion-mnist" => Some((
            0,
            ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
                .map(String::from)
                .to_vec(),
        )),
        "kmnist" => Some((0, chars("おきすつなはまやれを"))),
        "mnist" | "qmnist" | "emnist-digits" | "emnist-mnist" => Some((0, chars("0123456789"))),
        // Capital and small letters are one class, and labels count from 1.
        "emnist-letters" => Some((1, chars("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))),
        // Small letters that look like their capitals are merged with them.
        "emnist-balanced" | "emnist-bymerge" => Some((0, chars(&format!("{digits_and_capitals}abdefghnqrt")))),
        "emnist-byclass" => Some((0, chars(&format!("{digits_and_capitals}abcdefghijklmnopqrstuvwxyz")))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(labels: Vec<i64>) -> ArrayPart {
        let size = Size { height: 1, width: 1, channels: 1 };
        let (image_file, label_file) = ("images".into(), "labels".into());
        let (label_place, pixels) = (None, vec![0; 3]);
        ArrayPart { part: None, image_file, label_file, label_place, size, pixels, labels, groups: None }
    }

    #[test]
    fn published_sets_have_their_names_and_others_numbers() {
        let classes = |name: &str, labels| dataset(name, vec![part(labels)], None).unwrap().classes;
        assert_eq!(classes("mine", vec![0, 4, 2]), ["0", "1", "2", "3", "4"]);
        assert_eq!(classes("fashion-mnist", vec![0, 4, 9])[9], "Ankle boot");
        assert_eq!(classes("kmnist", vec![0, 1, 9]).join(""), "おきすつなはまやれを");
        assert_eq!(classes("kmnist", vec![0, 1, 10]).len(), 11);
        assert_eq!(classes("emnist-balanced", vec![0, 0, 0]).len(), 47);
        assert_eq!(classes("emnist-byclass", vec![0, 0, 0]).len(), 62);
        let letters = dataset("emnist-letters", vec![part(vec![1, 2, 26])], None).unwrap();
        assert_eq!(letters.classes.len(), 26);
        assert_eq!(letters.samples.iter().map(|sample| sample.label).collect::<Vec<_>>(), [0, 1, 25]);
    }

    #[test]
    fn labels_that_do_not_fit_the_images_name_both_files() {
        let message = |labels| dataset("x", vec![part(labels)], None).unwrap_err().to_string();
        assert_eq!(message(vec![1; 4]), "labels: expected 3 labels, one for each image of images, found 4");
        assert_eq!(message(vec![1, -1, 0]), "labels: row 1: expected labels from 0 to 9999, found -1");
    }
}
