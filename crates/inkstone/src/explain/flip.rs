//! The smallest change of ink that turns the answer: a search, so that a smaller one may exist.
//!
//! 1. Pixel by pixel: the gradient names the pixels that promise most, each is tried at full change, the best stays.
//! 2. Once the answer has turned, pixels that are not needed are given back, those first that matter least.
//! 3. What is left is reduced, byte by byte, as far as the answer stays turned.
//!
//! Everything is tried on bytes and through the preprocess: what is found is an image that can be saved.

use inkstone_kernels::Isa;
use serde::Serialize;

use super::map::Explained;
use super::probabilities;
use super::question::Question;
use crate::checkpoint::Checkpoint;

/// Pixels that are tried before one is chosen.
const CANDIDATES: usize = 32;
/// Of all pixels, one in so many may change.
const SHARE: usize = 4;
/// Images that may be asked for.
const BUDGET: usize = 20_000;

/// A change of ink that turns the answer, or how far the search came.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Flip {
    /// The answer to the image as it is.
    pub from: String,
    /// The answer that is wanted instead.
    pub to: String,
    /// Whether a change was found within the budget.
    pub found: bool,
    /// The changed pixels, row by row.
    pub pixels: Vec<ChangedPixel>,
    /// Ink put on, in whole pixels: Σ of what bytes grew / 255.
    pub ink_added: f64,
    /// Ink taken off, in whole pixels.
    pub ink_removed: f64,
    /// Both, as a share of the image's ink; `None` where it has none.
    pub share_of_ink: Option<f64>,
    /// Probabilities of the image as it is.
    pub before: Odds,
    /// Probabilities of the changed image.
    pub after: Odds,
    /// Images that were asked for, and how many might have been.
    pub asked: usize,
    /// The most that may be asked for.
    pub budget: usize,
}

impl Flip {
    /// What was found, in a line.
    pub fn line(&self) -> String {
        let n = self.pixels.len();
        let share = self.share_of_ink.map_or_else(String::new, |share| format!(", {:.1} % of the ink", share * 100.0));
        let pixels = if n == 1 { "pixel" } else { "pixels" };
        let odds = format!("({}: {:.1} % -> {:.1} %)", self.to, self.before.to * 100.0, self.after.to * 100.0);
        if self.found {
            format!("{n} {pixels}{share}: {} becomes {} {odds}", self.from, self.to)
        } else {
            format!("{n} {pixels}{share} do not make it {} {odds}: given up after {} images", self.to, self.asked)
        }
    }
}

/// One pixel before and after, per channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangedPixel {
    /// Counted from 0 at the top.
    pub row: usize,
    /// Counted from 0 at the left.
    pub column: usize,
    /// Its bytes in the prepared image.
    pub before: Vec<u8>,
    /// Its bytes in the changed image.
    pub after: Vec<u8>,
}

/// The probabilities of the two answers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Odds {
    /// Of the answer to the image as it is.
    pub from: f64,
    /// Of the answer that is wanted.
    pub to: f64,
}

/// Searches for the change that turns the answer into `against`, or, where it is that already, into the class.
pub(super) fn flip(about: &Explained<'_>, model: &Checkpoint, logits: &[f32]) -> Flip {
    let from = best_but(logits, None);
    let Question { class, against } = about.question;
    let to = against.filter(|&against| against != from).unwrap_or(class);
    let mut search = Search { about, model, from, to, asked: 0, image: about.subject.bytes.clone() };
    let found = search.greedy();
    if found {
        search.give_back();
        search.reduce();
    }
    search.outcome(found, logits)
}

/// The class of the largest logit, leaving one out.
fn best_but(logits: &[f32], left_out: Option<usize>) -> usize {
    let others = (0..logits.len()).filter(|&k| Some(k) != left_out);
    others.reduce(|best, k| if logits[k] > logits[best] { k } else { best }).unwrap_or(0)
}

