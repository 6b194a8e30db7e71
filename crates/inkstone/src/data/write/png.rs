//! A folder of PNG files per class, below a folder per part (`train/Bag/000017.png`), and `samples.csv`, which lists
//! them in order with the true names of their classes, their parts and groups.

use std::io::Write;
use std::sync::Mutex;

use super::folder::Folder;
use super::names::folder_names;
use super::parts;
use crate::data::dataset::{Dataset, Part};
use crate::data::encode::png_fast;
use crate::data::prepared::SAMPLES;
use crate::error::{Error, Result};
use crate::parallel::Pool;

/// Files that a thread writes at a time.
const FILES: usize = 64;

pub(super) fn write(dataset: &Dataset, folder: &mut Folder, pool: &Pool) -> Result<()> {
    let classes = folder_names(&dataset.classes);
    let mut paths = Vec::with_capacity(dataset.samples.len());
    for (part, range) in parts(dataset) {
        let above = part.map_or(String::new(), |part| format!("{}/", part.name()));
        for class in
            dataset.samples[range.clone()].iter().map(|sample| sample.label).collect::<std::collections::BTreeSet<_>>()
        {
            folder.folder(&format!("{above}{}", classes[class as usize]))?;
        }
        for (k, sample) in dataset.samples[range].iter().enumerate() {
            paths.push(format!("{above}{}/{k:06}.png", classes[sample.label as usize]));
        }
    }
    let failed: Mutex<Option<Error>> = Mutex::new(None);
    let there = &*folder;
    pool.for_each_chunk(&mut paths.clone(), FILES, |chunk, names| {
        for (k, name) in names.iter().enumerate() {
            let bytes = png_fast(dataset.images.get(chunk * FILES + k));
            if let Err(error) = there.put(name, &bytes) {
                // One error is enough; a lock that another panicking thread holds leaves nothing to tell.
                if let Ok(mut first) = failed.lock() {
                    first.get_or_insert(error);
                }
                return;
            }
        }
    });
    if let Ok(Some(error)) = failed.into_inner() {
        return Err(error);
    }
    list(dataset, folder, &paths)
}

fn list(dataset: &Dataset, folder: &mut Folder, paths: &[String]) -> Result<()> {
    let grouped = dataset.samples.iter().any(|sample| sample.group.is_some());
    folder.file(SAMPLES, |output| {
        let mut table = csv::Writer::from_writer(Vec::new());
        let head = ["path", "label", "part", "group"];
        let n = if grouped { 4 } else { 3 };
        table.write_record(&head[..n])?;
        for (sample, path) in dataset.samples.iter().zip(paths) {
            let group = sample.group.map_or(String::new(), |group| group.to_string());
            let part = sample.part.map_or("", Part::name);
            table.write_record(&[path.as_str(), &dataset.classes[sample.label as usize], part, &group][..n])?;
        }
        let bytes = table.into_inner().map_err(csv::IntoInnerError::into_error)?;
        output.write_all(&bytes)
    })
}
