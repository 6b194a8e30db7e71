//! What models say of images that they have never seen: each fold is judged by models that were trained on the others.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use inkstone_kernels::Isa;

use super::{Step, Watch};
use crate::checkpoint::{Checkpoint, Provenance};
use crate::data::dataset::{Image, Size};
use crate::data::split::folds::folds;
use crate::data::{Dataset, Images, Preprocess, Samples};
use crate::error::{Error, ErrorKind, Result};
use crate::parallel::Pool;
use crate::predict::{Predictor, argmax};
use crate::spec::{PreprocessSpec, Recipe, TrainSpec};
use crate::train::{self, Ending, Setup};

/// Folds, and models that judge each.
pub(super) const N_FOLDS: usize = 4;
pub(super) const N_MODELS: usize = 2;
/// Small sets are gone through until this many images have been learned from, …
const IMAGES: usize = 60_000;
/// … at least this often, and at most that often.
const EPOCHS: [usize; 2] = [2, 40];
/// Models are sure of a class from this share of what they usually give to its own images.
const SURE: f64 = 0.75;
/// Images between these sides are learned from at their own size, others at [`SIZE`].
const SIDES: std::ops::RangeInclusive<usize> = 16..=40;
const SIZE: [usize; 2] = [28, 28];

/// The model of an audit as its recipe.
pub(super) fn recipe() -> Recipe {
    Recipe::parse(include_str!("network.toml"), Path::new("audit/network.toml")).expect("a test reads it")
}

/// What is judged, and with which part of the machine.
#[derive(Clone, Copy)]
pub(super) struct Unseen<'a> {
    pub(super) dataset: &'a Dataset,
    /// Its images as the network takes them, still bytes.
    pub(super) prepared: &'a Arc<Images>,
    pub(super) fingerprint: &'a str,
    pub(super) seed: u64,
    pub(super) pool: &'a Pool,
    pub(super) isa: Isa,
}

/// The probabilities of every sample, by models that were not trained on it.
#[derive(Debug)]
pub(super) struct Judgement {
    /// Samples × classes: the mean over the models.
    pub(super) probabilities: Vec<f64>,
    pub(super) n_classes: usize,
    /// The share of samples whose largest probability is their label's.
    pub(super) accuracy: f64,
    /// Epochs of each training.
    pub(super) epochs: usize,
    /// Parameters of the network.
    pub(super) n_parameters: usize,
    /// Samples that are not recognised, but are once transposed: with the label's probability then, the largest first.
    pub(super) transposed: Vec<(u32, f64)>,
}

impl Judgement {
    pub(super) fn of(&self, i: u32) -> &[f64] {
        &self.probabilities[i as usize * self.n_classes..][..self.n_classes]
    }

    /// By class, [`SURE`] of the mean probability that its samples get for it; 1 for a class without samples.
    pub(super) fn sure(&self, dataset: &Dataset) -> Vec<f64> {
        let mut sums = vec![(0.0, 0_usize); self.n_classes];
        for (sample, i) in dataset.samples.iter().zip(0..) {
            let (sum, n) = &mut sums[sample.label as usize];
            *sum += self.of(i)[sample.label as usize];
            *n += 1;
        }
        sums.iter().map(|&(sum, n)| if n == 0 { 1.0 } else { SURE * sum / n as f64 }).collect()
    }
}

