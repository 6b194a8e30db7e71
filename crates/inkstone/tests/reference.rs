//! The reference engine against PyTorch's numbers, against finite differences, and put to work.

#![allow(clippy::unwrap_used)] // all of it is tests, helpers included

mod support;

use std::collections::BTreeMap;

use inkstone::engine::reference::{Gradients, Mode, Reference};
use inkstone::engine::{Admixture, Batch, Parameters, Target};
use inkstone::layers::{dropout, loss};
use inkstone::shape::Shape;
use inkstone::spec::model::{LayerSpec, ModelSpec};
use inkstone::spec::plan::{Plan, TensorInfo};
use serde::Deserialize;
use support::adam::Adam;
use support::formula::values;

/// A fixture of reference/pytorch_layers.py.
#[derive(Deserialize)]
struct Fixture {
    cases: Vec<Case>,
    losses: Vec<LossCase>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    input: Vec<usize>,
    n: usize,
    training: bool,
    whole_numbers: bool,
    layers: Vec<LayerSpec>,
    n_outputs: usize,
    output: Vec<f64>,
    d_input: Vec<f64>,
    d_parameters: BTreeMap<String, Vec<f64>>,
    state: BTreeMap<String, Vec<f64>>,
}

#[derive(Deserialize)]
struct LossCase {
    smoothing: f32,
    labels: Vec<usize>,
    weights: Vec<f32>,
    losses: Vec<f64>,
    d_logits: Vec<f64>,
}

/// A case made ready: its plan and the formula's numbers.
struct Setup {
    reference: Reference<f64>,
    mode: Mode,
    images: Vec<f64>,
    parameters: Vec<f64>,
    state: Vec<f64>,
    d_output: Vec<f64>,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("fixtures/pytorch_layers.json")).expect("the fixture of pytorch_layers.py")
}

impl Case {
    fn plan(&self) -> Plan {
        let input = match self.input[..] {
            [height, width, channels] => Shape::image(height, width, channels),
            [n] => Shape::Flat(n),
            _ => panic!("{}: a shape of 1 or 3 numbers", self.name),
        };
        let resolve = |layers| ModelSpec::sequential(layers).resolve(input, self.n_outputs);
        // A plan ends in a vector: where the case ends in an image, a flatten makes it one and moves nothing.
        let with_flatten = || [self.layers.clone(), vec![LayerSpec::flatten()]].concat();
        resolve(self.layers.clone()).or_else(|_| resolve(with_flatten())).expect("a model that resolves")
    }

    fn setup(&self) -> Setup {
        let plan = self.plan();
        let mut images: Vec<f64> = values(self.n * plan.input.len(), 1).iter().map(|v| v * 4.0).collect();
        if self.whole_numbers {
            images = images.into_iter().map(f64::trunc).collect();
        }
        let mut state = by_formula(&plan.state, plan.state_buffer_len(), 200);
        for info in plan.state.iter().filter(|info| info.name.ends_with("variance")) {
            for variance in &mut state[info.range()] {
                *variance += 1.0;
            }
        }
        Setup {
            mode: if self.training { Mode::Training { seed: 11, step: 3 } } else { Mode::Inference },
            images,
            parameters: by_formula(&plan.parameters, plan.parameter_buffer_len(), 100),
            state,
            d_output: values(self.n * self.n_outputs, 2),
            reference: Reference::new(&plan),
        }
    }
}

fn by_formula(tensors: &[TensorInfo], len: usize, salt: u64) -> Vec<f64> {
    let mut buffer = vec![0.0; len];
    for (info, salt) in tensors.iter().zip(salt..) {
        buffer[info.range()].copy_from_slice(&values(info.len, salt));
    }
    buffer
}

fn assert_near(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}: number of values");
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found - expected).abs();
        assert!(error <= tolerance * expected.abs().max(1.0), "{what}, value {i}: {found} instead of {expected}");
    }
}

impl Setup {
    /// Σ y · d_y: a loss whose derivative by the result is d_y.
    fn loss(&self, parameters: &[f64], images: &[f64]) -> f64 {
        let tape = self.reference.forward(parameters, &self.state, images, self.mode);
        tape.logits().iter().zip(&self.d_output).map(|(y, d_y)| y * d_y).sum()
    }

