//! Several glyphs in the picture: lines of them from top to bottom, glyphs from left to right, points between them.

use super::Kind;
use super::components::{Components, Frame};

/// Parts that read as one sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) frame: Frame,
    pub(super) parts: Vec<usize>,
    pub(super) kind: Kind,
}

/// Parts lower than this share of the tallest (1 in 16) in both directions are specks.
const SPECK: usize = 16;

/// All signs in reading order.
pub(super) fn read(components: &Components) -> Vec<Group> {
    let tallest = components.list.iter().map(|part| part.frame.height()).max().unwrap_or(0);
    let parts =
        components.list.iter().enumerate().filter(|(_, part)| part.frame.longer() * SPECK >= tallest.max(SPECK));
    let single = |(i, part): (usize, &super::components::Component)| Group {
        frame: part.frame,
        parts: vec![i],
        kind: Kind::Glyph,
    };
    let groups: Vec<Group> = parts.map(single).collect();
    lines(groups).into_iter().flat_map(read_line).collect()
}

/// Groups whose rows overlap, from top to bottom.
fn lines(mut groups: Vec<Group>) -> Vec<Vec<Group>> {
    // The tall ones first: a small part belongs to the line that it stands in.
    groups.sort_by_key(|group| (usize::MAX - group.frame.height(), group.frame.left));
    let mut lines: Vec<(Frame, Vec<Group>)> = Vec::new();
    for group in groups {
        let frame = group.frame;
        let overlap = |line: &Frame| line.bottom.min(frame.bottom).saturating_sub(line.top.max(frame.top));
        let above = |members: &[Group]| members.iter().any(|member| is_dot_of(frame, member.frame));
        if let Some((_, members)) = lines.iter_mut().find(|(_, members)| above(members)) {
            members.push(group);
            continue;
        }
        match lines
            .iter_mut()
            .filter(|(line, _)| overlap(line) * 2 > frame.height())
            .max_by_key(|(line, _)| overlap(line))
        {
            Some((_, members)) => members.push(group),
            None => lines.push((frame, vec![group])),
        }
    }
    lines.sort_by_key(|(frame, _)| frame.top);
    lines.into_iter().map(|(_, members)| members).collect()
}

/// Whether a low part hangs right above or below a glyph: the dot of an i, the bar of a broken 5.
fn is_dot_of(part: Frame, glyph: Frame) -> bool {
    let gap = glyph.top.saturating_sub(part.bottom).max(part.top.saturating_sub(glyph.bottom));
    let is_near = is_above(part, glyph) || is_beside(part, glyph, glyph.height());
    is_bar_of(part, glyph) || (part.height() * 5 < glyph.height() * 2 && gap * 4 <= glyph.height() && is_near)
}

/// One line: small parts joined to the glyph above, below or through which they stand; the others are points, or lost.
fn read_line(mut members: Vec<Group>) -> Vec<Group> {
    let line = members.iter().map(|group| group.frame).reduce(Frame::with).expect("a line has a member");
    let height = members.iter().map(|group| group.frame.height()).max().unwrap_or(1);
    // By descending height: a part is joined to what is there already.
    members.sort_by_key(|group| (usize::MAX - group.frame.height(), group.frame.left));
    let mut glyphs: Vec<Group> = Vec::new();
    for member in members {
        let kind = kind(member.frame, line, height);
        // Two parts of full height are two glyphs, even where one reaches over the other.
        let is_low = member.frame.height() * 10 < height * 7;
        let is_piece = matches!(kind, Some(Kind::Glyph | Kind::Minus)) && member.frame.height() * 20 < height * 13;
        let belongs = |glyph: &Group| {
            (is_low && is_above(glyph.frame, member.frame))
                || (is_piece && is_beside(glyph.frame, member.frame, height))
        };
        let is_its_bar = |glyph: &Group| is_bar_of(member.frame, glyph.frame);
        match glyphs.iter().position(belongs).or_else(|| glyphs.iter().position(is_its_bar)) {
            Some(place) => {
                let glyph = &mut glyphs[place];
                glyph.frame = glyph.frame.with(member.frame);
                glyph.parts.extend(member.parts);
            }
            None => glyphs.extend(kind.map(|kind| Group { kind, ..member })),
        }
    }
    glyphs.sort_by_key(|glyph| (glyph.frame.left + glyph.frame.right, glyph.frame.top));
    glyphs
}

/// Whether two parts stand above one another: more than 2/5 of the narrower one's columns are the other's too.
fn is_above(a: Frame, b: Frame) -> bool {
    let overlap = a.right.min(b.right).saturating_sub(a.left.max(b.left));
    overlap * 5 > a.width().min(b.width()) * 2
}

/// Whether a low part is a broken piece of the glyph beside it: hardly a gap, and together no wider than one glyph.
fn is_beside(a: Frame, b: Frame, height: usize) -> bool {
    let gap = a.left.max(b.left).saturating_sub(a.right.min(b.right));
    let both = a.with(b);
    gap * 10 <= height && both.width() * 10 <= both.height().max(height) * 11
}

/// Whether a flat part is the bar of a glyph, torn off: it begins where the glyph's top is and reaches to the right, as that
/// of many a 5 does. A minus stands at half the height.
fn is_bar_of(bar: Frame, glyph: Frame) -> bool {
    let (height, both) = (glyph.height(), bar.with(glyph));
    let is_flat = bar.width() > 2 * bar.height() && bar.height() * 2 <= height;
    let is_at_its_top =
        2 * (bar.top + bar.bottom) <= 4 * glyph.top + height && 4 * bar.bottom + height >= 4 * glyph.top;
    let begins_there = bar.left >= glyph.left && bar.left.saturating_sub(glyph.right) * 10 <= height;
    is_flat && is_at_its_top && begins_there && both.width() * 10 <= both.height() * 16
}

/// What a part that stands alone is: by its size and place in the line.
fn kind(frame: Frame, line: Frame, height: usize) -> Option<Kind> {
    let middle = frame.top + frame.bottom;
    let is_low = middle > 2 * line.top + line.height() * 4 / 3;
    if frame.height() * 5 >= height * 2 {
        Some(Kind::Glyph)
    } else if is_low && frame.longer() * 3 <= height {
        let is_tail = frame.height() * 2 > frame.width() * 3 && frame.height() * 6 > height;
        Some(if is_tail { Kind::Comma } else { Kind::Point })
    } else if frame.width() > 2 * frame.height() && frame.width() * 4 >= height {
        Some(Kind::Minus)
    } else {
        None
    }
}
