//! What every command is given: the global options made ready. The library reads no environment; this file does.

use std::cell::{OnceCell, RefCell};
use std::env;
use std::path::{Path, PathBuf};

use inkstone::data::source::{self, SourceOptions};
use inkstone::data::{self, Dataset, StreamOptions};
use inkstone::engine::Isa;
use inkstone::parallel::Pool;
use inkstone::spec::loading::{Caching, Streaming};
use inkstone::spec::recipe::DataSpec;
use inkstone::{Error, ErrorKind, Result};
use serde::Serialize;

use crate::args::Global;
use crate::terminal::{self, Decoding, Terminal};

/// The global options made ready, and the two ways out: results and notes.
#[derive(Debug)]
pub(crate) struct Context {
    /// One JSON document on stdout, nothing else there.
    pub(crate) json: bool,
    /// Worker threads; 0: one per core.
    pub(crate) threads: usize,
    /// The instruction set to run on.
    pub(crate) isa: Isa,
    /// `--seed`, where given.
    pub(crate) seed: Option<u64>,
    /// Where fetched data sets are kept: `$INKSTONE_HOME`, else the platform's data folder.
    pub(crate) home: PathBuf,
    /// Progress and notes on stderr.
    pub(crate) terminal: Terminal,
    pool: OnceCell<Pool>,
    /// Why stdout takes no more.
    lost: RefCell<Option<std::io::Error>>,
}

impl Context {
    /// Checks the global options.
    pub(crate) fn new(global: &Global) -> Result<Self> {
        Ok(Self {
            json: global.json,
            threads: global.threads,
            isa: isa(&global.isa)?,
            seed: global.seed,
            home: home(),
            terminal: Terminal::new(global.quiet),
            pool: OnceCell::new(),
            lost: RefCell::new(None),
        })
    }

    /// The worker threads, started when first asked for.
    pub(crate) fn pool(&self) -> Result<&Pool> {
        if let Some(pool) = self.pool.get() {
            return Ok(pool);
        }
        let pool = Pool::new(self.threads)?;
        Ok(self.pool.get_or_init(|| pool))
    }

    /// Prints a result on stdout, with a final line break. Where stdout takes no more, the work goes on: its result is
    /// in the files too, or a reader has seen enough.
    pub(crate) fn print(&self, text: &str) {
        let mut lost = self.lost.borrow_mut();
        if lost.is_none() {
            *lost = terminal::out(&format!("{}\n", text.trim_end_matches('\n'))).err();
        }
    }

    /// A reader that has gone away (`| head`) is no failure; results that were lost (a full disk) are.
    pub(crate) fn check_output(&self) -> Result<()> {
        match self.lost.take() {
            Some(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(Error::io("stdout", "write the results", &error))
            }
            _ => Ok(()),
        }
    }

    /// Prints the one JSON document of `--json`.
    pub(crate) fn print_json(&self, document: &impl Serialize) {
        self.print(&to_json(document));
    }

    /// Reads a data set; what is worth a line goes to stderr.
    pub(crate) fn open(&self, source: &str) -> Result<Dataset> {
        self.open_with(source, SourceOptions::default(), &|text| self.terminal.note_or_warn(text))
    }

    /// Reads a data set as a recipe says, with the cache in `runs` (none: nowhere) where the recipe leaves it open. What
    /// is worth a line goes to stderr, and is handed out for the run's log.
    pub(crate) fn open_for(
        &self,
        source: &str,
        data: &DataSpec,
        runs: Option<&Path>,
    ) -> Result<(Dataset, Vec<String>)> {
        let cache = match &data.cache {
            Caching::Auto => runs.map(|runs| runs.join(".cache")),
            Caching::Off => None,
            Caching::Folder(folder) => Some(folder.clone()),
        };
        let stream = match data.stream {
            Streaming::Auto => Some(StreamOptions::default()),
            Streaming::Always => Some(StreamOptions { at_least: 0, ..StreamOptions::default() }),
            Streaming::Never => None,
        };
        let notes = RefCell::new(Vec::new());
        let note = |text: &str| {
            self.terminal.note_or_warn(text);
            notes.borrow_mut().push(text.to_owned());
        };
        let options = SourceOptions { on_error: data.on_error, cache, stream, ..SourceOptions::default() };
        let dataset = self.open_with(source, options, &note)?;
        Ok((dataset, notes.into_inner()))
    }

    fn open_with<'a>(&self, source: &str, options: SourceOptions<'a>, note: &'a dyn Fn(&str)) -> Result<Dataset> {
        let pool = self.pool()?;
        let bar = Decoding::new(self.terminal);
        let show = |progress: data::Progress| bar.show(progress);
        let home = Some(self.home.clone());
        let result =
            source::open(source, &SourceOptions { home, note: Some(note), progress: Some(&show), ..options }, pool);
        bar.finish();
        result
    }
}

/// A document as it is printed and kept in files: indented, keys in their own order.
pub(crate) fn to_json(document: &impl Serialize) -> String {
    serde_json::to_string_pretty(document).expect("a document has string keys and finite numbers")
}

/// The instruction set called `name`, if this machine has it.
fn isa(name: &str) -> Result<Isa> {
    if name == "auto" {
        return Ok(Isa::detect());
    }
    Isa::named(name).ok_or_else(|| {
        let available: Vec<&str> = Isa::available().into_iter().map(Isa::name).collect();
        Error::mismatch(
            ErrorKind::Usage,
            format!("an instruction set that this machine has (auto, {})", available.join(", ")),
            name,
        )
        .with_place("--isa")
    })
}

/// `$INKSTONE_HOME`; else the platform's folder for data of programs; without a home, the current folder's `.inkstone`.
fn home() -> PathBuf {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(home) = variable("INKSTONE_HOME") {
        return home;
    }
    let platform = if cfg!(windows) {
        variable("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        variable("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        variable("XDG_DATA_HOME").or_else(|| variable("HOME").map(|home| home.join(".local/share")))
    };
    platform.map_or_else(|| PathBuf::from(".inkstone"), |folder| folder.join("inkstone"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_instruction_set_is_a_usage_error_that_lists_the_available_ones() {
        let error = isa("neon128").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        let text = error.to_string();
        assert!(text.starts_with("--isa: expected an instruction set that this machine has (auto, scalar"), "{text}");
        assert!(text.ends_with("found neon128"), "{text}");
        assert_eq!(isa("scalar").unwrap(), Isa::SCALAR);
        assert_eq!(isa("auto").unwrap(), Isa::detect());
    }
}
