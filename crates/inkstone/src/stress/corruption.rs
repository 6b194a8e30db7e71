//! The fifteen ways to spoil an image, after the families of MNIST-C (Mu and Gilmer, "MNIST-C: a robustness benchmark for
//! computer vision", 2019), each at five strengths. The amounts are our own: figures do not compare with MNIST-C's files.
//!
//! Lengths are in pixels of an image whose shorter side has 28, and grow and shrink with the image. Where an image ends
//! its ground goes on: the median of its border. What is drawn into it is white, or black on light ground.

use inkstone_kernels::Isa;
use serde::{Deserialize, Serialize};

use super::canvas::Canvas;
use super::{blur, edges, geometry, lines, noise, spatter, tone};
use crate::data::Image;
use crate::rng::{Operation, Rng};

/// A way to spoil an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Corruption {
    /// Few photons: each value is a Poisson count.
    ShotNoise,
    /// Single values become black or white.
    ImpulseNoise,
    /// Pixels change places with near ones, as behind frosted glass.
    GlassBlur,
    /// Smeared along a line.
    MotionBlur,
    /// Slanted to the left or right.
    Shear,
    /// Made smaller.
    Scale,
    /// Turned to the left or right.
    Rotate,
    /// Everything lighter.
    Brightness,
    /// Moved in some direction.
    Translate,
    /// An upright band in the middle shows its negative.
    Stripe,
    /// Clouds in front of it.
    Fog,
    /// Drops on it.
    Spatter,
    /// Lines of dots across it.
    DottedLine,
    /// A line that goes up and down across it.
    Zigzag,
    /// Nothing left but the edges (Canny, 1986).
    CannyEdges,
}

/// A corruption at a strength.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Dose {
    /// Which.
    pub corruption: Corruption,
    /// 1, the weakest, to 5.
    pub strength: u8,
}

/// What everything drawn for an image depends on. Doses of one corruption share their draws: a stronger one is the same
/// line thicker, the same turn further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The seed of the whole test.
    pub seed: u64,
    /// The image's number in its data set.
    pub sample: u32,
}

/// The strengths of a corruption.
pub const STRENGTHS: u8 = 5;

impl Corruption {
    /// All of them, in the order in which they are reported.
    pub const ALL: [Self; 15] = [
        Self::ShotNoise,
        Self::ImpulseNoise,
        Self::GlassBlur,
        Self::MotionBlur,
        Self::Shear,
        Self::Scale,
        Self::Rotate,
        Self::Brightness,
        Self::Translate,
        Self::Stripe,
        Self::Fog,
        Self::Spatter,
        Self::DottedLine,
        Self::Zigzag,
        Self::CannyEdges,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::ShotNoise => "shot_noise",
            Self::ImpulseNoise => "impulse_noise",
            Self::GlassBlur => "glass_blur",
            Self::MotionBlur => "motion_blur",
            Self::Shear => "shear",
            Self::Scale => "scale",
            Self::Rotate => "rotate",
            Self::Brightness => "brightness",
            Self::Translate => "translate",
            Self::Stripe => "stripe",
            Self::Fog => "fog",
            Self::Spatter => "spatter",
            Self::DottedLine => "dotted_line",
            Self::Zigzag => "zigzag",
            Self::CannyEdges => "canny_edges",
        }
    }

    /// How much of it each strength is, from the weakest to the strongest.
    pub fn amounts(self) -> [f32; STRENGTHS as usize] {
        match self {
            Self::ShotNoise => [16.0, 8.0, 4.0, 2.0, 1.0],
            Self::ImpulseNoise => [0.05, 0.1, 0.2, 0.3, 0.4],
            Self::GlassBlur => [0.6, 0.8, 1.0, 1.4, 2.0],
            Self::MotionBlur => [4.0, 6.0, 8.0, 11.0, 14.0],
            Self::Shear => [0.2, 0.4, 0.6, 0.8, 1.0],
            Self::Scale => [0.8, 0.7, 0.6, 0.5, 0.4],
            Self::Rotate => [10.0, 20.0, 30.0, 45.0, 60.0],
            Self::Brightness => [0.1, 0.25, 0.4, 0.6, 0.8],
            Self::Translate => [2.0, 3.0, 4.0, 5.0, 6.0],
            Self::Stripe => [2.0, 4.0, 6.0, 9.0, 12.0],
            Self::Fog => [0.3, 0.45, 0.55, 0.65, 0.75],
            Self::Spatter => [0.05, 0.1, 0.17, 0.25, 0.35],
            Self::DottedLine => [1.0, 2.0, 3.0, 4.0, 5.0],
            Self::Zigzag => [0.8, 1.2, 1.8, 2.4, 3.2],
            Self::CannyEdges => [0.5, 0.8, 1.2, 1.7, 2.3],
        }
    }

    /// What those amounts are.
    pub fn amount_is(self) -> &'static str {
        match self {
            Self::ShotNoise => "photons that make white",
            Self::ImpulseNoise => "share of values that become black or white",
            Self::GlassBlur => "pixels that a pixel moves at most, twice",
            Self::MotionBlur => "length of the smear in pixels",
            Self::Shear => "columns of slant per row",
            Self::Scale => "factor of size",
            Self::Rotate => "degrees",
            Self::Brightness => "share of white that is added",
            Self::Translate => "pixels",
            Self::Stripe => "width of the band in pixels",
            Self::Fog => "share of the clouds in the picture",
            Self::Spatter => "share of pixels under drops",
            Self::DottedLine => "number of lines",
            Self::Zigzag => "thickness of the line in pixels",
            Self::CannyEdges => "standard deviation of the blur before edges are sought, in pixels",
        }
    }

    /// The shorter side from which on it makes sense: a single pixel has no edges and cannot be turned.
    pub fn least_side(self) -> usize {
        match self {
            Self::ShotNoise | Self::ImpulseNoise | Self::Brightness => 1,
            Self::GlassBlur | Self::MotionBlur | Self::Fog | Self::CannyEdges => 5,
            Self::Shear
            | Self::Scale
            | Self::Rotate
            | Self::Translate
            | Self::Stripe
            | Self::Spatter
            | Self::DottedLine
            | Self::Zigzag => 7,
        }
    }
}

