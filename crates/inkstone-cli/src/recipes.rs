//! What RECIPE|SOURCE and KEY=VALUE mean: which recipe, with which images.

use std::path::{Path, PathBuf};

use inkstone::data::Dataset;
use inkstone::data::dataset::Size;
use inkstone::data::source::SETS;
use inkstone::spec::loading::Caching;
use inkstone::spec::nearest::suggestion;
use inkstone::spec::recipe::DataSpec;
use inkstone::spec::{Recipe, builtin};
use inkstone::{Error, ErrorKind, Result};

use crate::context::Context;

/// Images up to this side keep their own size under the recipe `images`.
const LARGEST_OWN_SIDE: usize = 64;

/// A recipe with what the command line changed in it.
#[derive(Debug)]
pub(crate) struct Chosen {
    /// The recipe as it was written.
    recipe: Recipe,
    /// Where it was written, if not into the program.
    file: Option<PathBuf>,
    /// Whether it is `images`, which takes size and colours from the images.
    fits_itself: bool,
    overrides: Vec<String>,
    /// The source named on the command line.
    source: Option<String>,
}

/// Understands the words after `train`. A built-in recipe's name wins over a path; `./name` is the path.
pub(crate) fn choose(words: &[String], data: Option<&str>, context: &Context) -> Result<Chosen> {
    let (overrides, names): (Vec<String>, Vec<String>) = words.iter().cloned().partition(|word| is_override(word));
    let data = data.map(str::to_owned);
    let images = |source: Option<String>| -> Result<Chosen> {
        Ok(Chosen { recipe: built_in("images")?, file: None, fits_itself: true, overrides: overrides.clone(), source })
    };
    match names.as_slice() {
        [] if data.as_deref().is_none_or(|name| name == "mnist") => {
            Ok(Chosen { recipe: built_in("mnist")?, file: None, fits_itself: false, overrides, source: data })
        }
        [] => images(data),
        [name] if builtin::recipe_names().contains(&name.as_str()) => {
            if Path::new(name).exists() {
                context
                    .terminal
                    .note(&format!("using the built-in recipe {name}, not the path; say ./{name} for that"));
            }
            if name == "images" {
                return images(data);
            }
            Ok(Chosen { recipe: built_in(name)?, file: None, fits_itself: false, overrides, source: data })
        }
        [name] if Path::new(name).extension().is_some_and(|extension| extension == "toml") => {
            let recipe = read(Path::new(name))?;
            Ok(Chosen { recipe, file: Some(name.into()), fits_itself: false, overrides, source: data })
        }
        [name] if SETS.contains(&name.as_str()) || looks_like_a_path(name) => match data {
            None => images(Some(name.clone())),
            Some(data) => {
                Err(Error::mismatch(ErrorKind::Usage, "one source of images", format!("{name} and --data {data}")))
            }
        },
        [name] => {
            let known: Vec<&str> = builtin::recipe_names().into_iter().chain(SETS.into_iter().skip(1)).collect();
            Err(Error::new(ErrorKind::Usage, format!("no recipe, data set or path is called `{name}`"))
                .with_help(suggestion(name, &known)))
        }
        [_, second, ..] => {
            let expected = "one recipe or source, then overrides such as epochs=3";
            Err(Error::mismatch(ErrorKind::Usage, expected, format!("`{second}` as well")))
        }
    }
}

/// A path that is there, or a word that can only be meant as one.
fn looks_like_a_path(name: &str) -> bool {
    Path::new(name).exists() || name.contains(['/', '\\', '.'])
}

/// `KEY=VALUE`; a path may hold a `=` too, but no key holds a `/`.
pub(crate) fn is_override(word: &str) -> bool {
    let is_key = |key: &str| !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    word.split_once('=').is_some_and(|(key, _)| is_key(key) && !key.starts_with('.'))
}

pub(crate) fn built_in(name: &str) -> Result<Recipe> {
    builtin::recipe(name).ok_or_else(|| Error::new(ErrorKind::Usage, format!("no built-in recipe `{name}`")))
}

