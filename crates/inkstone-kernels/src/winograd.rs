//! Convolutions of 3×3 and stride 1 by minimal filtering F(2×2, 3×3) (Winograd 1980; Lavin & Gray 2016): 16 products
//! per input channel give four outputs, where the textbook takes 36.
//!
//! A tile of 4×4 inputs becomes V = BᵀdB, a 3×3 kernel becomes U = GgGᵀ; for each of the 16 frequencies M = V·U is a
//! small matrix product over the input channels, and Y = AᵀMA are 2×2 outputs: exactly one window of a 2×2 max pool,
//! which is taken before anything is stored.
//!
//! ```text
//! Bᵀ = 1  0 −1  0    G =  1   0   0    Aᵀ = 1  1  1  0
//!      0  1  1  0        ½   ½   ½          0  1 −1 −1
//!      0 −1  1  0        ½  −½   ½
//!      0  1  0 −1         0   0   1
//! ```

use crate::pool::{bit_words, first_largest, put_bits, rectified};
use crate::product::Epilogue;
use crate::vector::{Kernel, Vector};
use crate::{AlignedBuffer, Isa};

/// Products per tile: a 4×4 tile has as many frequencies.
const FREQUENCIES: usize = 16;
/// Tiles that are worked on at once, at most: their products fill the registers.
const MOST_TILES: usize = 12;

/// The tiles of an image in memory order H, W, C. Tile (i, j) reads rows 2i … 2i + 3 and columns 2j … 2j + 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiles {
    /// Rows and columns of tiles.
    pub grid: [usize; 2],
    /// From one row of the image to the next, in values.
    pub line: usize,
    /// Input channels.
    pub channels: usize,
}

impl Tiles {
    /// How many tiles there are.
    pub fn n(&self) -> usize {
        self.grid[0] * self.grid[1]
    }

    /// Where tile `tile` begins.
    fn offset(&self, tile: usize) -> usize {
        2 * (tile / self.grid[1]) * self.line + 2 * (tile % self.grid[1]) * self.channels
    }

    /// How many values a slice must have for all tiles to lie inside it.
    pub fn reach(&self) -> usize {
        self.offset(self.n() - 1) + 3 * self.line + 4 * self.channels
    }
}

/// The kernels of a convolution, transformed and packed for one instruction set:
/// `[panel of two vectors of filters][frequency][input channel][filter of the panel]`.
#[derive(Debug, Clone)]
pub struct Transformed {
    data: AlignedBuffer,
    channels: usize,
    n: usize,
    lanes: usize,
}

impl Transformed {
    /// Room for the kernels of `n` filters over `channels` input channels; zero at first.
    pub fn new(isa: Isa, channels: usize, n: usize) -> Self {
        let lanes = isa.lanes();
        let data = AlignedBuffer::zeros(FREQUENCIES * channels * n.next_multiple_of(lanes));
        Self { data, channels, n, lanes }
    }

    /// Transforms kernels in memory order 3, 3, C, n.
    ///
    /// # Panics
    /// If there are not 9 · C · n values or the room was made for another instruction set.
    pub fn transform(&mut self, isa: Isa, kernels: &[f32]) {
        assert_eq!(kernels.len(), 9 * self.channels * self.n, "3 × 3 × C × n values");
        assert_eq!(self.lanes, isa.lanes(), "the room was made for another instruction set");
        isa.run(TransformKernels { to: self, kernels });
    }
}

/// What a Winograd convolution works in.
#[derive(Debug, Default)]
pub struct WinogradScratch {
    /// Transformed inputs of a few tiles: `[frequency][tile][channel]`, and their products with a panel of filters.
    inputs: AlignedBuffer,
    products: AlignedBuffer,
}

impl WinogradScratch {
    /// Room for convolutions over up to `channels` input channels.
    pub fn new(isa: Isa, channels: usize) -> Self {
        let lanes = isa.lanes();
        Self {
            inputs: AlignedBuffer::zeros(FREQUENCIES * MOST_TILES * channels.next_multiple_of(lanes)),
            products: AlignedBuffer::zeros(FREQUENCIES * MOST_TILES * 2 * lanes),
        }
    }
}

