//! What is published where: the mirrors, sizes and hashes of the data sets that `fetch` knows.
//!
//! Every hash here was published by TensorFlow Datasets, torchvision or the authors, or computed from the published
//! bytes. A number that nobody published is left out, never guessed.

use super::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::nearest::suggestion;

/// A data set as it is published: the same files on one or more mirrors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedSet {
    /// What one asks for: `fashion-mnist`.
    pub name: String,
    /// Addresses that a file's name is appended to, in the order in which they are tried.
    pub mirrors: Vec<String>,
    /// What to download.
    pub files: Vec<PublishedFile>,
}

/// One file to download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedFile {
    /// Its name on every mirror.
    pub name: String,
    /// Its exact length in bytes, where it is known.
    pub size: Option<u64>,
    /// What its bytes must hash to.
    pub digest: Digest,
    /// How the raw files are packed in it.
    pub packing: Packing,
    /// What comes out of it.
    pub contents: Vec<RawFile>,
}

/// How raw files are packed in a download.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// The download is the raw file.
    Plain,
    /// The download is one raw file, compressed by gzip.
    Gzip,
    /// A zip archive in which each raw file is a gzip member of the same name plus `.gz`, in whatever folder.
    ZipOfGzip,
}

/// A file as a reader wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawFile {
    /// Its name in the folder.
    pub name: String,
    /// Its exact length in bytes, where it is known.
    pub size: Option<u64>,
    /// Its SHA-256 where that was published; else the hash is recorded when the file is first unpacked.
    pub sha256: Option<String>,
}

/// The names that [`find`] knows. `emnist` is its four moderate parts; each of the six can be had alone.
pub const NAMES: [&str; 12] = [
    "mnist",
    "mnist-npz",
    "fashion-mnist",
    "kmnist",
    "qmnist",
    "emnist",
    "emnist-digits",
    "emnist-letters",
    "emnist-balanced",
    "emnist-mnist",
    "emnist-byclass",
    "emnist-bymerge",
];

/// The published set called `name`.
///
/// # Errors
/// [`ErrorKind::Usage`] if the catalogue has none of this name.
pub fn find(name: &str) -> Result<PublishedSet> {
    match name {
        "mnist" => Ok(mnist()),
        "mnist-npz" => Ok(mnist_npz()),
        "fashion-mnist" => Ok(fashion_mnist()),
        "kmnist" => Ok(kmnist()),
        "qmnist" => Ok(qmnist()),
        "emnist" => Ok(emnist(name, &["digits", "letters", "balanced", "mnist"])),
        _ => match name.strip_prefix("emnist-") {
            Some(part) if EMNIST_PARTS.iter().any(|known| known.0 == part) => Ok(emnist(name, &[part])),
            _ => Err(Error::new(ErrorKind::Usage, format!("no published data set `{name}` is known"))
                .with_help(suggestion(name, &NAMES))),
        },
    }
}

/// Bytes of `n` images of 28×28 behind an idx3 header.
const fn images_len(n: u64) -> u64 {
    16 + n * 28 * 28
}

/// Bytes of `n` labels behind an idx1 header.
const fn labels_len(n: u64) -> u64 {
    8 + n
}

/// The four files that MNIST and the sets made in its image consist of.
const FOUR: [(&str, u64); 4] = [
    ("train-images-idx3-ubyte", images_len(60_000)),
    ("train-labels-idx1-ubyte", labels_len(60_000)),
    ("t10k-images-idx3-ubyte", images_len(10_000)),
    ("t10k-labels-idx1-ubyte", labels_len(10_000)),
];

/// One .gz per raw file, with the hash of the download and, where it is known, of the raw file.
fn four_files(mirrors: &[&str], name: &str, downloads: [(u64, &str); 4], raw: [Option<&str>; 4]) -> PublishedSet {
    let file = |i: usize| {
        let ((raw_name, raw_size), (size, sha256)) = (FOUR[i], downloads[i]);
        gzip(raw_name, Some(size), Digest::Sha256(sha256.into()), RawFile::new(raw_name, Some(raw_size), raw[i]))
    };
    PublishedSet { name: name.into(), mirrors: owned(mirrors), files: (0..4).map(file).collect() }
}

fn gzip(name: &str, size: Option<u64>, digest: Digest, raw: RawFile) -> PublishedFile {
    PublishedFile { name: format!("{name}.gz"), size, digest, packing: Packing::Gzip, contents: vec![raw] }
}

