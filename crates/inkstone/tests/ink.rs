//! The ink rules on MNIST's own images: they change next to nothing there.

#![cfg(feature = "mnist")]
#![allow(clippy::unwrap_used)] // Clippy sees a test only in the functions marked as one.

use inkstone::data::dataset::{Image, Images, Size};
use inkstone::data::source::{SourceOptions, open};
use inkstone::data::{Preprocess, ink};
use inkstone::parallel::Pool;
use inkstone::spec::PreprocessSpec;

const SIDE: usize = 28;

/// Test images, one behind the other.
fn images(n: usize) -> Images {
    let mnist = open("mnist", &SourceOptions::default(), &Pool::current_thread()).unwrap();
    Images::collect((0..n).map(|i| mnist.images.get(60_000 + i)))
}

#[test]
fn a_training_set_is_prepared_without_a_change() {
    let images = images(1_000);
    let spec = PreprocessSpec::default().size([SIDE, SIDE]).ink(true);
    let pool = Pool::new(2).unwrap();
    let preprocess = Preprocess::fit(&spec, &images, &[0], &pool).unwrap();
    assert!(preprocess.prepare_all(&images, &pool) == images);
    let text = serde_json::to_string(&preprocess).unwrap();
    assert!(text.contains(r#""ink":true"#), "{text}");
    assert_eq!(serde_json::from_str::<Preprocess>(&text).unwrap(), preprocess);
}

#[test]
fn a_digit_pasted_on_a_canvas_comes_back_as_it_was() {
    const CANVAS: usize = 64;
    let images = images(1_000);
    let mut n_same = 0;
    for i in 0..images.len() {
        let digit = images.get(i).pixels;
        let (left, top) = (i * 7 % 36, i * 11 % 36);
        let mut canvas = vec![255_u8; CANVAS * CANVAS];
        for (y, row) in digit.chunks_exact(SIDE).enumerate() {
            for (x, &value) in row.iter().enumerate() {
                canvas[(top + y) * CANVAS + left + x] = 255 - value;
            }
        }
        let image = Image { size: Size { height: CANVAS, width: CANVAS, channels: 1 }, pixels: &canvas };
        let found = ink::whole(image, [SIDE, SIDE]);
        n_same += usize::from(found == digit);
    }
    // The others have very thin or thick strokes, or a speck apart from them.
    assert!(n_same >= 880, "{n_same} of 1000");
}
