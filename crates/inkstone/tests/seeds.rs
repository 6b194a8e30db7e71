//! Several trainings of one recipe through the public door: independence, what is timed, what is refused, stopping.
#![allow(clippy::unwrap_used)] // The helpers of a test are test code too.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use inkstone::data::dataset::{Dataset, Rows, Size};
use inkstone::data::{Augment, Part, Preprocess, Samples, split::split};
use inkstone::engine::Isa;
use inkstone::evaluate::DataInfo;
use inkstone::parallel::Pool;
use inkstone::rng::{Operation, Rng};
use inkstone::seeds::{Event, Repetition, SeedsReport, SeedsWatch, repeat};
use inkstone::spec::{Activation::Relu, LayerSpec, ModelSpec, Recipe};
use inkstone::{ErrorKind, Result};

const SIZE: Size = Size { height: 8, width: 8, channels: 1 };

/// Bars that lie or stand in noise, split 8:1:1.
struct World {
    recipe: Recipe,
    parts: [Samples; 3],
    augment: Option<Augment>,
    measured: Dataset,
    data: DataInfo,
    pool: Pool,
}

impl World {
    fn new(seed: u64) -> Self {
        let pool = Pool::new(2).unwrap();
        let labels: Vec<u32> = (0..300).map(|i| i % 2).collect();
        let pixels: Vec<u8> = (0..300_u32).flat_map(bar).collect();
        let rows = Rows { part: None, size: SIZE, pixels, labels, groups: None };
        let bars = Dataset::from_rows("bars", vec!["lies".into(), "stands".into()], vec![rows]).unwrap();
        let layers = [LayerSpec::conv2d(4, 3).activation(Relu), LayerSpec::flatten(), LayerSpec::dense(2)];
        let mut recipe = Recipe::new(ModelSpec::sequential(layers));
        recipe.train.epochs = 6;
        recipe.train.learning_rate = 0.01;
        recipe.train.seed = seed;
        recipe.augment.rotation_degrees = 4.0;
        let split = split(&bars, &recipe.data).unwrap();
        let preprocess = Preprocess::fit(&recipe.preprocess, &bars.images, &split.train, &pool).unwrap();
        Self {
            measured: bars.subset(&split.test),
            parts: Samples::of_parts(bars, [&split.train, &split.validation, &[][..]], &preprocess, &pool),
            augment: Augment::new(&recipe.augment, SIZE).unwrap(),
            data: DataInfo { source: "bars".into(), part: Part::Test.name().into(), n: 0, fingerprint: "f00d".into() },
            recipe,
            pool,
        }
    }

    fn task(&self, n_seeds: usize) -> Repetition<'_> {
        Repetition {
            recipe: &self.recipe,
            n_seeds,
            training: &self.parts[0],
            validation: &self.parts[1],
            calibration: &self.parts[2],
            augment: self.augment.as_ref(),
            measured: &self.measured,
            data: &self.data,
            pool: &self.pool,
            isa: Isa::SCALAR,
        }
    }

    /// Repeats until `stop_at` says to stop, or to the end.
    fn repeat(&self, n_seeds: usize, mut stop_at: impl FnMut(&Event<'_>) -> bool) -> Result<SeedsReport> {
        let stop = AtomicBool::new(false);
        let mut observe = |event: &Event<'_>| {
            if stop_at(event) {
                stop.store(true, Ordering::Relaxed);
            }
        };
        repeat(&self.task(n_seeds), SeedsWatch { observe: &mut observe, stop: &stop, interval: Duration::ZERO })
    }
}

fn bar(i: u32) -> Vec<u8> {
    let mut rng = Rng::new(0, 0, i, Operation::Shuffle);
    let (place, stands) = (rng.below(8), i % 2 == 1);
    let shine = |at: u32| if place == if stands { at % 8 } else { at / 8 } { 120 } else { 0 };
    (0..64).map(|at| rng.below(130) as u8 + shine(at)).collect()
}

#[test]
fn each_seed_gives_what_it_gives_alone() {
    let together = World::new(5).repeat(3, |_| false).unwrap();
    assert_eq!(together.seeds.iter().map(|result| result.seed).collect::<Vec<_>>(), [5, 6, 7]);
    for result in &together.seeds {
        let alone = World::new(result.seed).repeat(1, |_| false).unwrap();
        let [alone] = &alone.seeds[..] else { panic!("one seed was asked for") };
        assert_eq!(alone.model_sha256, result.model_sha256);
        assert_eq!(
            (alone.accuracy, alone.macro_f1, alone.log_loss),
            (result.accuracy, result.macro_f1, result.log_loss)
        );
        assert_eq!((alone.kept_epoch, alone.epochs), (result.kept_epoch, 6));
    }
    assert_ne!(together.seeds[0].model_sha256, together.seeds[1].model_sha256, "seeds differ");
}

#[test]
fn the_report_says_what_was_measured_and_its_numbers_agree() {
    let report = World::new(0).repeat(4, |_| false).unwrap();
    assert_eq!((report.version, report.n, report.n_wanted, report.data.n), (1, 4, 4, 30));
    assert_eq!((report.n_training, report.n_validation, report.threads), (240, 30, 2));
    assert_eq!((report.instruction_set.as_str(), report.recipe.name.as_str()), ("scalar", "bars"));
    let mean = report.seeds.iter().map(|result| result.accuracy).sum::<f64>() / 4.0;
    assert!((report.accuracy.mean - mean).abs() < 1e-15 && mean > 0.6, "{report:?}");
    for result in &report.seeds {
        // An epoch's time is kept in whole milliseconds.
        assert!(result.seconds > result.train_seconds - 0.0005 * 6.0, "evaluation takes time: {result:?}");
        assert_eq!((result.accuracy * 30.0).fract(), 0.0, "a share of 30 images: {result:?}");
        assert!(result.validation_accuracy.is_some());
    }
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<SeedsReport>(&json).unwrap(), report);
}

#[test]
fn stopped_between_two_models_it_reports_those_that_are_done() {
    let third = |event: &Event<'_>| matches!(event, Event::Training { number: 3, .. });
    let report = World::new(0).repeat(5, third).unwrap();
    assert_eq!((report.n, report.n_wanted, report.is_interrupted()), (2, 5, true));
    let whole = World::new(0).repeat(2, |_| false).unwrap();
    assert_eq!(report.accuracy, whole.accuracy);
    let error = World::new(0).repeat(5, |_| true).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
}

#[test]
fn no_seeds_too_many_and_nothing_to_measure_on_are_errors() {
    let error = World::new(0).repeat(0, |_| false).unwrap_err();
    assert_eq!(error.to_string(), "expected at least one seed, the last below 2^64, found 0 from seed 0 on");
    let error = World::new(u64::MAX).repeat(2, |_| false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    let mut world = World::new(0);
    world.measured = world.measured.subset(&[]);
    let error = world.repeat(1, |_| false).unwrap_err();
    assert_eq!(error.to_string(), "expected a test or validation part to measure on, found none");
}
