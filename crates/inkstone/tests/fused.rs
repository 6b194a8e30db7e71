//! The fused engine against the reference, on every instruction set that this CPU has, for any number of threads.

mod support;

use inkstone::engine::fused::{Fused, InputGradients};
use inkstone::engine::reference::{Mode, Reference};
use inkstone::engine::{Admixture, Batch, Isa, Parameters, StepOutcome, Target};
use inkstone::parallel::Pool;
use inkstone::shape::Shape;
use inkstone::spec::builtin;
use inkstone::spec::model::{Activation, LayerSpec, ModelSpec};
use inkstone::spec::plan::Plan;
use inkstone::spec::training::Precision;
use support::formula::values;

/// A network that uses one thing, or all at once; made for `n_classes` logits.
fn networks() -> Vec<(&'static str, Shape, usize, Vec<LayerSpec>)> {
    use Activation::{Gelu, LeakyRelu, Relu, Sigmoid, Softmax, Tanh};
    let dense = LayerSpec::dense_per_class;
    let flatten = LayerSpec::flatten;
    vec![
        (
            "the tutorial network",
            Shape::image(28, 28, 1),
            10,
            vec![
                LayerSpec::conv2d(32, 3).activation(Relu),
                LayerSpec::max_pool(2),
                LayerSpec::conv2d(64, 3).activation(Relu),
                LayerSpec::max_pool(2),
                flatten(),
                dense().activation(Softmax),
            ],
        ),
        ("one dense layer", Shape::image(5, 7, 3), 3, vec![flatten(), dense()]),
        (
            "dense layers with every activation",
            Shape::Flat(13),
            5,
            vec![
                LayerSpec::dense(17).activation(Relu),
                LayerSpec::dense(9).activation(Tanh),
                LayerSpec::dense(33).activation(Sigmoid),
                LayerSpec::dense(8).activation(Gelu),
                LayerSpec::dense(6).activation(LeakyRelu),
                LayerSpec::dense(4).activation(Softmax),
                dense(),
            ],
        ),
        (
            "strides, same padding, awkward channels",
            Shape::image(11, 9, 3),
            4,
            vec![
                LayerSpec::conv2d(5, 5).stride(2).same().activation(Relu),
                LayerSpec::conv2d(17, 3).same(),
                LayerSpec::conv2d(33, 1).activation(Gelu),
                LayerSpec::conv2d(7, 2).stride(3),
                flatten(),
                dense(),
            ],
        ),
        (
            "pools of every kind, fused and not",
            Shape::image(20, 17, 2),
            3,
            vec![
                LayerSpec::conv2d(19, 3).same(),
                LayerSpec::max_pool(2),
                LayerSpec::Relu,
                LayerSpec::conv2d(20, 3).same().activation(Relu),
                LayerSpec::max_pool(3).stride(2).same(),
                LayerSpec::conv2d(8, 3).same().activation(Tanh),
                LayerSpec::max_pool(2).stride(1),
                LayerSpec::average_pool(2).same(),
                LayerSpec::GlobalAveragePool,
                dense(),
            ],
        ),
        (
            "sparse behind padding",
            Shape::image(12, 12, 16),
            6,
            vec![
                LayerSpec::conv2d(16, 1),
                LayerSpec::conv2d(24, 3).same().activation(Relu),
                LayerSpec::max_pool(2),
                LayerSpec::conv2d(40, 5).same(),
                LayerSpec::max_pool(3),
                flatten(),
                dense(),
            ],
        ),
        (
            "batch norm, dropout and residuals",
            Shape::image(8, 8, 2),
            4,
            vec![
                LayerSpec::conv2d(6, 3).same(),
                LayerSpec::batch_norm().activation(Relu),
                LayerSpec::residual([
                    LayerSpec::conv2d(6, 3).same().activation(Relu),
                    LayerSpec::batch_norm(),
                    LayerSpec::residual([LayerSpec::conv2d(6, 1), LayerSpec::batch_norm()]),
                ])
                .activation(Relu),
                LayerSpec::max_pool(2),
                LayerSpec::dropout(0.3),
                flatten(),
                LayerSpec::dense(12).activation(Relu),
                LayerSpec::batch_norm(),
                LayerSpec::dropout(0.5),
                dense(),
            ],
        ),
    ]
}

