//! `inkstone bench ink`: how well a model reads digits as people make pictures of them. The pictures are made from
//! MNIST's digits, seeded; the test part's by default, so that nothing that a model learned from is in them.

mod colour;
mod condition;
mod glyph;
mod keep;
mod layout;
mod page;
mod picture;
mod plane;
mod results;
mod sheet;
mod subject;

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use inkstone::checkpoint::write_atomically;
use inkstone::data::encode::png;
use inkstone::data::split::split;
use inkstone::data::{Dataset, Part};
use inkstone::parallel::Pool;
use inkstone::rng::{Operation, Rng};
use inkstone::spec::builtin;
use inkstone::{Error, ErrorKind, Result};

use super::interrupted;
use crate::Outcome;
use crate::context::Context;
use crate::interrupt;
use condition::{CONDITIONS, Condition};
use picture::{Digits, Key};
use results::{Results, Score};
use subject::Subject;

/// Pictures between two looks at Ctrl-C.
const CHUNK: usize = 50;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The model that reads: a run folder, a model file, or a built-in model of digits
    #[arg(long, value_name = "MODEL", default_value = "digits")]
    model: String,
    /// Whose digits are written: test, or validation (for choosing: it was held back from the built-in model, too)
    #[arg(long, value_name = "PART", default_value = "test", value_parser = part)]
    part: Part,
    /// Pictures of each condition
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    images: u32,
    /// These conditions alone, by name; several are separated by semicolons
    #[arg(long, value_name = "NAMES")]
    only: Option<String>,
    /// Write a sheet of examples, a row for each condition
    #[arg(long, value_name = "FILE.png")]
    sheet: Option<PathBuf>,
    /// Write the pictures into DIR/CONDITION/ with a table of what stands on them, readings.csv
    #[arg(long, value_name = "DIR")]
    pictures: Option<PathBuf>,
    /// Write those that were misread into DIR/CONDITION/
    #[arg(long, value_name = "DIR")]
    misread: Option<PathBuf>,
    /// Put the table into a page, between the lines <!-- bench ink --> and <!-- end -->
    #[arg(long, value_name = "FILE.md")]
    page: Option<PathBuf>,
}

fn part(text: &str) -> std::result::Result<Part, String> {
    let known = [Part::Validation, Part::Test].into_iter().find(|part| part.name() == text);
    known.ok_or_else(|| "expected test or validation".to_owned())
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Outcome> {
    let chosen = chosen(args.only.as_deref())?;
    let subject = Subject::open(&args.model, context)?;
    let dataset = context.open("mnist")?;
    let seed = context.seed.unwrap_or(0);
    let order = order(&dataset, args.part, seed)?;
    let bench = Bench { args, seed, pool: context.pool()?, subject, dataset, order };
    if let Some(file) = &args.sheet {
        write_atomically(file, &bench.sheet(&chosen))?;
    }
    let mut results = Results::new(args, &bench.subject.name, seed);
    let mut progress = context.terminal.steps(u64::from(args.images) * chosen.len() as u64, "pictures");
    for place in chosen {
        let done = results.scores.len() as u64 * u64::from(args.images);
        let score = bench.measure(place, &mut |n| progress.set(done + n, CONDITIONS[place].name))?;
        results.scores.push(score);
    }
    progress.finish();
    results.fixed_point = bench.fixed_point()?;
    if context.json {
        context.print_json(&results.to_json());
    } else {
        context.print(&results.to_text());
    }
    if let Some(file) = &args.page {
        page::update(file, &results.to_markdown())?;
    }
    Ok(Outcome::Done)
}

/// The conditions that are asked for, by their places in the list.
fn chosen(only: Option<&str>) -> Result<Vec<usize>> {
    let Some(only) = only else { return Ok((0..CONDITIONS.len()).collect()) };
    let find = |name: &str| {
        CONDITIONS.iter().position(|condition| condition.name == name.trim()).ok_or_else(|| {
            let names: Vec<&str> = CONDITIONS.iter().map(|condition| condition.name).collect();
            Error::mismatch(ErrorKind::Usage, format!("a condition ({})", names.join("; ")), name.trim())
                .with_place("--only")
        })
    };
    only.split(';').filter(|name| !name.trim().is_empty()).map(find).collect()
}

/// The digits of a part in an order that depends on the seed alone.
fn order(dataset: &Dataset, part: Part, seed: u64) -> Result<Vec<u32>> {
    let recipe = builtin::recipe("digits").expect("it is built in");
    let mut order = split(dataset, &recipe.data)?.part(part).to_vec();
    Rng::new(seed, 0, 0, Operation::Handwriting).shuffle(&mut order);
    Ok(order)
}

/// What is measured, on which digits.
struct Bench<'a> {
    args: &'a Args,
    seed: u64,
    pool: &'a Pool,
    subject: Subject,
    dataset: Dataset,
    order: Vec<u32>,
}

