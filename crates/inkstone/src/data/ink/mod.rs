//! The ink rules: any picture of a glyph, or of several, becomes what the model was trained on. Described in docs/ink.md.
//!
//! grey → even light, dark ink or light → levels → connected parts → glyphs → inner box → barycentre in the middle.
//! Transparency and orientation are settled when a file is decoded. Nothing is random, nothing depends on the machine,
//! and no picture is refused: what cannot be read has a [`Reason`].

mod components;
mod cut;
mod distance;
mod fit;
mod grey;
mod levels;
mod lighting;
mod lines;
mod plane;
mod ruling;
mod split;
mod stroke;
mod surface;
mod whole;

use components::{Components, Frame};
use levels::Levels;
use plane::Plane;

use super::dataset::{Image, Size};

/// Height and width of MNIST's images: what a recipe with the ink rules means where it names no size.
pub const USUAL_SIZE: [usize; 2] = [28, 28];

/// Glyphs of a page: more are no field of a form.
const MAX_GLYPHS: usize = 64;

/// The most parts of a sign: more are a drawing.
pub const MAX_PARTS: usize = 3;

/// A part with less than this share of the heaviest one's ink (1 in 60) is a speck.
const SPECK: u64 = 60;

/// The least height of a glyph that is read, in pixels of the picture.
const MIN_SIDE: usize = 8;

/// Why a picture is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Nothing stands out from the ground.
    Blank,
    /// What stands out is too faint.
    LowContrast,
    /// The ink is in too many pieces: noise, a texture, a whole page.
    TooManyParts,
    /// The largest glyph is lower than 8 pixels.
    TooSmall,
}

impl Reason {
    /// The word under `reasons` in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blank => "blank",
            Self::LowContrast => "low_contrast",
            Self::TooManyParts => "too_many_parts",
            Self::TooSmall => "too_small",
        }
    }
}

/// What a sign is, by its size and place alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Something for the model.
    Glyph,
    /// A small round part at the foot of its line.
    Point,
    /// The same with a tail.
    Comma,
    /// A short horizontal stroke.
    Minus,
}

impl Kind {
    /// What is read where the model has no class for it; `None` for a glyph.
    pub fn text(self) -> Option<&'static str> {
        match self {
            Self::Glyph => None,
            Self::Point => Some("."),
            Self::Comma => Some(","),
            Self::Minus => Some("-"),
        }
    }

    /// The word under `kind` in JSON; `None` for a glyph.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Glyph => None,
            Self::Point => Some("point"),
            Self::Comma => Some("comma"),
            Self::Minus => Some("minus"),
        }
    }
}

/// One sign cut out of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Glyph {
    /// Left, top, width, height in pixels of the picture.
    pub bounds: [usize; 4],
    /// What it is.
    pub kind: Kind,
    /// Height × width grey values: ink 255, ground 0.
    pub pixels: Vec<u8>,
    /// The glyphs that it may be instead, from left to right, where it is wide enough to be several that touch. The model
    /// decides: see [`crate::predict::Predictor`].
    pub pieces: Vec<Glyph>,
    /// How many separate parts it is made of, specks left out. Signs that people write have [`MAX_PARTS`] at most, a
    /// broken one among them; a face has more.
    pub n_parts: usize,
}

/// What was found in a picture.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Page {
    /// In reading order: lines from top to bottom, signs from left to right.
    pub glyphs: Vec<Glyph>,
    /// All of them as one glyph, where together they are no wider than one: a stroke that is broken. The model decides.
    pub whole: Option<Glyph>,
    /// Why not to trust it; empty where there is nothing to say.
    pub reasons: Vec<Reason>,
}

/// A step of the rules as a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stage {
    /// What was done.
    pub name: &'static str,
    /// One channel.
    pub size: Size,
    /// `size.len()` bytes.
    pub pixels: Vec<u8>,
}

/// The picture as one glyph of `[height, width]`: what a labelled image is. All 0 where there is no ink.
pub fn whole(image: Image<'_>, size: [usize; 2]) -> Vec<u8> {
    if let Some(pixels) = already_fitted(image, size) {
        return pixels;
    }
    let Ok(found) = Found::new(image) else { return vec![0; size[0] * size[1]] };
    let parts = whole::whole(&found.components);
    if parts.is_empty() { vec![0; size[0] * size[1]] } else { found.glyph(&parts, Kind::Glyph, size).pixels }
}

/// All glyphs of the picture, each of `[height, width]`.
pub fn read(image: Image<'_>, size: [usize; 2]) -> Page {
    if let Some(pixels) = already_fitted(image, size) {
        let bounds = [0, 0, image.size.width, image.size.height];
        return Page {
            glyphs: vec![Glyph { bounds, kind: Kind::Glyph, pixels, pieces: Vec::new(), n_parts: 1 }],
            ..Page::default()
        };
    }
    match Found::new(image) {
        Ok(found) => found.page(size),
        Err(reason) => Page { reasons: vec![reason], ..Page::default() },
    }
}

