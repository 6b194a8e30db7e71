//! `inkstone explain`: why does the model answer so? A picture, the numbers behind it, and what they are worth.

mod near;

use std::path::{Path, PathBuf};

use inkstone::checkpoint::write_atomically;
use inkstone::data::{decode, encode};
use inkstone::explain::{self, Baseline, Document, Explanation, Method, Neighbourhood, Request};
use inkstone::predict::{self, OpenModel, PredictionModel, Predictor, crop};
use inkstone::{Error, ErrorKind, Result};

use super::predict::files::Input;
use super::predict::region::{self, Region};
use crate::Outcome;
use crate::context::{Context, to_json};

/// Show why a model answers as it does
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  inkstone explain four.png --out why.png
  inkstone explain four.png --against 9 --out why-not-9.png     and the least ink that makes it a 9
  inkstone explain four.png --method grad_cam --out why.png --json
  inkstone explain four.png --nearest 8 --out near.png          with the training images most like it
  inkstone explain --model runs/letters-001 page.jpg --glyph 2 --out why.png --raw why.npy")]
pub(crate) struct Args {
    /// A run folder, a model file, or a built-in model
    #[arg(long, value_name = "MODEL", default_value = "digits")]
    pub(super) model: String,
    /// An image file, or - for stdin
    image: PathBuf,
    /// integrated_gradients, saliency, signed_saliency, grad_cam, occlusion
    #[arg(long, value_name = "METHOD", default_value = "integrated_gradients", value_parser = method)]
    method: Method,
    /// The class to explain; the model's answer where it is left out
    #[arg(long, value_name = "NAME")]
    class: Option<String>,
    /// Explain why not this class, and look for the smallest change of ink that makes it the answer
    #[arg(long, value_name = "NAME")]
    against: Option<String>,
    /// Which sign of a page, counted from 1 in reading order
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    glyph: Option<u32>,
    /// Only this region of the image: left, top, width, height in pixels
    #[arg(long, value_name = "X,Y,W,H", value_parser = region::parse)]
    crop: Option<Region>,
    /// What stands for nothing: black, white, mean; by default as the image's border says
    #[arg(long, value_name = "NAME", value_parser = baseline)]
    baseline: Option<Baseline>,
    /// Steps of integrated gradients; by default as many as it takes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    steps: Option<u32>,
    /// Show so many of the training images that are most like it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    nearest: Option<u32>,
    /// Where the nearest images are looked for; by default where the model comes from
    #[arg(long, value_name = "SOURCE", requires = "nearest")]
    pub(super) data: Option<String>,
    /// Write the picture to FILE.png
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Write the numbers to FILE: .npy (float32), or .json
    #[arg(long, value_name = "FILE")]
    raw: Option<PathBuf>,
}

fn method(name: &str) -> Result<Method, String> {
    let names = || Method::ALL.map(Method::name).join(", ");
    Method::named(&name.replace('-', "_")).ok_or_else(|| format!("expected one of {}", names()))
}

fn baseline(name: &str) -> Result<Baseline, String> {
    Baseline::named(name).ok_or_else(|| "expected black, white or mean".to_owned())
}

/// Writes the picture, prints what was found, and warns of every check that failed.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome> {
    let raw = args.raw.as_deref().map(RawForm::of).transpose()?;
    let model = predict::open(&args.model)?;
    if let Some(note) = &model.note {
        context.terminal.note(&format!("note: {note}"));
    }
    let looked_at = args.nearest.map(|_| near::open(args, &model, context)).transpose()?;
    let OpenModel { name, checkpoint, .. } = model;
    context.terminal.note(&format!("model: {name}, {} classes", checkpoint.classes.len()));
    let predictor = Predictor::from_checkpoint(checkpoint, context.isa);

    let input = if args.image.as_os_str() == "-" { Input::Stdin } else { Input::File(args.image.clone()) };
    let named = |error: Error| error.with_file(input.name());
    let decoded = input.read().and_then(|bytes| decode::decode(&bytes)).map_err(named)?;
    let decoded = match args.crop {
        Some(region) => crop(decoded.as_image(), region).map_err(named)?,
        None => decoded,
    };
    let neighbours = looked_at.as_ref().zip(args.nearest).map(|(near, n)| Neighbourhood {
        n: n as usize,
        dataset: &near.dataset,
        indices: &near.indices,
    });
    let request = Request {
        method: args.method,
        class: args.class.clone(),
        against: args.against.clone(),
        glyph: args.glyph.map(|glyph| glyph as usize - 1),
        baseline: args.baseline,
        steps: args.steps.map(|steps| steps as usize),
        neighbours,
    };
    let why = explain::explain_on(context.pool()?, &predictor, decoded.as_image(), &request).map_err(named)?;
    let why = why.with_file(input.name());

    let picture = explain::picture(&why, Some(decoded.as_image()));
    write_atomically(&args.out, &encode::png(picture.image()))?;
    if let (Some(file), Some(form)) = (&args.raw, raw) {
        write_atomically(file, &form.bytes(&why))?;
    }
    for check in why.failed() {
        context.terminal.warn(&format!("{}: {}", check.line(), check.meaning));
    }
    if context.json {
        let (sha256, classes) = (predictor.checkpoint().sha256(), predictor.classes().to_vec());
        context.print_json(&Document::new(PredictionModel { name, sha256, classes }, why));
    } else {
        context.print(&text(&why));
        context.terminal.note(&format!("wrote {}", args.out.display()));
    }
    Ok(Outcome::Done)
}

/// How `--raw` writes numbers.
#[derive(Debug, Clone, Copy)]
enum RawForm {
    /// NumPy's format.
    Npy,
    /// An object of shape and values.
    Json,
}

impl RawForm {
    /// By the file's ending.
    fn of(file: &Path) -> Result<Self> {
        match file.extension().and_then(|ending| ending.to_str()) {
            Some("npy") => Ok(Self::Npy),
            Some("json") => Ok(Self::Json),
            _ => {
                let error = Error::mismatch(ErrorKind::Usage, "a file name ending in .npy or .json", "another");
                Err(error.with_file(file).with_place("--raw"))
            }
        }
    }

    fn bytes(self, why: &Explanation) -> Vec<u8> {
        match self {
            Self::Npy => why.raw.to_npy(),
            Self::Json => {
                to_json(&serde_json::json!({ "shape": why.raw.shape, "values": why.raw.values })).into_bytes()
            }
        }
    }
}

/// What was found, for people.
fn text(why: &Explanation) -> String {
    let file = why.file.as_deref().unwrap_or_default();
    let against = why.against.as_ref().map_or_else(String::new, |against| format!(" and not {against}"));
    let mut text = format!("{file}: why {}{against}? ({:.1} %)\n", why.class, why.probability * 100.0);
    text += &format!("  {}; nothing is {}\n", why.method.sentence(), why.baseline.name());
    for check in &why.checks {
        text += &format!("  {}  {}\n", if check.passed { "passed" } else { "FAILED" }, check.line());
    }
    if let Some(flip) = &why.flip {
        text += &format!("  {}\n", flip.line());
    }
    for near in &why.nearest {
        text += &format!("  nearest: {}  class {}  distance {:.2}\n", near.id, near.class, near.distance);
    }
    text
}
