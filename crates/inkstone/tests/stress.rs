//! Images spoiled, moved and attacked: the built-in model on digits of the test part, and pictures of odd sizes.

#![cfg(all(feature = "mnist", feature = "digits"))]
#![allow(clippy::unwrap_used)] // Clippy sees a test only in the functions marked as one.

use std::sync::atomic::AtomicBool;

use inkstone::ErrorKind;
use inkstone::data::dataset::{Dataset, Image, Rows, Size};
use inkstone::data::source::{self, SourceOptions};
use inkstone::engine::Isa;
use inkstone::parallel::Pool;
use inkstone::predict::{Predictor, open};
use inkstone::stress::{
    Corruption, Dose, Key, Motion, STRENGTHS, Setup, StressReport, Watch, corrupt, moved, stress, text,
};

fn mnist() -> Dataset {
    source::open("mnist", &SourceOptions::default(), &Pool::new(0).unwrap()).unwrap()
}

fn digits() -> Predictor {
    Predictor::from_checkpoint(open("digits").unwrap().checkpoint, Isa::detect())
}

/// The first images of the test part.
fn first(n: u32) -> Vec<u32> {
    (60_000..60_000 + n).collect()
}

fn run(dataset: &Dataset, indices: &[u32], n_threads: usize) -> StressReport {
    let pool = Pool::new(n_threads).unwrap();
    let setup = Setup { seed: 3, pool: &pool, isa: Isa::detect() };
    let watch = Watch { observe: &mut |_| {}, stop: &AtomicBool::new(false) };
    stress(&digits(), dataset, indices, &setup, watch).unwrap()
}

fn doses() -> impl Iterator<Item = Dose> {
    Corruption::ALL
        .into_iter()
        .flat_map(|corruption| (1..=STRENGTHS).map(move |strength| Dose { corruption, strength }))
}

#[test]
fn every_corruption_changes_a_digit_already_at_its_lowest_strength_and_the_same_key_gives_the_same_bytes() {
    let dataset = mnist();
    for sample in first(5) {
        let (image, key) = (dataset.images.get(sample as usize), Key { seed: 0, sample });
        for dose in doses() {
            let spoiled = corrupt(Isa::detect(), image, dose, key);
            assert_ne!(spoiled, image.pixels, "{dose:?}");
            for isa in Isa::available() {
                assert_eq!(spoiled, corrupt(isa, image, dose, key), "{dose:?} on {}", isa.name());
            }
        }
    }
}

#[test]
fn images_of_any_size_can_be_spoiled_and_moved() {
    for [height, width, channels] in [[1, 1, 1], [1, 1, 3], [3, 5, 1], [2, 40, 3], [64, 48, 3], [48, 64, 1]] {
        let size = Size { height, width, channels };
        let pixels: Vec<u8> = (0..size.len()).map(|i| (i * 37 % 256) as u8).collect();
        let image = Image { size, pixels: &pixels };
        for dose in doses() {
            assert_eq!(corrupt(Isa::detect(), image, dose, Key { seed: 1, sample: 2 }).len(), size.len(), "{dose:?}");
        }
        for motion in Motion::ALL {
            for &amount in motion.amounts() {
                assert_eq!(moved(image, motion, amount).len(), size.len(), "{motion:?} {amount}");
            }
        }
    }
}

#[test]
fn dark_ink_on_white_is_spoiled_like_white_ink_on_black() {
    let dataset = mnist();
    let image = dataset.images.get(60_000);
    let negative: Vec<u8> = image.pixels.iter().map(|&byte| 255 - byte).collect();
    let key = Key { seed: 0, sample: 0 };
    for corruption in [Corruption::Shear, Corruption::Zigzag, Corruption::Spatter, Corruption::CannyEdges] {
        let dose = Dose { corruption, strength: 3 };
        let spoiled = corrupt(Isa::detect(), image, dose, key);
        let other = corrupt(Isa::detect(), Image { pixels: &negative, ..image }, dose, key);
        let differing = spoiled.iter().zip(&other).filter(|&(&a, &b)| a.abs_diff(255 - b) > 2).count();
        assert!(differing < 8, "{corruption:?}: {differing} pixels differ"); // ties of a crest go the other way
    }
}

