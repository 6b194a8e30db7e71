//! The fixed steps from an image to a network's input: grey, resize or the ink rules (all to bytes), scale, normalise.
//!
//! Nothing here is random, and nothing but the training part is measured.

use inkstone_kernels::{Isa, Scale, scale_bytes};
use serde::{Deserialize, Serialize};

use super::dataset::{Image, Images, Size};
use super::ink;
use super::luma::luma;
use super::resize::resize;
use crate::error::{Error, ErrorKind, Result};
use crate::parallel::Pool;
use crate::spec::PreprocessSpec;
use crate::spec::pipeline::Normalise;

/// The longest side that images are brought to: more is no small image, and its network would not fit in memory.
pub const MAX_SIDE: usize = 1024;

/// A preprocess made ready: every choice made, statistics fitted. Stored in the checkpoint, the same in every door.
///
/// ```
/// use inkstone::data::{Images, Preprocess, dataset::Size};
/// use inkstone::{parallel::Pool, spec::PreprocessSpec};
/// let images = Images::uniform(Size { height: 1, width: 2, channels: 1 }, vec![0, 255, 51, 102]);
/// let preprocess = Preprocess::fit(&PreprocessSpec::default(), &images, &[0, 1], &Pool::new(1)?)?;
/// let mut values = [0.0; 2];
/// preprocess.values(images.get(1).pixels, &mut values);
/// assert_eq!(values, [0.2, 0.4]);
/// # Ok::<(), inkstone::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Preprocess {
    stored: Stored,
    size: Size,
    /// Scaling and normalising in one; with `normalise = "image"` scaling alone.
    scale: Scale,
}

/// What a checkpoint keeps; everything else follows from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    /// The spec with nothing left open (`size` is set).
    spec: PreprocessSpec,
    /// Mean and standard deviation per channel of the training part after scaling, where `normalise = "dataset"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    statistics: Option<Statistics>,
}

/// Per channel, of scaled values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statistics {
    /// Mean per channel.
    pub mean: Vec<f32>,
    /// Standard deviation per channel (of the population: divided by n); 1 where it would be 0.
    pub deviation: Vec<f32>,
}

impl Preprocess {
    /// Settles what the spec leaves open. `train` are the positions of the training part: nothing else is measured.
    ///
    /// # Errors
    /// If a key of the spec is out of its range, if `size` is left open and the images differ in size, or if there is
    /// no image.
    pub fn fit(spec: &PreprocessSpec, images: &Images, train: &[u32], pool: &Pool) -> Result<Self> {
        if (0..images.len()).any(|i| images.size(i).is_empty()) || images.is_empty() {
            return Err(Error::mismatch(ErrorKind::Data, "images with pixels", "none"));
        }
        let size = match spec.size {
            Some(size) => size,
            None if spec.ink => ink::USUAL_SIZE,
            None => common_size(images)?,
        };
        let plain = PreprocessSpec { size: Some(size), normalise: Normalise::None, ..spec.clone() };
        let mut fitted = Self::try_from(Stored { spec: plain, statistics: None })?;
        if images.is_streamed() && !fitted.leaves(images) {
            let found = images.uniform_size().map_or_else(String::new, |size| size.to_string());
            return Err(Error::mismatch(ErrorKind::Data, format!("streamed images of {}", fitted.size), found)
                .with_place("data.stream")
                .with_help("prepare them so (`inkstone prepare`), or set data.stream = \"never\""));
        }
        if spec.normalise == Normalise::None {
            return Ok(fitted);
        }
        fitted.stored.spec.normalise = spec.normalise;
        if spec.normalise == Normalise::Dataset {
            if train.is_empty() {
                return Err(Error::mismatch(ErrorKind::Data, "a training part to measure", "no image in it")
                    .with_place("preprocess.normalise"));
            }
            fitted.stored.statistics = Some(fitted.measure(images, train, pool));
        }
        Self::try_from(fitted.stored)
    }

    /// The spec with nothing left open.
    pub fn spec(&self) -> &PreprocessSpec {
        &self.stored.spec
    }

    /// Mean and standard deviation of the training part, where `normalise = "dataset"`.
    pub fn statistics(&self) -> Option<&Statistics> {
        self.stored.statistics.as_ref()
    }

    /// Whether the ink rules stand in place of a resize.
    pub fn has_ink(&self) -> bool {
        self.stored.spec.ink
    }

