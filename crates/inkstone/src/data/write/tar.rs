//! Tar shards in WebDataset's layout, 10,000 samples each: `000017.png`, `000017.cls` (the label's number), and
//! `000017.json` (`{"group": 7}`) where a group is known.

use std::io::{self, Write};

use tar::{EntryType, Header};

use super::folder::{Folder, Output};
use super::{parts, stem};
use crate::data::dataset::Dataset;
use crate::data::encode::png_fast;
use crate::error::Result;
use crate::parallel::Pool;

/// Samples of a shard.
const SAMPLES: usize = 10_000;

/// Images that are encoded before they are written.
const CHUNK: usize = 2_000;

pub(super) fn write(dataset: &Dataset, folder: &mut Folder, pool: &Pool) -> Result<()> {
    for (part, range) in parts(dataset) {
        for (shard, start) in range.clone().step_by(SAMPLES).enumerate() {
            let end = (start + SAMPLES).min(range.end);
            folder.file(&format!("{}-{shard:06}.tar", stem(part)), |output| {
                for first in (start..end).step_by(CHUNK) {
                    let n = CHUNK.min(end - first);
                    let images = pool.map(n, |k| png_fast(dataset.images.get(first + k)));
                    for (k, image) in images.iter().enumerate() {
                        let sample = &dataset.samples[first + k];
                        // Counted within the part, so that no two shards share a key.
                        let key = first + k - range.start;
                        entry(output, &format!("{key:06}.cls"), sample.label.to_string().as_bytes())?;
                        if let Some(group) = sample.group {
                            entry(output, &format!("{key:06}.json"), format!("{{\"group\": {group}}}").as_bytes())?;
                        }
                        entry(output, &format!("{key:06}.png"), image)?;
                    }
                }
                // Two blocks of zeros end an archive.
                output.write_all(&[0; 1024])
            })?;
        }
    }
    Ok(())
}

fn entry(output: &mut Output, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_path(name)?;
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_size(bytes.len() as u64);
    header.set_mtime(0);
    header.set_cksum();
    output.write_all(header.as_bytes())?;
    output.write_all(bytes)?;
    output.write_all(&[0; 512][..bytes.len().next_multiple_of(512) - bytes.len()])
}
