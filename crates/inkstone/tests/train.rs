//! Training through the public door: exact resume, what is kept, what stops a training, what a run folder refuses.
#![allow(clippy::unwrap_used)] // The helpers of a test are test code too.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use inkstone::calibrate::{Evidence, finalise, fit as fit_trust};
use inkstone::checkpoint::Checkpoint;
use inkstone::data::dataset::Size;
use inkstone::data::{Augment, Images, Preprocess, Samples};
use inkstone::engine::Isa;
use inkstone::parallel::Pool;
use inkstone::rng::{Operation, Rng};
use inkstone::spec::Recipe;
use inkstone::train::{Ended, Ending, Event, Existing, Origin, RunFolder, Setup, Trained, Watch, fit, run};

const CLASSES: usize = 3;
const SIZE: Size = Size { height: 8, width: 8, channels: 1 };
/// Everything that keeps a state beside the parameters or draws random numbers in a layer.
const DEEP: &str = "{ conv2d = { filters = 4, kernel = 3, bias = false } }, { batch_norm = { momentum = 0.9, activation = \"relu\" } }, \
                    { max_pool = 2 }, { dropout = 0.2 }, \"flatten\", { dense = { activation = \"softmax\" } }";
const LINEAR: &str = "\"flatten\", { dense = { activation = \"softmax\" } }";

/// Noisy images of a bright bar whose place is the class; the last quarter validates.
struct World {
    training: Samples,
    validation: Samples,
    recipe: Recipe,
    text: String,
    augment: Option<Augment>,
    pool: Pool,
}

impl World {
    fn new(layers: &str, tables: &str) -> Self {
        let text =
            format!("version = 1\npreprocess = {{ size = [8, 8] }}\nmodel = {{ layers = [{layers}] }}\n{tables}");
        let recipe: Recipe = toml::from_str(&text).unwrap();
        let pool = Pool::new(2).unwrap();
        let (n, n_training) = (100_u32, 75_u32);
        let labels: Vec<u32> = (0..n).map(|i| i % CLASSES as u32).collect();
        let pixels = (0..n).flat_map(|i| picture(i, labels[i as usize])).collect();
        let images = Arc::new(Images::uniform(SIZE, pixels));
        let train: Vec<u32> = (0..n_training).collect();
        let preprocess = Preprocess::fit(&recipe.preprocess, &images, &train, &pool).unwrap();
        let part = |indices: Vec<u32>| Samples {
            images: images.clone(),
            labels: indices.iter().map(|&i| labels[i as usize]).collect(),
            indices,
            classes: ["a", "b", "c"].map(str::to_owned).into(),
            preprocess: preprocess.clone(),
        };
        Self {
            training: part(train),
            validation: part((n_training..n).collect()),
            augment: Augment::new(&recipe.augment, SIZE).unwrap(),
            recipe,
            text,
            pool,
        }
    }

