//! Attacks on what the network is given: steps along the sign of the gradient, inside a ball of L∞.
//!
//! The image is changed after the preprocess has made it grey and brought it to its size, before it is scaled and
//! normalised: ε is in units of an image from 0 to 1. What is found is the accuracy under these very attacks; a stronger
//! one may find more.
//!
//! Sources: Goodfellow, Shlens, Szegedy, "Explaining and harnessing adversarial examples", ICLR 2015 (FGSM); Madry et
//! al., "Towards deep learning models resistant to adversarial attacks", ICLR 2018 (PGD).

use std::sync::atomic::{AtomicBool, Ordering};

use super::corruption::Key;
use crate::data::Preprocess;
use crate::engine::fused::InputGradients;
use crate::parallel::Pool;
use crate::predict::softmax;
use crate::rng::{Operation, Rng};

/// What an attack does. L∞ balls, cross-entropy, values kept from 0 to 1; an image counts as misled as soon as one of
/// the images on the way is answered wrongly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Attack {
    pub(super) name: &'static str,
    /// By how much a value may change at most, of 1.
    pub(super) epsilon: f32,
    pub(super) steps: u32,
    /// How much a value changes in a step, of 1.
    pub(super) step_size: f32,
    pub(super) start: Start,
}

/// Where an attack begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// At the image.
    Image,
    /// Anywhere within ε of it.
    Uniform,
}

/// The attacks that are tried: each classroom value of ε, once with one step and once with 40 (Madry et al. on MNIST).
pub(super) const ATTACKS: [Attack; 4] = [fgsm(0.1), fgsm(0.3), pgd(0.1), pgd(0.3)];

const fn fgsm(epsilon: f32) -> Attack {
    Attack { name: "fgsm", epsilon, steps: 1, step_size: epsilon, start: Start::Image }
}

const fn pgd(epsilon: f32) -> Attack {
    Attack { name: "pgd", epsilon, steps: 40, step_size: 0.01, start: Start::Uniform }
}

/// What is attacked, and with what.
pub(super) struct Ground<'a> {
    pub(super) preprocess: &'a Preprocess,
    pub(super) network: &'a InputGradients,
    pub(super) pool: &'a Pool,
}

/// One image under attack.
#[derive(Debug, Clone)]
pub(super) struct Victim {
    /// Which image it is.
    pub(super) key: Key,
    pub(super) label: u32,
    /// As it was prepared, 0 to 255.
    pub(super) original: Vec<f32>,
    /// What has become of it, 0 to 255, not rounded.
    pub(super) now: Vec<f32>,
}

impl Victim {
    pub(super) fn new(key: Key, label: u32, prepared: &[u8]) -> Self {
        let original: Vec<f32> = prepared.iter().map(|&byte| f32::from(byte)).collect();
        Self { key, label, now: original.clone(), original }
    }
}

impl Attack {
    /// Attacks images, of which those that hold out are left. `observe` is told after every step how many are left,
    /// and says whether to go on; if not, more are left than would be.
    pub(super) fn run(&self, ground: &Ground<'_>, victims: &mut Vec<Victim>, observe: &mut dyn FnMut(u32) -> bool) {
        ground.pool.for_each(victims, |_, victim| self.begin(victim));
        for step in 0..=self.steps {
            let gradients = ground.look(victims);
            if step == self.steps || victims.is_empty() || !observe(step) {
                return;
            }
            ground.pool.for_each(victims, |i, victim| self.step(ground, victim, &gradients[i]));
        }
    }

    fn begin(&self, victim: &mut Victim) {
        victim.now.clone_from(&victim.original);
        if self.start == Start::Uniform {
            let radius = 255.0 * self.epsilon;
            let mut rng = Rng::new(victim.key.seed, 0, victim.key.sample, Operation::Attack);
            victim.now.iter_mut().for_each(|value| *value += rng.uniform(-radius, radius));
            self.stay_inside(victim);
        }
    }

    /// One step up the loss.
    fn step(&self, ground: &Ground<'_>, victim: &mut Victim, d_values: &[f32]) {
        let mut d = d_values.to_vec();
        ground.preprocess.d_bytes_in_place(&victim.now, &mut d);
        for (value, d) in victim.now.iter_mut().zip(d) {
            if d != 0.0 && !d.is_nan() {
                *value += (255.0 * self.step_size).copysign(d);
            }
        }
        self.stay_inside(victim);
    }