/// Images, targets and parameters that the formula makes: nothing is zero by chance.
struct Setup {
    plan: Plan,
    parameters: Parameters,
    images: Vec<f32>,
    targets: Vec<Target>,
}

impl Setup {
    fn new(layers: &[LayerSpec], input: Shape, n_classes: usize, n: usize) -> Self {
        let plan = ModelSpec::sequential(layers.to_vec()).resolve(input, n_classes).expect("a right network");
        let mut parameters = Parameters::initialise(&plan, 3);
        for (value, nudge) in parameters.values.iter_mut().zip(values(plan.parameter_buffer_len(), 5)) {
            *value += 0.1 * nudge as f32;
        }
        for info in plan.parameters.windows(2) {
            parameters.values[info[0].offset + info[0].len..info[1].offset].fill(0.0);
        }
        let images = values(n * input.len(), 7).into_iter().map(|v| 2.0 * v as f32).collect();
        let label = |i: usize| (i % n_classes) as u32;
        // Every third image is in part of another class.
        let admixture = |i: usize| (i % 3 == 1).then(|| Admixture { label: label(i * 5), share: 0.375 });
        let target = |i| Target { label: label(i * 7), weight: 0.5 + i as f32 % 3.0, admixture: admixture(i) };
        let targets = (0..n).map(target).collect();
        Self { plan, parameters, images, targets }
    }

    fn with_batch<R>(&self, work: impl FnOnce(&Batch<'_>) -> R) -> R {
        let len = self.plan.input.len();
        let write_image = |i: usize, image: &mut [f32]| image.copy_from_slice(&self.images[i * len..][..len]);
        let targets = &self.targets;
        work(&Batch { write_image: &write_image, targets, label_smoothing: 0.1, seed: 11, step: 4 })
    }

    /// Outcome, gradients and new state of the fused engine.
    fn fused(&self, isa: Isa, n_threads: usize) -> (StepOutcome, Vec<f32>, Vec<f32>) {
        self.fused_in(Precision::F32, isa, n_threads)
    }

    fn fused_in(&self, precision: Precision, isa: Isa, n_threads: usize) -> (StepOutcome, Vec<f32>, Vec<f32>) {
        let fused = Fused::with_precision(&self.plan, isa, precision);
        let pool = Pool::new(n_threads).expect("threads");
        let mut buffers = fused.train_buffers(self.targets.len());
        let mut parameters = self.parameters.clone();
        let outcome = self.with_batch(|batch| fused.step(&pool, &mut parameters, batch, &mut buffers));
        (outcome, buffers.gradients.to_vec(), parameters.state.to_vec())
    }
}

fn doubles(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| value.into()).collect()
}

/// Compares tensor by tensor, relative to the tensor's largest value. Below 0.01 absolutely: a bias before a batch norm
/// has no gradient but rounding.
fn compare(place: &str, found: &[f32], expected: &[f64], tolerance: f64) {
    let largest = expected.iter().fold(1e-2_f64, |largest, value| largest.max(value.abs()));
    for (i, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(found) - expected).abs() / largest;
        assert!(error <= tolerance, "{place}, value {i}: expected {expected}, found {found}, largest {largest}");
    }
}

