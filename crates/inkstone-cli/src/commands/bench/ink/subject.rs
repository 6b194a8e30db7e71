//! The model under test, twice: with the ink rules, and with nothing but a resize in their place.

use inkstone::checkpoint::Checkpoint;
use inkstone::data::decode::decode;
use inkstone::data::{Image, Preprocess};
use inkstone::predict::{self, Predictor};
use inkstone::{Error, ErrorKind, Result};

use crate::context::Context;

/// A model of digits.
pub(super) struct Subject {
    pub(super) name: String,
    ink: Predictor,
    plain: Predictor,
}

/// What one picture was read as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Readings {
    /// With the whole picture resized to the network's input.
    pub(super) plain: String,
    /// With the ink rules.
    pub(super) ink: String,
}

impl Subject {
    pub(super) fn open(model: &str, context: &Context) -> Result<Self> {
        let opened = predict::open(model)?;
        let classes = &opened.checkpoint.classes;
        if *classes != (0..10).map(|digit| digit.to_string()).collect::<Vec<_>>() {
            let error = Error::mismatch(ErrorKind::Usage, "a model of the classes 0 to 9", classes.join(", "));
            return Err(error.with_file(model));
        }
        let predictor = |rules: Rules| {
            let preprocess = with(rules, &opened.checkpoint.preprocess)?;
            Ok(Predictor::from_checkpoint(Checkpoint { preprocess, ..opened.checkpoint.clone() }, context.isa))
        };
        Ok(Self { ink: predictor(Rules::Ink)?, plain: predictor(Rules::Resize)?, name: opened.name })
    }

    /// Reads a file both ways.
    pub(super) fn read(&self, bytes: &[u8]) -> Result<Readings> {
        let mut decoded = decode(bytes)?;
        let is_light = is_light(decoded.as_image());
        if is_light {
            decoded.pixels.iter_mut().for_each(|pixel| *pixel = 255 - *pixel);
        }
        let plain = self.plain(decoded.as_image());
        Ok(Readings { plain, ink: self.ink.predict_bytes(bytes)?.text })
    }

    /// What the resized picture is read as; ink must be light.
    pub(super) fn plain(&self, image: Image<'_>) -> String {
        self.plain.predict_image(image).text
    }

    /// What a picture in memory is read as.
    pub(super) fn ink(&self, image: Image<'_>) -> String {
        self.ink.predict_image(image).text
    }
}

/// Whether most of a picture's border is light: it is then inverted before it is resized, as people do.
fn is_light(image: Image<'_>) -> bool {
    let (width, height, channels) = (image.size.width, image.size.height, image.size.channels);
    let row = |y: usize| &image.pixels[y * width * channels..][..width * channels];
    let sides = (0..height).flat_map(|y| {
        let row = row(y);
        row[..channels].iter().chain(&row[(width - 1) * channels..])
    });
    let border = row(0).iter().chain(row(height - 1)).chain(sides);
    let (n, sum) = border.fold((0_u64, 0_u64), |(n, sum), &byte| (n + 1, sum + u64::from(byte)));
    sum > 127 * n
}

/// How a picture becomes an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rules {
    Ink,
    Resize,
}

/// The same preprocess with these rules.
fn with(rules: Rules, preprocess: &Preprocess) -> Result<Preprocess> {
    let failed = |error: serde_json::Error| Error::new(ErrorKind::Checkpoint, format!("preprocess: {error}"));
    let mut stored = serde_json::to_value(preprocess).map_err(failed)?;
    if let Some(spec) = stored.get_mut("spec").and_then(serde_json::Value::as_object_mut) {
        spec.insert("ink".to_owned(), (rules == Rules::Ink).into());
    }
    serde_json::from_value(stored).map_err(failed)
}
