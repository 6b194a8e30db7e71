//! Images of a report: as elements of the page, as strips, and as PNG files of the run's folder.

use crate::audit::{base64, smaller};
use crate::data::dataset::{Image, Size};
use crate::data::encode::{png, png_fast};
use crate::data::sheet::Sheet;
use crate::data::{Augment, Samples};
use crate::engine::Isa;
use crate::error::Result;

use super::Material;
use super::words::Words;

/// Pixels of its own.
pub(super) struct Owned {
    pub(super) size: Size,
    pub(super) pixels: Vec<u8>,
}

impl Owned {
    /// A copy of an image, smaller where it is large.
    pub(super) fn of(image: Image<'_>) -> Self {
        let mut pixels = Vec::new();
        let small = smaller(image, &mut pixels);
        Self { size: small.size, pixels: small.pixels.to_vec() }
    }

    pub(super) fn view(&self) -> Image<'_> {
        Image { size: self.size, pixels: &self.pixels }
    }
}

/// An `<img>` that holds its picture, about `side` pixels large; a pixel of the picture stays a square.
pub(super) fn element(image: &Owned, side: usize, description: &Words) -> String {
    let Size { width, height, .. } = image.size;
    let factor = (side / width.max(height)).max(1);
    format!(
        "<img src=\"data:image/png;base64,{}\" width=\"{}\" height=\"{}\" {}>",
        base64(png_fast(image.view()).as_slice()),
        width * factor,
        height * factor,
        description.attribute("alt")
    )
}

/// Images in a row, as one picture: `(what they are, the picture)`.
pub(super) struct Strip {
    pub(super) name: Words,
    pub(super) images: Vec<Owned>,
}

impl Strip {
    /// As one `<img>` that takes the width it is given.
    pub(super) fn element(&self, description: &Words) -> String {
        let cells: Vec<_> = self.images.iter().map(|image| Some(image.view())).collect();
        let Ok(picture) = Sheet::new(cells.len()).gap(2).draw(&cells) else { return String::new() };
        format!(
            "<img class=\"strip\" src=\"data:image/png;base64,{}\" width=\"{}\" height=\"{}\" {}>",
            base64(&png(picture.image())),
            2 * picture.size.width,
            2 * picture.size.height,
            description.attribute("alt")
        )
    }
}

/// Images in a strip.
const LENGTH: usize = 10;
/// Classes that are shown.
const CLASSES: usize = 24;

/// Each class with its first images: of the training part where it is at hand, as the network is given them, else of what was
/// measured.
pub(super) fn classes(material: &Material<'_>) -> Vec<Strip> {
    let samples = material.training.and_then(|training| training.samples).filter(|samples| !samples.is_empty());
    let names = material.report.classes.iter().take(CLASSES).enumerate();
    let strip = |(class, scores): (usize, &crate::evaluate::ClassScores)| {
        let of_class = |labels: &[u32]| -> Vec<usize> {
            (0..labels.len()).filter(|&i| labels[i] as usize == class).take(LENGTH).collect()
        };
        let images = match samples {
            Some(samples) => {
                of_class(&samples.labels).into_iter().map(|i| given(samples, i, material.machine.isa, None)).collect()
            }
            None => of_class(&material.measured.labels).into_iter().map(|k| measured(material, k)).collect(),
        };
        Strip { name: Words::same(&scores.name), images }
    };
    names.map(strip).filter(|strip| !strip.images.is_empty()).collect()
}

/// Epochs that are shown.
const EPOCHS: u32 = 5;

/// A few training images, and below each what training makes of it in the first epochs; empty where nothing is augmented.
pub(super) fn augmented(material: &Material<'_>) -> Vec<Strip> {
    let Some(training) = material.training else { return Vec::new() };
    let (Some(samples), Some(augment)) = (training.samples.filter(|samples| !samples.is_empty()), training.augment)
    else {
        return Vec::new();
    };
    let chosen = one_of_each(samples);
    let isa = material.machine.isa;
    let seed = material.model.provenance.seed;
    let strip = |name: Words, epoch: Option<u32>| {
        let key = epoch.map(|epoch| (augment, (seed, epoch)));
        Strip { name, images: chosen.iter().map(|&i| given(samples, i, isa, key)).collect() }
    };
    let mut strips = vec![strip(Words::new("as it is", "原图"), None)];
    strips.extend(
        (0..EPOCHS).map(|epoch| {
            strip(Words::new(format!("epoch {}", epoch + 1), format!("第 {} 轮", epoch + 1)), Some(epoch))
        }),
    );
    strips
}

/// The classes in turn, until there are enough images.
fn one_of_each(samples: &Samples) -> Vec<usize> {
    let mut of_class: Vec<Vec<usize>> = vec![Vec::new(); samples.classes.len()];
    for (i, &label) in samples.labels.iter().enumerate() {
        let found = &mut of_class[label as usize];
        if found.len() < LENGTH {
            found.push(i);
        }
    }
    let in_turn = (0..LENGTH).flat_map(|round| of_class.iter().filter_map(move |found| found.get(round)));
    in_turn.copied().take(LENGTH).collect()
}

/// Sample i as the network is given it, as a picture.
fn given(samples: &Samples, i: usize, isa: Isa, augment: Option<(&Augment, (u64, u32))>) -> Owned {
    let size = samples.preprocess.size();
    let (mut values, mut pixels) = (vec![0.0; size.len()], vec![0; size.len()]);
    match augment {
        Some((augment, key)) => samples.write_augmented(isa, i, augment, key, &mut values),
        None => samples.write(isa, i, &mut values),
    }
    samples.preprocess.bytes_of(&values, &mut pixels);
    Owned::of(Image { size, pixels: &pixels })
}

/// The k-th image that was measured, as it was read.
pub(super) fn measured(material: &Material<'_>, k: usize) -> Owned {
    material.dataset.images.with(material.measured.indices[k] as usize, Owned::of)
}

/// Mistakes that are shown.
pub(super) const MISTAKES: usize = 24;

/// The surest mistakes as one picture; none where none was made.
pub(super) fn mistakes(material: &Material<'_>) -> Result<Option<Vec<u8>>> {
    let images: Vec<Owned> =
        material.measured.mistakes().into_iter().take(MISTAKES).map(|k| measured(material, k)).collect();
    sheet(&images, 8)
}

/// The classes as one picture, a row each.
pub(super) fn samples(material: &Material<'_>) -> Result<Option<Vec<u8>>> {
    let strips = classes(material);
    let cells: Vec<Option<Image<'_>>> =
        strips.iter().flat_map(|strip| (0..LENGTH).map(|i| strip.images.get(i).map(Owned::view))).collect();
    draw(&cells, LENGTH)
}

fn sheet(images: &[Owned], columns: usize) -> Result<Option<Vec<u8>>> {
    draw(&images.iter().map(|image| Some(image.view())).collect::<Vec<_>>(), columns)
}

fn draw(cells: &[Option<Image<'_>>], columns: usize) -> Result<Option<Vec<u8>>> {
    let Some(largest) = cells.iter().flatten().map(|image| image.size).max_by_key(|size| size.height.max(size.width))
    else {
        return Ok(None);
    };
    let picture = Sheet::new(columns).fit(largest, 84).draw(cells)?;
    Ok(Some(png(picture.image())))
}
