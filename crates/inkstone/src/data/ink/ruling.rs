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

/// Lines rise or fall at most this much per column.
const STEEPEST: f64 = 0.35;

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
    let (is_across, is_down) = rulings([ink, &turned], &across, &down);
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
    for (row, column) in chosen(&across, &is_across).flat_map(|row| chosen(&down, &is_down).map(move |c| (row, c))) {
        erase_crossing(ink, row, column);
    }
    // What either pass has erased.
    ink.pixels.iter_mut().zip(&mut upright.pixels).for_each(|(value, other)| *value = (*value).min(*other));
    true
}

/// Where two rulings cross, each takes the other for a stroke.
fn erase_crossing(ink: &mut Plane, row: &Track, column: &Track) {
    let turned = column.frame().turned();
    // Each ends where the other begins, at a corner.
    if !row.frame().grown(3).meets(turned.grown(3)) {
        return;
    }
    let line = row.nearest(usize::midpoint(turned.left, turned.right));
    let post = column.nearest(usize::midpoint(line.top, line.bottom));
    // Ink around the crossing as well: a stroke lies over it.
    let around = [(post.top, line.top), (post.bottom, line.top), (post.top, line.bottom), (post.bottom, line.bottom)];
    let is_inked = |&(x, y): &(usize, usize)| {
        let beside = |at: usize, end: usize| if at == end { at + 1 } else { at.saturating_sub(2) };
        let (x, y) = (beside(x, post.bottom), beside(y, line.bottom));
        x < ink.width && y < ink.height && ink.at(x, y) >= 128
    };
    if around.iter().filter(|place| is_inked(place)).count() > 1 {
        return;
    }
    for y in line.top.saturating_sub(1)..(line.bottom + 1).min(ink.height) {
        let start = y * ink.width + post.top.saturating_sub(1);
        ink.pixels[start..y * ink.width + (post.bottom + 1).min(ink.width)].fill(0);
    }
}

fn chosen<'a>(tracks: &'a [Track], is_ruling: &'a [bool]) -> impl Iterator<Item = &'a Track> {
    tracks.iter().zip(is_ruling).filter(|(_, is)| **is).map(|(track, _)| track)
}

