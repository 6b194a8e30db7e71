//! Trains the tutorial network in candle for a few seconds and prints one JSON line per batch size.
//!
//! `bench-candle DATA SECONDS BATCH_SIZE…`: DATA is a folder of MNIST's four IDX files. The number of threads is that of
//! `RAYON_NUM_THREADS`. One warm-up step, then whole steps, batch assembly included.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use candle_core::{DType, Device, Tensor};
use candle_nn::{AdamW, Conv2d, Linear, Module, Optimizer, ParamsAdamW, VarBuilder, VarMap};

/// Enough for a step to be seen, where one takes seconds.
const LEAST_STEPS: usize = 2;

struct Network {
    conv_1: Conv2d,
    conv_2: Conv2d,
    dense: Linear,
}

impl Network {
    fn new(variables: VarBuilder<'_>) -> candle_core::Result<Self> {
        Ok(Self {
            conv_1: candle_nn::conv2d(1, 32, 3, Default::default(), variables.pp("conv_1"))?,
            conv_2: candle_nn::conv2d(32, 64, 3, Default::default(), variables.pp("conv_2"))?,
            dense: candle_nn::linear(1600, 10, variables.pp("dense"))?,
        })
    }

    fn forward(&self, images: &Tensor) -> candle_core::Result<Tensor> {
        let x = self.conv_1.forward(images)?.relu()?.max_pool2d(2)?;
        let x = self.conv_2.forward(&x)?.relu()?.max_pool2d(2)?;
        self.dense.forward(&x.flatten_from(1)?)
    }
}

/// MNIST's training part as tensors in memory.
fn read(folder: &Path) -> Result<(Tensor, Tensor), Box<dyn Error>> {
    let pixels = fs::read(folder.join("train-images-idx3-ubyte"))?;
    let labels = fs::read(folder.join("train-labels-idx1-ubyte"))?;
    let pixels: Vec<f32> = pixels[16..].iter().map(|&byte| f32::from(byte) / 255.0).collect();
    let labels: Vec<u32> = labels[8..].iter().map(|&label| u32::from(label)).collect();
    let n = labels.len();
    Ok((Tensor::from_vec(pixels, (n, 1, 28, 28), &Device::Cpu)?, Tensor::from_vec(labels, n, &Device::Cpu)?))
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [data, seconds, sizes @ ..] = words.as_slice() else {
        return Err("bench-candle DATA SECONDS BATCH_SIZE…".into());
    };
    let (images, labels) = read(Path::new(data))?;
    let n = labels.dim(0)?;
    let seconds = Duration::from_secs_f64(seconds.parse()?);
    for size in sizes {
        let size: usize = size.parse()?;
        let variables = VarMap::new();
        let network = Network::new(VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu))?;
        // Without decay AdamW is Adam.
        let settings = ParamsAdamW { lr: 1e-3, weight_decay: 0.0, ..ParamsAdamW::default() };
        let mut optimizer = AdamW::new(variables.all_vars(), settings)?;
        let mut step = |step: usize| -> candle_core::Result<()> {
            // 7919 is prime and no divisor of 60,000: every image is met once before one comes again.
            let chosen: Vec<u32> = (0..size).map(|i| ((step * size + i) * 7919 % n) as u32).collect();
            let chosen = Tensor::from_vec(chosen, size, &Device::Cpu)?;
            let logits = network.forward(&images.index_select(&chosen, 0)?)?;
            let loss = candle_nn::loss::cross_entropy(&logits, &labels.index_select(&chosen, 0)?)?;
            optimizer.backward_step(&loss)
        };
        step(0)?;
        let (start, mut n_steps) = (Instant::now(), 0);
        while n_steps < LEAST_STEPS || start.elapsed() < seconds {
            n_steps += 1;
            step(n_steps)?;
        }
        let (elapsed, images) = (start.elapsed().as_secs_f64(), n_steps * size);
        let threads = std::env::var("RAYON_NUM_THREADS").unwrap_or_else(|_| "0".to_owned());
        println!(
            "{{\"peer\": \"candle\", \"version\": \"0.11.1\", \"engine\": \"cpu\", \"work\": \"train\", \
             \"network\": \"tutorial\", \"precision\": \"f32\", \"batch_size\": {size}, \"threads\": {threads}, \
             \"images\": {images}, \"seconds\": {elapsed:.4}, \"images_per_second\": {:.2}}}",
            images as f64 / elapsed
        );
    }
    Ok(())
}
