//! The labelled images nearest to one in the space of features: what the last dense layer takes in.

use serde::Serialize;

use super::network::Network;
use crate::data::Dataset;
use crate::predict::Predictor;

/// Images whose features are held at once.
const CHUNK: usize = 1024;

/// Where to look, and for how many.
#[derive(Debug, Clone, Copy)]
pub struct Neighbourhood<'a> {
    /// How many are wanted.
    pub n: usize,
    /// The images.
    pub dataset: &'a Dataset,
    /// Which of them: those that the model was trained on, say.
    pub indices: &'a [u32],
}

/// One near image.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Neighbour {
    /// Its place in the data set: `train/123`, or its path.
    pub id: String,
    /// Index of its class among the data set's.
    pub label: u32,
    /// Its name.
    pub class: String,
    /// Euclidean distance of the features.
    pub distance: f64,
    /// The prepared image.
    #[serde(skip)]
    pub prepared: Vec<u8>,
}

/// The nearest first, equals in the order of the data set.
pub(super) fn nearest(
    predictor: &Predictor,
    network: &Network<'_>,
    values: &[f32],
    near: Neighbourhood<'_>,
) -> Vec<Neighbour> {
    let own = network.features(1, &|_, out| out.copy_from_slice(values));
    let preprocess = &predictor.checkpoint().preprocess;
    let prepare = |i: u32, out: &mut [u8]| {
        near.dataset.images.with(i as usize, |image| preprocess.prepare(image, out));
    };
    let mut best: Vec<(f64, u32)> = Vec::new();
    for chunk in near.indices.chunks(CHUNK) {
        let write = |k: usize, out: &mut [f32]| {
            let mut bytes = vec![0; preprocess.size().len()];
            prepare(chunk[k], &mut bytes);
            preprocess.values_on(predictor.isa(), &bytes, out);
        };
        let features = network.features(chunk.len(), &write);
        best.extend(
            chunk.iter().zip(features.chunks_exact(own.len().max(1))).map(|(&i, row)| (distance(&own, row), i)),
        );
        best.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        best.truncate(near.n);
    }
    best.into_iter()
        .map(|(distance, i)| {
            let sample = &near.dataset.samples[i as usize];
            let mut prepared = vec![0; preprocess.size().len()];
            prepare(i, &mut prepared);
            let class = near.dataset.classes[sample.label as usize].clone();
            Neighbour { id: sample.id.to_string(), label: sample.label, class, distance, prepared }
        })
        .collect()
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum::<f64>().sqrt()
}
