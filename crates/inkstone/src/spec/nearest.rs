//! "Did you mean …?": the known word nearest to a mistyped one. Knows nothing about what the words are for.

/// The known word with the fewest edits to `word`, if at most two or a third of its length (whichever is more).
///
/// ```
/// use inkstone::spec::nearest::nearest;
/// assert_eq!(nearest("epoch", &["epochs", "ema"]), Some("epochs"));
/// assert_eq!(nearest("colour", &["epochs", "ema"]), None);
/// ```
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(2);
    known
        .iter()
        .map(|&candidate| (edits(&word.to_lowercase(), candidate), candidate))
        // A word of three letters is two edits from almost everything: some of it must be right.
        .filter(|&(n, candidate)| n <= limit && n < candidate.chars().count().min(word.chars().count().max(1)))
        .min_by_key(|&(n, _)| n)
        .map(|(_, candidate)| candidate)
}

/// The ending of a message about an unknown word: ``did you mean `epochs`?``, or the words there are.
pub fn suggestion(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!("known: {}", known.join(", ")),
    }
}

/// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b` (optimal string alignment).
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let substitution = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = substitution.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_count_insertions_deletions_substitutions_and_swaps() {
        for (a, b, n) in [("", "", 0), ("", "ab", 2), ("kitten", "sitting", 3), ("form", "from", 1), ("砚", "石", 1)]
        {
            assert_eq!(edits(a, b), n, "{a} {b}");
        }
    }

    #[test]
    fn the_nearest_word_is_found_unless_all_are_far() {
        let known = ["epochs", "batch_size", "learning_rate", "sgd", "adam"];
        for (word, expected) in [
            ("epoch", Some("epochs")),
            ("Epochs", Some("epochs")),
            ("learnign_rate", Some("learning_rate")),
            ("learn_rate", Some("learning_rate")),
            ("sdg", Some("sgd")),
            ("xyz", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, &known), expected, "{word}");
        }
    }
}
