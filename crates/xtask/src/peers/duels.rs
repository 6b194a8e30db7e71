//! Who is measured against whom, on what: the commands of both sides as data. Installs and runs nothing.

/// A tool that we are measured against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Pytorch,
    Tensorflow,
    Onnxruntime,
    Burn,
    Candle,
}

impl Peer {
    /// The name of its environment.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pytorch => "pytorch",
            Self::Tensorflow => "tensorflow",
            Self::Onnxruntime => "onnxruntime",
            Self::Burn => "burn",
            Self::Candle => "candle",
        }
    }
}

/// Our side and a peer's, measured one right after the other in every round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Duel {
    /// Its name for `--only`.
    pub(crate) name: &'static str,
    /// Command lines of `inkstone`; `{…}` stands for what `fill` knows.
    pub(crate) ours: &'static [&'static str],
    /// The peer and the words of its script; none where there is nobody to compare with.
    pub(crate) theirs: Option<(Peer, &'static str)>,
    /// The peer's environment.
    pub(crate) variables: &'static [(&'static str, &'static str)],
    /// Whether one round says enough.
    pub(crate) is_once: bool,
    /// The cores that it takes.
    pub(crate) least_cores: usize,
}

/// A duel with nothing special about it.
const DUEL: Duel = Duel { name: "", ours: &[], theirs: None, variables: &[], is_once: false, least_cores: 1 };

/// All of them, in the order in which they are fought.
pub(crate) const DUELS: [Duel; 18] = [
    Duel {
        name: "pytorch",
        ours: &["{train} --threads {threads} train.batch_size=32", "{train} --threads {threads} train.batch_size=128"],
        theirs: Some((Peer::Pytorch, "train --batch-sizes 32,128 --threads {threads}")),
        ..DUEL
    },
    Duel {
        name: "pytorch-bf16",
        ours: &[
            "{train} --threads {threads} train.batch_size=32 train.precision=bf16",
            "{train} --threads {threads} train.batch_size=128 train.precision=bf16",
        ],
        theirs: Some((Peer::Pytorch, "train --batch-sizes 32,128 --threads {threads} --precision bf16")),
        ..DUEL
    },
    Duel {
        name: "pytorch-avx2",
        ours: &[
            "{train} --threads {threads} train.batch_size=32 --isa avx2",
            "{train} --threads {threads} train.batch_size=128 --isa avx2",
        ],
        theirs: Some((Peer::Pytorch, "train --batch-sizes 32,128 --threads {threads}")),
        variables: &[("ATEN_CPU_CAPABILITY", "avx2"), ("ONEDNN_MAX_CPU_ISA", "AVX2")],
        ..DUEL
    },
    Duel {
        name: "pytorch-16-cores",
        ours: &["{train} --threads 16 train.batch_size=128"],
        theirs: Some((Peer::Pytorch, "train --batch-sizes 128 --threads 16")),
        least_cores: 16,
        ..DUEL
    },
    Duel {
        name: "deotte",
        ours: &["{train} --threads {threads} {deotte}"],
        theirs: Some((Peer::Pytorch, "deotte --batch-sizes 64 --threads {threads}")),
        ..DUEL
    },
    Duel {
        name: "deotte-bf16",
        ours: &["{train} --threads {threads} {deotte} train.precision=bf16"],
        theirs: Some((Peer::Pytorch, "deotte --batch-sizes 64 --threads {threads} --precision bf16")),
        ..DUEL
    },
    Duel {
        name: "tensorflow",
        ours: &["{train} --threads {threads} train.batch_size=32", "{train} --threads {threads} train.batch_size=128"],
        theirs: Some((Peer::Tensorflow, "train --batch-sizes 32,128 --threads {threads}")),
        ..DUEL
    },
    Duel {
        name: "tensorflow-bf16",
        ours: &["{train} --threads {threads} train.batch_size=128 train.precision=bf16"],
        theirs: Some((Peer::Tensorflow, "train --batch-sizes 128 --threads {threads} --precision bf16")),
        ..DUEL
    },
    Duel {
        name: "burn",
        ours: &["{train} --threads {threads} train.batch_size=32", "{train} --threads {threads} train.batch_size=128"],
        theirs: Some((Peer::Burn, "32 128")),
        ..DUEL
    },
    Duel {
        name: "candle",
        ours: &["{train} --threads {threads} train.batch_size=32", "{train} --threads {threads} train.batch_size=128"],
        theirs: Some((Peer::Candle, "32 128")),
        ..DUEL
    },
    Duel {
        name: "onnxruntime",
        ours: &["bench predict {measured} --threads 1", "bench predict {measured} --threads {threads}"],
        theirs: Some((Peer::Onnxruntime, "predict --threads {threads}")),
        ..DUEL
    },
    Duel {
        name: "onnxruntime-bf16",
        ours: &["bench predict {measured} --threads 1 train.precision=bf16"],
        theirs: Some((Peer::Onnxruntime, "predict --threads 1")),
        ..DUEL
    },
    Duel {
        name: "augment",
        ours: &["bench augment {measured} --threads {threads}"],
        theirs: Some((Peer::Tensorflow, "augment --threads {threads}")),
        ..DUEL
    },
    Duel {
        name: "augment-torchvision",
        ours: &["bench augment {measured} --threads {threads}"],
        theirs: Some((Peer::Pytorch, "augment --threads {threads}")),
        ..DUEL
    },
    Duel { name: "load", ours: &["bench load {measured} --threads {threads} --images {images}"], ..DUEL },
    Duel { name: "scaling", ours: &["{train} --threads 1", "{train} --threads 2"], least_cores: 2, ..DUEL },
    Duel {
        name: "mnist-fast",
        ours: &["train mnist-fast --seeds {seeds} --json -q --threads {threads}"],
        is_once: true,
        ..DUEL
    },
    Duel { name: PROCESS, ours: &["predict {digit} -q"], ..DUEL },
];

