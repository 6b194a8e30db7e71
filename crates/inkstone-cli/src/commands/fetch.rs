//! `inkstone fetch`: downloads a published data set, or writes the built-in one out. The only command that uses the network.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use inkstone::data::fetch::{self, Event, FetchOptions, FetchOutcome, Proxy};
use inkstone::{Error, ErrorKind, Result};
use serde_json::json;

use crate::Outcome;
use crate::context::Context;
use crate::terminal::{Progress, Terminal};

/// Download a published data set (the only command that uses the network)
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  inkstone fetch fashion-mnist
  inkstone fetch kmnist --mirror https://mirror.example.org/kmnist/
  inkstone fetch mnist --offline --to data/mnist   the built-in files
  inkstone fetch mnist --verify                    check what is there

Sets: mnist, mnist-npz (one Keras file), fashion-mnist, kmnist, qmnist, emnist (digits, letters, balanced, mnist), and
each part of EMNIST alone (emnist-digits, …, emnist-byclass, emnist-bymerge; the archive has 562 MB).

A download that was interrupted goes on where it stopped. ALL_PROXY, HTTPS_PROXY, HTTP_PROXY and NO_PROXY are honoured.
On a machine without network, put the packed files into the folder yourself: they are verified and unpacked from there.")]
pub(crate) struct Args {
    /// mnist, mnist-npz, fashion-mnist, kmnist, qmnist, emnist or a part of it
    dataset: String,
    /// Ask this address first; may be given several times
    #[arg(long, value_name = "URL")]
    mirror: Vec<String>,
    /// Where to put the files; the data folder of Inkstone where not given
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Only check the files that are there
    #[arg(long)]
    verify: bool,
    /// Use no network: write the built-in set out
    #[arg(long, conflicts_with_all = ["mirror", "verify"])]
    offline: bool,
}

/// Fetches, verifies or writes out, and lists the files.
pub(crate) fn run(args: Args, context: &Context) -> Result<Outcome> {
    let name = args.dataset.as_str();
    let folder = args.to.unwrap_or_else(|| fetch::dataset_dir(&context.home, name));
    let mut watcher = Watcher { terminal: context.terminal, bar: None };
    let mut observe = |event: &Event| watcher.observe(event);
    let outcome = if args.offline {
        fetch::find(name)?;
        if name != "mnist" {
            return Err(Error::mismatch(ErrorKind::Usage, "mnist, the one set inside this program", name)
                .with_place("--offline"));
        }
        fetch::write_built_in(&folder, &mut observe)
    } else if args.verify {
        fetch::verify(name, &folder, &mut observe)
    } else {
        let mut options = FetchOptions::new(folder);
        options.mirrors = args.mirror;
        options.proxy = Proxy::FromEnvironment;
        fetch::fetch(name, &options, &mut observe).map_err(|error| with_offline_hint(name, error))
    };
    watcher.finish();
    list(&outcome?, context);
    Ok(Outcome::Done)
}

/// MNIST needs no network at all: say so where the network was the trouble.
fn with_offline_hint(name: &str, error: Error) -> Error {
    match error.help() {
        Some(help) if name == "mnist" && error.kind() == ErrorKind::Fetch => {
            let help = format!("`inkstone fetch mnist --offline` writes the built-in files out; or {help}");
            error.with_help(help)
        }
        _ => error,
    }
}

/// The result: each file with its size and hash.
fn list(outcome: &FetchOutcome, context: &Context) {
    if context.json {
        let file = |file: &fetch::FileRecord| {
            json!({
                "name": file.name,
                "path": outcome.folder.join(&file.name),
                "size": file.size,
                "sha256": file.sha256,
                "source": file.source,
                "new": file.is_new,
            })
        };
        let files: Vec<_> = outcome.files.iter().map(file).collect();
        let document = json!({
            "version": 1,
            "dataset": outcome.dataset,
            "folder": outcome.folder,
            "files": files,
        });
        return context.print_json(&document);
    }
    let width = outcome.files.iter().map(|file| file.name.len()).max().unwrap_or(0);
    let mut text = format!("{} in {}\n", outcome.dataset, outcome.folder.display());
    for file in &outcome.files {
        let state = if file.is_new { "new" } else { "was there" };
        let start = &file.sha256[..16];
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {:width$}  {:>10} bytes  SHA-256 {start}…  {state}", file.name, file.size);
    }
    context.print(&text);
}

/// Shows what happens: a bar per download, a warning per mirror that failed.
struct Watcher {
    terminal: Terminal,
    bar: Option<Bar>,
}

/// A download under way.
struct Bar {
    progress: Progress,
    started: Instant,
    resumed_from: u64,
}

impl Watcher {
    fn observe(&mut self, event: &Event) {
        match event {
            Event::Waiting { folder } => {
                self.terminal.note(&format!("another process fetches into {}: waiting for it", folder.display()));
            }
            Event::Wrong { file, reason } => self.terminal.warn(&format!("{file}: {reason}")),
            Event::Started { file, url, resumed_from, total } => {
                let rest =
                    if *resumed_from > 0 { format!(", going on after {resumed_from} bytes") } else { String::new() };
                self.terminal.note(&format!("{file} from {url}{rest}"));
                let progress = self.terminal.bytes(total.unwrap_or(0), file);
                self.bar = Some(Bar { progress, started: Instant::now(), resumed_from: *resumed_from });
            }
            Event::Progress { received, .. } => {
                if let Some(bar) = &mut self.bar {
                    let seconds = bar.started.elapsed().as_secs_f64().max(1e-3);
                    let rate = (received - bar.resumed_from) as f64 / seconds / 1e6;
                    bar.progress.set(*received, &format!("{rate:.1} MB/s"));
                }
            }
            Event::MirrorFailed { file, url, reason } => {
                self.finish();
                self.terminal.warn(&format!("{file}: {url} {reason}"));
            }
            Event::Verified { .. } => self.finish(),
            _ => {}
        }
    }

    fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.progress.finish();
        }
    }
}
