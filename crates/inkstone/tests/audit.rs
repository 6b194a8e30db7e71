//! An audit of small drawn sets: every planted problem is found, a clean set has none.

#![allow(clippy::unwrap_used)] // Clippy sees a test only in the functions marked as one.

use std::sync::atomic::AtomicBool;

use inkstone::ErrorKind;
use inkstone::audit::{Audit, Kind, Setup, Watch, audit, text};
use inkstone::data::dataset::{Rows, Size};
use inkstone::data::{Dataset, Part};
use inkstone::engine::Isa;
use inkstone::parallel::Pool;
use inkstone::rng::{Operation, Rng};

const SIDE: usize = 20;
const SIZE: Size = Size { height: SIDE, width: SIDE, channels: 1 };
const CLASSES: [&str; 3] = ["bar", "hook", "ring"];

/// A shape that varies in place, size, slant, thickness and shade.
fn draw(class: usize, number: u32) -> Vec<u8> {
    let mut rng = Rng::new(11, class as u32, number, Operation::Disturb);
    let mut vary = |size: f32| f64::from(rng.uniform(-size, size));
    let (middle_y, middle_x, half, slant) = (9.5 + vary(0.8), 9.5 + vary(0.8), 5.0 + vary(1.0), vary(0.5));
    let (thick, shade, bend) = (1.4 + vary(0.4), 200.0 + vary(40.0), 3.0 + vary(1.0));
    let distance = |y: f64, x: f64| {
        let (y, x) = (y - middle_y, x - middle_x - slant * (y - middle_y));
        let upright = (y.abs() - half).max(0.0).hypot(x);
        match class {
            0 => upright,
            1 => upright.min((y - half).hypot((x - bend).max(-x).max(0.0))),
            _ => (y.hypot(x) - 0.8 * half).abs(),
        }
    };
    let grain = |i: usize| f64::from(Rng::new(12, number, i as u32, Operation::Disturb).uniform(0.0, 6.0));
    let level = |i: usize| {
        let ink = (thick + 0.5 - distance((i / SIDE) as f64, (i % SIDE) as f64)).clamp(0.0, 1.0);
        (shade * ink + grain(i)) as u8
    };
    (0..SIZE.len()).map(level).collect()
}

/// 60 images of each class for training and 20 for testing.
fn drawn() -> Vec<(Part, u32, Vec<u8>)> {
    let parts = [(Part::Train, 0..60_u32), (Part::Test, 60..80)];
    let numbers = parts.into_iter().flat_map(|(part, numbers)| numbers.map(move |number| (part, number)));
    numbers.flat_map(|(part, number)| (0..3).map(move |class| (part, class, draw(class as usize, number)))).collect()
}

fn dataset(images: &[(Part, u32, Vec<u8>)]) -> Dataset {
    let rows = |wanted: Part| {
        let of_part = || images.iter().filter(|(part, ..)| *part == wanted);
        let pixels = of_part().flat_map(|(_, _, pixels)| pixels.clone()).collect();
        Rows { part: Some(wanted), size: SIZE, pixels, labels: of_part().map(|image| image.1).collect(), groups: None }
    };
    let classes = CLASSES.map(String::from).to_vec();
    Dataset::from_rows("drawn", classes, vec![rows(Part::Train), rows(Part::Test)]).unwrap()
}

fn audited(dataset: &Dataset, n_threads: usize) -> Audit {
    let pool = Pool::new(n_threads).unwrap();
    let setup = Setup { seed: 0, pool: &pool, isa: Isa::detect() };
    audit(dataset, &setup, Watch { observe: &mut |_| {}, stop: &AtomicBool::new(false) }).unwrap()
}

fn ids(audit: &Audit, kind: Kind) -> Vec<String> {
    let finding = audit.finding(kind);
    finding.samples.iter().take(finding.n).map(|entry| entry.sample.clone()).collect()
}

#[test]
fn a_clean_set_has_no_findings_and_all_kinds_are_judged() {
    let audit = audited(&dataset(&drawn()), 2);
    for finding in &audit.findings {
        assert_eq!((finding.n, &finding.skipped), (0, &None), "{finding:#?}");
    }
    assert!(audit.model.as_ref().unwrap().accuracy > 0.98, "{audit:#?}");
    assert_eq!(audit.notes, [""; 0]);
    assert!(text(&audit).lines().all(|line| line.chars().count() <= 80));
}

