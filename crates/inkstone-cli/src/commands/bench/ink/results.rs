//! What was measured: a table for the terminal, one for a page, one document for scripts.

use inkstone::evaluate::{Interval, wilson_interval};
use serde_json::{Value, json};

use super::Args;
use super::condition::{Condition, Counts};
use super::subject::Readings;

/// How often a condition's pictures were read rightly, all digits of each.
#[derive(Debug, Clone)]
pub(super) struct Score {
    condition: Condition,
    n: u64,
    n_plain: u64,
    n_ink: u64,
}

impl Score {
    pub(super) fn new(condition: &Condition) -> Self {
        Self { condition: *condition, n: 0, n_plain: 0, n_ink: 0 }
    }

    pub(super) fn add(&mut self, reading: &str, readings: &Readings) {
        self.n += 1;
        self.n_plain += u64::from(readings.plain == reading);
        self.n_ink += u64::from(readings.ink == reading);
    }

    fn plain(&self) -> Interval {
        wilson_interval(self.n_plain, self.n)
    }

    fn ink(&self) -> Interval {
        wilson_interval(self.n_ink, self.n)
    }
}

/// All that was measured.
pub(super) struct Results {
    model: String,
    part: &'static str,
    n_images: u32,
    seed: u64,
    pub(super) scores: Vec<Score>,
    /// Right as they are, right when pasted on a canvas and put through ink, of how many.
    pub(super) fixed_point: [u64; 3],
}

impl Results {
    pub(super) fn new(args: &Args, model: &str, seed: u64) -> Self {
        let (part, n_images) = (args.part.name(), args.images);
        Self { model: model.to_owned(), part, n_images, seed, scores: Vec::new(), fixed_point: [0; 3] }
    }

    /// Means over the conditions of a kind: resize-only and ink. None where no such condition was measured.
    fn means(&self, counts: Counts) -> Option<[f64; 2]> {
        let scores: Vec<&Score> = self.scores.iter().filter(|score| score.condition.counts == counts).collect();
        let mean = |value: &dyn Fn(&Score) -> f64| scores.iter().map(|score| value(score)).sum::<f64>();
        let n = scores.len() as f64;
        (n > 0.0).then(|| [mean(&|score| score.plain().value) / n, mean(&|score| score.ink().value) / n])
    }

    /// Means with their titles, those that there are.
    fn summaries(&self) -> Vec<(&'static str, &'static str, [f64; 2])> {
        let titles =
            [("single", "mean, one digit", Counts::Single), ("strings", "mean, rows wholly right", Counts::Strings)];
        let mean = |(key, title, counts)| self.means(counts).map(|means| (key, title, means));
        titles.into_iter().filter_map(mean).collect()
    }

    pub(super) fn to_json(&self) -> Value {
        let conditions: Vec<Value> = self.scores.iter().map(score_json).collect();
        let mut document = json!({
            "version": 1,
            "work": "ink",
            "model": self.model,
            "part": self.part,
            "images": self.n_images,
            "seed": self.seed,
            "conditions": conditions,
            "fixed_point": self.fixed_point_json(),
        });
        for (key, _, [plain, ink]) in self.summaries() {
            document["means"][key] = json!({ "resize_only": plain, "ink": ink });
        }
        document
    }

    fn fixed_point_json(&self) -> Value {
        let [plain, ink, n] = self.fixed_point;
        json!({ "n": n, "plain": wilson_interval(plain, n), "ink": wilson_interval(ink, n) })
    }

    pub(super) fn to_text(&self) -> String {
        let mut text = format!("{:<24}{:>22}{:>22}\n", "condition", "resize only", "ink");
        for score in &self.scores {
            let [plain, ink] = [score.plain(), score.ink()].map(range);
            text += &format!("{:<24}{plain:>22}{ink:>22}\n", score.condition.name);
        }
        for (_, title, means) in self.summaries() {
            let [plain, ink] = means.map(|mean| format!("{} %", percent(mean)));
            text += &format!("{title:<24}{plain:>22}{ink:>22}\n");
        }
        let [plain, ink, n] = self.fixed_point;
        let share = |k: u64| format!("{:.2} %", 100.0 * k as f64 / n as f64);
        text += &format!("{n} digits as they are: {}; on a canvas, through ink: {}\n", share(plain), share(ink));
        text
    }

    /// For a page: the command that made it, then the table.
    pub(super) fn to_markdown(&self) -> String {
        let mut text = format!(
            "{} pictures of each condition from MNIST's {} digits, seed {}, model `{}`; shares of pictures read wholly \
             right, with 95 % intervals.\n\n| condition | what the pictures are | resize only | ink |\n|---|---|---|---|\n",
            self.n_images, self.part, self.seed, self.model
        );
        for score in &self.scores {
            let (condition, [plain, ink]) = (&score.condition, [score.plain(), score.ink()].map(range));
            text += &format!("| {} | {} | {plain} | {ink} |\n", condition.name, condition.about);
        }
        for (_, title, means) in self.summaries() {
            let [plain, ink] = means.map(|mean| format!("**{} %**", percent(mean)));
            text += &format!("| **{title}** | | {plain} | {ink} |\n");
        }
        let [plain, ink, n] = self.fixed_point;
        let points = 100.0 * (ink as f64 - plain as f64) / n as f64;
        text += &format!(
            "\nNear fixed point: {plain} of {n} {} digits are read rightly as they are, {ink} when they are pasted on a \
             canvas of 280×280 and go through ink ({points:+.2} points).\n",
            self.part
        );
        text
    }
}

fn score_json(score: &Score) -> Value {
    json!({
        "name": score.condition.name,
        "digits": score.condition.n_digits,
        "n": score.n,
        "resize_only": score.plain(),
        "ink": score.ink(),
    })
}

/// `97.3 % (96.1–98.1)`
fn range(interval: Interval) -> String {
    format!("{} % ({}–{})", percent(interval.value), percent(interval.low), percent(interval.high))
}

fn percent(share: f64) -> String {
    format!("{:.1}", 100.0 * share)
}
