//! The samples of one part as a network takes them, in the order of an epoch. Never sees another part's samples.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use inkstone_kernels::Isa;

use super::augment::Augment;
use super::dataset::{Dataset, Images};
use super::mix::Mixture;
use super::preprocess::Preprocess;
use crate::error::Result;
use crate::parallel::Pool;
use crate::rng::{Operation, Rng};

thread_local! {
    /// The other image of a mixture; kept, so that an image allocates nothing.
    static OTHER: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

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
    /// The samples of the part whose positions in `dataset` are `part`; `prepared` are the dataset's images as
    /// [`Preprocess::prepare_all`] makes them.
    ///
    /// # Panics
    /// If `prepared` are not as many images as the dataset has, or not of the preprocess' size.
    pub fn new(prepared: Arc<Images>, dataset: &Dataset, part: &[u32], preprocess: &Preprocess) -> Self {
        assert_eq!(prepared.len(), dataset.samples.len(), "each sample has its prepared image");
        assert_eq!(prepared.uniform_size(), Some(preprocess.size()), "images are prepared before they are batched");
        Self {
            images: prepared,
            indices: part.to_vec(),
            labels: part.iter().map(|&i| dataset.samples[i as usize].label).collect(),
            classes: dataset.classes.clone().into(),
            preprocess: preprocess.clone(),
        }
    }

    /// The samples of several parts of a dataset that is no longer needed itself: images that need no preparing are
    /// moved, not copied, so that a data set is in memory once.
    ///
    /// ```
    /// # use inkstone::data::{Dataset, Images, Part, Preprocess, SampleId, Samples, dataset::{Sample, Size}};
    /// # use inkstone::{parallel::Pool, spec::PreprocessSpec};
    /// # let size = Size { height: 1, width: 1, channels: 1 };
    /// # let sample = |index| Sample { label: 0, part: None, id: SampleId::Row { part: None, index }, group: None };
    /// # let dataset = Dataset {
    /// #     name: "three".into(), classes: vec!["dot".into()], images: Images::uniform(size, vec![1, 2, 3]),
    /// #     samples: (0..3).map(sample).collect(),
    /// # };
    /// # let pool = Pool::new(1)?;
    /// let (train, validation) = ([0, 2], [1]);
    /// let preprocess = Preprocess::fit(&PreprocessSpec::default(), &dataset.images, &train, &pool)?;
    /// let [train, validation] = Samples::of_parts(dataset, [&train, &validation], &preprocess, &pool);
    /// assert_eq!((train.len(), validation.len()), (2, 1));
    /// # Ok::<(), inkstone::Error>(())
    /// ```
    pub fn of_parts<const N: usize>(
        mut dataset: Dataset,
        parts: [&[u32]; N],
        preprocess: &Preprocess,
        pool: &Pool,
    ) -> [Self; N] {
        let images = std::mem::replace(&mut dataset.images, Images::collect([]));
        let prepared = Arc::new(preprocess.prepare_owned(images, pool));
        parts.map(|part| Self::new(Arc::clone(&prepared), &dataset, part, preprocess))
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// Writes the values of sample i as they are.
    ///
    /// # Panics
    /// If there is no sample i, or `out` is not as long as the preprocess' size says.
    pub fn write(&self, isa: Isa, i: usize, out: &mut [f32]) {
        self.images.with(self.indices[i] as usize, |image| self.preprocess.values_on(isa, image.pixels, out));
    }

    /// Writes the values of sample i, augmented as (seed, epoch) and the image's number say, and mixed with another's.
    ///
    /// # Panics
    /// As [`Samples::write`].
    pub fn write_augmented(&self, isa: Isa, i: usize, augment: &Augment, (seed, epoch): (u64, u32), out: &mut [f32]) {
        self.write_unmixed(isa, i, augment, (seed, epoch), out);
        if let Some(mixture) = self.mixture(i, augment, (seed, epoch)) {
            OTHER.with_borrow_mut(|other| {
                other.resize(out.len(), 0.0);
                self.write_unmixed(isa, mixture.other as usize, augment, (seed, epoch), other);
                mixture.apply(self.preprocess.size(), other, out);
            });
        }
    }

    /// With what [`Samples::write_augmented`] mixes sample i, and so what its label becomes.
    ///
    /// # Panics
    /// If there is no sample i.
    pub fn mixture(&self, i: usize, augment: &Augment, (seed, epoch): (u64, u32)) -> Option<Mixture> {
        augment.draw_mixture((seed, epoch, self.indices[i]), self.len())
    }

    fn write_unmixed(&self, isa: Isa, i: usize, augment: &Augment, (seed, epoch): (u64, u32), out: &mut [f32]) {
        let index = self.indices[i];
        let key = (seed, epoch, index);
        self.images.with(index as usize, |image| match self.preprocess.scale() {
            Some(scale) => augment.write(isa, image.pixels, key, scale, out),
            None => {
                augment.apply(isa, image.pixels, key, out);
                self.preprocess.values_in_place(out);
            }
        });
    }

    /// The order in which an epoch visits the samples (positions 0..len): a function of seed and epoch alone. Of a
    /// streamed set the blocks are shuffled, then the samples of each window of blocks.
    pub fn order(&self, seed: u64, epoch: u32) -> Vec<u32> {
        if let Some(window) = self.images.window() {
            return self.order_by_windows(window, seed, epoch);
        }
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        Rng::new(seed, epoch, 0, Operation::Shuffle).shuffle(&mut order);
        order
    }

    fn order_by_windows(&self, window: usize, seed: u64, epoch: u32) -> Vec<u32> {
        let mut blocks: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (position, &image) in self.indices.iter().enumerate() {
            blocks.entry(self.images.block_of(image)).or_default().push(position as u32);
        }
        let mut blocks: Vec<Vec<u32>> = blocks.into_values().collect();
        Rng::new(seed, epoch, 0, Operation::ShuffleBlocks).shuffle(&mut blocks);
        let mut order = Vec::with_capacity(self.len());
        for (i, blocks) in blocks.chunks(window).enumerate() {
            let start = order.len();
            order.extend(blocks.iter().flatten());
            Rng::new(seed, epoch, i as u32, Operation::ShuffleWindow).shuffle(&mut order[start..]);
        }
        order
    }

    /// Sees to it that these samples can be written without waiting for the disk: does nothing but for streamed sets.
    ///
    /// # Errors
    /// `Io` where they cannot be read.
    pub fn load(&self, positions: &[u32], pool: &Pool) -> Result<()> {
        self.images.load(positions.iter().map(|&i| self.indices[i as usize]), pool)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::dataset::{Sample, SampleId, Size};
    use crate::spec::{AugmentSpec, PreprocessSpec};

    const SIZE: Size = Size { height: 4, width: 4, channels: 1 };

    /// Twelve images of 4×4; the label of image i is i mod 3.
    fn dataset() -> Dataset {
        let sample = |index| {
            let id = SampleId::Row { part: None, index };
            Sample { label: index % 3, part: None, id, group: None }
        };
        Dataset {
            name: "twelve".to_owned(),
            classes: ["a", "b", "c"].map(String::from).to_vec(),
            images: Images::uniform(SIZE, (0..12 * 16).map(|i| (i * 7 % 256) as u8).collect()),
            samples: (0..12).map(sample).collect(),
        }
    }

    fn samples(part: &[u32]) -> Samples {
        let (dataset, pool) = (dataset(), Pool::new(1).unwrap());
        let preprocess = Preprocess::fit(&PreprocessSpec::default(), &dataset.images, part, &pool).unwrap();
        Samples::new(Arc::new(dataset.images.clone()), &dataset, part, &preprocess)
    }

    #[test]
    fn a_part_has_its_own_labels_and_pixels() {
        let samples = samples(&[7, 2, 11]);
        assert_eq!((samples.len(), samples.is_empty()), (3, false));
        assert_eq!(samples.labels, [1, 2, 2]);
        let mut values = [0.0; 16];
        samples.write(Isa::detect(), 1, &mut values);
        for (value, &byte) in values.iter().zip(dataset().images.get(2).pixels) {
            assert_eq!(*value, f32::from(byte) / 255.0);
        }
    }

    #[test]
    fn parts_share_images_that_were_not_copied() {
        let (dataset, pool) = (dataset(), Pool::new(1).unwrap());
        let preprocess = Preprocess::fit(&PreprocessSpec::default(), &dataset.images, &[0], &pool).unwrap();
        let place = dataset.images.pixels().as_ptr();
        let [train, test] = Samples::of_parts(dataset, [&[0, 1, 2], &[5]], &preprocess, &pool);
        assert_eq!(train.images.pixels().as_ptr(), place);
        assert!(Arc::ptr_eq(&train.images, &test.images));
        assert_eq!((train.labels, test.labels), (vec![0, 1, 2], vec![2]));
    }

    #[test]
    fn a_sample_is_augmented_alike_wherever_it_stands_and_differently_in_each_epoch() {
        let augment = Augment::new(&AugmentSpec::default().rotation_degrees(30.0), SIZE).unwrap().unwrap();
        let written = |part: &[u32], i: usize, epoch: u32| {
            let mut values = [0.0; 16];
            samples(part).write_augmented(Isa::detect(), i, &augment, (9, epoch), &mut values);
            values
        };
        assert_eq!(written(&[7, 2, 11], 1, 0), written(&[2], 0, 0));
        assert_ne!(written(&[2], 0, 0), written(&[2], 0, 1));
        assert!(written(&[2], 0, 0).iter().all(|value| (0.0..=1.0).contains(value)));
    }

    #[test]
    fn an_epoch_visits_every_sample_once_in_an_order_of_its_own() {
        let samples = samples(&(0..12).collect::<Vec<_>>());
        assert_eq!(samples.order(1, 0), samples.order(1, 0));
        assert_ne!(samples.order(1, 0), samples.order(1, 1));
        assert_ne!(samples.order(1, 0), samples.order(2, 0));
        let mut order = samples.order(1, 0);
        order.sort_unstable();
        assert_eq!(order, (0..12).collect::<Vec<_>>());
    }
}
