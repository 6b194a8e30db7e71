//! `inkstone prepare readings.csv --cut-glyphs --out DIR`: pictures whose reading is known become a folder of labelled
//! glyphs. Never overwrites anything, and never guesses: what does not fit its reading goes to `DIR/review/`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use inkstone::data::Image;
use inkstone::data::dataset::Size;
use inkstone::data::decode::{decode, read_file};
use inkstone::data::encode::png;
use inkstone::data::folder::REVIEW_TABLE;
use inkstone::data::glyphs::{self, Cut, Labelled, Reading, Why};
use inkstone::data::ink::USUAL_SIZE;
use inkstone::{Error, ErrorKind, Result};
use serde_json::json;

use super::Args;
use crate::Outcome;
use crate::context::Context;
use crate::interrupt;

/// Pictures that are read and cut at once.
const CHUNK: usize = 64;

/// Cuts, writes, and tells what became of each picture.
pub(super) fn run(args: &Args, context: &Context) -> Result<Outcome> {
    let (table, out) = check(args)?;
    let readings = glyphs::readings(&table)?;
    let folder = table.parent().unwrap_or(Path::new("")).to_path_buf();
    fs::create_dir_all(&out).map_err(|error| Error::io(&out, "make the folder", &error))?;
    let mut writer = Writer::new(&out);
    let mut progress = context.terminal.steps(readings.len() as u64, "pictures");
    for chunk in readings.chunks(CHUNK) {
        if interrupt::flag().load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Interrupted, "interrupted; what is cut stays"));
        }
        let cuts = context.pool()?.map(chunk.len(), |i| {
            let reading = chunk[i].clone()?;
            let bytes = read_file(&folder.join(&reading.path))?;
            let image = decode(&bytes).map_err(|error| error.with_file(folder.join(&reading.path)))?;
            Ok((glyphs::cut(image.as_image(), &reading.text, USUAL_SIZE), bytes, reading))
        });
        for cut in cuts {
            match cut {
                Ok((cut, bytes, reading)) => writer.write(cut, &bytes, &reading)?,
                Err(error) => writer.fail(error, context),
            }
        }
        progress.set(writer.n_pictures as u64, "");
    }
    progress.finish();
    let outcome = if writer.errors.is_empty() { Outcome::Done } else { Outcome::SomeFailed };
    if context.json {
        context.print_json(&writer.to_json());
    } else {
        context.print(&writer.to_text());
    }
    Ok(outcome)
}

/// The table and the folder to write into, which holds nothing yet.
fn check(args: &Args) -> Result<(PathBuf, PathBuf)> {
    let usage = |expected: &str, found: String| Error::mismatch(ErrorKind::Usage, expected, found);
    let [table] = args.words.as_slice() else {
        return Err(usage("one table of path and text", args.words.join(" ")).with_place("--cut-glyphs"));
    };
    let Some(out) = &args.out else {
        return Err(usage("--out DIR with --cut-glyphs", "none".to_owned()));
    };
    let others = [
        ("--format", args.format.is_some()),
        ("--split", args.split.is_some()),
        ("--exclude", args.exclude.is_some()),
        ("--force", args.force),
    ];
    if let Some((option, _)) = others.iter().find(|(_, is_given)| *is_given) {
        return Err(usage("--cut-glyphs with --out alone", (*option).to_owned()));
    }
    if fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(usage("a folder that is empty or not there", format!("{} with files in it", out.display()))
            .with_place("--out")
            .with_help("glyphs are never written over others"));
    }
    Ok((PathBuf::from(table), out.clone()))
}

/// What was written.
struct Writer {
    out: PathBuf,
    n_pictures: usize,
    n_cut: usize,
    n_blank: usize,
    n_marks: usize,
    /// Glyphs per class.
    classes: BTreeMap<String, usize>,
    review: Vec<(Reading, Why)>,
    errors: Vec<Error>,
    /// Names of pictures that are taken.
    names: BTreeSet<String>,
}

impl Writer {
    fn new(out: &Path) -> Self {
        Self {
            out: out.to_path_buf(),
            n_pictures: 0,
            n_cut: 0,
            n_blank: 0,
            n_marks: 0,
            classes: BTreeMap::new(),
            review: Vec::new(),
            errors: Vec::new(),
            names: BTreeSet::new(),
        }
    }

