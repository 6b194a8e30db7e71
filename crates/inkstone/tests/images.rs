//! Image files of every kind against Pillow's pixels (reference/image_fixtures.py), and what no small file shows.
#![cfg(feature = "formats")]
#![allow(clippy::unwrap_used)] // all of it is tests, helpers included

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use inkstone::data::dataset::Size;
use inkstone::data::decode::{decode, decode_file};

#[derive(serde::Deserialize)]
struct Expected {
    height: usize,
    width: usize,
    channels: usize,
    tolerance: u8,
    pixels: Vec<u8>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/images")
}

#[test]
fn every_kind_of_image_has_the_pixels_that_pillow_sees() {
    let text = std::fs::read_to_string(folder().join("expected.json")).unwrap();
    let all: BTreeMap<String, Expected> = serde_json::from_str(&text).unwrap();
    assert!(all.len() > 25);
    let mut wrong = Vec::new();
    for (name, expected) in all {
        let Expected { height, width, channels, .. } = expected;
        let image = match decode_file(&folder().join(&name)) {
            Ok(image) if image.size == (Size { height, width, channels }) => image,
            other => {
                wrong.push(format!("{name}: {:?}", other.map(|image| image.size)));
                continue;
            }
        };
        let worst = image.pixels.iter().zip(&expected.pixels).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        if worst > expected.tolerance {
            wrong.push(format!("{name}: differs by {worst}, {} allowed", expected.tolerance));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_photograph_of_48_megapixels_is_read() {
    let (width, height) = (8000, 6000);
    let mut bytes = Vec::new();
    let row = |y: usize| (0..width).map(move |x| (x * 200 / width + y * 50 / height) as u8);
    let pixels: Vec<u8> = (0..height).flat_map(row).collect();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, 50);
    encoder.write_image(&pixels, width as u32, height as u32, ExtendedColorType::L8).unwrap();
    let image = decode(&bytes).unwrap();
    assert_eq!(image.size, Size { height, width, channels: 1 });
    assert!(image.pixels.iter().zip(&pixels).step_by(997).all(|(a, b)| a.abs_diff(*b) < 16));
}

#[test]
fn every_cut_and_every_changed_byte_of_every_kind_is_an_error_or_an_image_and_no_panic() {
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            continue;
        }
        let whole = std::fs::read(path).unwrap();
        for place in 0..whole.len() {
            let _ = decode(&whole[..place]);
            let mut changed = whole.clone();
            changed[place] ^= [0x5A, 0xFF, 0x80][place % 3];
            let _ = decode(&changed);
        }
    }
}
