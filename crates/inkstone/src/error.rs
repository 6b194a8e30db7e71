//! The one error of the library: who must act, where, what was expected, what was found, what to do.
//!
//! It prints as one line: `recipes/mine.toml: layer 3 (conv2d): expected 32 input channels, found 16; …help…`.

use std::fmt;
use std::path::{Path, PathBuf};

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Who must act on an error: the word under `kind` in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The command or call was wrong: an unknown name, an option out of range.
    Usage,
    /// A recipe or a model specification is wrong.
    Spec,
    /// A data file or an image is wrong.
    Data,
    /// A checkpoint is wrong or does not fit.
    Checkpoint,
    /// A download failed on every mirror.
    Fetch,
    /// Training could not go on: a loss that is not finite, a locked run.
    Training,
    /// The operating system refused: no such file, no space, no permission.
    Io,
    /// The user asked to stop.
    Interrupted,
}

impl ErrorKind {
    /// The stable name used in JSON output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Spec => "spec",
            Self::Data => "data",
            Self::Checkpoint => "checkpoint",
            Self::Fetch => "fetch",
            Self::Training => "training",
            Self::Io => "io",
            Self::Interrupted => "interrupted",
        }
    }
}

/// What went wrong, as named parts. Build it with [`Error::new`] or [`Error::mismatch`] and the `with_` methods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Box<Parts>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    kind: ErrorKind,
    message: Option<String>,
    file: Option<PathBuf>,
    place: Option<String>,
    expected: Option<String>,
    found: Option<String>,
    help: Option<String>,
}

impl Error {
    /// An error told by a sentence: lower case, no final period.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            kind,
            message: Some(message.into()),
            file: None,
            place: None,
            expected: None,
            found: None,
            help: None,
        }))
    }

    /// An error told by what was expected and what was found.
    pub fn mismatch(kind: ErrorKind, expected: impl Into<String>, found: impl Into<String>) -> Self {
        let mut error = Self::new(kind, "");
        error.0.message = None;
        error.0.expected = Some(expected.into());
        error.0.found = Some(found.into());
        error
    }

    /// An input/output error of the operating system on `file`.
    pub fn io(file: impl AsRef<Path>, action: &str, source: &std::io::Error) -> Self {
        Self::new(ErrorKind::Io, format!("cannot {action}: {source}")).with_file(file)
    }

    /// Says anew who must act.
    #[must_use]
    pub fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// Names the file. A file that is already named stays.
    #[must_use]
    pub fn with_file(mut self, file: impl AsRef<Path>) -> Self {
        self.0.file.get_or_insert_with(|| file.as_ref().to_path_buf());
        self
    }

    /// Names the place inside the file: `offset 16`, `line 3`, `layer 2 (conv2d)`.
    #[must_use]
    pub fn with_place(mut self, place: impl Into<String>) -> Self {
        self.0.place = Some(place.into());
        self
    }

    /// Adds what was expected to an error that has a message.
    #[must_use]
    pub fn with_expected(mut self, expected: impl Into<String>) -> Self {
        self.0.expected = Some(expected.into());
        self
    }

    /// Adds what was found to an error that has a message.
    #[must_use]
    pub fn with_found(mut self, found: impl Into<String>) -> Self {
        self.0.found = Some(found.into());
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// Says what to do about it, unless that is said already.
    #[must_use]
    pub fn or_help(mut self, help: impl Into<String>) -> Self {
        self.0.help.get_or_insert_with(|| help.into());
        self
    }

    /// Who must act.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }
    /// The sentence, where the error is told by one.
    pub fn message(&self) -> Option<&str> {
        self.0.message.as_deref()
    }
    /// The file that it is about.
    pub fn file(&self) -> Option<&Path> {
        self.0.file.as_deref()
    }
    /// The place inside the file.
    pub fn place(&self) -> Option<&str> {
        self.0.place.as_deref()
    }
    /// What was expected.
    pub fn expected(&self) -> Option<&str> {
        self.0.expected.as_deref()
    }
    /// What was found.
    pub fn found(&self) -> Option<&str> {
        self.0.found.as_deref()
    }
    /// What to do.
    pub fn help(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// The parts as a JSON object: kind, file, place, expected, found, help, and `message`, the whole line as printed.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "kind": self.kind().name(),
            "file": self.file().map(|file| file.to_string_lossy()),
            "place": self.place(),
            "expected": self.expected(),
            "found": self.found(),
            "help": self.help(),
            "message": self.to_string(),
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = &*self.0;
        if let Some(file) = &parts.file {
            write!(f, "{}: ", file.display())?;
        }
        if let Some(place) = &parts.place {
            write!(f, "{place}: ")?;
        }
        let mut separator = "";
        if let Some(message) = &parts.message {
            write!(f, "{message}")?;
            separator = ": ";
        }
        if let Some(expected) = &parts.expected {
            write!(f, "{separator}expected {expected}")?;
            separator = ", ";
        }
        if let Some(found) = &parts.found {
            write!(f, "{separator}found {found}")?;
        }
        if let Some(help) = &parts.help {
            write!(f, "; {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_prints_as_one_line_with_file_place_expected_found_and_help() {
        let error = Error::mismatch(ErrorKind::Spec, "32 input channels", "16")
            .with_place("layer 3 (conv2d)")
            .with_file("recipes/mine.toml")
            .with_help("set filters = 32 in layer 2");
        assert_eq!(
            error.to_string(),
            "recipes/mine.toml: layer 3 (conv2d): expected 32 input channels, found 16; set filters = 32 in layer 2"
        );
    }

    #[test]
    fn json_holds_the_parts_and_the_line() {
        let json = Error::mismatch(ErrorKind::Data, "28×28", "0×0").with_file("a.png").to_json();
        assert_eq!(json["kind"], "data");
        assert_eq!(json["file"], "a.png");
        assert_eq!(json["place"], serde_json::Value::Null);
        assert_eq!(json["message"], "a.png: expected 28×28, found 0×0");
    }

    #[test]
    fn a_file_that_is_named_stays() {
        let error = Error::new(ErrorKind::Data, "empty").with_file("inner.png").with_file("outer");
        assert_eq!(error.to_string(), "inner.png: empty");
    }
}
