//! What names the content of images and of whole datasets. Knows nothing of files: the same pixels, labels and
//! parts have the same fingerprint whatever format they were read from.

use hmac_sha256::Hash;

use super::dataset::{Dataset, Image};
use crate::hash::Sha256;
use crate::parallel::Pool;

/// The hashes of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// SHA-256 of each sample's size and pixels.
    pub samples: Vec<[u8; 32]>,
    /// SHA-256 over the classes' names and every sample's hash, label and part: 64 hexadecimal digits.
    pub hex: String,
}

impl Fingerprint {
    /// The first 16 hexadecimal digits of sample i's hash: what `split.json` tells images apart by.
    pub fn short(&self, i: usize) -> String {
        let [a, b, c, d, e, f, g, h, ..] = self.samples[i];
        format!("{:016x}", u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }
}

/// Images per piece of parallel work: small enough to share out, large enough not to be felt.
const CHUNK: usize = 64;

/// Hashes every image, in parallel, and the dataset as a whole.
pub fn fingerprint(dataset: &Dataset, pool: &Pool) -> Fingerprint {
    let mut samples = vec![[0; 32]; dataset.images.len()];
    pool.for_each_chunk(&mut samples, CHUNK, |chunk, hashes| {
        for (i, hash) in hashes.iter_mut().enumerate() {
            *hash = dataset.images.with(chunk * CHUNK + i, content_hash);
        }
    });
    let hex = combine(dataset, &samples);
    Fingerprint { samples, hex }
}

/// SHA-256 of height, width, channels (u32, little-endian) and the pixels.
pub fn content_hash(image: Image<'_>) -> [u8; 32] {
    let mut hash = Hash::new();
    for length in [image.size.height, image.size.width, image.size.channels] {
        hash.update((length as u32).to_le_bytes());
    }
    hash.update(image.pixels);
    hash.finalize()
}

fn combine(dataset: &Dataset, samples: &[[u8; 32]]) -> String {
    let mut hash = Sha256::new();
    for class in &dataset.classes {
        // The length in front keeps ["ab", "c"] apart from ["a", "bc"].
        hash.update(&(class.len() as u32).to_le_bytes());
        hash.update(class.as_bytes());
    }
    for (sample, content) in dataset.samples.iter().zip(samples) {
        let mut record = [0; 37];
        record[..32].copy_from_slice(content);
        record[32..36].copy_from_slice(&sample.label.to_le_bytes());
        record[36] = sample.part.map_or(0, |part| part as u8 + 1);
        hash.update(&record);
    }
    hash.finish_hex()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::dataset::{Part, Rows, Size};

    fn dataset(change: impl Fn(&mut Rows)) -> Dataset {
        let size = Size { height: 2, width: 3, channels: 1 };
        let mut rows = Rows { part: None, size, pixels: (0..120).collect(), labels: vec![1; 20], groups: None };
        change(&mut rows);
        Dataset::from_rows("x", vec!["a".into(), "b".into()], vec![rows]).unwrap()
    }

    #[test]
    fn a_fingerprint_changes_with_pixels_labels_parts_and_shape_but_not_with_threads() {
        let of = |dataset: &Dataset| fingerprint(dataset, &Pool::new(1).unwrap());
        let plain = of(&dataset(|_| {}));
        assert_eq!(plain, fingerprint(&dataset(|_| {}), &Pool::new(3).unwrap()));
        assert_eq!(plain.hex.len(), 64);
        assert_eq!(plain.short(0).len(), 16);
        let changes: [fn(&mut Rows); 4] = [
            |rows| rows.pixels[7] ^= 1,
            |rows| rows.labels[3] = 0,
            |rows| rows.part = Some(Part::Train),
            |rows| rows.size = Size { height: 3, width: 2, channels: 1 },
        ];
        for change in changes {
            assert_ne!(plain.hex, of(&dataset(change)).hex);
        }
        let mut renamed = dataset(|_| {});
        renamed.classes[0] = "c".into();
        assert_ne!(plain.hex, of(&renamed).hex);
    }
}
