//! The shape of one sample between two layers. Batches are not part of it.

use std::fmt;

/// Height, width and channels of an image in memory order H, W, C; or the length of a vector.
///
/// `Flat(n)` and `Image` with the same number of values share one memory order, so flattening moves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// An image: rows, columns, channels; channels vary fastest.
    Image {
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
        /// Values per pixel.
        channels: usize,
    },
    /// A vector.
    Flat(usize),
}

impl Shape {
    /// An image shape from height, width, channels.
    pub fn image(height: usize, width: usize, channels: usize) -> Self {
        Self::Image { height, width, channels }
    }

    /// How many values a sample of this shape has.
    pub fn len(self) -> usize {
        match self {
            Self::Image { height, width, channels } => height * width * channels,
            Self::Flat(n) => n,
        }
    }

    /// Height, width and channels, or the one length.
    pub fn dimensions(self) -> Vec<usize> {
        match self {
            Self::Image { height, width, channels } => vec![height, width, channels],
            Self::Flat(n) => vec![n],
        }
    }

    /// Whether the shape holds no value.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The values per pixel of an image; the length of a vector: what a normalisation is counted over.
    pub fn channels(self) -> usize {
        match self {
            Self::Image { channels, .. } => channels,
            Self::Flat(n) => n,
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image { height, width, channels } => write!(f, "{height}×{width}×{channels}"),
            Self::Flat(n) => write!(f, "{n}"),
        }
    }
}
