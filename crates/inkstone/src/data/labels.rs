//! From labels as files give them, numbers or names, to positions in a list of classes.

use std::collections::{BTreeSet, HashMap};

use super::arrays::MAX_LABEL;
use crate::error::{Error, ErrorKind, Result};

/// The most classes that are told apart by name: beyond it a column is no label.
const MAX_CLASSES: usize = MAX_LABEL as usize + 1;

/// One label as it was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Label {
    /// A whole number.
    Number(i64),
    /// Anything else.
    Name(String),
}

impl Label {
    /// A number where the text is one in its usual form (`7`, not `07`).
    pub(super) fn parse(text: &str) -> Self {
        match text.parse::<i64>() {
            Ok(number) if number.to_string() == text => Self::Number(number),
            _ => Self::Name(text.to_owned()),
        }
    }
}

/// What labels mean that are numbers, all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    /// Positions: there are as many classes as the largest says.
    Positions,
    /// Names like others: there are as many classes as different numbers.
    Names,
}

/// Labels as positions, and the classes' names.
pub(super) type Resolved = (Vec<u32>, Vec<String>);

/// Numbers in their order, names sorted bytewise.
///
/// # Errors
/// `Data` with the row of a label that cannot be one.
pub(super) fn resolve(labels: &[Label], numbers: Numbers) -> Result<Resolved> {
    let values: Option<Vec<i64>> = labels
        .iter()
        .map(|label| match label {
            Label::Number(number) => Some(*number),
            Label::Name(_) => None,
        })
        .collect();
    match (values, numbers) {
        (Some(values), Numbers::Positions) => {
            let last = check_positions(&values)?;
            let names = (0..=last).map(|label| label.to_string()).collect();
            Ok((values.into_iter().map(|value| value as u32).collect(), names))
        }
        (Some(values), Numbers::Names) => {
            let classes: Vec<i64> = values.iter().copied().collect::<BTreeSet<i64>>().into_iter().collect();
            check_number(classes.len())?;
            let place = |value| classes.binary_search(value).expect("collected from the labels, in order") as u32;
            Ok((values.iter().map(place).collect(), classes.iter().map(ToString::to_string).collect()))
        }
        (None, _) => {
            let names: Vec<String> = labels.iter().map(text).collect();
            let classes: Vec<String> = names.iter().cloned().collect::<BTreeSet<String>>().into_iter().collect();
            check_number(classes.len())?;
            Ok((positions(&names, &classes)?, classes))
        }
    }
}

/// Labels by the names of known classes.
///
/// # Errors
/// `Data` with the row of a label that names none of them.
pub(super) fn find(labels: &[Label], classes: &[String]) -> Result<Vec<u32>> {
    positions(&labels.iter().map(text).collect::<Vec<_>>(), classes)
}

fn text(label: &Label) -> String {
    match label {
        Label::Number(number) => number.to_string(),
        Label::Name(name) => name.clone(),
    }
}

fn positions(names: &[String], classes: &[String]) -> Result<Vec<u32>> {
    let places: HashMap<&str, u32> = classes.iter().enumerate().map(|(i, name)| (name.as_str(), i as u32)).collect();
    let place = |(row, name): (usize, &String)| {
        places.get(name.as_str()).copied().ok_or_else(|| {
            Error::mismatch(ErrorKind::Data, "the name of a class", format!("{name:?}"))
                .with_place(format!("sample {row}"))
        })
    };
    names.iter().enumerate().map(place).collect()
}

/// The largest of labels that are all positions.
fn check_positions(values: &[i64]) -> Result<i64> {
    match values.iter().position(|value| !(0..=MAX_LABEL).contains(value)) {
        Some(row) => {
            let expected = format!("labels from 0 to {MAX_LABEL}");
            Err(Error::mismatch(ErrorKind::Data, expected, values[row].to_string()).with_place(format!("sample {row}")))
        }
        None => Ok(values.iter().max().copied().unwrap_or(0)),
    }
}

fn check_number(n_classes: usize) -> Result<()> {
    if n_classes <= MAX_CLASSES {
        return Ok(());
    }
    Err(Error::mismatch(ErrorKind::Data, format!("at most {MAX_CLASSES} classes"), n_classes.to_string()))
}

/// Groups as files give them: numbers stay, names are numbered in the order in which they appear.
#[derive(Debug, Default)]
pub(super) struct Groups(HashMap<String, u32>);

impl Groups {
    /// The number of a group; empty means none.
    pub(super) fn number(&mut self, text: &str) -> Option<u32> {
        if text.is_empty() {
            return None;
        }
        if let Ok(number) = text.parse() {
            return Some(number);
        }
        // Names count down from the top, away from numbers.
        let next = u32::MAX - self.0.len() as u32;
        Some(*self.0.entry(text.to_owned()).or_insert(next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(texts: &[&str]) -> Vec<Label> {
        texts.iter().map(|text| Label::parse(text)).collect()
    }

    #[test]
    fn numbers_are_positions_or_names_and_names_are_sorted() {
        let of = |texts: &[&str], numbers| resolve(&labels(texts), numbers).unwrap();
        let strings = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(of(&["2", "0"], Numbers::Positions), (vec![2, 0], strings(&["0", "1", "2"])));
        assert_eq!(of(&["10", "2", "10"], Numbers::Names), (vec![1, 0, 1], strings(&["2", "10"])));
        assert_eq!(of(&["b", "a", "07"], Numbers::Positions), (vec![2, 1, 0], strings(&["07", "a", "b"])));
    }

    #[test]
    fn what_is_no_label_is_named_with_its_sample() {
        let error = resolve(&labels(&["0", "-3"]), Numbers::Positions).unwrap_err().to_string();
        assert_eq!(error, "sample 1: expected labels from 0 to 9999, found -3");
        let error = find(&labels(&["a", "c"]), &["a".into(), "b".into()]).unwrap_err().to_string();
        assert_eq!(error, "sample 1: expected the name of a class, found \"c\"");
    }

    #[test]
    fn groups_are_numbers_or_get_one() {
        let mut groups = Groups::default();
        assert_eq!(
            ["7", "", "eve", "eve", "ann"].map(|text| groups.number(text)),
            [Some(7), None, Some(u32::MAX), Some(u32::MAX), Some(u32::MAX - 1)]
        );
    }
}