/// Where the outputs go.
#[derive(Debug)]
pub enum Target<'a> {
    /// `out[i, j, o]` for `size` = rows, columns: tiles that stand over the edge are cut.
    Image {
        /// Rows and columns of the output.
        size: [usize; 2],
        /// rows × columns × filters values.
        out: &'a mut [f32],
    },
    /// As `Image`, but added to what is there: how the gradient of an input is gathered.
    Sum {
        /// Rows and columns of the output.
        size: [usize; 2],
        /// rows × columns × filters values.
        out: &'a mut [f32],
    },
    /// Each tile is a window of a 2×2 max pool; results and winners as of [`max_pool`](crate::max_pool).
    Pooled {
        /// tiles × filters values.
        out: &'a mut [f32],
        /// tiles × 4 × `bit_words(filters)` words.
        winners: &'a mut [u32],
    },
}

/// `y[i,j,o] = epilogue(bias[o] + Σ w[u,v,c,o] · x[i+u, j+v, c])` over the outputs of all tiles.
///
/// # Panics
/// If a slice or the scratch is too small, or the kernels were transformed for another instruction set.
pub fn winograd(
    isa: Isa,
    (image, tiles): (&[f32], Tiles),
    kernels: &Transformed,
    (bias, epilogue): (Option<&[f32]>, Epilogue),
    target: Target<'_>,
    scratch: &mut WinogradScratch,
) {
    let n = kernels.n;
    assert_eq!((tiles.channels, isa.lanes()), (kernels.channels, kernels.lanes), "kernels of the same kind");
    assert!(tiles.n() > 0 && image.len() >= tiles.reach(), "the tiles reach over {} values", tiles.reach());
    assert!(bias.is_none_or(|bias| bias.len() == n), "one bias per filter");
    let padded = tiles.channels.next_multiple_of(isa.lanes());
    assert!(scratch.inputs.len() >= FREQUENCIES * MOST_TILES * padded, "the scratch has room for the channels");
    assert!(scratch.products.len() >= FREQUENCIES * MOST_TILES * 2 * isa.lanes(), "the scratch has room for products");
    match &target {
        Target::Image { size: [rows, columns], out } | Target::Sum { size: [rows, columns], out } => {
            assert_eq!(out.len(), rows * columns * n, "rows × columns × filters values");
            assert!(tiles.grid == [rows.div_ceil(2), columns.div_ceil(2)], "a tile for every two rows and columns");
        }
        Target::Pooled { out, winners } => {
            assert_eq!(out.len(), tiles.n() * n, "tiles × filters values");
            assert_eq!(winners.len(), tiles.n() * 4 * bit_words(n), "one bit per value");
        }
    }
    isa.run(Winograd { image, tiles, kernels, bias, epilogue, target, scratch });
}

struct TransformKernels<'a> {
    to: &'a mut Transformed,
    kernels: &'a [f32],
}

impl Kernel for TransformKernels<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Transformed { data, channels, n, .. } = self.to;
        let (channels, n) = (*channels, *n);
        for first in (0..n).step_by(V::LANES) {
            let count = V::LANES.min(n - first);
            let (panel, within) = (first / (2 * V::LANES) * 2 * V::LANES, first % (2 * V::LANES));
            let width = (2 * V::LANES).min(n.next_multiple_of(V::LANES) - panel);
            for channel in 0..channels {
                // SAFETY: `transform` has checked the kernels' length and `new` has made room for n rounded up to
                // whole vectors; the last one is cut by `load_up_to`. The caller promises V's instructions.
                unsafe {
                    let from = self.kernels.as_ptr().add(channel * n + first);
                    let to = data.as_mut_ptr().add(panel * FREQUENCIES * channels + channel * width + within);
                    // Gg, then (Gg)Gᵀ.
                    let mut columns = [[V::splat(0.0); 4]; 3];
                    for (v, column) in columns.iter_mut().enumerate() {
                        let g = from.add(v * channels * n);
                        let (g0, g1) = (V::load_up_to(g, count), V::load_up_to(g.add(3 * channels * n), count));
                        *column = expand([g0, g1, V::load_up_to(g.add(6 * channels * n), count)]);
                    }
                    let [a, b, c] = columns;
                    for i in 0..4 {
                        for (j, value) in expand([a[i], b[i], c[i]]).into_iter().enumerate() {
                            value.store(to.add((i * 4 + j) * channels * width));
                        }
                    }
                }
            }
        }
    }
}

