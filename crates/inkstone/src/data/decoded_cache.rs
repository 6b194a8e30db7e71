//! The decoded images of a folder, kept in one file so that they need not be decoded at every start.
//!
//! A folder has one file in the cache, replaced when the folder changes. It is valid for files of the very same names,
//! lengths and times of change, and for the version of this program that wrote it. Whatever is odd about the file, the
//! images are decoded anew: nothing in a cache is worth an error.
//!
//! ```text
//! magic  stamp (32 bytes)  n (u64)  n sizes, or 1 for all (3 × u32 each)  pixels  CRC-32 of all before (u32)
//! ```

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use flate2::Crc;

use super::dataset::{Images, Size};
use crate::error::{Error, Result};
use crate::hash::sha256_hex;
use crate::parallel::Pool;

/// Also says how images are decoded: a change of their meaning is a new number.
const MAGIC: &[u8; 24] = b"inkstone decoded images\x01";

/// Folders of so many images are kept, or of so many bytes of files: below, decoding is not felt.
const MIN_IMAGES: usize = 1_000;
const MIN_FILE_BYTES: u64 = 16 << 20;

/// The most pixels that are kept of a folder, and of all folders together.
const MAX_BYTES: u64 = 2 << 30;
const MAX_TOTAL_BYTES: u64 = 4 << 30;

/// The age from which an unfinished file is taken for one whose writer was killed.
const ABANDONED: Duration = Duration::from_secs(3600);

/// The ending of this cache's files: no others are ever removed.
const EXTENSION: &str = "images";

/// What a folder's files were when they were looked at.
pub(super) struct Stamp {
    hash: [u8; 32],
    n_bytes: u64,
}

impl Stamp {
    /// Looks at each file (its path, and its name within the folder); nothing where one cannot be looked at.
    pub(super) fn of(files: &[(&Path, &Path)], pool: &Pool) -> Option<Self> {
        const FILES_PER_TASK: usize = 256;
        let records = pool.map(files.len().div_ceil(FILES_PER_TASK), |task| {
            let (mut record, mut n_bytes) = (Vec::with_capacity(FILES_PER_TASK * 64), 0);
            for (path, id) in files.iter().skip(task * FILES_PER_TASK).take(FILES_PER_TASK) {
                let metadata = fs::metadata(path).ok()?;
                n_bytes += metadata.len();
                record.extend_from_slice(id.as_os_str().as_encoded_bytes());
                record.push(0);
                record.extend_from_slice(&metadata.len().to_le_bytes());
                record.extend_from_slice(&times(&metadata));
            }
            Some((record, n_bytes))
        });
        let mut hash = hmac_sha256::Hash::new();
        hash.update(MAGIC);
        hash.update(env!("CARGO_PKG_VERSION"));
        let mut n_bytes = 0;
        for task in records {
            let (record, n) = task?;
            hash.update(&record);
            n_bytes += n;
        }
        Some(Self { hash: hash.finalize(), n_bytes })
    }
}

/// When the content changed, and where the system knows it, when anything did: copies may keep the first.
#[cfg(unix)]
fn times(metadata: &fs::Metadata) -> [u8; 32] {
    use std::os::unix::fs::MetadataExt;
    let numbers = [metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec()];
    let mut bytes = [0; 32];
    bytes.chunks_exact_mut(8).zip(numbers).for_each(|(place, number)| place.copy_from_slice(&number.to_le_bytes()));
    bytes
}

#[cfg(not(unix))]
fn times(metadata: &fs::Metadata) -> [u8; 16] {
    let since = metadata.modified().ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    since.map_or(0, |time| time.as_nanos()).to_le_bytes()
}

/// The place of one folder in the cache.
pub(super) struct Cache {
    folder: PathBuf,
    name: String,
}

impl Cache {
    /// The place of `source` in the cache that lies in `folder`.
    pub(super) fn of(folder: &Path, source: &Path) -> Self {
        let source = source.canonicalize().unwrap_or_else(|_| source.to_owned());
        let name = sha256_hex(source.as_os_str().as_encoded_bytes());
        Self { folder: folder.to_owned(), name: name[..16].to_owned() }
    }

    fn path(&self) -> PathBuf {
        self.folder.join(format!("{}.{EXTENSION}", self.name))
    }

