//! What keeps the parts of a split apart, as a person writes it: the words and ranges of `[data]`'s keys for it.

use serde::{Deserialize, Serialize};

use super::recipe::DataSpec;
use crate::error::{Error, ErrorKind, Result};

/// More folds than anybody trains.
const MAX_FOLDS: u32 = 1000;

/// What is done about copies of an image when a split is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Duplicates {
    /// Images with the same pixels are in one part. The default: their hashes are known anyway, and where there are no
    /// copies the split is the same as without.
    #[default]
    Together,
    /// Near-duplicates too: the same picture moved, or changed a little. Looks at every image.
    NearTogether,
    /// Nothing: copies may be in several parts.
    Ignore,
}

impl Duplicates {
    /// Whether it needs no mention.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl DataSpec {
    /// Checks the keys of the split against each other.
    ///
    /// # Errors
    /// The first key that is wrong, by its dotted name.
    pub(super) fn check_split(&self) -> Result<()> {
        let wrong = |key: &str, expected: &str, found: String| {
            Err(Error::mismatch(ErrorKind::Spec, expected, found).with_place(key))
        };
        match (self.folds, self.fold) {
            (Some(folds), _) if !(2..=MAX_FOLDS).contains(&folds) => {
                return wrong("data.folds", "a whole number from 2 to 1000", folds.to_string());
            }
            (None, Some(fold)) => return wrong("data.fold", "data.folds beside it", format!("fold {fold} of nothing")),
            (Some(folds), Some(fold)) if fold >= folds => {
                return wrong("data.fold", &format!("a fold from 0 to {}", folds - 1), fold.to_string());
            }
            _ => {}
        }
        let empty = [
            ("data.group", &self.group),
            ("data.split_file", &self.split_file),
            ("data.corrections", &self.corrections),
        ]
        .into_iter()
        .find(|(_, text)| text.as_deref().is_some_and(|text| text.trim().is_empty()));
        if let Some((key, _)) = empty {
            return wrong(key, "a text", "an empty one".to_owned());
        }
        if self.split_file.is_some() {
            let beside = if self.split.is_some() { Some("data.split") } else { self.folds.map(|_| "data.folds") };
            if let Some(beside) = beside {
                return wrong("data.split_file", "no other key that splits", beside.to_owned());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::spec::Recipe;

    fn parse(data: &str) -> crate::Result<Recipe> {
        let text = format!("version = 1\n[data]\n{data}\n[model]\nlayers = [\"flatten\", {{ dense = {{}} }}]\n");
        Recipe::parse(&text, "mine.toml")
    }

    #[test]
    fn keys_of_the_split_are_checked_against_each_other() {
        for (data, message) in [
            ("folds = 1", "data.folds: expected a whole number from 2 to 1000, found 1"),
            ("fold = 2", "data.fold: expected data.folds beside it, found fold 2 of nothing"),
            ("folds = 5\nfold = 5", "data.fold: expected a fold from 0 to 4, found 5"),
            ("group = \" \"", "data.group: expected a text, found an empty one"),
            (
                "split_file = \"a.json\"\nfolds = 3",
                "data.split_file: expected no other key that splits, found data.folds",
            ),
            (
                "split_file = \"a.json\"\nsplit = \"8:1:1\"",
                "data.split_file: expected no other key that splits, found data.split",
            ),
            (
                "duplicates = \"keep\"",
                "line 3, data.duplicates: unknown word `keep`; known: together, near_together, ignore",
            ),
            ("groups = \"writer\"", "line 3, data.groups: unknown key; did you mean `group`?"),
        ] {
            assert_eq!(parse(data).unwrap_err().to_string(), format!("mine.toml: {message}"), "{data}");
        }
    }

    #[test]
    fn keys_at_their_default_are_not_written_and_others_read_back() {
        let plain = parse("source = \"mnist\"").unwrap().to_toml();
        assert!(
            !["group", "duplicates", "fold", "split_file", "corrections"].iter().any(|key| plain.contains(key)),
            "{plain}"
        );
        let keys = "group = \"writer\"\nduplicates = \"near_together\"\nfolds = 5\nfold = 4\ncorrections = \"c.csv\"";
        let recipe = parse(keys).unwrap();
        assert_eq!(Recipe::parse(&recipe.to_toml(), "again.toml").unwrap(), recipe);
        let recipe = recipe.with_overrides(&["folds=4", "fold=3", "group={group}_*"]).unwrap();
        assert_eq!((recipe.data.folds, recipe.data.group.as_deref()), (Some(4), Some("{group}_*")));
    }
}
