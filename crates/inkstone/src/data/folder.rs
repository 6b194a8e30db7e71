//! A folder with one folder of images per class, optionally under train/, validation/ and test/.
//!
//! Classes are sorted bytewise, files by path, so that labels never depend on the file system. Hidden files and what
//! is no image by its extension are passed over (and counted in a note); an image that cannot be decoded is an error.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::dataset::{Dataset, Images, Part, Sample, SampleId};
use super::decode::{DecodedImage, decode, read_file};
use super::listing::list;
use crate::error::{Error, ErrorKind, Result};
use crate::parallel::Pool;

/// The extensions of image files, in lower case.
pub const EXTENSIONS: [&str; 7] = ["bmp", "jpeg", "jpg", "pbm", "pgm", "png", "ppm"];

/// The table of a folder whose pictures are to be looked at, as `prepare --cut-glyphs` leaves one: no class.
pub const REVIEW_TABLE: &str = "review.csv";

/// The most memory that a folder's decoded images may take: 8 GiB.
const MAX_BYTES: u64 = 8 << 30;

/// Small images that a thread copies in one go.
const IMAGES_PER_TASK: usize = 256;

/// How many bad files an error lists.
const MAX_LISTED: usize = 20;

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
    path.extension().is_some_and(|extension| EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

/// An image file to be read.
struct Entry {
    path: PathBuf,
    /// The path from the source's folder on.
    id: PathBuf,
    class: String,
    part: Option<Part>,
}

/// What was found before anything is decoded.
#[derive(Default)]
struct Found {
    entries: Vec<Entry>,
    n_passed_over: usize,
    empty: Vec<String>,
}

/// Reads a folder of class folders; `note` is told what was passed over.
pub(super) fn read(folder: &Path, name: &str, pool: &Pool, note: &dyn Fn(&str)) -> Result<Dataset> {
    let found = find(folder)?;
    let classes: BTreeSet<&str> = found.entries.iter().map(|entry| entry.class.as_str()).collect();
    let classes: Vec<String> = classes.into_iter().map(str::to_owned).collect();
    let images = decode_all(&found.entries, pool).map_err(|error| error.with_file(folder))?;
    if found.n_passed_over > 0 {
        note(&format!(
            "{name}: {} files that are no PNG, JPEG, BMP or PGM by name are passed over",
            found.n_passed_over
        ));
    }
    let empty: Vec<String> = found.empty.into_iter().filter(|class| !classes.contains(class)).collect();
    if !empty.is_empty() {
        note(&format!("{name}: folders without images are no classes: {}", empty.join(", ")));
    }
    let samples = found.entries.into_iter().map(|entry| Sample {
        label: classes.binary_search(&entry.class).expect("collected from the entries, in order") as u32,
        part: entry.part,
        id: SampleId::File(entry.id),
        group: None,
    });
    let samples = samples.collect();
    let images = join(images, pool);
    Ok(Dataset { name: name.to_owned(), classes, images, samples })
}

fn find(root: &Path) -> Result<Found> {
    let top = list(root)?;
    let mut found = Found { n_passed_over: top.files.len(), ..Found::default() };
    let parts = part_folders(&top.folders)?;
    if let Some(parts) = parts {
        for (part, folder) in parts {
            let listing = list(folder)?;
            found.n_passed_over += listing.files.len();
            find_classes(root, &listing.folders, Some(part), &mut found)?;
        }
    } else {
        find_classes(root, &top.folders, None, &mut found)?;
    }
    if found.entries.is_empty() {
        let n_loose = top.files.iter().filter(|path| is_image_name(path)).count();
        let what = match (n_loose, top.folders.len()) {
            (0, 0) => "neither".to_owned(),
            (0, n) => format!("no image in its folders ({n})"),
            (n, _) => format!("images that are in no class's folder ({n})"),
        };
        let expected = "a folder of images per class (a/1.png, b/2.png; PNG, JPEG, BMP or PGM), or MNIST's IDX files";
        return Err(Error::mismatch(ErrorKind::Data, expected, what).with_file(root));
    }
    Ok(found)
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

fn find_classes(root: &Path, folders: &[PathBuf], part: Option<Part>, found: &mut Found) -> Result<()> {
    for folder in folders.iter().filter(|folder| !folder.join(REVIEW_TABLE).is_file()) {
        let Some(class) = folder.file_name().and_then(|name| name.to_str()) else {
            return Err(Error::new(ErrorKind::Data, "the name of a class's folder is not UTF-8").with_file(folder));
        };
        let files = list(folder)?.files;
        let (images, others): (Vec<_>, Vec<_>) = files.into_iter().partition(|path| is_image_name(path));
        found.n_passed_over += others.len();
        if images.is_empty() {
            found.empty.push(class.to_owned());
        }
        let within = folder.strip_prefix(root).unwrap_or(folder);
        found.entries.extend(images.into_iter().map(|path| {
            let id = path.file_name().map_or_else(PathBuf::new, |name| within.join(name));
            Entry { path, id, class: class.to_owned(), part }
        }));
    }
    Ok(())
}

/// All images, one behind the other; those of one size are copied in parallel.
fn join(images: Vec<DecodedImage>, pool: &Pool) -> Images {
    let size = images[0].size;
    if images.iter().any(|image| image.size != size) {
        return Images::collect(images.iter().map(DecodedImage::as_image));
    }
    let mut pixels = vec![0; images.len() * size.len()];
    pool.for_each_chunk(&mut pixels, IMAGES_PER_TASK * size.len(), |task, pixels| {
        for (place, image) in pixels.chunks_exact_mut(size.len()).zip(&images[task * IMAGES_PER_TASK..]) {
            place.copy_from_slice(&image.pixels);
        }
    });
    Images::uniform(size, pixels)
}

fn decode_all(entries: &[Entry], pool: &Pool) -> Result<Vec<DecodedImage>> {
    let total = AtomicU64::new(0);
    let results = pool.map(entries.len(), |i| {
        // Once over the limit nothing more is kept: the memory is what the limit protects.
        if total.load(Ordering::Relaxed) > MAX_BYTES {
            return Ok(None);
        }
        let image = decode_file(&entries[i].path)?;
        total.fetch_add(image.pixels.len() as u64, Ordering::Relaxed);
        Ok(Some(image))
    });
    let bad: Vec<Error> = results.iter().filter_map(|result: &Result<_>| result.as_ref().err().cloned()).collect();
    if !bad.is_empty() {
        return Err(list_bad(bad, entries.len()));
    }
    results.into_iter().filter_map(Result::ok).collect::<Option<Vec<_>>>().ok_or_else(|| {
        Error::mismatch(
            ErrorKind::Data,
            "images of at most 8 GiB once decoded",
            format!("more, in {} files", entries.len()),
        )
        .with_help("make them smaller first: they are small images that are trained on")
    })
}

/// Reads and decodes one image file.
pub fn decode_file(path: &Path) -> Result<DecodedImage> {
    decode(&read_file(path)?).map_err(|error| error.with_file(path))
}

/// One bad file speaks for itself; several are listed.
fn list_bad(mut bad: Vec<Error>, n: usize) -> Error {
    if bad.len() == 1 {
        return bad.remove(0);
    }
    let listed: Vec<String> = bad.iter().take(MAX_LISTED).map(|error| format!("({error})")).collect();
    let more = if bad.len() > MAX_LISTED { format!(" and {} more", bad.len() - MAX_LISTED) } else { String::new() };
    Error::new(ErrorKind::Data, format!("{} of {n} images cannot be read: {}{more}", bad.len(), listed.join(" ")))
}
