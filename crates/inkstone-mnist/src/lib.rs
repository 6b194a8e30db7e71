//! The MNIST handwritten digits, compressed inside the crate: 70,000 grey images of 28×28 pixels with their labels.
//!
//! Nothing is read from a disk or a network and nothing can fail: [`load`] unpacks the embedded frames on a few threads
//! in about a tenth of a second. The crate does no more than that: no shuffling, no floats, no batches.
//!
//! ```
//! let mnist = inkstone_mnist::load();
//! assert_eq!(mnist.train_labels[..5], [5, 0, 4, 1, 9]);
//! // The first image is a 5; here is a row through its middle.
//! assert_eq!(mnist.train_images[14 * 28 + 13..14 * 28 + 19], [81, 240, 253, 253, 119, 25]);
//! ```
//!
//! The data is by Yann LeCun, Corinna Cortes and Christopher Burges, licensed CC BY-SA 3.0; see `DATA-LICENSE`.

/// Rows and columns of every image.
pub const SIDE: usize = 28;
/// How many images the training part has.
pub const N_TRAIN: usize = 60_000;
/// How many images the test part has.
pub const N_TEST: usize = 10_000;
/// How many classes there are: the digits 0 to 9. A label is its own digit.
pub const N_CLASSES: usize = 10;

/// The names of the four original files, in the order of [`raw_files`].
pub const RAW_FILE_NAMES: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

/// Bytes of one image.
const IMAGE_LEN: usize = SIDE * SIDE;

/// The training images in frames of [`IMAGES_PER_FRAME`] each: enough frames for four cores together with the test
/// part's, few enough that the redundancy lost between them keeps the whole under 10 MB.
static TRAIN_IMAGES: [&[u8]; 3] = [
    include_bytes!("../data/train-images-0.zst"),
    include_bytes!("../data/train-images-1.zst"),
    include_bytes!("../data/train-images-2.zst"),
];
static TEST_IMAGES: &[u8] = include_bytes!("../data/test-images.zst");
static TRAIN_LABELS: &[u8] = include_bytes!("../data/train-labels.zst");
static TEST_LABELS: &[u8] = include_bytes!("../data/test-labels.zst");

/// As `examples/pack.rs` cuts them.
const IMAGES_PER_FRAME: usize = N_TRAIN / TRAIN_IMAGES.len();

/// MNIST in memory: pixels and labels without any file header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mnist {
    /// 60,000 images of 28×28 bytes, one behind the other, row by row; 0 is ground, 255 is ink.
    pub train_images: Vec<u8>,
    /// The digit on each training image.
    pub train_labels: Vec<u8>,
    /// 10,000 images as above.
    pub test_images: Vec<u8>,
    /// The digit on each test image.
    pub test_labels: Vec<u8>,
}

/// Unpacks MNIST on up to four threads.
///
/// ```
/// let mnist = inkstone_mnist::load();
/// assert_eq!(mnist.test_images.len(), 10_000 * 28 * 28);
/// assert_eq!(mnist.test_labels[..4], [7, 2, 1, 0]);
/// ```
pub fn load() -> Mnist {
    let mut mnist = Mnist {
        train_images: vec![0; N_TRAIN * IMAGE_LEN],
        train_labels: vec![0; N_TRAIN],
        test_images: vec![0; N_TEST * IMAGE_LEN],
        test_labels: vec![0; N_TEST],
    };
    std::thread::scope(|scope| {
        for (frame, images) in TRAIN_IMAGES.iter().zip(mnist.train_images.chunks_mut(IMAGES_PER_FRAME * IMAGE_LEN)) {
            scope.spawn(|| unpack(frame, images));
        }
        unpack(TEST_IMAGES, &mut mnist.test_images);
        unpack(TRAIN_LABELS, &mut mnist.train_labels);
        unpack(TEST_LABELS, &mut mnist.test_labels);
    });
    mnist
}

/// Unpacks one frame, which fills `target` exactly.
fn unpack(frame: &[u8], target: &mut [u8]) {
    let n_bytes = zstd::bulk::decompress_to_buffer(frame, target).expect("the frame is our own and tested to unpack");
    assert_eq!(n_bytes, target.len(), "the frame is cut by examples/pack.rs at the sizes used here");
}

/// The four original IDX files byte for byte, each with its canonical name, in the order of [`RAW_FILE_NAMES`].
///
/// ```
/// let files = inkstone_mnist::raw_files();
/// assert_eq!(files[3].0, "t10k-labels-idx1-ubyte");
/// assert_eq!(files[3].1[..8], [0, 0, 8, 1, 0, 0, 0x27, 0x10]); // bytes, one axis, 10,000 of them
/// ```
pub fn raw_files() -> [(&'static str, Vec<u8>); 4] {
    let mnist = load();
    let [train_images, train_labels, test_images, test_labels] = RAW_FILE_NAMES;
    [
        (train_images, with_header(&[N_TRAIN, SIDE, SIDE], &mnist.train_images)),
        (train_labels, with_header(&[N_TRAIN], &mnist.train_labels)),
        (test_images, with_header(&[N_TEST, SIDE, SIDE], &mnist.test_images)),
        (test_labels, with_header(&[N_TEST], &mnist.test_labels)),
    ]
}

/// `bytes` behind an IDX header: two zeros, the type (8: unsigned bytes), the number of axes, each axis' length as
/// big-endian u32.
fn with_header(shape: &[usize], bytes: &[u8]) -> Vec<u8> {
    let mut file = Vec::with_capacity(4 + 4 * shape.len() + bytes.len());
    file.extend([0, 0, 8, shape.len() as u8]);
    for &length in shape {
        file.extend((length as u32).to_be_bytes());
    }
    file.extend(bytes);
    file
}

#[cfg(test)]
mod tests {
    use super::*;
    use hmac_sha256::Hash;
    use std::fmt::Write as _;

    #[test]
    fn the_four_raw_files_are_the_published_ones() {
        let published = [
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ];
        for ((name, bytes), expected) in raw_files().iter().zip(published) {
            let found = Hash::hash(bytes).iter().fold(String::new(), |mut text, byte| {
                write!(text, "{byte:02x}").unwrap();
                text
            });
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn every_digit_occurs_as_often_as_published() {
        let counts = |labels: &[u8]| {
            let mut counts = [0; N_CLASSES];
            for &label in labels {
                counts[usize::from(label)] += 1;
            }
            counts
        };
        let mnist = load();
        assert_eq!(counts(&mnist.train_labels), [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
        assert_eq!(counts(&mnist.test_labels), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
    }

    #[test]
    fn the_sizes_are_those_of_the_constants_and_the_whole_stays_under_ten_megabytes() {
        let mnist = load();
        assert_eq!((mnist.train_images.len(), mnist.train_labels.len()), (47_040_000, 60_000));
        assert_eq!((mnist.test_images.len(), mnist.test_labels.len()), (7_840_000, 10_000));
        let packed: usize =
            TRAIN_IMAGES.iter().chain([&TEST_IMAGES, &TRAIN_LABELS, &TEST_LABELS]).map(|frame| frame.len()).sum();
        assert!(packed < 10_000_000, "{packed} bytes");
    }
}