#[test]
fn a_training_step_equals_the_reference_on_every_instruction_set() {
    for (name, input, n_classes, layers) in networks() {
        for n in [1, 2, 9, 37] {
            let setup = Setup::new(&layers, input, n_classes, n);
            if n <= 2 && !setup.plan.state.is_empty() {
                continue; // Two vectors normalise to ±1 whatever they are: the gradient behind is all rounding.
            }
            let reference = Reference::<f64>::new(&setup.plan);
            let (values, state) = (doubles(&setup.parameters.values), doubles(&setup.parameters.state));
            let expected = setup.with_batch(|batch| reference.step(&values, &state, batch));
            for isa in Isa::available() {
                let (outcome, gradients, new_state) = setup.fused(isa, 2);
                let place = format!("{name}, {n} images, {isa}");
                let loss = (outcome.loss_sum - expected.outcome.loss_sum).abs() / n as f64;
                assert!(loss < 1e-5, "{place}: {outcome:?}, expected {:?}", expected.outcome);
                for info in &setup.plan.parameters {
                    let range = info.range();
                    let place = format!("{place}, {}", info.name);
                    compare(&place, &gradients[range.clone()], &expected.gradients.parameters[range], 2e-4);
                }
                compare(&format!("{place}, state"), &new_state, &expected.state, 1e-5);
            }
        }
    }
}

#[test]
fn logits_equal_the_reference_on_every_instruction_set() {
    for (name, input, n_classes, layers) in networks() {
        let setup = Setup::new(&layers, input, n_classes, 70);
        let reference = Reference::<f64>::new(&setup.plan);
        let (values, state) = (doubles(&setup.parameters.values), doubles(&setup.parameters.state));
        let tape = reference.forward(&values, &state, &doubles(&setup.images), Mode::Inference);
        for isa in Isa::available() {
            let pool = Pool::new(2).expect("threads");
            let fused = Fused::compile(&setup.plan, isa);
            let packed = fused.pack(&pool, &setup.parameters);
            let found = setup.with_batch(|batch| fused.logits(&pool, &packed, 70, batch.write_image));
            compare(&format!("{name}, {isa}"), &found, tape.logits(), 2e-5);
        }
    }
}

#[test]
fn packed_parameters_answer_any_number_of_threads_at_once_with_the_same_bits() {
    let here = Pool::current_thread();
    for (name, input, n_classes, layers) in networks() {
        let setup = Setup::new(&layers, input, n_classes, 13);
        let len = input.len();
        let image = |i: usize, out: &mut [f32]| out.copy_from_slice(&setup.images[i * len..][..len]);
        let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
        for isa in Isa::available() {
            let fused = Fused::compile(&setup.plan, isa);
            let expected = bits(fused.logits(&here, &fused.pack(&here, &setup.parameters), 13, &image));
            let packed = fused.pack(&Pool::new(2).expect("threads"), &setup.parameters);
            let ask = |thread: usize| {
                for k in 0..26 {
                    let i = (thread + k) % 13;
                    let alone = fused.logits(&here, &packed, 1, &|_, out| image(i, out));
                    assert_eq!(bits(alone), expected[i * n_classes..][..n_classes], "{name}, {isa}, image {i}");
                    if k % 9 == thread {
                        assert_eq!(bits(fused.logits(&here, &packed, 13, &image)), expected, "{name}, {isa}");
                    }
                }
            };
            std::thread::scope(|scope| (0..5).for_each(|thread| drop(scope.spawn(move || ask(thread)))));
        }
    }
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    for (name, input, n_classes, layers) in networks() {
        let setup = Setup::new(&layers, input, n_classes, 45);
        for isa in Isa::available() {
            let (outcome, gradients, state) = setup.fused(isa, 1);
            let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            for n_threads in [2, 5] {
                let (other, other_gradients, other_state) = setup.fused(isa, n_threads);
                assert_eq!(outcome, other, "{name}, {isa}, {n_threads} threads");
                assert_eq!(bits(&gradients), bits(&other_gradients), "{name}, {isa}, {n_threads} threads");
                assert_eq!(bits(&state), bits(&other_state), "{name}, {isa}, {n_threads} threads");
            }
        }
    }
}