    /// The size of a prepared image.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Grey and resized, still bytes: `self.size().len()` of them.
    ///
    /// Grey is `⌊(19595 R + 38470 G + 7471 B) / 2¹⁶ + ½⌋`: ITU-R BT.601 luma as Pillow rounds it. An image that has
    /// the size and channels already comes out byte for byte.
    ///
    /// # Panics
    /// If `out` has another length.
    pub fn prepare(&self, image: Image<'_>, out: &mut [u8]) {
        let Size { height, width, channels } = self.size;
        assert_eq!(out.len(), self.size.len(), "a prepared image is {}", self.size);
        if self.stored.spec.ink {
            return spread(&ink::whole(image, [height, width]), channels, out);
        }
        match (image.size.channels, channels) {
            (from, to) if from == to => resize(image, height, width, out),
            (_, 1) => {
                let grey: Vec<u8> = image.pixels.as_chunks().0.iter().map(|&rgb| luma(rgb)).collect();
                resize(Image { size: Size { channels: 1, ..image.size }, pixels: &grey }, height, width, out);
            }
            _ => {
                let mut grey = vec![0; height * width];
                resize(image, height, width, &mut grey);
                spread(&grey, channels, out);
            }
        }
    }

    /// A glyph that [`ink::read`] cut out, in the channels of a prepared image.
    pub(crate) fn prepare_glyph(&self, glyph: &ink::Glyph) -> Vec<u8> {
        let mut out = vec![0; self.size.len()];
        spread(&glyph.pixels, self.size.channels, &mut out);
        out
    }

    /// All images prepared, in parallel. [`Preprocess::prepare_owned`] saves the copy where nothing changes.
    pub fn prepare_all(&self, images: &Images, pool: &Pool) -> Images {
        if self.leaves(images) {
            return images.clone();
        }
        let mut pixels = vec![0; images.len() * self.size.len()];
        pool.for_each_chunk(&mut pixels, self.size.len(), |i, out| images.with(i, |image| self.prepare(image, out)));
        Images::uniform(self.size, pixels)
    }

    /// The same for images that nobody else needs: where nothing changes, they are moved and not copied.
    pub fn prepare_owned(&self, images: Images, pool: &Pool) -> Images {
        if self.leaves(&images) { images } else { self.prepare_all(&images, pool) }
    }

    /// Scaled and normalised values of a prepared image. Allocates nothing.
    ///
    /// # Panics
    /// If the image or `out` does not have [`Preprocess::size`].
    pub fn values(&self, prepared: &[u8], out: &mut [f32]) {
        self.values_on(Isa::SCALAR, prepared, out);
    }

    /// [`Preprocess::values`] on an instruction set: faster, and the same bits on each.
    ///
    /// # Panics
    /// As [`Preprocess::values`].
    pub fn values_on(&self, isa: Isa, prepared: &[u8], out: &mut [f32]) {
        assert_eq!((prepared.len(), out.len()), (self.size.len(), self.size.len()), "an image of {}", self.size);
        if let Some(scale) = self.scale() {
            scale_bytes(isa, prepared, self.size.channels, scale, out);
        } else {
            scale_bytes(isa, prepared, self.size.channels, &Scale::NONE, out);
            self.values_in_place(out);
        }
    }

    /// The same from values between 0 and 255, in place; whole numbers give the very values that bytes do.
    pub fn values_in_place(&self, values: &mut [f32]) {
        let n_channels = self.size.channels;
        let Scale { shift, divisor } = self.scale;
        if self.stored.spec.normalise == Normalise::Image {
            for (c, divisor) in divisor.into_iter().enumerate().take(n_channels) {
                normalise_by_own(values, [c, n_channels], divisor);
            }
        } else {
            for pixel in values.chunks_exact_mut(n_channels) {
                for ((value, shift), divisor) in pixel.iter_mut().zip(shift).zip(divisor) {
                    *value = (*value - shift) / divisor;
                }
            }
        }
    }