/// The one duel whose figure is the time of the process as it is seen from outside.
pub(crate) const PROCESS: &str = "process";

/// What stands for the words in braces.
#[derive(Debug, Clone)]
pub(crate) struct Fill {
    pub(crate) threads: usize,
    pub(crate) seconds: f64,
    pub(crate) images: usize,
    pub(crate) seeds: usize,
    /// The recipe of Deotte's network.
    pub(crate) deotte: String,
    /// A PNG file of a digit.
    pub(crate) digit: String,
}

impl Fill {
    /// The words of a command line. A value is a word, whatever blanks it holds.
    pub(crate) fn words(&self, line: &str) -> Vec<String> {
        line.split_whitespace().flat_map(|word| self.fill(word)).collect()
    }

    fn fill(&self, word: &str) -> Vec<String> {
        // No peer augments while it trains, so neither do we; what a recipe does not augment with is 0 already.
        const TRAIN: &str = "bench train augment.rotation_degrees=0 augment.zoom=0 augment.width_shift=0 \
                             augment.height_shift=0 {measured}";
        match word {
            "{train}" => self.words(TRAIN),
            "{measured}" => self.words("--json --quiet --seconds {seconds}"),
            "{threads}" => vec![self.threads.to_string()],
            "{seconds}" => vec![self.seconds.to_string()],
            "{images}" => vec![self.images.to_string()],
            "{seeds}" => vec![self.seeds.to_string()],
            "{deotte}" => vec![self.deotte.clone()],
            "{digit}" => vec![self.digit.clone()],
            other => vec![other.to_owned()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_brace_is_known_and_paths_may_hold_blanks() {
        let fill = Fill {
            threads: 2,
            seconds: 0.5,
            images: 100,
            seeds: 3,
            deotte: "my recipes/deotte.toml".into(),
            digit: "a digit.png".into(),
        };
        for duel in DUELS {
            let theirs = duel.theirs.map(|(_, words)| words);
            for line in duel.ours.iter().copied().chain(theirs) {
                let words = fill.words(line);
                assert!(words.iter().all(|word| !word.contains('{')), "{}: {words:?}", duel.name);
            }
        }
        assert_eq!(fill.words("predict {digit} -q"), ["predict", "a digit.png", "-q"]);
    }

    #[test]
    fn names_differ() {
        for (i, duel) in DUELS.iter().enumerate() {
            assert!(DUELS[..i].iter().all(|other| other.name != duel.name), "{}", duel.name);
        }
    }
}
