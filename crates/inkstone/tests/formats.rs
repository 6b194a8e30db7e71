//! Tables and archives as people have them, and hostile ones too large for the corpus of bad files.
#![cfg(feature = "parquet")]
#![allow(clippy::unwrap_used)] // all of it is tests, helpers included

use std::cell::RefCell;
use std::fmt::Write as _;
use std::path::PathBuf;

use inkstone::data::dataset::{Part, Rows, Size};
use inkstone::data::prepared::Format;
use inkstone::data::source::{SourceOptions, open};
use inkstone::data::write::{Replace, Request, write};
use inkstone::data::{Dataset, csv_set, npz, parquet_set, safetensors_set, tar_set};
use inkstone::parallel::Pool;

/// A folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("inkstone-formats-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn try_open(&self, source: &str) -> (inkstone::Result<Dataset>, Vec<String>) {
        let notes = RefCell::new(Vec::new());
        let note = |text: &str| notes.borrow_mut().push(text.to_owned());
        let options = SourceOptions { base: Some(self.0.clone()), note: Some(&note), ..SourceOptions::default() };
        let result = open(source, &options, &Pool::new(2).unwrap());
        (result, notes.into_inner())
    }

    fn open(&self, source: &str) -> Dataset {
        self.try_open(source).0.unwrap()
    }

    fn message(&self, source: &str) -> String {
        self.try_open(source).0.unwrap_err().to_string().replace(&format!("{}/", self.0.display()), "")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn labels(dataset: &Dataset) -> Vec<u32> {
    dataset.samples.iter().map(|sample| sample.label).collect()
}

fn parts(dataset: &Dataset) -> Vec<Option<Part>> {
    dataset.samples.iter().map(|sample| sample.part).collect()
}

#[test]
fn rows_of_pixels_are_read_with_and_without_names_and_with_the_label_anywhere() {
    let folder = Folder::new("pixels");
    for (name, text) in [
        ("first.csv", "label,pixel0,pixel1,pixel2,pixel3\n1,0,7,8,255\n0,1,2,3,4\n"),
        ("last.csv", "p0,p1,p2,p3,class\n0,7,8,255,1\n1,2,3,4,0\n"),
        ("plain.csv", "1,0,7,8,255\n0,1,2,3,4\n"),
        ("windows.csv", "\u{feff}label,1x1,1x2,2x1,2x2\r\n1,0,7,8,255\r\n0,1,2,3,4\r\n"),
        ("loose.csv", "label,a,b,c,d\n1, 0,7.0,\"8\",255\n\n0,1,2,3,4"),
        ("quoted.csv", "\"label\",\"a\",\"b\",\"c\",\"d\"\n\"1\",0,7,8,255\n\"0\",1,2,3,4\n"),
    ] {
        folder.write(name, text);
        let dataset = folder.open(name);
        assert_eq!(dataset.images.pixels(), [0, 7, 8, 255, 1, 2, 3, 4], "{name}");
        assert_eq!((labels(&dataset), dataset.classes.len()), (vec![1, 0], 2), "{name}");
        assert_eq!(dataset.images.uniform_size(), Some(Size { height: 2, width: 2, channels: 1 }), "{name}");
    }
    folder.write("wide.csv", "label,1x1,1x2,1x3\n0,1,2,3\n");
    assert_eq!(folder.open("wide.csv").images.get(0).size, Size { height: 1, width: 3, channels: 1 });
    folder.write("colour.csv", "label,r,g,b\n0,1,2,3\n");
    assert_eq!(folder.open("colour.csv").images.get(0).size, Size { height: 1, width: 1, channels: 3 });
    folder.write("names.csv", "label,part,group,a\nzwei,train,eve,1\neins,test,,2\nzwei,val,eve,3\n");
    let named = folder.open("names.csv");
    assert_eq!((labels(&named), &named.classes[..]), (vec![1, 0, 1], &["eins".to_owned(), "zwei".into()][..]));
    assert_eq!(parts(&named), [Some(Part::Train), Some(Part::Test), Some(Part::Validation)]);
    let groups: Vec<_> = named.samples.iter().map(|sample| sample.group).collect();
    assert_eq!((groups[0], groups[1]), (groups[2], None));
}

#[test]
fn tables_in_a_folder_are_parts_by_their_names() {
    let folder = Folder::new("tables");
    folder.write("set/mnist_train.csv", "label,p\n0,1\n1,2\n");
    folder.write("set/mnist_test.csv", "label,p\n1,3\n");
    let dataset = folder.open("set");
    assert_eq!(parts(&dataset), [Some(Part::Train), Some(Part::Train), Some(Part::Test)]);
    assert_eq!(dataset.images.pixels(), [1, 2, 3]);
}

#[test]
fn a_table_of_files_gives_classes_parts_and_groups() {
    let folder = Folder::new("paths");
    for (name, value) in [("a/1.pgm", 1), ("a/2.pgm", 2), ("b 中/3.pgm", 3)] {
        folder.write(name, [b"P5 1 1 255 ", &[value][..]].concat());
    }
    folder.write("t.csv", "file,label,part,writer\na/1.pgm,10,train,7\n\"b 中/3.pgm\",9,test,8\na/2.pgm,10,,\n");
    let dataset = folder.open("t.csv");
    assert_eq!((labels(&dataset), &dataset.classes[..]), (vec![1, 0, 1], &["9".to_owned(), "10".into()][..]));
    assert_eq!(dataset.images.pixels(), [1, 3, 2]);
    assert_eq!(parts(&dataset), [Some(Part::Train), Some(Part::Test), None]);
    assert_eq!(dataset.samples.iter().map(|sample| sample.group).collect::<Vec<_>>(), [Some(7), Some(8), None]);
    assert_eq!(dataset.samples[1].id.to_string(), "b 中/3.pgm");
    folder.write("plain.csv", "a/1.pgm,x\na/2.pgm,y\n");
    assert_eq!(folder.open("plain.csv").classes, ["x", "y"]);
}

#[test]
fn huge_tables_are_refused_by_stated_limits() {
    let folder = Folder::new("huge");
    folder.write("columns.csv", "0,".repeat(999_999) + "0\n");
    assert_eq!(folder.message("columns.csv"), "columns.csv: line 1: expected at most 300000 columns, found 1000000");
    folder.write("line.csv", "0".repeat(5 << 20));
    assert_eq!(
        folder.message("line.csv"),
        format!("line.csv: line 1: expected lines of at most {} bytes, found a longer one", csv_set::MAX_LINE)
    );
    folder.write("later.csv", "label,p\n0,1\n0,".to_owned() + &" ".repeat(40 << 20));
    assert_eq!(
        folder.message("later.csv"),
        format!("later.csv: line 3: expected lines of at most {} bytes, found a longer one", csv_set::MAX_LINE)
    );
    let mut rows = "label,p\n".to_owned();
    for i in 0..500_000 {
        writeln!(rows, "{},{}", i % 3, if i == 400_000 { 300 } else { i % 256 }).unwrap();
    }
    folder.write("far.csv", &rows);
    assert_eq!(
        folder.message("far.csv"),
        "far.csv: line 400002, column 2: expected a whole number from 0 to 255, found \"300\""
    );
}

#[test]
fn shards_are_read_in_order_and_what_is_no_sample_is_noted() {
    let folder = Folder::new("shards");
    let image = |value: u8| [b"P5 1 1 255 ", &[value][..]].concat();
    let shard = |entries: &[(&str, &[u8])]| {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, bytes) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_cksum();
            builder.append_data(&mut header, name, *bytes).unwrap();
        }
        builder.into_inner().unwrap()
    };
    let first = shard(&[("k/0.pgm", &image(1)), ("k/0.cls", b"cat\n"), ("readme", b"x"), ("k/1.txt", b"y")]);
    folder.write("set/mine-000000.tar", first);
    folder.write(
        "set/mine-000001.tar",
        shard(&[("1.json", b"{\"class\": \"dog\", \"group\": 5}"), ("1.pgm", &image(2))]),
    );
    let (dataset, notes) = folder.try_open("set");
    let dataset = dataset.unwrap();
    assert_eq!((labels(&dataset), &dataset.classes[..]), (vec![0, 1], &["cat".to_owned(), "dog".into()][..]));
    assert_eq!((dataset.images.pixels(), dataset.samples[1].group), (&[1, 2][..], Some(5)));
    assert_eq!(notes, ["set: 2 entries that are neither images nor labels are passed over"]);
}

