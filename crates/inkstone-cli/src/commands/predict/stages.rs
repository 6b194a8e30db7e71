//! `--stages FILE.png`: what the ink rules make of an image, side by side on one sheet. The glyphs come last.

use std::path::Path;

use inkstone::checkpoint::write_atomically;
use inkstone::data::dataset::{Image, Size};
use inkstone::data::{decode, encode, ink};
use inkstone::predict::{Predictor, Region, crop};
use inkstone::{Error, ErrorKind, Result};

use super::files::Input;

/// Width and height of a stage on the sheet.
const CELL: usize = 280;
/// Pixels between stages.
const GAP: usize = 8;
/// Stages in a row.
const COLUMNS: usize = 4;
/// What lies between them.
const PAPER: u8 = 128;

/// Writes the sheet of one image.
pub(super) fn write(file: &Path, predictor: &Predictor, inputs: &[Input], region: Option<Region>) -> Result<()> {
    let [input] = inputs else {
        let error = Error::mismatch(ErrorKind::Usage, "one image", inputs.len().to_string());
        return Err(error.with_place("--stages"));
    };
    let preprocess = &predictor.checkpoint().preprocess;
    if !preprocess.has_ink() {
        let error = Error::mismatch(ErrorKind::Usage, "a model with preprocess.ink = true", "one without");
        return Err(error.with_place("--stages"));
    }
    let read = || -> Result<_> {
        let image = decode::decode(&input.read()?)?;
        match region {
            Some(region) => crop(image.as_image(), region),
            None => Ok(image),
        }
    };
    // An image that cannot be read is reported in its place among the predictions.
    let Ok(image) = read() else { return Ok(()) };
    let size = preprocess.size();
    let stages = ink::stages(image.as_image(), [size.height, size.width]);
    let (size, pixels) = sheet(&stages);
    write_atomically(file, &encode::png(Image { size, pixels: &pixels }))
}

/// All stages in rows of [`COLUMNS`], each as large as its cell allows.
fn sheet(stages: &[ink::Stage]) -> (Size, Vec<u8>) {
    let (columns, rows) = (stages.len().min(COLUMNS), stages.len().div_ceil(COLUMNS));
    let (width, height) = (columns * (CELL + GAP) + GAP, rows * (CELL + GAP) + GAP);
    let mut pixels = vec![PAPER; width * height];
    for (i, stage) in stages.iter().enumerate() {
        let (left, top) = (GAP + i % COLUMNS * (CELL + GAP), GAP + i / COLUMNS * (CELL + GAP));
        let longer = stage.size.width.max(stage.size.height).max(1);
        let (w, h) = (stage.size.width * CELL / longer, stage.size.height * CELL / longer);
        for y in 0..h {
            for x in 0..w {
                let source = y * stage.size.height / h * stage.size.width + x * stage.size.width / w;
                pixels[(top + y) * width + left + x] = stage.pixels[source];
            }
        }
    }
    (Size { height, width, channels: 1 }, pixels)
}
