//! From the text of a recipe to a [`Recipe`], and from serde's messages to ours: file, line, key, expected, found,
//! nearest known word. Refuses unknown keys everywhere.

use std::path::Path;

use serde_path_to_error::{Path as KeyPath, Segment};

use super::nearest::suggestion;
use super::recipe::Recipe;
use crate::error::{Error, ErrorKind, Result};

/// A recipe is a page or two: anything longer is no recipe.
const LIMIT_BYTES: u64 = 1 << 20;

impl Recipe {
    /// Reads a recipe file.
    ///
    /// # Errors
    /// `Io` if the file cannot be read; otherwise as [`Recipe::parse`].
    pub fn read(file: impl AsRef<Path>) -> Result<Self> {
        let file = file.as_ref();
        let length = std::fs::metadata(file).map_err(|error| Error::io(file, "read the recipe", &error))?.len();
        if length > LIMIT_BYTES {
            let expected = format!("a recipe of at most {LIMIT_BYTES} bytes");
            return Err(Error::mismatch(ErrorKind::Spec, expected, format!("{length} bytes")).with_file(file));
        }
        let text = std::fs::read(file).map_err(|error| Error::io(file, "read the recipe", &error))?;
        let text = String::from_utf8(text)
            .map_err(|_| Error::mismatch(ErrorKind::Spec, "a text in UTF-8", "other bytes").with_file(file))?;
        Self::parse(&text, file)
    }

    /// Understands and checks the text of a recipe. `file` is named in errors, nothing is read from it.
    ///
    /// # Errors
    /// `Spec`, with the line, the key, what was expected and what was found.
    ///
    /// ```
    /// use inkstone::spec::Recipe;
    /// let text = "version = 1\n[train]\nepoch = 3\n[model]\nlayers = [\"flatten\", { dense = {} }]";
    /// let error = Recipe::parse(text, "mine.toml").unwrap_err();
    /// assert_eq!(error.to_string(), "mine.toml: line 3, train.epoch: unknown key; did you mean `epochs`?");
    /// ```
    pub fn parse(text: &str, file: impl AsRef<Path>) -> Result<Self> {
        let located = |error: Error, span: Option<std::ops::Range<usize>>| {
            let line = span.filter(|span| !span.is_empty()).map(|span| line_of(text, span.start));
            let place: Vec<String> =
                line.map(|line| format!("line {line}")).into_iter().chain(error.place().map(str::to_owned)).collect();
            let error = if place.is_empty() { error } else { error.with_place(place.join(", ")) };
            error.with_file(&file)
        };
        let deserializer = toml::Deserializer::parse(text)
            .map_err(|error| located(syntax(text, &error), end_of_text(text, &error)))?;
        let recipe = deserialize(deserializer)
            .map_err(|error| located(rewrite(error.inner().message(), error.path()), error.inner().span()))?;
        recipe.check().map_err(|error| error.with_file(&file))?;
        Ok(recipe)
    }

    /// Understands a recipe as a table, unchecked.
    pub(super) fn from_table(table: &toml::Table) -> Result<Self> {
        let text = table.to_string();
        let deserializer = toml::Deserializer::parse(&text).map_err(|error| syntax(&text, &error))?;
        deserialize(deserializer).map_err(|error| rewrite(error.inner().message(), error.path()))
    }
}

/// The one way from TOML to a recipe: each form of a deserializer that serde is used with costs seconds of compilation.
fn deserialize(deserializer: toml::Deserializer<'_>) -> Result<Recipe, serde_path_to_error::Error<toml::de::Error>> {
    serde_path_to_error::deserialize(deserializer)
}

/// Counted from 1.
fn line_of(text: &str, offset: usize) -> usize {
    1 + text.as_bytes()[..offset.min(text.len())].iter().filter(|&&byte| byte == b'\n').count()
}

/// Where a syntax error stands; an empty place (the end of the text, say) is made visible.
fn end_of_text(text: &str, error: &toml::de::Error) -> Option<std::ops::Range<usize>> {
    error.span().map(|span| if span.is_empty() { span.start..(span.start + 1).max(text.len().min(1)) } else { span })
}

/// What is no TOML at all.
fn syntax(text: &str, error: &toml::de::Error) -> Error {
    let message = error.message().trim();
    let word = error.span().and_then(|span| text.get(span)).unwrap_or_default();
    if !word.is_empty() && word.len() < 40 && !word.contains('\n') {
        Error::new(ErrorKind::Spec, message).with_found(format!("`{word}`"))
    } else {
        Error::new(ErrorKind::Spec, message)
    }
}

/// Our form of a message of serde or toml about the value at `path`.
pub(super) fn rewrite(message: &str, path: &KeyPath) -> Error {
    let place = place(path);
    let error = if let Some((word, known)) = unknown(message, "unknown field `") {
        Error::new(ErrorKind::Spec, "unknown key").with_help(suggestion(word, &known))
    } else if let Some((word, known)) = unknown(message, "unknown variant `") {
        let what = if is_layer(path) { "layer" } else { "word" };
        Error::new(ErrorKind::Spec, format!("unknown {what} `{word}`")).with_help(suggestion(word, &known))
    } else if let Some(key) = message.strip_prefix("missing field `") {
        Error::new(ErrorKind::Spec, format!("missing key `{}`", key.trim_end_matches('`')))
    } else if message.ends_with("expected newtype variant") {
        Error::mismatch(ErrorKind::Spec, format!("its options, such as {}", example(path)), "none")
    } else if message.starts_with("wanted") {
        let found = message.rsplit(", ").next().filter(|_| message.contains(", ")).unwrap_or("something else");
        Error::mismatch(ErrorKind::Spec, "a layer such as \"flatten\" or { dense = { units = 10 } }", plain(found))
    } else if message.contains("untagged enum Fill") {
        Error::mismatch(ErrorKind::Spec, "\"edge\", \"reflect\" or a number from 0 to 255", "something else")
    } else if message.contains("untagged enum ProportionForms") {
        Error::mismatch(ErrorKind::Spec, "proportions such as \"8:1:1\" or [8, 1, 1]", "something else")
    } else {
        mismatch(message)
    };
    if place.is_empty() { error } else { error.with_place(place) }
}

