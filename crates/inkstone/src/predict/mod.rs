//! From an image to an answer: the checkpoint's own preprocess and an engine. The only path there is, for the command
//! line, HTTP, Python and evaluation alike. Never changes a model.

mod builtin;
mod judge;
mod open;
mod prediction;
#[cfg(feature = "formats")]
mod region;

pub use builtin::{BUILTIN, builtin};
pub use judge::{Judged, Reason, Verdict};
pub use open::{OpenModel, open};
pub use prediction::{Decision, Glyph, Prediction, PredictionModel, Predictions};
#[cfg(feature = "formats")]
pub use region::{Region, crop};

use crate::checkpoint::Checkpoint;
use crate::data::{Image, Images, ink};
use crate::engine::Isa;
use crate::engine::fused::{Fused, InputGradients, Outputs, Packed};
use crate::parallel::Pool;
use crate::spec::training::Precision;
use crate::trust::write_softened;

use prediction::{Opinion, Sign};

/// A model that answers. `Send + Sync`: any number of threads may ask at once, and none waits for another. The weights
/// are packed once, when it is made; a thread's buffers are kept for the next image.
///
/// ```
/// fn shared_between_threads<T: Send + Sync>() {}
/// shared_between_threads::<inkstone::predict::Predictor>();
/// ```
#[derive(Debug)]
pub struct Predictor {
    checkpoint: Checkpoint,
    engine: Fused,
    packed: Packed,
    /// The least confidence of an answer, where a share of errors was asked for.
    least_confidence: Option<f64>,
}

impl Predictor {
    /// Makes a checkpoint ready to answer on one instruction set, in 32-bit floating point.
    pub fn from_checkpoint(checkpoint: Checkpoint, isa: Isa) -> Self {
        Self::with_precision(checkpoint, isa, Precision::F32)
    }

    /// Makes a checkpoint ready to answer with the operands of products in some precision: bf16 is faster where the CPU
    /// has products for it, and now and then gives another answer where two classes are close.
    pub fn with_precision(checkpoint: Checkpoint, isa: Isa, precision: Precision) -> Self {
        let engine = Fused::with_precision(&checkpoint.plan, isa, precision);
        let packed = engine.pack(&Pool::current_thread(), &checkpoint.parameters);
        Self { checkpoint, engine, packed, least_confidence: None }
    }

    /// The model that answers.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The names of the classes; a label is an index into them.
    pub fn classes(&self) -> &[String] {
        &self.checkpoint.classes
    }

    /// What one image shows, on the calling thread: one sign, or with the ink rules all signs in it.
    pub fn predict_image(&self, image: Image<'_>) -> Prediction {
        let [height, width] = [self.checkpoint.preprocess.size().height, self.checkpoint.preprocess.size().width];
        if self.checkpoint.preprocess.has_ink() {
            return self.predict_page(&ink::read(image, [height, width]));
        }
        let judged = self.judge(&Pool::current_thread(), 1, &|_| image);
        Prediction::of_image(image.size, self.opinion(&judged, 0), self.classes())
    }

    /// What each image shows, in their order.
    pub fn predict_many(&self, pool: &Pool, images: &Images) -> Vec<Prediction> {
        if self.checkpoint.preprocess.has_ink() {
            return pool.map(images.len(), |i| self.predict_image(images.get(i)));
        }
        let judged = self.judge(pool, images.len(), &|i| images.get(i));
        let prediction = |i| Prediction::of_image(images.get(i).size, self.opinion(&judged, i), self.classes());
        (0..images.len()).map(prediction).collect()
    }

    /// All that there is to say of one sign.
    fn opinion(&self, judged: &Judged, i: usize) -> Opinion {
        let probabilities = judged.row(i).to_vec();
        // The rules that choose between readings were made for what the network itself says.
        let logits = &judged.logits[i * probabilities.len()..][..probabilities.len()];
        let confidence = softmax(logits).into_iter().fold(0.0, f64::max);
        Opinion { probabilities, confidence, novelty: judged.novelty(i), verdict: judged.verdict(self, i) }
    }

