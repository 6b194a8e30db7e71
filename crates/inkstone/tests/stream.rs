//! A set that stays on the disk: the same images, orders that are its own, trainings that do not depend on threads.
#![allow(clippy::unwrap_used)] // all of it is tests, helpers included

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use inkstone::checkpoint::Checkpoint;
use inkstone::data::source::{SourceOptions, open};
use inkstone::data::split::split;
use inkstone::data::{Augment, Dataset, Part, Preprocess, Samples, StreamOptions, fingerprint, idx};
use inkstone::engine::Isa;
use inkstone::evaluate::{About, DataInfo, ModelInfo, evaluate};
use inkstone::parallel::Pool;
use inkstone::predict::Predictor;
use inkstone::rng::{Operation, Rng};
use inkstone::spec::pipeline::Normalise;
use inkstone::spec::{Activation::Relu, LayerSpec, ModelSpec, Recipe};
use inkstone::train::{Ending, Existing, Origin, RunFolder, Setup, Watch, fit_recipe, run};

const N_TRAINING: u32 = 300;
const N_TEST: u32 = 60;
const SIDE: usize = 8;

/// A folder of IDX files with bars that lie or stand, removed at the end.
struct World(PathBuf);

impl World {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("inkstone-streams-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for (part, from, n) in [("train", 0, N_TRAINING), ("t10k", N_TRAINING, N_TEST)] {
            let pixels: Vec<u8> = (from..from + n).flat_map(bar).collect();
            let labels: Vec<u8> = (from..from + n).map(|i| (i % 2) as u8).collect();
            let write =
                |content: &str, bytes| fs::write(folder.join(format!("{part}-{content}-ubyte")), bytes).unwrap();
            write("images-idx3", idx::encode_u8(&[n as usize, SIDE, SIDE], &pixels));
            write("labels-idx1", idx::encode_u8(&[n as usize], &labels));
        }
        Self(folder)
    }

    fn open(&self, stream: Option<StreamOptions>) -> Dataset {
        let options = SourceOptions { stream, ..SourceOptions::default() };
        open(self.0.to_str().unwrap(), &options, &Pool::new(2).unwrap()).unwrap()
    }

    /// Blocks of 20 images, three in a window: 18 blocks in all.
    fn streamed(&self) -> Dataset {
        self.open(Some(StreamOptions { at_least: 0, block: 20 * SIDE * SIDE + 5, window: 3 }))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn bar(i: u32) -> Vec<u8> {
    let mut rng = Rng::new(5, 0, i, Operation::Crop);
    let place = 1 + rng.below(SIDE as u32 - 2) as usize;
    let value = |k: usize| if [k / SIDE, k % SIDE][(i % 2) as usize] == place { 200 } else { 0 };
    (0..SIDE * SIDE).map(|k| value(k) + rng.below(50) as u8).collect()
}

fn recipe() -> Recipe {
    let layers = [LayerSpec::conv2d(4, 3).activation(Relu), LayerSpec::flatten(), LayerSpec::dense(2)];
    let mut recipe = Recipe::new(ModelSpec::sequential(layers));
    recipe.preprocess.normalise = Normalise::Dataset;
    recipe.augment.rotation_degrees = 4.0;
    recipe.train.epochs = 4;
    recipe.train.learning_rate = 0.01;
    recipe
}

fn trained(dataset: &Dataset, n_threads: usize) -> Checkpoint {
    fit_recipe(&recipe(), dataset, &Pool::new(n_threads).unwrap(), &mut |_| {}).unwrap().checkpoint
}

#[test]
fn a_streamed_set_has_the_images_names_and_fingerprint_of_the_set_in_memory() {
    let world = World::new("same");
    let (streamed, whole) = (world.streamed(), world.open(None));
    assert_eq!((streamed.images.is_streamed(), whole.images.is_streamed()), (true, false));
    assert_eq!((&streamed.samples, &streamed.classes), (&whole.samples, &whole.classes));
    let pool = Pool::new(2).unwrap();
    assert_eq!(fingerprint::fingerprint(&streamed, &pool), fingerprint::fingerprint(&whole, &pool));
    for i in [0, 299, 300, 359, 17] {
        streamed.images.with(i, |image| assert_eq!(image, whole.images.get(i)));
        assert_eq!(streamed.images.get(i), whole.images.get(i));
    }
    let some = [350, 2, 299];
    assert_eq!(streamed.subset(&some).images.get(1), whole.subset(&some).images.get(1));
    assert!(!world.open(Some(StreamOptions::default())).images.is_streamed(), "auto: too small to stay on the disk");
}

#[test]
fn an_epoch_visits_every_sample_once_and_few_blocks_at_a_time() {
    let world = World::new("order");
    let (dataset, pool) = (world.streamed(), Pool::new(1).unwrap());
    let split = split(&dataset, &recipe().data).unwrap();
    let preprocess = Preprocess::fit(&recipe().preprocess, &dataset.images, &split.train, &pool).unwrap();
    let [samples] = Samples::of_parts(dataset, [&split.train], &preprocess, &pool);
    let order = samples.order(1, 0);
    assert_eq!(order, samples.order(1, 0));
    assert!(order != samples.order(1, 1) && order != samples.order(2, 0));
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..samples.len() as u32).collect::<Vec<_>>());
    // A window is at most 60 images: any 18 that follow one another lie in two windows of three blocks.
    for some in order.windows(18) {
        let mut blocks: Vec<u32> = some.iter().map(|&i| samples.indices[i as usize] / 20).collect();
        blocks.sort_unstable();
        blocks.dedup();
        assert!(blocks.len() <= 6, "{blocks:?}");
    }
    let sorted = |order: &[u32]| order.windows(2).filter(|pair| pair[0] < pair[1]).count();
    assert!(sorted(&order) < samples.len() * 6 / 10, "shuffled within a window too");
}

