//! The checkpoint's file: the same bytes for the same model, and one clear line for each way in which it can be wrong.
#![allow(clippy::unwrap_used)] // The helpers of a test are test code too.

use std::fs;

use inkstone::ErrorKind;
use inkstone::checkpoint::{Checkpoint, Provenance};
use inkstone::data::dataset::Size;
use inkstone::data::{Images, Preprocess};
use inkstone::engine::Parameters;
use inkstone::parallel::Pool;
use inkstone::shape::Shape;
use inkstone::spec::model::{Activation, BatchNormSpec};
use inkstone::spec::{LayerSpec, ModelSpec, PreprocessSpec};

fn checkpoint() -> Checkpoint {
    let mut preprocess = PreprocessSpec::default();
    preprocess.size = Some([6, 6]);
    let image = Images::uniform(Size { height: 6, width: 6, channels: 1 }, (0..36).collect());
    let preprocess = Preprocess::fit(&preprocess, &image, &[0], &Pool::new(1).unwrap()).unwrap();
    let spec = ModelSpec::sequential([
        LayerSpec::conv2d(2, 3),
        LayerSpec::BatchNorm(BatchNormSpec::default()),
        LayerSpec::flatten(),
        LayerSpec::dense_per_class().activation(Activation::Softmax),
    ]);
    let classes = vec!["cat".to_owned(), "猫".to_owned()];
    let input = Shape::image(6, 6, 1);
    let plan = spec.resolve(input, classes.len()).unwrap();
    let provenance = Provenance {
        data_source: "cats".into(),
        data_fingerprint: "0f".into(),
        seed: u64::MAX,
        recipe_sha256: "aa".into(),
        program_version: "0.1.0".into(),
        kept_epoch: 3,
    };
    let parameters = Parameters::initialise(&plan, 7);
    Checkpoint { spec, input, preprocess, classes, provenance, plan, parameters, trust: None, sha256: None }
}

/// The file with `from` in its header replaced by `to`, the header's length corrected and padded as the format asks.
fn edited(from: &str, to: &str) -> Vec<u8> {
    let bytes = checkpoint().to_bytes();
    let n = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header = std::str::from_utf8(&bytes[8..8 + n]).unwrap();
    assert!(header.contains(from), "{from} is not in {header}");
    let mut header = header.replacen(from, to, 1).into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    [&(header.len() as u64).to_le_bytes()[..], &header, &bytes[8 + n..]].concat()
}

fn check(bytes: &[u8], message: &str) {
    let error = Checkpoint::from_bytes(bytes).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Checkpoint);
    assert!(error.to_string().contains(message), "{error}");
    assert_eq!(error.to_string().lines().count(), 1, "{error}");
}

#[test]
fn what_was_saved_is_loaded_and_saves_to_the_same_bytes() {
    let path = std::env::temp_dir().join(format!("inkstone-checkpoint-{}.safetensors", std::process::id()));
    let sha256 = checkpoint().save(&path).unwrap();
    let loaded = Checkpoint::load(&path).unwrap();
    assert_eq!(loaded.sha256.as_deref(), Some(&*sha256));
    assert_eq!(loaded.to_bytes(), fs::read(&path).unwrap());
    assert_eq!(Checkpoint { sha256: None, ..loaded }, checkpoint());
    for _ in 0..20 {
        assert_eq!(checkpoint().sha256(), sha256, "a map in the header came out in another order");
    }
    fs::remove_file(path).unwrap();
}

#[test]
fn the_metadata_is_one_key_of_json_with_sorted_keys() {
    let bytes = checkpoint().to_bytes();
    let n = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + n]).unwrap();
    let metadata = header["__metadata__"].as_object().unwrap();
    assert_eq!(metadata.keys().collect::<Vec<_>>(), ["inkstone"]);
    let text = metadata["inkstone"].as_str().unwrap();
    assert!(text.starts_with("{\"classes\":[\"cat\",\"猫\"],\"input\":[6,6,1],\"model\":{"), "{text}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(text).unwrap().to_string(), text);
    assert_eq!(header["parameters.conv2d_1.kernel"]["shape"], serde_json::json!([3, 3, 1, 2]));
    assert_eq!(header["state.batch_norm_1.mean"]["dtype"], "F32");
}