    /// What the signs of a page are: those that the model has no class for are what their place says, and those that
    /// may be several are what the model is surer of.
    fn predict_page(&self, page: &ink::Page) -> Prediction {
        let knows = |text: &str| self.classes().iter().any(|class| class == text);
        let is_for_the_model = |glyph: &ink::Glyph| glyph.kind.text().is_none_or(knows);
        let each = page.glyphs.iter().flat_map(|glyph| std::iter::once(glyph).chain(&glyph.pieces)).chain(&page.whole);
        let asked: Vec<&ink::Glyph> = each.filter(|glyph| is_for_the_model(glyph)).collect();
        let judged = self.judge_glyphs(&asked);
        let mut next = 0..asked.len();
        let mut sign = |glyph: &ink::Glyph| Sign {
            bounds: glyph.bounds,
            kind: glyph.kind,
            opinion: if is_for_the_model(glyph) {
                next.next().map(|i| self.opinion(&judged, i).about(glyph))
            } else {
                None
            },
        };
        let mut signs = Vec::new();
        for glyph in &page.glyphs {
            let whole = sign(glyph);
            let pieces: Vec<Sign> = glyph.pieces.iter().map(&mut sign).collect();
            let surest = pieces.iter().map(Sign::confidence).fold(f64::INFINITY, f64::min);
            // The wider it is, the surer the model must be of the whole.
            let [_, _, width, height] = glyph.bounds.map(|length| length as f64);
            let usual = (1.3 * height / width.max(1.0)).min(1.0);
            if pieces.is_empty() || whole.confidence() * usual >= surest {
                signs.push(whole);
            } else {
                signs.extend(pieces);
            }
        }
        if let Some(whole) = page.whole.as_ref().map(sign)
            && whole.is_one_instead_of(&signs)
        {
            signs = vec![whole];
        }
        Prediction::of_page(&signs, &page.reasons, self.classes())
    }

    /// What the model makes of glyphs that are cut out already.
    fn judge_glyphs(&self, glyphs: &[&ink::Glyph]) -> Judged {
        let (preprocess, isa) = (&self.checkpoint.preprocess, self.engine.isa());
        let write =
            |i: usize, values: &mut [f32]| preprocess.values_on(isa, &preprocess.prepare_glyph(glyphs[i]), values);
        self.judge_inputs(&Pool::current_thread(), vec![false; glyphs.len()], &write)
    }

    /// The probabilities of `n` images, row by row, each row summing to 1: softmax of the logits divided by the model's
    /// temperature, in `f64`. Image i is asked for with `image(i)`, from any thread.
    pub fn probabilities<'a>(&self, pool: &Pool, n: usize, image: &(dyn Fn(usize) -> Image<'a> + Sync)) -> Vec<f64> {
        self.soften(pool, &self.logits(pool, n, image))
    }

    /// The logits of `n` images, row by row; image i is asked for with `image(i)`, from any thread.
    pub fn logits<'a>(&self, pool: &Pool, n: usize, image: &(dyn Fn(usize) -> Image<'a> + Sync)) -> Vec<f32> {
        self.engine.logits(pool, &self.packed, n, &|i, values| self.write_image(image(i), values))
    }

    /// The logits of `n` images and their features: what the last dense layer takes in.
    pub fn outputs<'a>(&self, pool: &Pool, n: usize, image: &(dyn Fn(usize) -> Image<'a> + Sync)) -> Outputs {
        self.engine.outputs(pool, &self.packed, n, &|i, values| self.write_image(image(i), values))
    }

    /// The logits of `n` inputs that are as the network takes them, each written by `write(i, values)`.
    pub fn logits_of_inputs(&self, pool: &Pool, n: usize, write: &(dyn Fn(usize, &mut [f32]) + Sync)) -> Vec<f32> {
        self.engine.logits(pool, &self.packed, n, write)
    }

    /// How many features an image has.
    pub fn n_features(&self) -> usize {
        self.engine.n_features()
    }

    /// The network's input for one image: prepared and scaled.
    pub fn input(&self, image: Image<'_>) -> Vec<f32> {
        let mut values = vec![0.0; self.checkpoint.input.len()];
        self.write_image(image, &mut values);
        values
    }

    /// The model's network, ready to tell how its logits change with its input.
    pub fn input_gradients(&self, pool: &Pool) -> InputGradients {
        InputGradients::new(&self.checkpoint.plan, self.engine.isa(), pool, &self.checkpoint.parameters)
    }

    /// The instruction set that it runs on.
    pub fn isa(&self) -> Isa {
        self.engine.isa()
    }

    /// What the network is given for an image: without a copy where the image has the right size already.
    fn write_image(&self, image: Image<'_>, values: &mut [f32]) {
        let (preprocess, isa) = (&self.checkpoint.preprocess, self.engine.isa());
        if image.size == preprocess.size() && !preprocess.has_ink() {
            return preprocess.values_on(isa, image.pixels, values);
        }
        let mut prepared = vec![0; preprocess.size().len()];
        preprocess.prepare(image, &mut prepared);
        preprocess.values_on(isa, &prepared, values);
    }
}

