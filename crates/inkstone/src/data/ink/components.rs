//! Connected ink: which pixels hang together (with their eight neighbours), and how large each part is.

use super::plane::Plane;

/// Ink from which pixels hang together.
pub(super) const JOINED: u8 = 80;

/// Ink that a part must have somewhere to be one: half of full.
const CORE: u8 = 128;

/// The mean ink of a part, in hundredths of the heaviest part's, below which it was not written with the same pen: a
/// printed line, a stain.
const FAINTER: u64 = 60;

/// Left, top, right, bottom; the last two lie outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) right: usize,
    pub(super) bottom: usize,
}

impl Frame {
    pub(super) fn width(self) -> usize {
        self.right - self.left
    }

    pub(super) fn height(self) -> usize {
        self.bottom - self.top
    }

    pub(super) fn longer(self) -> usize {
        self.width().max(self.height())
    }

    /// The smallest frame around both.
    pub(super) fn with(self, other: Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }
}

/// One connected part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Component {
    pub(super) frame: Frame,
    /// Its pixels.
    pub(super) area: usize,
    /// The sum of their values.
    pub(super) weight: u64,
    peak: u8,
}

/// All parts, and whose each pixel is.
#[derive(Debug, Clone)]
pub(super) struct Components {
    pub(super) list: Vec<Component>,
    /// Per pixel: 0 for none, else the position in `list` plus 1.
    pub(super) labels: Vec<u32>,
}

impl Component {
    /// The mean value of its pixels.
    fn mean(&self) -> u64 {
        self.weight / self.area.max(1) as u64
    }
}

impl Components {
    /// The parts of `ink`, in the order of their first pixels, row by row. What is nowhere half full ink is none.
    pub(super) fn find(ink: &Plane) -> Self {
        let mut forest = Forest::default();
        let mut labels = vec![0_u32; ink.pixels.len()];
        for y in 0..ink.height {
            for (x, &value) in ink.row(y).iter().enumerate() {
                if value >= JOINED {
                    let label = forest.label(&labels, ink, [x, y]);
                    labels[y * ink.width + x] = label;
                }
            }
        }
        let (list, names) = measure(ink, &labels, &mut forest);
        labels.iter_mut().for_each(|label| *label = names[*label as usize]);
        Self { list, labels }
    }
}

impl Components {
    /// The frame around some parts, at least one.
    pub(super) fn frame(&self, parts: &[usize]) -> Frame {
        let frames = parts.iter().map(|&part| self.list[part].frame);
        frames.reduce(Frame::with).expect("a glyph has at least one part")
    }
}

/// Which labels stand for one part: each points to an earlier one, or to itself.
struct Forest(Vec<u32>);

impl Default for Forest {
    fn default() -> Self {
        Self(vec![0])
    }
}

impl Forest {
    /// The label of a pixel whose neighbours above and to the left have theirs.
    fn label(&mut self, labels: &[u32], ink: &Plane, [x, y]: [usize; 2]) -> u32 {
        let width = ink.width;
        let mut found = 0;
        let mut meet = |forest: &mut Self, at: usize| {
            let label = labels[at];
            if label != 0 {
                found = if found == 0 { label } else { forest.join(found, label) };
            }
        };
        if x > 0 {
            meet(self, y * width + x - 1);
        }
        if y > 0 {
            for column in x.saturating_sub(1)..(x + 2).min(width) {
                meet(self, (y - 1) * width + column);
            }
        }
        if found == 0 {
            found = self.0.len() as u32;
            self.0.push(found);
        }
        found
    }

    fn root(&mut self, mut label: u32) -> u32 {
        while self.0[label as usize] != label {
            let above = self.0[self.0[label as usize] as usize];
            self.0[label as usize] = above;
            label = above;
        }
        label
    }

    fn join(&mut self, a: u32, b: u32) -> u32 {
        let (a, b) = (self.root(a), self.root(b));
        let (first, second) = (a.min(b), a.max(b));
        self.0[second as usize] = first;
        first
    }
}

/// The parts that count, and the final name of each preliminary label (0: none).
fn measure(ink: &Plane, labels: &[u32], forest: &mut Forest) -> (Vec<Component>, Vec<u32>) {
    let roots: Vec<u32> = (0..forest.0.len() as u32).map(|label| forest.root(label)).collect();
    let none = Frame { left: usize::MAX, top: usize::MAX, right: 0, bottom: 0 };
    let mut all = vec![Component { frame: none, area: 0, weight: 0, peak: 0 }; roots.len()];
    for (i, (&label, &value)) in labels.iter().zip(&ink.pixels).enumerate() {
        if label != 0 {
            let (x, y) = (i % ink.width, i / ink.width);
            let part = &mut all[roots[label as usize] as usize];
            part.frame = part.frame.with(Frame { left: x, top: y, right: x + 1, bottom: y + 1 });
            part.area += 1;
            part.weight += u64::from(value);
            part.peak = part.peak.max(value);
        }
    }
    let main = all.iter().max_by_key(|part| part.weight).copied();
    let is_ink =
        |part: &Component| part.peak >= CORE && main.is_some_and(|main| part.mean() * 100 >= main.mean() * FAINTER);
    let mut list = Vec::new();
    let mut names = vec![0; roots.len()];
    for (root, part) in all.into_iter().enumerate() {
        if is_ink(&part) {
            list.push(part);
            names[root] = list.len() as u32;
        }
    }
    let names = roots.iter().map(|&root| names[root as usize]).collect();
    (list, names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(rows: &[&str]) -> Components {
        let pixels = rows.iter().flat_map(|row| row.bytes().map(|byte| if byte == b'#' { 255 } else { 0 }));
        Components::find(&Plane::new(rows[0].len(), rows.len(), pixels.collect()))
    }

    #[test]
    fn what_touches_at_a_corner_is_one_part_and_a_gap_makes_two() {
        assert_eq!(parts(&["#..", ".#.", "..#"]).list.len(), 1);
        assert_eq!(parts(&["#.#", "#.#"]).list.len(), 2);
        // A U: its arms meet only in the last row.
        let found = parts(&["#.#", "#.#", "###"]);
        assert_eq!((found.list.len(), found.list[0].area), (1, 7));
        assert_eq!(found.list[0].frame, Frame { left: 0, top: 0, right: 3, bottom: 3 });
        assert_eq!(found.labels, [1, 0, 1, 1, 0, 1, 1, 1, 1]);
    }

    #[test]
    fn faint_ink_belongs_to_a_part_with_a_core_and_is_none_alone() {
        let plane = Plane::new(5, 1, vec![100, 200, 0, 100, 100]);
        let found = Components::find(&plane);
        assert_eq!(found.labels, [1, 1, 0, 0, 0]);
        assert_eq!(found.list[0].weight, 300);
    }
}
