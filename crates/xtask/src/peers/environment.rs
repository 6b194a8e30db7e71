//! Installs the peers outside the tree, each in a place of its own, so that none can keep another from running.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::duels::Peer;
use super::process;
use crate::python;

/// An installation takes minutes, not hours.
const LIMIT: Duration = Duration::from_secs(3600);

/// Where the peers are, and which of them can run.
pub(crate) struct Environment {
    root: PathBuf,
    folder: PathBuf,
    /// Whether each peer that was asked for is ready, and if not why.
    peers: HashMap<&'static str, Result<(), String>>,
}

/// What a peer is made of.
enum Kind {
    /// A script of `benchmarks/`, and the packages that it needs.
    Python { script: &'static str, packages: &'static [&'static str] },
    /// A crate of `benchmarks/`.
    Crate { binary: &'static str },
}

fn kind(peer: Peer) -> Kind {
    match peer {
        Peer::Pytorch => Kind::Python { script: "peer_pytorch.py", packages: &python::PYTORCH },
        Peer::Tensorflow => Kind::Python { script: "peer_tensorflow.py", packages: &python::TENSORFLOW },
        Peer::Onnxruntime => Kind::Python { script: "peer_onnxruntime.py", packages: &python::ONNXRUNTIME },
        Peer::Burn => Kind::Crate { binary: "bench-burn" },
        Peer::Candle => Kind::Crate { binary: "bench-candle" },
    }
}

impl Environment {
    pub(crate) fn new(root: &Path, folder: &Path) -> Result<Self, String> {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let folder = folder.canonicalize().map_err(|error| format!("{}: {error}", folder.display()))?;
        if folder.starts_with(root) {
            return Err(format!("{}: the peers belong outside this repository", folder.display()));
        }
        Ok(Self { root: root.to_owned(), folder, peers: HashMap::new() })
    }

    /// A path inside the environment.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Why a peer cannot run, if it cannot. Installs it when first asked.
    pub(crate) fn ready(&mut self, peer: Peer) -> Result<(), String> {
        if let Some(known) = self.peers.get(peer.name()) {
            return known.clone();
        }
        println!("installing {} …", peer.name());
        let outcome = self.install(peer);
        if let Err(why) = &outcome {
            println!("  cannot be installed: {why}");
        }
        self.peers.insert(peer.name(), outcome.clone());
        outcome
    }

    fn install(&self, peer: Peer) -> Result<(), String> {
        match kind(peer) {
            Kind::Python { packages, .. } => python::install(&self.path(peer.name()), packages),
            Kind::Crate { .. } => {
                let manifest = self.root.join("benchmarks").join(peer.name()).join("Cargo.toml");
                let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
                cargo.args(["build", "--quiet", "--release", "--manifest-path"]).arg(manifest);
                cargo.arg("--target-dir").arg(self.path(peer.name()));
                process::output(&mut cargo, LIMIT).map(drop)
            }
        }
    }

    /// A peer's command: `words` are those of its script or program.
    pub(crate) fn command(&self, peer: Peer, words: &[String], seconds: f64, threads: usize) -> Command {
        let data = self.path("mnist");
        match kind(peer) {
            Kind::Python { script, .. } => {
                let mut command = Command::new(python::interpreter(&self.path(peer.name())));
                command.arg(self.root.join("benchmarks").join(script)).args(words);
                command.arg("--data").arg(data).args(["--seconds", &seconds.to_string()]);
                command.env("PYTHONDONTWRITEBYTECODE", "1");
                command
            }
            Kind::Crate { binary } => {
                let mut command = Command::new(self.path(peer.name()).join("release").join(binary));
                command.arg(data).arg(seconds.to_string()).args(words);
                command.env("RAYON_NUM_THREADS", threads.to_string());
                command
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_installed_inside_the_repository() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).canonicalize().unwrap();
        let error = Environment::new(&root, &root.join("src")).err().unwrap();
        assert!(error.ends_with("the peers belong outside this repository"), "{error}");
    }
}