    /// Back into the ball, and to where images are.
    fn stay_inside(&self, victim: &mut Victim) {
        let radius = 255.0 * self.epsilon;
        for (value, &original) in victim.now.iter_mut().zip(&victim.original) {
            *value = value.clamp((original - radius).max(0.0), (original + radius).min(255.0));
        }
    }
}

impl Ground<'_> {
    /// Takes away the images that are answered wrongly now; of the others, the gradient of the loss by the network's
    /// input.
    pub(super) fn look(&self, victims: &mut Vec<Victim>) -> Vec<Vec<f32>> {
        let write = |i: usize, values: &mut [f32]| {
            values.copy_from_slice(&victims[i].now);
            self.preprocess.values_in_place(values);
        };
        let is_right: Vec<AtomicBool> = victims.iter().map(|_| AtomicBool::new(false)).collect();
        let weigh = |i: usize, logits: &[f32], d_logits: &mut [f32]| {
            let label = victims[i].label as usize;
            is_right[i].store(largest(logits) == label, Ordering::Relaxed);
            d_loss(logits, label, d_logits);
        };
        let gradients = self.network.gradients(self.pool, victims.len(), &write, &weigh);
        let n_inputs = gradients.len() / victims.len().max(1);
        let mut kept = is_right.into_iter().map(AtomicBool::into_inner);
        let mut rows = Vec::new();
        let mut position = 0;
        victims.retain(|_| {
            let is_right = kept.next().unwrap_or(false);
            if is_right {
                rows.push(gradients[position * n_inputs..][..n_inputs].to_vec());
            }
            position += 1;
            is_right
        });
        rows
    }
}

/// d cross-entropy / d logits, divided by 1 − p(label): −1 at the label, else `p[k] / Σ_{j ≠ label} p[j]`.
///
/// The factor changes no sign, and without it a sure answer would leave only zeros: p(label) rounds to 1, and what is
/// left of the gradient is lost on its way to the input. A model would look stronger for being surer.
fn d_loss(logits: &[f32], label: usize, d_logits: &mut [f32]) {
    let mut others = logits.to_vec();
    if let Some(own) = others.get_mut(label) {
        *own = f32::NEG_INFINITY;
    }
    for (d, p) in d_logits.iter_mut().zip(softmax(&others)) {
        *d = p as f32;
    }
    if let Some(own) = d_logits.get_mut(label) {
        *own = -1.0;
    }
}

