//! Reads an image of bytes between its pixels: one bilinear pass at the places of an affine map, scaled as it is stored.
//!
//! The four pixels around a place are fetched at once: each pixel is first paired with the one below it, so that the
//! two pairs from (x, y) on are p[y,x], p[y+1,x], p[y,x+1], p[y+1,x+1], which is one 32-bit word.

use crate::scale::{Scale, by_channel};
use crate::vector::{Kernel, Vector};
use crate::{AlignedBuffer, Isa};

/// The size of an image in memory order H, W, C.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// 1 or 3.
    pub channels: usize,
}

/// What is seen beyond the centres of the border pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Beyond {
    /// The nearest pixel of the border.
    Edge,
    /// The image, folded at the border pixels.
    Reflect,
    /// This value.
    Constant(f32),
}

/// Where each value of the result is read, and what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling<'a> {
    /// The image's size, and the result's.
    pub grid: Grid,
    /// `(u, v)` of each value of the result (of its pixel); NaN for a place beyond every border.
    pub places: [&'a [f32]; 2],
    /// `x = map[0] · (u, v, 1)` and `y = map[1] · (u, v, 1)`, in pixels from the centre of the first one.
    pub map: [[f32; 3]; 2],
    /// What is seen beyond the border.
    pub beyond: Beyond,
    /// What becomes of each value.
    pub scale: Scale,
}

/// The working memory of [`resample`]; kept, so that an image allocates nothing.
#[derive(Debug, Clone, Default)]
pub struct Workspace {
    /// The image, each value with the one below it.
    pairs: Vec<[u8; 2]>,
    /// For each vector of values of a block: which pairs are near (integers), and how far beyond them the places lie in
    /// x and in y.
    found: AlignedBuffer,
}

/// Values that are placed before the first of them is read. Finding places and reading there are two loops, because
/// one iteration of both is a chain of 90 cycles, of which a CPU overlaps only three; 48 values, which a block is a
/// multiple of, have the channels in the same lanes again for every vector.
const BLOCK: usize = 21 * 48;

/// `out[k] = (bilinear(x_k, y_k) − shift) / divisor` for each value k of the result, as a product with 1 / divisor.
///
/// # Panics
/// If a slice does not fit the grid, or the grid is empty, has another number of channels than 1 or 3, or 2²³ values.
pub fn resample(isa: Isa, pixels: &[u8], sampling: &Sampling<'_>, workspace: &mut Workspace, out: &mut [f32]) {
    let Grid { height, width, channels } = sampling.grid;
    let n = height * width * channels;
    assert!(n > 0 && n < 1 << 23 && matches!(channels, 1 | 3), "a grid of 1 or 3 channels and few values");
    assert_eq!((pixels.len(), out.len()), (n, n), "the image and the result have the grid's values");
    assert_eq!(sampling.places.map(<[f32]>::len), [n; 2], "each value has its place");
    isa.run(Resample { pixels, sampling, workspace, out });
}

struct Resample<'a> {
    pixels: &'a [u8],
    sampling: &'a Sampling<'a>,
    workspace: &'a mut Workspace,
    out: &'a mut [f32],
}

impl Kernel for Resample<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { pixels, sampling, workspace, out } = self;
        workspace.pairs.resize(pixels.len() + 1, [0; 2]);
        if workspace.found.is_empty() {
            workspace.found = AlignedBuffer::zeros(3 * BLOCK);
        }
        // SAFETY: the caller promises V's instructions, `resample` has checked the slices, and the workspace has its
        // lengths from here.
        unsafe {
            if sampling.grid.channels == 1 {
                pair_grey(pixels, sampling.grid.width, &mut workspace.pairs);
                sample_by_rule::<V, 1>(sampling, workspace, out);
            } else {
                pair_colour(pixels, sampling.grid.width, &mut workspace.pairs);
                sample_by_rule::<V, 3>(sampling, workspace, out);
            }
        }
    }
}

/// `pairs[i] = (p[y,x], p[y+1,x])` for pixel i. What stands below the last row and behind its end only has to be
/// finite: its weight is 0.
#[inline(always)]
fn pair_grey(pixels: &[u8], width: usize, pairs: &mut [[u8; 2]]) {
    let (above, last) = pixels.split_at(pixels.len() - width);
    for ((pair, &upper), &lower) in pairs.iter_mut().zip(above).zip(&pixels[width..]) {
        *pair = [upper, lower];
    }
    for (pair, &upper) in pairs[above.len()..].iter_mut().zip(last) {
        *pair = [upper; 2];
    }
}

/// The same in three planes, one per channel.
#[inline(always)]
fn pair_colour(pixels: &[u8], width: usize, pairs: &mut [[u8; 2]]) {
    let pixels = pixels.as_chunks::<3>().0;
    let n_above = pixels.len() - width;
    for (c, plane) in pairs.chunks_exact_mut(pixels.len()).take(3).enumerate() {
        for ((pair, upper), lower) in plane.iter_mut().zip(&pixels[..n_above]).zip(&pixels[width..]) {
            *pair = [upper[c], lower[c]];
        }
        for (pair, upper) in plane[n_above..].iter_mut().zip(&pixels[n_above..]) {
            *pair = [upper[c]; 2];
        }
    }
}

