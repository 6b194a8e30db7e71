//! `inkstone fetch`: downloads a published data set, or writes the built-in one out. The only command that uses the network.

use std::path::PathBuf;

use inkstone::{Error, ErrorKind, Result};

use crate::Outcome;
use crate::context::Context;

/// Download a published data set (the only command that uses the network)
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  inkstone fetch fashion-mnist
  inkstone fetch kmnist --mirror https://mirror.example.org/kmnist/ --to data/kmnist
  inkstone fetch mnist --offline --to data/mnist            the built-in files, without network
  inkstone fetch mnist --verify                             check the files that are already there")]
pub(crate) struct Args {
    /// mnist, mnist-npz, fashion-mnist, kmnist, qmnist or emnist
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

/// Progress: `context.terminal.bytes(total, title)`; where sets are kept: `context.home`.
pub(crate) fn run(args: Args, context: &Context) -> Result<Outcome> {
    let _ = (args.dataset, args.mirror, args.to, args.verify, args.offline, &context.home);
    Err(Error::new(ErrorKind::Usage, "this build has no `fetch`"))
}
