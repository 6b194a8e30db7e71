//! One glyph in the picture: its largest part, and those that belong to it.

use super::components::{Component, Components, Frame};

/// A part is taken along where it has at least this share of the largest one's ink (1 in 60) and is near, or
const SHARE_NEAR: u64 = 60;

/// this share (1 in 6) wherever it is.
const SHARE_FAR: u64 = 6;

/// The parts of the glyph; empty where there is no ink.
pub(super) fn whole(components: &Components) -> Vec<usize> {
    let list = &components.list;
    let Some(main) = list.iter().max_by_key(|part| part.weight) else { return Vec::new() };
    let near = main.frame.longer() / 3;
    let belongs = |part: &Component| {
        part.weight * SHARE_FAR >= main.weight
            || (part.weight * SHARE_NEAR >= main.weight && gap(part.frame, main.frame) <= near)
    };
    (0..list.len()).filter(|&i| belongs(&list[i])).collect()
}

/// How many columns or rows lie between two frames, whichever are more.
fn gap(a: Frame, b: Frame) -> usize {
    let between = |(start, end): (usize, usize), (other_start, other_end): (usize, usize)| {
        other_start.saturating_sub(end).max(start.saturating_sub(other_end))
    };
    between((a.left, a.right), (b.left, b.right)).max(between((a.top, a.bottom), (b.top, b.bottom)))
}