/// bf16 keeps eight bits: what can be asked for is that the step goes the way of the exact one.
#[test]
fn a_step_in_bf16_goes_the_way_of_the_exact_one_on_any_number_of_threads() {
    for (name, input, n_classes, layers) in networks() {
        let setup = Setup::new(&layers, input, n_classes, 37);
        for isa in Isa::available() {
            let (exact, exact_gradients, _) = setup.fused(isa, 2);
            let (outcome, gradients, _) = setup.fused_in(Precision::Bf16, isa, 2);
            let loss = (outcome.loss_sum - exact.loss_sum).abs() / exact.loss_sum;
            assert!(loss < 0.02, "{name}, {isa}: {outcome:?}, expected {exact:?}");
            assert!(outcome.loss_sum != exact.loss_sum, "{name}, {isa}: nothing was rounded");
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
            let sizes = dot(&gradients, &gradients) * dot(&exact_gradients, &exact_gradients);
            let cosine = dot(&gradients, &exact_gradients) / sizes.sqrt();
            assert!(cosine > 0.97, "{name}, {isa}: the cosine of the gradients is {cosine}");
            let alone = setup.fused_in(Precision::Bf16, isa, 1);
            assert!(alone.0 == outcome && alone.1 == gradients, "{name}, {isa}: other bits on one thread");
        }
    }
}

#[test]
fn buffers_can_be_used_again_for_smaller_batches() {
    for (name, input, n_classes, layers) in networks() {
        let (large, small) = (Setup::new(&layers, input, n_classes, 40), Setup::new(&layers, input, n_classes, 7));
        let pool = Pool::new(2).expect("threads");
        let fused = Fused::compile(&large.plan, Isa::detect());
        let mut buffers = fused.train_buffers(40);
        large.with_batch(|batch| fused.step(&pool, &mut large.parameters.clone(), batch, &mut buffers));
        let outcome = small.with_batch(|batch| fused.step(&pool, &mut small.parameters.clone(), batch, &mut buffers));
        let (fresh, gradients, _) = small.fused(Isa::detect(), 2);
        assert_eq!(outcome, fresh, "{name}");
        assert_eq!(buffers.gradients[..], gradients[..], "{name}");
    }
}

#[test]
fn every_recipe_agrees_on_both_engines() {
    for name in builtin::recipe_names() {
        let recipe = builtin::recipe(name).expect("a built-in recipe");
        let [height, width] = recipe.preprocess.size.unwrap_or([28, 28]);
        let input = Shape::image(height, width, if recipe.preprocess.grayscale { 1 } else { 3 });
        let setup = Setup::new(&recipe.model.layers, input, 10, 9);
        let reference = Reference::<f64>::new(&setup.plan);
        let (values, state) = (doubles(&setup.parameters.values), doubles(&setup.parameters.state));
        let expected = setup.with_batch(|batch| reference.step(&values, &state, batch));
        for isa in Isa::available() {
            let (outcome, gradients, _) = setup.fused(isa, 2);
            assert!((outcome.loss_sum - expected.outcome.loss_sum).abs() < 1e-4, "{name}, {isa}");
            for info in &setup.plan.parameters {
                let range = info.range();
                let place = format!("{name}, {isa}, {}", info.name);
                compare(&place, &gradients[range.clone()], &expected.gradients.parameters[range], 2e-4);
            }
        }
    }
}

