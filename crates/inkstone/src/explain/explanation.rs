//! An explanation, in the shape of `inkstone explain --json`, version 1.

use serde::Serialize;

use super::map::Map;
use super::question::Question;
use super::subject::Subject;
use super::{Baseline, Check, Flip, Method, Neighbour};
use crate::data::Image;
use crate::data::dataset::Size;
use crate::predict::{Prediction, PredictionModel, Predictor};

/// Why a model answers as it does to one image.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// The file, `-` for standard input; `null` for an image in memory.
    pub file: Option<String>,
    /// How it is explained.
    pub method: Method,
    /// The class that is explained.
    pub class: String,
    /// The class that it is compared with.
    pub against: Option<String>,
    /// The class's probability.
    pub probability: f64,
    /// What the model says of the image.
    pub prediction: Prediction,
    /// Left, top, width, height of the sign that is explained, in pixels of the image.
    #[serde(rename = "box")]
    pub bounds: [usize; 4],
    /// What stands for nothing.
    pub baseline: Baseline,
    /// Steps of integrated gradients.
    pub steps: Option<usize>,
    /// Rows and columns of the map: those of the prepared image.
    pub size: [usize; 2],
    /// The map, row by row, in logits; above zero speaks for the class.
    pub heatmap: Vec<Vec<f32>>,
    /// What was tried to find out whether the map may be trusted.
    pub checks: Vec<Check>,
    /// The nearest of some labelled images.
    pub nearest: Vec<Neighbour>,
    /// The smallest change that was found to turn the answer, where two classes are compared.
    pub flip: Option<Flip>,
    /// What the network was given.
    #[serde(skip)]
    pub prepared: Prepared,
    /// The numbers that the map was made of.
    #[serde(skip)]
    pub raw: Raw,
}

/// A prepared image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// Height, width, channels.
    pub size: Size,
    /// `size.len()` bytes.
    pub bytes: Vec<u8>,
}

/// Numbers with their shape: rows × columns × channels of the input, or rows × columns of Grad-CAM's map before it was
/// enlarged.
#[derive(Debug, Clone, PartialEq)]
pub struct Raw {
    /// The length of each dimension, the last varying fastest.
    pub shape: Vec<usize>,
    /// The numbers.
    pub values: Vec<f32>,
}

/// The whole document of `inkstone explain --json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Document {
    /// The version of this format: 1.
    pub version: u32,
    /// Which model is explained.
    pub model: PredictionModel,
    /// The explanation.
    #[serde(flatten)]
    pub explanation: Explanation,
}

/// What an explanation is put together from.
pub(super) struct Parts {
    pub(super) question: Question,
    pub(super) probabilities: Vec<f64>,
    pub(super) sign: [usize; 4],
    pub(super) map: Map,
    pub(super) checks: Vec<Check>,
    pub(super) flip: Option<Flip>,
    pub(super) nearest: Vec<Neighbour>,
    pub(super) subject: Subject,
}

impl Explanation {
    pub(super) fn new(predictor: &Predictor, method: Method, prediction: Prediction, parts: Parts) -> Self {
        let Parts { question, probabilities, sign, map, checks, flip, nearest, subject } = parts;
        let name = |class: usize| predictor.classes()[class].clone();
        let size = subject.size;
        Self {
            file: None,
            method,
            class: name(question.class),
            against: question.against.map(name),
            // The answer as it was given, wherever this sign is all of it.
            probability: prediction.probabilities.get(question.class).copied().unwrap_or(probabilities[question.class]),
            prediction,
            bounds: sign,
            baseline: subject.baseline,
            steps: map.integration.map(|(n_steps, _)| n_steps),
            size: [size.height, size.width],
            heatmap: map.heat.chunks_exact(size.width).map(<[f32]>::to_vec).collect(),
            checks,
            nearest,
            flip,
            prepared: Prepared { size, bytes: subject.bytes },
            raw: map.raw,
        }
    }

    /// The same, of a file called `name`.
    #[must_use]
    pub fn with_file(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.prediction = self.prediction.with_file(name.clone());
        self.file = Some(name);
        self
    }

    /// The checks that the map did not pass.
    pub fn failed(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| !check.passed)
    }
}

impl Document {
    /// The document of version 1.
    pub fn new(model: PredictionModel, explanation: Explanation) -> Self {
        Self { version: 1, model, explanation }
    }
}

impl Prepared {
    /// A view of it.
    pub fn image(&self) -> Image<'_> {
        Image { size: self.size, pixels: &self.bytes }
    }
}

impl Raw {
    /// The bytes of a `.npy` file (NumPy's format, version 1.0): `numpy.load` gives the numbers as float32.
    pub fn to_npy(&self) -> Vec<u8> {
        let shape: String = self.shape.iter().map(|length| format!("{length}, ")).collect();
        let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}), }}", shape.trim_end());
        // Magic, version and length are 10 bytes; the data begin at a multiple of 64.
        let padding = 63 - (header.len() + 10) % 64;
        header.push_str(&" ".repeat(padding));
        header.push('\n');
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(self.values.iter().flat_map(|value| value.to_le_bytes()));
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_numbers_are_a_file_that_numpy_reads() {
        let bytes = Raw { shape: vec![1, 2], values: vec![1.0, -2.5] }.to_npy();
        assert_eq!(bytes.len() % 64, 8);
        assert_eq!(&bytes[..10], b"\x93NUMPY\x01\x00\x76\x00");
        let header = std::str::from_utf8(&bytes[10..128]).unwrap();
        assert!(header.starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2,), }"), "{header}");
        assert_eq!(bytes[128..], [0, 0, 128, 63, 0, 0, 32, 192]);
    }
}
