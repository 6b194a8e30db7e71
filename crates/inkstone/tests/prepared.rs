//! Round trips: generated datasets written in every format and read back, the same to the last bit.
#![cfg(feature = "parquet")]
#![allow(clippy::unwrap_used)] // all of it is tests, helpers included

use std::path::{Path, PathBuf};

use inkstone::data::dataset::{Image, Images, Sample, Size};
use inkstone::data::fingerprint::fingerprint;
use inkstone::data::prepared::{Format, Manifest};
use inkstone::data::source::{SourceOptions, open};
use inkstone::data::write::{Replace, Request, write};
use inkstone::data::{Dataset, Part, SampleId};
use inkstone::parallel::Pool;
use inkstone::rng::{Operation, Rng};

const PARTS: [Option<Part>; 4] = [Some(Part::Train), Some(Part::Validation), Some(Part::Test), None];

/// A folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("inkstone-prepared-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn pool() -> Pool {
    Pool::new(2).unwrap()
}

fn hex(dataset: &Dataset) -> String {
    fingerprint(dataset, &pool()).hex
}

fn request(format: Format) -> Request {
    Request {
        format,
        replace: Replace::Nothing,
        split: "source".into(),
        split_seed: None,
        preprocess: None,
        source: "made here".into(),
        source_fingerprint: "0".repeat(64),
        corrections: None,
    }
}

fn read(folder: &Path) -> inkstone::Result<Dataset> {
    open(folder.to_str().unwrap(), &SourceOptions::default(), &pool())
}

/// What a generated dataset is like.
#[derive(Debug, Clone, Copy)]
struct Kind {
    channels: &'static [usize],
    mixed_sizes: bool,
    parts: &'static [usize],
    groups: Groups,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Groups {
    None,
    Some,
    All,
}

/// Names that are hard on file systems, tables and lists.
const CLASSES: [&str; 8] = ["T-shirt/top", "中文", "10", "2", "a, \"b\"", "a b", "A B", "..\u{e9}"];

fn generate(kind: Kind, seed: u64) -> Dataset {
    let mut rng = Rng::new(seed, 0, 0, Operation::Split);
    let n_classes = 1 + rng.below(8) as usize;
    let (mut samples, mut images) = (Vec::new(), Vec::new());
    let (height, width) = (1 + rng.below(9) as usize, 1 + rng.below(9) as usize);
    for &part in kind.parts {
        for index in 0..=rng.below(40) {
            let channels = kind.channels[rng.below(kind.channels.len() as u32) as usize];
            let (height, width) = if kind.mixed_sizes {
                (1 + rng.below(20) as usize, 1 + rng.below(20) as usize)
            } else {
                (height, width)
            };
            let size = Size { height, width, channels };
            images.push((size, (0..size.len()).map(|_| rng.below(256) as u8).collect::<Vec<u8>>()));
            let group = match kind.groups {
                Groups::None => None,
                Groups::All => Some(rng.below(4_000_000_000)),
                Groups::Some => (rng.below(2) == 0).then(|| rng.below(5)),
            };
            let id = SampleId::Row { part: PARTS[part], index };
            samples.push(Sample { label: rng.below(n_classes as u32), part: PARTS[part], id, group });
        }
    }
    Dataset {
        name: "generated".into(),
        classes: CLASSES[..n_classes].iter().map(ToString::to_string).collect(),
        images: Images::collect(images.iter().map(|(size, pixels)| Image { size: *size, pixels })),
        samples,
    }
}

fn kinds() -> Vec<Kind> {
    let mut kinds = Vec::new();
    for parts in [&[0, 1, 2][..], &[0, 2], &[3], &[0, 3], &[2]] {
        for channels in [&[1][..], &[3], &[1, 3]] {
            for mixed_sizes in [false, true] {
                for groups in [Groups::None, Groups::Some, Groups::All] {
                    kinds.push(Kind { channels, mixed_sizes, parts, groups });
                }
            }
        }
    }
    kinds
}

/// Whether a format can hold these images, by its own nature.
fn holds(format: Format, dataset: &Dataset) -> bool {
    let arrays = matches!(format, Format::Idx | Format::Npz | Format::Safetensors);
    let some = PARTS.iter().any(|&part| {
        let of = || dataset.samples.iter().filter(|sample| sample.part == part);
        of().any(|sample| sample.group.is_some()) && of().any(|sample| sample.group.is_none())
    });
    let many = matches!(format, Format::Png | Format::Tar | Format::Parquet);
    (many || dataset.images.uniform_size().is_some()) && !(arrays && some)
}

#[test]
fn every_dataset_comes_back_from_every_format_bit_for_bit() {
    let folder = Folder::new("round-trips");
    let (mut n, mut n_refused) = (0, 0);
    for (seed, kind) in kinds().into_iter().enumerate() {
        let dataset = generate(kind, seed as u64);
        for format in Format::ALL {
            let out = folder.0.join(format!("{seed}-{}", format.name()));
            let written = write(&dataset, &out, &request(format), &pool());
            if !holds(format, &dataset) {
                let error = written.unwrap_err().to_string();
                assert!(error.contains("expected") && error.lines().count() == 1, "{error}");
                assert!(!out.exists(), "nothing is left behind");
                n_refused += 1;
                continue;
            }
            let manifest = written.unwrap();
            let again = read(&out).unwrap_or_else(|error| panic!("{kind:?} as {}: {error}", format.name()));
            let context = format!("{kind:?} as {}", format.name());
            assert_eq!(hex(&again), hex(&dataset), "{context}");
            assert_eq!(manifest.fingerprint, hex(&dataset), "{context}");
            assert_eq!((&again.name, &again.classes), (&dataset.name, &dataset.classes), "{context}");
            let groups = |dataset: &Dataset| dataset.samples.iter().map(|sample| sample.group).collect::<Vec<_>>();
            assert_eq!(groups(&again), groups(&dataset), "{context}");
            n += 1;
        }
    }
    assert!(n > 300 && n_refused > 100, "{n} trips, {n_refused} refused");
}

#[test]
fn the_same_dataset_gives_the_same_bytes_through_any_chain_of_formats() {
    let folder = Folder::new("chain");
    let kind = Kind { channels: &[3], mixed_sizes: false, parts: &[0, 1, 2], groups: Groups::All };
    let mut dataset = generate(kind, 7);
    let first = hex(&dataset);
    let mut bytes = Vec::new();
    for round in ["a", "b"] {
        for format in Format::ALL {
            let out = folder.0.join(format!("{round}-{}", format.name()));
            write(&dataset, &out, &request(format), &pool()).unwrap();
            dataset = read(&out).unwrap();
            assert_eq!(hex(&dataset), first, "{}", format.name());
            let files: Vec<(String, Vec<u8>)> = Manifest::find(&out)
                .unwrap()
                .unwrap()
                .files
                .iter()
                .map(|file| (file.name.clone(), std::fs::read(out.join(&file.name)).unwrap()))
                .collect();
            bytes.push((format.name(), files, std::fs::read(out.join("dataset.toml")).unwrap()));
        }
    }
    assert_eq!(bytes[..7], bytes[7..]);
}

#[test]
fn parts_that_are_mixed_up_are_written_one_after_the_other() {
    let folder = Folder::new("order");
    let mut dataset = generate(Kind { channels: &[1], mixed_sizes: false, parts: &[0, 2], groups: Groups::None }, 3);
    let n = dataset.samples.len();
    let order: Vec<u32> = (0..n as u32).rev().collect();
    dataset = dataset.subset(&order);
    write(&dataset, &folder.0.join("out"), &request(Format::Tar), &pool()).unwrap();
    let again = read(&folder.0.join("out")).unwrap();
    assert!(again.samples.is_sorted_by_key(|sample| sample.part));
    let test = dataset.samples.iter().filter(|sample| sample.part == Some(Part::Test)).count();
    assert_eq!(again.images.get(n - test).pixels, dataset.images.get(0).pixels);
}

#[test]
fn only_an_earlier_prepared_set_is_replaced_and_only_its_files() {
    let folder = Folder::new("force");
    let out = folder.0.join("out");
    let kind = Kind { channels: &[1], mixed_sizes: true, parts: &[0, 2], groups: Groups::None };
    let dataset = generate(kind, 1);
    write(&dataset, &out, &request(Format::Png), &pool()).unwrap();
    let message = |replace, format| {
        let error = write(&dataset, &out, &Request { replace, ..request(format) }, &pool()).unwrap_err();
        error.to_string().replace(&format!("{}/", folder.0.display()), "")
    };
    assert_eq!(
        message(Replace::Nothing, Format::Tar),
        "out: --out: expected an empty folder or none, found files in it; choose another, or --force to replace an \
         earlier prepared set"
    );
    std::fs::write(out.join("mine.txt"), "stays").unwrap();
    write(&dataset, &out, &Request { replace: Replace::Ours, ..request(Format::Tar) }, &pool()).unwrap();
    let mut names: Vec<_> =
        std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["dataset.toml", "mine.txt", "test-000000.tar", "train-000000.tar"]);
    assert_eq!(hex(&read(&out).unwrap()), hex(&dataset));