#[test]
fn each_way_of_being_cut_off_is_an_error() {
    let bytes = checkpoint().to_bytes();
    for length in 0..bytes.len() {
        let error = Checkpoint::from_bytes(&bytes[..length]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Checkpoint, "{length}: {error}");
    }
    check(&[&bytes[..], b"x"].concat(), "not a whole safetensors file");
    check(b"", "offset 0: expected 8 bytes of header length, found 0 bytes");
    check(
        &[u64::MAX.to_le_bytes(), [0; 8]].concat(),
        "expected a header of at most 8 bytes, found 18446744073709551615",
    );
}

#[test]
fn no_single_flipped_byte_panics() {
    let bytes = checkpoint().to_bytes();
    for i in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[i] ^= flip;
            // Most are errors; a changed digit of a value is another valid model.
            let _ = Checkpoint::from_bytes(&bytes);
        }
    }
}

#[test]
fn each_defect_names_its_place_with_expected_and_found() {
    check(&edited(r#"\"version\":1"#, r#"\"version\":2"#), "metadata: expected format version 1, found 2");
    check(&edited(r#"\"version\":1"#, r#"\"vision\":1"#), "metadata: expected format version 1, found none");
    check(&edited("{\"inkstone\":", "{\"pt\":"), "metadata: expected the key `inkstone`, found none");
    check(
        &edited("parameters.conv2d_1.kernel", "parameters.conv2d_1.cobble"),
        "tensor parameters.conv2d_1.kernel: expected f32 values of shape [3, 3, 1, 2], found no such tensor",
    );
    check(
        &edited("\"shape\":[3,3,1,2]", "\"shape\":[3,3,2,1]"),
        "tensor parameters.conv2d_1.kernel: expected f32 values of shape [3, 3, 1, 2], found F32 of shape [3, 3, 2, 1]",
    );
    check(&edited(r#"\"filters\":2"#, r#"\"filters\":3"#), "expected f32 values of shape [3, 3, 1, 3]");
    check(
        &edited(r#"\"filters\":2"#, r#"\"filters\":0"#),
        "model: expected a spec that resolves, found layer 1 (conv2d)",
    );
    check(&edited(r#"\"filters\":2"#, r#"\"filters\":1048576"#), "shape [3, 3, 1, 1048576]");
    check(&edited(r#"\"input\":[6,6,1]"#, r#"\"input\":[6,6,3]"#), "input: expected 6×6×1");
    check(&edited(r#"\"input\":[6,6,1]"#, r#"\"input\":[6,99999999,1]"#), "input: expected [height, width, channels]");
    check(&edited(r#"[\"cat\",\"猫\"]"#, "[]"), "classes: expected 1 to 65536 classes, found 0");
    check(
        &edited(r#"[\"cat\",\"猫\"]"#, r#"[\"cat\"]"#),
        "tensor parameters.dense_1.kernel: expected f32 values of shape [32, 1]",
    );
}

#[test]
fn a_value_that_is_not_finite_is_refused() {
    let mut broken = checkpoint();
    broken.parameters.values[3] = f32::NAN;
    check(&broken.to_bytes(), "tensor parameters.conv2d_1.kernel: expected finite values, found NaN");
}

#[test]
fn a_tensor_too_many_is_refused_but_for_those_that_later_stages_add() {
    let mut larger = checkpoint();
    larger.plan.state[0].name = "other.mean".into();
    check(&larger.to_bytes(), "tensor state.batch_norm_1.mean: expected f32 values of shape [2], found no such tensor");
    let bytes = edited(
        "\"state.batch_norm_1.mean\":",
        "\"trust.temperature\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},\"state.batch_norm_1.mean\":",
    );
    Checkpoint::from_bytes(&bytes).unwrap();
    let bytes = edited(
        "\"state.batch_norm_1.mean\":",
        "\"rust.temperature\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},\"state.batch_norm_1.mean\":",
    );
    check(&bytes, "tensor rust.temperature: expected only the model's tensors, found one more");
}

#[test]
fn a_missing_file_and_a_folder_are_named() {
    let error = Checkpoint::load("does/not/exist".as_ref()).unwrap_err();
    assert!(error.to_string().starts_with("does/not/exist: cannot open: "), "{error}");
    assert!(Checkpoint::load(&std::env::temp_dir()).is_err());
}