/// What becomes of a place beyond the border.
trait Rule {
    /// Whether a place that is not in 0..=last gets a value of its own.
    const FILLS: bool;
    /// The place in 0..=last that `x` stands for; NaN becomes one, too. `frequency` is 1 / (2·last).
    unsafe fn inside<V: Vector>(x: V, last: V, frequency: V) -> V;
}

struct Clamped;

impl Rule for Clamped {
    const FILLS: bool = false;

    #[inline(always)]
    unsafe fn inside<V: Vector>(x: V, last: V, _: V) -> V {
        // SAFETY: the caller promises V's instructions. Zero second: it is what NaN becomes.
        unsafe { x.max(V::splat(0.0)).min(last) }
    }
}

struct Filled;

impl Rule for Filled {
    const FILLS: bool = true;

    #[inline(always)]
    unsafe fn inside<V: Vector>(x: V, last: V, frequency: V) -> V {
        // SAFETY: the caller's promise.
        unsafe { Clamped::inside(x, last, frequency) }
    }
}

struct Folded;

impl Rule for Folded {
    const FILLS: bool = false;

    /// |x| without whole periods of 2·last, then mirrored at last. Rounding may leave it a little outside: clamped.
    #[inline(always)]
    unsafe fn inside<V: Vector>(x: V, last: V, frequency: V) -> V {
        // SAFETY: the caller promises V's instructions; the number of periods is brought into 0..=2²² (as NaN is).
        unsafe {
            let zero = V::splat(0.0);
            let x = x.max(zero.sub(x));
            let period = last.add(last);
            let n_periods = x.mul(frequency).min(V::splat(4_194_304.0)).max(zero).whole();
            let rest = zero.sub(n_periods).mul_add(period, x);
            Clamped::inside(rest.min(period.sub(rest)), last, frequency)
        }
    }
}

/// [`sample`] by the rule for what lies beyond the border.
///
/// # Safety
/// As [`sample`].
#[inline(always)]
unsafe fn sample_by_rule<V: Vector, const C: usize>(sampling: &Sampling<'_>, work: &mut Workspace, out: &mut [f32]) {
    // SAFETY: the caller's promise.
    unsafe {
        match sampling.beyond {
            Beyond::Edge => sample::<V, Clamped, C>(sampling, 0.0, work, out),
            Beyond::Reflect => sample::<V, Folded, C>(sampling, 0.0, work, out),
            Beyond::Constant(fill) => sample::<V, Filled, C>(sampling, fill, work, out),
        }
    }
}

/// All values of the result, block by block.
///
/// # Safety
/// The CPU has V's instructions; `resample` has checked the slices; the workspace has the pairs of this image of C
/// channels and room for a block.
#[inline(always)]
unsafe fn sample<V: Vector, R: Rule, const C: usize>(
    sampling: &Sampling<'_>,
    fill: f32,
    work: &mut Workspace,
    out: &mut [f32],
) {
    let [u, v] = sampling.places;
    // SAFETY: the caller's promise; `for_each_vector` gives the vectors of values that there are.
    unsafe {
        let pass = Pass::<V, C>::new(sampling, fill);
        for block in (0..out.len()).step_by(BLOCK) {
            let n = BLOCK.min(out.len() - block);
            let places = [u.as_ptr().add(block), v.as_ptr().add(block)];
            pass.place_block::<R>(n, places, work.found.as_mut_ptr());
            pass.read_block::<R>(n, work.found.as_ptr(), work.pairs.as_ptr(), out.as_mut_ptr().add(block));
        }
    }
}

/// What stays the same over the image, in vectors.
struct Pass<V, const C: usize> {
    map: [[V; 3]; 2],
    last: [V; 2],
    /// 1 / (2·last)
    frequency: [V; 2],
    width: V,
    fill: V,
    /// Where each channel's plane begins, in pairs.
    plane: [V; C],
    /// A value v becomes factor·v + term.
    factor: [V; C],
    term: [V; C],
}

impl<V: Vector, const C: usize> Pass<V, C> {
    /// # Safety
    /// The CPU has V's instructions.
    #[inline(always)]
    unsafe fn new(sampling: &Sampling<'_>, fill: f32) -> Self {
        let Grid { height, width, .. } = sampling.grid;
        let [[x_u, x_v, x_1], [y_u, y_v, y_1]] = sampling.map;
        let [last_x, last_y] = [(width - 1) as f32, (height - 1) as f32];
        let Scale { shift, divisor } = sampling.scale;
        let planes: [f32; 3] = std::array::from_fn(|c| (c * height * width) as f32);
        // SAFETY: the caller's promise; arrays of three vectors of at most 16 lanes.
        unsafe {
            Self {
                map: [[V::splat(x_u), V::splat(x_v), V::splat(x_1)], [V::splat(y_u), V::splat(y_v), V::splat(y_1)]],
                last: [V::splat(last_x), V::splat(last_y)],
                frequency: [V::splat(0.5 / last_x), V::splat(0.5 / last_y)],
                width: V::splat(width as f32),
                fill: V::splat(fill),
                plane: by_channel(planes),
                factor: by_channel(std::array::from_fn(|c| 1.0 / divisor[c])),
                term: by_channel(std::array::from_fn(|c| -shift[c] / divisor[c])),
            }
        }
    }