#[test]
fn a_shift_of_the_curve_is_a_shift_by_hand() {
    let dataset = mnist();
    let image = dataset.images.get(60_000);
    let by_hand: Vec<u8> = image.pixels.chunks(28).flat_map(|row| [&[0; 3], &row[..25]].concat()).collect();
    assert_eq!(moved(image, Motion::TranslateX, 3.0), by_hand);
    let by_hand = [&image.pixels[2 * 28..], &[0; 2 * 28]].concat();
    assert_eq!(moved(image, Motion::TranslateY, -2.0), by_hand);
    assert_eq!(moved(image, Motion::Rotate, 0.0), image.pixels);
}

#[test]
fn growing_strengths_do_not_make_answers_better() {
    let report = run(&mnist(), &first(150), 0);
    assert!(report.untouched.accuracy.value > 0.97);
    for corruption in &report.corruptions {
        let values: Vec<f64> = corruption.strengths.iter().map(|strength| strength.measured.accuracy.value).collect();
        assert_eq!(values.len(), 5);
        assert!(values.windows(2).all(|pair| pair[1] < pair[0] + 0.06), "{:?}: {values:?}", corruption.name);
    }
    let [fgsm, _, pgd, pgd_far] = [0, 1, 2, 3].map(|i| report.attacks[i].accuracy.value);
    assert!(pgd <= fgsm + 0.01 && pgd_far <= pgd, "{:?}", report.attacks);
    let told = text(&report);
    assert!(told.lines().all(|line| line.chars().count() <= 80), "{told}");
    assert!(told.contains("150 images") && told.contains("canny edges") && told.contains("PGD ε = 0.3"), "{told}");
    assert!(!told.contains("robust"), "an accuracy under an attack is no robustness");
}

#[test]
fn the_report_has_the_same_bytes_for_any_number_of_threads_and_comes_back_from_json() {
    let dataset = mnist();
    let json = |n_threads| serde_json::to_string(&run(&dataset, &first(30), n_threads)).unwrap();
    let one = json(1);
    assert_eq!(one, json(3));
    let back: StressReport = serde_json::from_str(&one).unwrap();
    assert_eq!(serde_json::to_string(&back).unwrap(), one);
    let value: serde_json::Value = serde_json::from_str(&one).unwrap();
    assert_eq!(value["version"], 1);
    assert_eq!(value["corruptions"][0]["strengths"][4]["n"], 30);
    assert!(value["corruptions"][0]["strengths"][4]["accuracy"]["low"].is_number());
    assert_eq!(value["attacks"][2]["start"], "uniform");
}

#[test]
fn images_too_small_for_a_corruption_are_left_out_and_the_report_says_so() {
    let size = Size { height: 3, width: 5, channels: 1 };
    let rows = Rows { part: None, size, pixels: vec![9; 2 * 15], labels: vec![0, 1], groups: None };
    let dataset = Dataset::from_rows("tiny", vec!["0".into(), "1".into()], vec![rows]).unwrap();
    let report = run(&dataset, &[0, 1], 1);
    let rotate = report.corruptions.iter().find(|corruption| corruption.name == Corruption::Rotate).unwrap();
    assert!(rotate.strengths.is_empty() && rotate.mean.is_nan());
    assert_eq!(rotate.note.as_deref(), Some("2 of 2 images left out: it makes sense from 7×7 pixels on"));
    assert!(report.corruptions[0].note.is_none() && report.corruptions[0].strengths.len() == 5);
    assert!(text(&report).contains("rotate          not measured"), "{}", text(&report));
}

#[test]
fn a_raised_flag_ends_it_without_a_result() {
    let pool = Pool::current_thread();
    let setup = Setup { seed: 0, pool: &pool, isa: Isa::detect() };
    let watch = Watch { observe: &mut |_| {}, stop: &AtomicBool::new(true) };
    let error = stress(&digits(), &mnist(), &first(3), &setup, watch).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
}
