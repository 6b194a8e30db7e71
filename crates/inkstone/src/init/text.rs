//! The proposal as a recipe's text: TOML with the reasons as comments.

use super::Choice;
use super::look::Look;
use crate::spec::summary::grouped;

/// Columns of a comment.
const WIDTH: usize = 100;

/// The tables in their order.
const TABLES: [&str; 5] = ["data", "preprocess", "augment", "model", "train"];

/// Writes the recipe for a dataset of this name.
pub(super) fn write(name: &str, look: &Look, choices: &[Choice]) -> String {
    let mut text = comment(&format!(
        "A recipe for {name}: {} images of {} classes. Proposed by `inkstone init`, each choice with its reason; change what you \
         know better. Save it as a file and train with `inkstone train FILE.toml`.",
        grouped(look.n_images as u64),
        look.n_classes
    ));
    text += "version = 1\n";
    text += &format!("name = \"{}\"\n", file_name(name));
    for table in TABLES {
        let head = format!("{table}.");
        let of_table = || choices.iter().filter_map(|choice| Some((choice.key.strip_prefix(&head)?, choice)));
        if of_table().next().is_none() {
            continue;
        }
        text += &format!("\n[{table}]\n");
        for (key, Choice { value, reason, .. }) in of_table() {
            match value {
                Some(value) => {
                    if !reason.is_empty() {
                        text += &comment(&sentence(reason));
                    }
                    text += &format!("{key} = {value}\n");
                }
                None => text += &comment(&format!("No {key}: {reason}.")),
            }
        }
    }
    text
}

/// Capital letter and full stop.
fn sentence(reason: &str) -> String {
    let mut chars = reason.chars();
    chars.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), chars.as_str()))
}

/// Lines of at most [`WIDTH`] columns behind `# `.
fn comment(text: &str) -> String {
    let (mut lines, mut line) = (String::new(), String::from("#"));
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH && line != "#" {
            lines += &format!("{line}\n");
            line = String::from("#");
        }
        line += " ";
        line += word;
    }
    lines + &line + "\n"
}

/// A dataset's name as a recipe's: what cannot be part of a folder's name becomes `-`.
fn file_name(name: &str) -> String {
    let clean = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let name: String = name.chars().take(60).map(clean).collect();
    match name.trim_matches(['.', '-']) {
        "" => "images".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_wrap_and_names_are_made_safe() {
        let text = comment(&"word ".repeat(40));
        assert!(
            text.lines().count() == 3 && text.lines().all(|line| line.starts_with("# ") && line.len() <= WIDTH),
            "{text}"
        );
        assert_eq!(file_name("../my letters\"/"), "my-letters");
        assert_eq!(file_name("数字"), "数字");
        assert_eq!(file_name("//"), "images");
        assert_eq!(sentence("all of it"), "All of it.");
    }
}