impl RawFile {
    fn new(name: &str, size: Option<u64>, sha256: Option<&str>) -> Self {
        Self { name: name.into(), size, sha256: sha256.map(Into::into) }
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

/// LeCun's own server answers 403 or 404 since 2024 and is left out.
fn mnist() -> PublishedSet {
    four_files(
        &[
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "https://raw.githubusercontent.com/fgnt/mnist/master/",
        ],
        "mnist",
        [
            (9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
            (28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
            (1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
            (4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
        ],
        [
            Some("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
            Some("65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
            Some("0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
            Some("ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
        ],
    )
}

/// MNIST as Keras publishes it: one .npz with `x_train`, `y_train`, `x_test`, `y_test`.
fn mnist_npz() -> PublishedSet {
    let sha256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1";
    PublishedSet {
        name: "mnist-npz".into(),
        mirrors: owned(&["https://storage.googleapis.com/tensorflow/tf-keras-datasets/"]),
        files: vec![PublishedFile {
            name: "mnist.npz".into(),
            size: None,
            digest: Digest::Sha256(sha256.into()),
            packing: Packing::Plain,
            contents: vec![RawFile::new("mnist.npz", None, Some(sha256))],
        }],
    }
}

/// Garments by Zalando Research, MIT licence. The raw hashes were computed from Debian's package, whose .gz files equal
/// the published ones once the original name and time are put back into the gzip header.
fn fashion_mnist() -> PublishedSet {
    four_files(
        &[
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ],
        "fashion-mnist",
        [
            (26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
            (29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
            (4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
            (5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
        ],
        [
            Some("c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
            Some("bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
            Some("5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
            Some("0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
        ],
    )
}

/// Cursive Kuzushiji characters by the Center for Open Data in the Humanities, CC BY-SA 4.0. One host, plain http.
fn kmnist() -> PublishedSet {
    four_files(
        &["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"],
        "kmnist",
        [
            (18_165_135, "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4"),
            (29_497, "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17"),
            (3_041_136, "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5"),
            (5_120, "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"),
        ],
        [None; 4],
    )
}

/// MNIST reconstructed, with 60,000 test images and the writer of every digit. Of the images only MD5 is published.
fn qmnist() -> PublishedSet {
    // idx2 of big-endian i32: a header of 12 bytes, 8 columns of 4 bytes.
    let table_len = 12 + 60_000 * 8 * 4;
    let file =
        |name: &str, raw_len: u64, digest: Digest| gzip(name, None, digest, RawFile::new(name, Some(raw_len), None));
    let sha256 = |text: &str| Digest::Sha256(text.into());
    let md5 = |text: &str| Digest::Md5(text.into());
    PublishedSet {
        name: "qmnist".into(),
        mirrors: owned(&["https://raw.githubusercontent.com/facebookresearch/qmnist/master/"]),
        files: vec![
            file("qmnist-train-images-idx3-ubyte", images_len(60_000), md5("ed72d4157d28c017586c42bc6afe6370")),
            file(
                "qmnist-train-labels-idx2-int",
                table_len,
                sha256("2c05dc77f6b916b38e455e97ab129a42a444f3dbef09b278a366f82904e0dd9f"),
            ),
            file("qmnist-test-images-idx3-ubyte", images_len(60_000), md5("1394631089c404de565df7b7aeaf9412")),
            file(
                "qmnist-test-labels-idx2-int",
                table_len,
                sha256("9fbcbe594c3766fdf4f0b15c5165dc0d1e57ac604e01422608bb72c906030d06"),
            ),
        ],
    }
}

/// The parts of EMNIST: how many images for training and for the test.
const EMNIST_PARTS: [(&str, u64, u64); 6] = [
    ("digits", 240_000, 40_000),
    ("letters", 88_800, 14_800),
    ("balanced", 112_800, 18_800),
    ("mnist", 60_000, 10_000),
    ("byclass", 697_932, 116_323),
    ("bymerge", 697_932, 116_323),
];

/// Digits and letters of NIST's forms. One archive of half a gigabyte, of which only the `wanted` parts are unpacked.
fn emnist(name: &str, wanted: &[&str]) -> PublishedSet {
    let mut contents = Vec::new();
    for (part, n_train, n_test) in EMNIST_PARTS.into_iter().filter(|part| wanted.contains(&part.0)) {
        for (use_, n) in [("train", n_train), ("test", n_test)] {
            let images = format!("emnist-{part}-{use_}-images-idx3-ubyte");
            let labels = format!("emnist-{part}-{use_}-labels-idx1-ubyte");
            contents.push(RawFile::new(&images, Some(images_len(n)), None));
            contents.push(RawFile::new(&labels, Some(labels_len(n)), None));
        }
    }
    PublishedSet {
        name: name.into(),
        mirrors: owned(&[
            "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/",
            "https://biometrics.nist.gov/cs_links/EMNIST/",
        ]),
        files: vec![PublishedFile {
            name: "gzip.zip".into(),
            size: Some(561_753_746),
            digest: Digest::Sha256("fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e".into()),
            packing: Packing::ZipOfGzip,
            contents,
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_every_entry_is_well_formed() {
        for name in NAMES {
            let set = find(name).unwrap();
            assert_eq!(set.name, name);
            assert!(set.mirrors.iter().all(|mirror| mirror.starts_with("http") && mirror.ends_with('/')), "{name}");
            for file in &set.files {
                assert!(file.digest.is_well_formed(), "{name}/{}", file.name);
                assert!(!file.contents.is_empty());
                for raw in &file.contents {
                    let known = raw.sha256.clone().is_none_or(|sha256| Digest::Sha256(sha256).is_well_formed());
                    assert!(known, "{name}/{}", raw.name);
                }
            }
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest_or_with_all() {
        let error = find("cifar").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().starts_with("no published data set `cifar` is known; known: mnist, "), "{error}");
        assert!(find("fashion_mnist").unwrap_err().to_string().ends_with("did you mean `fashion-mnist`?"));
    }

    #[test]
    fn one_part_of_emnist_is_two_pairs_of_files() {
        let names: Vec<String> =
            find("emnist-letters").unwrap().files[0].contents.iter().map(|raw| raw.name.clone()).collect();
        assert_eq!(names[0], "emnist-letters-train-images-idx3-ubyte");
        assert_eq!(names.len(), 4);
        assert_eq!(find("emnist").unwrap().files[0].contents.len(), 16);
    }
}
