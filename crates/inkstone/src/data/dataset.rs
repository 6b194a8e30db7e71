//! Images in memory as they were read: bytes, labels, names of classes, and where each sample comes from.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::stream::Stream;
use crate::error::{Error, ErrorKind, Result};
use crate::parallel::Pool;

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

/// The images and labels of one part, as array files hold them.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// The part, where the source says so.
    pub part: Option<Part>,
    /// The size of every image.
    pub size: Size,
    /// The pixels, one image behind the other.
    pub pixels: Vec<u8>,
    /// A label per image.
    pub labels: Vec<u32>,
    /// A group per image (its writer), where known.
    pub groups: Option<Vec<u32>>,
}

impl Dataset {
    /// These samples alone, with all classes.
    ///
    /// # Panics
    /// If there is no such sample.
    #[must_use]
    pub fn subset(&self, indices: &[u32]) -> Self {
        Self {
            name: self.name.clone(),
            classes: self.classes.clone(),
            images: self.images.select(indices),
            samples: indices.iter().map(|&i| self.samples[i as usize].clone()).collect(),
        }
    }

    /// Name, classes and samples, without a pixel: for images that take the place of these.
    #[cfg(feature = "formats")]
    pub(crate) fn clone_without_images(&self) -> Self {
        Self {
            name: self.name.clone(),
            classes: self.classes.clone(),
            images: Images::collect([]),
            samples: self.samples.clone(),
        }
    }

    /// A dataset from arrays in memory, part by part.
    ///
    /// # Errors
    /// `Data` where labels and images differ in number, a label has no class, or there is no image at all.
    ///
    /// ```
    /// use inkstone::data::dataset::{Dataset, Rows, Size};
    /// let size = Size { height: 1, width: 2, channels: 1 };
    /// let rows = Rows { part: None, size, pixels: vec![0, 255, 255, 0], labels: vec![0, 1], groups: None };
    /// let dataset = Dataset::from_rows("mine", vec!["left".into(), "right".into()], vec![rows])?;
    /// assert_eq!(dataset.images.get(1).pixels, [255, 0]);
    /// # Ok::<(), inkstone::Error>(())
    /// ```
    pub fn from_rows(name: impl Into<String>, classes: Vec<String>, parts: Vec<Rows>) -> Result<Self> {
        let mut samples = Vec::with_capacity(parts.iter().map(|rows| rows.labels.len()).sum());
        for rows in &parts {
            rows.check(classes.len())?;
            for (index, &label) in rows.labels.iter().enumerate() {
                let id = SampleId::Row { part: rows.part, index: index as u32 };
                let group = rows.groups.as_ref().map(|groups| groups[index]);
                samples.push(Sample { label, part: rows.part, id, group });
            }
        }
        if samples.is_empty() || u32::try_from(samples.len()).is_err() {
            let found = format!("{} images", samples.len());
            return Err(Error::mismatch(ErrorKind::Data, "1 to 4294967295 images", found));
        }
        Ok(Self { name: name.into(), classes, images: join(parts), samples })
    }

    /// Label and part of every sample, counted: `counts[label][part]`, parts in the order of [`Part`], then none.
    pub fn counts(&self) -> Vec<[usize; 4]> {
        let mut counts = vec![[0; 4]; self.classes.len()];
        for sample in &self.samples {
            counts[sample.label as usize][sample.part.map_or(3, |part| part as usize)] += 1;
        }
        counts
    }
}