impl Unseen<'_> {
    /// Trains [`N_MODELS`] models on each choice of all folds but one.
    ///
    /// # Errors
    /// What folds and training refuse; being stopped.
    pub(super) fn judge(&self, watch: &mut Watch<'_>) -> Result<Judgement> {
        let n = self.dataset.samples.len();
        let all: Vec<u32> = (0..n as u32).collect();
        let mut sums = Sums::new(n, self.dataset.classes.len());
        for model in 0..N_MODELS {
            let seed = self.seed.wrapping_add(model as u64);
            for (k, fold) in folds(self.dataset, &all, N_FOLDS.min(n), seed)?.iter().enumerate() {
                let done = (model * N_FOLDS + k) as f64;
                let mut told = |share: f64| {
                    watch.observe(Step { done: done + share, total: (N_MODELS * N_FOLDS) as f64, name: "models" })
                };
                let predictor = self.fit(&self.all_but(fold)?, &mut told)?;
                self.add(&predictor, fold, &mut sums);
                sums.epochs = predictor.checkpoint().provenance.kept_epoch;
                sums.n_parameters = predictor.checkpoint().plan.n_parameters();
            }
        }
        Ok(sums.judgement(self.dataset))
    }

    /// How many of some images with labels 0 and 1 a model gets right that was trained on others.
    pub(super) fn count_right(
        &self,
        training: &[(u32, u32)],
        held_out: &[(u32, u32)],
        observe: &mut dyn FnMut(f64) -> bool,
    ) -> Result<usize> {
        let indices: Vec<u32> = training.iter().map(|&(i, _)| i).collect();
        let samples = self.samples(&indices)?;
        let labels = training.iter().map(|&(_, label)| label).collect();
        let samples = Samples { labels, classes: ["first", "second"].map(String::from).to_vec().into(), ..samples };
        let predictor = self.fit(&samples, observe)?;
        let image = |j: usize| self.prepared.get(held_out[j].0 as usize);
        let probabilities = predictor.probabilities(self.pool, held_out.len(), &image);
        let rows = held_out.iter().zip(probabilities.chunks_exact(2));
        Ok(rows.filter(|((_, label), row)| argmax(row) == *label as usize).count())
    }

    /// Adds what a model says of a fold.
    fn add(&self, predictor: &Predictor, fold: &[u32], sums: &mut Sums) {
        let image = |j: usize| self.prepared.get(fold[j] as usize);
        let rows = predictor.probabilities(self.pool, fold.len(), &image);
        let label = |i: u32| self.dataset.samples[i as usize].label as usize;
        let mut misread = Vec::new();
        for (&i, row) in fold.iter().zip(rows.chunks_exact(sums.n_classes)) {
            let sum = &mut sums.probabilities[i as usize * sums.n_classes..][..sums.n_classes];
            sum.iter_mut().zip(row).for_each(|(sum, p)| *sum += p / N_MODELS as f64);
            if argmax(row) != label(i) {
                misread.push(i);
            }
        }
        let turned: Vec<(Size, Vec<u8>)> = misread.iter().map(|&i| transposed(self.prepared.get(i as usize))).collect();
        let image = |j: usize| Image { size: turned[j].0, pixels: &turned[j].1 };
        let rows = predictor.probabilities(self.pool, turned.len(), &image);
        for (&i, row) in misread.iter().zip(rows.chunks_exact(sums.n_classes)) {
            sums.transposed[i as usize] += row[label(i)] / N_MODELS as f64;
        }
    }

    fn all_but(&self, fold: &[u32]) -> Result<Samples> {
        let mut is_left = vec![true; self.prepared.len()];
        fold.iter().for_each(|&i| is_left[i as usize] = false);
        let others: Vec<u32> = (0..self.prepared.len() as u32).filter(|&i| is_left[i as usize]).collect();
        self.samples(&others)
    }

    /// Images to train on. The statistics are theirs alone.
    fn samples(&self, indices: &[u32]) -> Result<Samples> {
        let Size { height, width, channels } = self.prepared.get(0).size;
        let spec = PreprocessSpec::default().grayscale(channels == 1).size([height, width]);
        let spec = PreprocessSpec { normalise: recipe().preprocess.normalise, ..spec };
        let preprocess = Preprocess::fit(&spec, self.prepared, indices, self.pool)?;
        Ok(Samples::new(Arc::clone(self.prepared), self.dataset, indices, &preprocess))
    }

    fn train(&self, n: usize) -> TrainSpec {
        let mut train =
            TrainSpec { seed: self.seed, epochs: (IMAGES / n).clamp(EPOCHS[0], EPOCHS[1]), ..recipe().train };
        train.batch_size = (n / 100).clamp(8, 64);
        // Smaller batches are noisier: smaller steps.
        train.learning_rate *= (train.batch_size as f32 / 64.0).sqrt();
        train
    }

    fn fit(&self, training: &Samples, observe: &mut dyn FnMut(f64) -> bool) -> Result<Predictor> {
        let (model, train) = (recipe().model, &self.train(training.len()));
        let nobody = Samples { indices: Vec::new(), labels: Vec::new(), ..training.clone() };
        let (pool, isa) = (self.pool, self.isa);
        let setup = Setup { model: &model, train, training, validation: &nobody, augment: None, pool, isa };
        let stop = AtomicBool::new(false);
        let mut told = |event: &train::Event<'_>| {
            if let train::Event::Step(at) = event {
                let steps = (at.epoch - 1) * at.n_steps + at.step;
                if !observe(steps as f64 / (at.n_epochs * at.n_steps) as f64) {
                    stop.store(true, std::sync::atomic::Ordering::Relaxed);
                }
            }
        };
        let interval = Duration::from_millis(100);
        let trained = train::fit(&setup, train::Watch { observe: &mut told, stop: &stop, interval })?;
        if matches!(trained.ending, Ending::Interrupted { .. }) {
            return Err(Error::new(ErrorKind::Interrupted, "interrupted; nothing was written"));
        }
        let kept = trained.state.kept.expect("a training that was not stopped keeps an epoch");
        let plan = setup.plan()?;
        let checkpoint = Checkpoint {
            spec: model.clone(),
            input: plan.input,
            preprocess: training.preprocess.clone(),
            classes: training.classes.to_vec(),
            provenance: Provenance {
                data_source: self.dataset.name.clone(),
                data_fingerprint: self.fingerprint.to_owned(),
                seed: train.seed,
                kept_epoch: kept.epoch,
                ..Provenance::default()
            },
            plan,
            parameters: kept.parameters,
            trust: None,
            sha256: None,
        };
        Ok(Predictor::from_checkpoint(checkpoint, self.isa))
    }
}

