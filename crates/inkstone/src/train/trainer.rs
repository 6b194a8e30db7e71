//! The loop: epochs of steps, validation after each, early stopping, what is kept.
//!
//! Takes the training and the validation part; there is no way to hand it a test part. Time is looked at only for
//! `train_seconds` and for when to report or save: the values never depend on it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::event::{Ending, Event, Progress};
use super::loss::measure;
use super::metrics::EpochMetrics;
use super::optimizer::{average_keep, follow};
use super::schedule::Schedule;
use super::state::{Kept, State};
use crate::data::{Augment, Samples};
use crate::engine::fused::{Fused, TrainBuffers};
use crate::engine::{Admixture, Batch, Isa, Parameters, Target};
use crate::error::{Error, ErrorKind, Result};
use crate::parallel::Pool;
use crate::shape::Shape;
use crate::spec::training::{ClassWeights, Keep};
use crate::spec::{ModelSpec, Plan, TrainSpec};

/// A training is saved at least this often.
const SAVE_EVERY: Duration = Duration::from_secs(30);

/// What is trained, how, on what, and with which part of the machine.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'a> {
    /// The network.
    pub model: &'a ModelSpec,
    /// How it is trained.
    pub train: &'a TrainSpec,
    /// What the parameters are fitted on.
    pub training: &'a Samples,
    /// What chooses between epochs. May be empty: the last epoch is kept then.
    pub validation: &'a Samples,
    /// The random steps, on training images only.
    pub augment: Option<&'a Augment>,
    /// The threads.
    pub pool: &'a Pool,
    /// The instruction set.
    pub isa: Isa,
}

/// Who watches a training and may stop it.
pub struct Watch<'a> {
    /// Told of everything that happens.
    pub observe: &'a mut dyn FnMut(&Event<'_>),
    /// Raise it (from a signal handler, say) and the training ends after the step it is in.
    pub stop: &'a AtomicBool,
    /// The time between two [`Event::Step`], at most a second; zero for one after each step.
    pub interval: Duration,
}

/// What came out of a training.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// Why it ended.
    pub ending: Ending,
    /// The whole state: the kept values, the metrics, and what is needed to go on.
    pub state: State,
}

/// Trains in memory, from the start; nothing is written.
///
/// # Errors
/// A spec that does not fit the samples, or a loss that stops being finite.
pub fn fit(setup: &Setup<'_>, watch: Watch<'_>) -> Result<Trained> {
    let mut trainer = Trainer::new(setup, None)?;
    let ending = trainer.run(watch, &mut |_| Ok(()))?;
    Ok(Trained { ending, state: trainer.state })
}

impl Setup<'_> {
    /// Checks the spec and that it fits the samples, and resolves the network for them.
    pub fn plan(&self) -> Result<Plan> {
        self.train.check()?;
        if self.training.is_empty() {
            return Err(Error::mismatch(ErrorKind::Data, "at least one training image", "none"));
        }
        let size = self.training.preprocess.size();
        if self.validation.is_empty() && self.train.early_stopping.is_some() {
            return Err(Error::mismatch(ErrorKind::Spec, "a validation part to stop by", "none")
                .with_place("train.early_stopping"));
        }
        for part in [self.training, self.validation] {
            if part.classes != self.training.classes {
                return Err(Error::new(ErrorKind::Usage, "the training and validation parts name different classes"));
            }
            if !part.is_empty() && part.images.uniform_size() != Some(size) {
                let found = part.images.uniform_size().map_or("several sizes".to_owned(), |size| size.to_string());
                return Err(Error::mismatch(ErrorKind::Data, format!("prepared images of {size}"), found));
            }
            let n_classes = part.classes.len() as u32;
            if let Some(label) = part.labels.iter().find(|&&label| label >= n_classes) {
                return Err(Error::mismatch(ErrorKind::Data, format!("labels below {n_classes}"), label.to_string()));
            }
        }
        self.model.resolve(Shape::image(size.height, size.width, size.channels), self.training.classes.len())
    }

    /// Steps of an epoch: the last batch may be smaller, and is used.
    pub fn steps_per_epoch(&self) -> usize {
        self.training.len().div_ceil(self.train.batch_size)
    }
}