impl Rows {
    fn check(&self, n_classes: usize) -> Result<()> {
        let place = self.part.map_or("the arrays", Part::name);
        let mismatch = |expected, found| Err(Error::mismatch(ErrorKind::Data, expected, found).with_place(place));
        let n = self.labels.len();
        if self.size.is_empty() || !matches!(self.size.channels, 1 | 3) {
            return mismatch("images with pixels of 1 or 3 channels".to_owned(), format!("images of {}", self.size));
        }
        if n.checked_mul(self.size.len()) != Some(self.pixels.len()) {
            let n_images = self.pixels.len() as f64 / self.size.len() as f64;
            return mismatch(format!("as many labels as images ({n_images})"), format!("{n} labels"));
        }
        if let Some(groups) = self.groups.as_ref().filter(|groups| groups.len() != n) {
            return mismatch(format!("a group for each of {n} images"), format!("{} groups", groups.len()));
        }
        match self.labels.iter().position(|&label| label as usize >= n_classes) {
            Some(i) => mismatch(format!("labels below {n_classes}"), format!("{} at row {i}", self.labels[i])),
            None => Ok(()),
        }
    }
}

/// All images of all parts. The first part's memory is extended rather than copied.
fn join(mut parts: Vec<Rows>) -> Images {
    if parts.iter().any(|rows| rows.size != parts[0].size) {
        return Images::collect(parts.iter().flat_map(|rows| {
            rows.pixels.chunks_exact(rows.size.len()).map(|pixels| Image { size: rows.size, pixels })
        }));
    }
    let size = parts[0].size;
    let mut pixels = std::mem::take(&mut parts[0].pixels);
    pixels.reserve_exact(parts.iter().map(|rows| rows.pixels.len()).sum());
    for rows in &parts {
        pixels.extend_from_slice(&rows.pixels);
    }
    Images::uniform(size, pixels)
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

    /// The part that a word in a file's or folder's name, or in a column, stands for; capitals do not matter.
    ///
    /// ```
    /// use inkstone::data::Part;
    /// assert_eq!((Part::from_word("val"), Part::from_word("T10k")), (Some(Part::Validation), Some(Part::Test)));
    /// assert_eq!(Part::from_word("trainer"), None);
    /// ```
    pub fn from_word(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "train" | "training" => Some(Self::Train),
            "validation" | "valid" | "val" => Some(Self::Validation),
            "test" | "testing" | "t10k" => Some(Self::Test),
            _ => None,
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
///
/// Those of a set that is larger than memory stay in their files (see [`super::StreamOptions`]): [`Images::with`] hands
/// them out one by one.
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
    /// All of one size, in files.
    Streamed(Streamed),
}

/// Images in files, or some of them.
#[derive(Debug, Clone)]
struct Streamed {
    size: Size,
    stream: Arc<Stream>,
    /// Which record each image is, where not all are there.
    records: Option<Arc<[u32]>>,
}

impl Streamed {
    fn record(&self, i: usize) -> usize {
        self.records.as_ref().map_or(i, |records| records[i] as usize)
    }
}

impl PartialEq for Streamed {
    fn eq(&self, other: &Self) -> bool {
        self.size == other.size && self.records == other.records && Arc::ptr_eq(&self.stream, &other.stream)
    }
}

impl Eq for Streamed {}

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

    /// Images of these sizes from their bytes, one behind the other.
    ///
    /// # Panics
    /// If there are more or fewer bytes.
    #[cfg(feature = "formats")]
    pub(super) fn of_sizes(sizes: &[Size], pixels: Vec<u8>) -> Self {
        let mut end = 0;
        let mut place = |size: &Size| {
            end += size.len();
            (end - size.len(), *size)
        };
        let places: Vec<_> = sizes.iter().map(&mut place).collect();
        assert_eq!(end, pixels.len(), "as many bytes as the sizes say");
        match sizes {
            [first, rest @ ..] if rest.iter().all(|size| size == first) => Self::uniform(*first, pixels),
            _ => Self { pixels, layout: Layout::Mixed(places) },
        }
    }

    /// Images that stay in files.
    pub(super) fn streamed(size: Size, stream: Stream) -> Self {
        Self {
            pixels: Vec::new(),
            layout: Layout::Streamed(Streamed { size, stream: Arc::new(stream), records: None }),
        }
    }

    /// These images alone, in this order. Those in files stay there.
    ///
    /// # Panics
    /// If there is no such image.
    #[must_use]
    pub fn select(&self, indices: &[u32]) -> Self {
        match &self.layout {
            Layout::Streamed(streamed) => {
                let records = indices.iter().map(|&i| streamed.record(i as usize) as u32).collect();
                let layout = Layout::Streamed(Streamed { records: Some(records), ..streamed.clone() });
                Self { pixels: Vec::new(), layout }
            }
            _ => Self::collect(indices.iter().map(|&i| self.get(i as usize))),
        }
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        match &self.layout {
            Layout::Uniform { n, .. } => *n,
            Layout::Mixed(places) => places.len(),
            Layout::Streamed(Streamed { stream, records, .. }) => {
                records.as_ref().map_or(stream.len(), |all| all.len())
            }
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether they stay in files.
    pub fn is_streamed(&self) -> bool {
        matches!(self.layout, Layout::Streamed(_))
    }

    /// The size that all images share, if they do.
    pub fn uniform_size(&self) -> Option<Size> {
        match &self.layout {
            Layout::Uniform { size, .. } | Layout::Streamed(Streamed { size, .. }) => Some(*size),
            Layout::Mixed(_) => None,
        }
    }

    /// The size of image i.
    pub fn size(&self, i: usize) -> Size {
        match &self.layout {
            Layout::Uniform { size, .. } | Layout::Streamed(Streamed { size, .. }) => *size,
            Layout::Mixed(places) => places[i].1,
        }
    }

    /// Image i. One that stays in a file is read, and its block with it stays in memory: for many of them there is
    /// [`Images::with`].
    pub fn get(&self, i: usize) -> Image<'_> {
        let (start, size) = match &self.layout {
            Layout::Uniform { size, .. } => (i * size.len(), *size),
            Layout::Mixed(places) => places[i],
            Layout::Streamed(streamed) => {
                return Image { size: streamed.size, pixels: streamed.stream.get(streamed.record(i)) };
            }
        };
        Image { size, pixels: &self.pixels[start..start + size.len()] }
    }

    /// Hands out image i, wherever it is; nothing of it stays in memory. One that can no longer be read is black, and
    /// [`Images::check`] tells.
    pub fn with<R>(&self, i: usize, take: impl FnOnce(Image<'_>) -> R) -> R {
        match &self.layout {
            Layout::Streamed(streamed) => {
                let size = streamed.size;
                streamed.stream.with(streamed.record(i), |pixels| take(Image { size, pixels }))
            }
            _ => take(self.get(i)),
        }
    }

    /// Sees to it that these images are in memory, where they stay in files: see [`Images::window`].
    ///
    /// # Errors
    /// `Io` where they cannot be read.
    pub(crate) fn load(&self, indices: impl Iterator<Item = u32>, pool: &Pool) -> Result<()> {
        match &self.layout {
            Layout::Streamed(streamed) => {
                streamed.stream.check()?;
                streamed.stream.load(indices.map(|i| streamed.record(i as usize) as u32), pool)
            }
            _ => Ok(()),
        }
    }

    /// Whether all that was asked for could be read.
    ///
    /// # Errors
    /// `Io` where a file became unreadable.
    pub fn check(&self) -> Result<()> {
        match &self.layout {
            Layout::Streamed(streamed) => streamed.stream.check(),
            _ => Ok(()),
        }
    }

    /// How many blocks an epoch's order is shuffled among, where images stay in files.
    pub(super) fn window(&self) -> Option<usize> {
        match &self.layout {
            Layout::Streamed(streamed) => Some(streamed.stream.window()),
            _ => None,
        }
    }

    /// The block that image i is read with; 0 where all are in memory.
    pub(super) fn block_of(&self, i: u32) -> u32 {
        match &self.layout {
            Layout::Streamed(streamed) => streamed.stream.block_of(streamed.record(i as usize) as u32),
            _ => 0,
        }
    }

    /// All bytes, one image behind the other.
    ///
    /// # Panics
    /// If they stay in files.
    pub fn pixels(&self) -> &[u8] {
        assert!(!self.is_streamed(), "streamed images are not in memory all at once");
        &self.pixels
    }
}
