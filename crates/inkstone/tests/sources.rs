//! Sources of every kind, opened from files made here in a temporary folder.
#![cfg(feature = "formats")]
#![allow(clippy::unwrap_used)] // all of it is tests, helpers included

use std::cell::RefCell;
use std::io::Write;
use std::path::PathBuf;

use inkstone::data::dataset::{Part, Size};
use inkstone::data::source::{SourceOptions, open};
use inkstone::data::{Dataset, idx};
use inkstone::parallel::Pool;
use inkstone::spec::loading::OnError;

/// A folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("inkstone-sources-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn open(&self, source: &str) -> (inkstone::Result<Dataset>, Vec<String>) {
        let notes = RefCell::new(Vec::new());
        let note = |text: &str| notes.borrow_mut().push(text.to_owned());
        let options = SourceOptions {
            home: Some(self.0.join("home")),
            base: Some(self.0.clone()),
            note: Some(&note),
            ..SourceOptions::default()
        };
        let result = open(source, &options, &Pool::new(2).unwrap());
        (result, notes.into_inner())
    }

    /// Opened with more options, and what was noted.
    fn open_with(&self, options: &SourceOptions<'_>) -> (inkstone::Result<Dataset>, Vec<String>) {
        let notes = RefCell::new(Vec::new());
        let note = |text: &str| notes.borrow_mut().push(text.replace(&format!("{}/", self.0.display()), ""));
        let options = SourceOptions { base: Some(self.0.clone()), note: Some(&note), ..options.clone() };
        let result = open("set", &options, &Pool::new(2).unwrap());
        (result, notes.into_inner())
    }

    fn message(&self, source: &str) -> String {
        self.open(source).0.unwrap_err().to_string().replace(&format!("{}/", self.0.display()), "")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A PGM or PPM of one value.
fn image(height: usize, width: usize, channels: usize, value: u8) -> Vec<u8> {
    let kind = if channels == 1 { 5 } else { 6 };
    let mut bytes = format!("P{kind} {width} {height} 255\n").into_bytes();
    bytes.resize(bytes.len() + height * width * channels, value);
    bytes
}

fn labels(dataset: &Dataset) -> Vec<u32> {
    dataset.samples.iter().map(|sample| sample.label).collect()
}

fn ids(dataset: &Dataset) -> Vec<String> {
    dataset.samples.iter().map(|sample| sample.id.to_string()).collect()
}

#[test]
fn class_folders_are_sorted_bytewise_and_images_keep_their_own_size_and_channels() {
    let folder = Folder::new("classes");
    for (name, bytes) in [
        ("letters/b/2.pgm", image(2, 3, 1, 20)),
        ("letters/b/10.pgm", image(4, 4, 1, 10)),
        ("letters/a/x.PPM", image(1, 1, 3, 30)),
        ("letters/Z/only.pgm", image(1, 2, 1, 40)),
        ("letters/ä/last.pgm", image(1, 2, 1, 50)),
        ("letters/a/readme.txt", b"passed over".to_vec()),
        ("letters/a/.hidden.pgm", b"no image".to_vec()),
        ("letters/.git/x.pgm", b"no image".to_vec()),
        ("letters/empty/notes.md", b"passed over".to_vec()),
    ] {
        folder.write(name, &bytes);
    }
    let (dataset, notes) = folder.open("letters");
    let dataset = dataset.unwrap();
    assert_eq!(dataset.name, "letters");
    assert_eq!(dataset.classes, ["Z", "a", "b", "ä"]);
    assert_eq!(ids(&dataset), ["Z/only.pgm", "a/x.PPM", "b/10.pgm", "b/2.pgm", "ä/last.pgm"]);
    assert_eq!(labels(&dataset), [0, 1, 2, 2, 3]);
    assert_eq!(dataset.images.get(1).size, Size { height: 1, width: 1, channels: 3 });
    assert_eq!(dataset.images.get(3).pixels, [20; 6]);
    assert!(dataset.samples.iter().all(|sample| sample.part.is_none()));
    assert_eq!(
        notes,
        [
            "letters: passed over, being no images by name: 1 .md, 1 .txt",
            "letters: folders without images are no classes: empty"
        ]
    );
}

#[test]
fn folders_below_a_class_belong_to_it_and_strays_are_named() {
    let folder = Folder::new("nested");
    for name in ["a/x/deep/3.pgm", "a/2.pgm", "a/x/1.pgm", "b/y/4.pgm", "b/z/.hidden/5.pgm", ".trash/6.pgm"] {
        folder.write(&format!("set/{name}"), &image(2, 2, 1, 9));
    }
    for stray in ["a/Thumbs.db", "a/x/Thumbs.db", "notes.txt", "b/y/README", "b/.DS_Store", "b/moving.gif", "b/p.HEIC"]
    {
        folder.write(&format!("set/{stray}"), b"no image");
    }
    let (dataset, notes) = folder.open("set");
    let dataset = dataset.unwrap();
    assert_eq!(ids(&dataset), ["a/2.pgm", "a/x/1.pgm", "a/x/deep/3.pgm", "b/y/4.pgm"]);
    assert_eq!((labels(&dataset), &dataset.classes[..]), (vec![0, 0, 0, 1], &["a".to_owned(), "b".to_owned()][..]));
    assert_eq!(
        notes,
        [
            "set: passed over, being no images by name: 2 .db, 1 .txt, 1 without extension",
            "warning: set: images of formats that are not read are left out: 1 .gif, 1 .heic"
        ]
    );
    let deep = format!("set/a/{}/1.pgm", vec!["d"; 20].join("/"));
    folder.write(&deep, &image(2, 2, 1, 0));
    assert!(folder.message("set").contains("expected at most 16 levels of folders below a class, found more"));
}

#[test]
fn bad_images_stop_everything_or_are_skipped_and_named() {
    let folder = Folder::new("on-error");
    for i in 0..300 {
        folder.write(&format!("set/{}/{i:03}.pgm", if i < 200 { "a" } else { "b" }), &image(2, 2, 1, i as u8));
    }
    for i in 100..130 {
        folder.write(&format!("set/a/{i:03}.pgm"), b"P5 2 2 255 ");
    }
    folder.write("set/b/250.pgm", &image(1, 2, 3, 7));
    let message = folder.message("set");
    assert!(
        message.starts_with("set: 30 of 300 images cannot be read: (set/a/100.pgm: damaged PGM image"),
        "{message}"
    );
    assert!(message.contains("(set/a/119.pgm") && !message.contains("(set/a/120.pgm"), "twenty are listed");
    assert!(message.ends_with(" and 10 more; mend or remove them, or go on without them: data.on_error=skip"));

    let skip = SourceOptions { on_error: OnError::Skip, ..SourceOptions::default() };
    let (dataset, notes) = folder.open_with(&skip);
    let dataset = dataset.unwrap();
    assert_eq!((dataset.samples.len(), dataset.images.len()), (270, 270));
    for (i, sample) in dataset.samples.iter().enumerate() {
        let name = sample.id.to_string();
        let number: usize = name[2..5].parse().unwrap();
        assert_eq!(dataset.images.get(i).pixels[0], if number == 250 { 7 } else { number as u8 }, "{name}");
    }
    assert_eq!(notes.len(), 21);
    assert_eq!(notes[19], "warning: skipped set/a/119.pgm: damaged PGM image: unexpected end of file");
    assert_eq!(notes[20], "warning: 30 of 300 images cannot be read and are skipped, 10 of them not listed");

    for i in 0..200 {
        folder.write(&format!("set/a/{i:03}.pgm"), b"");
    }
    let (dataset, notes) = folder.open_with(&skip);
    assert_eq!(dataset.unwrap().classes, ["b"]);
    assert!(notes.contains(&"set: folders without images are no classes: a".to_owned()), "{notes:?}");
    (200..300).for_each(|i| folder.write(&format!("set/b/{i:03}.pgm"), b""));
    let error = folder.open_with(&skip).0.unwrap_err().to_string();
    assert!(error.contains("none of 300 images can be read, the first: "), "{error}");
}

#[test]
fn decoded_images_are_kept_and_a_changed_folder_is_noticed() {
    let folder = Folder::new("cache");
    for i in 0..1_000 {
        folder.write(&format!("set/a/{i:04}.pgm"), &image(2, 2, 1, i as u8));
    }
    let cache = folder.0.join("kept/cache");
    let options = SourceOptions { cache: Some(cache.clone()), ..SourceOptions::default() };
    let n_decoded = std::sync::atomic::AtomicUsize::new(0);
    let progress = |now: inkstone::data::Progress| {
        n_decoded.fetch_max(now.done, std::sync::atomic::Ordering::Relaxed);
    };
    let options = SourceOptions { progress: Some(&progress), ..options };
    let opened = || {
        n_decoded.store(0, std::sync::atomic::Ordering::Relaxed);
        let (dataset, notes) = folder.open_with(&options);
        assert_eq!(notes, [""; 0]);
        (dataset.unwrap(), n_decoded.load(std::sync::atomic::Ordering::Relaxed))
    };
    let (cold, n) = opened();
    assert_eq!(n, 1_000);
    assert_eq!(opened(), (cold.clone(), 0), "the second time nothing is decoded");
    folder.write("set/a/0500.pgm", &image(2, 2, 1, 77));
    let (changed, n) = opened();
    assert_eq!((n, changed.images.get(500).pixels), (1_000, &[77; 4][..]));
    assert_eq!(opened().1, 0);
    std::fs::rename(folder.0.join("set/a/0500.pgm"), folder.0.join("set/a/0500x.pgm")).unwrap();
    assert_eq!(opened().1, 1_000, "a new name");
    assert_eq!(std::fs::read_dir(&cache).unwrap().count(), 1, "one file per folder");
    std::fs::write(std::fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path(), b"torn").unwrap();
    assert_eq!(opened().0.images.get(3), cold.images.get(3));

    std::fs::remove_dir_all(&cache).unwrap();
    std::fs::write(&cache, b"a file where the folder should be").unwrap();
    let (dataset, notes) = folder.open_with(&options);
    assert_eq!(dataset.unwrap().images.len(), 1_000);
    assert!(
        notes[0].starts_with("warning: the decoded images cannot be kept for the next time: kept/cache"),
        "{notes:?}"
    );
}

#[test]
fn folders_of_parts_are_parts_unless_they_are_classes() {
    let folder = Folder::new("parts");
    for name in ["set/train/a/1.pgm", "set/train/b/1.pgm", "set/val/a/2.pgm", "set/test/b/3.pgm"] {
        folder.write(name, &image(2, 2, 1, 0));
    }
    let dataset = folder.open("set").0.unwrap();
    assert_eq!(ids(&dataset), ["train/a/1.pgm", "train/b/1.pgm", "val/a/2.pgm", "test/b/3.pgm"]);
    let parts: Vec<_> = dataset.samples.iter().map(|sample| sample.part.unwrap()).collect();
    assert_eq!(parts, [Part::Train, Part::Train, Part::Validation, Part::Test]);
    assert_eq!((labels(&dataset), dataset.classes), (vec![0, 1, 0, 1], vec!["a".to_owned(), "b".to_owned()]));

    folder.write("vehicles/train/1.pgm", &image(2, 2, 1, 0));
    folder.write("vehicles/test/1.pgm", &image(2, 2, 1, 0));
    assert_eq!(folder.open("vehicles").0.unwrap().classes, ["test", "train"]);
}

#[test]
fn a_folder_of_gzipped_idx_files_has_the_parts_of_mnist() {
    let folder = Folder::new("idx");
    folder.write("mine/train-images-idx3-ubyte.gz", &gzip(&idx::encode_u8(&[3, 1, 2], &[1, 2, 3, 4, 5, 6])));
    folder.write("mine/train-labels-idx1-ubyte.gz", &gzip(&idx::encode_u8(&[3], &[2, 0, 1])));
    folder.write("mine/t10k-images-idx3-ubyte", &idx::encode_u8(&[1, 1, 2], &[7, 8]));
    folder.write("mine/t10k-labels-idx1-ubyte", &idx::encode_u8(&[1], &[2]));
    let (dataset, notes) = folder.open("mine");
    let dataset = dataset.unwrap();
    assert_eq!(ids(&dataset), ["train/0", "train/1", "train/2", "test/0"]);
    assert_eq!((labels(&dataset), dataset.images.get(3).pixels), (vec![2, 0, 1, 2], &[7, 8][..]));
    assert!(notes.is_empty());
}

#[test]
fn emnist_is_turned_upright_and_its_letters_count_from_a() {
    let folder = Folder::new("emnist");
    let pixels: Vec<u8> = (0..12).collect();
    for set in ["letters", "digits"] {
        let name = |content: &str| format!("home/emnist/emnist-{set}-train-{content}-ubyte.gz");
        folder.write(&name("images-idx3"), &gzip(&idx::encode_u8(&[2, 2, 3], &pixels)));
        folder.write(&name("labels-idx1"), &gzip(&idx::encode_u8(&[2], &[1, 9])));
    }
    let letters = folder.open("emnist-letters").0.unwrap();
    assert_eq!((letters.classes.len(), &letters.classes[0][..], labels(&letters)), (26, "A", vec![0, 8]));
    assert_eq!(letters.images.get(0).pixels, [0, 3, 1, 4, 2, 5]);
    assert_eq!(letters.images.get(0).size, Size { height: 3, width: 2, channels: 1 });
    assert_eq!(letters.name, "emnist-letters");
    assert_eq!(labels(&folder.open("home/emnist/emnist-digits").0.unwrap()), [1, 9]);
}

#[test]
fn qmnist_names_the_writer_of_every_digit() {
    let folder = Folder::new("qmnist");
    let rows: Vec<i32> = [[5, 0, 2150, 1, 5, 0, 0, 0], [3, 4, 17, 1, 3, 9, 0, 0]].concat();
    folder.write("home/qmnist/qmnist-train-images-idx3-ubyte", &idx::encode_u8(&[2, 1, 1], &[7, 8]));
    folder.write("home/qmnist/qmnist-train-labels-idx2-int", &idx::encode_i32(&[2, 8], &rows));
    let dataset = folder.open("qmnist").0.unwrap();
    assert_eq!((labels(&dataset), dataset.classes.len()), (vec![5, 3], 10));
    assert_eq!(dataset.samples.iter().map(|sample| sample.group).collect::<Vec<_>>(), [Some(2150), Some(17)]);
}

#[test]
fn a_fetched_set_has_its_own_class_names() {
    let folder = Folder::new("fetched");
    folder.write("home/fashion-mnist/train-images-idx3-ubyte", &idx::encode_u8(&[1, 1, 1], &[7]));
    folder.write("home/fashion-mnist/train-labels-idx1-ubyte", &idx::encode_u8(&[1], &[9]));
    assert_eq!(folder.open("fashion-mnist").0.unwrap().classes[9], "Ankle boot");
    assert_eq!(
        folder.message("kmnist"),
        "home/kmnist: expected the files of kmnist, found no such folder; get it with `inkstone fetch kmnist`"
    );
    assert!(folder.message("emnist-digits").ends_with("get it with `inkstone fetch emnist`"));
}

#[test]
fn what_is_not_there_is_named_with_the_nearest_set() {
    let folder = Folder::new("missing");
    assert_eq!(
        folder.message("mnits"),
        "unknown source `mnits`, and no file or folder of that name; did you mean `mnist`?"
    );
    assert_eq!(
        folder.message("./mnist"),
        "./mnist: expected a folder of images, a folder of IDX files or an .npz file, found nothing at this path"
    );
    assert_eq!(folder.message(""), "expected the name of a data set or a path, found nothing");
}

#[cfg(feature = "mnist")]
mod mnist {
    use super::*;
    use inkstone::data::fingerprint::fingerprint;
    use inkstone::data::{inspect, split};
    use inkstone::spec::recipe::DataSpec;

    #[test]
    fn the_built_in_set_wins_over_a_path_with_a_note() {
        let folder = Folder::new("wins");
        folder.write("mnist/a/1.pgm", &image(1, 1, 1, 0));
        let (dataset, notes) = folder.open("mnist");
        assert_eq!(dataset.unwrap().images.len(), 70_000);
        assert_eq!(notes, ["`mnist` is the published set; for the path of that name write ./mnist"]);
        assert_eq!(folder.open("./mnist").0.unwrap().classes, ["a"]);
    }

    #[test]
    fn mnist_is_summarised_split_kept_and_found_again() {
        let pool = Pool::new(2).unwrap();
        let dataset = open("mnist", &SourceOptions::default(), &pool).unwrap();
        let hashes = fingerprint(&dataset, &pool);
        let parts = split::split(&dataset, &DataSpec::default()).unwrap();
        let file = split::SplitFile::new(&parts, &dataset, &hashes, 0);
        let text = file.to_json();
        let again = split::SplitFile::parse(&text).unwrap().find(&dataset, &hashes).unwrap();
        assert_eq!(again, parts);
        assert_eq!(parts.sizes(), [54_000, 6_000, 10_000]);
        for label in 0..10 {
            let of = |part: &[u32]| part.iter().filter(|&&i| dataset.samples[i as usize].label == label).count() as f64;
            let (train, validation) = (of(&parts.train), of(&parts.validation));
            assert!((validation - (train + validation) * 0.1).abs() < 1.0);
        }
        assert_eq!(hashes.hex, FINGERPRINT);
        let summary = inspect::summarise(&dataset, &pool);
        assert_eq!((summary.n_images, summary.n_grey, summary.parts.test), (70_000, 70_000, 10_000));
        assert_eq!(summary.classes[1].n_images, 7_877);
    }

    /// Changes only if the meaning of a fingerprint does, and then every report's fingerprint changes.
    const FINGERPRINT: &str = "36abb4857858bc6888a7c543b3d733e4a6df7ce18c4e7eef7c603e0cf17f132d";
}
