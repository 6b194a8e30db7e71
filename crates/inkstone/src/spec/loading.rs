//! How the images of a source are read, as a person writes it: `data.on_error`, `data.cache`, `data.stream`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What becomes of images that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The first twenty are listed, and nothing is done.
    #[default]
    Fail,
    /// They are left out, and each is named in a warning (the first twenty) and counted.
    Skip,
}

/// Where the decoded images of a folder are kept for the next time: `"auto"`, `"off"` or a folder.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Caching {
    /// Beside the run, where the folder is large enough to be worth it.
    #[default]
    Auto,
    /// Nowhere.
    Off,
    /// In this folder.
    Folder(PathBuf),
}

impl From<String> for Caching {
    fn from(text: String) -> Self {
        match text.as_str() {
            "auto" => Self::Auto,
            "off" => Self::Off,
            _ => Self::Folder(text.into()),
        }
    }
}

impl From<Caching> for String {
    fn from(caching: Caching) -> Self {
        match caching {
            Caching::Auto => "auto".to_owned(),
            Caching::Off => "off".to_owned(),
            Caching::Folder(path) => path.to_string_lossy().into_owned(),
        }
    }
}

/// Whether the pixels stay on the disk and are read block by block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Streaming {
    /// Those of sets with 4 GiB of pixels and more.
    #[default]
    Auto,
    /// Those of every set that can be streamed.
    Always,
    /// Those of no set.
    Never,
}

/// Whether a key is at its default, and is then not written.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