    /// The images of the folder, if it was `stamp` when they were kept.
    pub(super) fn recall(&self, stamp: &Stamp, n: usize) -> Option<Images> {
        let mut file = File::open(self.path()).ok()?;
        let length = file.metadata().ok()?.len();
        let mut crc = Crc::new();
        let mut header = [0; MAGIC.len() + 40];
        file.read_exact(&mut header).ok()?;
        crc.update(&header);
        let (start, n_kept) = header.split_at(MAGIC.len() + 32);
        if start != [&MAGIC[..], &stamp.hash].concat() || n_kept != (n as u64).to_le_bytes() {
            return None;
        }
        let mut n_sizes = [0; 8];
        file.read_exact(&mut n_sizes).ok()?;
        crc.update(&n_sizes);
        let n_sizes = usize::try_from(u64::from_le_bytes(n_sizes)).ok().filter(|&sizes| sizes == 1 || sizes == n)?;
        // What a file promises it must have, before memory is taken.
        let left = length.checked_sub(header.len() as u64 + 8 + n_sizes as u64 * 12 + 4)?;
        let mut sizes = vec![0; n_sizes * 12];
        file.read_exact(&mut sizes).ok()?;
        crc.update(&sizes);
        let sizes: Vec<Size> = sizes.as_chunks().0.iter().map(read_size).collect::<Option<_>>()?;
        let times = if n_sizes == 1 { n as u64 } else { 1 };
        let total = sizes.iter().try_fold(0_u64, |sum, size| sum.checked_add(size.len() as u64))?.checked_mul(times)?;
        if total != left || total > MAX_BYTES {
            return None;
        }
        let mut pixels = vec![0; total as usize];
        file.read_exact(&mut pixels).ok()?;
        crc.update(&pixels);
        let mut sum = [0; 4];
        file.read_exact(&mut sum).ok()?;
        (u32::from_le_bytes(sum) == crc.sum()).then(|| match sizes[..] {
            [size] => Images::uniform(size, pixels),
            _ => Images::of_sizes(&sizes, pixels),
        })
    }

    /// Keeps the images of a folder that was `stamp`, where that is worth it.
    pub(super) fn keep(&self, stamp: &Stamp, images: &Images) -> Result<()> {
        let is_worth_it = images.len() >= MIN_IMAGES || stamp.n_bytes >= MIN_FILE_BYTES;
        if !is_worth_it || images.pixels().len() as u64 > MAX_BYTES {
            return Ok(());
        }
        fs::create_dir_all(&self.folder).map_err(|error| Error::io(&self.folder, "make the folder", &error))?;
        self.make_room(images.pixels().len() as u64);
        let unfinished = self.folder.join(format!("{}.{}-{EXTENSION}", self.name, std::process::id()));
        let written = write(&unfinished, stamp, images).and_then(|()| fs::rename(&unfinished, self.path()));
        written.map_err(|error| {
            // Half a file on a full disk helps nobody.
            let _ = fs::remove_file(&unfinished);
            Error::io(self.path(), "write the file", &error)
        })
    }

    /// Removes this folder's old images, the oldest of the others until there is room, and what killed writers left.
    fn make_room(&self, n_bytes: u64) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let mut kept = Vec::new();
        for entry in entries.flatten() {
            let (path, Ok(metadata)) = (entry.path(), entry.metadata()) else { continue };
            let (Some(extension), Ok(modified)) = (path.extension().and_then(|e| e.to_str()), metadata.modified())
            else {
                continue;
            };
            let age = SystemTime::now().duration_since(modified).unwrap_or_default();
            let is_unfinished = extension.ends_with(&format!("-{EXTENSION}"));
            if path == self.path() || (is_unfinished && age > ABANDONED) {
                let _ = fs::remove_file(&path);
            } else if extension == EXTENSION {
                kept.push((modified, metadata.len(), path));
            }
        }
        kept.sort();
        let mut total = n_bytes + kept.iter().map(|(_, length, _)| length).sum::<u64>();
        for (_, length, path) in kept {
            if total <= MAX_TOTAL_BYTES {
                break;
            }
            let _ = fs::remove_file(path);
            total -= length;
        }
    }
}

fn read_size(bytes: &[u8; 12]) -> Option<Size> {
    let number = |i: usize| u32::from_le_bytes([bytes[i], bytes[i + 1], bytes[i + 2], bytes[i + 3]]) as usize;
    let size = Size { height: number(0), width: number(4), channels: number(8) };
    let n_bytes = size.height.checked_mul(size.width)?.checked_mul(size.channels)?;
    (n_bytes > 0 && matches!(size.channels, 1 | 3)).then_some(size)
}

