//! `cargo xtask bench peers`: Inkstone and its peers side by side, in alternation, and a table of ratios.
//!
//! Every round measures each duel's two sides one right after the other, so that what drifts (clock, neighbours) hits
//! both; a ratio is taken within a round, and the table has the median of the rounds. What cannot run is said, not hidden.

mod digit;
mod duels;
mod environment;
pub(crate) mod machine;
mod options;
pub(crate) mod process;
mod record;
mod rows;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use duels::{DUELS, Duel, Fill, PROCESS};
use environment::Environment;
use machine::{cores, cpu, slug, today};
pub(crate) use options::Options;
use record::{Measurement, OURSELVES, our_document, their_lines};
use table::Line;

/// No single measurement takes longer.
const LIMIT: Duration = Duration::from_secs(600);

/// Everything that was found out.
struct Outcome {
    measurements: Vec<Measurement>,
    /// What could not be measured, and why.
    missing: Vec<String>,
}

/// Builds, installs, measures, writes the two files and prints the table.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = root.canonicalize().map_err(|error| error.to_string())?;
    let mut environment = Environment::new(&root, &options.environment)?;
    let inkstone = build(&root)?;
    let fill = prepare(options, &environment, &inkstone, &root)?;
    let wanted: Vec<&Duel> = DUELS.iter().filter(|duel| options.wants(duel.name)).collect();
    for (peer, _) in wanted.iter().filter_map(|duel| duel.theirs) {
        // Why it is not ready is told with the duels that miss it.
        let _ = environment.ready(peer);
    }
    let start = Instant::now();
    let outcome = measure(&wanted, options, &mut environment, &inkstone, &fill);
    let minutes = start.elapsed().as_secs_f64() / 60.0;
    write(options, &root, &outcome, fill.threads, minutes)
}

/// The program as it is released.
pub(crate) fn build(root: &Path) -> Result<PathBuf, String> {
    println!("building inkstone …");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--release", "--package", "inkstone-cli"]).current_dir(root);
    process::output(&mut cargo, Duration::from_secs(3600))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |path| root.join(path));
    Ok(target.join("release/inkstone").with_extension(std::env::consts::EXE_EXTENSION))
}

/// The files that both sides work on, and what the duels' command lines leave open.
fn prepare(options: &Options, environment: &Environment, inkstone: &Path, root: &Path) -> Result<Fill, String> {
    let (data, digit) = (environment.path("mnist"), environment.path("digit.png"));
    let mut fetch = Command::new(inkstone);
    fetch.args(["fetch", "mnist", "--offline", "--quiet", "--to"]).arg(&data);
    process::output(&mut fetch, LIMIT)?;
    digit::write(&data, &digit)?;
    Ok(Fill {
        threads: cores(),
        seconds: options.seconds,
        images: if options.is_quick { 2000 } else { 60_000 },
        seeds: if options.is_quick { 1 } else { 30 },
        deotte: root.join("benchmarks/deotte.toml").display().to_string(),
        digit: digit.display().to_string(),
    })
}

fn measure(duels: &[&Duel], options: &Options, environment: &mut Environment, inkstone: &Path, fill: &Fill) -> Outcome {
    let mut outcome = Outcome { measurements: Vec::new(), missing: Vec::new() };
    for round in 1..=options.rounds {
        for duel in duels.iter().filter(|duel| round == 1 || !duel.is_once) {
            println!("round {round} of {}: {}", options.rounds, duel.name);
            if cores() < duel.least_cores {
                outcome.miss(duel, OURSELVES, &format!("needs {} cores, found {}", duel.least_cores, cores()));
                continue;
            }
            let before = outcome.measurements.len();
            for line in duel.ours {
                let ours = our_side(duel, round, inkstone, &fill.words(line), options);
                outcome.take(duel, OURSELVES, ours.map(|measured| vec![measured]));
            }
            // Without a side of ours there is nothing to compare.
            let is_measured = outcome.measurements.len() > before;
            if let Some((peer, line)) = duel.theirs.filter(|_| is_measured) {
                let theirs = environment.ready(peer).and_then(|()| {
                    let mut command = environment.command(peer, &fill.words(line), fill.seconds, fill.threads);
                    let stdout = process::output(command.envs(duel.variables.iter().copied()), LIMIT)?;
                    their_lines(duel.name, round, &stdout)
                });
                outcome.take(duel, peer.name(), theirs);
            }
        }
    }
    outcome
}

impl Outcome {
    fn take(&mut self, duel: &Duel, who: &str, measured: Result<Vec<Measurement>, String>) {
        match measured {
            Ok(measured) => self.measurements.extend(measured),
            Err(why) => self.miss(duel, who, &why),
        }
    }

    /// Notes once what could not be measured.
    fn miss(&mut self, duel: &Duel, who: &str, why: &str) {
        let line = format!("{}, {who}: {why}", duel.name);
        if !self.missing.contains(&line) {
            println!("  not measured: {line}");
            self.missing.push(line);
        }
    }
}

