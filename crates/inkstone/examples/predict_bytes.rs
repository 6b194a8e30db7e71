//! Reads a digit from the bytes of an image file with the built-in model: no file, no network, no training.

use inkstone::checkpoint::Checkpoint;
use inkstone::engine::Isa;
use inkstone::predict::{Predictor, builtin};

fn main() -> inkstone::Result<()> {
    let model = builtin("digits").expect("the feature `digits` is on");
    let predictor = Predictor::from_checkpoint(Checkpoint::from_bytes(model)?, Isa::detect());

    // A one, drawn as a PGM file: a header, then a byte per pixel.
    let mut bytes = b"P5 28 28 255 ".to_vec();
    bytes.extend(
        (0..28 * 28).map(|i| if (4..24).contains(&(i / 28)) && (13..16).contains(&(i % 28)) { 255 } else { 0 }),
    );

    let prediction = predictor.predict_bytes(&bytes)?;
    for label in prediction.ranked().into_iter().take(3) {
        println!("{}  {:.2} %", predictor.classes()[label], prediction.probabilities[label] * 100.0);
    }
    Ok(())
}
