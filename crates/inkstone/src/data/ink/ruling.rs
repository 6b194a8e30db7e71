//! Ruled lines, boxes and combs: long, thin, straight ink along rows or columns that belongs to the form and not to what
//! is written in it. It is erased; where a stroke crosses it, the stroke stays whole.
//!
//! A line is followed from column to column through runs of ink that are no higher than a line is. What is followed far
//! enough and straight enough is a ruling where it crosses the picture, or where other rulings end it on both sides, as
//! in a box. A straight stroke of a glyph (a 1, the bar of a 7) does neither.

use super::components::Frame;
use super::plane::Plane;

/// Fainter ink is no part of a line.
const FAINT: u8 = 40;

/// Pictures smaller than this are glyphs without a form around them.
const MIN_SIDE: usize = 48;

/// A stretch of a column that is inked: first row, and the row behind the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    x: usize,
    top: usize,
    bottom: usize,
}

/// Runs that follow one another.
#[derive(Debug, Clone)]
struct Track(Vec<Run>);

/// Erases the rulings in `ink`; whether there were any.
pub(super) fn erase(ink: &mut Plane) -> bool {
    if ink.width.min(ink.height) < MIN_SIDE {
        return false;
    }
    let mut turned = ink.transposed();
    let (across, down) = (tracks(ink), tracks(&turned));
    let (is_across, is_down) = rulings(ink, &across, &down);
    if !is_across.contains(&true) && !is_down.contains(&true) {
        return false;
    }
    for track in chosen(&down, &is_down) {
        track.erase(&mut turned);
    }
    let mut upright = turned.transposed();
    for track in chosen(&across, &is_across) {
        track.erase(ink);
    }
    // What either pass has erased.
    ink.pixels.iter_mut().zip(&mut upright.pixels).for_each(|(value, other)| *value = (*value).min(*other));
    true
}

fn chosen<'a>(tracks: &'a [Track], is_ruling: &'a [bool]) -> impl Iterator<Item = &'a Track> {
    tracks.iter().zip(is_ruling).filter(|(_, is)| **is).map(|(track, _)| track)
}

/// Which tracks along rows and along columns are rulings. First those that cross the picture; then, as long as there are
/// more, those that end on rulings or on one another at both ends.
fn rulings(ink: &Plane, across: &[Track], down: &[Track]) -> (Vec<bool>, Vec<bool>) {
    let crosses = |track: &Track, length: usize| {
        let (start, end) = track.extent();
        let edge = length / 25 + 1;
        let touches = usize::from(start <= edge) + usize::from(end + edge >= length);
        (end - start) * 10 >= length * 9 || (touches > 0 && (end - start) * 10 >= length * 6)
    };
    let mut is_across: Vec<bool> = across.iter().map(|track| crosses(track, ink.width)).collect();
    let mut is_down: Vec<bool> = down.iter().map(|track| crosses(track, ink.height)).collect();
    let frames_across: Vec<Frame> = across.iter().map(Track::frame).collect();
    let frames_down: Vec<Frame> = down.iter().map(|track| track.frame().turned()).collect();
    let boxed = boxes(&frames_across, &frames_down);
    is_across.iter_mut().zip(&boxed.0).for_each(|(is, &boxed)| *is |= boxed);
    is_down.iter_mut().zip(&boxed.1).for_each(|(is, &boxed)| *is |= boxed);
    loop {
        let before = (is_across.clone(), is_down.clone());
        end_on(&frames_across, &mut is_across, &frames_down, &is_down);
        end_on(&frames_down, &mut is_down, &frames_across, &is_across);
        if before == (is_across.clone(), is_down.clone()) {
            return before;
        }
    }
}

/// Marks the tracks both of whose ends lie on a ruling of the other direction, found already.
fn end_on(frames: &[Frame], is_ruling: &mut [bool], others: &[Frame], is_other: &[bool]) {
    for (frame, is) in frames.iter().zip(is_ruling.iter_mut()) {
        let ends = frame.ends();
        let held = |end: Frame| others.iter().zip(is_other).any(|(other, is)| *is && other.meets(end));
        *is |= held(ends[0]) && held(ends[1]);
    }
}