impl Dose {
    /// How much of the corruption it is.
    ///
    /// # Panics
    /// If the strength is not one of 1 to 5.
    pub fn amount(self) -> f32 {
        self.corruption.amounts()[usize::from(self.strength) - 1]
    }
}

/// The image spoiled: as many bytes, the same for the same key on every machine. Any size will do; one below
/// [`Corruption::least_side`] just may come out as it was.
///
/// # Panics
/// If the strength is not one of 1 to 5.
///
/// ```
/// use inkstone::data::{Image, dataset::Size};
/// use inkstone::engine::Isa;
/// use inkstone::stress::{Corruption, Dose, Key, corrupt};
/// let image = Image { size: Size { height: 1, width: 3, channels: 1 }, pixels: &[0, 100, 250] };
/// let dose = Dose { corruption: Corruption::Brightness, strength: 1 };
/// assert_eq!(corrupt(Isa::detect(), image, dose, Key { seed: 0, sample: 0 }), [26, 126, 255]);
/// ```
pub fn corrupt(isa: Isa, image: Image<'_>, dose: Dose, key: Key) -> Vec<u8> {
    let (corruption, amount) = (dose.corruption, dose.amount());
    if image.size.is_empty() {
        return Vec::new();
    }
    let mut rng = Rng::new(key.seed, 0, key.sample, Operation::Corruption).numbered(corruption as u16);
    let mut canvas = Canvas::new(image);
    match corruption {
        Corruption::ShotNoise => noise::shot(&mut canvas, amount, &mut rng),
        Corruption::ImpulseNoise => noise::impulse(&mut canvas, amount, &mut rng),
        Corruption::GlassBlur => blur::glass(isa, &mut canvas, amount, &mut rng),
        Corruption::MotionBlur => blur::motion(&mut canvas, amount, &mut rng),
        Corruption::Shear => geometry::shear(&mut canvas, amount * sign(&mut rng)),
        Corruption::Scale => geometry::scale(&mut canvas, amount),
        Corruption::Rotate => geometry::rotate(&mut canvas, amount * sign(&mut rng)),
        Corruption::Brightness => tone::brighten(&mut canvas, amount),
        Corruption::Translate => geometry::translate_somewhere(&mut canvas, amount, &mut rng),
        Corruption::Stripe => tone::stripe(&mut canvas, amount),
        Corruption::Fog => tone::fog(&mut canvas, amount, &mut rng),
        Corruption::Spatter => spatter::spatter(isa, &mut canvas, amount, &mut rng),
        Corruption::DottedLine => lines::dotted(&mut canvas, amount, &mut rng),
        Corruption::Zigzag => lines::zigzag(&mut canvas, amount, &mut rng),
        Corruption::CannyEdges => edges::canny(isa, &mut canvas, amount),
    }
    canvas.into_bytes()
}

/// To the one side or to the other.
fn sign(rng: &mut Rng) -> f32 {
    if rng.next_u32() & 1 == 0 { 1.0 } else { -1.0 }
}
