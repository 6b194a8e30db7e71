//! A folder with one folder of images per class, optionally under train/, validation/ and test/. Folders below a
//! class's belong to it.
//!
//! Classes are sorted bytewise, files by path, so that labels never depend on the file system. Hidden files are no part
//! of the set; what is no image by its extension is passed over (and counted in a note). An image that cannot be decoded
//! is an error, or is left out with a warning: [`SourceOptions::on_error`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::dataset::{Dataset, Image, Images, Part, Sample, SampleId, Size};
#[doc(inline)]
pub use super::decode::decode_file;
use super::decode::{DecodedImage, decode_file_into};
use super::decoded_cache::{Cache, Stamp};
use super::listing::list;
use super::options::{Progress, SourceOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::parallel::Pool;

/// The extensions of image files, in lower case.
pub const EXTENSIONS: [&str; 14] =
    ["bmp", "dib", "jfif", "jpe", "jpeg", "jpg", "pbm", "pgm", "png", "pnm", "ppm", "tif", "tiff", "webp"];

/// Extensions of images that are not read: worth a warning, since nobody means to leave them out.
const UNREAD_EXTENSIONS: [&str; 13] =
    ["avif", "cr2", "dng", "gif", "heic", "heif", "ico", "jp2", "jxl", "nef", "psd", "svg", "tga"];

/// The table of a folder whose pictures are to be looked at, as `prepare --cut-glyphs` leaves one: no class.
pub const REVIEW_TABLE: &str = "review.csv";

/// The most memory that a folder's decoded images may take: 8 GiB.
const MAX_BYTES: u64 = 8 << 30;

/// The largest image that is decoded to where it stays: small ones share a size more often than not.
const MAX_IN_PLACE: usize = 64 << 10;

/// Small images that a thread decodes in one go; large ones are fewer.
const IMAGES_PER_TASK: usize = 256;
const LARGE_IMAGES_PER_TASK: usize = 8;

/// The levels of folders below a class's.
const MAX_DEPTH: usize = 16;

/// The names that folders of parts go by.
const PART_NAMES: [(&str, Part); 7] = [
    ("train", Part::Train),
    ("training", Part::Train),
    ("validation", Part::Validation),
    ("val", Part::Validation),
    ("valid", Part::Validation),
    ("test", Part::Test),
    ("testing", Part::Test),
];

/// Whether a file is an image by its extension.
pub fn is_image_name(path: &Path) -> bool {
    has_extension(path, &EXTENSIONS)
}

fn has_extension(path: &Path, known: &[&str]) -> bool {
    path.extension().is_some_and(|extension| known.iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

/// An image file to be read.
struct Entry {
    path: PathBuf,
    /// The path from the source's folder on.
    id: PathBuf,
    /// Its class, a position among the folders of classes.
    class: usize,
}

/// A folder of a class.
struct ClassFolder {
    path: PathBuf,
    name: String,
    part: Option<Part>,
}

/// What a class's folder holds.
#[derive(Default)]
struct Found {
    entries: Vec<Entry>,
    /// Files that are no images by name, counted by extension.
    others: BTreeMap<String, usize>,
}

/// Reads a folder of class folders.
pub(super) fn read(folder: &Path, name: &str, options: &SourceOptions<'_>, pool: &Pool) -> Result<Dataset> {
    let (classes, found) = find(folder, pool)?;
    note_others(&found.others, name, options);
    let images = decode_or_recall(folder, &found.entries, options, pool)?;
    let bad: Vec<usize> = images.bad.iter().map(|(i, _)| *i).collect();
    let errors: Vec<Error> = images.bad.into_iter().map(|(_, error)| error).collect();
    options.settle(&errors, found.entries.len()).map_err(|error| error.with_file(folder))?;
    let entries = without(found.entries, &bad);
    Ok(dataset(name, &classes, entries, images.images, options))
}

fn dataset(
    name: &str,
    folders: &[ClassFolder],
    entries: Vec<Entry>,
    images: Images,
    options: &SourceOptions<'_>,
) -> Dataset {
    let mut is_filled = vec![false; folders.len()];
    entries.iter().for_each(|entry| is_filled[entry.class] = true);
    let named = |filled: bool| {
        let of = folders.iter().zip(&is_filled).filter(move |(_, is)| **is == filled);
        let mut names: Vec<String> = of.map(|(folder, _)| folder.name.clone()).collect();
        names.sort_unstable();
        names.dedup();
        names
    };
    let classes = named(true);
    let empty: Vec<String> = named(false).into_iter().filter(|class| classes.binary_search(class).is_err()).collect();
    if !empty.is_empty() {
        options.note(&format!("{name}: folders without images are no classes: {}", empty.join(", ")));
    }
    let label = |folder: &ClassFolder| classes.binary_search(&folder.name).map_or(0, |label| label as u32);
    let labels: Vec<u32> = folders.iter().map(label).collect();
    let samples = entries.into_iter().map(|entry| Sample {
        label: labels[entry.class],
        part: folders[entry.class].part,
        id: SampleId::File(entry.id),
        group: None,
    });
    Dataset { name: name.to_owned(), samples: samples.collect(), classes, images }
}

/// `letters: passed over, being no images by name: 2 .txt, 1 .md`.
fn note_others(others: &BTreeMap<String, usize>, name: &str, options: &SourceOptions<'_>) {
    let listed = |unread: bool| {
        let is_unread = |extension: &str| UNREAD_EXTENSIONS.contains(&extension.trim_start_matches('.'));
        let kinds = others.iter().filter(|(extension, _)| is_unread(extension) == unread);
        kinds.map(|(extension, n)| format!("{n} {extension}")).collect::<Vec<_>>().join(", ")
    };
    let (unread, strays) = (listed(true), listed(false));
    if !strays.is_empty() {
        options.note(&format!("{name}: passed over, being no images by name: {strays}"));
    }
    if !unread.is_empty() {
        options.note(&format!("warning: {name}: images of formats that are not read are left out: {unread}"));
    }
}

/// The folders of classes, and all that they hold, in their order.
fn find(root: &Path, pool: &Pool) -> Result<(Vec<ClassFolder>, Found)> {
    let top = list(root)?;
    let mut all = Found::default();
    let mut classes = Vec::new();
    all.pass_over(&top.files);
    if let Some(parts) = part_folders(&top.folders)? {
        for (part, folder) in parts {
            let listing = list(folder)?;
            all.pass_over(&listing.files);
            classes.extend(class_folders(listing.folders, Some(part))?);
        }
    } else {
        classes = class_folders(top.folders, None)?;
    }
    for found in pool.map(classes.len(), |class| find_images(root, &classes[class].path, class)) {
        let found = found?;
        all.entries.extend(found.entries);
        found.others.into_iter().for_each(|(extension, n)| *all.others.entry(extension).or_default() += n);
    }
    if all.entries.is_empty() {
        let n_loose = top.files.iter().filter(|path| is_image_name(path)).count();
        let what = match (n_loose, classes.len()) {
            (0, 0) => "neither".to_owned(),
            (0, n) => format!("no image in its folders ({n})"),
            (n, _) => format!("images that are in no class's folder ({n})"),
        };
        let expected = "a folder of images per class (a/1.png, b/2.png; PNG, JPEG, BMP, PGM, TIFF or WebP), or MNIST's \
                        IDX files";
        return Err(Error::mismatch(ErrorKind::Data, expected, what).with_file(root));
    }
    Ok((classes, all))
}

fn class_folders(folders: Vec<PathBuf>, part: Option<Part>) -> Result<Vec<ClassFolder>> {
    let class = |path: PathBuf| match path.file_name().and_then(|name| name.to_str()) {
        Some(name) => Ok(ClassFolder { name: name.to_owned(), path, part }),
        None => Err(Error::new(ErrorKind::Data, "the name of a class's folder is not UTF-8").with_file(&path)),
    };
    folders.into_iter().filter(|folder| !folder.join(REVIEW_TABLE).is_file()).map(class).collect()
}

/// The images of a class: its folder's own, then those of each folder below.
fn find_images(root: &Path, folder: &Path, class: usize) -> Result<Found> {
    let mut found = Found::default();
    let mut open = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = open.pop() {
        let listing = list(&folder)?;
        let within = folder.strip_prefix(root).unwrap_or(&folder).to_owned();
        let (images, others): (Vec<_>, Vec<_>) = listing.files.into_iter().partition(|path| is_image_name(path));
        found.pass_over(&others);
        found.entries.extend(images.into_iter().map(|path| {
            let id = path.file_name().map_or_else(PathBuf::new, |name| within.join(name));
            Entry { path, id, class }
        }));
        if depth == MAX_DEPTH && !listing.folders.is_empty() {
            let expected = format!("at most {MAX_DEPTH} levels of folders below a class");
            return Err(Error::mismatch(ErrorKind::Data, expected, "more")
                .with_file(&folder)
                .with_help("a link may lead back to a folder above"));
        }
        open.extend(listing.folders.into_iter().rev().map(|folder| (folder, depth + 1)));
    }
    Ok(found)
}

impl Found {
    fn pass_over(&mut self, files: &[PathBuf]) {
        for path in files {
            let extension = path.extension().map_or_else(
                || "without extension".to_owned(),
                |extension| format!(".{}", extension.to_string_lossy().to_ascii_lowercase()),
            );
            *self.others.entry(extension).or_default() += 1;
        }
    }
}

/// The folders as parts, where all of them have a part's name and hold folders themselves: a class may be called
/// `train` as well.
fn part_folders(folders: &[PathBuf]) -> Result<Option<Vec<(Part, &PathBuf)>>> {
    let part = |path: &Path| {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        PART_NAMES.iter().find(|(known, _)| *known == name).map(|(_, part)| *part)
    };
    let Some(mut parts) = folders.iter().map(|path| part(path).map(|part| (part, path))).collect::<Option<Vec<_>>>()
    else {
        return Ok(None);
    };
    let mut nested = false;
    for (_, path) in &parts {
        nested |= !list(path)?.folders.is_empty();
    }
    parts.sort_by_key(|(part, _)| *part);
    Ok(nested.then_some(parts))
}

/// The entries but those at `bad`, which is sorted.
fn without(entries: Vec<Entry>, bad: &[usize]) -> Vec<Entry> {
    if bad.is_empty() {
        return entries;
    }
    entries.into_iter().enumerate().filter(|(i, _)| bad.binary_search(i).is_err()).map(|(_, entry)| entry).collect()
}

/// The images that could be decoded, in order, and the errors of the others by position.
struct Decoded {
    images: Images,
    bad: Vec<(usize, Error)>,
}

/// From the cache, where the folder is in it as it is now; else decoded, and kept for the next time.
fn decode_or_recall(folder: &Path, entries: &[Entry], options: &SourceOptions<'_>, pool: &Pool) -> Result<Decoded> {
    let Some(place) = &options.cache else { return decode_all(entries, options, pool) };
    let files: Vec<_> = entries.iter().map(|entry| (entry.path.as_path(), entry.id.as_path())).collect();
    let Some(stamp) = Stamp::of(&files, pool) else { return decode_all(entries, options, pool) };
    let cache = Cache::of(place, folder);
    if let Some(images) = cache.recall(&stamp, entries.len()) {
        return Ok(Decoded { images, bad: Vec::new() });
    }
    let decoded = decode_all(entries, options, pool)?;
    // A set with bad files is read anew until they are mended.
    if decoded.bad.is_empty()
        && let Err(error) = cache.keep(&stamp, &decoded.images)
    {
        options.note(&format!("warning: the decoded images cannot be kept for the next time: {error}"));
    }
    Ok(decoded)
}

/// Images that a thread decodes in one go.
struct Task<'a> {
    first: usize,
    entries: &'a [Entry],
    /// Where those of the common size go; empty where there is none.
    pixels: &'a mut [u8],
    /// What is not there: images of another size, and errors.
    apart: Vec<(usize, Result<DecodedImage>)>,
}

fn decode_all(entries: &[Entry], options: &SourceOptions<'_>, pool: &Pool) -> Result<Decoded> {
    // What the first image is, the others are taken to be until they are seen.
    let size = decode_file(&entries[0].path).ok().map(|image| image.size).filter(|size| size.len() <= MAX_IN_PLACE);
    let size = size.filter(|size| entries.len() as u64 * size.len() as u64 <= MAX_BYTES);
    let n_per_task = if size.is_some() { IMAGES_PER_TASK } else { LARGE_IMAGES_PER_TASK };
    let n_bytes = size.map_or(0, Size::len);
    let mut pixels = vec![0; entries.len() * n_bytes];
    let mut rest = &mut pixels[..];
    let mut tasks = Vec::with_capacity(entries.len().div_ceil(n_per_task));
    for (i, entries) in entries.chunks(n_per_task).enumerate() {
        let (own, others) = rest.split_at_mut(entries.len() * n_bytes);
        rest = others;
        tasks.push(Task { first: i * n_per_task, entries, pixels: own, apart: Vec::new() });
    }
    let progress = options.progress;
    let (n_done, n_apart_bytes) = (AtomicUsize::new(0), AtomicU64::new(0));
    pool.for_each(&mut tasks, |_, task| {
        task.run(size, &n_apart_bytes);
        let done = n_done.fetch_add(task.entries.len(), Ordering::Relaxed) + task.entries.len();
        if let Some(progress) = progress {
            progress(Progress { done, total: entries.len() });
        }
    });
    if n_apart_bytes.into_inner() > MAX_BYTES {
        let found = format!("more, in {} files", entries.len());
        return Err(Error::mismatch(ErrorKind::Data, "images of at most 8 GiB once decoded", found)
            .with_help("make them smaller first: they are small images that are trained on"));
    }
    let apart = tasks.into_iter().flat_map(|task| task.apart).collect();
    Ok(gather(entries.len(), size, pixels, apart))
}

impl Task<'_> {
    fn run(&mut self, size: Option<Size>, n_apart_bytes: &AtomicU64) {
        for (k, entry) in self.entries.iter().enumerate() {
            let result = match size {
                Some(size) => {
                    let place = &mut self.pixels[k * size.len()..][..size.len()];
                    match decode_file_into(&entry.path, size, place) {
                        Ok(Some(image)) if image.size == size => {
                            place.copy_from_slice(&image.pixels);
                            Ok(None)
                        }
                        result => result,
                    }
                }
                None => decode_file(&entry.path).map(Some),
            };
            if let Some(result) = result.transpose() {
                let n_bytes = result.as_ref().map_or(0, |image| image.pixels.len() as u64);
                // Once over the limit nothing more is read: the memory is what the limit protects.
                if n_apart_bytes.fetch_add(n_bytes, Ordering::Relaxed) + n_bytes > MAX_BYTES {
                    return;
                }
                self.apart.push((self.first + k, result));
            }
        }
    }
}

/// The images in order: those of the common size from `pixels`, the others from `apart`, which is sorted.
fn gather(n: usize, size: Option<Size>, pixels: Vec<u8>, apart: Vec<(usize, Result<DecodedImage>)>) -> Decoded {
    if let (Some(size), true) = (size, apart.is_empty()) {
        return Decoded { images: Images::uniform(size, pixels), bad: Vec::new() };
    }
    let place = |i: usize| {
        let size = size?;
        Some(Image { size, pixels: &pixels[i * size.len()..][..size.len()] })
    };
    let mut next = apart.iter().peekable();
    let images = Images::collect((0..n).filter_map(|i| match next.next_if(|(at, _)| *at == i) {
        Some((_, result)) => result.as_ref().ok().map(DecodedImage::as_image),
        None => place(i),
    }));
    let bad = apart.into_iter().filter_map(|(i, result)| result.err().map(|error| (i, error))).collect();
    Decoded { images, bad }
}