impl Bench<'_> {
    fn picture(&self, place: usize, index: usize) -> picture::Picture {
        let pixels = |i: usize| {
            let digit = char::from(b'0' + self.dataset.samples[i].label as u8);
            (self.dataset.images.get(i).pixels, digit)
        };
        let digits = Digits { pixels: &pixels, order: &self.order, side: self.dataset.images.get(0).size.width };
        let key = Key { seed: self.seed, condition: place, index };
        picture::draw(&CONDITIONS[place], &digits, key)
    }

    /// Reads the pictures of one condition; `observe` is told how many are done.
    fn measure(&self, place: usize, observe: &mut dyn FnMut(u64)) -> Result<Score> {
        let condition: &Condition = &CONDITIONS[place];
        let n = self.args.images as usize;
        let mut score = Score::new(condition);
        for start in (0..n).step_by(CHUNK) {
            if interrupt::flag().load(Ordering::Relaxed) {
                return Err(interrupted());
            }
            let read = self.pool.map(CHUNK.min(n - start), |k| {
                let picture = self.picture(place, start + k);
                let readings = self.subject.read(&picture.bytes);
                (picture, readings)
            });
            for (k, (picture, readings)) in read.into_iter().enumerate() {
                let readings = readings?;
                let folder = |parent: &Option<PathBuf>| Some(parent.as_ref()?.join(condition.file_name()));
                if let Some(folder) = folder(&self.args.pictures) {
                    keep::with_reading(&folder, start + k, &picture)?;
                }
                if let Some(folder) = folder(&self.args.misread).filter(|_| readings.ink != picture.reading) {
                    keep::misread(&folder, start + k, &picture, &readings.ink)?;
                }
                score.add(&picture.reading, &readings);
            }
            observe((start + CHUNK.min(n - start)) as u64);
        }
        Ok(score)
    }

    /// How many of the part's own images are read rightly: as they are, and pasted on a canvas and put through ink.
    fn fixed_point(&self) -> Result<[u64; 3]> {
        let n = self.order.len().min(10 * self.args.images as usize);
        let right = self.pool.map(n, |k| {
            let sample = self.order[k] as usize;
            let image = self.dataset.images.get(sample);
            let label = char::from(b'0' + self.dataset.samples[sample].label as u8).to_string();
            let mut rng = Rng::new(self.seed, u32::MAX, k as u32, Operation::Handwriting);
            let pasted = picture::paste(image, &mut rng);
            let [plain, ink] = [self.subject.plain(image), self.subject.ink(pasted.as_image())];
            let right = [plain == label, ink == label];
            if let Some(folder) = self.args.misread.as_ref().filter(|_| right == [true, false]) {
                let picture = picture::Picture { bytes: png(pasted.as_image()), reading: label };
                keep::misread(&folder.join("fixed-point"), k, &picture, &ink)?;
            }
            Ok(right)
        });
        let right: Vec<[bool; 2]> = right.into_iter().collect::<Result<_>>()?;
        let count = |which: usize| right.iter().filter(|right| right[which]).count() as u64;
        Ok([count(0), count(1), n as u64])
    }

    /// A row of examples for each condition.
    fn sheet(&self, chosen: &[usize]) -> Vec<u8> {
        let examples = |place: usize| (0..sheet::COLUMNS).map(|k| self.picture(place, k).bytes).collect();
        sheet::draw(&chosen.iter().map(|&place| examples(place)).collect::<Vec<_>>())
    }
}