/// A recipe file. Its source and its cache, where they are paths, and its other files are relative to it.
pub(crate) fn read(file: &Path) -> Result<Recipe> {
    let mut recipe = Recipe::read(file)?;
    let folder = file.parent().unwrap_or(Path::new(""));
    for path in [&mut recipe.data.corrections, &mut recipe.data.split_file].into_iter().flatten() {
        *path = text(&folder.join(&*path))?;
    }
    if let (Some(source), Some(folder)) = (&recipe.data.source, file.parent())
        && !SETS.contains(&source.as_str())
    {
        recipe.data.source = Some(text(&folder.join(source))?);
    }
    if let (Caching::Folder(cache), Some(folder)) = (&mut recipe.data.cache, file.parent()) {
        *cache = folder.join(&*cache);
    }
    Ok(recipe)
}

/// A source that means the same from every folder: a set's name, or an absolute path.
pub(crate) fn lasting(source: &str) -> Result<String> {
    if SETS.contains(&source) {
        return Ok(source.to_owned());
    }
    let path = Path::new(source);
    text(&std::path::absolute(path).map_err(|error| Error::io(path, "find the folder", &error))?)
}

fn text(path: &Path) -> Result<String> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| Error::mismatch(ErrorKind::Usage, "a path that is UTF-8", "other bytes").with_file(path))
}

impl Chosen {
    /// The images to train on.
    pub(crate) fn source(&self) -> Result<String> {
        let recipe = self.recipe.with_overrides(&self.overrides)?;
        self.source.clone().or(recipe.data.source).ok_or_else(|| {
            Error::mismatch(ErrorKind::Usage, "a source of images", "none")
                .with_help("name one: a data set, a folder with one folder of images per class, or --data SOURCE")
        })
    }

    /// How the images are read and split; a folder for the cache means the same from everywhere.
    pub(crate) fn data(&self) -> Result<DataSpec> {
        let mut data = self.recipe.with_overrides(&self.overrides)?.data;
        if let Caching::Folder(cache) = &mut data.cache {
            *cache = std::path::absolute(&*cache).map_err(|error| Error::io(&*cache, "find the folder", &error))?;
        }
        Ok(data)
    }

    /// Names the recipe's file in an error about what stands in it.
    pub(crate) fn blame(&self, error: Error) -> Error {
        match (&self.file, error.kind()) {
            (Some(file), ErrorKind::Spec) => error.with_file(file),
            _ => error,
        }
    }

    /// The recipe for these images, the command line's word last.
    pub(crate) fn for_dataset(&self, dataset: &Dataset) -> Result<Recipe> {
        let mut recipe = self.recipe.clone();
        if self.fits_itself {
            fit(&mut recipe, dataset);
        }
        recipe.with_overrides(&self.overrides)
    }
}

/// `images`: the images' own size where all share a small one, and colours where there are some.
fn fit(recipe: &mut Recipe, dataset: &Dataset) {
    if let Some(Size { height, width, .. }) = dataset.images.uniform_size()
        && height.max(width) <= LARGEST_OWN_SIDE
    {
        recipe.preprocess.size = Some([height, width]);
    }
    recipe.preprocess.grayscale = !(0..dataset.images.len()).any(|i| is_coloured(dataset, i));
}

/// Grey images are often stored as RGB.
pub(crate) fn is_coloured(dataset: &Dataset, i: usize) -> bool {
    let has_colour = |pixel: &[u8]| pixel[0] != pixel[1] || pixel[1] != pixel[2];
    dataset.images.size(i).channels == 3 && dataset.images.with(i, |image| image.pixels.chunks_exact(3).any(has_colour))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overrides_are_told_from_paths() {
        for (word, expected) in [
            ("epochs=3", true),
            ("train.epochs=3", true),
            ("split=8:1:1", true),
            ("./a=b", false),
            ("data/a=b", false),
            ("=3", false),
            ("mnist", false),
        ] {
            assert_eq!(is_override(word), expected, "{word}");
        }
    }
}
