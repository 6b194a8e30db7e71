//! Trains on arrays made in memory: 8×8 pictures of a bar that lies or stands, somewhere in noise.

use inkstone::data::dataset::{Dataset, Image, Rows, Size};
use inkstone::rng::{Operation, Rng};
use inkstone::spec::{Activation::Relu, LayerSpec, ModelSpec, Recipe};
use inkstone::{engine::Isa, parallel::Pool, predict::Predictor, train::fit_recipe};

fn main() -> inkstone::Result<()> {
    let size = Size { height: 8, width: 8, channels: 1 };
    let labels: Vec<u32> = (0..600).map(|i| i % 2).collect();
    let pixels: Vec<u8> = (0..600_u32).flat_map(|i| bar(i, i % 2 == 1)).collect();
    let rows = Rows { part: None, size, pixels, labels, groups: None };
    let bars = Dataset::from_rows("bars", vec!["lies".into(), "stands".into()], vec![rows])?;

    let layers = [LayerSpec::conv2d(8, 3).activation(Relu), LayerSpec::flatten(), LayerSpec::dense(2)];
    let mut recipe = Recipe::new(ModelSpec::sequential(layers));
    recipe.train.epochs = 60;
    let fitted = fit_recipe(&recipe, &bars, &Pool::new(0)?, &mut |_| {})?;
    let predictor = Predictor::from_checkpoint(fitted.checkpoint, Isa::detect());
    let prediction = predictor.predict_image(Image { size, pixels: &bar(1000, true) });
    println!("it {}: {:.1} %", prediction.text, prediction.probability.unwrap_or_default() * 100.0);
    Ok(())
}

fn bar(seed: u32, stands: bool) -> Vec<u8> {
    let mut rng = Rng::new(0, 0, seed, Operation::Shuffle);
    let place = rng.below(8);
    (0..64).map(|i| rng.below(100) as u8 + if place == if stands { i % 8 } else { i / 8 } { 150 } else { 0 }).collect()
}
