//! What a TIFF says of itself before any pixel: how many pages, and what its values are. Only looks; every number is
//! checked against the file, and nothing is allocated.

/// Directories that are followed: a chain that is longer, or that leads back, has more pages than one anyway.
const MAX_DIRECTORIES: usize = 64;

/// The values of the first page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) bits: u64,
    pub(super) is_float: bool,
    photometric: u64,
}

impl Kind {
    /// `palette colours`, `YCbCr values`, …
    pub(super) fn describe(self) -> String {
        let bits = self.bits;
        match self.photometric {
            0 | 1 => format!("grey values of {bits} bits"),
            2 => format!("RGB values of {bits} bits"),
            3 => "palette colours".to_owned(),
            4 => "a mask".to_owned(),
            5 => format!("CMYK values of {bits} bits"),
            6 => "YCbCr values".to_owned(),
            8 | 9 => "CIE L*a*b* values".to_owned(),
            other => format!("values of kind {other}"),
        }
    }
}

/// How many pages there are; thumbnails and masks of a page are none.
pub(super) fn count(bytes: &[u8]) -> usize {
    let Some(file) = File::new(bytes) else { return 0 };
    let mut n_pages = 0;
    let mut at = file.first();
    for _ in 0..MAX_DIRECTORIES {
        let Some(directory) = at.filter(|&at| at != 0).and_then(|at| file.directory(at)) else { break };
        // NewSubfileType: bit 0 a smaller version of another picture, bit 2 a mask.
        let subfile = directory.value(file, 254).unwrap_or(0);
        n_pages += usize::from(subfile & 5 == 0);
        at = directory.next(file);
    }
    n_pages
}

/// The values of the first page, where it says so.
pub(super) fn kind(bytes: &[u8]) -> Option<Kind> {
    let file = File::new(bytes)?;
    let directory = file.directory(file.first()?)?;
    Some(Kind {
        bits: directory.value(file, 258).unwrap_or(1),
        is_float: directory.value(file, 339) == Some(3),
        photometric: directory.value(file, 262)?,
    })
}

/// The bytes of a TIFF or BigTIFF, and how its numbers are written.
#[derive(Clone, Copy)]
struct File<'a> {
    bytes: &'a [u8],
    is_big_endian: bool,
    /// BigTIFF: counts and offsets of 8 bytes.
    is_big: bool,
}

impl<'a> File<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let is_big_endian = bytes.starts_with(b"MM");
        let mut file = Self { bytes, is_big_endian, is_big: false };
        file.is_big = file.number(2, 2)? == 43;
        Some(file)
    }

    /// The unsigned number of `n` bytes at `at`, if the file is that long.
    fn number(self, at: u64, n: usize) -> Option<u64> {
        let start = usize::try_from(at).ok()?;
        let bytes = self.bytes.get(start..start.checked_add(n)?)?;
        let add = |number: u64, &byte: &u8| number << 8 | u64::from(byte);
        Some(if self.is_big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) })
    }

    fn first(self) -> Option<u64> {
        if self.is_big { self.number(8, 8) } else { self.number(4, 4) }
    }

    fn directory(self, at: u64) -> Option<Directory> {
        let (count_size, entry_size) = if self.is_big { (8, 20) } else { (2, 12) };
        let n_entries = self.number(at, count_size)?;
        let start = at.checked_add(count_size as u64)?;
        let end = start.checked_add(n_entries.checked_mul(entry_size)?)?;
        (end <= self.bytes.len() as u64).then_some(Directory { start, end, entry_size })
    }
}

/// A page's directory: where its entries are.
struct Directory {
    start: u64,
    end: u64,
    entry_size: u64,
}

impl Directory {
    fn next(&self, file: File<'_>) -> Option<u64> {
        file.number(self.end, if file.is_big { 8 } else { 4 })
    }

    /// The first value of a tag, where it is a whole number.
    fn value(&self, file: File<'_>, tag: u64) -> Option<u64> {
        let n_entries = (self.end - self.start) / self.entry_size;
        let entry =
            (0..n_entries).map(|i| self.start + i * self.entry_size).find(|&at| file.number(at, 2) == Some(tag))?;
        let size = match file.number(entry + 2, 2)? {
            1 => 1,
            3 => 2,
            4 => 4,
            16 => 8,
            _ => return None,
        };
        let (count_size, room) = if file.is_big { (8, 8) } else { (4, 4) };
        let n_values = file.number(entry + 4, count_size)?;
        let place = entry + 4 + count_size as u64;
        // Values that do not fit stand elsewhere.
        let fits = n_values.checked_mul(size as u64)? <= room as u64;
        let place = if fits { place } else { file.number(place, room)? };
        file.number(place, size)
    }
}
