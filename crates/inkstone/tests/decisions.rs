//! What the built-in model says of images that are a digit, may be one of two, or are none: the cases that people try
//! first. Every picture is drawn here or is MNIST's.
#![cfg(all(feature = "digits", feature = "mnist"))]
#![allow(clippy::unwrap_used)] // all of it is tests, helpers included

use inkstone::data::dataset::{Image, Size};
use inkstone::data::source::{SourceOptions, open as open_source};
use inkstone::data::{Dataset, Part};
use inkstone::engine::Isa;
use inkstone::evaluate::{About, evaluate};
use inkstone::parallel::Pool;
use inkstone::predict::{Decision, Prediction, Predictor, open};

fn digits() -> Predictor {
    Predictor::from_checkpoint(open("digits").unwrap().checkpoint, Isa::detect())
}

fn mnist() -> Dataset {
    open_source("mnist", &SourceOptions::default(), &Pool::current_thread()).unwrap()
}

/// A grey picture on which `ink(x, y)` says how dark a place is, both from −1 to 1.
fn drawn(side: usize, ink: impl Fn(f64, f64) -> f64) -> Vec<u8> {
    let place = |k: usize| (k as f64 + 0.5) / side as f64 * 2.0 - 1.0;
    let pixel = |at: usize| 245 - (ink(place(at % side), place(at / side)).clamp(0.0, 1.0) * 225.0) as u8;
    (0..side * side).map(pixel).collect()
}

fn predict(side: usize, pixels: &[u8]) -> Prediction {
    digits().predict_image(Image { size: Size { height: side, width: side, channels: 1 }, pixels })
}

/// 1 within `width` of a distance of 0, then soft.
fn stroke(distance: f64, width: f64) -> f64 {
    1.0 - (distance.abs() - width) / 0.02
}