struct Search<'a> {
    about: &'a Explained<'a>,
    model: &'a Checkpoint,
    from: usize,
    to: usize,
    asked: usize,
    /// The bytes so far.
    image: Vec<u8>,
}

impl Search<'_> {
    /// How far the wanted answer leads: above zero, it is the answer. One for each change of some pixels' bytes.
    fn margins(&mut self, changes: &[Vec<(usize, Vec<u8>)>]) -> Vec<f64> {
        self.asked += changes.len();
        let channels = self.about.subject.size.channels;
        let write = |i: usize, values: &mut [f32]| {
            let mut bytes = self.image.clone();
            for (pixel, new) in &changes[i] {
                bytes[pixel * channels..][..channels].copy_from_slice(new);
            }
            self.model.preprocess.values_on(Isa::SCALAR, &bytes, values);
        };
        let logits = self.about.network.logits(changes.len(), &write);
        let rows = logits.chunks_exact(self.about.network.plan.n_classes);
        rows.map(|row| f64::from(row[self.to]) - f64::from(row[best_but(row, Some(self.to))])).collect()
    }

    fn pixel(&self, pixel: usize) -> &[u8] {
        let channels = self.about.subject.size.channels;
        &self.image[pixel * channels..][..channels]
    }

    fn original(&self, pixel: usize) -> Vec<u8> {
        let channels = self.about.subject.size.channels;
        self.about.subject.bytes[pixel * channels..][..channels].to_vec()
    }

    fn set(&mut self, pixel: usize, new: &[u8]) {
        let channels = self.about.subject.size.channels;
        self.image[pixel * channels..][..channels].copy_from_slice(new);
    }

    /// The pixels that differ from the image as it is.
    fn changed(&self) -> Vec<usize> {
        (0..self.about.subject.n_pixels()).filter(|&pixel| self.pixel(pixel) != self.original(pixel)).collect()
    }

    /// Step 1. Whether the answer has turned.
    fn greedy(&mut self) -> bool {
        let most = (self.about.subject.n_pixels() / SHARE).max(1);
        let mut margin = self.margins(&[Vec::new()])[0];
        for _ in 0..most {
            if margin > 0.0 || self.asked >= BUDGET {
                break;
            }
            let candidates = self.candidates();
            let margins = self.margins(&candidates.iter().map(|change| vec![change.clone()]).collect::<Vec<_>>());
            let Some(best) = (0..margins.len()).max_by(|&a, &b| margins[a].total_cmp(&margins[b])) else { break };
            // A step that does not help now may help the next: but never one that changes nothing.
            let (pixel, new) = &candidates[best];
            self.set(*pixel, new);
            margin = margins[best];
        }
        margin > 0.0
    }

    /// The pixels not changed yet whose full change promises most by the slope, each with its new bytes.
    fn candidates(&mut self) -> Vec<(usize, Vec<u8>)> {
        let subject = self.about.subject;
        let channels = subject.size.channels;
        let mut values = vec![0.0; self.image.len()];
        self.model.preprocess.values_on(Isa::SCALAR, &self.image, &mut values);
        let write = |_: usize, out: &mut [f32]| out.copy_from_slice(&values);
        let logits = self.about.network.logits(1, &write);
        let question = Question { class: self.to, against: Some(best_but(&logits, Some(self.to))) };
        let slopes = self.about.network.gradients(1, question, &write);
        self.asked += 2;
        let mut promises = Vec::new();
        for pixel in 0..subject.n_pixels() {
            if self.pixel(pixel) != self.original(pixel) {
                continue;
            }
            let (mut promise, mut new) = (0.0, self.original(pixel));
            for (c, byte) in new.iter_mut().enumerate() {
                let slope = slopes[pixel * channels + c] * subject.slope[c];
                let end = if slope > 0.0 { 255 } else { 0 };
                promise += slope * (f32::from(end) - f32::from(*byte));
                *byte = end;
            }
            if promise > 0.0 {
                promises.push((promise, pixel, new));
            }
        }
        promises.sort_by(|a, b| b.0.total_cmp(&a.0));
        promises.into_iter().take(CANDIDATES).map(|(_, pixel, new)| (pixel, new)).collect()
    }

    /// Step 2.
    fn give_back(&mut self) {
        loop {
            let changed = self.changed();
            let without: Vec<_> = changed.iter().map(|&pixel| vec![(pixel, self.original(pixel))]).collect();
            let margins = self.margins(&without);
            let best = (0..margins.len()).max_by(|&a, &b| margins[a].total_cmp(&margins[b]));
            match best.filter(|&best| margins[best] > 0.0 && self.asked < BUDGET) {
                Some(best) => self.set(changed[best], &self.original(changed[best])),
                None => return,
            }
        }
    }

    /// Step 3: for each pixel in turn the least share of its change, in 256ths.
    fn reduce(&mut self) {
        for pixel in self.changed() {
            let (original, full) = (self.original(pixel), self.pixel(pixel).to_vec());
            let partly = |share: u16| -> Vec<u8> {
                let mix = |(&a, &b): (&u8, &u8)| {
                    (f32::from(a) + (f32::from(b) - f32::from(a)) * f32::from(share) / 256.0).round() as u8
                };
                original.iter().zip(&full).map(mix).collect()
            };
            let (mut too_little, mut enough) = (0, 256);
            while enough - too_little > 1 && self.asked < BUDGET {
                let middle = u16::midpoint(too_little, enough);
                if self.margins(&[vec![(pixel, partly(middle))]])[0] > 0.0 {
                    enough = middle;
                } else {
                    too_little = middle;
                }
            }
            self.set(pixel, &partly(enough));
        }
    }

    fn outcome(self, found: bool, logits: &[f32]) -> Flip {
        let subject = self.about.subject;
        let mut values = vec![0.0; self.image.len()];
        self.model.preprocess.values_on(Isa::SCALAR, &self.image, &mut values);
        let after = probabilities(self.model, &self.about.network.logits(1, &|_, out| out.copy_from_slice(&values)));
        let before = probabilities(self.model, logits);
        let classes = &self.model.classes;
        let odds = |row: &[f64]| Odds { from: row[self.from], to: row[self.to] };
        let width = subject.size.width;
        let pixels: Vec<ChangedPixel> = self
            .changed()
            .into_iter()
            .map(|pixel| ChangedPixel {
                row: pixel / width,
                column: pixel % width,
                before: self.original(pixel),
                after: self.pixel(pixel).to_vec(),
            })
            .collect();
        let grown = |from: &[u8], to: &[u8]| {
            let steps = from.iter().zip(to).map(|(&from, &to)| f64::from(to.saturating_sub(from)));
            steps.sum::<f64>() / 255.0 / subject.size.channels as f64
        };
        let ink_added = grown(&subject.bytes, &self.image);
        let ink_removed = grown(&self.image, &subject.bytes);
        let distance = |(value, ground): (&f32, &f32)| f64::from((value - ground).abs());
        let channel_ink = subject.values.iter().zip(&subject.ground).enumerate().map(|(i, pair)| {
            let slope = f64::from(subject.slope[i % subject.size.channels].abs());
            if slope > 0.0 { distance(pair) / slope } else { 0.0 }
        });
        let ink = channel_ink.sum::<f64>() / 255.0 / subject.size.channels as f64;
        Flip {
            from: classes[self.from].clone(),
            to: classes[self.to].clone(),
            found,
            pixels,
            ink_added,
            ink_removed,
            share_of_ink: (ink > 0.0).then(|| (ink_added + ink_removed) / ink),
            before: odds(&before),
            after: odds(&after),
            asked: self.asked,
            budget: BUDGET,
        }
    }
}