    /// Takes the gradient by the values back to the one by the bytes (0 to 255) that [`Preprocess::values_in_place`] made
    /// them from: `d bytes[i] = Σ_k d_values[k] · d value[k] / d byte[i]`, in place.
    ///
    /// # Panics
    /// If `bytes` and `d_values` differ in length.
    pub fn d_bytes_in_place(&self, bytes: &[f32], d_values: &mut [f32]) {
        assert_eq!(bytes.len(), d_values.len(), "a gradient has as many values as the image");
        let n_channels = self.size.channels;
        for (c, divisor) in self.scale.divisor.into_iter().enumerate().take(n_channels) {
            if self.stored.spec.normalise == Normalise::Image {
                d_normalise_by_own(bytes, d_values, [c, n_channels], divisor);
            } else {
                d_values.iter_mut().skip(c).step_by(n_channels).for_each(|d| *d /= divisor);
            }
        }
    }

    /// The picture that values show: scaling and normalising undone, rounded to bytes. What `normalise = "image"` has
    /// taken away is not known any more: the least value becomes 0, the greatest 255.
    ///
    /// # Panics
    /// If `values` or `out` does not have [`Preprocess::size`].
    pub fn bytes_of(&self, values: &[f32], out: &mut [u8]) {
        assert_eq!((values.len(), out.len()), (self.size.len(), self.size.len()), "an image of {}", self.size);
        let (mut shift, mut divisor) = (self.scale.shift, self.scale.divisor);
        if self.stored.spec.normalise == Normalise::Image {
            let least = values.iter().copied().fold(f32::INFINITY, f32::min);
            let range = values.iter().copied().fold(f32::NEG_INFINITY, f32::max) - least;
            divisor = [if range > 0.0 { 255.0 / range } else { 0.0 }; 3];
            shift = [-least * divisor[0]; 3];
        }
        for (pixel, bytes) in values.chunks_exact(self.size.channels).zip(out.chunks_exact_mut(self.size.channels)) {
            for (c, (&value, byte)) in pixel.iter().zip(bytes).enumerate() {
                *byte = (value * divisor[c] + shift[c]).round() as u8;
            }
        }
    }

    /// What [`Preprocess::values`] does to each value by itself, where that is all.
    pub(super) fn scale(&self) -> Option<&Scale> {
        (self.stored.spec.normalise != Normalise::Image).then_some(&self.scale)
    }

    /// Whether preparing these images changes nothing.
    fn leaves(&self, images: &Images) -> bool {
        !self.stored.spec.ink && images.uniform_size() == Some(self.size)
    }

    /// Mean and deviation of scaled values over the training part. The sums are whole numbers: exact, and the same in
    /// whatever order threads add them.
    fn measure(&self, images: &Images, train: &[u32], pool: &Pool) -> Statistics {
        const IMAGES_PER_TASK: usize = 256;
        let n_channels = self.size.channels;
        let sums = pool.map(train.len().div_ceil(IMAGES_PER_TASK), |task| {
            let mut sums = [[0_u64; 2]; 3];
            let mut prepared = vec![0; self.size.len()];
            for &i in train.iter().skip(task * IMAGES_PER_TASK).take(IMAGES_PER_TASK) {
                images.with(i as usize, |image| self.prepare(image, &mut prepared));
                for pixel in prepared.chunks_exact(n_channels) {
                    for (sum, &byte) in sums.iter_mut().zip(pixel) {
                        sum[0] += u64::from(byte);
                        sum[1] += u64::from(byte) * u64::from(byte);
                    }
                }
            }
            sums
        });
        let n = u128::from((train.len() * self.size.height * self.size.width) as u64);
        let [low, slope] = scaling(&self.stored.spec);
        let mut statistics = Statistics { mean: Vec::new(), deviation: Vec::new() };
        for c in 0..n_channels {
            let total = |power: usize| sums.iter().map(|sums| u128::from(sums[c][power])).sum::<u128>();
            let (sum, squares) = (total(0), total(1));
            let variance = (n * squares - sum * sum) as f64 / (n as f64 * n as f64);
            let deviation = (variance.sqrt() * slope.abs()) as f32;
            statistics.mean.push((low + slope * (sum as f64 / n as f64)) as f32);
            statistics.deviation.push(if deviation > 0.0 { deviation } else { 1.0 });
        }
        statistics
    }
}

impl TryFrom<Stored> for Preprocess {
    type Error = Error;

