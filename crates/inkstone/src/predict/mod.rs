//! From an image to an answer: the checkpoint's own preprocess and an engine. The only path there is, for the command
//! line, HTTP, Python and evaluation alike. Never changes a model.

mod builtin;
mod open;
mod prediction;

pub use builtin::{BUILTIN, builtin};
pub use open::{OpenModel, open};
pub use prediction::{Decision, Glyph, Prediction, PredictionModel, Predictions};

use inkstone_kernels::math;

use crate::checkpoint::Checkpoint;
use crate::data::{Image, Images};
use crate::engine::Isa;
use crate::engine::fused::Fused;
use crate::parallel::Pool;

/// A model that answers. `Send + Sync`: any number of threads may ask at once, and none waits for another.
///
/// ```
/// fn shared_between_threads<T: Send + Sync>() {}
/// shared_between_threads::<inkstone::predict::Predictor>();
/// ```
#[derive(Debug)]
pub struct Predictor {
    checkpoint: Checkpoint,
    engine: Fused,
}

impl Predictor {
    /// Makes a checkpoint ready to answer on one instruction set.
    pub fn from_checkpoint(checkpoint: Checkpoint, isa: Isa) -> Self {
        Self { engine: Fused::compile(&checkpoint.plan, isa), checkpoint }
    }

    /// The model that answers.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The names of the classes; a label is an index into them.
    pub fn classes(&self) -> &[String] {
        &self.checkpoint.classes
    }

    /// What one image shows, on the calling thread.
    pub fn predict_image(&self, image: Image<'_>) -> Prediction {
        let probabilities = self.probabilities(&Pool::current_thread(), 1, &|_| image);
        Prediction::answer(image.size, probabilities, self.classes())
    }

    /// What each image shows, in their order.
    pub fn predict_many(&self, pool: &Pool, images: &Images) -> Vec<Prediction> {
        let probabilities = self.probabilities(pool, images.len(), &|i| images.get(i));
        let rows = probabilities.chunks_exact(self.classes().len()).enumerate();
        rows.map(|(i, row)| Prediction::answer(images.get(i).size, row.to_vec(), self.classes())).collect()
    }

    /// The probabilities of `n` images, row by row, each row summing to 1: softmax of the logits, in `f64`.
    /// Image i is asked for with `image(i)`, from any thread.
    pub fn probabilities<'a>(&self, pool: &Pool, n: usize, image: &(dyn Fn(usize) -> Image<'a> + Sync)) -> Vec<f64> {
        let preprocess = &self.checkpoint.preprocess;
        let write_image = |i: usize, values: &mut [f32]| {
            let mut prepared = vec![0; preprocess.size().len()];
            preprocess.prepare(image(i), &mut prepared);
            preprocess.values(&prepared, values);
        };
        let logits = self.engine.logits(pool, &self.checkpoint.parameters, n, &write_image);
        logits.chunks_exact(self.classes().len()).flat_map(softmax).collect()
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
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = logits.iter().map(|&logit| math::exp(f64::from(logit) - f64::from(largest))).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
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