    fn write(&mut self, cut: Cut, bytes: &[u8], reading: &Reading) -> Result<()> {
        self.n_pictures += 1;
        let name = self.name(&reading.path);
        match cut {
            Cut::Review(why) => self.set_aside(&name, bytes, reading, why),
            Cut::Glyphs { glyphs, n_marks } => {
                self.n_blank += usize::from(glyphs.is_empty() && n_marks == 0);
                self.n_cut += usize::from(!glyphs.is_empty() || n_marks > 0);
                self.n_marks += n_marks;
                glyphs.iter().try_for_each(|glyph| self.write_glyph(&name, glyph))
            }
        }
    }

    fn fail(&mut self, error: Error, context: &Context) {
        self.n_pictures += 1;
        context.terminal.warn(&error.to_string());
        self.errors.push(error);
    }

    /// The path without its ending, in one word; two pictures never share one.
    fn name(&mut self, path: &Path) -> String {
        let plain = path.with_extension("").to_string_lossy().into_owned();
        let word: String = plain.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '-' }).collect();
        let word = word.trim_matches('-').to_owned();
        let numbered = (2..).map(|n| format!("{word}-{n}"));
        let name = std::iter::once(word.clone()).chain(numbered).find(|name| !self.names.contains(name));
        let name = name.unwrap_or(word);
        self.names.insert(name.clone());
        name
    }

    fn write_glyph(&mut self, name: &str, labelled: &Labelled) -> Result<()> {
        let class = glyphs::class_name(labelled.character);
        let [height, width] = USUAL_SIZE;
        let size = Size { height, width, channels: 1 };
        let bytes = png(Image { size, pixels: &labelled.glyph.pixels });
        write_new(&self.out.join(&class), &format!("{name}-{}.png", labelled.place), &bytes)?;
        *self.classes.entry(class).or_default() += 1;
        Ok(())
    }

    /// Copies a picture to `review/` and adds a row to the table there, which can be cut again when it is mended.
    fn set_aside(&mut self, name: &str, bytes: &[u8], reading: &Reading, why: Why) -> Result<()> {
        let folder = self.out.join("review");
        let ending = reading.path.extension().map_or_else(String::new, |ending| format!(".{}", ending.display()));
        let copy = format!("{name}{ending}");
        write_new(&folder, &copy, bytes)?;
        let table = folder.join(REVIEW_TABLE);
        let mut lines = String::new();
        if self.review.is_empty() {
            lines.push_str("path,text,why,source\n");
        }
        let cells = [copy.as_str(), &reading.text, &why.to_string(), &reading.path.to_string_lossy()].map(quoted);
        lines.push_str(&(cells.join(",") + "\n"));
        let mut file = File::options().create(true).append(true).open(&table);
        let written = file.as_mut().map_err(|error| Error::io(&table, "write the table", error))?;
        written.write_all(lines.as_bytes()).map_err(|error| Error::io(&table, "write the table", &error))?;
        self.review.push((reading.clone(), why));
        Ok(())
    }

    fn to_json(&self) -> serde_json::Value {
        let review = |(reading, why): &(Reading, Why)| json!({ "file": reading.path.to_string_lossy(), "text": reading.text, "why": why.to_string() });
        json!({
            "version": 1,
            "pictures": self.n_pictures,
            "cut": self.n_cut,
            "blank": self.n_blank,
            "glyphs": self.classes.values().sum::<usize>(),
            "marks": self.n_marks,
            "classes": self.classes,
            "review": self.review.iter().map(review).collect::<Vec<_>>(),
            "errors": self.errors.iter().map(Error::to_json).collect::<Vec<_>>(),
        })
    }

    fn to_text(&self) -> String {
        let n_glyphs: usize = self.classes.values().sum();
        let mut text = format!("pictures   {}\n", self.n_pictures);
        text += &format!("cut        {} into {n_glyphs} glyphs of {} classes\n", self.n_cut, self.classes.len());
        for (label, n, what) in [
            ("marks", self.n_marks, "points, commas and minus signs, which need no training"),
            ("blank", self.n_blank, "without ink, as their empty text says"),
            ("review", self.review.len(), "in review/, with the reasons in review.csv"),
            ("errors", self.errors.len(), "that could not be read"),
        ] {
            if n > 0 {
                text += &format!("{label:<11}{n} {what}\n");
            }
        }
        if n_glyphs > 0 {
            text += &format!("\nTrain on them: inkstone train {} preprocess.ink=true\n", self.out.display());
        }
        text
    }
}

/// Writes a file that is not there yet.
fn write_new(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let path = folder.join(name);
    fs::create_dir_all(folder)
        .and_then(|()| File::create_new(&path))
        .and_then(|mut file| file.write_all(bytes))
        .map_err(|error| Error::io(&path, "write the picture", &error))
}

/// A cell of RFC 4180.
fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}
