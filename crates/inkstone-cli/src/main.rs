//! The `inkstone` binary: arguments → a command of the library → exit code. Every error is printed here and nowhere else.
//!
//! Exit codes: 0 done, 1 something failed, 2 wrong usage, 130 interrupted (the state is saved).

mod args;
mod commands;
mod context;
mod images;
mod interrupt;
mod machine;
mod recipes;
mod terminal;

use std::process::ExitCode;

use clap::Parser;
use inkstone::{Error, ErrorKind, Result};

use crate::args::{Cli, Command};
use crate::context::Context;

/// How a command that did not fail as a whole ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All of it was done.
    Done,
    /// Some of many files failed, each reported in its place: exit code 1.
    SomeFailed,
    /// Ctrl-C came, and what was done before it is printed: exit code 130.
    Interrupted,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let wants_json = cli.global.json;
    match run(cli) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::SomeFailed) => ExitCode::from(1),
        Ok(Outcome::Interrupted) => ExitCode::from(interrupt::EXIT_CODE),
        Err(error) => {
            report(&error, wants_json);
            ExitCode::from(exit_code(&error))
        }
    }
}

fn run(cli: Cli) -> Result<Outcome> {
    let context = Context::new(&cli.global)?;
    let outcome = match cli.command {
        Command::Train(args) => commands::train::run(&args, &context),
        Command::Evaluate(args) => commands::evaluate::run(&args, &context),
        Command::Compare(args) => commands::compare::run(&args, &context),
        Command::Predict(args) => commands::predict::run(&args, &context),
        Command::Explain(args) => commands::explain::run(&args, &context),
        Command::Prepare(args) => commands::prepare::run(&args, &context),
        Command::Audit(args) => commands::audit::run(&args, &context),
        Command::Init(args) => commands::init::run(&args, &context),
        Command::Fetch(args) => commands::fetch::run(args, &context),
        Command::Bench(args) => commands::bench::run(&args, &context),
        Command::Inspect(args) => commands::inspect::run(&args, &context),
        Command::Completions(args) => Ok(commands::completions::run(&args, &context)),
    }?;
    context.check_output()?;
    Ok(outcome)
}

/// Help and version are answers; everything else that clap says is wrong usage.
fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // Help that nobody reads is no failure.
        let _ = terminal::out(&error.render().to_string());
        return ExitCode::SUCCESS;
    }
    if std::env::args_os().any(|word| word == "--json") {
        let text = error.render().to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        let (message, help) = text.split_once("\n\n").unwrap_or((text, ""));
        let error = Error::new(ErrorKind::Usage, message.trim()).with_help(help.trim());
        report(&error, true);
    } else {
        // clap knows whether stderr takes colours; where nobody listens, the exit code still tells.
        let _ = error.print();
    }
    ExitCode::from(2)
}

fn report(error: &Error, wants_json: bool) {
    if wants_json {
        // The exit code tells, whether or not this is read.
        let _ = terminal::out(&format!("{:#}\n", serde_json::json!({ "error": error.to_json() })));
    } else {
        terminal::err(&format!("error: {error}\n"));
    }
}

fn exit_code(error: &Error) -> u8 {
    match error.kind() {
        ErrorKind::Usage => 2,
        ErrorKind::Interrupted => interrupt::EXIT_CODE,
        _ => 1,
    }
}
