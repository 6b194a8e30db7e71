//! Records of one length that stay in their files and are read by position, block by block. Knows nothing of images.
//!
//! Some blocks are in memory: those that were asked for with [`Stream::load`], twice a window of them at most. Every
//! other record is read by itself. No memory maps: a file that is cut while it is mapped ends the process. A file that
//! is cut while it is read here makes the next [`Stream::check`] an error.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::path::PathBuf;
use std::sync::{OnceLock, PoisonError, RwLock};

use super::options::StreamOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::parallel::Pool;

/// The records that lie one behind the other in a file.
pub(super) struct Run {
    pub(super) path: PathBuf,
    /// Where the first one begins.
    pub(super) offset: u64,
    pub(super) n: usize,
}

/// Records of one length in several files, counted through.
pub(super) struct Stream {
    runs: Vec<(Run, File)>,
    n: usize,
    /// Bytes of a record.
    length: usize,
    per_block: usize,
    window: usize,
    resident: RwLock<VecDeque<Block>>,
    /// Blocks that somebody borrowed from: they stay.
    borrowed: Vec<OnceLock<Box<[u8]>>>,
    failure: OnceLock<Error>,
}

struct Block {
    number: u32,
    bytes: Vec<u8>,
}

thread_local! {
    /// A record that is in no block in memory.
    static RECORD: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Stream {
    /// Opens the files, which must be as long as is said.
    pub(super) fn open(runs: Vec<Run>, length: usize, options: &StreamOptions) -> Result<Self> {
        let mut opened = Vec::with_capacity(runs.len());
        for run in runs {
            let file = File::open(&run.path).map_err(|error| Error::io(&run.path, "open the file", &error))?;
            let found = file.metadata().map_err(|error| Error::io(&run.path, "read the file", &error))?.len();
            let expected = (run.n as u64).checked_mul(length as u64).and_then(|n| n.checked_add(run.offset));
            if expected != Some(found) {
                let expected = expected.map_or("a length that can be counted".to_owned(), |n| format!("{n} bytes"));
                return Err(Error::mismatch(ErrorKind::Data, expected, format!("{found}")).with_file(&run.path));
            }
            opened.push((run, file));
        }
        let n: usize = opened.iter().map(|(run, _)| run.n).sum();
        let per_block = (options.block / length).max(1);
        Ok(Self {
            runs: opened,
            n,
            length,
            per_block,
            window: options.window.max(1),
            resident: RwLock::default(),
            borrowed: std::iter::repeat_with(OnceLock::new).take(n.div_ceil(per_block)).collect(),
            failure: OnceLock::new(),
        })
    }

    /// How many records there are.
    pub(super) fn len(&self) -> usize {
        self.n
    }

    /// The block of a record.
    pub(super) fn block_of(&self, record: u32) -> u32 {
        record / self.per_block as u32
    }

    /// How many blocks an order is shuffled among.
    pub(super) fn window(&self) -> usize {
        self.window
    }

    /// Sees to it that the blocks of these records are in memory. The oldest others make room, so records must be asked
    /// for window by window.
    pub(super) fn load(&self, records: impl Iterator<Item = u32>, pool: &Pool) -> Result<()> {
        let wanted: BTreeSet<u32> = records.map(|record| self.block_of(record)).collect();
        let missing: Vec<u32> = {
            let resident = self.resident.read().unwrap_or_else(PoisonError::into_inner);
            wanted.iter().copied().filter(|&number| !resident.iter().any(|block| block.number == number)).collect()
        };
        if missing.is_empty() {
            return Ok(());
        }
        {
            // Room is made before it is needed.
            let mut resident = self.resident.write().unwrap_or_else(PoisonError::into_inner);
            let mut surplus = (resident.len() + missing.len()).saturating_sub(2 * self.window);
            resident.retain(|block| {
                let goes = surplus > 0 && !wanted.contains(&block.number);
                surplus -= usize::from(goes);
                !goes
            });
        }
        let read = pool.map(missing.len(), |i| self.read_block(missing[i]));
        let mut resident = self.resident.write().unwrap_or_else(PoisonError::into_inner);
        for (number, bytes) in missing.into_iter().zip(read) {
            resident.push_back(Block { number, bytes: bytes? });
        }
        Ok(())
    }

    /// Hands out a record: from a block in memory, else read by itself. One that cannot be read is zeros, and
    /// [`Stream::check`] tells.
    pub(super) fn with<R>(&self, i: usize, take: impl FnOnce(&[u8]) -> R) -> R {
        let (number, within) = (i / self.per_block, i % self.per_block * self.length);
        let resident = self.resident.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(block) = resident.iter().rev().find(|block| block.number as usize == number) {
            return take(&block.bytes[within..][..self.length]);
        }
        drop(resident);
        // Taken and put back, so that whoever takes this record may ask for another.
        let mut bytes = RECORD.take();
        bytes.clear();
        bytes.resize(self.length, 0);
        self.note_failure(self.read(i, &mut bytes));
        let result = take(&bytes);
        RECORD.set(bytes);
        result
    }

    /// A record that can be kept: its block stays in memory for good.
    pub(super) fn get(&self, i: usize) -> &[u8] {
        let (number, within) = (i / self.per_block, i % self.per_block * self.length);
        let block = self.borrowed[number].get_or_init(|| {
            let block = self.read_block(number as u32);
            let n = self.per_block.min(self.n - number * self.per_block);
            let bytes = block.unwrap_or_else(|error| {
                self.note_failure(Err(error));
                vec![0; n * self.length]
            });
            bytes.into_boxed_slice()
        });
        &block[within..][..self.length]
    }

    /// Whether everything could be read so far.
    pub(super) fn check(&self) -> Result<()> {
        self.failure.get().map_or(Ok(()), |error| Err(error.clone()))
    }

    fn note_failure(&self, result: Result<()>) {
        if let Err(error) = result {
            let _ = self.failure.set(error);
        }
    }

    fn read_block(&self, number: u32) -> Result<Vec<u8>> {
        let first = number as usize * self.per_block;
        let mut bytes = vec![0; self.per_block.min(self.n - first) * self.length];
        self.read(first, &mut bytes)?;
        Ok(bytes)
    }

    /// The records from `first` on, as many as there is room for.
    fn read(&self, first: usize, mut bytes: &mut [u8]) -> Result<()> {
        let mut skipped = first;
        for (run, file) in &self.runs {
            let n = run.n.saturating_sub(skipped).min(bytes.len() / self.length);
            if n > 0 {
                let (own, rest) = bytes.split_at_mut(n * self.length);
                read_at(file, own, run.offset + (skipped * self.length) as u64)
                    .map_err(|error| Error::io(&run.path, "read the file", &error))?;
                bytes = rest;
            }
            skipped = skipped.saturating_sub(run.n);
        }
        Ok(())
    }
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

/// Where files have no reading by position, one thread reads at a time.
#[cfg(not(unix))]
fn read_at(mut file: &File, bytes: &mut [u8], offset: u64) -> std::io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(bytes)
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("n", &self.n).field("length", &self.length).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten records of three bytes in two files of 4 and 6; blocks of two records.
    fn ten(name: &str) -> (Stream, PathBuf) {
        let folder = std::env::temp_dir().join(format!("inkstone-stream-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let bytes: Vec<u8> = (0..30).collect();
        let run = |file: &str, head: usize, range: std::ops::Range<usize>| {
            let path = folder.join(file);
            std::fs::write(&path, [&vec![99; head][..], &bytes[3 * range.start..3 * range.end]].concat()).unwrap();
            Run { path, offset: head as u64, n: range.len() }
        };
        let runs = vec![run("a", 5, 0..4), run("b", 0, 4..10)];
        let options = StreamOptions { at_least: 0, block: 7, window: 2 };
        (Stream::open(runs, 3, &options).unwrap(), folder)
    }

    #[test]
    fn every_record_is_itself_whether_loaded_borrowed_or_read_alone() {
        let (stream, folder) = ten("records");
        let pool = Pool::new(2).unwrap();
        let expected = |i: usize| [3 * i as u8, 3 * i as u8 + 1, 3 * i as u8 + 2];
        for i in 0..10 {
            stream.with(i, |record| assert_eq!(record, expected(i)));
        }
        for i in [9, 0, 3, 7, 1, 5, 2, 8, 4, 6] {
            stream.load([i as u32].into_iter(), &pool).unwrap();
            stream.with(i, |record| stream.with(9 - i, |other| assert_eq!([record, other].concat()[..3], expected(i))));
            assert!(stream.resident.read().unwrap().len() <= 4, "twice a window of two blocks");
        }
        for i in 0..10 {
            assert_eq!(stream.get(i), expected(i));
        }
        stream.check().unwrap();
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_that_is_cut_while_it_is_read_is_an_error_and_one_that_is_short_is_not_opened() {
        let (stream, folder) = ten("cut");
        File::options().write(true).open(folder.join("b")).unwrap().set_len(4).unwrap();
        stream.with(4, |record| assert_eq!(record, [12, 13, 14]));
        stream.check().unwrap();
        stream.with(9, |record| assert_eq!(record, [0; 3]));
        assert!(stream.check().unwrap_err().to_string().contains("cannot read the file"));
        assert!(stream.load([9].into_iter(), &Pool::new(1).unwrap()).is_err());
        let run = Run { path: folder.join("b"), offset: 0, n: 2 };
        let error = Stream::open(vec![run], 3, &StreamOptions::default()).unwrap_err().to_string();
        assert!(error.ends_with("b: expected 6 bytes, found 4"), "{error}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