fn segment([x, y]: [f64; 2], [ax, ay]: [f64; 2], [bx, by]: [f64; 2]) -> f64 {
    let (dx, dy) = (bx - ax, by - ay);
    let t = (((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
    (x - ax - t * dx).hypot(y - ay - t * dy)
}

/// A round face with eyes, nose and a smile.
fn face(x: f64, y: f64) -> f64 {
    let outline = stroke(x.hypot(y) - 0.8, 0.03);
    let eyes = [-0.3, 0.3].map(|side| stroke((x - side).hypot(y + 0.25), 0.08));
    let nose = stroke(segment([x, y], [0.0, -0.1], [0.0, 0.15]), 0.02);
    let mouth = if y > 0.2 { stroke(x.hypot(y - 0.05) - 0.45, 0.03) } else { 0.0 };
    eyes.into_iter().chain([outline, nose, mouth]).fold(0.0, f64::max)
}

/// A T-shirt as Fashion-MNIST's: a filled shape, on a dark ground once inverted.
fn shirt(x: f64, y: f64) -> f64 {
    let body = x.abs() < 0.42 && (-0.75..0.85).contains(&y);
    let sleeves =
        (0.42..0.9).contains(&x.abs()) && y > -0.75 + (x.abs() - 0.42) * 0.8 && y < -0.15 + (x.abs() - 0.42) * 0.4;
    let neck = x.hypot(y + 0.75) < 0.18;
    if (body || sleeves) && !neck { 0.75 + 0.2 * (9.0 * x + 5.0 * y).sin() } else { 0.0 }
}

fn assert_abstains(prediction: &Prediction, what: &str) {
    assert_eq!(prediction.decision, Decision::Abstain, "{what}: {prediction:?}");
    assert!(!prediction.reasons.is_empty(), "{what}");
}

#[test]
fn a_blank_image_is_no_digit() {
    for (side, level) in [(28, 0), (28, 255), (200, 245), (200, 0)] {
        let prediction = predict(side, &vec![level; side * side]);
        assert_abstains(&prediction, "blank");
        assert_eq!(prediction.reasons, ["blank"]);
    }
}

#[test]
fn a_face_is_no_digit() {
    for side in [64, 200] {
        let prediction = predict(side, &drawn(side, face));
        assert_abstains(&prediction, "a face");
        assert!(prediction.reasons.contains(&"too_many_parts".to_owned()), "{prediction:?}");
    }
}

#[test]
fn a_shirt_is_no_digit_on_paper_nor_on_black() {
    for side in [28, 200] {
        let pixels = drawn(side, shirt);
        assert_abstains(&predict(side, &pixels), "a shirt on paper");
        let inverted: Vec<u8> = pixels.iter().map(|pixel| 255 - pixel).collect();
        assert_abstains(&predict(side, &inverted), "a shirt on black");
    }
}

#[test]
fn a_clean_seven_is_answered() {
    let seven = |x: f64, y: f64| {
        let bar = segment([x, y], [-0.4, -0.6], [0.4, -0.6]);
        stroke(bar.min(segment([x, y], [0.4, -0.6], [-0.1, 0.65])), 0.07)
    };
    for side in [100, 240] {
        let prediction = predict(side, &drawn(side, seven));
        assert_eq!((prediction.decision, prediction.text.as_str()), (Decision::Answer, "7"), "{prediction:?}");
        assert_eq!((prediction.set, prediction.reasons.len()), (vec!["7".to_owned()], 0));
        assert!(prediction.novelty.unwrap() < 1.0);
    }
}

#[test]
fn what_may_be_a_four_or_a_nine_gets_both() {
    let (data, model) = (mnist(), digits());
    let mnist = &data;
    let of = |class: u32| (60_000..70_000).filter(move |&i| mnist.samples[i].label == class).take(40);
    // Halves of a four and a nine, until one is taken for both: the first pair in the order of the test part.
    let blend = |a: usize, b: usize| -> Vec<u8> {
        let (a, b) = (mnist.images.get(a).pixels, mnist.images.get(b).pixels);
        a.iter().zip(b).map(|(&a, &b)| u8::midpoint(a, b)).collect()
    };
    let size = Size { height: 28, width: 28, channels: 1 };
    let pairs = of(4).flat_map(|four| of(9).map(move |nine| (four, nine)));
    let sorted = |prediction: &Prediction| {
        let mut set = prediction.set.clone();
        set.sort();
        set
    };
    let found = pairs
        .map(|(four, nine)| model.predict_image(Image { size, pixels: &blend(four, nine) }))
        .find(|prediction| prediction.decision == Decision::Set && sorted(prediction) == ["4", "9"]);
    let prediction = found.expect("a blend that is both");
    assert_eq!(prediction.class, Some(prediction.set[0].clone()), "the most probable first");
}

#[test]
fn the_built_in_model_keeps_its_promises_on_the_test_part() {
    let (mnist, model) = (mnist(), digits());
    let test: Vec<u32> = (60_000..70_000).collect();
    let about = About::own(model.checkpoint(), Part::Test);
    let report = evaluate(&model, &Pool::new(2).unwrap(), &mnist, &test, about).unwrap();
    let decisions = report.decisions.unwrap();
    assert_eq!((decisions.coverage.promised, decisions.accepted.promised), (0.999, 0.99));
    assert!(decisions.coverage.is_inside && decisions.accepted.is_inside, "{decisions:?}");
    assert!(decisions.answer_accuracy.value > report.accuracy.value, "{decisions:?}");
    assert_eq!(decisions.n_answer + decisions.n_set + decisions.n_abstain, 10_000);
    let calibration = report.calibration.unwrap();
    // Fitted on the writers that it was trained on, the temperature is a little too low for those of the test part.
    assert!((calibration.after.log_loss / calibration.before.log_loss - 1.0).abs() < 0.1, "{calibration:?}");
    assert_eq!(calibration.after.log_loss, report.log_loss);
}

#[test]
fn a_share_of_errors_is_kept_by_abstaining_below_its_confidence() {
    let (mnist, model) = (mnist(), digits().with_max_error(0.001).unwrap());
    let size = Size { height: 28, width: 28, channels: 1 };
    let (mut n_taken, mut n_wrong) = (0, 0);
    for i in 60_000..64_000 {
        let prediction = model.predict_image(Image { size, pixels: mnist.images.get(i).pixels });
        match prediction.decision {
            Decision::Answer => {
                n_taken += 1;
                n_wrong += u32::from(prediction.label != Some(mnist.samples[i].label));
            }
            Decision::Abstain => assert!(!prediction.reasons.is_empty()),
            other => panic!("{other:?}: with a share of errors an answer is taken or not"),
        }
    }
    // 4 would be the promise; more than 10 come about once in 300 times.
    assert!(n_taken > 3000 && n_wrong <= 10, "{n_wrong} of {n_taken}");
    assert!(digits().with_max_error(1e-6).unwrap_err().to_string().contains("cannot promise fewer"));
}
