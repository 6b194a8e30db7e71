//! What is to be read: files as named, folders as the images in them, `-` as standard input. Opens no image.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};

use inkstone::{Error, ErrorKind, Result};

/// One image to be read.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::commands) enum Input {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
    /// A folder without images, or one that cannot be listed: reported in its place.
    Unreadable(PathBuf, Error),
}

impl Input {
    /// What it is called in the output.
    pub(in crate::commands) fn name(&self) -> String {
        match self {
            Self::File(path) | Self::Unreadable(path, _) => path.display().to_string(),
            Self::Stdin => "-".to_owned(),
        }
    }
}

impl Input {
    /// The bytes of the image file.
    pub(in crate::commands) fn read(&self) -> Result<Vec<u8>> {
        match self {
            Self::File(path) => inkstone::data::decode::read_file(path),
            Self::Stdin => read_stdin(),
            Self::Unreadable(_, error) => Err(error.clone()),
        }
    }
}

/// The endings of files that are looked at in folders, lower case.
const ENDINGS: [&str; 8] = ["png", "jpg", "jpeg", "bmp", "pgm", "ppm", "pbm", "pnm"];
/// The most bytes that are taken from standard input.
const STDIN_LIMIT: u64 = 256 << 20;

/// Every argument in its place; a folder as the images in it and below it, sorted by path.
pub(in crate::commands) fn expand(arguments: &[PathBuf]) -> Vec<Input> {
    let mut inputs = Vec::new();
    for argument in arguments {
        if argument == Path::new("-") {
            inputs.push(Input::Stdin);
        } else if argument.is_dir() {
            inputs.extend(expand_folder(argument));
        } else {
            inputs.push(Input::File(argument.clone()));
        }
    }
    inputs
}

fn expand_folder(folder: &Path) -> Vec<Input> {
    let mut files = Vec::new();
    let mut bad = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        match list(&folder) {
            Ok(paths) => {
                // A link to a folder is not followed: it may lead back here.
                let (below, here): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.is_dir());
                folders.extend(below.into_iter().filter(|path| !path.is_symlink()));
                files.extend(here.into_iter().filter(|path| is_image(path)));
            }
            Err(error) => bad.push(Input::Unreadable(folder, error)),
        }
    }
    files.sort();
    if files.is_empty() && bad.is_empty() {
        let error = Error::mismatch(ErrorKind::Data, format!("images ({})", ENDINGS.join(", ")), "none in this folder");
        bad.push(Input::Unreadable(folder.to_path_buf(), error.with_file(folder)));
    }
    files.into_iter().map(Input::File).chain(bad).collect()
}

fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error| Error::io(folder, "list the folder", &error);
    let entries = std::fs::read_dir(folder).map_err(failed)?;
    entries.map(|entry| entry.map(|entry| entry.path()).map_err(failed)).collect()
}

fn is_image(path: &Path) -> bool {
    let ending = path.extension().and_then(OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
    let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    !hidden && ENDINGS.contains(&ending.as_str())
}

/// All of standard input, up to a limit.
fn read_stdin() -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(STDIN_LIMIT + 1).read_to_end(&mut bytes);
    read.map_err(|error| Error::io("-", "read standard input", &error))?;
    if bytes.len() as u64 > STDIN_LIMIT {
        let expected = format!("at most {} MiB", STDIN_LIMIT >> 20);
        return Err(Error::mismatch(ErrorKind::Data, expected, "more").with_file("-"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_stands_for_its_images_sorted_and_one_without_any_for_an_error() {
        let root = std::env::temp_dir().join(format!("inkstone-predict-files-{}", std::process::id()));
        for folder in ["b/c", "empty"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        for file in ["z.PNG", "a.jpg", "b/1.bmp", "b/c/0.pgm", "b/notes.txt", ".hidden.png"] {
            std::fs::write(root.join(file), b"").unwrap();
        }
        let inputs = expand(&[root.clone(), "-".into(), root.join("empty"), "no/such.png".into()]);
        let names: Vec<String> = inputs.iter().map(|input| input.name().replace('\\', "/")).collect();
        let root_name = root.display().to_string().replace('\\', "/");
        let expected = ["a.jpg", "b/1.bmp", "b/c/0.pgm", "z.PNG"].map(|file| format!("{root_name}/{file}"));
        assert_eq!(names[..4], expected);
        assert_eq!(names[4..], ["-".to_owned(), format!("{root_name}/empty"), "no/such.png".to_owned()]);
        assert!(matches!(inputs[5], Input::Unreadable(..)));
        std::fs::remove_dir_all(root).unwrap();
    }
}
