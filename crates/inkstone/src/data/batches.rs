//! The samples of one part as a network takes them, in the order of an epoch.

use std::sync::Arc;

use super::augment::Augment;
use super::dataset::Images;
use super::preprocess::Preprocess;
use crate::rng::{Operation, Rng};

/// The samples of one part: prepared bytes, labels, and how they become values.
#[derive(Debug, Clone)]
pub struct Samples {
    /// Prepared images (grey or RGB, resized), all of one size; shared between the parts.
    pub images: Arc<Images>,
    /// Which image each sample is. Also the sample's number in the keys of augmentation, so that it is augmented
    /// alike wherever it stands in the part.
    pub indices: Vec<u32>,
    /// The label of each sample.
    pub labels: Vec<u32>,
    /// The names of the classes.
    pub classes: Arc<[String]>,
    /// How bytes become values.
    pub preprocess: Preprocess,
}

impl Samples {
    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// Writes the values of sample i as they are.
    pub fn write(&self, i: usize, out: &mut [f32]) {
        self.preprocess.values(self.images.get(self.indices[i] as usize).pixels, out);
    }

    /// Writes the values of sample i, augmented as (seed, epoch, image) say.
    pub fn write_augmented(&self, i: usize, augment: &Augment, seed: u64, epoch: u32, out: &mut [f32]) {
        let index = self.indices[i];
        augment.apply(self.images.get(index as usize).pixels, (seed, epoch, index), out);
        self.preprocess.values_in_place(out);
    }

    /// The order in which an epoch visits the samples (positions 0..len): a function of seed and epoch alone.
    pub fn order(&self, seed: u64, epoch: u32) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        Rng::new(seed, epoch, 0, Operation::Shuffle).shuffle(&mut order);
        order
    }
}