#[test]
fn a_training_from_the_disk_learns_and_is_the_same_on_any_number_of_threads() {
    let world = World::new("training");
    let (dataset, pool) = (world.streamed(), Pool::new(2).unwrap());
    let checkpoint = trained(&dataset, 1);
    assert_eq!(checkpoint.parameters, trained(&dataset, 3).parameters);
    assert_eq!(checkpoint.preprocess, trained(&world.open(None), 2).preprocess, "statistics are the set's");
    let split = split(&dataset, &recipe().data).unwrap();
    let predictor = Predictor::from_checkpoint(checkpoint, Isa::SCALAR);
    let about = || About {
        model: ModelInfo { name: "bars".into(), sha256: String::new(), kept_epoch: Some(4) },
        data: DataInfo { source: "bars".into(), part: Part::Test.name().into(), n: 60, fingerprint: String::new() },
    };
    let report = |dataset: &Dataset| evaluate(&predictor, &pool, dataset, &split.test, about()).unwrap();
    assert_eq!(report(&dataset), report(&world.open(None)));
    assert!(report(&dataset).accuracy.value > 0.9);
}

#[test]
fn a_streamed_training_that_is_stopped_goes_on_to_the_same_bytes() {
    let world = World::new("resume");
    let (dataset, pool, recipe) = (world.streamed(), Pool::new(2).unwrap(), recipe());
    let split = split(&dataset, &recipe.data).unwrap();
    let preprocess = Preprocess::fit(&recipe.preprocess, &dataset.images, &split.train, &pool).unwrap();
    let [training, validation] = Samples::of_parts(dataset, [&split.train, &split.validation], &preprocess, &pool);
    let augment = Augment::new(&recipe.augment, preprocess.size()).unwrap();
    let setup = Setup {
        model: &recipe.model,
        train: &recipe.train,
        training: &training,
        validation: &validation,
        augment: augment.as_ref(),
        pool: &pool,
        isa: Isa::SCALAR,
    };
    let text = recipe.to_toml();
    let origin = Origin { recipe: &text, source: "bars", fingerprint: "f00d", split: b"{}" };
    let go = |folder: &RunFolder, n_steps: usize| {
        let stop = AtomicBool::new(false);
        let mut seen = 0;
        let mut observe = |event: &inkstone::train::Event<'_>| {
            seen += usize::from(matches!(event, inkstone::train::Event::Step(_)));
            stop.store(seen >= n_steps, std::sync::atomic::Ordering::Relaxed);
        };
        run(folder, &setup, &origin, Watch { observe: &mut observe, stop: &stop, interval: Duration::ZERO }).unwrap()
    };
    let [whole, cut] = ["whole", "cut"].map(|name| world.0.join(name));
    let model = |path: &PathBuf| fs::read(path.join("model.safetensors")).unwrap();
    go(&RunFolder::create(&whole, Existing::Refuse, &text).unwrap(), usize::MAX);
    let ended = go(&RunFolder::create(&cut, Existing::Refuse, &text).unwrap(), 13);
    assert!(matches!(ended.ending, Ending::Interrupted { .. }));
    go(&RunFolder::open(&cut).unwrap(), usize::MAX);
    assert_eq!(model(&whole), model(&cut));
}

#[test]
fn a_file_that_is_cut_during_a_training_ends_it_with_its_name() {
    let world = World::new("cut");
    let dataset = world.streamed();
    let file = world.0.join("train-images-idx3-ubyte");
    let mut epochs = 0;
    let error = fit_recipe(&recipe(), &dataset, &Pool::new(2).unwrap(), &mut |event| {
        epochs += usize::from(matches!(event, inkstone::train::Event::EpochEnded { .. }));
        if epochs == 1 {
            fs::File::options().write(true).open(&file).unwrap().set_len(100).unwrap();
        }
    })
    .unwrap_err();
    assert_eq!(error.file(), Some(file.as_path()), "{error}");
}

#[test]
fn images_that_would_have_to_be_resized_are_not_streamed() {
    let world = World::new("resized");
    let mut recipe = recipe();
    recipe.preprocess.size = Some([4, 4]);
    let error = fit_recipe(&recipe, &world.streamed(), &Pool::new(1).unwrap(), &mut |_| {}).unwrap_err();
    assert_eq!(
        error.to_string(),
        "data.stream: expected streamed images of 4×4×1, found 8×8×1; prepare them so (`inkstone prepare`), or set \
         data.stream = \"never\""
    );
}
