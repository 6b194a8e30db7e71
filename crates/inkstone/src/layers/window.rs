//! Which pixels the windows of a convolution or pool see. Pixels outside the image are left out, never read.

use crate::shape::Shape;
use crate::spec::plan::Window;

/// Windows over an image: window (i, j) starts at row i·s − p and column j·s − p and gives pixel (i, j) of the result.
#[derive(Debug, Clone, Copy)]
pub struct Geometry {
    /// Size, stride s and padding p.
    pub window: Window,
    /// Rows, columns and channels of the image.
    pub input: [usize; 3],
    /// Rows, columns and channels of the result.
    pub output: [usize; 3],
}

/// One place of a window that lies inside the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tap {
    /// Where in the window: u · (columns of the window) + v.
    pub index: usize,
    /// Where in the image: the position of the pixel's first channel.
    pub pixel: usize,
}

impl Geometry {
    /// The windows of a plan's layer.
    ///
    /// # Panics
    /// If a shape is a vector; no plan has windows over vectors.
    pub fn new(window: Window, input: Shape, output: Shape) -> Self {
        let sides = |shape| match shape {
            Shape::Image { height, width, channels } => [height, width, channels],
            Shape::Flat(_) => panic!("a plan has windows over images only"),
        };
        Self { window, input: sides(input), output: sides(output) }
    }

    /// Every window (i, j), row by row, with the position of the first channel of its pixel in the result.
    pub fn windows(&self) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
        let [rows, columns, channels] = self.output;
        (0..rows * columns).map(move |k| (k / columns, k % columns, k * channels))
    }

    /// The places of window (i, j) inside the image, row by row.
    pub fn taps(&self, i: usize, j: usize) -> impl Iterator<Item = Tap> + use<> {
        let [height, width, channels] = self.input;
        let columns_of_window = self.window.size[1];
        let columns = self.inside(1, j, width);
        self.inside(0, i, height).flat_map(move |(u, row)| {
            columns.clone().map(move |(v, column)| Tap {
                index: u * columns_of_window + v,
                pixel: (row * width + column) * channels,
            })
        })
    }

    /// Along one axis: the places u of window i whose position i·s + u − p lies in 0..length, with that position.
    fn inside(&self, axis: usize, i: usize, length: usize) -> impl Iterator<Item = (usize, usize)> + Clone + use<> {
        let Window { size, stride, before, .. } = self.window;
        let start = i * stride[axis];
        let padding = before[axis];
        (0..size[axis])
            .filter_map(move |u| (start + u).checked_sub(padding).map(|position| (u, position)))
            .filter(move |&(_, position)| position < length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_at_the_corner_sees_only_the_pixels_inside() {
        let window = Window { size: [3, 3], stride: [2, 2], before: [1, 0], after: [1, 1] };
        let geometry = Geometry::new(window, Shape::image(3, 4, 5), Shape::image(2, 2, 1));
        let taps = |i, j| geometry.taps(i, j).map(|tap| (tap.index, tap.pixel / 5)).collect::<Vec<_>>();
        assert_eq!(taps(0, 0), [(3, 0), (4, 1), (5, 2), (6, 4), (7, 5), (8, 6)]);
        assert_eq!(taps(1, 1), [(0, 6), (1, 7), (3, 10), (4, 11)]);
        assert_eq!(geometry.windows().last(), Some((1, 1, 3)));
    }
}