/// The weight of each class in the loss: 1, or n / (number of classes · n of the class). A class that the training
/// part lacks gets 1; it is never asked for.
fn class_weights(rule: ClassWeights, labels: &[u32], n_classes: usize) -> Vec<f32> {
    let mut weights = vec![1.0; n_classes];
    if rule == ClassWeights::Balanced {
        let mut counts = vec![0_u32; n_classes];
        for &label in labels {
            counts[label as usize] += 1;
        }
        for (weight, &count) in weights.iter_mut().zip(&counts).filter(|(_, count)| **count > 0) {
            *weight = (labels.len() as f64 / (n_classes as f64 * f64::from(count))) as f32;
        }
    }
    weights
}

/// What an image of `label` should be of which `share` is another's: the label is the larger part's, and what training
/// counts as right.
fn mixed(label: u32, other: u32, share: f32, weight: &dyn Fn(u32) -> f32) -> Target {
    let weight = (1.0 - share) * weight(label) + share * weight(other);
    if share > 0.5 {
        Target { label: other, weight, admixture: Some(Admixture { label, share: 1.0 - share }) }
    } else {
        Target { label, weight, admixture: Some(Admixture { label: other, share }) }
    }
}

/// A training that runs.
pub(crate) struct Trainer<'a> {
    setup: &'a Setup<'a>,
    pub(crate) state: State,
    engine: Fused,
    schedule: Schedule,
    class_weights: Vec<f32>,
    buffers: TrainBuffers,
    /// The epoch's order of samples, and which epoch's it is.
    order: (usize, Vec<u32>),
    targets: Vec<Target>,
}

/// Why a burst of steps ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pause {
    EpochEnded,
    Stop,
    Report,
}

impl<'a> Trainer<'a> {
    /// From the start, or from a state that this very setup (but for `epochs`) led to.
    pub(crate) fn new(setup: &'a Setup<'a>, state: Option<State>) -> Result<Self> {
        let plan = setup.plan()?;
        let engine = Fused::with_precision(&plan, setup.isa, setup.train.precision);
        let samples = setup.training;
        let state = state.unwrap_or_else(|| State::initial(&plan, setup.train));
        Ok(Self {
            schedule: Schedule::new(setup.train, setup.steps_per_epoch()),
            class_weights: class_weights(setup.train.class_weights, &samples.labels, plan.n_classes),
            buffers: engine.train_buffers(setup.train.batch_size.min(samples.len())),
            order: (state.position.epoch, samples.order(setup.train.seed, state.position.epoch as u32)),
            targets: Vec::with_capacity(setup.train.batch_size.min(samples.len())),
            setup,
            state,
            engine,
        })
    }

    /// Whether nothing is left to do, and why.
    pub(crate) fn ended(&self) -> Option<Ending> {
        let position = &self.state.position;
        match &self.setup.train.early_stopping {
            Some(stopping) if position.n_stale_epochs >= stopping.patience => {
                Some(Ending::StoppedEarly { epoch: position.epoch, patience: stopping.patience })
            }
            _ => (position.epoch >= self.setup.train.epochs).then_some(Ending::Finished),
        }
    }

    /// Trains until it ends or is stopped. `save` is called at each epoch's end, at least every 30 s, and on a stop.
    pub(crate) fn run(&mut self, watch: Watch<'_>, save: &mut dyn FnMut(&State) -> Result<()>) -> Result<Ending> {
        let Watch { observe, stop, interval } = watch;
        let interval = interval.min(Duration::from_secs(1));
        observe(&self.started());
        let mut saved = Instant::now();
        let ending = loop {
            if let Some(ending) = self.ended() {
                break ending;
            }
            let pause = self.setup.pool.install_awake(|| self.burst(stop, interval))?;
            match pause {
                Pause::EpochEnded => {
                    let is_kept = self.end_epoch()?;
                    let metrics = self.state.position.metrics.last().expect("an epoch has just ended");
                    observe(&Event::EpochEnded { metrics, n_epochs: self.setup.train.epochs, is_kept });
                }
                Pause::Report => observe(&Event::Step(self.progress())),
                Pause::Stop => {}
            }
            if pause != Pause::Report || saved.elapsed() >= SAVE_EVERY {
                save(&self.state)?;
                saved = Instant::now();
                let position = &self.state.position;
                observe(&Event::Saved { epoch: position.epoch, step: position.step });
            }
            if pause == Pause::Stop {
                let position = &self.state.position;
                break Ending::Interrupted { epoch: position.epoch, step: position.step };
            }
        };
        observe(&Event::Stopped(&ending));
        Ok(ending)
    }