/// How the layer that `path` ends at is written with its options.
fn example(path: &KeyPath) -> String {
    let kind = match path.iter().next_back() {
        Some(Segment::Map { key } | Segment::Enum { variant: key }) => key,
        _ => "dense",
    };
    let options = match kind {
        "conv2d" => "{ filters = 32, kernel = 3 }",
        "max_pool" | "average_pool" => "2",
        "dropout" => "0.5",
        "residual" => "{ body = [ … ] }",
        _ => "{}", // All of its options have defaults.
    };
    format!("{{ {kind} = {options} }}")
}

/// ``unknown field `epoch`, expected one of `epochs`, `ema` `` → the word and the known ones.
fn unknown<'a>(message: &'a str, prefix: &str) -> Option<(&'a str, Vec<&'a str>)> {
    let (word, rest) = message.strip_prefix(prefix)?.split_once('`')?;
    Some((word, rest.split('`').skip(1).step_by(2).collect()))
}

/// `invalid type: string "abc", expected usize` and its relatives.
fn mismatch(message: &str) -> Error {
    let invalid = ["invalid type: ", "invalid value: ", "invalid length "];
    let found_first = invalid.iter().find_map(|prefix| message.strip_prefix(prefix)?.rsplit_once(", expected "));
    let expected_first = || message.strip_prefix("expected ").and_then(|rest| rest.rsplit_once(", found "));
    if let Some((found, expected)) = found_first {
        let found = if message.starts_with("invalid length") { format!("{found} of them") } else { plain(found) };
        Error::mismatch(ErrorKind::Spec, plain(expected), found)
    } else if let Some((expected, found)) = expected_first() {
        Error::mismatch(ErrorKind::Spec, plain(expected), plain(found))
    } else if let Some(expected) = message.strip_prefix("expected ") {
        Error::mismatch(ErrorKind::Spec, expected, "something else")
    } else {
        Error::new(ErrorKind::Spec, message)
    }
}

/// serde's words for types, in the words of somebody who writes a recipe.
fn plain(words: &str) -> String {
    let known = [
        ("usize", "a whole number, 0 or more"),
        ("u64", "a whole number, 0 or more"),
        ("u32", "a whole number, 0 or more"),
        ("f32", "a number"),
        ("f64", "a number"),
        ("a string", "a text in quotes"),
        ("string", "a text"),
        ("a boolean", "true or false"),
        ("unit variant", "no options"),
        ("table", "no options, just the name in quotes"),
        ("map", "a table"),
        ("sequence", "a list"),
        ("a sequence", "a list"),
        ("more than 1 element", "more than one in one table"),
        ("found 0 elements", "an empty table"),
    ];
    if let Some((_, ours)) = known.iter().find(|(theirs, _)| *theirs == words) {
        return (*ours).to_owned();
    }
    for kind in ["integer ", "floating point ", "boolean ", "string "] {
        if let Some(value) = words.strip_prefix(kind) {
            return value.trim_matches('`').to_owned();
        }
    }
    if let Some(length) = words.strip_prefix("an array of length ") {
        return format!("a list of {length}");
    }
    match words.strip_prefix("struct ") {
        Some(_) => "a table".to_owned(),
        None => words.to_owned(),
    }
}

/// Whether the path ends at an entry of a list of layers.
fn is_layer(path: &KeyPath) -> bool {
    matches!(path.iter().next_back(), Some(Segment::Seq { .. })) && place(path).contains("layer ")
}

/// `train.epochs`; in lists of layers `layer 3 (conv2d), filters`, as [`super::plan`] names them.
fn place(path: &KeyPath) -> String {
    let segments: Vec<&Segment> = path.iter().collect();
    let mut text = String::new();
    let mut after_layer = false;
    for (i, segment) in segments.iter().enumerate() {
        let lists_layers =
            |key: &str| matches!(key, "layers" | "body") && matches!(segments.get(i + 1), Some(Segment::Seq { .. }));
        match segment {
            Segment::Map { key } if key == "model" && segments.len() > i + 2 => {}
            Segment::Map { key } if lists_layers(key) => {}
            Segment::Map { key } | Segment::Enum { variant: key } if after_layer => {
                text += &format!(" ({key})");
                after_layer = false;
            }
            Segment::Map { key } | Segment::Enum { variant: key } => {
                let separator = if text.is_empty() {
                    ""
                } else if text.ends_with(')') {
                    ", "
                } else {
                    "."
                };
                text += &format!("{separator}{key}");
            }
            Segment::Seq { index } if i > 0 && is_list_of_layers(segments[i - 1]) => {
                let separator = if text.is_empty() { "" } else { ", " };
                text += &format!("{separator}layer {}", index + 1);
                after_layer = true;
            }
            Segment::Seq { index } => text += &format!("[{index}]"),
            Segment::Unknown => {}
        }
    }
    text
}

fn is_list_of_layers(segment: &Segment) -> bool {
    matches!(segment, Segment::Map { key } if key == "layers" || key == "body")
}
