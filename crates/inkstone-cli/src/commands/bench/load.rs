//! `inkstone bench load`: a source into memory, the file cache being warm. Removes the PNG files that it wrote.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use inkstone::data::source::{self, SourceOptions};
use inkstone::data::{Dataset, Image};
use inkstone::{Error, Result};
use serde_json::json;

use super::figures::{Figures, brief, grouped, rounded};
use super::{Time, interrupted, measure};
use crate::context::Context;
use crate::interrupt;

/// Files per task of a thread.
const N_PER_TASK: usize = 100;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A source of images; MNIST from inside this program where not given
    source: Option<String>,
    /// Also write N images of the source as PNG files into a temporary folder, read it, and remove it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    images: Option<u32>,
    #[command(flatten)]
    time: Time,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Figures> {
    let source = args.source.as_deref().unwrap_or("mnist");
    let (dataset, load) = Load::measure(source, args, context)?;
    let mut figures = Figures::new("load");
    figures.add("source", &dataset.name, "source", &dataset.name);
    figures.add("images", load.n_images, "images", grouped(load.n_images as f64));
    figures.add("load_median_seconds", rounded(load.seconds), "load, median", load.text());
    figures.add("images_per_second", rounded(load.rate()), "images/s", grouped(load.rate()));
    if let Some(n) = args.images {
        let folder = Folder::write(&dataset, n as usize, context)?;
        drop(dataset);
        let (_, load) = Load::measure(&folder.0.to_string_lossy(), args, context)?;
        let document = json!({
            "format": "png",
            "images": load.n_images,
            "load_median_seconds": rounded(load.seconds),
            "images_per_second": rounded(load.rate()),
        });
        figures.add("folder", document, "PNG files", grouped(load.n_images as f64));
        for (label, text) in [("load, median", load.text()), ("images/s", grouped(load.rate()))] {
            figures.say(label, text);
        }
    }
    figures.add_circumstances(context)?;
    Ok(figures)
}

/// How long a source takes.
struct Load {
    n_images: usize,
    /// The median.
    seconds: f64,
}

impl Load {
    /// Reads the source again and again, the first time for the cache.
    fn measure(source: &str, args: &Args, context: &Context) -> Result<(Dataset, Self)> {
        let pool = context.pool()?;
        let options = SourceOptions { home: Some(context.home.clone()), ..SourceOptions::default() };
        let dataset = source::open(source, &options, pool)?;
        let durations = measure::each(args.time.seconds, 3, || source::open(source, &options, pool))?;
        let seconds = measure::quantile(&durations, 0.5).as_secs_f64();
        let n_images = dataset.samples.len();
        Ok((dataset, Self { n_images, seconds }))
    }

    fn rate(&self) -> f64 {
        self.n_images as f64 / self.seconds
    }

    fn text(&self) -> String {
        format!("{} ms", brief(1e3 * self.seconds))
    }
}

/// A temporary folder with a folder of PNG files per class; gone when this value is.
struct Folder(PathBuf);

impl Folder {
    fn write(dataset: &Dataset, n: usize, context: &Context) -> Result<Self> {
        let name = format!("inkstone-bench-{}", std::process::id());
        let folder = Self(std::env::temp_dir().join(name));
        context.terminal.note(&format!("writing {n} PNG files into {}", folder.0.display()));
        for class in 0..dataset.classes.len() {
            let path = folder.0.join(class.to_string());
            fs::create_dir_all(&path).map_err(|error| Error::io(&path, "make the folder", &error))?;
        }
        let mut tasks: Vec<Result<()>> = (0..n.div_ceil(N_PER_TASK)).map(|_| Ok(())).collect();
        context.pool()?.for_each(&mut tasks, |task, outcome| {
            let files = task * N_PER_TASK..n.min((task + 1) * N_PER_TASK);
            *outcome = files.into_iter().try_for_each(|i| folder.write_image(dataset, i));
        });
        tasks.into_iter().collect::<Result<()>>()?;
        Ok(folder)
    }

    /// Image i, the source's images over again where it has too few.
    fn write_image(&self, dataset: &Dataset, i: usize) -> Result<()> {
        if interrupt::flag().load(Ordering::Relaxed) {
            return Err(interrupted());
        }
        let sample = i % dataset.samples.len();
        let label = dataset.samples[sample].label;
        write_png(&self.0.join(label.to_string()).join(format!("{i:06}.png")), dataset.images.get(sample))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is in the folder for such things.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn write_png(path: &Path, image: Image<'_>) -> Result<()> {
    let colour = if image.size.channels == 3 { ExtendedColorType::Rgb8 } else { ExtendedColorType::L8 };
    let mut bytes = Vec::new();
    let written = PngEncoder::new(&mut bytes).write_image(
        image.pixels,
        image.size.width as u32,
        image.size.height as u32,
        colour,
    );
    written
        .map_err(std::io::Error::other)
        .and_then(|()| fs::write(path, &bytes))
        .map_err(|error| Error::io(path, "write a PNG", &error))
}