#[test]
fn overfits_thirty_two_images() {
    let (_, input, n_classes, layers) = networks().swap_remove(0);
    let mut setup = Setup::new(&layers, input, n_classes, 32);
    for target in &mut setup.targets {
        target.weight = 1.0;
        target.admixture = None;
    }
    let fused = Fused::compile(&setup.plan, Isa::detect());
    let pool = Pool::new(2).expect("threads");
    let mut buffers = fused.train_buffers(32);
    let mut parameters = setup.parameters.clone();
    let mut adam = support::adam::Adam::new(1e-3, parameters.values.len());
    for _ in 0..200 {
        setup.with_batch(|batch| fused.step(&pool, &mut parameters, batch, &mut buffers));
        adam.update(&mut parameters.values, &buffers.gradients);
    }
    let outcome = setup.with_batch(|batch| fused.step(&pool, &mut parameters, batch, &mut buffers));
    assert_eq!(outcome.n_correct, 32, "{outcome:?}");
}

#[test]
fn gradients_by_the_images_equal_the_reference_on_every_instruction_set_and_any_number_of_threads() {
    for (name, input, n_classes, layers) in networks() {
        let setup = Setup::new(&layers, input, n_classes, 9);
        let reference = Reference::<f64>::new(&setup.plan);
        let (parameters, state) = (doubles(&setup.parameters.values), doubles(&setup.parameters.state));
        let tape = reference.forward(&parameters, &state, &doubles(&setup.images), Mode::Inference);
        let factor = |i: usize, k: usize| ((i + 3 * k) % 5) as f32 - 1.5;
        let d_logits: Vec<f64> = (0..9 * n_classes).map(|j| factor(j / n_classes, j % n_classes).into()).collect();
        let expected = reference.backward(&parameters, &tape, &d_logits).input;
        let len = input.len();
        let write_image = |i: usize, image: &mut [f32]| image.copy_from_slice(&setup.images[i * len..][..len]);
        let weigh = |i: usize, logits: &[f32], g: &mut [f32]| {
            for (k, g) in g.iter_mut().enumerate() {
                assert!((f64::from(logits[k]) - tape.logits()[i * n_classes + k]).abs() < 1e-3, "{name}: logits");
                *g = factor(i, k);
            }
        };
        for isa in Isa::available() {
            let found = [1, 2, 3].map(|n_threads| {
                let pool = Pool::new(n_threads).expect("threads");
                let network = InputGradients::new(&setup.plan, isa, &pool, &setup.parameters);
                network.gradients(&pool, 9, &write_image, &weigh);
                network.gradients(&pool, 9, &write_image, &weigh)
            });
            assert_eq!(found[0], found[1], "{name}, {isa}: one thread and two");
            assert_eq!(found[0], found[2], "{name}, {isa}: one thread and three");
            compare(&format!("{name}, {isa}"), &found[0], &expected, 2e-4);
        }
    }
}

#[test]
fn features_are_what_the_last_dense_layer_takes_in() {
    for (name, input, n_classes, layers) in networks() {
        let setup = Setup::new(&layers, input, n_classes, 6);
        let reference = Reference::<f64>::new(&setup.plan);
        let (parameters, state) = (doubles(&setup.parameters.values), doubles(&setup.parameters.state));
        let tape = reference.forward(&parameters, &state, &doubles(&setup.images), Mode::Inference);
        let last_dense = setup.plan.layers.iter().rposition(|layer| layer.name.starts_with("dense")).expect("a dense");
        let expected = if last_dense == 0 { &tape.images } else { &tape.records[last_dense - 1].values };
        let len = input.len();
        let write_image = |i: usize, image: &mut [f32]| image.copy_from_slice(&setup.images[i * len..][..len]);
        for isa in Isa::available() {
            let fused = Fused::compile(&setup.plan, isa);
            let pool = Pool::new(2).expect("threads");
            let packed = fused.pack(&pool, &setup.parameters);
            let outputs = fused.outputs(&pool, &packed, 6, &write_image);
            assert_eq!(outputs.logits, fused.logits(&pool, &packed, 6, &write_image), "{name}, {isa}");
            assert_eq!(outputs.features.len(), 6 * fused.n_features(), "{name}, {isa}");
            compare(&format!("{name}, {isa}, features"), &outputs.features, expected, 1e-4);
        }
    }
}