    fn gradients(&self) -> Gradients<f64> {
        let tape = self.reference.forward(&self.parameters, &self.state, &self.images, self.mode);
        self.reference.backward(&self.parameters, &tape, &self.d_output)
    }
}

#[test]
fn every_layer_equals_pytorch_forward_and_backward() {
    for case in fixture().cases {
        let (setup, plan) = (case.setup(), case.plan());
        let tape = setup.reference.forward(&setup.parameters, &setup.state, &setup.images, setup.mode);
        let gradients = setup.gradients();
        let check = |what: &str, found: &[f64], expected: &[f64]| {
            assert_near(&format!("{}: {what}", case.name), found, expected, 1e-10);
        };
        check("output", tape.logits(), &case.output);
        check("d_input", &gradients.input, &case.d_input);
        assert_eq!(plan.parameters.len(), case.d_parameters.len(), "{}", case.name);
        for info in &plan.parameters {
            check(&info.name, &gradients.parameters[info.range()], &case.d_parameters[&info.name]);
        }
        assert_eq!(plan.state.len(), case.state.len(), "{}", case.name);
        for info in &plan.state {
            check(&info.name, &tape.state[info.range()], &case.state[&info.name]);
        }
    }
}

/// The plan's closed list of operations, so that a new one without a fixture is noticed.
#[test]
fn the_fixtures_cover_every_kind_of_layer() {
    let found: std::collections::BTreeSet<String> = fixture()
        .cases
        .iter()
        .flat_map(|case| {
            case.plan()
                .walk()
                .iter()
                .map(|(_, layer)| layer.name.split('_').next().unwrap().to_owned())
                .collect::<Vec<_>>()
        })
        .collect();
    let kinds = "average batch conv2d dense dropout flatten gelu global leaky max relu residual sigmoid softmax tanh"
        .split(' ');
    for kind in kinds {
        assert!(found.contains(kind), "no fixture holds a layer {kind}…");
    }
}

#[test]
fn every_derivative_equals_the_finite_difference() {
    const H: f64 = 1e-6;
    // Where a function has a corner the two sides differ: whole numbers sit on the corners on purpose.
    for case in fixture().cases.iter().filter(|case| !case.whole_numbers) {
        let setup = case.setup();
        let gradients = setup.gradients();
        let slope = |loss: &dyn Fn(f64) -> f64| (loss(H) - loss(-H)) / (2.0 * H);
        let moved = |values: &[f64], i: usize, by: f64| {
            let mut values = values.to_vec();
            values[i] += by;
            values
        };
        let by_image: Vec<f64> = (0..setup.images.len())
            .map(|i| slope(&|h| setup.loss(&setup.parameters, &moved(&setup.images, i, h))))
            .collect();
        assert_near(&format!("{}: d_input", case.name), &gradients.input, &by_image, 1e-7);
        let by_parameter: Vec<f64> = (0..setup.parameters.len())
            .map(|i| slope(&|h| setup.loss(&moved(&setup.parameters, i, h), &setup.images)))
            .collect();
        assert_near(&format!("{}: d_parameters", case.name), &gradients.parameters, &by_parameter, 1e-7);
    }
}

#[test]
fn the_loss_equals_pytorch_and_its_own_finite_difference() {
    for case in fixture().losses {
        let logits: Vec<f64> = values(12, 1).iter().map(|v| v * 20.0).collect();
        for (i, logits) in logits.chunks_exact(4).enumerate() {
            let aim = loss::Aim {
                label: case.labels[i],
                smoothing: f64::from(case.smoothing),
                weight: f64::from(case.weights[i]),
                admixture: None,
            };
            assert_near("loss", &[loss::forward(logits, &aim)], &case.losses[i..=i], 1e-12);
            assert_near("d_logits", &loss::backward(logits, &aim), &case.d_logits[4 * i..][..4], 1e-12);
            for (k, &d) in loss::backward(logits, &aim).iter().enumerate() {
                let moved = |by: f64| {
                    let mut logits = logits.to_vec();
                    logits[k] += by;
                    loss::forward(&logits, &aim)
                };
                assert_near("d_logits by differences", &[d], &[(moved(1e-5) - moved(-1e-5)) / 2e-5], 1e-8);
            }
        }
    }
}