/// G · (a, b, c)
///
/// # Safety
/// The CPU has V's instructions.
#[inline(always)]
unsafe fn expand<V: Vector>([a, b, c]: [V; 3]) -> [V; 4] {
    // SAFETY: the caller's promise.
    unsafe {
        let zero = V::splat(0.0);
        let half = V::splat(0.5);
        let outer = a.add(c);
        [a, outer.add(b).mul_add(half, zero), outer.sub(b).mul_add(half, zero), c]
    }
}

struct Winograd<'a> {
    image: &'a [f32],
    tiles: Tiles,
    kernels: &'a Transformed,
    bias: Option<&'a [f32]>,
    epilogue: Epilogue,
    target: Target<'a>,
    scratch: &'a mut WinogradScratch,
}

impl Kernel for Winograd<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(mut self) {
        if let Target::Pooled { winners, .. } = &mut self.target {
            winners.fill(0);
        }
        let most = if V::REGISTERS == 32 { MOST_TILES } else { 6 };
        let n_tiles = self.tiles.n();
        // Blocks as even as can be: 25 tiles are five times five, not four times six and a lonely one.
        let n_blocks = n_tiles.div_ceil(most);
        for block in 0..n_blocks {
            let first = block * n_tiles / n_blocks;
            let end = (block + 1) * n_tiles / n_blocks;
            // SAFETY: `winograd` has checked all slices; the caller promises V's instructions; the number of tiles in
            // a block is at most `most`.
            unsafe { self.block::<V>(first, end - first) }
        }
    }
}

impl Winograd<'_> {
    /// `r` tiles from `first`, all filters.
    ///
    /// # Safety
    /// The CPU has V's instructions; the tiles exist; `winograd` has checked every slice.
    #[inline(always)]
    unsafe fn block<V: Vector>(&mut self, first: usize, r: usize) {
        let Tiles { channels, .. } = self.tiles;
        let n_padded = self.kernels.n.next_multiple_of(V::LANES);
        let inputs = self.scratch.inputs.as_mut_ptr();
        let products = self.scratch.products.as_mut_ptr();
        // SAFETY: the caller's promise; the panels lie inside the rounded-up number of filters.
        unsafe {
            let image = self.image.as_ptr();
            V::call(TransformTiles { image, tiles: self.tiles, first, r, to: inputs });
            let mut filter = 0;
            while filter < n_padded {
                let c = if n_padded - filter >= 2 * V::LANES { 2 } else { 1 };
                let kernels = self.kernels.data.as_ptr().add(filter * FREQUENCIES * channels);
                let operands = Operands { channels, inputs, kernels, products };
                multiply::<V>(operands, r, c);
                V::call(Finish { of: self, products, first, r, filter, c });
                filter += 2 * V::LANES;
            }
        }
    }
}

/// V = BᵀdB of `r` tiles from `first` for all channels.
///
/// # Safety
/// The tiles lie inside the image, `to` has room for 16 · r rows of channels, rounded up to vectors.
struct TransformTiles {
    image: *const f32,
    tiles: Tiles,
    first: usize,
    r: usize,
    to: *mut f32,
}

impl Kernel for TransformTiles {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Tiles { line, channels, .. } = self.tiles;
        let padded = channels.next_multiple_of(V::LANES);
        let stride = self.r * padded;
        for tile in 0..self.r {
            // SAFETY: the promise of whoever made this; vectors over the last channel are cut.
            unsafe {
                let from = self.image.add(self.tiles.offset(self.first + tile));
                let to = self.to.add(tile * padded);
                for channel in (0..channels).step_by(V::LANES) {
                    let count = channels - channel;
                    transform_tile::<V>(from.add(channel), (line, channels), count, to.add(channel), stride);
                }
            }
        }
    }
}

