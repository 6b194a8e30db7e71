//! Where the rows of a product stand in memory: a convolution reads its input in place, without an im2col copy.

/// Rows of length `segments · segment_len`: row p is the segments
/// `values[offsets[p] + s·segment_stride ..][..segment_len]` for s = 0, 1, …
///
/// For a k×k convolution over an image in memory order H, W, C a segment is one line of the window: k·C values; the
/// segments are W·C values apart. A dense layer's rows are the images of the batch, each one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gather {
    offsets: Vec<u32>,
    segments: usize,
    segment_stride: usize,
    segment_len: usize,
    /// [`Gather::reach_of`] all rows, counted once.
    reach: usize,
}

impl Gather {
    /// Rows that start at `offsets`.
    ///
    /// # Panics
    /// If there is no row or a row has no value.
    pub fn new(offsets: Vec<u32>, segments: usize, segment_stride: usize, segment_len: usize) -> Self {
        assert!(segments > 0 && segment_len > 0, "a row has at least one value");
        assert!(!offsets.is_empty(), "a gather has at least one row");
        let mut gather = Self { offsets, segments, segment_stride, segment_len, reach: 0 };
        gather.reach = gather.reach_of(gather.n_rows());
        gather
    }

    /// Rows of `len` values, one behind the other.
    pub fn dense(n_rows: usize, len: usize, stride: usize) -> Self {
        Self::new((0..n_rows).map(|i| (i * stride) as u32).collect(), 1, 0, len)
    }

    /// How many rows there are.
    pub fn n_rows(&self) -> usize {
        self.offsets.len()
    }

    /// How many values a row has.
    pub fn row_len(&self) -> usize {
        self.segments * self.segment_len
    }

    /// Where each row starts.
    pub fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    /// How many pieces a row has.
    pub fn segments(&self) -> usize {
        self.segments
    }

    /// From the start of one piece to the start of the next.
    pub fn segment_stride(&self) -> usize {
        self.segment_stride
    }

    /// How many values a piece has.
    pub fn segment_len(&self) -> usize {
        self.segment_len
    }

    /// How many values a slice must have for the first `n_rows` rows to lie inside it.
    pub fn reach_of(&self, n_rows: usize) -> usize {
        if n_rows == self.n_rows() && self.reach > 0 {
            return self.reach;
        }
        let largest = self.offsets[..n_rows].iter().max().map_or(0, |&offset| offset as usize);
        largest + (self.segments - 1) * self.segment_stride + self.segment_len
    }
}