    /// The only place that checks, for recipes and for checkpoints.
    fn try_from(stored: Stored) -> Result<Self> {
        let error = |key: &str, expected: &str, found: String| {
            Error::mismatch(ErrorKind::Spec, expected, found).with_place(format!("preprocess.{key}"))
        };
        let spec = &stored.spec;
        let [height, width] = spec.size.ok_or_else(|| error("size", "height and width", "neither".to_owned()))?;
        if ![height, width].iter().all(|side| (1..=MAX_SIDE).contains(side)) {
            return Err(error("size", &format!("sides from 1 to {MAX_SIDE}"), format!("[{height}, {width}]")));
        }
        let size = Size { height, width, channels: if spec.grayscale { 1 } else { 3 } };
        let [low, slope] = scaling(spec);
        let unit = Statistics { mean: vec![0.0; size.channels], deviation: vec![1.0; size.channels] };
        let statistics = match (&stored.statistics, spec.normalise) {
            (Some(statistics), Normalise::Dataset) => statistics,
            (None, Normalise::None | Normalise::Image) => &unit,
            (found, _) => {
                let found = if found.is_some() { "statistics" } else { "none" };
                return Err(error("normalise", "statistics with \"dataset\" and only there", found.to_owned()));
            }
        };
        if [&statistics.mean, &statistics.deviation].iter().any(|list| list.len() != size.channels) {
            let expected = format!("statistics of {} channels", size.channels);
            return Err(error("normalise", &expected, statistics.mean.len().to_string()));
        }
        let mut scale = Scale::NONE;
        for (c, (&mean, &deviation)) in statistics.mean.iter().zip(&statistics.deviation).enumerate() {
            scale.shift[c] = ((f64::from(mean) - low) / slope) as f32;
            scale.divisor[c] = (f64::from(deviation) / slope) as f32;
        }
        let is_finite = |byte: f32, c: usize| ((byte - scale.shift[c]) / scale.divisor[c]).is_finite();
        if (0..size.channels).any(|c| !scale.divisor[c].is_normal() || !is_finite(0.0, c) || !is_finite(255.0, c)) {
            let expected = "two different numbers of moderate size";
            return Err(error("scale", expected, format!("{:?}", spec.scale)));
        }
        Ok(Self { stored, size, scale })
    }
}

impl From<Preprocess> for Stored {
    fn from(preprocess: Preprocess) -> Self {
        preprocess.stored
    }
}

/// `scaled = low + slope · byte`.
fn scaling(spec: &PreprocessSpec) -> [f64; 2] {
    let [low, high] = spec.scale.map(f64::from);
    [low, (high - low) / 255.0]
}

/// Normalises channel c of n of one image by its own mean and deviation: `(scaled − mean) / max(deviation, 1e-7)`,
/// where `divisor` is 1/slope of the scaling: how many bytes make up one scaled unit.
fn normalise_by_own(values: &mut [f32], [c, n_channels]: [usize; 2], divisor: f32) {
    let n = (values.len() / n_channels) as f64;
    let channel = || values.iter().skip(c).step_by(n_channels).map(|&value| f64::from(value));
    let mean = channel().sum::<f64>() / n;
    let variance = channel().map(|value| (value - mean) * (value - mean)).sum::<f64>() / n;
    let unit = f64::from(divisor);
    let divisor = variance.sqrt().max(1e-7 * unit.abs()).copysign(unit);
    for value in values.iter_mut().skip(c).step_by(n_channels) {
        *value = ((f64::from(*value) - mean) / divisor) as f32;
    }
}

/// Backward of [`normalise_by_own`], v being its result: `d bytes = (d − mean d − v · mean(d · v)) / divisor`; where the
/// deviation is too small to divide by, the divisor does not depend on the image: `(d − mean d) / divisor`.
fn d_normalise_by_own(bytes: &[f32], d_values: &mut [f32], [c, n_channels]: [usize; 2], divisor: f32) {
    let n = (bytes.len() / n_channels) as f64;
    let channel = || bytes.iter().skip(c).step_by(n_channels).map(|&byte| f64::from(byte));
    let mean = channel().sum::<f64>() / n;
    let deviation = (channel().map(|byte| (byte - mean) * (byte - mean)).sum::<f64>() / n).sqrt();
    let unit = f64::from(divisor);
    let (least, divisor) = (1e-7 * unit.abs(), deviation.max(1e-7 * unit.abs()).copysign(unit));
    let d = || d_values.iter().skip(c).step_by(n_channels).map(|&d| f64::from(d));
    let mean_d = d().sum::<f64>() / n;
    let slope = d().zip(channel()).map(|(d, byte)| d * (byte - mean) / divisor).sum::<f64>() / n;
    let slope = if deviation > least { slope } else { 0.0 };
    for (d, byte) in d_values.iter_mut().skip(c).step_by(n_channels).zip(channel()) {
        *d = ((f64::from(*d) - mean_d - slope * (byte - mean) / divisor) / divisor) as f32;
    }
}