fn small() -> Dataset {
    let size = Size { height: 2, width: 2, channels: 1 };
    let rows =
        Rows { part: None, size, pixels: (0..40).collect(), labels: vec![0, 1, 0, 1, 0, 1, 0, 1, 0, 1], groups: None };
    Dataset::from_rows("small", vec!["a".into(), "b".into()], vec![rows]).unwrap()
}

/// A reader, its result dropped.
type Parse<'a> = &'a dyn Fn(&[u8]);

/// Every shortened file and every file with one byte changed must be refused or read, never end the program.
#[test]
fn no_damage_makes_a_reader_panic() {
    let folder = Folder::new("damage");
    let pool = Pool::new(1).unwrap();
    let no = |_: usize| ();
    let tar = |bytes: &[u8]| tar_set::parse(bytes, &pool).map_or((), no);
    let parquet = |bytes: &[u8]| parquet_set::parse(bytes).map_or((), no);
    let npz = |bytes: &[u8]| npz::parse(bytes).map_or((), |_| ());
    let tensors = |bytes: &[u8]| safetensors_set::parse(bytes).map_or((), |_| ());
    let cases: [(Format, &str, Parse<'_>); 4] = [
        (Format::Tar, "data-000000.tar", &tar),
        (Format::Parquet, "data/data-00000-of-00001.parquet", &parquet),
        (Format::Npz, "dataset.npz", &npz),
        (Format::Safetensors, "data.safetensors", &tensors),
    ];
    for (format, file, parse) in cases {
        let out = folder.0.join(format.name());
        let request = Request {
            format,
            replace: Replace::Nothing,
            split: "source".into(),
            split_seed: None,
            preprocess: None,
            source: "small".into(),
            source_fingerprint: String::new(),
            corrections: None,
        };
        write(&small(), &out, &request, &pool).unwrap();
        let whole = std::fs::read(out.join(file)).unwrap();
        for k in 0..whole.len() {
            if k < 600 || k % 7 == 0 || k + 1500 > whole.len() {
                parse(&whole[..k]);
                for change in [1, 0x80, 0xFF] {
                    let mut damaged = whole.clone();
                    damaged[k] ^= change;
                    parse(&damaged);
                }
            }
        }
    }
}
