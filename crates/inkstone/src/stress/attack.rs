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

