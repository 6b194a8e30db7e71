//! Which sign of an image is explained, and what the network was given of it.

use crate::data::{Image, ink};
use crate::error::{Error, ErrorKind, Result};
use crate::predict::{Prediction, Predictor};

/// One sign of an image.
pub(super) struct Sign {
    /// What the model says of the whole image.
    pub(super) prediction: Prediction,
    /// Left, top, width, height in the image.
    pub(super) bounds: [usize; 4],
    /// The prepared image.
    pub(super) prepared: Vec<u8>,
}

/// The sign that is asked for: without the ink rules the image is the only one.
pub(super) fn choose(predictor: &Predictor, image: Image<'_>, glyph: Option<usize>) -> Result<Sign> {
    let preprocess = &predictor.checkpoint().preprocess;
    let prediction = predictor.predict_image(image);
    let found = &prediction.glyphs;
    if found.is_empty() {
        let error = Error::mismatch(ErrorKind::Data, "an image with something to explain", "none");
        return Err(error.with_found(prediction.reasons.join(", ")));
    }
    let Some(chosen) = found.get(glyph.unwrap_or(0)).filter(|_| glyph.is_some() || found.len() == 1) else {
        let expected = if glyph.is_some() { format!("a sign from 1 to {}", found.len()) } else { "one sign".into() };
        let error = Error::mismatch(ErrorKind::Usage, expected, format!("{}: {}", found.len(), prediction.text));
        return Err(error.with_place("glyph").with_help("choose one by its number, counted from 1 in reading order"));
    };
    let bounds = chosen.bounds;
    if !preprocess.has_ink() {
        let mut prepared = vec![0; preprocess.size().len()];
        preprocess.prepare(image, &mut prepared);
        return Ok(Sign { prediction, bounds, prepared });
    }
    let size = preprocess.size();
    let page = ink::read(image, [size.height, size.width]);
    let all = page.glyphs.iter().flat_map(|glyph| std::iter::once(glyph).chain(&glyph.pieces)).chain(&page.whole);
    let read = all.into_iter().find(|glyph| glyph.bounds == bounds).filter(|_| chosen.kind.is_none());
    let Some(read) = read else {
        let error = Error::mismatch(ErrorKind::Usage, "a sign that the model was asked about", chosen.class.clone());
        return Err(error.with_help("it was read by its size and place alone"));
    };
    let prepared = preprocess.prepare_glyph(read);
    Ok(Sign { prediction, bounds, prepared })
}
