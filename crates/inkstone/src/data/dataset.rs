//! Images in memory as they were read: bytes, labels, names of classes, and where each sample comes from.

use std::fmt;
use std::path::PathBuf;

/// A set of labelled images. Pixels stay 8-bit.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// What the source is called: `mnist`, or the folder's name.
    pub name: String,
    /// The classes' names; a label is an index into them.
    pub classes: Vec<String>,
    /// The pixels.
    pub images: Images,
    /// The samples, in the source's order; sample i belongs to image i.
    pub samples: Vec<Sample>,
}

/// What is known of one image beside its pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Index into [`Dataset::classes`].
    pub label: u32,
    /// The part that the source itself puts it in.
    pub part: Option<Part>,
    /// What names it, whatever its position.
    pub id: SampleId,
    /// Samples of one group (a writer, say) stay in one part of a split.
    pub group: Option<u32>,
}

/// A part of a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// What the parameters are fitted on.
    Train,
    /// What chooses between epochs.
    Validation,
    /// What is measured once, at the end.
    Test,
}

impl Part {
    /// The word used in folders, files and options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// Where a sample comes from. Printed as `train/17` or as a path with forward slashes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SampleId {
    /// A row of an array file of a part.
    Row {
        /// The part, where the file belongs to one.
        part: Option<Part>,
        /// Counted from 0.
        index: u32,
    },
    /// A file, relative to the source's folder.
    File(PathBuf),
}

impl fmt::Display for SampleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row { part: Some(part), index } => write!(f, "{}/{index}", part.name()),
            Self::Row { part: None, index } => write!(f, "{index}"),
            Self::File(path) => {
                let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
                f.write_str(&parts.join("/"))
            }
        }
    }
}

/// Images of 8-bit pixels, one behind the other, each in memory order H, W, C.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    pixels: Vec<u8>,
    layout: Layout,
}

/// Where each image stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Layout {
    /// All of one size.
    Uniform { n: usize, size: Size },
    /// Each of its own.
    Mixed(Vec<(usize, Size)>),
}

/// Height, width and channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Size {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// 1 (grey) or 3 (RGB).
    pub channels: usize,
}

impl Size {
    /// How many bytes an image of this size has.
    pub fn len(self) -> usize {
        self.height * self.width * self.channels
    }

    /// Whether the image has no pixel.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}×{}×{}", self.height, self.width, self.channels)
    }
}

/// One image: its size and a view of its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Image<'a> {
    /// Height, width and channels.
    pub size: Size,
    /// `size.len()` bytes, channels fastest.
    pub pixels: &'a [u8],
}

impl Images {
    /// Images of one size from their bytes, one behind the other.
    ///
    /// # Panics
    /// If the bytes are no whole number of images.
    pub fn uniform(size: Size, pixels: Vec<u8>) -> Self {
        assert!(
            !size.is_empty() && pixels.len().is_multiple_of(size.len()),
            "{} bytes are no images of {size}",
            pixels.len()
        );
        Self { layout: Layout::Uniform { n: pixels.len() / size.len(), size }, pixels }
    }

    /// Images that may differ in size. If they do not, the result is the same as [`Images::uniform`]'s.
    pub fn collect<'a>(images: impl IntoIterator<Item = Image<'a>>) -> Self {
        let mut pixels = Vec::new();
        let mut places = Vec::new();
        for image in images {
            assert_eq!(image.pixels.len(), image.size.len(), "an image has as many bytes as its size says");
            places.push((pixels.len(), image.size));
            pixels.extend_from_slice(image.pixels);
        }
        match places.first() {
            Some(&(_, size)) if places.iter().all(|place| place.1 == size) => Self::uniform(size, pixels),
            _ => Self { pixels, layout: Layout::Mixed(places) },
        }
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        match &self.layout {
            Layout::Uniform { n, .. } => *n,
            Layout::Mixed(places) => places.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The size that all images share, if they do.
    pub fn uniform_size(&self) -> Option<Size> {
        match &self.layout {
            Layout::Uniform { size, .. } => Some(*size),
            Layout::Mixed(_) => None,
        }
    }

    /// Image i.
    pub fn get(&self, i: usize) -> Image<'_> {
        let (start, size) = match &self.layout {
            Layout::Uniform { size, .. } => (i * size.len(), *size),
            Layout::Mixed(places) => places[i],
        };
        Image { size, pixels: &self.pixels[start..start + size.len()] }
    }

    /// All bytes, one image behind the other.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }
}