/// The position of the largest logit, the first of equals, as every answer has it.
fn largest(logits: &[f32]) -> usize {
    let mut best = 0;
    for (i, logit) in logits.iter().enumerate() {
        if *logit > logits[best] || (logits[best].is_nan() && !logit.is_nan()) {
            best = i;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Images;
    use crate::data::dataset::Size;
    use crate::engine::{Isa, Parameters};
    use crate::shape::Shape;
    use crate::spec::pipeline::Normalise;
    use crate::spec::{LayerSpec, ModelSpec, PreprocessSpec};

    const SIZE: Size = Size { height: 3, width: 3, channels: 1 };
    const BYTES: [u8; 9] = [40, 200, 90, 130, 10, 250, 70, 180, 60];
    const KEY: Key = Key { seed: 4, sample: 9 };

    /// One dense layer of three classes on 3×3 pixels.
    fn network() -> InputGradients {
        let plan = ModelSpec::sequential([LayerSpec::flatten(), LayerSpec::dense(3)])
            .resolve(Shape::image(3, 3, 1), 3)
            .unwrap();
        let parameters = Parameters::initialise(&plan, 5);
        InputGradients::new(&plan, Isa::detect(), &Pool::current_thread(), &parameters)
    }

    fn preprocess(normalise: Normalise) -> Preprocess {
        let spec = PreprocessSpec { size: Some([3, 3]), normalise, ..PreprocessSpec::default() };
        Preprocess::fit(&spec, &Images::uniform(SIZE, BYTES.to_vec()), &[0], &Pool::current_thread()).unwrap()
    }

    /// The logits at an image of values from 0 to 255, read off the gradient's own pass.
    fn logits(ground: &Ground<'_>, values: &[f32]) -> Vec<f32> {
        let found = std::sync::Mutex::new(Vec::new());
        let write = |_: usize, input: &mut [f32]| {
            input.copy_from_slice(values);
            ground.preprocess.values_in_place(input);
        };
        let weigh = |_: usize, logits: &[f32], _: &mut [f32]| *found.lock().unwrap() = logits.to_vec();
        ground.network.gradients(ground.pool, 1, &write, &weigh);
        found.into_inner().unwrap()
    }

    /// The class that it is answered with: attacks begin at images that are answered rightly.
    fn victim(ground: &Ground<'_>) -> Victim {
        let mut victim = Victim::new(KEY, 0, &BYTES);
        victim.label = largest(&logits(ground, &victim.original)) as u32;
        victim
    }

    #[test]
    fn a_step_goes_the_way_of_finite_differences_of_the_loss_by_each_pixel() {
        let (network, pool) = (network(), Pool::current_thread());
        for normalise in [Normalise::None, Normalise::Dataset, Normalise::Image] {
            let preprocess = preprocess(normalise);
            let ground = Ground { preprocess: &preprocess, network: &network, pool: &pool };
            let mut victims = vec![victim(&ground)];
            let label = victims[0].label as usize;
            let gradients = ground.look(&mut victims);
            fgsm(0.1).step(&ground, &mut victims[0], &gradients[0]);
            let loss = |i: usize, by: f32| {
                let mut values = victims[0].original.clone();
                values[i] += by;
                let logits: Vec<f64> = logits(&ground, &values).into_iter().map(f64::from).collect();
                let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                logits.iter().map(|logit| (logit - largest).exp()).sum::<f64>().ln() + largest - logits[label]
            };
            for i in 0..9 {
                let slope = loss(i, 2.0) - loss(i, -2.0);
                let moved = victims[0].now[i] - victims[0].original[i];
                let expected = (victims[0].original[i] + 25.5 * (slope.signum() as f32)).clamp(0.0, 255.0);
                assert!(slope.abs() > 1e-6, "{normalise:?} {i}: no slope to compare");
                assert!((victims[0].now[i] - expected).abs() < 1e-4, "{normalise:?} {i}: {moved} {slope}");
            }
        }
    }

    #[test]
    fn attacks_stay_in_their_ball_and_among_images() {
        let (network, pool, preprocess) = (network(), Pool::current_thread(), preprocess(Normalise::Dataset));
        let ground = Ground { preprocess: &preprocess, network: &network, pool: &pool };
        for attack in ATTACKS {
            let mut victim = victim(&ground);
            attack.begin(&mut victim);
            for step in 0..attack.steps {
                let up = [1.0, -1.0, 0.0, f32::NAN][step as usize % 4];
                attack.step(&ground, &mut victim, &[up; 9]);
                for (now, original) in victim.now.iter().zip(&victim.original) {
                    assert!((now - original).abs() <= 255.0 * attack.epsilon + 1e-4 && (0.0..=255.0).contains(now));
                }
            }
        }
    }

    #[test]
    fn a_uniform_start_is_drawn_for_the_image_and_fills_the_ball() {
        let attack = pgd(0.1);
        let moved = |sample: u32| {
            let mut victim = Victim::new(Key { sample, ..KEY }, 0, &[128; 900]);
            attack.begin(&mut victim);
            victim.now
        };
        assert_eq!(moved(1), moved(1));
        assert_ne!(moved(1), moved(2));
        let widest = moved(1).iter().map(|value| (value - 128.0).abs()).fold(0.0, f32::max);
        assert!(widest > 25.0 && widest <= 25.5, "{widest}");
    }

    #[test]
    fn what_is_answered_wrongly_is_misled_at_once() {
        let (network, pool, preprocess) = (network(), Pool::current_thread(), preprocess(Normalise::None));
        let ground = Ground { preprocess: &preprocess, network: &network, pool: &pool };
        let right = victim(&ground);
        let wrong = Victim { label: (right.label + 1) % 3, ..right.clone() };
        let mut victims = vec![wrong.clone(), right.clone(), wrong];
        assert_eq!(ground.look(&mut victims).len(), 1);
        assert_eq!(victims[0].label, right.label);
    }

    #[test]
    fn a_sure_answer_still_has_a_gradient() {
        let mut d = [0.0; 3];
        d_loss(&[300.0, 1.0, 1.0], 0, &mut d);
        assert_eq!(d, [-1.0, 0.5, 0.5]);
    }
}