#[test]
fn every_planted_problem_is_found_and_nothing_else() {
    let mut images = drawn();
    let inverted: Vec<u8> = images[4].2.iter().map(|byte| 255 - byte).collect();
    images[4].2 = inverted;
    images[9].2 = vec![17; SIZE.len()];
    images[13].2 = images[13].2.iter().map(|byte| byte / 40).collect();
    images[21].2 = images[21].2.iter().map(|&byte| if byte > 60 { 255 } else { 0 }).collect();
    images[33].2 = moved(&images[33].2, 0, 6);
    for (i, label) in [(50, 0), (70, 2), (199, 2)] {
        assert_ne!(images[i].1, label);
        images[i].1 = label;
    }
    // A copy in the test part; one that was moved by a pixel and made lighter.
    images[200].2 = images[101].2.clone();
    images[201].2 = moved(&images[90].2, 1, 0).iter().map(|byte| byte.saturating_add(5)).collect();
    let audit = audited(&dataset(&images), 2);
    let check = |kind: Kind, expected: &[&str]| {
        let mut found = ids(&audit, kind);
        found.sort();
        assert_eq!(found, expected, "{:#?}", audit.finding(kind));
    };
    check(Kind::InvertedPolarity, &["train/4"]);
    check(Kind::Constant, &["train/9"]);
    check(Kind::Blank, &["train/13"]);
    check(Kind::Clipped, &["train/21"]);
    check(Kind::OffCentre, &["train/33"]);
    check(Kind::ExactDuplicates, &["train/101"]);
    check(Kind::NearDuplicates, &["train/90"]);
    let suspects = ids(&audit, Kind::LabelErrors);
    for wrong in ["train/50", "train/70", "test/19"] {
        assert!(suspects.iter().any(|suspect| suspect == wrong), "{suspects:?}");
    }
    let copies = &audit.finding(Kind::ExactDuplicates).samples[0];
    assert_eq!(copies.with[0].sample, "test/20");
    assert!(copies.note.contains("across test and train"), "{}", copies.note);
    #[cfg(feature = "formats")]
    files(&audit, &dataset(&images));
}

/// The page and the table of corrections, which changes nothing until it is edited.
#[cfg(feature = "formats")]
fn files(audit: &Audit, dataset: &Dataset) {
    use inkstone::data::corrections::Corrections;
    let table = inkstone::audit::corrections_csv(audit);
    let corrections = Corrections::parse(&table).unwrap();
    let (same, applied) = corrections.apply(dataset.clone()).unwrap();
    assert_eq!((&same, applied.n_kept), (dataset, corrections.0.len()));
    let line = table.lines().find(|line| line.starts_with("train/50,")).unwrap();
    assert!(line.starts_with("train/50,bar,ring,keep,label_errors,"), "{line}");
    let edited = table.replace("train/50,bar,ring,keep", "train/50,bar,ring,relabel");
    let (other, _) = Corrections::parse(&edited).unwrap().apply(dataset.clone()).unwrap();
    assert_eq!(other.samples[50].label, 2);
    let page = inkstone::audit::html(audit, dataset);
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    assert!(page.contains("bar → ring") && !page.contains("<script") && !page.contains("http"));
}

fn moved(pixels: &[u8], rows: usize, columns: usize) -> Vec<u8> {
    let from = |i: usize| {
        let (y, x) = (i / SIDE, i % SIDE);
        if y >= rows && x >= columns { pixels[(y - rows) * SIDE + x - columns] } else { pixels[0] }
    };
    (0..pixels.len()).map(from).collect()
}

#[test]
fn a_transposed_part_is_found() {
    let mut images = drawn();
    for (_, _, pixels) in images.iter_mut().filter(|(part, ..)| *part == Part::Test) {
        *pixels = (0..SIZE.len()).map(|i| pixels[(i % SIDE) * SIDE + i / SIDE]).collect();
    }
    let audit = audited(&dataset(&images), 2);
    let finding = audit.finding(Kind::Transposed);
    assert_eq!(finding.summary, "test: its classes look like those of train transposed");
    assert!(audit.finding(Kind::Drift).n > 0);
}

#[test]
fn an_audit_does_not_depend_on_threads_and_can_be_stopped() {
    let dataset = dataset(&drawn()[..120]);
    assert_eq!(audited(&dataset, 1), audited(&dataset, 3));
    let pool = Pool::new(1).unwrap();
    let setup = Setup { seed: 0, pool: &pool, isa: Isa::detect() };
    let stopped = audit(&dataset, &setup, Watch { observe: &mut |_| {}, stop: &AtomicBool::new(true) });
    assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Interrupted);
}

#[test]
fn a_set_that_is_too_small_says_what_it_could_not_judge() {
    let few = dataset(&drawn()[..7]);
    let audit = audited(&few, 1);
    assert_eq!(audit.finding(Kind::LabelErrors).skipped.as_deref(), Some("needs 20 images, and there are 7"));
    assert!(audit.model.is_none());
    // A class with two images among others: said, and not judged.
    let mut images: Vec<_> = drawn().into_iter().filter(|(_, label, _)| *label != 2).collect();
    images.extend(drawn().into_iter().filter(|(_, label, _)| *label == 2).take(2));
    let audit = audited(&dataset(&images), 2);
    assert_eq!(audit.notes, ["too few images to judge the labels of ring (2)"]);
    assert_eq!(audit.finding(Kind::Imbalance).n, 1);
    assert!(ids(&audit, Kind::LabelErrors).is_empty());
}
