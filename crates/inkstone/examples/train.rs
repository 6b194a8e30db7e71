//! The network of the Keras tutorials: described, trained and measured, on a tenth of the built-in MNIST.

use inkstone::data::{Part, source};
use inkstone::evaluate::{self, About};
use inkstone::spec::{Activation::Relu, Activation::Softmax, LayerSpec, ModelSpec, Recipe};
use inkstone::{engine::Isa, parallel::Pool, predict::Predictor, train};

fn main() -> inkstone::Result<()> {
    let pool = Pool::new(0)?;
    let tenth: Vec<u32> = (0..70_000).step_by(10).collect();
    let mnist = source::open("mnist", &source::SourceOptions::default(), &pool)?.subset(&tenth);
    let mut recipe = Recipe::new(ModelSpec::sequential([
        LayerSpec::conv2d(32, 3).activation(Relu),
        LayerSpec::max_pool(2),
        LayerSpec::conv2d(64, 3).activation(Relu),
        LayerSpec::max_pool(2),
        LayerSpec::flatten(),
        LayerSpec::dense(10).activation(Softmax),
    ]));
    recipe.train.epochs = 3;
    let fitted = train::fit_recipe(&recipe, &mnist, &pool, &mut |event| {
        if let train::Event::EpochEnded { metrics, .. } = event {
            println!("epoch {}: loss {:.3}", metrics.epoch, metrics.train_loss);
        }
    })?;
    let (about, test) = (About::own(&fitted.checkpoint, Part::Test), fitted.split.test);
    let predictor = Predictor::from_checkpoint(fitted.checkpoint, Isa::detect());
    println!("{}", evaluate::text(&evaluate::evaluate(&predictor, &pool, &mnist, &test, about)?));
    Ok(())
}
