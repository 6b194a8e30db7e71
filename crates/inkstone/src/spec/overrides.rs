//! `KEY=VALUE`: one key of a recipe said anew on the command line, by its dotted name or a short one that is unique.

use serde::de::{self, DeserializeOwned, Deserializer, Visitor};
use serde::forward_to_deserialize_any;
use toml::{Table, Value};

use super::model::ModelSpec;
use super::nearest::suggestion;
use super::pipeline::{AugmentSpec, PreprocessSpec};
use super::recipe::{DataSpec, Recipe};
use super::steps::MixSpec;
use super::training::{EarlyStopping, TrainSpec};
use crate::error::{Error, ErrorKind, Result};

impl Recipe {
    /// The recipe with some keys said anew: `train.epochs=3`, short `epochs=3`, `split=8:1:1`, `optimizer=sgd`.
    /// Values are TOML; what is no TOML is a text. Later ones win.
    ///
    /// # Errors
    /// `Usage`, naming the override and, for an unknown key, the nearest known one.
    ///
    /// ```
    /// let recipe = inkstone::spec::builtin::recipe("mnist").unwrap().with_overrides(&["epochs=3"]).unwrap();
    /// assert_eq!(recipe.train.epochs, 3);
    /// ```
    pub fn with_overrides(&self, overrides: &[impl AsRef<str>]) -> Result<Self> {
        let mut recipe = self.clone();
        for word in overrides {
            recipe = recipe.with_override(word.as_ref())?;
        }
        recipe.check().map_err(as_usage)?;
        Ok(recipe)
    }

    fn with_override(&self, word: &str) -> Result<Self> {
        let (key, value) = word
            .split_once('=')
            .ok_or_else(|| Error::mismatch(ErrorKind::Usage, "an override such as epochs=3", format!("`{word}`")))?;
        let key = dotted(key.trim())?;
        let table: Table = self.to_toml().parse().expect("a recipe is written as TOML");
        let with = |value: Value| {
            let mut table = table.clone();
            set(&mut table, &key, value);
            Self::from_table(&table).map_err(as_usage)
        };
        let value = value.trim();
        let understood = with(parse(value));
        // `name=7` is a text although it reads as a number; the first complaint is the better one.
        understood.or_else(|error| with(Value::String(value.to_owned())).map_err(|_: Error| error))
    }
}

/// Who wrote an override stands at the command line, not at a file.
fn as_usage(error: Error) -> Error {
    error.with_kind(ErrorKind::Usage)
}

/// A value in TOML, or else a text. A time of day is a text too: `10:10:10` are proportions.
fn parse(text: &str) -> Value {
    let parsed: Option<Table> = toml::from_str(&format!("value = {text}")).ok();
    parsed
        .filter(|table| table.len() == 1)
        .and_then(|mut table| table.remove("value"))
        .filter(|value| !value.is_datetime())
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

fn set(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((outer, rest)) => {
            let inner = table.entry(outer).or_insert_with(|| Value::Table(Table::new()));
            if !inner.is_table() {
                *inner = Value::Table(Table::new());
            }
            set(inner.as_table_mut().expect("made a table just above"), rest, value);
        }
    }
}

/// The dotted name of a key that may be short.
fn dotted(key: &str) -> Result<String> {
    let all = known_keys();
    if all.iter().any(|known| known == key) {
        return Ok(key.to_owned());
    }
    let short = |known: &String| known.rsplit('.').next() == Some(key);
    let fitting: Vec<&str> = all.iter().filter(|known| short(known)).map(String::as_str).collect();
    match fitting[..] {
        [one] => Ok(one.to_owned()),
        [] => {
            let dotted = key.contains('.');
            let words: Vec<&str> = all
                .iter()
                .map(|known| if dotted { known } else { known.rsplit('.').next().unwrap_or(known) })
                .collect();
            Err(Error::new(ErrorKind::Usage, "unknown key").with_place(key).with_help(suggestion(key, &words)))
        }
        _ => Err(Error::mismatch(ErrorKind::Usage, format!("one of {}", fitting.join(", ")), format!("`{key}`"))),
    }
}