/// The rules step by step, for people to look at.
pub fn stages(image: Image<'_>, size: [usize; 2]) -> Vec<Stage> {
    let grey = grey::grey(image).plane;
    let flat = lighting::flatten(&grey);
    let mut stages = vec![Stage::new("grey", &grey), Stage::new("even light", &flat)];
    if let Ok(levels) = Levels::measure(&flat) {
        let mut ink = levels.apply(&flat);
        stages.push(Stage::new("ink", &ink));
        if ruling::erase(&mut ink) {
            stages.push(Stage::new("without rulings", &ink));
        }
    }
    stages.extend(read(image, size).glyphs.into_iter().map(|glyph| {
        let size = Size { height: size[0], width: size[1], channels: 1 };
        Stage { name: "glyph", size, pixels: glyph.pixels }
    }));
    stages
}

impl Stage {
    fn new(name: &'static str, plane: &Plane) -> Self {
        Self { name, size: plane.as_image().size, pixels: plane.pixels.clone() }
    }
}

/// An image that these rules made already, as MNIST's are, stays what it is.
fn already_fitted(image: Image<'_>, [height, width]: [usize; 2]) -> Option<Vec<u8>> {
    if image.size != (Size { height, width, channels: 1 }) {
        return None;
    }
    let plane = Plane::new(width, height, image.pixels.to_vec());
    fit::is_fitted(&plane).then_some(plane.pixels)
}

/// The ink of a picture, in parts.
struct Found {
    ink: Plane,
    components: Components,
    levels: Levels,
    /// How many of the picture's pixels one of the plane's stands for.
    factor: usize,
    /// Width and height of the picture.
    picture: [usize; 2],
}

impl Found {
    fn new(image: Image<'_>) -> Result<Self, Reason> {
        if image.size.is_empty() {
            return Err(Reason::Blank);
        }
        let grey::Grey { plane, factor } = grey::grey(image);
        let strength = lighting::flatten(&plane);
        let levels = Levels::measure(&strength)?;
        let mut ink = levels.apply(&strength);
        ruling::erase(&mut ink);
        let components = Components::find(&ink);
        if components.list.is_empty() {
            return Err(Reason::Blank);
        }
        Ok(Self { ink, components, levels, factor, picture: [image.size.width, image.size.height] })
    }

    fn page(&self, size: [usize; 2]) -> Page {
        let groups = lines::read(&self.components);
        if groups.len() > MAX_GLYPHS {
            return Page { reasons: vec![Reason::TooManyParts], ..Page::default() };
        }
        let glyphs: Vec<Glyph> = groups.iter().map(|group| self.glyph(&group.parts, group.kind, size)).collect();
        let mut reasons = Vec::new();
        if !self.levels.is_readable() {
            reasons.push(Reason::LowContrast);
        }
        if glyphs.iter().all(|glyph| glyph.bounds[2].max(glyph.bounds[3]) < MIN_SIDE) {
            reasons.push(Reason::TooSmall);
        }
        Page { whole: self.broken(&groups, size), glyphs, reasons }
    }

    /// The signs of a page as one glyph, where they may be the pieces of one.
    fn broken(&self, groups: &[lines::Group], size: [usize; 2]) -> Option<Glyph> {
        let parts: Vec<usize> = groups.iter().flat_map(|group| group.parts.iter().copied()).collect();
        if groups.len() < 2 {
            return None;
        }
        let frame = self.components.frame(&parts);
        let is_narrow = frame.width() * 10 <= frame.height() * split::DOUBTFUL;
        is_narrow.then(|| Glyph { pieces: Vec::new(), ..self.glyph(&parts, Kind::Glyph, size) })
    }

    fn glyph(&self, parts: &[usize], kind: Kind, size: [usize; 2]) -> Glyph {
        let cut = cut::cut(&self.ink, &self.components, parts);
        let bounds = self.bounds(self.components.frame(parts));
        let piece = |plane: &Plane| {
            let [left, top, right, bottom] = split::extent(plane).unwrap_or_default();
            let (left, right, top, bottom) = (left + cut.left, right + cut.left, top + cut.top, bottom + cut.top);
            let bounds = self.bounds(Frame { left, top, right, bottom });
            Glyph { bounds, kind, pixels: fit::fit(plane, size).pixels, pieces: Vec::new(), n_parts: 1 }
        };
        let pieces = if kind == Kind::Glyph { split::split(&cut.plane) } else { Vec::new() };
        let weights = || parts.iter().map(|&part| self.components.list[part].weight);
        let heaviest = weights().max().unwrap_or(0);
        Glyph {
            bounds,
            kind,
            pixels: fit::fit(&cut.plane, size).pixels,
            pieces: pieces.iter().map(piece).collect(),
            n_parts: weights().filter(|weight| weight * SPECK >= heaviest).count(),
        }
    }

    /// A frame of the plane in pixels of the picture.
    fn bounds(&self, frame: Frame) -> [usize; 4] {
        let [width, height] = self.picture;
        let (left, top) = (frame.left * self.factor, frame.top * self.factor);
        let (right, bottom) = ((frame.right * self.factor).min(width), (frame.bottom * self.factor).min(height));
        [left, top, right - left, bottom - top]
    }
}

#[cfg(test)]
mod tests;
