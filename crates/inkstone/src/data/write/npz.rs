//! One `.npz` with the keys of Keras' mnist.npz: `x_train`, `y_train`, …; without parts `images` and `labels`.
//! `group_train` or `groups` where they are known, and `class_names`.

use std::io::{self, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::folder::{Folder, Output};
use super::idx::some_without_group;
use super::{has_groups, parts, pixels, size};
use crate::data::dataset::Dataset;
use crate::error::Result;

/// Deflate's fastest level: drawings shrink to a quarter at the speed of a disk.
const LEVEL: i64 = 1;

/// An array that is written.
struct Array<'a> {
    key: String,
    descr: String,
    shape: Vec<usize>,
    bytes: std::borrow::Cow<'a, [u8]>,
}

pub(super) fn write(dataset: &Dataset, folder: &mut Folder) -> Result<()> {
    let size = size(dataset)?;
    let mut arrays = Vec::new();
    for (part, range) in parts(dataset) {
        let (images, labels, groups) = match part {
            Some(part) => {
                (format!("x_{}", part.name()), format!("y_{}", part.name()), format!("group_{}", part.name()))
            }
            None => ("images".to_owned(), "labels".to_owned(), "groups".to_owned()),
        };
        let n = range.len();
        let mut shape = vec![n, size.height, size.width];
        if size.channels > 1 {
            shape.push(size.channels);
        }
        arrays.push(Array { key: images, descr: "|u1".into(), shape, bytes: pixels(dataset, size, &range).into() });
        let samples = &dataset.samples[range.clone()];
        let (descr, bytes): (&str, Vec<u8>) = if dataset.classes.len() <= 256 {
            ("|u1", samples.iter().map(|sample| sample.label as u8).collect())
        } else {
            ("<i8", samples.iter().flat_map(|sample| i64::from(sample.label).to_le_bytes()).collect())
        };
        arrays.push(Array { key: labels, descr: descr.into(), shape: vec![n], bytes: bytes.into() });
        if has_groups(dataset, &range) {
            let group = |group: Option<u32>| group.map(|group| i64::from(group).to_le_bytes());
            let bytes: Option<Vec<[u8; 8]>> = samples.iter().map(|sample| group(sample.group)).collect();
            let bytes = bytes.ok_or_else(some_without_group)?.concat();
            arrays.push(Array { key: groups, descr: "<i8".into(), shape: vec![n], bytes: bytes.into() });
        }
    }
    arrays.push(names(&dataset.classes));
    folder.file("dataset.npz", |output| write_zip(&arrays, output))
}

/// The classes' names as Unicode of a fixed width, which needs no pickle.
fn names(classes: &[String]) -> Array<'_> {
    let width = classes.iter().map(|class| class.chars().count()).max().unwrap_or(0).max(1);
    let mut bytes = Vec::with_capacity(classes.len() * width * 4);
    for class in classes {
        let codes = class.chars().map(|c| c as u32).chain(std::iter::repeat(0));
        bytes.extend(codes.take(width).flat_map(u32::to_le_bytes));
    }
    Array { key: "class_names".into(), descr: format!("<U{width}"), shape: vec![classes.len()], bytes: bytes.into() }
}

fn write_zip(arrays: &[Array<'_>], output: &mut Output) -> io::Result<()> {
    let mut zip = ZipWriter::new_stream(output);
    for array in arrays {
        let large = array.bytes.len() as u64 >= u64::from(u32::MAX) - (1 << 20);
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(LEVEL))
            .large_file(large);
        zip.start_file(format!("{}.npy", array.key), options)?;
        zip.write_all(&header(&array.descr, &array.shape))?;
        zip.write_all(&array.bytes)?;
    }
    zip.finish()?;
    Ok(())
}

/// NumPy's header of version 1, padded so that the values start at a multiple of 64.
fn header(descr: &str, shape: &[usize]) -> Vec<u8> {
    let lengths: Vec<String> = shape.iter().map(ToString::to_string).collect();
    let comma = if shape.len() == 1 { "," } else { "" };
    let mut text =
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}{comma}), }}", lengths.join(", "));
    while (10 + text.len() + 1) % 64 != 0 {
        text.push(' ');
    }
    text.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}
