//! Reads a source, divides and prepares it as asked, and writes it in another format.

use std::path::Path;

use inkstone::data::Dataset;
use inkstone::data::inspect::PartCounts;
use inkstone::data::prepared::{Format, Manifest};
use inkstone::data::split::draw;
use inkstone::data::write::{self, Replace, Request};
use inkstone::hash::sha256_hex;
use inkstone::spec::loading::Streaming;
use inkstone::spec::recipe::{DataSpec, Recipe};
use inkstone::spec::{AugmentSpec, PreprocessSpec};
use inkstone::{Error, ErrorKind, Result};
use serde_json::json;

use super::Args;
use crate::Outcome;
use crate::context::Context;
use crate::images::{Loaded, load};
use crate::recipes::{built_in, is_coloured, is_override};

pub(super) fn run(args: &Args, context: &Context) -> Result<Outcome> {
    let Some(out) = &args.out else {
        return Err(Error::mismatch(ErrorKind::Usage, "--out DEST", "none"));
    };
    let format: Format = match &args.format {
        Some(format) => format.parse()?,
        None => {
            let names = Format::ALL.map(Format::name).join(", ");
            return Err(Error::mismatch(ErrorKind::Usage, format!("--format ({names})"), "none"));
        }
    };
    let (source, overrides) = source_and_overrides(&args.words)?;
    let wishes = Wishes::read(&overrides, args, context)?;
    let loaded = load(source, &wishes.data, None, context)?;
    let Loaded { dataset, hashes, copies, corrections, notes, .. } = loaded;
    notes.iter().for_each(|note| context.terminal.note_or_warn(note));
    let preprocess = wishes.preprocess(&dataset)?;
    let mut request = Request {
        format,
        replace: if args.force { Replace::Ours } else { Replace::Nothing },
        split: "source".to_owned(),
        split_seed: None,
        preprocess,
        source: dataset.name.clone(),
        source_fingerprint: hashes.hex.clone(),
        corrections: corrections.map(|text| sha256_hex(text.as_bytes())),
    };
    let divided = match describe_split(&wishes.data) {
        None => dataset,
        Some(how) => {
            (request.split, request.split_seed) = (how, Some(wishes.data.split_seed));
            let split = draw(&dataset, &wishes.data, &hashes, &copies)?;
            split.notes.iter().for_each(|note| context.terminal.note_or_warn(note));
            write::with_parts(&dataset, &split)
        }
    };
    let prepared = match &request.preprocess {
        Some(spec) => write::preprocessed(&divided, spec, context.pool()?)?,
        None => divided,
    };
    let manifest = write::write(&prepared, out, &request, context.pool()?)?;
    if context.json {
        context.print_json(&document(out, &manifest));
    } else {
        context.print(&text(out, &manifest));
    }
    Ok(Outcome::Done)
}

/// The one source among the words, and the overrides of recipe keys.
fn source_and_overrides(words: &[String]) -> Result<(&str, Vec<String>)> {
    let (overrides, names): (Vec<&String>, Vec<&String>) = words.iter().partition(|word| is_override(word));
    match names.as_slice() {
        [source] => Ok((source, overrides.into_iter().cloned().collect())),
        [] => Err(Error::mismatch(ErrorKind::Usage, "a source of images", "none")),
        [_, second, ..] => {
            let expected = "one source, then overrides such as preprocess.size=28x28";
            Err(Error::mismatch(ErrorKind::Usage, expected, format!("`{second}` as well")))
        }
    }
}

/// What the options and overrides ask for.
struct Wishes {
    data: DataSpec,
    overrides: Vec<String>,
}

impl Wishes {
    fn read(overrides: &[String], args: &Args, context: &Context) -> Result<Self> {
        let overrides: Vec<String> = overrides.iter().map(|word| size_as_list(word)).collect();
        let base = plain()?;
        let recipe = base.with_overrides(&overrides)?;
        refuse_what_means_nothing(&base, &recipe)?;
        let mut data = recipe.data;
        // What is written is in memory first.
        data.stream = Streaming::Never;
        data.split = args.split.or(data.split);
        data.split_seed = context.seed.unwrap_or(data.split_seed);
        if let Some(file) = &args.exclude {
            let path = file.to_str().map(str::to_owned);
            data.corrections = Some(path.ok_or_else(|| {
                Error::mismatch(ErrorKind::Usage, "a path that is UTF-8", "other bytes").with_place("--exclude")
            })?);
        }
        Ok(Self { data, overrides })
    }

