//! The maps against Captum's, against finite differences, and against what each promises, for every kind of layer.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::map::Explained;
use super::network::Network;
use super::occlusion::Windows;
use super::question::Question;
use super::subject::Subject;
use super::{Baseline, Method};
use crate::data::dataset::Size;
use crate::engine::reference::{Mode, Reference};
use crate::engine::{Isa, Parameters};
use crate::parallel::Pool;
use crate::shape::Shape;
use crate::spec::model::{Activation, LayerSpec, ModelSpec};
use crate::spec::plan::{Plan, TensorInfo};
use formula::values;

#[path = "../../tests/support/formula.rs"]
mod formula;

/// A fixture of reference/captum_maps.py.
#[derive(Deserialize)]
struct Fixture {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    input: [usize; 3],
    steps: usize,
    logits: Vec<f64>,
    target: usize,
    other: usize,
    class: BTreeMap<String, Vec<f32>>,
    against: BTreeMap<String, Vec<f32>>,
}

/// A network, its values, and an image of which about half the pixels are nothing.
struct Setup {
    plan: Plan,
    parameters: Parameters,
    subject: Subject,
}

impl Setup {
    fn new(layers: Vec<LayerSpec>, [height, width, channels]: [usize; 3], n_classes: usize) -> Self {
        let shape = Shape::image(height, width, channels);
        let plan = ModelSpec::sequential(layers).resolve(shape, n_classes).unwrap();
        let mut parameters = Parameters::initialise(&plan, 0);
        let by_formula = |tensors: &[TensorInfo], buffer: &mut [f32], salt: u64| {
            for (info, salt) in tensors.iter().zip(salt..) {
                let plus = if info.name.ends_with("variance") { 1.0 } else { 0.0 };
                let numbers = values(info.len, salt).into_iter().map(|v| (f64::from(v as f32) + plus) as f32);
                buffer[info.range()].iter_mut().zip(numbers).for_each(|(value, number)| *value = number);
            }
        };
        by_formula(&plan.parameters, &mut parameters.values, 100);
        by_formula(&plan.state, &mut parameters.state, 200);
        let image: Vec<f32> = values(shape.len(), 1).into_iter().map(|v| 2.0 * v.max(0.0) as f32).collect();
        let subject = Subject {
            size: Size { height, width, channels },
            bytes: image.iter().map(|value| (value * 255.0) as u8).collect(),
            ground: vec![0.0; image.len()],
            values: image,
            baseline: Baseline::Black,
            slope: vec![1.0 / 255.0; channels],
        };
        Self { plan, parameters, subject }
    }

    /// Asks a question of it.
    fn with<R>(&self, question: Question, work: impl FnOnce(&Explained<'_>) -> R) -> R {
        let pool = Pool::current_thread();
        let network = Network::new(&pool, &self.plan, Isa::detect(), &self.parameters);
        work(&Explained { network: &network, subject: &self.subject, question })
    }
}

fn near(what: &str, found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len(), "{what}: number of values");
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= tolerance, "{what}, value {i}: {found} instead of {expected}");
    }
}

#[test]
fn maps_equal_captums_on_the_same_weights() {
    let fixture: Fixture = serde_json::from_str(include_str!("../../tests/fixtures/captum_maps.json")).unwrap();
    assert_eq!(fixture.cases.len(), 2);
    for case in fixture.cases {
        let layers = match case.name.as_str() {
            "plain" => vec![
                LayerSpec::conv2d(5, 3).activation(Activation::Relu),
                LayerSpec::max_pool(2),
                LayerSpec::conv2d(6, 3).activation(Activation::Relu),
                LayerSpec::flatten(),
                LayerSpec::dense_per_class(),
            ],
            _ => vec![
                LayerSpec::conv2d(4, 3).same(),
                LayerSpec::batch_norm().activation(Activation::Gelu),
                LayerSpec::average_pool(2),
                LayerSpec::conv2d(6, 2).activation(Activation::Tanh),
                LayerSpec::GlobalAveragePool,
                LayerSpec::dense_per_class(),
            ],
        };
        let setup = Setup::new(layers, case.input, case.logits.len());
        for (against, expected) in [(None, &case.class), (Some(case.other), &case.against)] {
            let question = Question { class: case.target, against };
            setup.with(question, |explained| {
                let logits = explained.network.logits(1, &|_, out| out.copy_from_slice(&setup.subject.values));
                let wanted: Vec<f32> = case.logits.iter().map(|&logit| logit as f32).collect();
                near("logits", &logits, &wanted, 1e-5);
                let check = |what: &str, found: &[f32]| {
                    near(&format!("{}, {against:?}, {what}", case.name), found, &expected[what], 1e-4);
                };
                check("signed_saliency", &explained.slopes());
                check("integrated_gradients", &explained.integrated(Some(case.steps)).attributions);
                let map = explained.map(Method::GradCam, None).unwrap();
                check("grad_cam", &map.raw.values);
                check("grad_cam_enlarged", &map.heat);
                check("occlusion", &explained.map(Method::Occlusion, None).unwrap().heat);
            });
        }
    }
}

