//! The command line as clap sees it. The options of one command stand with the command, in `commands/`.

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand};

use crate::commands;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// From a pile of small images to a classifier that is trained, checked and used.
#[derive(Debug, Parser)]
#[command(
    name = "inkstone",
    version,
    styles = STYLES,
    arg_required_else_help = true,
    max_term_width = 110,
    after_help = "Examples:
  inkstone train                     the built-in MNIST digits, without network
  inkstone train letters/            a folder with one folder of images per class
  inkstone predict five.png          what does this image show?
  inkstone explain five.png --out why.png
  inkstone evaluate runs/mnist-001   how good is that model?

Results go to stdout, progress and warnings to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Print one JSON document on stdout, and nothing else there
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// No progress and no notes; warnings and errors stay
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Worker threads; 0: one per core
    #[arg(long, global = true, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) threads: usize,
    /// Instruction set: auto, amx, avx512, avx2, neon, simd128, scalar
    #[arg(long, global = true, value_name = "NAME", default_value = "auto", hide_default_value = true)]
    pub(crate) isa: String,
    /// Seed of everything random in training (`train.seed`)
    #[arg(long, global = true, value_name = "N")]
    pub(crate) seed: Option<u64>,
}

/// The commands, in the order in which one uses them.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Train(commands::train::Args),
    Evaluate(commands::evaluate::Args),
    Compare(commands::compare::Args),
    Predict(commands::predict::Args),
    Explain(commands::explain::Args),
    Prepare(commands::prepare::Args),
    Audit(commands::audit::Args),
    Init(commands::init::Args),
    Fetch(commands::fetch::Args),
    Inspect(commands::inspect::Args),
    Bench(commands::bench::Args),
    Completions(commands::completions::Args),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_examples() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example"), "{} has no example", command.get_name());
        }
    }
}