    fn setup(&self) -> Setup<'_> {
        Setup {
            model: &self.recipe.model,
            train: &self.recipe.train,
            training: &self.training,
            validation: &self.validation,
            augment: self.augment.as_ref(),
            pool: &self.pool,
            isa: Isa::SCALAR,
        }
    }

    fn origin(&self) -> Origin<'_> {
        Origin { recipe: &self.text, source: "bars", fingerprint: "f00d", split: b"{}" }
    }

    /// Trains on in `folder` until `stop_at` says to stop, or to the end.
    fn run(&self, folder: &RunFolder, mut stop_at: impl FnMut(&Event<'_>) -> bool) -> inkstone::Result<Ended> {
        let stop = AtomicBool::new(false);
        let mut observe = |event: &Event<'_>| {
            if stop_at(event) {
                stop.store(true, Ordering::Relaxed);
            }
        };
        run(
            folder,
            &self.setup(),
            &self.origin(),
            Watch { observe: &mut observe, stop: &stop, interval: Duration::ZERO },
        )
    }

    fn fit(&self) -> inkstone::Result<Trained> {
        let watch = Watch { observe: &mut |_| {}, stop: &AtomicBool::new(false), interval: Duration::ZERO };
        fit(&self.setup(), watch)
    }

    fn folder(&self, name: &str) -> RunFolder {
        let path = std::env::temp_dir().join(format!("inkstone-train-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        RunFolder::create(&path, Existing::Refuse, &self.text).unwrap()
    }
}

fn picture(i: u32, label: u32) -> Vec<u8> {
    let mut rng = Rng::new(1, 0, i, Operation::Affine);
    let bright = |x: u32| if x / 3 == label { 120 } else { 0 };
    (0..64).map(|p| (bright(p % 8) + rng.below(130)) as u8).collect()
}

fn gone(folder: RunFolder) {
    let path = folder.path().to_owned();
    drop(folder);
    fs::remove_dir_all(path).unwrap();
}

fn model(folder: &RunFolder) -> Vec<u8> {
    fs::read(folder.path().join("model.safetensors")).unwrap()
}

/// Everything that has a memory: momentum, an average, early stopping, a schedule that looks at the end, augmentation.
const EVERYTHING: &str = "[train]\nepochs = 3\nbatch_size = 16\nema = 0.9\nschedule = \"cosine\"\nlearning_rate = 0.01\n\
                          early_stopping = { patience = 9 }\nclass_weights = \"balanced\"\nseed = 5\n\
                          [augment]\nwidth_shift = 0.1\nrotation_degrees = 5.0\n";

#[test]
fn a_run_stopped_after_any_step_and_resumed_ends_with_the_same_bytes() {
    let world = World::new(DEEP, EVERYTHING);
    let whole = world.folder("whole");
    let ended = world.run(&whole, |_| false).unwrap();
    assert_eq!(ended.ending, Ending::Finished);
    assert_eq!(ended.metrics.len(), 3);
    // Five steps per epoch: every step of the training is a place to stop.
    for stop_after in 0..15 {
        let folder = world.folder(&format!("stopped-{stop_after}"));
        let mut n_steps = 0;
        let stopped = world.run(&folder, |event| {
            n_steps += usize::from(matches!(event, Event::Step(_) | Event::EpochEnded { .. }));
            n_steps == stop_after || stop_after == 0
        });
        match stopped.unwrap().ending {
            Ending::Interrupted { epoch, step } => assert_eq!(5 * epoch + step, stop_after),
            ending => panic!("{ending:?} after {stop_after} steps"),
        }
        let path = folder.path().to_owned();
        drop(folder);
        let folder = RunFolder::open(&path).unwrap();
        let resumed = world.run(&folder, |_| false).unwrap();
        assert_eq!(resumed.ending, Ending::Finished);
        assert_eq!(resumed.model_sha256, ended.model_sha256, "stopped after {stop_after} steps");
        assert!(model(&folder) == model(&whole));
        gone(folder);
    }
    gone(whole);
}

#[test]
fn a_run_stopped_after_every_single_step_ends_with_the_same_bytes() {
    let world = World::new(DEEP, &EVERYTHING.replace("ema = 0.9", "optimizer = \"sgd\"\nmomentum = 0.9"));
    let (whole, folder) = (world.folder("in-one-go"), world.folder("in-pieces"));
    world.run(&whole, |_| false).unwrap();
    let n_stops = (0..).take_while(|_| {
        world.run(&folder, |event| matches!(event, Event::Step(_))).unwrap().ending != Ending::Finished
    });
    assert!(n_stops.count() > 10);
    assert!(model(&folder) == model(&whole));
    for folder in [whole, folder] {
        gone(folder);
    }
}

/// What the folder holds at each save, as if the process were killed right after it.
fn snapshots(world: &World, folder: &RunFolder) -> Vec<Vec<(PathBuf, Vec<u8>)>> {
    let mut taken = vec![];
    let path = folder.path().to_owned();
    world
        .run(folder, |event| {
            if matches!(event, Event::Saved { .. } | Event::Started { .. } | Event::EpochEnded { .. }) {
                taken.push(files(&path));
            }
            false
        })
        .unwrap();
    taken.push(files(&path));
    taken
}

fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn a_run_killed_between_any_two_files_is_made_whole() {
    let world = World::new(LINEAR, EVERYTHING);
    let folder = world.folder("killed");
    let taken = snapshots(&world, &folder);
    let expected = model(&folder);
    let path = folder.path().to_owned();
    drop(folder);
    // A kill between two renames leaves some files of one save and some of the next: every such mix must go on, as long
    // as the commit record is the older one; so must a model that is missing or half written by somebody else.
    for (older, newer) in taken.iter().zip(&taken[1..]) {
        for damage in
            ["none", "model is newer", "tables are newer", "model is missing", "model is damaged", "no tables"]
        {
            fs::remove_dir_all(&path).unwrap();
            fs::create_dir(&path).unwrap();
            older.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
            let from_newer =
                |name: &'static str| newer.iter().filter(move |(path, _)| path.to_string_lossy().contains(name));
            match damage {
                "model is newer" => from_newer("model").for_each(|(path, bytes)| fs::write(path, bytes).unwrap()),
                "tables are newer" => from_newer("metrics").for_each(|(path, bytes)| fs::write(path, bytes).unwrap()),
                "model is missing" => drop(fs::remove_file(path.join("model.safetensors"))),
                "model is damaged" => fs::write(path.join("model.safetensors"), "half").unwrap(),
                "no tables" => {
                    ["metrics.jsonl", "metrics.csv"].iter().for_each(|name| drop(fs::remove_file(path.join(name))));
                }
                _ => {}
            }
            let folder = RunFolder::open(&path).unwrap();
            world.run(&folder, |_| false).unwrap();
            assert!(model(&folder) == expected, "{damage}");
            assert_eq!(fs::read_to_string(path.join("metrics.jsonl")).unwrap().lines().count(), 3);
        }
    }
    fs::remove_dir_all(path).unwrap();
}

#[test]
fn a_run_killed_before_its_first_save_starts_again() {
    let world = World::new(LINEAR, EVERYTHING);
    let (whole, folder) = (world.folder("not-killed"), world.folder("killed-early"));
    world.run(&whole, |_| false).unwrap();
    let path = folder.path().to_owned();
    drop(folder);
    fs::remove_file(path.join("log.txt")).unwrap();
    let folder = RunFolder::open(&path).unwrap();
    world.run(&folder, |_| false).unwrap();
    assert!(model(&folder) == model(&whole));
    gone(whole);
    gone(folder);
}

#[test]
fn resume_safetensors_exists_from_step_0_and_the_model_from_the_first_epoch_on() {
    let world = World::new(LINEAR, EVERYTHING);
    let folder = world.folder("step-0");
    let path = folder.path().to_owned();
    let mut seen = vec![];
    world
        .run(&folder, |event| {
            if matches!(event, Event::Started { .. } | Event::Saved { .. }) {
                seen.push(["resume.safetensors", "model.safetensors"].map(|name| path.join(name).exists()));
            }
            false
        })
        .unwrap();
    assert_eq!(seen, [[true, false], [true, true], [true, true], [true, true]]);
    gone(folder);
}

#[test]
fn a_finished_run_changes_nothing_and_says_so() {
    let world = World::new(LINEAR, EVERYTHING);
    let folder = world.folder("finished");
    let first = world.run(&folder, |_| false).unwrap();
    let before = files(folder.path());
    let second = world.run(&folder, |_| false).unwrap();
    assert_eq!(second.ending, Ending::NothingToDo);
    assert_eq!(second.model_sha256, first.model_sha256);
    assert!(files(folder.path()) == before);
    gone(folder);
}

#[test]
fn more_epochs_extend_a_run_to_what_a_longer_one_would_have_been() {
    let tables = "[train]\nepochs = 2\nbatch_size = 16\nlearning_rate = 0.01\n";
    let (short, long) = (World::new(LINEAR, tables), World::new(LINEAR, &tables.replace("= 2", "= 4")));
    let (extended, whole) = (short.folder("extended"), long.folder("long"));
    long.run(&whole, |_| false).unwrap();
    short.run(&extended, |_| false).unwrap();
    let ended = long.run(&extended, |_| false).unwrap();
    assert_eq!((ended.ending, ended.metrics.len()), (Ending::Finished, 4));
    assert!(model(&extended) == model(&whole));
    assert_eq!(extended.recipe().unwrap(), long.text);
    let error = short.run(&extended, |_| false).unwrap_err().to_string();
    assert!(error.contains("train.epochs: expected at least the 4 begun, found 2"), "{error}");
    gone(whole);
    gone(extended);
}

#[test]
fn a_run_goes_on_with_nothing_but_its_own_recipe_data_and_split() {
    let tables = "[train]\nepochs = 2\nbatch_size = 16\n";
    let world = World::new(LINEAR, tables);
    let folder = world.folder("own");
    world.run(&folder, |event| matches!(event, Event::Step(_))).unwrap();
    let other = World::new(LINEAR, "[train]\nepochs = 2\nbatch_size = 17\n");
    let error = other.run(&folder, |_| false).unwrap_err().to_string();
    assert!(error.contains("the recipe that the run was begun with") && error.contains("only train.epochs"), "{error}");
    let setup = world.setup();
    for (origin, expected) in [
        (Origin { fingerprint: "beef", ..world.origin() }, "the data that the run was begun with"),
        (Origin { split: b"[]", ..world.origin() }, "the split that the run was begun with"),
    ] {
        let stop = AtomicBool::new(false);
        let watch = Watch { observe: &mut |_| {}, stop: &stop, interval: Duration::ZERO };
        let error = run(&folder, &setup, &origin, watch).unwrap_err().to_string();
        assert!(error.contains("resume.safetensors: expected ") && error.contains(expected), "{error}");
    }
    gone(folder);
}

#[test]
fn a_training_learns_and_its_checkpoint_says_what_it_is() {
    let world = World::new(LINEAR, "[train]\nepochs = 8\nbatch_size = 16\nlearning_rate = 0.01\n");
    let folder = world.folder("learns");
    let ended = world.run(&folder, |_| false).unwrap();
    assert!(ended.metrics.last().unwrap().validation_accuracy.unwrap() > 0.9, "{:?}", ended.metrics);
    let checkpoint = Checkpoint::load(&folder.path().join("model.safetensors")).unwrap();
    assert_eq!(checkpoint.sha256, ended.model_sha256);
    assert_eq!(checkpoint.classes, ["a", "b", "c"]);
    assert_eq!(Some(checkpoint.provenance.kept_epoch), ended.kept_epoch);
    assert_eq!(checkpoint.provenance.data_source, "bars");
    let log = fs::read_to_string(folder.path().join("log.txt")).unwrap();
    assert!(
        log.contains("kept epoch ") && log.contains("lowest validation loss") && log.contains("the curves look"),
        "{log}"
    );
    gone(folder);
}

#[test]
fn the_epoch_with_the_lowest_validation_loss_is_kept_or_the_last_if_asked() {
    let tables = "[train]\nepochs = 6\nbatch_size = 16\nlearning_rate = 0.3\n";
    let best = World::new(LINEAR, tables).fit().unwrap().state;
    let losses: Vec<f64> = best.metrics().iter().map(|line| line.validation_loss.unwrap()).collect();
    let lowest = losses.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(losses[best.kept_epoch().unwrap() - 1], lowest);
    let last = World::new(LINEAR, &format!("{tables}keep = \"last\"\n")).fit().unwrap().state;
    assert_eq!(last.kept_epoch(), Some(6));
    assert_eq!(last.kept_parameters(), Some(&last.parameters));
}

#[test]
fn training_stops_early_when_validation_no_longer_improves() {
    let tables = "[train]\nepochs = 500\nbatch_size = 16\nlearning_rate = 0.3\nearly_stopping = { patience = 2, min_delta = 0.5 }\n";
    let trained = World::new(LINEAR, tables).fit().unwrap();
    let Ending::StoppedEarly { epoch, patience: 2 } = trained.ending else { panic!("{:?}", trained.ending) };
    assert_eq!(trained.state.metrics().len(), epoch);
}

#[test]
fn a_loss_that_is_not_finite_stops_with_the_step_and_what_to_try() {
    let tables =
        "[train]\noptimizer = \"sgd\"\nlearning_rate = 100000.0\nweight_decay = 1000.0\nbatch_size = 16\nepochs = 50\n";
    let world = World::new(LINEAR, tables);
    let folder = world.folder("diverges");
    let error = world.run(&folder, |_| false).unwrap_err();
    assert_eq!(error.kind(), inkstone::ErrorKind::Training);
    let text = error.to_string();
    assert!(text.contains("is not finite") && text.contains("at step "), "{text}");
    assert!(text.contains("lower learning rate (train.learning_rate=10000)"), "{text}");
    assert!(fs::read_to_string(folder.path().join("log.txt")).unwrap().contains("stopped: "));
    gone(folder);
}

#[test]
fn the_bytes_do_not_depend_on_threads_or_on_how_often_somebody_looks() {
    let mut world = World::new(DEEP, EVERYTHING);
    let trained: Vec<_> = [1, 2, 5]
        .into_iter()
        .map(|n_threads| {
            world.pool = Pool::new(n_threads).unwrap();
            let interval = Duration::from_secs(n_threads as u64 - 1);
            let watch = Watch { observe: &mut |_| {}, stop: &AtomicBool::new(false), interval };
            fit(&world.setup(), watch).unwrap().state
        })
        .collect();
    assert!(trained.iter().all(|state| state.parameters == trained[0].parameters));
    assert!(trained.iter().all(|state| state.kept_parameters() == trained[0].kept_parameters()));
}

#[test]
fn bent_and_mixed_images_train_to_the_same_bytes_on_any_number_of_threads() {
    let tables = "[augment]\nrotation_degrees = 5\nmixup = { alpha = 0.4 }\ncutmix = { alpha = 1, probability = 0.5 }\n\
                  also = [{ elastic = { alpha = 6, sigma = 2 } }, { one_of = [{ noise = 20 }, { stroke = 0.5 }] }]\n\
                  [train]\nepochs = 12\nbatch_size = 16\nlearning_rate = 0.01";
    let mut world = World::new(LINEAR, tables);
    let trained: Vec<_> = [1, 2, 5]
        .into_iter()
        .map(|n_threads| {
            world.pool = Pool::new(n_threads).unwrap();
            world.fit().unwrap().state
        })
        .collect();
    assert!(trained.iter().all(|state| state.parameters == trained[0].parameters));
    let metrics = trained[0].metrics();
    let last = metrics.last().unwrap();
    assert!(last.validation_accuracy.unwrap() > 0.8, "{last:?}");
    // A mixture is counted as its larger part, so that the figure still says how well training goes.
    assert!(last.train_accuracy > metrics[0].train_accuracy && last.train_accuracy > 0.5, "{last:?}");
}

#[test]
fn a_part_that_does_not_fit_is_refused_before_the_first_step() {
    let mut world = World::new(LINEAR, "");
    world.validation.labels[3] = 7;
    assert!(world.fit().unwrap_err().to_string().contains("expected labels below 3, found 7"));
    let mut world = World::new(LINEAR, "");
    world.training.indices.clear();
    world.training.labels.clear();
    assert!(world.fit().unwrap_err().to_string().contains("at least one training image"));
    let world = World::new(LINEAR, "[train]\nlearning_rate = 0.0\n");
    assert!(world.fit().unwrap_err().to_string().starts_with("train.learning_rate: expected a number above 0"));
}

#[test]
fn without_a_validation_part_the_last_epoch_is_kept() {
    let mut world = World::new(LINEAR, "[train]\nepochs = 2\nbatch_size = 16\n");
    world.validation.indices.clear();
    world.validation.labels.clear();
    let state = world.fit().unwrap().state;
    assert_eq!(state.kept_epoch(), Some(2));
    assert_eq!(state.metrics()[1].validation_loss, None);
}

/// Trains to the end and calibrates, as the command line does; answers whether it was calibrated now.
fn complete(world: &World, folder: &RunFolder) -> bool {
    world.run(folder, |_| false).unwrap();
    finalise(folder, &world.setup(), &world.validation).unwrap().is_new
}

#[test]
fn finalising_a_run_calibrates_its_model_and_once_is_enough() {
    let world = World::new(DEEP, EVERYTHING);
    let folder = world.folder("finalised");
    world.run(&folder, |_| false).unwrap();
    let plain = Checkpoint::load(&folder.path().join("model.safetensors")).unwrap();
    assert!(complete(&world, &folder));
    let calibrated = Checkpoint::load(&folder.path().join("model.safetensors")).unwrap();
    assert_eq!(calibrated.parameters, plain.parameters);
    let trust = calibrated.trust.as_ref().unwrap();
    // 25 images promise no more than 25/26.
    assert_eq!((trust.n, trust.sets.coverage, trust.novelty.accepted), (25, 25.0 / 26.0, 25.0 / 26.0));
    assert_eq!(Checkpoint::from_bytes(&calibrated.to_bytes()).unwrap(), calibrated);
    let before = files(folder.path());
    assert!(!complete(&world, &folder), "it is left as it is");
    assert!(files(folder.path()) == before);
    let log = fs::read_to_string(folder.path().join("log.txt")).unwrap();
    assert!(log.contains("calibrated on 25 images: temperature ") && log.contains("so few images cannot"), "{log}");
    gone(folder);
}

#[test]
fn a_run_killed_while_it_is_finalised_or_damaged_afterwards_is_finalised_to_the_same_bytes() {
    let world = World::new(LINEAR, EVERYTHING);
    let folder = world.folder("killed-finalising");
    world.run(&folder, |_| false).unwrap();
    let older = files(folder.path());
    complete(&world, &folder);
    let (newer, expected) = (files(folder.path()), model(&folder));
    let path = folder.path().to_owned();
    drop(folder);
    let state = |bytes: &[(PathBuf, Vec<u8>)]| {
        bytes.iter().find(|(path, _)| path.ends_with("resume.safetensors")).unwrap().1.clone()
    };
    for damage in ["killed before the model", "killed before the state", "model is missing", "model is damaged"] {
        fs::remove_dir_all(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let start = if damage.starts_with("killed") { &older } else { &newer };
        start.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
        match damage {
            "killed before the state" => fs::write(path.join("model.safetensors"), &expected).unwrap(),
            "model is missing" => fs::remove_file(path.join("model.safetensors")).unwrap(),
            "model is damaged" => fs::write(path.join("model.safetensors"), "half").unwrap(),
            _ => {}
        }
        let folder = RunFolder::open(&path).unwrap();
        assert!(complete(&world, &folder), "{damage}");
        assert!(model(&folder) == expected, "{damage}");
        assert!(state(&files(&path)) == state(&newer), "{damage}");
    }
    fs::remove_dir_all(path).unwrap();
}

#[test]
fn a_finalised_run_goes_on_for_more_epochs_through_interruptions_to_the_same_bytes() {
    let tables = "[train]\nepochs = 2\nbatch_size = 16\nlearning_rate = 0.01\n";
    let (short, long) = (World::new(LINEAR, tables), World::new(LINEAR, &tables.replace("= 2", "= 4")));
    let (extended, whole) = (short.folder("finalised-extended"), long.folder("finalised-long"));
    complete(&long, &whole);
    complete(&short, &extended);
    long.run(&extended, |event| matches!(event, Event::Step(_))).unwrap();
    long.run(&extended, |event| matches!(event, Event::EpochEnded { .. })).unwrap();
    assert!(complete(&long, &extended));
    assert!(model(&extended) == model(&whole));
    gone(whole);
    gone(extended);
}

#[test]
fn calibration_gives_the_same_bytes_on_any_number_of_threads() {
    let mut world = World::new(DEEP, EVERYTHING);
    let folder = world.folder("finalised-threads");
    world.run(&folder, |_| false).unwrap();
    let checkpoint = Checkpoint::load(&folder.path().join("model.safetensors")).unwrap();
    let bytes: Vec<Vec<u8>> = [1, 2, 5]
        .into_iter()
        .map(|n_threads| {
            world.pool = Pool::new(n_threads).unwrap();
            let World { training, validation, pool, .. } = &world;
            let isa = Isa::detect();
            let trust = fit_trust(&Evidence { checkpoint: &checkpoint, training, calibration: validation, pool, isa });
            Checkpoint { trust: Some(trust.unwrap()), ..checkpoint.clone() }.to_bytes()
        })
        .collect();
    assert!(bytes[1] == bytes[0] && bytes[2] == bytes[0]);
    gone(folder);
}

/// Names the folder that a spawned copy of this test program trains in.
const WORKER: &str = "INKSTONE_TEST_WORKER";

fn killed_world() -> World {
    World::new(DEEP, &EVERYTHING.replace("epochs = 3", "epochs = 12"))
}

/// The process that the next test kills; does nothing where it is run as one test among others.
#[test]
fn worker() {
    let Some(path) = std::env::var_os(WORKER).map(PathBuf::from) else { return };
    let world = killed_world();
    let folder = match RunFolder::open(&path) {
        Ok(folder) => folder,
        Err(_) => RunFolder::create(&path, Existing::Refuse, &world.text).unwrap(),
    };
    complete(&world, &folder);
}

#[test]
fn a_process_killed_at_any_moment_and_resumed_ends_with_the_same_bytes() {
    let world = killed_world();
    let whole = world.folder("never-killed");
    let start = std::time::Instant::now();
    complete(&world, &whole);
    // A third of what the training takes: some kills come before the first save, and the last ones after the end.
    let longest = (start.elapsed().as_micros() as u32 / 3).clamp(20_000, 500_000);
    let mut rng = Rng::new(9, 0, 0, Operation::Shuffle);
    let mut n_killed = 0;
    for round in 0..4 {
        let path = std::env::temp_dir().join(format!("inkstone-train-shot-{round}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        let start_worker = || {
            let mut command = std::process::Command::new(std::env::current_exe().unwrap());
            command.args(["--exact", "worker", "--quiet"]).env(WORKER, &path).stdout(std::process::Stdio::null());
            command.spawn().unwrap()
        };
        for _ in 0..8 {
            let mut child = start_worker();
            std::thread::sleep(Duration::from_micros(u64::from(rng.below(longest))));
            n_killed += usize::from(child.try_wait().unwrap().is_none());
            child.kill().unwrap(); // SIGKILL
            child.wait().unwrap();
        }
        assert!(start_worker().wait().unwrap().success());
        assert!(fs::read(path.join("model.safetensors")).unwrap() == model(&whole), "round {round}");
        assert_eq!(fs::read_to_string(path.join("metrics.jsonl")).unwrap().lines().count(), 12);
        fs::remove_dir_all(path).unwrap();
    }
    assert!(n_killed > 4, "only {n_killed} kills met a living process");
    gone(whole);
}
