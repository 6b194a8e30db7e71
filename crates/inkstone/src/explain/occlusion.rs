//! Occlusion: what is lost where a window of the image is covered. Exact: each window is one more image.

use super::map::Explained;
use crate::data::dataset::Size;

/// A window's side is this part of the image's: large enough to cover a stroke, small enough to tell strokes apart.
const SIDES: usize = 7;
/// Windows along a side, about: a larger image has larger steps between them.
const STEPS: usize = 28;

/// Windows that cover the image, overlapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Windows {
    size: Size,
    side: [usize; 2],
    corners: Vec<[usize; 2]>,
}

impl Windows {
    /// The windows of an image of this size: at 28×28 a window of 4×4 at each of 25×25 places.
    pub(super) fn over(size: Size) -> Self {
        let side = [size.height, size.width].map(|length| ((length + SIDES / 2) / SIDES).clamp(1, length));
        let starts = |length: usize, side: usize| {
            let step = (length / STEPS).max(1);
            let mut starts: Vec<usize> = (0..=length - side).step_by(step).collect();
            if starts.last() != Some(&(length - side)) {
                starts.push(length - side);
            }
            starts
        };
        let columns = starts(size.width, side[1]);
        let rows = starts(size.height, side[0]).into_iter();
        let corners = rows.flat_map(|row| columns.iter().map(move |&column| [row, column])).collect();
        Self { size, side, corners }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.corners.len()
    }

    /// The pixels of window k.
    pub(super) fn pixels(&self, k: usize) -> impl Iterator<Item = usize> + '_ {
        let [top, left] = self.corners[k];
        let columns = left..left + self.side[1];
        (top..top + self.side[0]).flat_map(move |row| columns.clone().map(move |column| row * self.size.width + column))
    }
}

impl Explained<'_> {
    /// `F(x) − F(x without window k)` for each window. Where a window hides nothing, that is 0 without asking.
    pub(super) fn drops(&self, windows: &Windows) -> Vec<f64> {
        let subject = self.subject;
        let channels = subject.size.channels;
        let hides = |k: &usize| windows.pixels(*k).any(|pixel| subject.is_there(pixel));
        let asked: Vec<usize> = (0..windows.len()).filter(hides).collect();
        let write = |i: usize, values: &mut [f32]| {
            values.copy_from_slice(&subject.values);
            if let Some(&k) = i.checked_sub(1).map(|i| &asked[i]) {
                for pixel in windows.pixels(k) {
                    let place = pixel * channels..(pixel + 1) * channels;
                    values[place.clone()].copy_from_slice(&subject.ground[place]);
                }
            }
        };
        let scores = self.network.scores(asked.len() + 1, self.question, &write);
        let mut drops = vec![0.0; windows.len()];
        asked.iter().zip(&scores[1..]).for_each(|(&k, score)| drops[k] = scores[0] - score);
        drops
    }
}

/// Each pixel is the mean of the windows over it.
pub(super) fn spread(windows: &Windows, drops: &[f64]) -> Vec<f32> {
    let mut sums = vec![[0.0, 0.0]; windows.size.height * windows.size.width];
    for (k, drop) in drops.iter().enumerate() {
        windows.pixels(k).for_each(|pixel| sums[pixel] = [sums[pixel][0] + drop, sums[pixel][1] + 1.0]);
    }
    sums.into_iter().map(|[sum, n]| (sum / f64::max(n, 1.0)) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_every_pixel_of_every_size() {
        for [height, width] in [[28, 28], [1, 1], [3, 50], [96, 64], [224, 300]] {
            let windows = Windows::over(Size { height, width, channels: 1 });
            let covered = spread(&windows, &vec![2.5; windows.len()]);
            assert!(covered.iter().all(|&value| value == 2.5), "{height}×{width}");
            assert!(windows.len() <= 1600, "{height}×{width}: {} windows", windows.len());
        }
        assert_eq!(Windows::over(Size { height: 28, width: 28, channels: 1 }).len(), 625);
    }
}