/// The tracks that make up a box: two along rows whose ends meet two along columns.
fn boxes(across: &[Frame], down: &[Frame]) -> (Vec<bool>, Vec<bool>) {
    let (mut is_across, mut is_down) = (vec![false; across.len()], vec![false; down.len()]);
    for (a, top) in across.iter().enumerate() {
        for (b, bottom) in across.iter().enumerate().skip(a + 1) {
            let holds = |side: &Frame| {
                let ends = side.ends();
                top.meets(ends[0]) && bottom.meets(ends[1]) || top.meets(ends[1]) && bottom.meets(ends[0])
            };
            let sides: Vec<usize> = (0..down.len()).filter(|&i| holds(&down[i])).collect();
            if sides.len() >= 2 {
                (is_across[a], is_across[b]) = (true, true);
                sides.into_iter().for_each(|i| is_down[i] = true);
            }
        }
    }
    (is_across, is_down)
}

impl Frame {
    /// The same frame in the transposed plane.
    fn turned(self) -> Self {
        Self { left: self.top, top: self.left, right: self.bottom, bottom: self.right }
    }

    /// The places at both ends of a thin frame, a little wider than they are.
    fn ends(self) -> [Self; 2] {
        let reach = 3 + self.longer() / 25;
        let (left, top) = (self.left.saturating_sub(reach), self.top.saturating_sub(reach));
        let (right, bottom) = (self.right + reach, self.bottom + reach);
        if self.width() >= self.height() {
            let (first, last) = (self.left + reach, self.right.saturating_sub(reach));
            [Self { left, top, right: first, bottom }, Self { left: last, top, right, bottom }]
        } else {
            let (first, last) = (self.top + reach, self.bottom.saturating_sub(reach));
            [Self { left, top, right, bottom: first }, Self { left, top: last, right, bottom }]
        }
    }

    fn meets(self, other: Self) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }
}

/// All lines along rows that are long and straight enough to be rulings.
fn tracks(ink: &Plane) -> Vec<Track> {
    let side = ink.width.min(ink.height);
    // No line is thicker; no shorter piece is one.
    let (highest, shortest) = ((side / 40).max(3), (ink.width / 12).max(24));
    let mut open: Vec<Track> = Vec::new();
    // Per row, which open track ran through it last, plus 1.
    let mut owner = vec![0_usize; ink.height];
    for run in runs(&ink.transposed(), highest) {
        let rows = run.top.saturating_sub(2)..(run.bottom + 2).min(ink.height);
        let reach = |track: &Track| (track.0.len() / 2).min(ink.width / 8) + 1;
        let nearby = owner[rows].iter().filter(|&&id| id > 0).map(|id| id - 1);
        let follows = |id: &usize| {
            let last = open[*id].last();
            last.x < run.x && run.x - last.x <= reach(&open[*id])
        };
        let id = nearby.filter(follows).max_by_key(|&id| open[id].0.len());
        let id = id.unwrap_or_else(|| {
            open.push(Track(Vec::new()));
            open.len() - 1
        });
        open[id].0.push(run);
        owner[run.top..run.bottom].fill(id + 1);
    }
    open.retain(|track| track.is_line(shortest));
    open
}

/// The runs of ink in columns, at most `highest` long, column by column; `turned` is the transposed plane.
fn runs(turned: &Plane, highest: usize) -> impl Iterator<Item = Run> {
    (0..turned.height).flat_map(move |x| {
        let column = turned.row(x);
        let mut runs = Vec::new();
        let mut top = 0;
        while let Some(start) = column[top..].iter().position(|&value| value >= FAINT).map(|at| at + top) {
            let end = column[start..].iter().position(|&value| value < FAINT).map_or(column.len(), |at| at + start);
            if end - start <= highest {
                runs.push(Run { x, top: start, bottom: end });
            }
            top = end;
        }
        runs
    })
}

