//! What no recipe can do: let validation or test images reach the statistics or the augmentation, or a copy stand on both
//! sides of a split.
#![allow(clippy::unwrap_used)] // The helpers of a test are test code too.

use inkstone::data::dataset::{Rows, Size};
use inkstone::data::{Dataset, Part};
use inkstone::engine::Isa;
use inkstone::evaluate::{About, evaluate};
use inkstone::parallel::Pool;
use inkstone::predict::Predictor;
use inkstone::rng::{Operation, Rng};
use inkstone::spec::Recipe;
use inkstone::train::{Fitted, fit_recipe};

const SIZE: Size = Size { height: 8, width: 8, channels: 1 };

/// Noisy images of a bright row whose place is the class; those of `part` are brighter by `light`.
fn rows(part: Option<Part>, n: u32, light: u8) -> Rows {
    let mut pixels = Vec::new();
    for i in 0..n {
        let mut rng = Rng::new(part.map_or(9, |part| part as u64), 0, i, Operation::Initialise);
        let bright = 1 + 2 * (i % 3);
        pixels.extend((0..64).map(|at| light + rng.below(60) as u8 + if at / 8 == bright { 120 } else { 0 }));
    }
    Rows { part, size: SIZE, pixels, labels: (0..n).map(|i| i % 3).collect(), groups: None }
}

fn dataset(rows: Vec<Rows>) -> Dataset {
    Dataset::from_rows("rows", ["a", "b", "c"].map(str::to_owned).to_vec(), rows).unwrap()
}

fn recipe(tables: &str) -> Recipe {
    let text = format!(
        "version = 1\npreprocess = {{ normalise = \"dataset\" }}\nmodel = {{ layers = [\"flatten\", {{ dense = {{}} }}] }}\n{tables}"
    );
    Recipe::parse(&text, "test").unwrap()
}

fn trained(recipe: &Recipe, dataset: &Dataset) -> Fitted {
    fit_recipe(recipe, dataset, &Pool::new(2).unwrap(), &mut |_| {}).unwrap()
}

#[test]
fn statistics_come_from_the_training_part_alone() {
    let with = |light| {
        let parts = vec![
            rows(Some(Part::Train), 90, 0),
            rows(Some(Part::Validation), 30, light),
            rows(Some(Part::Test), 30, light),
        ];
        trained(&recipe("train = { epochs = 1 }"), &dataset(parts)).checkpoint.preprocess
    };
    assert_eq!(with(0), with(70), "other validation and test images, the same mean and deviation");
}

#[test]
fn validation_images_are_never_augmented() {
    let tables = "train = { epochs = 3, keep = \"last\" }\n\
                  augment = { rotation_degrees = 180, height_shift = 0.5, vertical_flip = true }";
    let images = dataset(vec![rows(None, 300, 0)]);
    let fitted = trained(&recipe(tables), &images);
    let told = fitted.metrics.last().unwrap();
    let validation = fitted.split.validation.clone();
    let about = About::own(&fitted.checkpoint, Part::Validation);
    let predictor = Predictor::from_checkpoint(fitted.checkpoint, Isa::detect());
    let report = evaluate(&predictor, &Pool::new(1).unwrap(), &images, &validation, about).unwrap();
    assert!((report.log_loss - told.validation_loss.unwrap()).abs() < 1e-5, "{} {told:?}", report.log_loss);
    assert_eq!(Some(report.accuracy.value), told.validation_accuracy);
}

#[test]
fn copies_are_on_one_side_unless_the_recipe_says_otherwise() {
    let mut all = rows(None, 300, 0);
    for i in (0..300).step_by(30) {
        let copy: Vec<u8> = all.pixels[i * 64..(i + 1) * 64].to_vec();
        all.pixels[(i + 3) * 64..(i + 4) * 64].copy_from_slice(&copy);
    }
    let images = dataset(vec![all]);
    let n_apart = |tables: &str| {
        let split = trained(&recipe(tables), &images).split;
        let place = |i: u32| [&split.train, &split.validation, &split.test].iter().position(|part| part.contains(&i));
        (0..300).step_by(30).filter(|&i| place(i) != place(i + 3)).count()
    };
    assert!(n_apart("train = { epochs = 1 }\ndata = { duplicates = \"ignore\" }") > 0);
    assert_eq!(n_apart("train = { epochs = 1 }"), 0);
}
