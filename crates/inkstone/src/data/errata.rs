//! Images of published test parts whose labels are known to be wrong. Only says which: whether they count is for whoever
//! measures.
//!
//! Source: Northcutt, Athalye, Mueller, "Pervasive Label Errors in Test Sets Destabilize Machine Learning Benchmarks",
//! 2021 (arXiv 2103.14749), its votes on MNIST: of 100 candidates the 15 whose label fewer than 3 of 5 raters accept.

use super::dataset::{Dataset, Image, Size};
use super::fingerprint::content_hash;

/// An image whose published label is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erratum {
    /// Its place in the published test part, counted from 0.
    pub index: u32,
    /// The published class.
    pub found: &'static str,
    /// The class that at least 3 of 5 raters see; none where they see no digit clearly.
    pub proposed: Option<&'static str>,
    /// The sum of its pixels: nearly all other images are told apart without a hash.
    sum: u32,
    /// The first 16 hexadecimal digits of its content's SHA-256.
    content: u64,
}

const fn erratum(
    index: u32,
    found: &'static str,
    proposed: Option<&'static str>,
    (sum, content): (u32, u64),
) -> Erratum {
    Erratum { index, found, proposed, sum, content }
}

/// The errata of MNIST's test part.
pub const MNIST_TEST: [Erratum; 15] = [
    erratum(947, "8", Some("9"), (39_275, 0xc65c_82d8_00c4_5128)),
    erratum(1621, "0", Some("6"), (25_432, 0x6723_34d8_119f_cbae)),
    erratum(1901, "9", Some("4"), (13_595, 0xe292_39ef_38f8_f882)),
    erratum(2130, "4", None, (36_393, 0x00a5_f6e3_8669_313f)),
    erratum(2462, "2", Some("0"), (65_413, 0x9de3_080f_8df5_0b75)),
    erratum(2597, "5", Some("3"), (24_296, 0x7310_983d_661e_83e4)),
    erratum(2654, "6", None, (20_597, 0xa2dd_809d_a81b_961c)),
    erratum(3520, "6", None, (22_577, 0x66d5_4ce6_9fba_cb34)),
    erratum(3558, "5", Some("0"), (34_757, 0x2fb7_8e52_a970_7b69)),
    erratum(5937, "5", Some("3"), (33_903, 0xf2cd_0243_63b0_06ed)),
    erratum(6651, "0", Some("6"), (17_697, 0x590b_0ba4_52a0_12f5)),
    erratum(6783, "1", Some("6"), (28_888, 0x3942_74d2_b670_b3a2)),
    erratum(8527, "4", None, (40_269, 0xa920_6dd6_c050_b2df)),
    erratum(9679, "6", None, (18_910, 0x16bb_eb7c_8d40_31ac)),
    erratum(9729, "5", Some("6"), (26_728, 0xc841_7115_7cd0_dc7d)),
];

/// The size of MNIST's images.
const SIZE: Size = Size { height: 28, width: 28, channels: 1 };

/// The erratum that an image with this class is, by its content: so any copy of the set is recognised, whatever it is
/// called and however it is stored. An image whose label was put right is none.
pub fn erratum_of(image: Image<'_>, class: &str) -> Option<&'static Erratum> {
    if image.size != SIZE {
        return None;
    }
    let sum: u32 = image.pixels.iter().map(|&pixel| u32::from(pixel)).sum();
    let candidate = MNIST_TEST.iter().find(|erratum| erratum.sum == sum && erratum.found == class)?;
    let [a, b, c, d, e, f, g, h, ..] = content_hash(image);
    (u64::from_be_bytes([a, b, c, d, e, f, g, h]) == candidate.content).then_some(candidate)
}

/// Which of the samples at `indices` are errata: places in `indices`.
pub fn errata_among(dataset: &Dataset, indices: &[u32]) -> Vec<usize> {
    let is_erratum = |&place: &usize| {
        let i = indices[place] as usize;
        let class = &dataset.classes[dataset.samples[i].label as usize];
        erratum_of(dataset.images.get(i), class).is_some()
    };
    (0..indices.len()).filter(is_erratum).collect()
}

#[cfg(all(test, feature = "mnist"))]
mod tests {
    use super::*;
    use crate::data::source::{SourceOptions, open};
    use crate::parallel::Pool;

    #[test]
    fn the_built_in_test_part_has_all_fifteen_at_their_published_places() {
        let mut mnist = open("mnist", &SourceOptions::default(), &Pool::new(1).unwrap()).unwrap();
        let all: Vec<u32> = (0..70_000).collect();
        let places: Vec<usize> = MNIST_TEST.iter().map(|erratum| 60_000 + erratum.index as usize).collect();
        assert_eq!(errata_among(&mnist, &all), places);
        mnist.samples[60_947].label = 9;
        assert_eq!(errata_among(&mnist, &all).len(), 14, "a label that was put right is no erratum");
    }
}