/// All images as the network takes them: grey unless there is colour, at their own size where that suits the network.
///
/// # Errors
/// A set without images.
pub(super) fn prepare(images: &Images, pool: &Pool) -> Result<Arc<Images>> {
    let has_colour = (0..images.len()).any(|i| images.get(i).size.channels == 3);
    let own = images.uniform_size().filter(|size| SIDES.contains(&size.height) && SIDES.contains(&size.width));
    let size = own.map_or(SIZE, |size| [size.height, size.width]);
    let preprocess = Preprocess::fit(&PreprocessSpec::default().grayscale(!has_colour).size(size), images, &[], pool)?;
    Ok(Arc::new(preprocess.prepare_all(images, pool)))
}

/// What models have said so far.
struct Sums {
    probabilities: Vec<f64>,
    transposed: Vec<f64>,
    n_classes: usize,
    epochs: usize,
    n_parameters: usize,
}

impl Sums {
    fn new(n: usize, n_classes: usize) -> Self {
        Self {
            probabilities: vec![0.0; n * n_classes],
            transposed: vec![0.0; n],
            n_classes,
            epochs: 0,
            n_parameters: 0,
        }
    }

    fn judgement(self, dataset: &Dataset) -> Judgement {
        let Self { probabilities, transposed, n_classes, epochs, n_parameters } = self;
        let n = dataset.samples.len();
        let mut judgement =
            Judgement { probabilities, n_classes, accuracy: 0.0, epochs, n_parameters, transposed: Vec::new() };
        let labels = || dataset.samples.iter().zip(0..).map(|(sample, i)| (i, sample.label as usize));
        let n_right = labels().filter(|&(i, label)| argmax(judgement.of(i)) == label).count();
        judgement.accuracy = n_right as f64 / n as f64;
        let sure = judgement.sure(dataset);
        let mut turned: Vec<(u32, f64)> = labels()
            .filter(|&(i, label)| transposed[i as usize] >= sure[label] && judgement.of(i)[label] < 0.5 * sure[label])
            .map(|(i, _)| (i, transposed[i as usize]))
            .collect();
        turned.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        judgement.transposed = turned;
        judgement
    }
}

/// An image with rows and columns exchanged.
pub(super) fn transposed(image: Image<'_>) -> (Size, Vec<u8>) {
    let size = image.size;
    let mut pixels = Vec::with_capacity(size.len());
    for x in 0..size.width {
        for y in 0..size.height {
            pixels.extend_from_slice(&image.pixels[(y * size.width + x) * size.channels..][..size.channels]);
        }
    }
    (Size { height: size.width, width: size.height, ..size }, pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recipe_of_an_audit_is_right() {
        recipe().check().unwrap();
    }

    #[test]
    fn transposing_exchanges_rows_and_columns() {
        let size = Size { height: 2, width: 3, channels: 1 };
        let (turned, pixels) = transposed(Image { size, pixels: &[1, 2, 3, 4, 5, 6] });
        assert_eq!((turned.height, turned.width, pixels), (3, 2, vec![1, 4, 2, 5, 3, 6]));
    }
}