/// Networks that use every kind of layer, each for three classes.
fn networks() -> Vec<(&'static str, [usize; 3], Vec<LayerSpec>)> {
    use Activation::{Gelu, LeakyRelu, Relu, Sigmoid, Softmax, Tanh};
    let dense = LayerSpec::dense_per_class;
    let same = |n: usize| LayerSpec::conv2d(n, 3).same();
    vec![
        ("dense alone", [5, 4, 1], vec![LayerSpec::flatten(), dense()]),
        (
            "every activation",
            [6, 6, 2],
            vec![
                same(5).activation(Relu),
                same(5).activation(LeakyRelu),
                same(4).activation(Gelu),
                same(4).activation(Tanh),
                LayerSpec::flatten(),
                LayerSpec::dense(9).activation(Sigmoid),
                LayerSpec::dense(5).activation(Softmax),
                dense(),
            ],
        ),
        (
            "every pool and stride",
            [17, 13, 1],
            vec![
                LayerSpec::conv2d(6, 3).activation(Relu),
                LayerSpec::max_pool(2),
                LayerSpec::conv2d(5, 3).stride(2).same(),
                LayerSpec::max_pool(3).stride(2).same(),
                LayerSpec::average_pool(2).same(),
                LayerSpec::GlobalAveragePool,
                dense(),
            ],
        ),
        (
            "batch norm, dropout and residuals",
            [8, 8, 3],
            vec![
                same(6),
                LayerSpec::batch_norm().activation(Relu),
                LayerSpec::residual([same(6).activation(Relu), LayerSpec::batch_norm(), LayerSpec::conv2d(6, 1)])
                    .activation(Relu),
                LayerSpec::dropout(0.4),
                LayerSpec::max_pool(2),
                LayerSpec::flatten(),
                LayerSpec::dense(8).activation(Relu),
                dense(),
            ],
        ),
    ]
}

#[test]
fn integrated_gradients_add_up_for_every_kind_of_layer() {
    for (name, shape, layers) in networks() {
        let setup = Setup::new(layers, shape, 3);
        for against in [None, Some(2)] {
            setup.with(Question { class: 0, against }, |explained| {
                let found = explained.integrated(None);
                let ends = [&setup.subject.values, &setup.subject.ground];
                let scores = explained.network.scores(2, explained.question, &|i, out| out.copy_from_slice(ends[i]));
                let sum: f64 = found.attributions.iter().map(|&a| f64::from(a)).sum();
                let difference = scores[0] - scores[1];
                // Where the logits hardly differ, rounding asks for more.
                let most = if difference.abs() > 0.01 { 600 } else { 2048 };
                assert!(found.n_steps <= most, "{name}: {} steps for {difference}", found.n_steps);
                assert!((sum - difference).abs() < 0.01 * difference.abs(), "{name}: {sum}, not {difference}");
                assert!((found.gap - (sum - difference).abs() / difference.abs()).abs() < 1e-3, "{name}");
            });
        }
    }
}

