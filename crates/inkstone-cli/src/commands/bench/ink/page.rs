//! Puts a table into a page that people write, between two marks. Changes nothing else there.

use std::fs;
use std::path::Path;

use inkstone::checkpoint::write_atomically;
use inkstone::{Error, ErrorKind, Result};

/// Where the table begins and ends.
const MARKS: [&str; 2] = ["<!-- bench ink -->", "<!-- end -->"];

/// Replaces what stands between the marks.
pub(super) fn update(file: &Path, table: &str) -> Result<()> {
    let page = fs::read_to_string(file).map_err(|error| Error::io(file, "read the page", &error))?;
    let replaced = replace(&page, table).ok_or_else(|| {
        let expected = format!("the lines {} and {} in this order", MARKS[0], MARKS[1]);
        Error::mismatch(ErrorKind::Data, expected, "none").with_file(file)
    })?;
    write_atomically(file, replaced.as_bytes())
}

fn replace(page: &str, table: &str) -> Option<String> {
    let start = page.find(MARKS[0])? + MARKS[0].len();
    let end = start + page[start..].find(MARKS[1])?;
    Some(format!("{}\n{}\n{}", &page[..start], table.trim_end(), &page[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_the_marks_is_replaced_and_nothing_else() {
        let page = "a\n<!-- bench ink -->\nold\n<!-- end -->\nb <!-- end -->\n";
        let once = replace(page, "new\n").unwrap();
        assert_eq!(once, "a\n<!-- bench ink -->\nnew\n<!-- end -->\nb <!-- end -->\n");
        assert_eq!(replace(&once, "new\n").unwrap(), once);
        assert_eq!(replace("<!-- end --> <!-- bench ink -->", "new"), None);
    }
}