    /// [`Pass::place`] for `n` values.
    ///
    /// # Safety
    /// The CPU has V's instructions; `places` have `n` values, `found` has room for a block.
    #[inline(always)]
    unsafe fn place_block<R: Rule>(&self, n: usize, [u, v]: [*const f32; 2], found: *mut f32) {
        let mut at = 0;
        // SAFETY: at + width ≤ n in each call.
        unsafe {
            while n - at >= C * V::LANES {
                for c in 0..C {
                    self.place::<R>(c, [u.add(at), v.add(at)], V::LANES, found.add(3 * at));
                    at += V::LANES;
                }
            }
            for c in 0..C {
                let width = V::LANES.min(n - at);
                if width > 0 {
                    self.place::<R>(c, [u.add(at), v.add(at)], width, found.add(3 * at));
                    at += width;
                }
            }
        }
    }

    /// [`Pass::read`] for `n` values.
    ///
    /// # Safety
    /// The CPU has V's instructions; [`Pass::place_block`] has found the places in the image of these pairs; `out` has
    /// `n` values.
    #[inline(always)]
    unsafe fn read_block<R: Rule>(&self, n: usize, found: *const f32, pairs: *const [u8; 2], out: *mut f32) {
        let mut at = 0;
        // SAFETY: at + width ≤ n in each call.
        unsafe {
            while n - at >= C * V::LANES {
                for c in 0..C {
                    self.read::<R>(c, found.add(3 * at), pairs, out.add(at), V::LANES);
                    at += V::LANES;
                }
            }
            for c in 0..C {
                let width = V::LANES.min(n - at);
                if width > 0 {
                    self.read::<R>(c, found.add(3 * at), pairs, out.add(at), width);
                    at += width;
                }
            }
        }
    }

    /// Finds the places of `width` values, vector `c` of its period, and keeps them: three vectors.
    ///
    /// # Safety
    /// The CPU has V's instructions; `places` have `width` values, `found` has room for three vectors.
    #[inline(always)]
    unsafe fn place<R: Rule>(&self, c: usize, places: [*const f32; 2], width: usize, found: *mut f32) {
        // SAFETY: see above.
        unsafe {
            let [u, v] = [V::load_up_to(places[0], width), V::load_up_to(places[1], width)];
            let [[x_u, x_v, x_1], [y_u, y_v, y_1]] = self.map;
            let [x, y] = [x_u.mul_add(u, x_v.mul_add(v, x_1)), y_u.mul_add(u, y_v.mul_add(v, y_1))];
            let inner_x = R::inside(x, self.last[0], self.frequency[0]);
            let inner_y = R::inside(y, self.last[1], self.frequency[1]);
            let [column, row] = [inner_x.whole(), inner_y.whole()];
            let mut index = row.mul_add(self.width, column);
            if C > 1 {
                index = index.add(self.plane[c]);
            }
            let mut below = inner_y.sub(row);
            if R::FILLS {
                // As SciPy's "constant": nothing is interpolated beyond the centres of the border pixels.
                let outside = V::splat(-1.0);
                for (place, inner) in [(x, inner_x), (y, inner_y)] {
                    below = place.where_at_least(inner, inner.where_at_least(place, below, outside), outside);
                }
            }
            index.store_whole(found.cast());
            inner_x.sub(column).store(found.add(V::LANES));
            below.store(found.add(2 * V::LANES));
        }
    }

    /// Writes `width` values, vector `c` of its period, read at the places found.
    ///
    /// # Safety
    /// The CPU has V's instructions; [`Pass::place`] has found the places in the image of these pairs (its x and y lie
    /// in 0..=last, so that the two pairs from each index on exist); `out` has `width` values.
    #[inline(always)]
    unsafe fn read<R: Rule>(&self, c: usize, found: *const f32, pairs: *const [u8; 2], out: *mut f32, width: usize) {
        // SAFETY: see above.
        unsafe {
            let [near, near_below, beside, beside_below] = V::load_two_pairs(pairs, found.cast());
            let [t, s] = [V::load(found.add(V::LANES)), V::load(found.add(2 * V::LANES))];
            let left = s.mul_add(near_below.sub(near), near);
            let right = s.mul_add(beside_below.sub(beside), beside);
            let mut value = t.mul_add(right.sub(left), left);
            if R::FILLS {
                value = s.where_at_least(V::splat(0.0), value, self.fill);
            }
            value.mul_add(self.factor[c], self.term[c]).store_up_to(out, width);
        }
    }
}
