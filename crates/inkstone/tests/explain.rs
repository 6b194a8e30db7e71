//! Explanations of the built-in model's answers to MNIST's test digits, from the image to the document and the picture.
#![cfg(all(feature = "digits", feature = "mnist"))]
#![allow(clippy::unwrap_used)] // all of it is tests, helpers included

use inkstone::checkpoint::Checkpoint;
use inkstone::data::dataset::Size;
use inkstone::data::source::{SourceOptions, open};
use inkstone::data::{Dataset, Image};
use inkstone::engine::Isa;
use inkstone::explain::{Document, Method, Neighbourhood, Request, explain, explain_on, picture};
use inkstone::parallel::Pool;
use inkstone::predict::{PredictionModel, Predictor, builtin};
use serde_json::Value;

fn predictor() -> Predictor {
    Predictor::from_checkpoint(Checkpoint::from_bytes(builtin("digits").unwrap()).unwrap(), Isa::detect())
}

fn mnist() -> Dataset {
    open("mnist", &SourceOptions::default(), &Pool::current_thread()).unwrap()
}

/// The first test digit of a class.
fn first(mnist: &Dataset, class: &str) -> usize {
    let is_it = |&i: &usize| mnist.classes[mnist.samples[i].label as usize] == class;
    (60_000..70_000).find(is_it).unwrap()
}

#[test]
fn every_method_gives_a_document_of_version_1_whose_checks_pass_on_a_clear_digit() {
    let (mnist, predictor) = (mnist(), predictor());
    let image = mnist.images.get(first(&mnist, "4"));
    for method in Method::ALL {
        let why = explain(&predictor, image, &Request { method, ..Request::default() }).unwrap();
        assert!(why.failed().next().is_none(), "{method:?}: {:?}", why.checks);
        assert!(picture(&why, Some(image)).size.width > 600);
        let model = PredictionModel { name: "digits".into(), sha256: String::new(), classes: Vec::new() };
        let json = serde_json::to_value(Document::new(model, why.with_file("four.png"))).unwrap();
        assert_eq!((&json["version"], &json["class"], &json["file"]), (&1.into(), &"4".into(), &"four.png".into()));
        assert_eq!((&json["method"], &json["size"]), (&method.name().into(), &serde_json::json!([28, 28])));
        assert_eq!(json["prediction"]["label"], 4);
        let rows = json["heatmap"].as_array().unwrap();
        assert!(rows.len() == 28 && rows.iter().all(|row| row.as_array().unwrap().len() == 28));
        for key in ["name", "value", "threshold", "passed", "meaning"] {
            assert!(json["checks"].as_array().unwrap().iter().all(|check| !check[key].is_null()), "{key}");
        }
        assert!(json["flip"].is_null() && json["against"].is_null() && json["nearest"] == Value::Array(Vec::new()));
    }
}

#[test]
fn the_smallest_change_really_turns_the_answer() {
    let (mnist, predictor) = (mnist(), predictor());
    for (class, other) in [("4", "9"), ("9", "4"), ("1", "7"), ("7", "1")] {
        let image = mnist.images.get(first(&mnist, class));
        let request = Request { method: Method::Saliency, against: Some(other.into()), ..Request::default() };
        let why = explain(&predictor, image, &request).unwrap();
        let flip = why.flip.as_ref().unwrap();
        assert!(flip.found && flip.asked <= flip.budget, "{flip:?}");
        assert_eq!((flip.from.as_str(), flip.to.as_str()), (class, other));
        let mut bytes = why.prepared.bytes.clone();
        for pixel in &flip.pixels {
            assert_eq!(bytes[pixel.row * 28 + pixel.column], pixel.before[0]);
            bytes[pixel.row * 28 + pixel.column] = pixel.after[0];
        }
        // The prepared image itself is asked about: the ink rules would fit it anew.
        let preprocess = &predictor.checkpoint().preprocess;
        let write = |_: usize, values: &mut [f32]| preprocess.values(&bytes, values);
        let logits = predictor.logits_of_inputs(&Pool::current_thread(), 1, &write);
        let best = (0..10).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap();
        assert_eq!(predictor.classes()[best], other);
        assert!(flip.pixels.len() < 40, "{class} → {other}: {} pixels", flip.pixels.len());
        let ink: f64 = why.prepared.bytes.iter().map(|&byte| f64::from(byte)).sum::<f64>() / 255.0;
        let share = flip.share_of_ink.unwrap();
        assert!((share - (flip.ink_added + flip.ink_removed) / ink).abs() < 1e-6, "{share}");
    }
}