    /// The fixed steps, if any key of them was given. Colours stay unless they are to go.
    fn preprocess(&self, dataset: &Dataset) -> Result<Option<PreprocessSpec>> {
        let mut base = plain()?;
        base.preprocess.grayscale = !(0..dataset.images.len()).any(|i| is_coloured(dataset, i));
        let recipe = base.with_overrides(&self.overrides)?;
        let is_asked = |word: &String| {
            let key = word.split('=').next().unwrap_or_default();
            key.starts_with("preprocess.") || matches!(key, "size" | "grayscale" | "ink")
        };
        Ok(self.overrides.iter().any(is_asked).then_some(recipe.preprocess))
    }
}

/// A recipe without wishes.
fn plain() -> Result<Recipe> {
    let mut base = built_in("images")?;
    base.data = DataSpec::default();
    base.preprocess = PreprocessSpec::default();
    Ok(base)
}

/// `size=28x28` is `size=[28, 28]`.
fn size_as_list(word: &str) -> String {
    let list = |(key, value): (&str, &str)| {
        let (height, width) = value.split_once('x')?;
        let sides = (height.parse::<usize>().ok()?, width.parse::<usize>().ok()?);
        key.ends_with("size").then(|| format!("{key}=[{}, {}]", sides.0, sides.1))
    };
    word.split_once('=').and_then(list).unwrap_or_else(|| word.to_owned())
}

/// Bytes are written: what acts on numbers, and what is random, belongs to the training.
fn refuse_what_means_nothing(base: &Recipe, recipe: &Recipe) -> Result<()> {
    let refuse = |found: &str| {
        Err(Error::mismatch(
            ErrorKind::Usage,
            "overrides of data.split, data.validation, preprocess.size and the like",
            found,
        )
        .with_help("images are written as bytes; the rest happens in training"))
    };
    if recipe.augment != AugmentSpec::default() && recipe.augment != base.augment {
        return refuse("a key of [augment]");
    }
    if recipe.model != base.model || recipe.train != base.train || recipe.name != base.name {
        return refuse("a key of the model or its training");
    }
    if recipe.preprocess.scale != base.preprocess.scale || recipe.preprocess.normalise != base.preprocess.normalise {
        return refuse("preprocess.scale or preprocess.normalise");
    }
    if recipe.data.source.is_some() {
        return refuse("data.source");
    }
    Ok(())
}

/// How the images are divided anew; none where the source's own parts stay, also if there are none.
fn describe_split(data: &DataSpec) -> Option<String> {
    let fold = data.folds.map(|n| format!("fold {} of {n}", data.fold.unwrap_or(0)));
    let kept = data.split_file.as_ref().map(|_| "split.json".to_owned());
    let shares = data.split.map(|shares| shares.0.map(|share| share.to_string()).join(":"));
    let validation = data.validation.map(|share| format!("validation {share}"));
    let parts: Vec<String> = [kept, shares, validation, fold].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn counts(manifest: &Manifest) -> PartCounts {
    let counts = &manifest.counts;
    let sum = |part: &[usize]| part.iter().sum();
    [sum(&counts.train), sum(&counts.validation), sum(&counts.test), sum(&counts.unassigned)].into()
}

fn document(out: &Path, manifest: &Manifest) -> serde_json::Value {
    let of = |part: &[usize], label: usize| part.get(label).copied().unwrap_or(0);
    let class = |(label, name): (usize, &String)| {
        let counts = &manifest.counts;
        let parts = [&counts.train, &counts.validation, &counts.test, &counts.unassigned].map(|part| of(part, label));
        json!({ "name": name, "n_images": parts.iter().sum::<usize>(), "parts": PartCounts::from(parts) })
    };
    let files: Vec<_> = manifest
        .files
        .iter()
        .map(|file| json!({ "name": file.name, "bytes": file.bytes, "sha256": file.sha256 }))
        .collect();
    json!({
        "version": 1,
        "out": out,
        "format": manifest.format.name(),
        "files": files,
        "n_images": manifest.images.n,
        "counts": counts(manifest),
        "classes": manifest.classes.iter().enumerate().map(class).collect::<Vec<_>>(),
        "fingerprint": manifest.fingerprint,
    })
}

fn text(out: &Path, manifest: &Manifest) -> String {
    let counts = counts(manifest);
    let parts = [
        ("train", counts.train),
        ("validation", counts.validation),
        ("test", counts.test),
        ("in no part", counts.unassigned),
    ];
    let parts: Vec<String> = parts.iter().filter(|(_, n)| *n > 0).map(|(name, n)| format!("{name} {n}")).collect();
    let files: Vec<&str> = manifest.files.iter().map(|file| file.name.as_str()).take(6).collect();
    let more = manifest.files.len().saturating_sub(files.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!(
        "{}: {} images, {} classes, as {} in {}\n  parts        {}\n  files        {}{more}, dataset.toml\n  fingerprint  {}\n",
        manifest.name,
        manifest.images.n,
        manifest.classes.len(),
        manifest.format.name(),
        out.display(),
        parts.join(", "),
        files.join(", "),
        manifest.fingerprint,
    )
}
