//! Tar shards in WebDataset's layout: `000017.png` and `000017.cls` (a number or a name) are one sample.
//!
//! A sample's key is its path up to the first point of the file's name. `.json` may give `label`, `class` and `group`
//! instead. Nothing is ever unpacked to disk. Refuses paths that lead out of the archive; links and devices are passed
//! over with a note. Limits: 256 MiB for an image, 64 KiB for what stands beside it, 8 GiB in all.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use tar::{Archive, Entry, EntryType};

use super::dataset::{Dataset, Part};
use super::decode::{MAX_FILE_BYTES, decode};
use super::decode_many::{MAX_BYTES, decode_many};
use super::folder::is_image_name;
use super::gather::{self, Classes, Row};
use super::labels::{Groups, Label, Numbers};
use crate::error::{Error, ErrorKind, Result};
use crate::parallel::Pool;

/// The longest label or description, in bytes.
const MAX_TEXT: u64 = 64 << 10;

/// Reads shards, each of its part, into one dataset; `note` is told what was passed over.
///
/// # Errors
/// `Data` with the shard and the entry.
pub(super) fn read(files: &[(Option<Part>, PathBuf)], name: &str, pool: &Pool, note: &dyn Fn(&str)) -> Result<Dataset> {
    let shards = pool.map(files.len(), |i| {
        let file = &files[i].1;
        read_shard(file).map_err(|error| error.with_file(file))
    });
    let (mut rows, mut bytes, mut groups, mut n_passed_over) = (Vec::new(), Vec::new(), Groups::default(), 0);
    let mut n_bytes = 0;
    for (shard, (part, file)) in shards.into_iter().zip(files) {
        let shard = shard?;
        n_bytes += shard.n_bytes;
        if n_bytes > MAX_BYTES {
            return Err(too_long().with_file(file));
        }
        n_passed_over += shard.n_passed_over;
        for found in shard.samples {
            let (image, label, key) = found.complete().map_err(|error| error.with_file(file))?;
            let group = groups.number(&found.group);
            rows.push(Row { label, part: *part, group, file: Some(PathBuf::from(key)) });
            bytes.push(image);
        }
    }
    if n_passed_over > 0 {
        note(&format!("{name}: {n_passed_over} entries that are neither images nor labels are passed over"));
    }
    let file = files.first().map_or(Path::new(""), |(_, file)| file);
    let images = decode_many(bytes.len(), pool, |i| {
        let key = || rows[i].file.as_ref().map_or(String::new(), |key| key.display().to_string());
        decode(&bytes[i]).map_err(|error| error.with_place(key()))
    });
    let images = images.map_err(|error| error.with_file(file))?;
    gather::dataset(name, images, rows, Classes::FromLabels(Numbers::Positions)).map_err(|error| error.with_file(file))
}

/// Reads one shard from bytes: what the fuzzer knocks at.
///
/// # Errors
/// As a source of this kind.
pub fn parse(bytes: &[u8], pool: &Pool) -> Result<usize> {
    let shard = read_entries(bytes)?;
    let n = shard.samples.len();
    for found in &shard.samples {
        found.complete()?;
    }
    decode_many(n, pool, |i| decode(shard.samples[i].image.as_deref().unwrap_or_default())).map(|images| images.len())
}

/// The samples of one shard, in its order.
#[derive(Default)]
struct Shard {
    samples: Vec<Found>,
    n_bytes: u64,
    n_passed_over: usize,
}

/// What was found under one key.
#[derive(Default)]
struct Found {
    key: String,
    image: Option<Vec<u8>>,
    label: Option<Label>,
    group: String,
}

impl Found {
    fn complete(&self) -> Result<(Vec<u8>, Label, String)> {
        let missing =
            |what: &str, found: &str| Err(Error::mismatch(ErrorKind::Data, what, found).with_place(self.key.clone()));
        match (&self.image, &self.label) {
            (Some(image), Some(label)) => Ok((image.clone(), label.clone(), format!("{}.png", self.key))),
            (None, _) => missing("an image beside the label (.png, .jpg)", "none"),
            (_, None) => missing("a label beside the image (.cls)", "none"),
        }
    }
}