#[test]
fn slopes_are_finite_differences_for_every_kind_of_layer() {
    for (name, shape, layers) in networks() {
        let setup = Setup::new(layers, shape, 3);
        let reference = Reference::<f64>::new(&setup.plan);
        let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
        let (parameters, state) = (wide(&setup.parameters.values), wide(&setup.parameters.state));
        let question = Question { class: 1, against: Some(0) };
        let slopes = setup.with(question, |explained| explained.map(Method::SignedSaliency, None).unwrap().raw.values);
        let score = |i: usize, step: f64| {
            let mut image = wide(&setup.subject.values);
            image[i] += step;
            let tape = reference.forward(&parameters, &state, &image, Mode::Inference);
            tape.logits()[1] - tape.logits()[0]
        };
        for i in (0..slopes.len()).step_by(7).filter(|&i| setup.subject.values[i] > 0.0) {
            let difference = (score(i, 1e-6) - score(i, -1e-6)) / 2e-6;
            let error = (f64::from(slopes[i]) - difference).abs();
            assert!(error < 1e-4 * difference.abs().max(1.0), "{name}, value {i}: {} and {difference}", slopes[i]);
        }
    }
}

#[test]
fn occlusion_is_the_difference_of_two_answers() {
    let (_, shape, layers) = networks().swap_remove(3);
    let setup = Setup::new(layers, shape, 3);
    setup.with(Question { class: 2, against: None }, |explained| {
        let windows = Windows::over(setup.subject.size);
        let drops = explained.drops(&windows);
        let mut covered = setup.subject.values.clone();
        windows.pixels(5).for_each(|pixel| covered[pixel * 3..][..3].fill(0.0));
        let images = [&setup.subject.values, &covered];
        let scores = explained.network.scores(2, explained.question, &|i, out| out.copy_from_slice(images[i]));
        assert_eq!(drops[5], scores[0] - scores[1]);
    });
}

#[test]
fn a_network_that_answers_without_looking_has_maps_of_zeros_and_no_check_divides_by_zero() {
    for (name, shape, layers) in networks() {
        let mut setup = Setup::new(layers, shape, 3);
        setup.parameters.values.fill(0.0);
        setup.with(Question { class: 0, against: Some(1) }, |explained| {
            for method in Method::ALL {
                let Ok(map) = explained.map(method, None) else {
                    assert_eq!((name, method), ("dense alone", Method::GradCam));
                    continue;
                };
                assert!(map.heat.iter().all(|&value| value == 0.0), "{name}, {method:?}");
                let checks = explained.checks(method, &map).unwrap();
                assert!(checks.iter().all(|check| check.value.is_finite()), "{name}, {method:?}");
                assert!(!checks[0].passed && checks[0].name == "not_empty");
            }
        });
    }
}

#[test]
fn grad_cam_of_a_network_without_a_convolution_is_refused() {
    let (_, shape, layers) = networks().swap_remove(0);
    let setup = Setup::new(layers, shape, 3);
    let error = setup.with(Question { class: 0, against: None }, |explained| explained.map(Method::GradCam, None));
    let error = error.unwrap_err().to_string();
    assert!(error.starts_with("grad_cam: expected a network with a convolution, found one without"), "{error}");
}

#[test]
fn the_saliency_of_a_network_that_has_learnt_nothing_fails_the_check_of_random_weights() {
    let relu = |layer: LayerSpec| layer.activation(Activation::Relu);
    let layers = vec![
        relu(LayerSpec::conv2d(16, 3)),
        LayerSpec::max_pool(2),
        relu(LayerSpec::conv2d(32, 3)),
        LayerSpec::max_pool(2),
        relu(LayerSpec::conv2d(32, 3).same()),
        LayerSpec::flatten(),
        LayerSpec::dense_per_class(),
    ];
    let mut setup = Setup::new(layers, [28, 28, 1], 10);
    setup.parameters = Parameters::initialise(&setup.plan, 4711);
    setup.subject.values.fill(0.0);
    for i in 5..23 {
        setup.subject.values[i * 28 + 12..][..4].copy_from_slice(&[0.4, 1.0, 0.9, 0.2]);
        setup.subject.values[14 * 28 + i] = 0.8;
    }
    setup.with(Question { class: 0, against: None }, |explained| {
        let map = explained.map(Method::Saliency, None).unwrap();
        let checks = explained.checks(Method::Saliency, &map).unwrap();
        let check = checks.last().unwrap();
        assert_eq!((check.name, check.passed), ("parameter_randomisation", false), "{check:?}");
    });
}
