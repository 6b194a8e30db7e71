//! Small trainings that answer what looking cannot: a model of seconds on a part of the training images, measured on
//! others of them.

use serde::Serialize;

use crate::data::Dataset;
use crate::data::dataset::{Image, Images, Size};
use crate::engine::Isa;
use crate::error::Result;
use crate::parallel::Pool;
use crate::predict::{Predictor, argmax};
use crate::rng::{Operation, Rng};
use crate::spec::recipe::Proportions;
use crate::spec::training::Keep;
use crate::spec::{AugmentSpec, ModelSpec, PreprocessSpec, Recipe};
use crate::train::fit_recipe;

/// Images that a trial takes, a fifth of them to measure on.
const MOST_IMAGES: usize = 10_000;

/// Fewer images tell nothing.
pub(super) const FEWEST_IMAGES: usize = 200;

/// Images that a trial's model sees in all epochs together.
const SEEN: usize = 64_000;

/// The longest side of a trial's images.
const LONGEST_SIDE: usize = 32;

/// Images of a class below which it is not looked at alone.
const FEW: usize = 20;

/// A way of mirroring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Flip {
    /// Left and right change places.
    Horizontal,
    /// Top and bottom change places.
    Vertical,
}

/// How many of the images that a model knows it still knows once they are changed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rates {
    /// Of all.
    pub all: f64,
    /// Of the class where it is least.
    pub worst_class: f64,
}

/// What trials are made on.
pub(super) struct Trials<'a> {
    dataset: Dataset,
    preprocess: PreprocessSpec,
    model: fn([usize; 2]) -> ModelSpec,
    pool: &'a Pool,
    isa: Isa,
}

/// A trial's model and how it fared.
pub(super) struct Tried {
    predictor: Predictor,
    held_out: Vec<u32>,
    right: Vec<bool>,
}

impl<'a> Trials<'a> {
    /// Takes some of the samples at `pool_of`, at random.
    pub(super) fn new(
        (dataset, members): (&Dataset, &[u32]),
        preprocess: &PreprocessSpec,
        model: fn([usize; 2]) -> ModelSpec,
        (pool, isa): (&'a Pool, Isa),
    ) -> Self {
        let mut chosen = members.to_vec();
        Rng::new(0, 0, 0, Operation::Trial).shuffle(&mut chosen);
        chosen.truncate(MOST_IMAGES);
        chosen.sort_unstable();
        let mut dataset = dataset.subset(&chosen);
        dataset.samples.iter_mut().for_each(|sample| sample.part = None);
        let size = if preprocess.ink { preprocess.size } else { preprocess.size.map(small) };
        Self { dataset, preprocess: PreprocessSpec { size, ..preprocess.clone() }, model, pool, isa }
    }

    /// Trains with this augmentation and measures.
    pub(super) fn run(&self, augment: AugmentSpec) -> Result<Tried> {
        let mut recipe = Recipe::new((self.model)(self.preprocess.size.unwrap_or([LONGEST_SIDE; 2])));
        recipe.preprocess = self.preprocess.clone();
        recipe.augment = augment;
        recipe.data.split = Some(Proportions([4.0, 1.0, 0.0]));
        recipe.train.keep = Keep::Last; // what is measured on chooses nothing
        recipe.train.epochs = (SEEN / (self.dataset.samples.len() * 4 / 5).max(1)).clamp(2, 60);
        let fitted = fit_recipe(&recipe, &self.dataset, self.pool, &mut |_| {})?;
        let predictor = Predictor::from_checkpoint(fitted.checkpoint, self.isa);
        let held_out = fitted.split.validation;
        let images = Images::collect(held_out.iter().map(|&i| self.dataset.images.get(i as usize)));
        let right = self.right(&predictor, &held_out, &images);
        Ok(Tried { predictor, held_out, right })
    }

    fn right(&self, predictor: &Predictor, samples: &[u32], images: &Images) -> Vec<bool> {
        let probabilities = predictor.probabilities(self.pool, images.len(), &|i| images.get(i));
        let rows = probabilities.chunks_exact(predictor.classes().len());
        rows.zip(samples).map(|(row, &i)| argmax(row) as u32 == self.dataset.samples[i as usize].label).collect()
    }

    /// Of the held-out images that the model knows, how many it still knows once they are mirrored.
    pub(super) fn mirrored(&self, tried: &Tried, flip: Flip) -> Rates {
        let known: Vec<u32> =
            tried.held_out.iter().zip(&tried.right).filter(|(_, right)| **right).map(|(i, _)| *i).collect();
        let (mut images, mut sizes) = (Vec::new(), Vec::new());
        for &i in &known {
            let image = self.dataset.images.get(i as usize);
            images.push(mirror(image, flip));
            sizes.push(image.size);
        }
        let images = Images::collect(images.iter().zip(sizes).map(|(pixels, size)| Image { size, pixels }));
        let right = self.right(&tried.predictor, &known, &images);
        let mut counts = vec![[0_usize; 2]; self.dataset.classes.len()];
        for (&i, &right) in known.iter().zip(&right) {
            let count = &mut counts[self.dataset.samples[i as usize].label as usize];
            count[0] += usize::from(right);
            count[1] += 1;
        }
        let share = |[right, all]: [usize; 2]| right as f64 / all.max(1) as f64;
        let sum = counts.iter().fold([0; 2], |sum, count| [sum[0] + count[0], sum[1] + count[1]]);
        let worst = counts.iter().filter(|count| count[1] >= FEW).map(|&count| share(count)).fold(share(sum), f64::min);
        Rates { all: share(sum), worst_class: worst }
    }
}

impl Tried {
    /// How many images were measured.
    pub(super) fn n(&self) -> usize {
        self.right.len()
    }