fn read_shard(path: &Path) -> Result<Shard> {
    let file = File::open(path).map_err(|error| Error::io(path, "open the file", &error))?;
    read_entries(BufReader::with_capacity(1 << 18, file))
}

fn read_entries(reader: impl Read) -> Result<Shard> {
    let mut archive = Archive::new(reader);
    let mut shard = Shard::default();
    let damaged = |error: std::io::Error| Error::new(ErrorKind::Data, format!("damaged tar archive: {error}"));
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous => add(&mut shard, &mut entry)?,
            EntryType::Directory | EntryType::XGlobalHeader => {}
            _ => shard.n_passed_over += 1,
        }
    }
    Ok(shard)
}

fn add<R: Read>(shard: &mut Shard, entry: &mut Entry<'_, R>) -> Result<()> {
    let name = checked_name(&entry.path_bytes())?;
    let (folder, file) = name.rsplit_once('/').map_or(("", name.as_str()), |(folder, file)| (folder, file));
    let Some((stem, extension)) = file.split_once('.') else {
        shard.n_passed_over += 1;
        return Ok(());
    };
    let key = if folder.is_empty() { stem.to_owned() } else { format!("{folder}/{stem}") };
    let is_image = is_image_name(Path::new(file));
    if stem.is_empty() || !(is_image || matches!(extension, "cls" | "json")) {
        shard.n_passed_over += 1;
        return Ok(());
    }
    let bytes = read_whole(entry, &name, if is_image { MAX_FILE_BYTES } else { MAX_TEXT })?;
    shard.n_bytes += bytes.len() as u64;
    if shard.n_bytes > MAX_BYTES {
        return Err(too_long());
    }
    if shard.samples.last().is_none_or(|last| last.key != key) {
        shard.samples.push(Found { key, ..Found::default() });
    }
    let found = shard.samples.last_mut().expect("pushed if there was none");
    if is_image {
        found.image = Some(bytes);
    } else if extension == "cls" {
        found.label = Some(Label::parse(String::from_utf8_lossy(&bytes).trim()));
    } else {
        describe(found, &bytes).map_err(|error| error.with_place(name))?;
    }
    Ok(())
}

/// Takes label and group out of a `.json`; a `.cls` that is there already wins.
fn describe(found: &mut Found, bytes: &[u8]) -> Result<()> {
    let value: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|error| Error::new(ErrorKind::Data, format!("damaged JSON: {error}")))?;
    let text = |key: &str| match &value[key] {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    if let (None, Some(label)) = (&found.label, text("label").or_else(|| text("class"))) {
        found.label = Some(Label::parse(&label));
    }
    found.group = text("group").unwrap_or_default();
    Ok(())
}

fn read_whole<R: Read>(entry: &mut Entry<'_, R>, name: &str, limit: u64) -> Result<Vec<u8>> {
    if entry.size() > limit {
        return Err(Error::mismatch(ErrorKind::Data, format!("at most {limit} bytes"), entry.size().to_string())
            .with_place(name));
    }
    let mut bytes = Vec::new();
    entry
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::new(ErrorKind::Data, format!("damaged tar archive: {error}")).with_place(name))?;
    Ok(bytes)
}

fn too_long() -> Error {
    Error::mismatch(ErrorKind::Data, "shards of at most 8 GiB of images", "more")
}

/// The name of an entry, if it stays inside the archive.
fn checked_name(bytes: &[u8]) -> Result<String> {
    let name = std::str::from_utf8(bytes)
        .map_err(|_| Error::mismatch(ErrorKind::Data, "names of entries that are UTF-8", "other bytes"))?;
    let name = name.trim_start_matches("./");
    let leads_out = name.starts_with('/') || name.split(['/', '\\']).any(|part| part == "..") || name.contains('\0');
    if leads_out || name.len() > 4096 {
        let found: String = name.chars().take(60).collect();
        return Err(Error::mismatch(ErrorKind::Data, "paths that stay inside the archive", format!("{found:?}")));
    }
    Ok(name.to_owned())
}