/// The dotted names of all keys, layers apart: `version`, `train.epochs`, `train.early_stopping.patience`.
fn known_keys() -> Vec<String> {
    let tables: [(&str, &[&str]); 8] = [
        ("data", fields::<DataSpec>()),
        ("preprocess", fields::<PreprocessSpec>()),
        ("augment", fields::<AugmentSpec>()),
        ("augment.mixup", fields::<MixSpec>()),
        ("augment.cutmix", fields::<MixSpec>()),
        ("model", fields::<ModelSpec>()),
        ("train", fields::<TrainSpec>()),
        ("train.early_stopping", fields::<EarlyStopping>()),
    ];
    let of_tables = tables.iter().flat_map(|(table, keys)| keys.iter().map(move |key| format!("{table}.{key}")));
    let own = fields::<Recipe>().iter().filter(|key| !tables.iter().any(|(table, _)| table == *key));
    own.map(|key| (*key).to_owned()).chain(of_tables).collect()
}

/// The names that a struct's derived `Deserialize` knows, asked of serde itself, so that no list can fall behind.
fn fields<T: DeserializeOwned>() -> &'static [&'static str] {
    struct Ask<'a>(&'a mut &'static [&'static str]);
    impl<'de> Deserializer<'de> for Ask<'_> {
        type Error = de::value::Error;
        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            visitor: V,
        ) -> Result<V::Value, Self::Error> {
            *self.0 = fields;
            self.deserialize_any(visitor)
        }
        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
            Err(de::Error::custom("only the names were asked for"))
        }
        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }
    let mut names: &'static [&'static str] = &[];
    // The answer is in `names`; a value was never to be had.
    let _ = T::deserialize(Ask(&mut names));
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::builtin;
    use crate::spec::training::OptimizerName;

    fn mnist() -> Recipe {
        builtin::recipe("mnist").unwrap()
    }

    #[test]
    fn dotted_and_short_names_bare_words_lists_and_proportions_are_understood() {
        let words = [
            "train.epochs=3",
            "learning_rate=1",
            "optimizer=sgd",
            "split=8:1:1",
            "size=[32,32]",
            "name=2024",
            "patience=2",
            "source=./digits",
            "grayscale=false",
            "fill=0",
        ];
        let recipe = mnist().with_overrides(&words).unwrap();
        assert_eq!(recipe.train.epochs, 3);
        assert_eq!(recipe.train.learning_rate, 1.0);
        assert_eq!(recipe.train.optimizer, OptimizerName::Sgd);
        assert_eq!(recipe.data.split.unwrap().0, [8.0, 1.0, 1.0]);
        assert_eq!(recipe.preprocess.size, Some([32, 32]));
        assert_eq!(recipe.name.as_deref(), Some("2024"));
        assert_eq!(recipe.train.early_stopping.unwrap().patience, 2);
        assert_eq!(recipe.data.source.as_deref(), Some("./digits"));
        assert!(!recipe.preprocess.grayscale);
        assert_eq!(mnist().with_overrides(&["split=[10,10,10]"]).unwrap().data.split.unwrap().0, [10.0; 3]);
        assert_eq!(mnist().with_overrides(&["split=10:10:10"]).unwrap().data.split.unwrap().0, [10.0; 3]);
    }

    #[test]
    fn an_untouched_value_keeps_every_bit() {
        let recipe = mnist().with_overrides(&["learning_rate=0.1", "ema=0.999"]).unwrap();
        let again = recipe.with_overrides(&["epochs=2"]).unwrap();
        assert_eq!(again.train.learning_rate.to_bits(), 0.1_f32.to_bits());
        assert_eq!(again.train.ema, Some(0.999));
    }

    #[test]
    fn a_wrong_override_is_a_usage_error_that_names_the_nearest_key_or_word() {
        for (word, message) in [
            ("epoch=3", "epoch: unknown key; did you mean `epochs`?"),
            ("train.epoch=3", "train.epoch: unknown key; did you mean `train.epochs`?"),
            ("epochs=many", "train.epochs: expected a whole number, 0 or more, found \"many\""),
            ("optimizer=sdg", "train.optimizer: unknown word `sdg`; did you mean `sgd`?"),
            ("epochs", "expected an override such as epochs=3, found `epochs`"),
            (
                "split=8:1",
                "data.split: expected three proportions train:validation:test such as 8:1:1, found [8.0, 1.0]",
            ),
            ("validation=2", "data.validation: expected a share from 0 to below 1, found 2"),
        ] {
            let error = mnist().with_overrides(&[word]).unwrap_err();
            assert_eq!(error.to_string(), message);
            assert_eq!(error.kind(), ErrorKind::Usage, "{message}");
        }
    }

    #[test]
    fn every_key_of_every_table_is_known() {
        let keys = known_keys();
        for key in ["version", "name", "data.source", "model.layers", "train.ema", "train.early_stopping.min_delta"] {
            assert!(keys.iter().any(|known| known == key), "{key}");
        }
    }
}
