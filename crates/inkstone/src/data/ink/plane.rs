//! One channel of 8-bit values, and the filters over it that the rules need. Knows nothing of ink.

use crate::data::dataset::{Image, Size};
use crate::data::resize::resize;

/// The larger or the smaller of two values, and the value that never is.
type Extreme = (fn(u8, u8) -> u8, u8);

/// Grey values, row by row. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plane {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) pixels: Vec<u8>,
}

impl Plane {
    pub(super) fn new(width: usize, height: usize, pixels: Vec<u8>) -> Self {
        assert!(width > 0 && pixels.len() == width * height, "a plane has width × height values");
        Self { width, height, pixels }
    }

    /// A plane of one value.
    pub(super) fn constant(width: usize, height: usize, value: u8) -> Self {
        Self::new(width, height, vec![value; width * height])
    }

    pub(super) fn row(&self, y: usize) -> &[u8] {
        &self.pixels[y * self.width..][..self.width]
    }

    pub(super) fn at(&self, x: usize, y: usize) -> u8 {
        self.pixels[y * self.width + x]
    }

    /// The plane as an image of one channel.
    pub(super) fn as_image(&self) -> Image<'_> {
        Image { size: Size { height: self.height, width: self.width, channels: 1 }, pixels: &self.pixels }
    }

    /// Every value replaced by what `rule` makes of it.
    pub(super) fn map(&self, rule: impl Fn(u8) -> u8) -> Self {
        Self::new(self.width, self.height, self.pixels.iter().map(|&value| rule(value)).collect())
    }

    /// The plane brought to another size (`data::resize`: area or bilinear).
    pub(super) fn resized(&self, width: usize, height: usize) -> Self {
        let mut out = vec![0; width * height];
        resize(self.as_image(), height, width, &mut out);
        Self::new(width, height, out)
    }

    /// The plane with its longer side at most `side`; as it is where it is no longer already.
    pub(super) fn reduced(&self, side: usize) -> Self {
        let longer = self.width.max(self.height);
        if longer <= side {
            return self.clone();
        }
        let scaled = |length: usize| (length * side).div_ceil(longer).max(1);
        self.resized(scaled(self.width), scaled(self.height))
    }

    /// The largest value within `radius` in rows and columns; outside the plane there is nothing.
    pub(super) fn dilated(&self, radius: usize) -> Self {
        self.filtered(radius, (u8::max, 0))
    }

    /// The smallest value within `radius` in rows and columns.
    pub(super) fn eroded(&self, radius: usize) -> Self {
        self.filtered(radius, (u8::min, 255))
    }

    fn filtered(&self, radius: usize, extreme: Extreme) -> Self {
        if radius == 0 {
            return self.clone();
        }
        let mut pixels = Vec::with_capacity(self.pixels.len());
        for y in 0..self.height {
            running(self.row(y), radius, extreme, &mut pixels);
        }
        let rows = Self::new(self.width, self.height, pixels).transposed();
        let mut pixels = Vec::with_capacity(self.pixels.len());
        for x in 0..rows.height {
            running(rows.row(x), radius, extreme, &mut pixels);
        }
        Self::new(self.height, self.width, pixels).transposed()
    }

    pub(super) fn transposed(&self) -> Self {
        let columns = (0..self.width).flat_map(|x| (0..self.height).map(move |y| self.at(x, y)));
        Self::new(self.height, self.width, columns.collect())
    }

    /// The plane with `margin` more pixels on each side, as those at its border.
    pub(super) fn extended(&self, margin: usize) -> Self {
        let (width, height) = (self.width + 2 * margin, self.height + 2 * margin);
        let inside = |i: usize, n: usize| i.saturating_sub(margin).min(n - 1);
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let pixels = places.map(|(x, y)| self.at(inside(x, self.width), inside(y, self.height)));
        Self::new(width, height, pixels.collect())
    }

    /// The plane without `margin` pixels on each side.
    pub(super) fn inner(&self, margin: usize) -> Self {
        let (width, height) = (self.width - 2 * margin, self.height - 2 * margin);
        let rows = (margin..margin + height).flat_map(|y| self.row(y)[margin..margin + width].iter().copied());
        Self::new(width, height, rows.collect())
    }

    /// The mean within `radius` in rows and columns, of what lies in the plane.
    pub(super) fn blurred(&self, radius: usize) -> Self {
        let mut pixels = Vec::with_capacity(self.pixels.len());
        for y in 0..self.height {
            means(self.row(y), radius, &mut pixels);
        }
        let rows = Self::new(self.width, self.height, pixels).transposed();
        let mut pixels = Vec::with_capacity(self.pixels.len());
        for x in 0..rows.height {
            means(rows.row(x), radius, &mut pixels);
        }
        Self::new(self.height, self.width, pixels).transposed()
    }
}

/// The chosen value of each window of 2·radius + 1, in three choices per value however wide the window
/// (van Herk 1992, Gil and Werman 1993): prefixes and suffixes within blocks of the window's width. Beyond the line
/// lies `neutral`, which is never chosen.
fn running(line: &[u8], radius: usize, (choose, neutral): Extreme, out: &mut Vec<u8>) {
    let (n, radius) = (line.len(), radius.min(line.len()));
    let window = 2 * radius + 1;
    let mut prefix = vec![neutral; n + 2 * radius];
    prefix[radius..radius + n].copy_from_slice(line);
    let mut suffix = prefix.clone();
    for i in 1..prefix.len() {
        if i % window != 0 {
            prefix[i] = choose(prefix[i], prefix[i - 1]);
        }
        let back = suffix.len() - 1 - i;
        if (back + 1) % window != 0 {
            suffix[back] = choose(suffix[back], suffix[back + 1]);
        }
    }
    out.extend(suffix.iter().zip(&prefix[2 * radius..]).map(|(&left, &right)| choose(left, right)));
}

fn means(line: &[u8], radius: usize, out: &mut Vec<u8>) {
    let n = line.len();
    let mut sum: usize = line.iter().take(radius).map(|&value| usize::from(value)).sum();
    for i in 0..n {
        if i + radius < n {
            sum += usize::from(line[i + radius]);
        }
        if i > radius {
            sum -= usize::from(line[i - radius - 1]);
        }
        let count = (i + radius).min(n - 1) - i.saturating_sub(radius) + 1;
        out.push(((sum + count / 2) / count) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_extremes_are_those_of_each_window() {
        let values: Vec<u8> = (0..41_usize).map(|i| (i * i * 37 % 251) as u8).collect();
        for n in 1..values.len() {
            for radius in 0..n + 3 {
                let plane = Plane::new(n, 1, values[..n].to_vec());
                let window = |i: usize| &values[i.saturating_sub(radius)..(i + radius + 1).min(n)];
                let largest: Vec<u8> = (0..n).map(|i| *window(i).iter().max().unwrap()).collect();
                let smallest: Vec<u8> = (0..n).map(|i| *window(i).iter().min().unwrap()).collect();
                assert_eq!(plane.dilated(radius).pixels, largest, "{n} {radius}");
                assert_eq!(plane.eroded(radius).transposed().pixels, smallest, "{n} {radius}");
            }
        }
    }

    #[test]
    fn a_mean_counts_only_what_lies_in_the_plane() {
        let plane = Plane::new(3, 2, vec![0, 3, 6, 0, 3, 6]);
        assert_eq!(plane.blurred(1).pixels, [2, 3, 5, 2, 3, 5]);
        assert_eq!(plane.blurred(5).pixels, [3; 6]);
        assert_eq!(plane.blurred(0), plane);
    }
}