#[test]
fn the_nearest_of_a_set_that_holds_the_image_is_the_image() {
    let (mnist, predictor) = (mnist(), predictor());
    let pool = Pool::current_thread();
    let indices: Vec<u32> = (0..3000).collect();
    let neighbours = Some(Neighbourhood { n: 4, dataset: &mnist, indices: &indices });
    let request = Request { method: Method::Saliency, neighbours, ..Request::default() };
    let why = explain_on(&pool, &predictor, mnist.images.get(1234), &request).unwrap();
    let near = &why.nearest;
    assert_eq!((near.len(), near[0].id.as_str(), near[0].distance), (4, "train/1234", 0.0));
    assert!(near.windows(2).all(|pair| pair[0].distance <= pair[1].distance));
    assert!(near.iter().filter(|near| near.label == mnist.samples[1234].label).count() >= 3, "{near:?}");
    assert!(
        picture(&why, None).size.height
            > picture(&explain(&predictor, mnist.images.get(1234), &Request::default()).unwrap(), None).size.height
    );
}

#[test]
fn an_integration_of_one_step_fails_its_check_and_the_picture_says_so_in_red() {
    let (mnist, predictor) = (mnist(), predictor());
    let image = mnist.images.get(first(&mnist, "4"));
    let why = explain(&predictor, image, &Request { steps: Some(1), ..Request::default() }).unwrap();
    let failed: Vec<&str> = why.failed().map(|check| check.name).collect();
    assert!(failed.contains(&"completeness"), "{:?}", why.checks);
    let n_red = |picture: inkstone::data::sheet::Picture| {
        picture.pixels.chunks_exact(3).filter(|pixel| **pixel == [190, 20, 30]).count()
    };
    assert!(n_red(picture(&why, None)) > 5000);
    let honest = explain(&predictor, image, &Request::default()).unwrap();
    assert_eq!(n_red(picture(&honest, None)), 0);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let (mnist, predictor) = (mnist(), predictor());
    let image = mnist.images.get(first(&mnist, "9"));
    for method in [Method::IntegratedGradients, Method::GradCam] {
        let request = Request { method, against: Some("4".into()), ..Request::default() };
        let alone = explain(&predictor, image, &request).unwrap();
        assert_eq!(alone, explain_on(&Pool::new(3).unwrap(), &predictor, image, &request).unwrap());
    }
}

#[test]
fn what_cannot_be_explained_is_told() {
    let predictor = predictor();
    let blank = vec![255; 60 * 60];
    let blank = Image { size: Size { height: 60, width: 60, channels: 1 }, pixels: &blank };
    let error = explain(&predictor, blank, &Request::default()).unwrap_err().to_string();
    assert_eq!(error, "expected an image with something to explain, found blank");
    let mut two = vec![255; 60 * 120];
    for y in 10..50 {
        two[y * 120 + 30..][..5].fill(0);
        two[y * 120 + 90..][..5].fill(0);
    }
    let two = Image { size: Size { height: 60, width: 120, channels: 1 }, pixels: &two };
    let error = explain(&predictor, two, &Request::default()).unwrap_err().to_string();
    assert!(error.starts_with("glyph: expected one sign, found 2: 11; choose one by its number"), "{error}");
    let second = Request { glyph: Some(1), method: Method::Saliency, ..Request::default() };
    assert!(explain(&predictor, two, &second).unwrap().bounds[0] > 80);
    let third = Request { glyph: Some(2), ..Request::default() };
    assert!(explain(&predictor, two, &third).is_err());
}