    std::fs::remove_file(out.join("dataset.toml")).unwrap();
    assert_eq!(
        message(Replace::Ours, Format::Tar),
        "out: --out: expected an empty folder or none, found files without a dataset.toml of ours; choose another \
         folder: --force replaces prepared sets alone"
    );
    assert_eq!(std::fs::read(out.join("mine.txt")).unwrap(), b"stays");
    let left: Vec<_> = std::fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["out"], "no temporary folder is left");
}

#[test]
fn a_prepared_set_that_has_changed_is_refused() {
    let folder = Folder::new("changed");
    let dataset = generate(Kind { channels: &[1], mixed_sizes: false, parts: &[0], groups: Groups::None }, 5);
    let out = folder.0.join("out");
    write(&dataset, &out, &request(Format::Idx), &pool()).unwrap();
    let message = || read(&out).unwrap_err().to_string().replace(&format!("{}/", folder.0.display()), "");
    let images = out.join("train-images-idx3-ubyte");
    let bytes = std::fs::read(&images).unwrap();
    let mut changed = bytes.clone();
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(&images, &changed).unwrap();
    assert!(message().contains("expected the images and labels of fingerprint"), "{}", message());
    std::fs::write(&images, &bytes[..bytes.len() - 1]).unwrap();
    assert!(message().contains(&format!("expected {} bytes, as dataset.toml says", bytes.len())), "{}", message());
    std::fs::write(&images, &bytes).unwrap();
    read(&out).unwrap();
    let toml = std::fs::read_to_string(out.join("dataset.toml")).unwrap();
    let escaping = toml.replace("name = \"train-images-idx3-ubyte\"", "name = \"../train-images-idx3-ubyte\"");
    std::fs::write(out.join("dataset.toml"), escaping).unwrap();
    assert!(message().contains("expected paths below the folder"), "{}", message());
}