    fn started(&self) -> Event<'static> {
        Event::Started {
            epoch: self.state.position.epoch,
            step: self.state.position.step,
            n_epochs: self.setup.train.epochs,
            n_steps: self.setup.steps_per_epoch(),
            n_training: self.setup.training.len(),
            n_validation: self.setup.validation.len(),
        }
    }

    fn progress(&self) -> Progress {
        let position = &self.state.position;
        Progress {
            epoch: position.epoch + 1,
            n_epochs: self.setup.train.epochs,
            step: position.step,
            n_steps: self.setup.steps_per_epoch(),
            loss: position.sums.mean_loss(),
            accuracy: position.sums.accuracy(),
            images_per_second: position.sums.images_per_second(),
        }
    }

    /// Steps until the epoch ends, somebody wants to stop, or it is time to report. Runs on a worker of the pool.
    fn burst(&mut self, stop: &AtomicBool, interval: Duration) -> Result<Pause> {
        let start = Instant::now();
        let before = self.state.position.sums.seconds;
        let n_steps = self.setup.steps_per_epoch();
        loop {
            if stop.load(Ordering::Relaxed) {
                return Ok(Pause::Stop);
            }
            self.step()?;
            let elapsed = start.elapsed();
            self.state.position.sums.seconds = before + elapsed.as_secs_f64();
            if self.state.position.step == n_steps {
                return Ok(Pause::EpochEnded);
            }
            if elapsed >= interval {
                return Ok(Pause::Report);
            }
        }
    }

    fn step(&mut self) -> Result<()> {
        let Setup { train, training, augment, pool, isa, .. } = *self.setup;
        let (epoch, step) = (self.state.position.epoch, self.state.position.step);
        self.lay_out_batch(epoch, step);
        let first = step * train.batch_size;
        let samples = &self.order.1[first..first + self.targets.len()];
        training.load(samples, pool)?;
        let write_image = |i: usize, out: &mut [f32]| match augment {
            Some(augment) => {
                training.write_augmented(isa, samples[i] as usize, augment, (train.seed, epoch as u32), out);
            }
            None => training.write(isa, samples[i] as usize, out),
        };
        let n_done = (epoch * self.setup.steps_per_epoch() + step) as u64;
        let batch = Batch {
            write_image: &write_image,
            targets: &self.targets,
            label_smoothing: train.label_smoothing,
            seed: train.seed,
            step: n_done as u32,
        };
        let state = &mut self.state;
        let outcome = self.engine.step(pool, &mut state.parameters, &batch, &mut self.buffers);
        if !outcome.loss_sum.is_finite() {
            return Err(not_finite("loss", outcome.loss_sum, n_done + 1, epoch, train));
        }
        let rate = self.schedule.rate(n_done);
        state.optimizer.step((isa, pool), &mut state.parameters.values, &self.buffers.gradients, rate);
        if let (Some(average), Some(decay)) = (&mut state.average, train.ema) {
            follow(isa, average, &state.parameters.values, average_keep(decay, n_done + 1));
        }
        let sums = &mut state.position.sums;
        sums.loss += outcome.loss_sum;
        sums.n_correct += outcome.n_correct as u64;
        sums.n_images += samples.len() as u64;
        state.position.step += 1;
        Ok(())
    }

    /// Which samples a step takes and what they should be: the next `batch_size` of the epoch's order, or what is left.
    fn lay_out_batch(&mut self, epoch: usize, step: usize) {
        let Setup { train, training, augment, .. } = *self.setup;
        if self.order.0 != epoch {
            self.order = (epoch, training.order(train.seed, epoch as u32));
        }
        let samples = self.order.1.iter().skip(step * train.batch_size).take(train.batch_size);
        self.targets.clear();
        let weight = |label: u32| self.class_weights[label as usize];
        self.targets.extend(samples.map(|&i| {
            let label = training.labels[i as usize];
            match augment.and_then(|augment| training.mixture(i as usize, augment, (train.seed, epoch as u32))) {
                None => Target { label, weight: weight(label), admixture: None },
                Some(mixture) => mixed(label, training.labels[mixture.other as usize], mixture.share, &weight),
            }
        }));
    }

    /// Validates, writes the epoch's line, decides what is kept. Answers whether this epoch is.
    fn end_epoch(&mut self) -> Result<bool> {
        let train = self.setup.train;
        let epoch = self.state.position.epoch + 1;
        let n_done = (epoch * self.setup.steps_per_epoch()) as u64;
        let candidate = self.state.candidate();
        if let Some(value) = candidate.values.iter().chain(&*candidate.state).find(|value| !value.is_finite()) {
            return Err(not_finite("a parameter", f64::from(*value), n_done, epoch - 1, train));
        }
        let measured = (!self.setup.validation.is_empty()).then(|| self.validate(&candidate));
        self.setup.validation.images.check()?;
        if let Some(measured) = measured.filter(|measured| !measured.loss.is_finite()) {
            return Err(not_finite("validation loss", measured.loss, n_done, epoch - 1, train));
        }
        let position = &mut self.state.position;
        let sums = std::mem::take(&mut position.sums);
        position.metrics.push(EpochMetrics {
            epoch,
            step: n_done,
            train_loss: sums.mean_loss(),
            train_accuracy: sums.accuracy(),
            validation_loss: measured.map(|measured| measured.loss),
            validation_accuracy: measured.map(|measured| measured.accuracy),
            learning_rate: self.schedule.rate(n_done - 1) as f32,
            train_seconds: (sums.seconds * 1e3).round() / 1e3,
            images_per_second: (sums.images_per_second() * 10.0).round() / 10.0,
        });
        position.epoch = epoch;
        position.step = 0;
        let loss = measured.map(|measured| measured.loss);
        self.state.count_stale(loss, train);
        Ok(self.state.keep(candidate, loss, train.keep))
    }

    fn validate(&self, parameters: &Parameters) -> super::loss::Measured {
        let samples = self.setup.validation;
        let write = |i: usize, out: &mut [f32]| samples.write(self.setup.isa, i, out);
        let pool = self.setup.pool;
        let packed = self.engine.pack(pool, parameters);
        let logits = self.engine.logits(pool, &packed, samples.len(), &write);
        measure(&logits, &samples.labels)
    }
}