/// V = BᵀdB of one tile and one vector of `count` or more channels; the frequencies are `stride` apart.
///
/// # Safety
/// The CPU has V's instructions; a tile of lines and pixels that far apart can be read; `to` has room for all
/// frequencies.
#[inline(always)]
unsafe fn transform_tile<V: Vector>(
    from: *const f32,
    (line, pixel): (usize, usize),
    count: usize,
    to: *mut f32,
    stride: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        // No closures here: they would not be compiled with V's instructions.
        let mut columns = [[V::splat(0.0); 4]; 4];
        for (j, column) in columns.iter_mut().enumerate() {
            let d = from.add(j * pixel);
            let (d0, d1) = (V::load_up_to(d, count), V::load_up_to(d.add(line), count));
            let (d2, d3) = (V::load_up_to(d.add(2 * line), count), V::load_up_to(d.add(3 * line), count));
            *column = [d0.sub(d2), d1.add(d2), d2.sub(d1), d1.sub(d3)];
        }
        let [a, b, c, d] = columns;
        for i in 0..4 {
            let to = to.add(i * 4 * stride);
            a[i].sub(c[i]).store(to);
            b[i].add(c[i]).store(to.add(stride));
            c[i].sub(b[i]).store(to.add(2 * stride));
            b[i].sub(d[i]).store(to.add(3 * stride));
        }
    }
}

/// Where a product of one panel stands.
#[derive(Clone, Copy)]
struct Operands {
    channels: usize,
    /// `[frequency][tile][channel]`
    inputs: *const f32,
    /// `[frequency][channel][filter of the panel]`
    kernels: *const f32,
    /// `[frequency][tile][filter of the panel]`
    products: *mut f32,
}

/// M = V·U for `r` tiles and `c` vectors of filters.
///
/// # Safety
/// The CPU has V's instructions; the operands have room for 16 · r rows and c vectors; 1 ≤ r ≤ 12, c is 1 or 2.
#[inline(always)]
unsafe fn multiply<V: Vector>(operands: Operands, r: usize, c: usize) {
    macro_rules! tiles {
        ($($r:literal)*) => {
            match (r, c) {
                // SAFETY: the caller's promise.
                $(($r, 1) => unsafe { V::call(Multiply::<$r, 1>(operands)) },)*
                // SAFETY: the caller's promise.
                $(($r, 2) => unsafe { V::call(Multiply::<$r, 2>(operands)) },)*
                _ => unreachable!("a block has up to twelve tiles and a panel up to two vectors"),
            }
        };
    }
    if V::REGISTERS == 32 {
        tiles!(1 2 3 4 5 6 7 8 9 10 11 12);
    } else {
        tiles!(1 2 3 4 5 6);
    }
}

/// [`multiply`] for R tiles and C vectors.
struct Multiply<const R: usize, const C: usize>(Operands);

impl<const R: usize, const C: usize> Kernel for Multiply<R, C> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Operands { channels, mut inputs, mut kernels, mut products } = self.0;
        let padded = channels.next_multiple_of(V::LANES);
        // SAFETY: the promise of `multiply`.
        unsafe {
            for _ in 0..FREQUENCIES {
                let mut sums = [[V::splat(0.0); C]; R];
                for channel in 0..channels {
                    let columns: [V; C] = std::array::from_fn(|c| V::load(kernels.add(c * V::LANES)));
                    kernels = kernels.add(C * V::LANES);
                    for (r, sum) in sums.iter_mut().enumerate() {
                        let value = V::splat(*inputs.add(r * padded + channel));
                        for c in 0..C {
                            sum[c] = value.mul_add(columns[c], sum[c]);
                        }
                    }
                }
                for (r, sum) in sums.iter().enumerate() {
                    for (c, &value) in sum.iter().enumerate() {
                        value.store(products.add((r * C + c) * V::LANES));
                    }
                }
                inputs = inputs.add(R * padded);
                products = products.add(R * C * V::LANES);
            }
        }
    }
}

/// Y = AᵀMA of `r` tiles and `c` vectors of filters, with bias and epilogue, to where it belongs.
///
/// # Safety
/// [`multiply`] has written the products of the filters from `filter` on.
struct Finish<'a, 'b> {
    of: &'a mut Winograd<'b>,
    products: *const f32,
    first: usize,
    r: usize,
    filter: usize,
    c: usize,
}

