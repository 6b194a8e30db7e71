//! A model that one can compute by hand, opened, asked and measured through the only path there is.

#![allow(clippy::unwrap_used)] // Clippy sees a test only in the functions marked as one.

use std::path::PathBuf;

use inkstone::ErrorKind;
use inkstone::checkpoint::{Checkpoint, Provenance};
use inkstone::data::dataset::{Dataset, Image, Images, Sample, SampleId, Size};
use inkstone::data::preprocess::Preprocess;
use inkstone::engine::{Isa, Parameters};
use inkstone::evaluate::{About, DataInfo, ModelInfo, evaluate};
use inkstone::parallel::Pool;
use inkstone::predict::{Decision, Predictor, open};
use inkstone::shape::Shape;
use inkstone::spec::training::Precision;
use inkstone::spec::{LayerSpec, ModelSpec, PreprocessSpec};

const SIZE: Size = Size { height: 4, width: 4, channels: 1 };

/// Grey images of 4×4: the logit of `light` is 10 · mean − 5, that of `dark` 0.
fn checkpoint() -> Checkpoint {
    let spec = ModelSpec::sequential([LayerSpec::flatten(), LayerSpec::dense(2)]);
    let input = Shape::image(4, 4, 1);
    let plan = spec.resolve(input, 2).unwrap();
    let mut parameters = Parameters::initialise(&plan, 0);
    for info in &plan.parameters {
        let values = &mut parameters.values[info.range()];
        let weights = if info.name.ends_with("kernel") { [0.0, 10.0 / 16.0] } else { [0.0, -5.0] };
        values.chunks_exact_mut(2).for_each(|pair| pair.copy_from_slice(&weights));
    }
    let mut preprocess = PreprocessSpec::default();
    preprocess.size = Some([4, 4]);
    let images = Images::uniform(SIZE, vec![0; 16]);
    Checkpoint {
        preprocess: Preprocess::fit(&preprocess, &images, &[0], &Pool::current_thread()).unwrap(),
        spec,
        input,
        classes: vec!["dark".into(), "light".into()],
        provenance: Provenance { kept_epoch: 3, ..Provenance::default() },
        plan,
        parameters,
        trust: None,
        sha256: None,
    }
}

/// One image per grey level.
fn images(levels: &[u8]) -> Images {
    Images::uniform(SIZE, levels.iter().flat_map(|&level| [level; 16]).collect())
}

fn predictor() -> Predictor {
    Predictor::from_checkpoint(checkpoint(), Isa::detect())
}

fn light(level: u8) -> f64 {
    1.0 / (1.0 + (5.0 - 10.0 * f64::from(level) / 255.0).exp())
}

