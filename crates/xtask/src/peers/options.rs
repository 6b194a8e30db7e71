//! The words behind `cargo xtask bench peers`.

use std::path::PathBuf;

use super::duels::DUELS;
use crate::python::default_environment;

/// What is to be run, how often, with what.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Options {
    /// Names of duels; empty: all.
    pub(crate) only: Vec<String>,
    /// How often each duel is fought.
    pub(crate) rounds: u32,
    /// Seconds of one measurement.
    pub(crate) seconds: f64,
    /// Whether everything is only tried out: one short round, few images and seeds.
    pub(crate) is_quick: bool,
    /// Where the peers are installed; outside the tree.
    pub(crate) environment: PathBuf,
    /// Where the results go; where not given, `benchmarks/` for a whole run and `target/benchmarks/` for others.
    pub(crate) out: Option<PathBuf>,
}

impl Options {
    /// Understands `--only NAME,… --rounds N --quick --env DIR --out DIR`.
    pub(crate) fn parse(words: &[&str]) -> Result<Self, String> {
        let mut options = Self {
            only: Vec::new(),
            rounds: 3,
            seconds: 3.0,
            is_quick: false,
            environment: default_environment(),
            out: None,
        };
        let mut rounds = None;
        let mut words = words.iter().copied();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
            match word {
                "--only" => options.only = value()?.split(',').map(str::to_owned).collect(),
                "--rounds" => rounds = Some(positive(value()?)?),
                "--quick" => (options.is_quick, options.rounds, options.seconds) = (true, 1, 0.5),
                "--env" => options.environment = value()?.into(),
                "--out" => options.out = Some(value()?.into()),
                _ => return Err(format!("bench peers knows no {word}")),
            }
        }
        options.rounds = rounds.unwrap_or(options.rounds);
        match options.only.iter().find(|name| !DUELS.iter().any(|duel| is_meant(name, duel.name))) {
            Some(name) => Err(format!("no duel is called {name}; there are {}", names())),
            None => Ok(options),
        }
    }

    /// Whether a duel is to be fought.
    pub(crate) fn wants(&self, duel: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| is_meant(name, duel))
    }
}

/// `pytorch` means `pytorch` and `pytorch-bf16`.
fn is_meant(name: &str, duel: &str) -> bool {
    duel.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

fn names() -> String {
    DUELS.iter().map(|duel| duel.name).collect::<Vec<_>>().join(", ")
}

fn positive(text: &str) -> Result<u32, String> {
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| format!("expected a number from 1 on, found {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_understood_in_any_order() {
        let options = Options::parse(&["--only", "pytorch,burn", "--rounds", "5", "--quick", "--env", "e"]).unwrap();
        assert_eq!((options.rounds, options.is_quick, options.seconds), (5, true, 0.5));
        assert_eq!(options.environment, PathBuf::from("e"));
        for (duel, expected) in [("pytorch", true), ("pytorch-bf16", true), ("burn", true), ("candle", false)] {
            assert_eq!(options.wants(duel), expected, "{duel}");
        }
        let all = Options::parse(&[]).unwrap();
        assert!(all.wants("candle") && all.rounds == 3);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (words, message) in [
            (vec!["--rounds", "0"], "expected a number from 1 on, found 0"),
            (vec!["--rounds"], "--rounds wants a value"),
            (vec!["--fast"], "bench peers knows no --fast"),
            (vec!["--only", "torch"], "no duel is called torch"),
        ] {
            let error = Options::parse(&words).unwrap_err();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