impl State {
    /// The values that would be the model now: the average where there is one, with the running statistics as they are.
    fn candidate(&self) -> Parameters {
        match &self.average {
            Some(average) => Parameters { values: average.clone(), state: self.parameters.state.clone() },
            None => self.parameters.clone(),
        }
    }

    /// Epochs since the validation loss last fell by more than `min_delta`.
    fn count_stale(&mut self, loss: Option<f64>, train: &TrainSpec) {
        let (Some(loss), Some(stopping)) = (loss, &train.early_stopping) else { return };
        let position = &mut self.position;
        if position.stopping_loss.is_none_or(|best| loss < best - stopping.min_delta) {
            position.stopping_loss = Some(loss);
            position.n_stale_epochs = 0;
        } else {
            position.n_stale_epochs += 1;
        }
    }

    /// Keeps the candidate if it is the last epoch's that is wanted, or if its validation loss is the lowest so far.
    fn keep(&mut self, candidate: Parameters, loss: Option<f64>, rule: Keep) -> bool {
        let best = self.kept.as_ref().and_then(|kept| kept.validation_loss);
        let is_better = match (loss, best) {
            (Some(loss), Some(best)) => loss < best,
            _ => true,
        };
        let is_kept = rule == Keep::Last || is_better;
        if is_kept {
            self.kept = Some(Kept { epoch: self.position.epoch, validation_loss: loss, parameters: candidate });
        }
        is_kept
    }
}

fn not_finite(what: &str, found: f64, step: u64, epoch: usize, train: &TrainSpec) -> Error {
    let rate = train.learning_rate;
    Error::new(ErrorKind::Training, format!("{what} is not finite ({found}) at step {step} (epoch {})", epoch + 1))
        .with_help(format!(
            "try a lower learning rate (train.learning_rate={}), train.warmup_epochs=1, or look for wrong values in \
             preprocess.scale",
            rate / 10.0
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixed_image_is_of_its_larger_part() {
        let weight = |label: u32| [1.0, 3.0][label as usize];
        let target = mixed(0, 1, 0.25, &weight);
        assert_eq!(target, Target { label: 0, weight: 1.5, admixture: Some(Admixture { label: 1, share: 0.25 }) });
        let target = mixed(0, 1, 0.75, &weight);
        assert_eq!(target, Target { label: 1, weight: 2.5, admixture: Some(Admixture { label: 0, share: 0.25 }) });
    }

    #[test]
    fn balanced_weights_are_those_of_scikit_learn() {
        // compute_class_weight("balanced", classes=[0, 1, 2], y=[0, 0, 0, 1, 2, 2]) = 6 / (3 · [3, 1, 2])
        let labels = [0, 0, 0, 1, 2, 2];
        assert_eq!(class_weights(ClassWeights::Balanced, &labels, 3), [6.0 / 9.0, 2.0, 1.0]);
        assert_eq!(class_weights(ClassWeights::None, &labels, 3), [1.0; 3]);
        assert_eq!(class_weights(ClassWeights::Balanced, &[0, 0], 2), [0.5, 1.0]);
    }
}
