//! `inkstone completions`: a script that teaches a shell the commands and options.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::Outcome;
use crate::args::Cli;
use crate::context::Context;

/// Print a script that completes commands and options in your shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  inkstone completions bash > ~/.local/share/bash-completion/completions/inkstone
  inkstone completions fish > ~/.config/fish/completions/inkstone.fish")]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

/// Prints the script on stdout.
pub(crate) fn run(args: &Args, context: &Context) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "inkstone", &mut script);
    context.print(&String::from_utf8_lossy(&script));
    Outcome::Done
}
