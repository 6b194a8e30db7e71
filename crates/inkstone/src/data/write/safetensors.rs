//! Safetensors: `images` (u8) and `labels` (i64), a file per part; the classes' names as JSON in the metadata.
//!
//! Written by hand: the library takes whole buffers and gives metadata in another order each time.

use std::io::Write;

use serde_json::{Map, Value, json};

use super::folder::Folder;
use super::idx::some_without_group;
use super::{has_groups, parts, pixels, size, stem};
use crate::data::dataset::Dataset;
use crate::error::Result;

pub(super) fn write(dataset: &Dataset, folder: &mut Folder) -> Result<()> {
    let size = size(dataset)?;
    for (part, range) in parts(dataset) {
        let n = range.len();
        let samples = &dataset.samples[range.clone()];
        let labels: Vec<u8> = samples.iter().flat_map(|sample| i64::from(sample.label).to_le_bytes()).collect();
        let mut tensors: Vec<(&str, &str, Vec<usize>, &[u8])> = Vec::new();
        let groups: Vec<u8> = if has_groups(dataset, &range) {
            let bytes = samples.iter().map(|sample| sample.group.map(|group| i64::from(group).to_le_bytes()));
            bytes.collect::<Option<Vec<_>>>().ok_or_else(some_without_group)?.concat()
        } else {
            Vec::new()
        };
        // The widest types first, so that every tensor is aligned.
        if !groups.is_empty() {
            tensors.push(("groups", "I64", vec![n], &groups));
        }
        tensors.push(("labels", "I64", vec![n], &labels));
        let mut shape = vec![n, size.height, size.width];
        if size.channels > 1 {
            shape.push(size.channels);
        }
        tensors.push(("images", "U8", shape, pixels(dataset, size, &range)));
        let header = header(&tensors, &dataset.classes);
        folder.file(&format!("{}.safetensors", stem(part)), |output| {
            output.write_all(&(header.len() as u64).to_le_bytes())?;
            output.write_all(header.as_bytes())?;
            tensors.iter().try_for_each(|(.., bytes)| output.write_all(bytes))
        })?;
    }
    Ok(())
}

/// The header, padded so that the tensors start at a multiple of 8.
fn header(tensors: &[(&str, &str, Vec<usize>, &[u8])], classes: &[String]) -> String {
    let mut header = Map::new();
    let names = Value::from(classes.to_vec()).to_string();
    header.insert("__metadata__".to_owned(), json!({ "classes": names }));
    let mut start = 0;
    for (name, kind, shape, bytes) in tensors {
        let end = start + bytes.len();
        header.insert((*name).to_owned(), json!({ "dtype": kind, "shape": shape, "data_offsets": [start, end] }));
        start = end;
    }
    let mut text = Value::Object(header).to_string();
    while !text.len().is_multiple_of(8) {
        text.push(' ');
    }
    text
}