impl Track {
    fn last(&self) -> Run {
        self.0[self.0.len() - 1]
    }

    /// The first column, and the column behind the last.
    fn extent(&self) -> (usize, usize) {
        (self.0[0].x, self.last().x + 1)
    }

    fn frame(&self) -> Frame {
        let frame = |run: &Run| Frame { left: run.x, top: run.top, right: run.x + 1, bottom: run.bottom };
        self.0.iter().map(frame).reduce(Frame::with).expect("a track has a run")
    }

    /// Long, mostly there, thin against its length, and straight: within a pixel and 1/100 of its length.
    fn is_line(&self, shortest: usize) -> bool {
        let (start, end) = self.extent();
        let length = end - start;
        if length < shortest || self.0.len() * 2 < length || self.thickness() * 8 > length {
            return false;
        }
        let n = self.0.len() as f64;
        let points = || self.0.iter().map(|run| ((run.x - start) as f64, (run.top + run.bottom) as f64 / 2.0));
        let (x, y) = points().fold((0.0, 0.0), |sums, (x, y)| (sums.0 + x / n, sums.1 + y / n));
        let (xx, xy) = points().fold((0.0, 0.0), |sums, (u, v)| {
            (sums.0 + (u - x) * (u - x), sums.1 + (u - x) * (v - y))
        });
        let slope = if xx > 0.0 { xy / xx } else { 0.0 };
        let allowed = 1.5 + length as f64 / 100.0;
        let n_off = points().filter(|&(u, v)| (v - y - slope * (u - x)).abs() > allowed).count();
        slope.abs() < 0.2 && n_off * 20 <= self.0.len()
    }

    /// The middle height of its runs.
    fn thickness(&self) -> usize {
        let mut heights: Vec<usize> = self.0.iter().map(|run| run.bottom - run.top).collect();
        heights.sort_unstable();
        heights[heights.len() / 2]
    }

    /// Erases the runs that are no higher than the line itself, with their faint edges; higher ones are strokes that
    /// cross it.
    fn erase(&self, ink: &mut Plane) {
        let highest = self.thickness() * 3 / 2 + 1;
        for run in self.0.iter().filter(|run| run.bottom - run.top <= highest) {
            for y in run.top.saturating_sub(2)..(run.bottom + 2).min(ink.height) {
                let at = y * ink.width + run.x;
                if (run.top..run.bottom).contains(&y) || ink.pixels[at] < FAINT {
                    ink.pixels[at] = 0;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blank() -> Plane {
        Plane::constant(120, 80, 0)
    }

    fn fill(plane: &mut Plane, [left, top, width, height]: [usize; 4]) {
        for y in top..top + height {
            plane.pixels[y * plane.width + left..][..width].fill(255);
        }
    }

    #[test]
    fn a_line_through_the_picture_goes_and_the_stroke_across_it_stays_whole() {
        let mut ink = blank();
        fill(&mut ink, [50, 10, 6, 60]);
        let stroke = ink.clone();
        fill(&mut ink, [0, 50, 120, 2]);
        assert!(erase(&mut ink));
        assert_eq!(ink, stroke);
    }

    #[test]
    fn a_box_goes_with_its_partitions_and_what_stands_in_it_stays() {
        let mut ink = blank();
        fill(&mut ink, [30, 25, 4, 30]);
        let glyph = ink.clone();
        for line in [[10, 10, 100, 2], [10, 68, 100, 2], [10, 10, 2, 60], [108, 10, 2, 60], [60, 10, 2, 60]] {
            fill(&mut ink, line);
        }
        assert!(erase(&mut ink));
        assert_eq!(ink, glyph);
    }

    #[test]
    fn a_straight_stroke_alone_and_a_bar_with_a_stem_are_no_rulings() {
        let mut ink = blank();
        fill(&mut ink, [60, 10, 3, 60]);
        assert!(!erase(&mut ink));
        fill(&mut ink, [20, 10, 43, 3]);
        assert!(!erase(&mut ink));
    }
}