impl Kernel for Finish<'_, '_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { of: Winograd { kernels, bias, epilogue, target, tiles, .. }, products, .. } = self;
        let n = kernels.n;
        let stride = self.r * self.c * V::LANES;
        for c in 0..self.c {
            let filter = self.filter + c * V::LANES;
            let count = n - filter;
            for tile in 0..self.r {
                // SAFETY: the promise of whoever made this; stores are cut to the filters, rows and columns that there
                // are, for which `winograd` has checked the target.
                unsafe {
                    let bias = bias.map_or(V::splat(0.0), |bias| V::load_up_to(bias.as_ptr().add(filter), count));
                    let y = outputs(products.add((tile * self.c + c) * V::LANES), stride, bias);
                    let tile = self.first + tile;
                    match target {
                        Target::Pooled { out, winners } => {
                            let (best, won) = first_largest(y, *epilogue, count);
                            best.store_up_to(out.as_mut_ptr().add(tile * n + filter), count);
                            let words = bit_words(n);
                            let winners = winners.as_mut_ptr().add(tile * 4 * words);
                            for (tap, bits) in won.into_iter().enumerate() {
                                put_bits::<V>(winners.add(tap * words), filter, bits);
                            }
                        }
                        Target::Image { size, out } => {
                            let place = Place { tile, columns: tiles.grid[1], size: *size, n, filter };
                            put_tile::<V, false>(y, *epilogue, place, out);
                        }
                        Target::Sum { size, out } => {
                            let place = Place { tile, columns: tiles.grid[1], size: *size, n, filter };
                            put_tile::<V, true>(y, *epilogue, place, out);
                        }
                    }
                }
            }
        }
    }
}

/// Which outputs a tile and a vector of filters are.
#[derive(Clone, Copy)]
struct Place {
    tile: usize,
    /// Tiles side by side.
    columns: usize,
    /// Rows and columns of the output.
    size: [usize; 2],
    n: usize,
    filter: usize,
}

/// Stores the four outputs of a tile, or adds them to what is there, as far as there are such rows and columns.
///
/// # Safety
/// The CPU has V's instructions; `out` has rows × columns × n values.
#[inline(always)]
unsafe fn put_tile<V: Vector, const IS_SUM: bool>(y: [V; 4], epilogue: Epilogue, place: Place, out: &mut [f32]) {
    let Place { tile, columns, size: [height, width], n, filter } = place;
    for (tap, value) in y.into_iter().enumerate() {
        let (i, j) = (2 * (tile / columns) + tap / 2, 2 * (tile % columns) + tap % 2);
        if i < height && j < width {
            // SAFETY: the caller's promise; filters beyond n are cut off.
            unsafe {
                let to = out.as_mut_ptr().add((i * width + j) * n + filter);
                let mut value = rectified(value, epilogue);
                if IS_SUM {
                    value = V::load_up_to(to, n - filter).add(value);
                }
                value.store_up_to(to, n - filter);
            }
        }
    }
}

/// AᵀMA + bias of one vector of filters: the outputs (0, 0), (0, 1), (1, 0), (1, 1).
///
/// # Safety
/// The CPU has V's instructions; 16 vectors stand `stride` apart from `m` on.
#[inline(always)]
unsafe fn outputs<V: Vector>(m: *const f32, stride: usize, bias: V) -> [V; 4] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut rows = [[V::splat(0.0); 2]; 4];
        for (i, row) in rows.iter_mut().enumerate() {
            let m = m.add(i * 4 * stride);
            let (m0, m1) = (V::load(m), V::load(m.add(stride)));
            let (m2, m3) = (V::load(m.add(2 * stride)), V::load(m.add(3 * stride)));
            *row = [m0.add(m1).add(m2), m1.sub(m2).sub(m3)];
        }
        let [a, b, c, d] = rows;
        let (b0, b1) = (b[0].add(bias), b[1].add(bias));
        [a[0].add(b0).add(c[0]), a[1].add(b1).add(c[1]), b0.sub(c[0]).sub(d[0]), b1.sub(c[1]).sub(d[1])]
    }
}
