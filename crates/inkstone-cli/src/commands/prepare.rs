//! `inkstone prepare`: a source written out as files that other tools read, a sheet of augmented images, or glyphs cut
//! from pictures whose reading is known. Never changes a source.

mod cut;
mod preview;
mod write;

use std::path::PathBuf;

use inkstone::spec::recipe::Proportions;
use inkstone::{Error, ErrorKind, Result};

use crate::Outcome;
use crate::context::Context;

/// Write a data set in another format, look at its augmentation, or cut glyphs out of pictures
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  inkstone prepare letters/ --out letters.npz-set --format npz
  inkstone prepare mnist --out mnist-parquet --format parquet --split 8:1:1
  inkstone prepare mnist --preview sheet.png augment.rotation_degrees=20
  inkstone prepare mnist --preview-sample train/0
  inkstone prepare readings.csv --cut-glyphs --out glyphs/")]
pub(crate) struct Args {
    /// A data set's name, a folder or a file (for a preview a recipe too), then overrides of recipe keys
    #[arg(required = true, value_name = "SOURCE|KEY=VALUE")]
    pub(crate) words: Vec<String>,
    /// The folder to write into; must be empty or not there
    #[arg(long, value_name = "DEST")]
    pub(crate) out: Option<PathBuf>,
    /// What to write: idx, npz, parquet, csv, png, tar, safetensors
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,
    /// Divide anew into train, validation and test, such as 8:1:1
    #[arg(long, value_name = "A:B:C")]
    pub(crate) split: Option<Proportions>,
    /// Leave out or relabel the samples that this file of corrections names
    #[arg(long, value_name = "FILE")]
    pub(crate) exclude: Option<PathBuf>,
    /// Replace what an earlier `prepare` wrote to --out
    #[arg(long)]
    pub(crate) force: bool,
    /// Draw a sheet: images above their augmented versions
    #[arg(long, value_name = "FILE.png")]
    pub(crate) preview: Option<PathBuf>,
    /// Print what augmentation draws for one sample
    #[arg(long, value_name = "ID")]
    pub(crate) preview_sample: Option<String>,
    /// SOURCE is a table (path, text) of pictures: cut them into labelled glyphs
    #[arg(long)]
    pub(crate) cut_glyphs: bool,
}

/// Does what the options ask for.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome> {
    if args.preview.is_some() || args.preview_sample.is_some() {
        return preview::run(args, context);
    }
    if args.cut_glyphs {
        return cut::run(args, context);
    }
    if args.out.is_none() {
        return Err(Error::mismatch(ErrorKind::Usage, "--out DEST, --preview FILE.png or --preview-sample ID", "none"));
    }
    write::run(args, context)
}