    /// The share of right answers.
    pub(super) fn accuracy(&self) -> f64 {
        self.right.iter().filter(|right| **right).count() as f64 / self.n().max(1) as f64
    }

    /// By how much it is better than `other` on the same images, and the standard error of that.
    pub(super) fn gain_over(&self, other: &Self) -> (f64, f64) {
        let n = self.n().max(1) as f64;
        let differences: Vec<f64> = self
            .right
            .iter()
            .zip(&other.right)
            .map(|(a, b)| f64::from(u8::from(*a)) - f64::from(u8::from(*b)))
            .collect();
        let mean = differences.iter().sum::<f64>() / n;
        let variance = differences.iter().map(|d| (d - mean) * (d - mean)).sum::<f64>() / n;
        (mean, (variance / n).sqrt())
    }
}

/// The same proportions with sides that a trial can bear.
fn small(size: [usize; 2]) -> [usize; 2] {
    let longest = size[0].max(size[1]);
    if longest <= LONGEST_SIDE { size } else { size.map(|side| (side * LONGEST_SIDE).div_ceil(longest)) }
}

fn mirror(image: Image<'_>, flip: Flip) -> Vec<u8> {
    let Size { width, channels, .. } = image.size;
    let rows = image.pixels.chunks_exact(width * channels);
    match flip {
        Flip::Vertical => rows.rev().flatten().copied().collect(),
        Flip::Horizontal => rows.flat_map(|row| row.chunks_exact(channels).rev().flatten()).copied().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirroring_turns_rows_or_pixels_around() {
        let size = Size { height: 2, width: 2, channels: 3 };
        let image = Image { size, pixels: &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] };
        assert_eq!(mirror(image, Flip::Horizontal), [4, 5, 6, 1, 2, 3, 10, 11, 12, 7, 8, 9]);
        assert_eq!(mirror(image, Flip::Vertical), [7, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn large_images_are_tried_small() {
        assert_eq!([small([28, 28]), small([64, 32]), small([48, 48])], [[28, 28], [32, 16], [32, 32]]);
    }
}