fn our_side(
    duel: &Duel,
    round: u32,
    inkstone: &Path,
    words: &[String],
    options: &Options,
) -> Result<Measurement, String> {
    let command = || {
        let mut command = Command::new(inkstone);
        // What a training may write is left outside the tree.
        command.args(words).current_dir(&options.environment);
        command
    };
    if duel.name != PROCESS {
        return our_document(duel.name, round, &process::output(&mut command(), LIMIT)?);
    }
    let n_runs = if options.is_quick { 5 } else { 30 };
    let mut seconds = Vec::new();
    for _ in 0..n_runs {
        let start = Instant::now();
        // `status` and not `output`: nothing but the process itself is timed.
        let status = command().stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !status.is_ok_and(|status| status.success()) {
            return Err(format!("inkstone {} failed", words.join(" ")));
        }
        seconds.push(start.elapsed().as_secs_f64());
    }
    let median = record::Spread::of(seconds).map_or(f64::NAN, |spread| spread.median);
    let figures = Map::from_iter([("process_seconds".to_owned(), json!(median)), ("runs".to_owned(), json!(n_runs))]);
    Ok(Measurement { duel: duel.name, round, who: OURSELVES.to_owned(), figures })
}

fn write(options: &Options, root: &Path, outcome: &Outcome, threads: usize, minutes: f64) -> Result<(), String> {
    let lines: Vec<Line> = rows::rows(threads).iter().map(|row| Line::new(row, &outcome.measurements)).collect();
    let isa = outcome.measurements.iter().find_map(|line| line.figures.get("isa")?.as_str()).unwrap_or("unknown");
    let (cpu, date) = (cpu(), today());
    // What is not whole is no result to keep.
    let is_whole = options.only.is_empty() && !options.is_quick;
    let usual = root.join(if is_whole { "benchmarks" } else { "target/benchmarks" });
    let folder = options.out.clone().unwrap_or(usual);
    let name = format!("{}-{date}", slug(&cpu, cores(), isa));
    let document = json!({
        "version": 1,
        "date": date,
        "machine": { "cpu": cpu, "cores": cores(), "isa": isa },
        "commit": commit(root),
        "rounds": options.rounds,
        "seconds": options.seconds,
        "is_quick": options.is_quick,
        "versions": versions(&outcome.measurements),
        "rows": lines.iter().filter(|line| !line.is_empty()).map(Line::to_json).collect::<Vec<_>>(),
        "not_measured": outcome.missing,
        "measurements": outcome.measurements.iter().map(Measurement::to_json).collect::<Vec<_>>(),
    });
    let text = page(options, &document, &lines, outcome, minutes);
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(folder.join(format!("{name}.json")), format!("{document:#}\n")))
        .and_then(|()| fs::write(folder.join(format!("{name}.md")), &text))
        .map_err(|error| format!("{}: {error}", folder.display()))?;
    println!("\n{text}\nwritten: {}", folder.join(format!("{name}.{{json,md}}")).display());
    Ok(())
}

/// The Markdown page: on what it was measured, the table, what is missing.
fn page(options: &Options, document: &Value, lines: &[Line], outcome: &Outcome, minutes: f64) -> String {
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).unwrap_or("unknown").to_owned();
    let versions: Vec<String> = document["versions"]
        .as_object()
        .map(|versions| {
            versions.iter().map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or("?"))).collect()
        })
        .unwrap_or_default();
    let mut page = format!(
        "# Side by side: {}, {} cores, {}\n\n{}, commit {}, `cargo xtask bench peers`{}: rounds {}, {} s per measurement, {minutes:.0} minutes.\n",
        text("/machine/cpu"),
        document["machine"]["cores"],
        text("/machine/isa"),
        text("/date"),
        text("/commit"),
        if options.is_quick { " `--quick` (a trial: too short to be quoted)" } else { "" },
        options.rounds,
        options.seconds,
    );
    page += &format!("Peers: {}.\n\n", if versions.is_empty() { "none".to_owned() } else { versions.join(", ") });
    page += "Both sides of a row were measured one right after the other in every round; the figures are medians of the rounds,\n\
             the ratio is the median of the rounds' ratios (smallest to largest). Training is timed in the steady state, in\n\
             seconds per 60,000 images, whole steps with batch assembly and optimizer, Adam, data in memory, no augmentation.\n\n";
    page += &table::markdown(lines);
    if !outcome.missing.is_empty() {
        page += "\nNot measured:\n";
        outcome.missing.iter().for_each(|line| page += &format!("- {line}\n"));
    }
    page
}

/// The version of each peer that was measured.
fn versions(measurements: &[Measurement]) -> Map<String, Value> {
    let peers = measurements.iter().filter(|line| line.who != OURSELVES);
    peers.filter_map(|line| Some((line.who.clone(), line.figures.get("version")?.clone()))).collect()
}

/// The commit that was measured, marked where files differ from it.
pub(crate) fn commit(root: &Path) -> String {
    let mut git = Command::new("git");
    git.args(["describe", "--always", "--dirty", "--abbrev=10"]).current_dir(root);
    process::output(&mut git, LIMIT).map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}
