//! IDX files under the names of MNIST's: `train-images-idx3-ubyte`, `t10k-labels-idx1-ubyte`.

use std::io::Write;

use super::folder::Folder;
use super::{has_groups, parts, pixels, size};
use crate::data::dataset::{Dataset, Part};
use crate::data::idx::{encode_header, type_code};
use crate::error::{Error, ErrorKind, Result};

pub(super) fn write(dataset: &Dataset, folder: &mut Folder) -> Result<()> {
    let size = size(dataset)?;
    for (part, range) in parts(dataset) {
        let prefix = match part {
            Some(Part::Train) => "train-",
            Some(Part::Validation) => "validation-",
            Some(Part::Test) => "t10k-",
            None => "",
        };
        let n = range.len();
        let mut shape = vec![n, size.height, size.width];
        if size.channels > 1 {
            shape.push(size.channels);
        }
        let name = format!("{prefix}images-idx{}-ubyte", shape.len());
        folder.file(&name, |output| {
            output.write_all(&encode_header(type_code::U8, &shape, n * size.len()))?;
            output.write_all(pixels(dataset, size, &range))
        })?;
        let samples = &dataset.samples[range.clone()];
        let labels = || samples.iter().map(|sample| sample.label);
        // As MNIST's own where labels fit into bytes.
        if dataset.classes.len() <= 256 {
            let bytes: Vec<u8> = labels().map(|label| label as u8).collect();
            folder.file(&format!("{prefix}labels-idx1-ubyte"), |output| {
                output.write_all(&encode_header(type_code::U8, &[n], n))?;
                output.write_all(&bytes)
            })?;
        } else {
            integers(folder, &format!("{prefix}labels-idx1-int"), labels())?;
        }
        if has_groups(dataset, &range) {
            let groups: Option<Vec<u32>> = samples.iter().map(|sample| sample.group).collect();
            let groups = groups.ok_or_else(some_without_group)?;
            integers(folder, &format!("{prefix}groups-idx1-int"), groups.into_iter())?;
        }
    }
    Ok(())
}

/// An array has no place for none.
pub(super) fn some_without_group() -> Error {
    Error::mismatch(ErrorKind::Data, "a group for every image of a part, or for none", "some without")
        .with_help("write csv, png, parquet or tar, which can leave it out")
}

fn integers(folder: &mut Folder, name: &str, values: impl ExactSizeIterator<Item = u32>) -> Result<()> {
    let n = values.len();
    let bytes: Vec<u8> = values.flat_map(u32::to_be_bytes).collect();
    folder.file(name, |output| {
        output.write_all(&encode_header(type_code::I32, &[n], n))?;
        output.write_all(&bytes)
    })
}
