//! Everything that a stress test does to images, in the order of its report.

use inkstone_kernels::Isa;

use super::corruption::{Corruption, Dose, Key, STRENGTHS, corrupt};
use super::curve::{Motion, moved};
use crate::data::Image;
use crate::data::dataset::Size;

/// What is done to every image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Treatment {
    Untouched,
    Corrupted(Dose),
    Moved(Motion, f32),
}

impl Treatment {
    /// All of them, in the order of the report.
    pub(super) fn all() -> Vec<Self> {
        let mut all = vec![Self::Untouched];
        for corruption in Corruption::ALL {
            all.extend((1..=STRENGTHS).map(|strength| Self::Corrupted(Dose { corruption, strength })));
        }
        for motion in Motion::ALL {
            all.extend(motion.amounts().iter().map(|&amount| Self::Moved(motion, amount)));
        }
        all
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Untouched => "untouched",
            Self::Corrupted(dose) => dose.corruption.name(),
            Self::Moved(motion, _) => motion.name(),
        }
    }

    /// Whether it is made for images of that size.
    pub(super) fn suits(self, size: Size) -> bool {
        match self {
            Self::Corrupted(dose) => size.height.min(size.width) >= dose.corruption.least_side(),
            Self::Untouched | Self::Moved(..) => true,
        }
    }

    /// Whether the model's decisions are counted too.
    pub(super) fn is_decided(self) -> bool {
        !matches!(self, Self::Moved(..))
    }

    /// Whether it leaves every image as it is.
    pub(super) fn is_nothing(self) -> bool {
        match self {
            Self::Untouched => true,
            Self::Corrupted(_) => false,
            Self::Moved(motion, amount) => amount == motion.neutral(),
        }
    }

    pub(super) fn apply(self, isa: Isa, image: Image<'_>, key: Key) -> Vec<u8> {
        match self {
            Self::Untouched => image.pixels.to_vec(),
            Self::Corrupted(dose) => corrupt(isa, image, dose, key),
            Self::Moved(motion, amount) => moved(image, motion, amount),
        }
    }
}