#[cfg(feature = "formats")]
impl Predictor {
    /// What an image file's bytes (PNG, JPEG, BMP, PGM) show, on the calling thread.
    ///
    /// # Errors
    /// Bytes that are no image, or one beyond the limits of [`decode`](crate::data::decode::decode).
    pub fn predict_bytes(&self, bytes: &[u8]) -> crate::Result<Prediction> {
        let decoded = crate::data::decode::decode(bytes)?;
        Ok(self.predict_image(decoded.as_image()))
    }

    /// What one region of it shows; boxes are in pixels of the whole image.
    ///
    /// # Errors
    /// As [`Predictor::predict_bytes`], and a region that does not lie in the image.
    pub fn predict_region(&self, bytes: &[u8], region: Region) -> crate::Result<Prediction> {
        let cropped = crop(crate::data::decode::decode(bytes)?.as_image(), region)?;
        let mut prediction = self.predict_image(cropped.as_image());
        for glyph in &mut prediction.glyphs {
            glyph.bounds[0] += region[0];
            glyph.bounds[1] += region[1];
        }
        Ok(prediction)
    }

    /// What a file shows, on the calling thread; where it cannot be read, the error.
    pub fn predict_file(&self, file: &std::path::Path) -> Prediction {
        let answer = crate::data::decode::read_file(file).and_then(|bytes| self.predict_bytes(&bytes));
        let prediction = answer.unwrap_or_else(|error| Prediction::failed(error.with_file(file)));
        prediction.with_file(file.display().to_string())
    }
}

/// `p[c] = e^(z[c] − max z) / Σ e^(z[k] − max z)`, in `f64`.
///
/// ```
/// assert_eq!(inkstone::predict::softmax(&[3.0, 3.0]), [0.5, 0.5]);
/// ```
pub fn softmax(logits: &[f32]) -> Vec<f64> {
    let mut probabilities = vec![0.0; logits.len()];
    write_softened(logits, 1.0, &mut probabilities);
    probabilities
}

/// The position of the largest value, the first of equals. NaN is never the largest.
///
/// # Panics
/// If there is no value.
///
/// ```
/// assert_eq!(inkstone::predict::argmax(&[0.25, 0.5, 0.5]), 1);
/// ```
pub fn argmax(values: &[f64]) -> usize {
    assert!(!values.is_empty(), "the largest of no values");
    let mut best = 0;
    for (i, value) in values.iter().enumerate() {
        if *value > values[best] || (values[best].is_nan() && !value.is_nan()) {
            best = i;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_survives_large_logits_and_sums_to_one() {
        let p = softmax(&[1000.0, 999.0, -1000.0]);
        assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-15);
        assert!((p[0] - 1.0 / (1.0 + (-1.0_f64).exp())).abs() < 1e-15);
        assert_eq!(p[2], 0.0);
    }

    #[test]
    fn the_largest_value_is_the_first_of_equals_and_never_nan() {
        assert_eq!(argmax(&[f64::NAN, 0.5, 0.5]), 1);
        assert_eq!(argmax(&[0.5, f64::NAN]), 0);
        assert_eq!(argmax(&[f64::NAN]), 0);
    }
}