#[test]
fn an_answer_is_the_softmax_of_the_logits_of_the_prepared_image() {
    let prediction = predictor().predict_image(Image { size: SIZE, pixels: &[255; 16] });
    assert_eq!((prediction.label, prediction.class.as_deref()), (Some(1), Some("light")));
    assert!((prediction.probabilities[1] - light(255)).abs() < 1e-6, "{:?}", prediction.probabilities);
    assert!((prediction.probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    assert_eq!(prediction.glyphs[0].bounds, [0, 0, 4, 4]);
}

#[test]
fn an_image_of_one_colour_is_no_image_of_anything_even_for_a_model_that_was_never_calibrated() {
    let prediction = predictor().predict_image(Image { size: SIZE, pixels: &[255; 16] });
    assert_eq!(prediction.decision, Decision::Abstain);
    assert_eq!((prediction.reasons, prediction.class.as_deref()), (vec!["blank".to_owned()], Some("light")));
    let mut pixels = [255; 16];
    pixels[3] = 254;
    let prediction = predictor().predict_image(Image { size: SIZE, pixels: &pixels });
    assert_eq!((prediction.decision, prediction.reasons.len()), (Decision::Answer, 0));
    assert_eq!((prediction.set, prediction.novelty), (vec!["light".to_owned()], None));
}

#[test]
fn a_model_that_was_never_calibrated_promises_no_share_of_errors() {
    let error = predictor().with_max_error(0.01).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().starts_with("max_error: expected a model that was calibrated"), "{error}");
    assert!(predictor().with_max_error(1.5).unwrap_err().to_string().contains("a share of errors from 0 to 1"));
}

#[test]
fn many_images_are_answered_as_one_by_one_on_any_number_of_threads() {
    let levels: Vec<u8> = (0..=255).collect();
    let (images, predictor) = (images(&levels), predictor());
    let one_by_one: Vec<_> = (0..images.len()).map(|i| predictor.predict_image(images.get(i))).collect();
    for n_threads in [1, 3] {
        assert_eq!(predictor.predict_many(&Pool::new(n_threads).unwrap(), &images), one_by_one);
    }
}

#[test]
fn bf16_gives_nearly_the_same_probabilities_and_not_the_same() {
    let levels: Vec<u8> = (0..=255).collect();
    let images = images(&levels);
    let pool = Pool::new(2).unwrap();
    let exact = predictor().predict_many(&pool, &images);
    let rounded = Predictor::with_precision(checkpoint(), Isa::detect(), Precision::Bf16).predict_many(&pool, &images);
    let differences = exact.iter().zip(&rounded).map(|(a, b)| (a.probabilities[0] - b.probabilities[0]).abs());
    let largest = differences.fold(0.0, f64::max);
    assert!(largest > 0.0 && largest < 0.01, "{largest}");
}

#[test]
fn an_image_of_another_size_and_in_colour_is_prepared_first() {
    let size = Size { height: 8, width: 12, channels: 3 };
    let prediction = predictor().predict_image(Image { size, pixels: &[255; 288] });
    assert!((prediction.probabilities[1] - light(255)).abs() < 1e-6);
    assert_eq!(prediction.glyphs[0].bounds, [0, 0, 12, 8]);
}

fn dataset(classes: [&str; 2], levels: &[u8], labels: &[u32]) -> Dataset {
    let sample = |(i, &label): (usize, &u32)| Sample {
        label,
        part: None,
        id: SampleId::Row { part: None, index: i as u32 },
        group: None,
    };
    Dataset {
        name: "grey".into(),
        classes: classes.map(str::to_owned).into(),
        images: images(levels),
        samples: labels.iter().enumerate().map(sample).collect(),
    }
}

fn about() -> About {
    let model = ModelInfo { name: "grey".into(), sha256: String::new(), kept_epoch: Some(3) };
    let data = DataInfo { source: "grey".into(), part: "all".into(), n: 0, fingerprint: String::new() };
    About { model, data }
}

#[test]
fn evaluation_matches_classes_by_name_and_takes_only_the_samples_asked_for() {
    // The data's labels are the other way round: 0 is light. The last image is not asked for.
    let data = dataset(["light", "dark"], &[250, 240, 10, 200, 0], &[0, 0, 1, 1, 0]);
    let pool = Pool::new(2).unwrap();
    let report = evaluate(&predictor(), &pool, &data, &[0, 1, 2, 3], about()).unwrap();
    assert_eq!(report.data.n, 4);
    assert_eq!(report.classes[0].name, "dark");
    assert_eq!(report.confusion_matrix.rows(), [[1, 1], [0, 2]]);
    let losses = [light(250), light(240), 1.0 - light(10), 1.0 - light(200)].map(|p| -p.ln());
    assert!((report.log_loss - losses.iter().sum::<f64>() / 4.0).abs() < 1e-5);
}

#[test]
fn a_class_that_the_model_does_not_know_is_an_error() {
    let data = dataset(["dark", "grey"], &[0, 128], &[0, 1]);
    let error = evaluate(&predictor(), &Pool::current_thread(), &data, &[0, 1], about()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(error.to_string().contains("(grey)"), "{error}");
}

/// A folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("inkstone-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_run_folder_and_the_model_file_in_it_are_the_same_model() {
    let root = Folder::new("predict-open");
    let run = root.0.join("grey-001");
    std::fs::create_dir_all(&run).unwrap();
    std::fs::write(run.join("recipe.toml"), "version = 1\n").unwrap();
    let sha256 = checkpoint().save(&run.join("model.safetensors")).unwrap();
    std::fs::copy(run.join("model.safetensors"), root.0.join("other.safetensors")).unwrap();

    let open = |path: PathBuf| open(path.to_str().unwrap()).unwrap();
    let by_folder = open(run.clone());
    let by_file = open(run.join("model.safetensors"));
    assert_eq!((by_folder.name.as_str(), by_file.name.as_str()), ("grey-001", "grey-001"));
    assert!(by_folder.run.is_some() && by_file.run.is_some());
    assert_eq!(by_folder.checkpoint.sha256(), sha256);
    let elsewhere = open(root.0.join("other.safetensors"));
    assert_eq!((elsewhere.name.as_str(), elsewhere.run), ("other", None));
}

#[cfg(feature = "formats")]
#[test]
fn bytes_of_an_image_file_are_answered_and_others_are_an_error_in_their_place() {
    let root = Folder::new("predict-bytes");
    let mut pgm = b"P5\n4 4\n255\n".to_vec();
    pgm.extend([255; 16]);
    let predictor = predictor();
    let prediction = predictor.predict_bytes(&pgm).unwrap();
    assert_eq!(prediction.class.as_deref(), Some("light"));
    assert!(predictor.predict_bytes(b"just a text").is_err());

    let (good, bad) = (root.0.join("good.pgm"), root.0.join("bad.png"));
    std::fs::write(&good, &pgm).unwrap();
    std::fs::write(&bad, "just a text").unwrap();
    assert_eq!(predictor.predict_file(&good).probabilities, prediction.probabilities);
    for missing in [bad, root.0.join("none.png")] {
        let failed = predictor.predict_file(&missing);
        assert_eq!(failed.decision, Decision::Error);
        assert_eq!(failed.file.as_deref(), missing.to_str());
        assert_eq!(failed.error.unwrap().file(), Some(missing.as_path()));
    }
}