/// A grey plane in every channel.
fn spread(grey: &[u8], channels: usize, out: &mut [u8]) {
    out.chunks_exact_mut(channels).zip(grey).for_each(|(pixel, &value)| pixel.fill(value));
}

/// Height and width that all images share.
fn common_size(images: &Images) -> Result<[usize; 2]> {
    let side = |i: usize| [images.size(i).height, images.size(i).width];
    let first = side(0);
    match (0..images.len()).map(side).find(|&other| other != first) {
        None => Ok(first),
        Some(other) => Err(Error::mismatch(
            ErrorKind::Spec,
            "a size, since the images differ in theirs",
            format!("none, and images of {}×{} and {}×{}", first[0], first[1], other[0], other[1]),
        )
        .with_place("preprocess.size")
        .with_help("set preprocess.size = [height, width], for instance [28, 28]")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLOUR: [u8; 12] = [255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9];

    fn size(height: usize, width: usize, channels: usize) -> Size {
        Size { height, width, channels }
    }

    fn fit(spec: &PreprocessSpec, images: &Images) -> Result<Preprocess> {
        let train: Vec<u32> = (0..images.len() as u32).collect();
        Preprocess::fit(spec, images, &train, &Pool::new(2).unwrap())
    }

    fn prepared(spec: &PreprocessSpec, images: &Images) -> Vec<u8> {
        fit(spec, images).unwrap().prepare_all(images, &Pool::new(2).unwrap()).pixels().to_vec()
    }

    fn values(preprocess: &Preprocess, bytes: &[u8]) -> Vec<f32> {
        let mut out = vec![f32::NAN; bytes.len()];
        preprocess.values(bytes, &mut out);
        let mut in_place: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte)).collect();
        preprocess.values_in_place(&mut in_place);
        assert_eq!(out, in_place);
        out
    }

    /// Central differences of Σ weights · values by each byte.
    #[test]
    fn the_gradient_by_the_bytes_is_that_of_finite_differences() {
        let bytes: Vec<f32> = COLOUR.iter().map(|&byte| f32::from(byte)).collect();
        let weights: Vec<f32> = (0..12).map(|i| ((i * 7) % 5) as f32 - 1.7).collect();
        for normalise in [Normalise::None, Normalise::Dataset, Normalise::Image] {
            let spec = PreprocessSpec { grayscale: false, normalise, scale: [1.0, -1.0], ..spec() };
            let preprocess = fit(&spec, &Images::uniform(size(2, 2, 3), COLOUR.to_vec())).unwrap();
            let sum = |i: usize, step: f32| {
                let mut values = bytes.clone();
                values[i] += step;
                preprocess.values_in_place(&mut values);
                values.iter().zip(&weights).map(|(&value, &weight)| f64::from(value * weight)).sum::<f64>()
            };
            let mut d = weights.clone();
            preprocess.d_bytes_in_place(&bytes, &mut d);
            for (i, &d) in d.iter().enumerate() {
                let expected = (sum(i, 1.0) - sum(i, -1.0)) / 2.0;
                assert!((f64::from(d) - expected).abs() < 2e-4, "{normalise:?} {i}: {d} {expected}");
            }
        }
    }

    fn spec() -> PreprocessSpec {
        PreprocessSpec::default()
    }

    #[test]
    fn grey_is_luma_and_colour_is_kept_or_made() {
        let colour = Images::uniform(size(2, 2, 3), COLOUR.to_vec());
        assert_eq!(prepared(&spec(), &colour), [76, 150, 29, 9]);
        assert_eq!(prepared(&spec().grayscale(false), &colour), COLOUR);
        let grey = Images::uniform(size(1, 2, 1), vec![5, 200]);
        assert_eq!(prepared(&spec().grayscale(false), &grey), [5, 5, 5, 200, 200, 200]);
        assert_eq!(prepared(&spec().grayscale(false).size([1, 1]), &grey), [103, 103, 103]);
        assert_eq!(prepared(&spec().size([1, 1]), &colour), [66]);
    }

    #[test]
    fn images_that_are_right_already_are_moved_and_not_copied() {
        let images = Images::uniform(size(2, 3, 1), (0..60).collect());
        let preprocess = fit(&spec(), &images).unwrap();
        let (copy, place) = (images.clone(), images.pixels().as_ptr());
        let kept = preprocess.prepare_owned(images, &Pool::new(1).unwrap());
        assert_eq!(kept.pixels().as_ptr(), place);
        assert_eq!(kept, copy);
        assert_eq!(kept, preprocess.prepare_all(&copy, &Pool::new(1).unwrap()));
    }

    #[test]
    fn images_of_several_sizes_need_one_to_be_named() {
        let mixed = Images::collect([
            Image { size: size(2, 2, 1), pixels: &[1, 2, 3, 4] },
            Image { size: size(1, 2, 3), pixels: &[10, 10, 10, 20, 20, 20] },
        ]);
        assert_eq!(
            fit(&spec(), &mixed).unwrap_err().to_string(),
            "preprocess.size: expected a size, since the images differ in theirs, found none, and images of 2×2 and \
             1×2; set preprocess.size = [height, width], for instance [28, 28]"
        );
        assert_eq!(prepared(&spec().size([1, 2]), &mixed), [2, 3, 10, 20]);
        // One size but both grey and colour: nothing to name.
        let channels = Images::collect([
            Image { size: size(1, 1, 1), pixels: &[1] },
            Image { size: size(1, 1, 3), pixels: &[2, 2, 2] },
        ]);
        assert_eq!(prepared(&spec(), &channels), [1, 2]);
    }

    #[test]
    fn a_wrong_spec_is_named_with_its_place() {
        let images = Images::uniform(size(1, 2, 1), vec![0, 255]);
        let check = |spec: PreprocessSpec, message: &str| {
            assert_eq!(fit(&spec, &images).unwrap_err().to_string(), message);
        };
        check(spec().size([0, 28]), "preprocess.size: expected sides from 1 to 1024, found [0, 28]");
        check(spec().size([28, 2000]), "preprocess.size: expected sides from 1 to 1024, found [28, 2000]");
        let scale = "preprocess.scale: expected two different numbers of moderate size, found";
        check(spec().scale([1.0, 1.0]), &format!("{scale} [1.0, 1.0]"));
        check(spec().scale([0.0, f32::NAN]), &format!("{scale} [0.0, NaN]"));
        check(spec().scale([0.0, f32::INFINITY]), &format!("{scale} [0.0, inf]"));
        check(spec().scale([0.0, 1e-44]), &format!("{scale} [0.0, 1e-44]"));
        let none = Images::collect([]);
        assert_eq!(fit(&spec(), &none).unwrap_err().to_string(), "expected images with pixels, found none");
        let error = Preprocess::fit(&spec().normalise(Normalise::Dataset), &images, &[], &Pool::new(1).unwrap());
        assert_eq!(
            error.unwrap_err().to_string(),
            "preprocess.normalise: expected a training part to measure, found no image in it"
        );
    }

    #[test]
    fn scaling_divides_exactly() {
        let images = Images::uniform(size(16, 16, 1), (0..=255).collect());
        let plain = values(&fit(&spec(), &images).unwrap(), images.pixels());
        assert!(plain.iter().enumerate().all(|(byte, &value)| value == byte as f32 / 255.0));
        let centred = values(&fit(&spec().scale([-1.0, 1.0]), &images).unwrap(), images.pixels());
        assert_eq!((centred[0], centred[51], centred[255]), (-1.0, -0.6, 1.0));
        let inverted = values(&fit(&spec().scale([1.0, 0.0]), &images).unwrap(), images.pixels());
        assert_eq!((inverted[0], inverted[51], inverted[255]), (1.0, 0.8, 0.0));
    }

    #[test]
    fn a_data_set_is_normalised_by_the_training_part_alone() {
        let images = Images::uniform(size(1, 2, 1), vec![0, 51, 102, 153, 255, 255]);
        let preprocess =
            Preprocess::fit(&spec().normalise(Normalise::Dataset), &images, &[0, 1], &Pool::new(1).unwrap()).unwrap();
        // Scaled: 0, 0.2, 0.4, 0.6; mean 0.3, variance (0.09 + 0.01 + 0.01 + 0.09)/4 = 0.05.
        let statistics = preprocess.statistics().unwrap();
        assert_eq!(statistics.mean, [0.3]);
        assert_eq!(statistics.deviation, [0.05_f32.sqrt()]);
        let found = values(&preprocess, &[0, 255]);
        assert!((found[0] + 0.3 / 0.05_f32.sqrt()).abs() < 1e-6 && (found[1] - 0.7 / 0.05_f32.sqrt()).abs() < 1e-6);
    }

    #[test]
    fn channels_have_their_own_statistics_and_a_constant_one_is_only_centred() {
        let images = Images::uniform(size(1, 2, 3), vec![0, 10, 51, 255, 10, 51]);
        let preprocess = fit(&spec().grayscale(false).normalise(Normalise::Dataset), &images).unwrap();
        assert_eq!(preprocess.statistics().unwrap().deviation, [0.5, 1.0, 1.0]);
        let found = values(&preprocess, images.pixels());
        for (found, expected) in found.iter().zip([-1.0, 0.0, 0.0, 1.0, 0.0, 0.0]) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    #[test]
    fn statistics_do_not_depend_on_threads() {
        let pixels: Vec<u8> = (0..3000 * 12).map(|i| (i * i % 251) as u8).collect();
        let images = Images::uniform(size(2, 2, 3), pixels);
        let train: Vec<u32> = (0..3000).rev().collect();
        let fit = |n_threads| {
            let spec = spec().grayscale(false).size([3, 1]).normalise(Normalise::Dataset);
            Preprocess::fit(&spec, &images, &train, &Pool::new(n_threads).unwrap()).unwrap()
        };
        assert_eq!(fit(1), fit(5));
    }

    #[test]
    fn an_image_is_normalised_by_its_own_mean_and_deviation_however_it_is_scaled() {
        let images = Images::uniform(size(2, 2, 1), vec![0, 100, 100, 200, 7, 7, 7, 7]);
        for (scale, sign) in [([0.0, 1.0], 1.0), ([-3.0, 1.0], 1.0), ([1.0, 0.0], -1.0)] {
            let preprocess = fit(&spec().scale(scale).normalise(Normalise::Image), &images).unwrap();
            let expected = [-(2.0_f32.sqrt()), 0.0, 0.0, 2.0_f32.sqrt()].map(|value| value * sign);
            assert_eq!(values(&preprocess, images.get(0).pixels), expected);
            assert_eq!(values(&preprocess, images.get(1).pixels), [0.0; 4]);
        }
        let colour = Images::uniform(size(1, 2, 3), vec![0, 4, 9, 2, 4, 5]);
        let preprocess = fit(&spec().grayscale(false).normalise(Normalise::Image), &colour).unwrap();
        assert_eq!(values(&preprocess, colour.pixels()), [-1.0, 0.0, 1.0, 1.0, 0.0, -1.0]);
    }

    #[test]
    fn a_stored_preprocess_reads_back_the_same_and_a_wrong_one_is_refused() {
        let images = Images::uniform(size(1, 2, 3), vec![0, 10, 51, 255, 10, 90]);
        for normalise in [Normalise::None, Normalise::Dataset, Normalise::Image] {
            let preprocess = fit(&spec().grayscale(false).normalise(normalise), &images).unwrap();
            let text = serde_json::to_string(&preprocess).unwrap();
            assert_eq!(serde_json::from_str::<Preprocess>(&text).unwrap(), preprocess);
        }
        let refuse = |text: &str, message: &str| {
            let error = serde_json::from_str::<Preprocess>(text).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        };
        refuse(r#"{"spec":{}}"#, "preprocess.size: expected height and width, found neither");
        refuse(r#"{"spec":{"size":[2,2],"normalise":"dataset"}}"#, "preprocess.normalise: expected statistics");
        let (start, end) = (r#"{"spec":{"size":[2,2],"normalise":"dataset"},"statistics":{"#, "}}");
        refuse(&format!(r#"{start}"mean":[1,2],"deviation":[1,2]{end}"#), "statistics of 1 channels, found 2");
        refuse(&format!(r#"{start}"mean":[1],"deviation":[0]{end}"#), "preprocess.scale");
        refuse(r#"{"spec":{"size":[2,2]},"pixels":1}"#, "unknown field `pixels`");
    }
}