fn write(path: &Path, stamp: &Stamp, images: &Images) -> std::io::Result<()> {
    let sizes: Vec<Size> = match images.uniform_size() {
        Some(size) => vec![size],
        None => (0..images.len()).map(|i| images.get(i).size).collect(),
    };
    let mut header = [&MAGIC[..], &stamp.hash, &(images.len() as u64).to_le_bytes()].concat();
    header.extend((sizes.len() as u64).to_le_bytes());
    for size in sizes {
        for length in [size.height, size.width, size.channels] {
            header.extend((length as u32).to_le_bytes());
        }
    }
    let mut crc = Crc::new();
    crc.update(&header);
    crc.update(images.pixels());
    let mut file = File::create(path)?;
    file.write_all(&header)?;
    file.write_all(images.pixels())?;
    file.write_all(&crc.sum().to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of its own, removed at the end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("inkstone-cache-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const SIZE: Size = Size { height: 1, width: 2, channels: 1 };

    fn many() -> Images {
        Images::uniform(SIZE, (0..2 * MIN_IMAGES).map(|i| i as u8).collect())
    }

    fn stamp(byte: u8) -> Stamp {
        Stamp { hash: [byte; 32], n_bytes: 0 }
    }

    #[test]
    fn what_is_kept_is_recalled_for_the_same_stamp_and_source_alone() {
        let folder = Folder::new("kept");
        let cache = Cache::of(&folder.0.join("made"), Path::new("/a"));
        cache.keep(&stamp(1), &many()).unwrap();
        assert_eq!(cache.recall(&stamp(1), MIN_IMAGES), Some(many()));
        assert_eq!(cache.recall(&stamp(2), MIN_IMAGES), None);
        assert_eq!(cache.recall(&stamp(1), MIN_IMAGES + 1), None);
        assert_eq!(Cache::of(&folder.0.join("made"), Path::new("/b")).recall(&stamp(1), MIN_IMAGES), None);
        cache.keep(&stamp(2), &many()).unwrap();
        assert_eq!(cache.recall(&stamp(1), MIN_IMAGES), None, "one file per folder: the new one replaced it");
        assert_eq!(fs::read_dir(folder.0.join("made")).unwrap().count(), 1);
    }

    #[test]
    fn images_of_several_sizes_are_recalled_as_they_were() {
        let folder = Folder::new("mixed");
        let cache = Cache::of(&folder.0, Path::new("/a"));
        let of = |width, channels| Size { height: 2, width, channels };
        let mixed = Images::of_sizes(&[of(1, 1), of(2, 3)], (0..14).collect());
        cache.keep(&Stamp { hash: [1; 32], n_bytes: MIN_FILE_BYTES }, &mixed).unwrap();
        assert_eq!(cache.recall(&stamp(1), 2), Some(mixed));
    }

    #[test]
    fn a_cut_or_damaged_file_is_no_file() {
        let folder = Folder::new("damaged");
        let cache = Cache::of(&folder.0, Path::new("/a"));
        cache.keep(&stamp(1), &many()).unwrap();
        let whole = fs::read(cache.path()).unwrap();
        for place in (0..whole.len()).step_by(7) {
            fs::write(cache.path(), &whole[..place]).unwrap();
            assert_eq!(cache.recall(&stamp(1), MIN_IMAGES), None, "cut at {place}");
            let mut damaged = whole.clone();
            damaged[place] ^= 0x81;
            fs::write(cache.path(), damaged).unwrap();
            assert_eq!(cache.recall(&stamp(1), MIN_IMAGES), None, "byte {place}");
        }
    }

    #[test]
    fn small_folders_are_not_kept_and_a_place_that_cannot_be_written_is_an_error() {
        let folder = Folder::new("small");
        let cache = Cache::of(&folder.0, Path::new("/a"));
        cache.keep(&stamp(1), &Images::uniform(SIZE, vec![1, 2])).unwrap();
        assert_eq!(cache.recall(&stamp(1), 1), None);
        fs::write(folder.0.join("file"), b"").unwrap();
        assert!(Cache::of(&folder.0.join("file"), Path::new("/a")).keep(&stamp(1), &many()).is_err());
    }

    #[test]
    fn the_oldest_make_room_and_files_of_others_stay() {
        let folder = Folder::new("room");
        fs::write(folder.0.join("mine.txt"), b"x").unwrap();
        for name in ["a.images", "b.images"] {
            File::create(folder.0.join(name)).unwrap().set_len(MAX_TOTAL_BYTES / 2).unwrap();
            std::thread::sleep(Duration::from_millis(20));
        }
        Cache::of(&folder.0, Path::new("/c")).keep(&stamp(1), &many()).unwrap();
        let is_there = |name: &str| folder.0.join(name).exists();
        assert_eq!((is_there("a.images"), is_there("b.images"), is_there("mine.txt")), (false, true, true));
    }
}
