//! Trains the tutorial network in burn for a few seconds and prints one JSON line per batch size.
//!
//! `bench-burn DATA SECONDS BATCH_SIZE…`: DATA is a folder of MNIST's four IDX files. The engine is Flex, burn's CPU backend
//! (NdArray is deprecated and was twenty times slower). The number of threads is that of `RAYON_NUM_THREADS`. One warm-up
//! step, then whole steps, batch assembly included.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{Linear, LinearConfig, Relu};
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::prelude::*;

const SIDE: usize = 28;
const PIXELS: usize = SIDE * SIDE;
/// Enough for a step to be seen, where one takes seconds.
const LEAST_STEPS: usize = 2;

#[derive(Module, Debug)]
struct Network {
    conv_1: Conv2d,
    conv_2: Conv2d,
    pool: MaxPool2d,
    activation: Relu,
    dense: Linear,
}

impl Network {
    fn new(device: &Device) -> Self {
        Self {
            conv_1: Conv2dConfig::new([1, 32], [3, 3]).init(device),
            conv_2: Conv2dConfig::new([32, 64], [3, 3]).init(device),
            pool: MaxPool2dConfig::new([2, 2]).init(),
            activation: Relu::new(),
            dense: LinearConfig::new(1600, 10).init(device),
        }
    }

    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let x = self.pool.forward(self.activation.forward(self.conv_1.forward(images)));
        let x = self.pool.forward(self.activation.forward(self.conv_2.forward(x)));
        self.dense.forward(x.flatten(1, 3))
    }
}

/// MNIST's training part in memory.
struct Mnist {
    pixels: Vec<f32>,
    labels: Vec<i64>,
}

impl Mnist {
    fn read(folder: &Path) -> Result<Self, Box<dyn Error>> {
        let pixels = fs::read(folder.join("train-images-idx3-ubyte"))?;
        let labels = fs::read(folder.join("train-labels-idx1-ubyte"))?;
        Ok(Self {
            pixels: pixels[16..].iter().map(|&byte| f32::from(byte) / 255.0).collect(),
            labels: labels[8..].iter().map(|&label| i64::from(label)).collect(),
        })
    }

    /// Batch `step` of a fixed walk over the images.
    fn batch(&self, step: usize, size: usize, device: &Device) -> (Tensor<4>, Tensor<1, Int>) {
        let n = self.labels.len();
        // 7919 is prime and no divisor of 60,000: every image is met once before one comes again.
        let chosen = (0..size).map(|i| (step * size + i) * 7919 % n);
        let mut pixels = Vec::with_capacity(size * PIXELS);
        let mut labels = Vec::with_capacity(size);
        for i in chosen {
            pixels.extend_from_slice(&self.pixels[i * PIXELS..(i + 1) * PIXELS]);
            labels.push(self.labels[i]);
        }
        let images = TensorData::new(pixels, [size, 1, SIDE, SIDE]);
        (Tensor::from_data(images, device), Tensor::from_data(TensorData::new(labels, [size]), device))
    }
}

struct Training {
    network: Network,
    optimizer: ModuleOptimizer,
    device: Device,
}

impl Training {
    fn step(mut self, mnist: &Mnist, step: usize, size: usize) -> Self {
        let (images, labels) = mnist.batch(step, size, &self.device);
        let logits = self.network.forward(images);
        let loss = CrossEntropyLossConfig::new().init(&self.device).forward(logits, labels);
        let gradients = GradientsParams::from_grads(loss.backward(), &self.network);
        self.network = self.optimizer.step(1e-3, self.network, gradients);
        self
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [data, seconds, sizes @ ..] = words.as_slice() else {
        return Err("bench-burn DATA SECONDS BATCH_SIZE…".into());
    };
    let mnist = Mnist::read(Path::new(data))?;
    let seconds = Duration::from_secs_f64(seconds.parse()?);
    for size in sizes {
        let size: usize = size.parse()?;
        let device = Device::flex().autodiff();
        let mut training = Training { network: Network::new(&device), optimizer: AdamConfig::new().init(), device };
        training = training.step(&mnist, 0, size);
        let (start, mut n_steps) = (Instant::now(), 0);
        while n_steps < LEAST_STEPS || start.elapsed() < seconds {
            n_steps += 1;
            training = training.step(&mnist, n_steps, size);
        }
        let (elapsed, images) = (start.elapsed().as_secs_f64(), n_steps * size);
        let threads = std::env::var("RAYON_NUM_THREADS").unwrap_or_else(|_| "0".to_owned());
        println!(
            "{{\"peer\": \"burn\", \"version\": \"0.22.1\", \"engine\": \"flex\", \"work\": \"train\", \
             \"network\": \"tutorial\", \"precision\": \"f32\", \"batch_size\": {size}, \"threads\": {threads}, \
             \"images\": {images}, \"seconds\": {elapsed:.4}, \"images_per_second\": {:.2}}}",
            images as f64 / elapsed
        );
    }
    Ok(())
}
