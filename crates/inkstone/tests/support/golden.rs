//! Ten training steps of the tutorial network whose losses PyTorch has told: the same check for every engine.
//!
//! The fixture is made by reference/pytorch_golden.py. It needs the built-in MNIST (feature `mnist`).

use std::collections::BTreeMap;

use inkstone::engine::{Batch, Parameters, StepOutcome, Target};
use inkstone::shape::Shape;
use inkstone::spec::model::{Activation, LayerSpec, ModelSpec};
use inkstone::spec::plan::{Plan, TensorInfo};
use serde::Deserialize;

use super::adam::Adam;
use super::formula::values;

const BATCH: usize = 32;
const PIXELS: usize = 28 * 28;

#[derive(Deserialize)]
struct Fixture {
    losses: Vec<f64>,
    n_correct: Vec<usize>,
    norms: BTreeMap<String, f64>,
}

/// The tutorial network: 34,826 parameters.
pub(crate) fn plan() -> Plan {
    let layers = [
        LayerSpec::conv2d(32, 3).activation(Activation::Relu),
        LayerSpec::max_pool(2),
        LayerSpec::conv2d(64, 3).activation(Activation::Relu),
        LayerSpec::max_pool(2),
        LayerSpec::flatten(),
        LayerSpec::dense(10).activation(Activation::Softmax),
    ];
    ModelSpec::sequential(layers).resolve(Shape::image(28, 28, 1), 10).expect("the tutorial network")
}

/// Runs the ten steps with `step`, which gives back the outcome and the gradients of the flat parameter buffer,
/// and compares every loss with PyTorch's, to 1e-4.
///
/// ```ignore
/// golden::check(|parameters, batch| {
///     let outcome = fused.step(&pool, parameters, batch, &mut buffers);
///     (outcome, buffers.gradients.to_vec())
/// });
/// ```
pub(crate) fn check(mut step: impl FnMut(&mut Parameters, &Batch<'_>) -> (StepOutcome, Vec<f32>)) {
    let fixture: Fixture = serde_json::from_str(include_str!("../fixtures/pytorch_golden.json"))
        .expect("the fixture of pytorch_golden.py");
    let plan = plan();
    let mut parameters = start(&plan);
    let mut adam = Adam::new(1e-3, parameters.values.len());
    let mnist = inkstone_mnist::load();
    for (k, (&loss, &n_correct)) in fixture.losses.iter().zip(&fixture.n_correct).enumerate() {
        let images = &mnist.train_images[k * BATCH * PIXELS..];
        let write_image = |i: usize, image: &mut [f32]| {
            for (value, &byte) in image.iter_mut().zip(&images[i * PIXELS..][..PIXELS]) {
                *value = f32::from(byte) / 255.0;
            }
        };
        let labels = &mnist.train_labels[k * BATCH..][..BATCH];
        let targets: Vec<Target> =
            labels.iter().map(|&l| Target { label: l.into(), weight: 1.0, admixture: None }).collect();
        let batch =
            Batch { write_image: &write_image, targets: &targets, label_smoothing: 0.0, seed: 0, step: k as u32 };
        let (outcome, gradients) = step(&mut parameters, &batch);
        let found = outcome.loss_sum / BATCH as f64;
        assert!((found - loss).abs() < 1e-4, "step {k}: a loss of {found}, PyTorch's is {loss}");
        assert_eq!(outcome.n_correct, n_correct, "step {k}: right answers");
        adam.update(&mut parameters.values, &gradients);
    }
    for info in &plan.parameters {
        let norm = parameters.values[info.range()].iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
        let expected = fixture.norms[&info.name];
        assert!((norm / expected - 1.0).abs() < 1e-4, "{}: a norm of {norm}, PyTorch's is {expected}", info.name);
    }
}

/// Kernels in Glorot's bounds, biases in ±0.05, by the formula: as reference/pytorch_golden.py has them.
fn start(plan: &Plan) -> Parameters {
    let mut parameters = Parameters::initialise(plan, 0);
    for (info, salt) in plan.parameters.iter().zip(100..) {
        let bound = bound(info);
        for (value, v) in parameters.values[info.range()].iter_mut().zip(values(info.len, salt)) {
            *value = (v * 2.0 * bound) as f32;
        }
    }
    parameters
}

fn bound(info: &TensorInfo) -> f64 {
    match info.shape[..] {
        [_] => 0.05,
        [n_in, n_out] => (6.0 / (n_in + n_out) as f64).sqrt(),
        [rows, columns, n_in, n_out] => (6.0 / (rows * columns * (n_in + n_out)) as f64).sqrt(),
        _ => panic!("{}: a bias or a kernel", info.name),
    }
}
