//! Reads a source, divides and prepares it as asked, and writes it in another format.

use std::path::Path;

use inkstone::data::duplicates::kept_together;
use inkstone::data::fingerprint::fingerprint;
use inkstone::data::inspect::PartCounts;
use inkstone::data::prepared::{Format, Manifest};
use inkstone::data::write::{self, Replace, Request};
use inkstone::data::{Dataset, groups, split};
use inkstone::spec::recipe::{DataSpec, Recipe};
use inkstone::spec::{AugmentSpec, PreprocessSpec};
use inkstone::{Error, ErrorKind, Result};
use serde_json::json;

use super::Args;
use crate::Outcome;
use crate::context::Context;
use crate::images;
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
    let opened = context.open(source)?;
    let wishes = Wishes::read(&overrides, &opened, args, context)?;
    let mut request = Request {
        format,
        replace: if args.force { Replace::Ours } else { Replace::Nothing },
        split: "source".to_owned(),
        split_seed: None,
        preprocess: wishes.preprocess.clone(),
        source: opened.name.clone(),
        source_fingerprint: fingerprint(&opened, context.pool()?).hex,
    };
    let corrected = correct(opened, &wishes.data, args.exclude.as_deref(), context)?;
    let divided = divide(corrected, &wishes.data, &mut request, context)?;
    let prepared = match &wishes.preprocess {
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
    /// The fixed steps, if any key of them was given.
    preprocess: Option<PreprocessSpec>,
}

impl Wishes {
    fn read(overrides: &[String], dataset: &Dataset, args: &Args, context: &Context) -> Result<Self> {
        let mut base = built_in("images")?;
        base.data = DataSpec::default();
        base.preprocess = PreprocessSpec::default();
        base.preprocess.grayscale = !(0..dataset.images.len()).any(|i| is_coloured(dataset, i));
        let overrides: Vec<String> = overrides.iter().map(|word| size_as_list(word)).collect();
        let recipe = base.with_overrides(&overrides)?;
        refuse_what_means_nothing(&base, &recipe)?;
        let preprocess = (recipe.preprocess != base.preprocess
            || overrides.iter().any(|word| word.starts_with("preprocess.") || word.starts_with("grayscale=")))
        .then_some(recipe.preprocess);
        let mut data = recipe.data;
        data.split = args.split.or(data.split);
        data.split_seed = context.seed.unwrap_or(data.split_seed);
        Ok(Self { data, preprocess })
    }
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

/// Puts samples in groups, leaves out and relabels as asked.
fn correct(mut dataset: Dataset, data: &DataSpec, exclude: Option<&Path>, context: &Context) -> Result<Dataset> {
    if let Some(group) = &data.group {
        context.terminal.note(&groups::assign(&mut dataset, group, Some(&context.home))?);
    }
    let Some(file) = exclude.or(data.corrections.as_deref().map(Path::new)) else { return Ok(dataset) };
    let (_, corrected, note) = images::correct(dataset, file)?;
    context.terminal.note(&note);
    Ok(corrected)
}

/// Divides anew where that is asked for; else the source's own parts stay, also if there are none.
fn divide(dataset: Dataset, spec: &DataSpec, request: &mut Request, context: &Context) -> Result<Dataset> {
    request.split = match spec {
        DataSpec { split_file: Some(_), .. } => "a kept split".to_owned(),
        DataSpec { folds: Some(folds), fold, .. } => format!("fold {} of {folds}", fold.unwrap_or(0)),
        DataSpec { split: Some(shares), .. } => shares.0.map(|share| share.to_string()).join(":"),
        DataSpec { validation: Some(share), .. } => format!("validation {share}"),
        _ => return Ok(dataset),
    };
    request.split_seed = Some(spec.split_seed);
    let hashes = fingerprint(&dataset, context.pool()?);
    let copies = kept_together(spec.duplicates, (&dataset, &hashes), context.pool()?, context.isa);
    let split = split::draw(&dataset, spec, &hashes, &copies)?;
    split.notes.iter().for_each(|note| context.terminal.note_or_warn(note));
    Ok(write::with_parts(&dataset, &split))
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
