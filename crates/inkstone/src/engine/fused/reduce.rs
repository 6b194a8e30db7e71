//! The sum of the lanes' gradients, in one fixed tree, in the plan's layout.

use inkstone_kernels::{Isa, MOST_SOURCES, transpose, tree_sum};

use super::lane::Lane;
use super::program::Transposed;
use crate::parallel::Pool;

/// Values per task.
const CHUNK: usize = 2048;
/// Columns of a transposed tensor, at most: a task turns whole rows of its columns.
pub(super) const MOST_COLUMNS: usize = 512;

/// Writes the sum of the lanes' gradients; those that stand transposed in the lanes are turned back.
pub(super) fn reduce(pool: &Pool, isa: Isa, transposed: &[Transposed], lanes: &[Lane], gradients: &mut [f32]) {
    pool.for_each_chunk(gradients, CHUNK, |i, mut out| {
        let mut at = i * CHUNK;
        while !out.is_empty() {
            // The first tensor that does not end before this place.
            let tensor = transposed.iter().find(|tensor| at < tensor.offset + tensor.k * tensor.n);
            let (here, rest) = match tensor {
                Some(tensor) if tensor.offset <= at => {
                    let left = tensor.offset + tensor.k * tensor.n - at;
                    let (here, rest) = out.split_at_mut(left.min(out.len()));
                    sum_transposed(isa, lanes, *tensor, at - tensor.offset, here);
                    (here.len(), rest)
                }
                _ => {
                    let left = tensor.map_or(usize::MAX, |tensor| tensor.offset - at);
                    let (here, rest) = out.split_at_mut(left.min(out.len()));
                    sum(isa, lanes, at, here);
                    (here.len(), rest)
                }
            };
            at += here;
            out = rest;
        }
    });
}

/// The sum of the lanes from value `at` on.
fn sum(isa: Isa, lanes: &[Lane], at: usize, out: &mut [f32]) {
    let mut sources: [&[f32]; MOST_SOURCES] = [&[]; MOST_SOURCES];
    for (source, lane) in sources.iter_mut().zip(lanes) {
        *source = &lane.gradients[at..at + out.len()];
    }
    tree_sum(isa, &sources[..lanes.len()], out);
}

/// The sum of a tensor of k × n values from value `first` on, where the lanes hold it as n × k.
fn sum_transposed(isa: Isa, lanes: &[Lane], tensor: Transposed, first: usize, out: &mut [f32]) {
    let Transposed { offset, k, n } = tensor;
    // Whole rows of n around the wanted values.
    let (start, end) = (first / n, (first + out.len()).div_ceil(n));
    let count = end - start;
    let (mut sums, mut turned) = ([0.0; CHUNK + 2 * MOST_COLUMNS], [0.0; CHUNK + 2 * MOST_COLUMNS]);
    let (sums, turned) = (&mut sums[..n * count], &mut turned[..n * count]);
    for (column, sums) in sums.chunks_exact_mut(count).enumerate() {
        sum(isa, lanes, offset + column * k + start, sums);
    }
    transpose(sums, turned, count);
    out.copy_from_slice(&turned[first - start * n..][..out.len()]);
}
