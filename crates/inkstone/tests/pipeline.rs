//! Preprocess and augment against independent oracles: Pillow, Keras' affine matrix resampled by SciPy, SciPy's filters,
//! and Keras' ImageDataGenerator itself. The fixtures are made by `reference/preprocess_fixture.py`,
//! `reference/augment_fixture.py`, `reference/steps_fixture.py` and `reference/keras_augment_fixture.py`.

use inkstone::data::augment::Drawn;
use inkstone::data::dataset::{Image, Images, Size};
use inkstone::data::steps::DrawnStep;
use inkstone::data::{Augment, Preprocess};
use inkstone::engine::Isa;
use inkstone::parallel::Pool;
use inkstone::spec::pipeline::{Compat, Fill, FillRule};
use inkstone::spec::steps::Ink;
use inkstone::spec::{AugmentSpec, PreprocessSpec};
use safetensors::SafeTensors;

fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/fixtures/{name}.safetensors", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).expect("the fixture is part of the repository")
}

fn bytes<'a>(tensors: &SafeTensors<'a>, name: &str) -> (Vec<usize>, &'a [u8]) {
    let tensor = tensors.tensor(name).expect("a tensor of the fixture");
    (tensor.shape().to_vec(), tensor.data())
}

fn floats(tensors: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    let (_, data) = bytes(tensors, name);
    data.as_chunks().0.iter().map(|&four| f32::from_le_bytes(four)).collect()
}

fn image<'a>(shape: &[usize], pixels: &'a [u8]) -> Image<'a> {
    let channels = shape.get(2).copied().unwrap_or(1);
    Image { size: Size { height: shape[0], width: shape[1], channels }, pixels }
}

fn prepare(image: Image<'_>, height: usize, width: usize) -> Vec<u8> {
    let images = Images::collect([image]);
    let pool = Pool::new(1).expect("a thread");
    let spec = PreprocessSpec::default().size([height, width]);
    let preprocess = Preprocess::fit(&spec, &images, &[0], &pool).expect("a right spec");
    let mut out = vec![0; preprocess.size().len()];
    preprocess.prepare(image, &mut out);
    out
}

#[test]
fn grey_and_sizes_are_pillows() {
    let file = fixture("preprocess");
    let tensors = SafeTensors::deserialize(&file).expect("a safetensors file");
    let (shape, colour) = bytes(&tensors, "colour");
    let (grey_shape, grey) = bytes(&tensors, "grey");
    assert_eq!(prepare(image(&shape, colour), shape[0], shape[1]), grey);
    let mut n_checked = 0;
    for name in tensors.names() {
        let parts: Vec<&str> = name.split('.').collect();
        let &[kind, height, width] = &parts[..] else { continue };
        let side = |text: &str| text.parse::<usize>().expect("a side");
        let found = prepare(image(&grey_shape, grey), side(height), side(width));
        assert_eq!(found, prepare(image(&shape, colour), side(height), side(width)), "grey before resizing");
        match kind {
            "area" => assert_eq!(found, bytes(&tensors, name).1, "{name}"),
            _ => {
                for (found, exact) in found.iter().zip(floats(&tensors, name)) {
                    assert!((f32::from(*found) - exact).abs() < 0.501, "{name}: {found} {exact}");
                }
            }
        }
        n_checked += 1;
    }
    assert_eq!(n_checked, 19);
}

#[test]
fn affine_parts_are_keras_matrix_in_one_bilinear_pass_of_scipy() {
    let file = fixture("augment");
    let tensors = SafeTensors::deserialize(&file).expect("a safetensors file");
    let parameters = floats(&tensors, "parameters");
    let rules = [
        ("edge", Fill::Rule(FillRule::Edge)),
        ("reflect", Fill::Rule(FillRule::Reflect)),
        ("constant", Fill::Constant(50.0)),
    ];
    let mut worst = 0.0_f32;
    for (rule, fill) in rules {
        for kind in ["digits", "colour"] {
            let (shape, pixels) = bytes(&tensors, kind);
            let pictures = Images::uniform(image(&shape[1..], pixels).size, pixels.to_vec());
            let size = pictures.get(0).size;
            let spec = AugmentSpec::default().rotation_degrees(1.0).fill(fill);
            let augment = Augment::new(&spec, size).expect("a right spec").expect("not nothing");
            let expected = floats(&tensors, &format!("{kind}.{rule}"));
            let mut out = vec![f32::NAN; size.len()];
            for (i, &[theta, columns, rows, shear, zoom_x, zoom_y]) in parameters.as_chunks().0.iter().enumerate() {
                let drawn = Drawn {
                    rotation_degrees: theta,
                    shift: [rows, columns],
                    shear_degrees: shear,
                    zoom: [zoom_y, zoom_x],
                    ..Drawn::default()
                };
                augment.apply_drawn(Isa::detect(), pictures.get(i % shape[0]).pixels, &drawn, &mut out);
                for (k, (found, expected)) in out.iter().zip(&expected[i * size.len()..]).enumerate() {
                    let error = (found - expected).abs() / 255.0;
                    assert!(error <= 1e-5, "{kind}, {rule}, parameters {i}, value {k}: {found} {expected}");
                    worst = worst.max(error);
                }
            }
        }
    }
    println!("greatest error in [0, 1]: {worst:e}");
}

