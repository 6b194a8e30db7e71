//! Names of classes as names of folders that every system allows. The true names stand in `dataset.toml`.

use std::collections::HashSet;

/// The longest name in bytes, with room for what makes it the only one.
const MAX_BYTES: usize = 100;

/// Names that Windows keeps for devices, whatever their extension.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// A name for each class: what cannot stand in a path becomes `_`, and a name that is taken (capitals do not count)
/// gets a number.
pub(super) fn folder_names(classes: &[String]) -> Vec<String> {
    let mut taken = HashSet::new();
    let mut name = |class: &String| {
        let safe = safe(class);
        let numbered = (2..).map(|n| format!("{safe}~{n}"));
        let mut names = std::iter::once(safe.clone()).chain(numbered);
        names.find(|name| taken.insert(name.to_lowercase())).unwrap_or(safe)
    };
    // A class that needs no change keeps its name, whatever stands before it.
    let mut names = vec![String::new(); classes.len()];
    for unchanged in [true, false] {
        for (class, place) in classes.iter().zip(&mut names) {
            if (safe_is_same(class)) == unchanged {
                *place = name(class);
            }
        }
    }
    names
}

fn safe_is_same(class: &str) -> bool {
    safe(class) == class
}

fn safe(class: &str) -> String {
    let replace = |c: char| if c.is_control() || "/\\:*?\"<>|".contains(c) { '_' } else { c };
    let mut name: String = class.chars().map(replace).collect();
    while name.len() > MAX_BYTES {
        name.pop();
    }
    if name.starts_with('.') {
        name.replace_range(..1, "_");
    }
    if name.ends_with(['.', ' ']) {
        name.pop();
        name.push('_');
    }
    if name.starts_with(' ') {
        name.replace_range(..1, "_");
    }
    let stem = name.split('.').next().unwrap_or_default().to_lowercase();
    let numbered = (stem.starts_with("com") || stem.starts_with("lpt"))
        && stem.len() == 4
        && stem.ends_with(|c: char| c.is_ascii_digit());
    if name.is_empty() || numbered || DEVICES.contains(&stem.as_str()) {
        name.push('_');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_stand_in_a_path_and_differ() {
        for (class, expected) in [
            ("T-shirt/top", "T-shirt_top"),
            ("Ankle boot", "Ankle boot"),
            ("中文", "中文"),
            ("..", "__"),
            ("", "_"),
            ("aux.png", "aux.png_"),
            ("COM1", "COM1_"),
            ("a\nb", "a_b"),
            ("ends. ", "ends._"),
            (" x", "_x"),
        ] {
            assert_eq!(folder_names(&[class.to_owned()]), [expected]);
        }
        let classes = ["a/b", "A_B", "a_b", "a:b"].map(str::to_owned);
        assert_eq!(folder_names(&classes), ["a_b~3", "A_B", "a_b~2", "a_b~4"].map(str::to_owned));
        assert!(folder_names(&["ü".repeat(90)])[0].len() <= MAX_BYTES);
    }
}