/// Which tracks along rows and along columns are rulings. First those that cross the picture; then, as long as there are
/// more, those that end on rulings or on one another at both ends.
fn rulings([ink, turned]: [&Plane; 2], across: &[Track], down: &[Track]) -> (Vec<bool>, Vec<bool>) {
    let mut is_across: Vec<bool> = across.iter().map(|track| track.crosses(ink)).collect();
    let mut is_down: Vec<bool> = down.iter().map(|track| track.crosses(turned)).collect();
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
        let Self { left, top, right, bottom } = self.grown(reach);
        if self.width() >= self.height() {
            let (first, last) = (self.left + reach, self.right.saturating_sub(reach));
            [Self { left, top, right: first, bottom }, Self { left: last, top, right, bottom }]
        } else {
            let (first, last) = (self.top + reach, self.bottom.saturating_sub(reach));
            [Self { left, top, right, bottom: first }, Self { left, top: last, right, bottom }]
        }
    }

    fn grown(self, by: usize) -> Self {
        let (left, top) = (self.left.saturating_sub(by), self.top.saturating_sub(by));
        Self { left, top, right: self.right + by, bottom: self.bottom + by }
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
        let reach = |track: &Track| track.0.len().min(ink.width * 2 / 5) + 1;
        let nearby = owner[rows].iter().filter(|&&id| id > 0).map(|id| id - 1);
        let follows = |id: &usize| {
            let track = &open[*id];
            let (last, height) = (track.last(), run.bottom - run.top);
            let is_alive = last.x < run.x && run.x - last.x <= reach(track);
            is_alive && height <= (last.bottom - last.top) * 2 + 2
        };
        let id = nearby.filter(follows).max_by_key(|&id| open[id].0.len());
        let id = id.unwrap_or_else(|| {
            open.push(Track(Vec::new()));
            open.len() - 1
        });
        open[id].0.push(run);
        // A short piece that crosses a long track does not hide it while it may go on.
        let n_runs = open[id].0.len();
        let is_hidden = |other: &Track| run.x - other.last().x > reach(other) || other.0.len() <= n_runs;
        for place in &mut owner[run.top..run.bottom] {
            if *place == 0 || is_hidden(&open[*place - 1]) {
                *place = id + 1;
            }
        }
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

    /// The run nearest to a column.
    fn nearest(&self, x: usize) -> Run {
        self.0[self.0.partition_point(|run| run.x < x).min(self.0.len() - 1)]
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
        let line = self.straight();
        let allowed = 1.5 + length as f64 / 100.0;
        let is_off = |run: &&Run| ((run.top + run.bottom) as f64 / 2.0 - line.at(run.x)).abs() > allowed;
        line.slope.abs() < STEEPEST && self.0.iter().filter(is_off).count() * 20 <= self.0.len()
    }

    /// The straight line of least squares through the middles of its runs.
    fn straight(&self) -> Straight {
        let n = self.0.len() as f64;
        let points = || self.0.iter().map(|run| (run.x as f64, (run.top + run.bottom) as f64 / 2.0));
        let (x, y) = points().fold((0.0, 0.0), |sums, (x, y)| (sums.0 + x / n, sums.1 + y / n));
        let squares = points().map(|(u, _)| (u - x) * (u - x)).sum::<f64>();
        let products = points().map(|(u, v)| (u - x) * (v - y)).sum::<f64>();
        Straight { x, y, slope: if squares > 0.0 { products / squares } else { 0.0 } }
    }

    /// Whether the straight line through it is inked nearly everywhere between the picture's borders.
    fn crosses(&self, ink: &Plane) -> bool {
        let line = self.straight();
        let columns = (0..ink.width).filter(|&x| (0.0..ink.height as f64).contains(&line.at(x)));
        let (mut n, mut n_inked) = (0, 0);
        for x in columns {
            n += 1;
            n_inked += usize::from(line.rows(ink, x).any(|y| ink.at(x, y) >= FAINT));
        }
        n * 2 > ink.width.min(ink.height) && n_inked * 10 >= n * 9
    }

    /// The middle height of its runs.
    fn thickness(&self) -> usize {
        let mut heights: Vec<usize> = self.0.iter().map(|run| run.bottom - run.top).collect();
        heights.sort_unstable();
        heights[heights.len() / 2]
    }

    /// Erases the line from column to column where the ink is no higher than the line itself, with its faint edges;
    /// what is higher is a stroke that crosses it. One that crosses the picture is followed to its borders.
    fn erase(&self, ink: &mut Plane) {
        let highest = self.thickness() * 3 / 2 + 1;
        if self.crosses(ink) {
            let line = self.straight();
            for x in 0..ink.width {
                if let Some(run) = line.rows(ink, x).find(|&y| ink.at(x, y) >= FAINT).map(|y| run_at(ink, x, y)) {
                    run.erase(ink, highest);
                }
            }
        }
        self.0.iter().for_each(|run| run.erase(ink, highest));
    }
}

impl Run {
    fn erase(self, ink: &mut Plane, highest: usize) {
        if self.bottom - self.top > highest {
            return;
        }
        for y in self.top.saturating_sub(2)..(self.bottom + 2).min(ink.height) {
            let at = y * ink.width + self.x;
            if (self.top..self.bottom).contains(&y) || ink.pixels[at] < FAINT {
                ink.pixels[at] = 0;
            }
        }
    }
}

/// The run of ink in column x that holds row y.
fn run_at(ink: &Plane, x: usize, y: usize) -> Run {
    let is_faint = |&y: &usize| ink.at(x, y) < FAINT;
    let top = (0..y).rev().find(is_faint).map_or(0, |above| above + 1);
    let bottom = (y..ink.height).find(is_faint).unwrap_or(ink.height);
    Run { x, top, bottom }
}

/// `y = y₀ + slope · (x − x₀)`.
#[derive(Debug, Clone, Copy)]
struct Straight {
    x: f64,
    y: f64,
    slope: f64,
}

impl Straight {
    fn at(&self, x: usize) -> f64 {
        self.y + self.slope * (x as f64 - self.x)
    }

    /// The rows around it in column x: paper is never quite flat.
    fn rows(&self, ink: &Plane, x: usize) -> std::ops::Range<usize> {
        let reach = 2.0 + ink.width as f64 / 400.0;
        let middle = self.at(x);
        let row = |y: f64| y.clamp(0.0, ink.height as f64) as usize;
        row(middle - reach)..row(middle + reach + 1.0)
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
        assert!(ink == stroke);
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
        assert!(ink == glyph);
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