/// The greatest difference between what the drawn steps make of a picture and the fixture's result.
fn error_of_steps(tensors: &SafeTensors<'_>, name: &str, steps: &[DrawnStep], result: &str) -> f32 {
    let (shape, pixels) = bytes(tensors, name);
    let size = image(&shape, pixels).size;
    let augment = Augment::new(&AugmentSpec::default().zoom(0.1), size).expect("a right spec").expect("not nothing");
    let expected = floats(tensors, &format!("{name}.{result}"));
    let mut out = vec![f32::NAN; size.len()];
    augment.apply_drawn_steps(Isa::detect(), pixels, (&Drawn::default(), steps, (7, 3, 11)), &mut out);
    out.iter().zip(expected).map(|(found, expected)| (found - expected).abs()).fold(0.0, f32::max)
}

#[test]
fn the_steps_behind_the_affine_ones_are_scipys() {
    let file = fixture("steps");
    let tensors = SafeTensors::deserialize(&file).expect("a safetensors file");
    let corners: [[f32; 2]; 4] =
        std::array::from_fn(|c| std::array::from_fn(|i| floats(&tensors, "corners")[2 * c + i]));
    let elastic = |alpha, sigma, number| DrawnStep::Elastic { alpha, sigma, number };
    let stroke = |radius| vec![DrawnStep::Stroke { radius, ink: Ink::Bright }];
    let cases = [
        ("elastic", vec![elastic(34.0, 4.0, 0)]),
        ("elastic_twice", vec![elastic(34.0, 4.0, 0), elastic(20.0, 2.5, 1)]),
        ("perspective", vec![DrawnStep::Perspective { corners }]),
        ("perspective_elastic", vec![DrawnStep::Perspective { corners }, elastic(34.0, 4.0, 0)]),
        ("thick", stroke(1.25)),
        ("thin", stroke(-0.75)),
        ("blur", vec![DrawnStep::Blur { sigma: 0.8 }]),
        ("wide_blur", vec![DrawnStep::Blur { sigma: 6.0 }]),
        ("contrast", vec![DrawnStep::Contrast { factor: 1.75 }]),
        ("gamma", vec![DrawnStep::Gamma { exponent: 0.5 }]),
    ];
    for (result, steps) in cases {
        for name in ["grey", "colour"] {
            let error = error_of_steps(&tensors, name, &steps, result);
            println!("{name} {result}: {error:e} of 255");
            // The fixture is rounded to 0.001; places in f32 are exact to some 1e-6 of a pixel.
            assert!(error < 0.001, "{name} {result}: {error}");
        }
    }
}

#[test]
fn under_compat_keras_pixels_are_those_of_the_real_image_data_generator() {
    let file = fixture("keras_augment");
    let tensors = SafeTensors::deserialize(&file).expect("a safetensors file");
    let modes = [
        ("nearest", Fill::Rule(FillRule::Edge)),
        ("reflect", Fill::Rule(FillRule::Reflect)),
        ("constant", Fill::Constant(50.0)),
    ];
    let mut n_values = 0;
    for name in ["grey", "colour", "wide", "tall"] {
        let (shape, pixels) = bytes(&tensors, name);
        let size = image(&shape, pixels).size;
        for (mode, fill) in modes {
            let spec = AugmentSpec::default().rotation_degrees(1.0).fill(fill).compat(Compat::Keras);
            let augment = Augment::new(&spec, size).expect("a right spec").expect("not nothing");
            let expected = floats(&tensors, &format!("{name}.{mode}.result"));
            let parameters = floats(&tensors, &format!("{name}.{mode}.parameters"));
            let results = expected.chunks_exact(size.len());
            for (&[theta, tx, ty, shear, zx, zy, left_right, up_down], expected) in
                parameters.as_chunks().0.iter().zip(results)
            {
                let drawn = Drawn {
                    rotation_degrees: theta,
                    shift: [ty, tx],
                    shear_degrees: shear,
                    zoom: [zy, zx],
                    horizontal_flip: left_right == 1.0,
                    vertical_flip: up_down == 1.0,
                    ..Drawn::default()
                };
                let mut out = vec![f32::NAN; size.len()];
                augment.apply_drawn(Isa::detect(), pixels, &drawn, &mut out);
                // Equal to the bit: the same operations in the same order.
                assert_eq!(out, expected, "{name}, {mode}, {drawn:?}");
                n_values += out.len();
            }
        }
    }
    assert_eq!(n_values, 7 * 3 * (256 + 243 + 120 + 198));
}
