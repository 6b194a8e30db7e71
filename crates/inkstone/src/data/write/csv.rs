//! A row of pixels per image, a file per part: `label,pixel0,pixel1,…`, and a last column `group` where it is known.

use std::io::Write;
use std::ops::Range;

use super::folder::Folder;
use super::{has_groups, parts, size, stem};
use crate::data::dataset::Dataset;
use crate::error::Result;
use crate::parallel::Pool;

/// Rows that a thread writes at a time.
const ROWS: usize = 512;

/// Pieces of rows that are kept until they are written.
const PIECES: usize = 64;

pub(super) fn write(dataset: &Dataset, folder: &mut Folder, pool: &Pool) -> Result<()> {
    let size = size(dataset)?;
    let decimal: Vec<String> = (0..256).map(|value| format!(",{value}")).collect();
    for (part, range) in parts(dataset) {
        let grouped = has_groups(dataset, &range);
        folder.file(&format!("{}.csv", stem(part)), |output| {
            let mut head = String::from("label");
            (0..size.len()).for_each(|k| head.push_str(&format!(",pixel{k}")));
            head.push_str(if grouped { ",group\n" } else { "\n" });
            output.write_all(head.as_bytes())?;
            let starts: Vec<usize> = range.clone().step_by(ROWS).collect();
            for starts in starts.chunks(PIECES) {
                let texts = pool.map(starts.len(), |k| {
                    let rows = starts[k]..(starts[k] + ROWS).min(range.end);
                    text(dataset, rows, grouped, &decimal)
                });
                texts.iter().try_for_each(|text| output.write_all(text))?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn text(dataset: &Dataset, rows: Range<usize>, grouped: bool, decimal: &[String]) -> Vec<u8> {
    let mut text = Vec::with_capacity(rows.len() * (dataset.images.get(0).pixels.len() * 3 + 16));
    for i in rows {
        let sample = &dataset.samples[i];
        text.extend(sample.label.to_string().as_bytes());
        for &pixel in dataset.images.get(i).pixels {
            text.extend(decimal[usize::from(pixel)].as_bytes());
        }
        if grouped {
            text.push(b',');
            text.extend(sample.group.map_or(String::new(), |group| group.to_string()).as_bytes());
        }
        text.push(b'\n');
    }
    text
}