fn small_network() -> Plan {
    let relu = inkstone::spec::model::Activation::Relu;
    let layers = [
        LayerSpec::conv2d(6, 3).activation(relu),
        LayerSpec::batch_norm(),
        LayerSpec::max_pool(2),
        LayerSpec::flatten(),
        LayerSpec::dense(24).activation(relu),
        LayerSpec::dropout(0.1),
        LayerSpec::dense_per_class(),
    ];
    ModelSpec::sequential(layers).resolve(Shape::image(8, 8, 1), 10).expect("a model that resolves")
}

/// 32 images of noise, labels that have nothing to do with them, the weights of a skewed data set.
fn batch<'a>(write_image: &'a (dyn Fn(usize, &mut [f32]) + Sync), targets: &'a [Target], step: u32) -> Batch<'a> {
    Batch { write_image, targets, label_smoothing: 0.05, seed: 5, step }
}

fn noise(i: usize, image: &mut [f32]) {
    for (value, v) in image.iter_mut().zip(values(64, 1000 + i as u64)) {
        *value = v as f32;
    }
}

/// Every third image is in part of another class.
fn admixture(i: u32) -> Option<Admixture> {
    (i % 3 == 1).then_some(Admixture { label: i * 3 % 10, share: 0.375 })
}

fn targets() -> Vec<Target> {
    (0..32)
        .map(|i| Target { label: i * 7 % 10, weight: if i % 2 == 0 { 1.5 } else { 0.5 }, admixture: admixture(i) })
        .collect()
}

#[test]
fn a_training_step_yields_the_derivative_of_the_mean_weighted_loss() {
    let reference = Reference::<f64>::new(&small_network());
    let start = Parameters::initialise(reference.plan(), 3);
    let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
    let (parameters, state, targets) = (wide(&start.values), wide(&start.state), targets());
    let step = |parameters: &[f64]| reference.step(parameters, &state, &batch(&noise, &targets, 2));
    let gradients = step(&parameters).gradients.parameters;
    for info in &reference.plan().parameters {
        let i = info.offset + info.len / 2;
        let loss = |by: f64| {
            let mut parameters = parameters.clone();
            parameters[i] += by;
            step(&parameters).outcome.loss_sum / 32.0
        };
        assert_near(&info.name, &[gradients[i]], &[(loss(1e-6) - loss(-1e-6)) / 2e-6], 1e-7);
    }
}

#[test]
fn a_small_network_learns_32_images_by_heart() {
    let reference = Reference::<f32>::new(&small_network());
    let mut parameters = Parameters::initialise(reference.plan(), 3);
    let mut adam = Adam::new(0.01, parameters.values.len());
    let targets = targets();
    let mut outcome = None;
    for step in 0..80 {
        let found = reference.step(&parameters.values, &parameters.state, &batch(&noise, &targets, step));
        adam.update(&mut parameters.values, &found.gradients.parameters);
        parameters.state.copy_from_slice(&found.state);
        outcome = Some(found.outcome);
    }
    assert_eq!(outcome.unwrap().n_correct, 32);
}

/// Made by keep_mask of reference/formula.py: `keep_mask(2**40 + 9, 7, 31, 2, 0.4, 24)`.
#[test]
fn the_mask_of_dropout_is_the_one_that_python_makes_by_the_same_rule() {
    let mut mask = [0.0; 24];
    dropout::keep_mask((1 << 40) + 9, 7, 31, 2, 0.4, &mut mask);
    let kept: String = mask.iter().map(|&m| if m == 0.0 { '0' } else { '1' }).collect();
    assert_eq!(kept, "011000101110111110100111");
    assert!(mask.iter().all(|&m| m == 0.0 || m == 1.0 / (1.0 - 0.4_f32)));
}
