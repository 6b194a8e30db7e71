//! The prepared image that is explained, and what stands for "nothing there".

use super::Baseline;
use crate::data::Preprocess;
use crate::data::dataset::Size;
use crate::engine::Isa;
use crate::spec::pipeline::Normalise;

/// A border is black below this, and white above 255 less this.
const DARK: u8 = 64;

/// A prepared image as bytes and as the network's input.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub(super) size: Size,
    pub(super) bytes: Vec<u8>,
    /// What the network is given.
    pub(super) values: Vec<f32>,
    /// The input that stands for nothing.
    pub(super) ground: Vec<f32>,
    pub(super) baseline: Baseline,
    /// How much an input grows with its byte, per channel.
    pub(super) slope: Vec<f32>,
}

impl Subject {
    /// `baseline` left open: black with the ink rules; else by the median of the image's border: black where it is dark
    /// in every channel, white where it is light, the mean otherwise.
    pub(super) fn new(preprocess: &Preprocess, isa: Isa, bytes: Vec<u8>, baseline: Option<Baseline>) -> Self {
        let size = preprocess.size();
        let mut values = vec![0.0; size.len()];
        preprocess.values_on(isa, &bytes, &mut values);
        let lines: Vec<Line> = (0..size.channels).map(|c| line(preprocess, &bytes, &values, c)).collect();
        let usual = || if preprocess.has_ink() { Baseline::Black } else { of_border(&bytes, size) };
        let baseline = baseline.unwrap_or_else(usual);
        let n_pixels = size.height * size.width;
        let level = |c: usize| match baseline {
            Baseline::Black => 0.0,
            Baseline::White => 255.0,
            Baseline::Mean => {
                let channel = bytes.iter().skip(c).step_by(size.channels);
                (channel.map(|&byte| u64::from(byte)).sum::<u64>() as f64 / n_pixels as f64) as f32
            }
        };
        let pixel: Vec<f32> = lines.iter().enumerate().map(|(c, line)| line.offset + line.slope * level(c)).collect();
        let slope = lines.iter().map(|line| line.slope).collect();
        Self { size, bytes, values, ground: pixel.repeat(n_pixels), baseline, slope }
    }

    /// How many pixels it has.
    pub(super) fn n_pixels(&self) -> usize {
        self.size.height * self.size.width
    }

    /// Whether a pixel is something else than nothing.
    pub(super) fn is_there(&self, pixel: usize) -> bool {
        let values = pixel * self.size.channels..(pixel + 1) * self.size.channels;
        self.values[values.clone()] != self.ground[values]
    }
}

/// `value = offset + slope · byte`.
struct Line {
    offset: f32,
    slope: f32,
}

/// How bytes of channel c become values. Where each image is normalised by itself, two of its own bytes tell.
fn line(preprocess: &Preprocess, bytes: &[u8], values: &[f32], c: usize) -> Line {
    let size = preprocess.size();
    if preprocess.spec().normalise != Normalise::Image {
        let value = |byte: u8| {
            let mut values = vec![0.0; size.len()];
            preprocess.values(&vec![byte; size.len()], &mut values);
            values[c]
        };
        return Line { offset: value(0), slope: (value(255) - value(0)) / 255.0 };
    }
    let channel = || bytes.iter().zip(values).skip(c).step_by(size.channels);
    let (Some(low), Some(high)) = (channel().min_by_key(|(byte, _)| **byte), channel().max_by_key(|(byte, _)| **byte))
    else {
        return Line { offset: 0.0, slope: 0.0 };
    };
    let range = f32::from(high.0 - low.0);
    let slope = if range > 0.0 { (high.1 - low.1) / range } else { 0.0 };
    Line { offset: low.1 - slope * f32::from(*low.0), slope }
}

fn of_border(bytes: &[u8], size: Size) -> Baseline {
    let is_border = |pixel: usize| {
        let (row, column) = (pixel / size.width, pixel % size.width);
        row == 0 || column == 0 || row + 1 == size.height || column + 1 == size.width
    };
    let medians: Vec<u8> = (0..size.channels)
        .map(|c| {
            let pixels = bytes.iter().skip(c).step_by(size.channels).enumerate();
            let mut border: Vec<u8> = pixels.filter(|(pixel, _)| is_border(*pixel)).map(|(_, &byte)| byte).collect();
            border.sort_unstable();
            border[border.len() / 2]
        })
        .collect();
    if medians.iter().all(|&median| median < DARK) {
        Baseline::Black
    } else if medians.iter().all(|&median| median > 255 - DARK) {
        Baseline::White
    } else {
        Baseline::Mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Images;
    use crate::parallel::Pool;
    use crate::spec::PreprocessSpec;

    fn subject(normalise: Normalise, pixels: &[u8]) -> Subject {
        let size = Size { height: 2, width: 2, channels: 1 };
        let images = Images::uniform(size, pixels.to_vec());
        let spec = PreprocessSpec { normalise, ..PreprocessSpec::default() };
        let preprocess = Preprocess::fit(&spec, &images, &[0], &Pool::current_thread()).unwrap();
        Subject::new(&preprocess, Isa::SCALAR, pixels.to_vec(), None)
    }

    #[test]
    fn the_border_says_what_nothing_is() {
        assert_eq!(subject(Normalise::None, &[0, 3, 255, 0]).baseline, Baseline::Black);
        assert_eq!(subject(Normalise::None, &[255, 250, 0, 255]).baseline, Baseline::White);
        assert_eq!(subject(Normalise::None, &[100, 140, 120, 120]).baseline, Baseline::Mean);
    }

    #[test]
    fn nothing_is_the_value_of_a_ground_pixel_however_values_are_normalised() {
        for normalise in [Normalise::None, Normalise::Dataset, Normalise::Image] {
            let subject = subject(normalise, &[0, 0, 51, 255]);
            assert!((subject.ground[3] - subject.values[0]).abs() < 1e-6, "{normalise:?}");
            assert_eq!((0..4).map(|i| subject.is_there(i)).collect::<Vec<_>>(), [false, false, true, true]);
            let step = (subject.values[3] - subject.values[2]) / 204.0;
            assert!((subject.slope[0] - step).abs() < 1e-6, "{normalise:?}");
        }
    }
}
