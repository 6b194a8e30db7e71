//! The corpus of bad files under tests/bad (made by reference/make_bad_files.py): each gives one exact line.
#![cfg(feature = "formats")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use inkstone::data::source::{SourceOptions, open};
use inkstone::data::{folder, idx};
use inkstone::parallel::Pool;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad")
}

/// Every entry of `folder` must be in `expected`, with the message that `read` gives, paths cut to below `folder`.
fn check(folder: &str, expected: &[(&str, &str)], read: impl Fn(&Path) -> inkstone::Result<()>) {
    let folder = root().join(folder);
    let there: BTreeSet<String> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let tested: BTreeSet<String> = expected.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(there, tested, "the corpus and this list are the same");
    let mut wrong = String::new();
    for (name, message) in expected {
        let found = match read(&folder.join(name)) {
            Ok(()) => "no error".to_owned(),
            Err(error) => error.to_string().replace(&format!("{}/", folder.display()), ""),
        };
        if found != *message {
            wrong.push_str(&format!("\n{name}\n  expected: {message}\n  found:    {found}\n"));
        }
        assert!(!found.contains('\n'), "one line");
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn open_path(path: &Path) -> inkstone::Result<()> {
    let pool = Pool::new(2)?;
    open(path.to_str().unwrap(), &SourceOptions::default(), &pool).map(|_| ())
}

#[test]
fn every_bad_idx_file_has_its_message() {
    let expected = [("x", "y")];
    check("idx", &expected, |path| idx::read(path).map(|_| ()));
}

#[test]
fn every_bad_idx_set_has_its_message() {
    let expected = [("x", "y")];
    check("sets", &expected, open_path);
}

#[test]
fn every_bad_npz_file_has_its_message() {
    let expected = [("x", "y")];
    check("npz", &expected, open_path);
}

#[test]
fn every_bad_image_has_its_message() {
    let expected = [("x", "y")];
    check("images", &expected, |path| folder::decode_file(path).map(|_| ()));
}

#[test]
fn every_bad_folder_of_images_has_its_message() {
    let expected = [("x", "y")];
    check("folders", &expected, open_path);
}

#[test]
fn every_file_that_is_no_source_has_its_message() {
    let expected = [("x", "y")];
    check("files", &expected, open_path);
}
