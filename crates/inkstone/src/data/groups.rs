//! Which samples belong together: by the writers of MNIST's digits, by a table's column, or by the images' paths. Only
//! says so; keeping them in one part is the split's work.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::dataset::{Dataset, Part, SampleId};
use super::idx_set;
use super::listing;
use crate::error::{Error, ErrorKind, Result};

/// The word for the writers of digits.
const WRITER: &str = "writer";

/// The word for what a table's column of that name says.
const GROUP: &str = "group";

/// What stands for the group in a pattern.
const CAPTURE: &str = "{group}";

/// Sets the group of every sample and tells how many there are:
///
/// - a pattern with `{group}`, such as `"{group}_*"`: see [`Pattern`];
/// - `"group"` or `"writer"`, where the source itself brought groups (a column of that name in a table, QMNIST's
///   writers): they are kept, as they are where `data.group` is not given;
/// - `"writer"` on MNIST's own rows: the writers that QMNIST's label files in `home` name. Their classes must agree with
///   the samples' row by row, so that a wrong file is noticed.
///
/// # Errors
/// `Spec` for a pattern that is none or fits not every path, `Data` where QMNIST's files are missing or about other
/// digits.
pub fn assign(dataset: &mut Dataset, group: &str, home: Option<&Path>) -> Result<String> {
    let has_own = dataset.samples.iter().any(|sample| sample.group.is_some());
    let groups = if group.contains(['{', '}', '*', '?']) {
        by_pattern(dataset, &Pattern::parse(group)?)?
    } else if has_own && matches!(group, GROUP | WRITER) {
        return Ok(describe(dataset, group));
    } else if group == WRITER {
        by_writer(dataset, home)?
    } else {
        let expected =
            "\"writer\" (of MNIST), \"group\" (a table's column) or a pattern of paths such as \"{group}_*\"";
        let found = match (group, has_own) {
            (GROUP, _) => format!("{} without such a column", dataset.name),
            (_, true) => format!("`{group}`, where {} has groups of its own", dataset.name),
            _ => format!("`{group}`"),
        };
        return Err(Error::mismatch(ErrorKind::Spec, expected, found).with_place("data.group"));
    };
    for (sample, group) in dataset.samples.iter_mut().zip(groups) {
        sample.group = Some(group);
    }
    Ok(describe(dataset, group))
}

fn describe(dataset: &Dataset, group: &str) -> String {
    let mut groups: Vec<u32> = dataset.samples.iter().filter_map(|sample| sample.group).collect();
    let n_images = groups.len();
    groups.sort_unstable();
    groups.dedup();
    format!("data.group = {group:?}: {} groups of {n_images} images", groups.len())
}

/// The number of each sample's group: groups count from 0 in the order of their names.
fn by_pattern(dataset: &Dataset, pattern: &Pattern) -> Result<Vec<u32>> {
    let paths: Vec<String> = dataset.samples.iter().map(|sample| sample.id.to_string()).collect();
    let unfit: Vec<&str> = paths.iter().filter(|path| pattern.group(path).is_none()).map(String::as_str).collect();
    if !unfit.is_empty() {
        let more = if unfit.len() > 3 { ", …" } else { "" };
        let found = format!("{} that do not ({}{more})", unfit.len(), unfit[..unfit.len().min(3)].join(", "));
        let expected = format!("paths that fit {:?}", pattern.text);
        return Err(Error::mismatch(ErrorKind::Spec, expected, found).with_place("data.group"));
    }
    let names: Vec<&str> = paths.iter().filter_map(|path| pattern.group(path)).collect();
    let mut numbers: BTreeMap<&str, u32> = names.iter().map(|name| (*name, 0)).collect();
    numbers.values_mut().zip(0..).for_each(|(number, i)| *number = i);
    Ok(names.iter().map(|name| numbers[name]).collect())
}

/// A pattern of paths with one `{group}`. `{group}` and `*` stand for one or more (`*`: any number of) characters but
/// `/`, as few as fit, `?` for one of them; all else for itself. Without a `/` it is about the file's name alone.
///
/// ```
/// use inkstone::data::groups::Pattern;
/// let writer = Pattern::parse("{group}_*")?;
/// assert_eq!(writer.group("seven/w012_3.png"), Some("w012"));
/// assert_eq!(Pattern::parse("scan-*-{group}.png")?.group("scan-a-b-7.png"), Some("b-7"));
/// assert_eq!(Pattern::parse("*/{group}/*")?.group("seven/ada/1.png"), Some("ada"));
/// # Ok::<(), inkstone::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(char),
    One,
    Any,
    Group,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// `Spec` where `{group}` does not stand in it exactly once, or another brace does.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |found: String| {
            let expected = "a pattern with one {group}, such as \"{group}_*\"";
            Err(Error::mismatch(ErrorKind::Spec, expected, found).with_place("data.group"))
        };
        let n_groups = text.matches(CAPTURE).count();
        if n_groups != 1 {
            return wrong(format!("{text:?}, which has {n_groups}"));
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix(CAPTURE) {
                pieces.push(Piece::Group);
                rest = after;
                continue;
            }
            pieces.push(match c {
                '*' => Piece::Any,
                '?' => Piece::One,
                '{' | '}' => return wrong(format!("another brace in {text:?}")),
                c => Piece::Literal(c),
            });
            rest = &rest[c.len_utf8()..];
        }
        Ok(Self { text: text.to_owned(), pieces })
    }

    /// What stands for `{group}` in a path, if the path fits.
    pub fn group<'a>(&self, path: &'a str) -> Option<&'a str> {
        let about = if self.text.contains('/') { path } else { path.rsplit('/').next().unwrap_or(path) };
        let (start, end) = Fitting { text: about, failed: BTreeSet::new() }.fit(&self.pieces, 0)?;
        Some(&about[start..end])
    }
}

/// Fits pieces to a text. Remembers what did not fit, so that many `*` cost no more than pieces times characters.
struct Fitting<'a> {
    text: &'a str,
    /// Numbers of pieces left, and where in the text, that are known not to fit.
    failed: BTreeSet<(usize, usize)>,
}

impl Fitting<'_> {
    /// Where the group stands from `at` on, if the pieces fit all of the rest. (0, 0) where no group is among them.
    fn fit(&mut self, pieces: &[Piece], at: usize) -> Option<(usize, usize)> {
        let Some((piece, rest)) = pieces.split_first() else { return (at == self.text.len()).then_some((0, 0)) };
        if self.failed.contains(&(pieces.len(), at)) {
            return None;
        }
        let next = self.text[at..].chars().next();
        let found = match piece {
            Piece::Literal(c) => next.filter(|next| next == c).and_then(|c| self.fit(rest, at + c.len_utf8())),
            Piece::One => next.filter(|next| *next != '/').and_then(|c| self.fit(rest, at + c.len_utf8())),
            Piece::Any => self.fit_run(rest, at, 0).map(|(_, found)| found),
            Piece::Group => self.fit_run(rest, at, 1).map(|(end, _)| (at, end)),
        };
        if found.is_none() {
            self.failed.insert((pieces.len(), at));
        }
        found
    }

    /// The nearest end of a run of at least `shortest` characters behind which the rest fits.
    fn fit_run(&mut self, rest: &[Piece], at: usize, shortest: usize) -> Option<(usize, (usize, usize))> {
        let text = self.text;
        let ends = text[at..].char_indices().take_while(|(_, c)| *c != '/').map(|(i, c)| at + i + c.len_utf8());
        std::iter::once(at).chain(ends).skip(shortest).find_map(|end| Some((end, self.fit(rest, end)?)))
    }
}

/// The writers of MNIST's digits, of QMNIST's label files: the rows of its training part are MNIST's, the first 10,000
/// of its test part too.
fn by_writer(dataset: &Dataset, home: Option<&Path>) -> Result<Vec<u32>> {
    let tables = Tables::read(home)?;
    let writer = |i: usize| {
        let sample = &dataset.samples[i];
        let SampleId::Row { part: Some(part), index } = sample.id else {
            let found = format!("the sample {}", sample.id);
            return Err(Error::mismatch(ErrorKind::Spec, "rows of MNIST's own parts (train/17) for writers", found)
                .with_place("data.group"));
        };
        let table = tables.of(part)?;
        let row = index as usize;
        let class = &dataset.classes[sample.label as usize];
        match table.classes.get(row) {
            Some(found) if found.to_string() == *class => Ok(table.writers[row]),
            found => {
                let found =
                    found.map_or_else(|| format!("{} rows", table.classes.len()), |class| format!("class {class}"));
                Err(Error::mismatch(ErrorKind::Data, format!("class {class} as in {}", dataset.name), found)
                    .with_place(format!("row {row}"))
                    .with_file(&table.file)
                    .with_help("writers are known for MNIST's own rows alone"))
            }
        }
    };
    (0..dataset.samples.len()).map(writer).collect()
}

/// QMNIST's label files.
struct Tables {
    folder: PathBuf,
    parts: BTreeMap<Part, Table>,
}

struct Table {
    file: PathBuf,
    classes: Vec<i64>,
    writers: Vec<u32>,
}

impl Tables {
    fn read(home: Option<&Path>) -> Result<Self> {
        let folder = home.map_or_else(|| PathBuf::from("qmnist"), |home| home.join("qmnist"));
        let mut parts = BTreeMap::new();
        if folder.is_dir() {
            for (part, file) in idx_set::label_files(&listing::list(&folder)?.files, "qmnist") {
                let (classes, writers) = idx_set::classes_and_writers(&file)?;
                parts.insert(part, Table { file, classes, writers });
            }
        }
        Ok(Self { folder, parts })
    }

    fn of(&self, part: Part) -> Result<&Table> {
        self.parts.get(&part).ok_or_else(|| {
            let name = format!("qmnist-{}-labels-idx2-int", part.name());
            Error::mismatch(ErrorKind::Data, format!("{name}, which names the writers"), "no such file")
                .with_file(&self.folder)
                .with_help("get it with `inkstone fetch qmnist`")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::dataset::{Image, Images, Rows, Sample, Size};
    use std::fs;

    const SIZE: Size = Size { height: 1, width: 1, channels: 1 };

    fn of_files(paths: &[&str]) -> Dataset {
        let sample = |path: &&str| Sample { label: 0, part: None, id: SampleId::File(path.into()), group: None };
        Dataset {
            name: "mine".into(),
            classes: vec!["a".into()],
            images: Images::collect(paths.iter().map(|_| Image { size: SIZE, pixels: &[0] })),
            samples: paths.iter().map(sample).collect(),
        }
    }

    fn groups(dataset: &Dataset) -> Vec<u32> {
        dataset.samples.iter().filter_map(|sample| sample.group).collect()
    }

    #[test]
    fn a_pattern_takes_as_few_characters_as_fit_and_none_over_a_slash() {
        for (pattern, path, group) in [
            ("{group}_*", "7/w1_2_3.png", Some("w1")),
            ("{group}_*", "7/_2.png", None),
            ("{group}-??.png", "7/a-b-12.png", Some("a-b")),
            ("*/{group}.*", "七/甲乙.png", Some("甲乙")),
            ("*/{group}.*", "a/b/c.png", None),
            ("{group}/*/*", "ada/7/1.png", Some("ada")),
            ("page-{group}", "page-12", Some("12")),
            ("page-{group}", "page-", None),
        ] {
            assert_eq!(Pattern::parse(pattern).unwrap().group(path), group, "{pattern} {path}");
        }
    }

    #[test]
    fn a_pattern_numbers_the_groups_of_all_files_or_names_those_that_do_not_fit() {
        let mut dataset = of_files(&["7/b_1.png", "7/a_1.png", "8/b_2.png"]);
        assert_eq!(
            assign(&mut dataset, "{group}_*", None).unwrap(),
            "data.group = \"{group}_*\": 2 groups of 3 images"
        );
        assert_eq!(groups(&dataset), [1, 0, 1]);
        let message =
            |group: &str| assign(&mut of_files(&["7/b_1.png", "7/x.png"]), group, None).unwrap_err().to_string();
        assert_eq!(
            message("{group}_*"),
            "data.group: expected paths that fit \"{group}_*\", found 1 that do not (7/x.png)"
        );
        let expected = "data.group: expected a pattern with one {group}, such as \"{group}_*\", found";
        assert_eq!(message("*_*"), format!("{expected} \"*_*\", which has 0"));
        assert_eq!(message("{group}-{group}"), format!("{expected} \"{{group}}-{{group}}\", which has 2"));
        assert_eq!(message("{group}-{x}"), format!("{expected} another brace in \"{{group}}-{{x}}\""));
        assert!(message("site").ends_with("such as \"{group}_*\", found `site`"), "{}", message("site"));
        assert!(message("group").ends_with("found mine without such a column"), "{}", message("group"));
    }

    #[test]
    fn groups_that_the_source_brought_are_kept() {
        let rows = Rows { part: None, size: SIZE, pixels: vec![0; 3], labels: vec![0; 3], groups: Some(vec![4, 4, 9]) };
        let mut dataset = Dataset::from_rows("table", vec!["a".into()], vec![rows]).unwrap();
        assert_eq!(assign(&mut dataset, "writer", None).unwrap(), "data.group = \"writer\": 2 groups of 3 images");
        assert_eq!(groups(&dataset), [4, 4, 9]);
        let message = assign(&mut dataset, "site", None).unwrap_err().to_string();
        assert!(message.ends_with("found `site`, where table has groups of its own"), "{message}");
    }

    /// MNIST in small: class i % 10, with QMNIST's label files in a home of its own.
    struct Home(PathBuf);

    impl Home {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("inkstone-groups-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(path.join("qmnist")).unwrap();
            Self(path)
        }

        fn write(&self, part: &str, rows: u32, class: impl Fn(u32) -> u32) {
            let mut bytes = vec![0, 0, 0x0C, 2];
            bytes.extend(rows.to_be_bytes().into_iter().chain(8_u32.to_be_bytes()));
            for row in 0..rows {
                let columns = [class(row), 4, 1000 + row / 7, row, 0, row, 0, 0];
                bytes.extend(columns.into_iter().flat_map(u32::to_be_bytes));
            }
            fs::write(self.0.join(format!("qmnist/qmnist-{part}-labels-idx2-int")), bytes).unwrap();
        }
    }

    impl Drop for Home {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn small_mnist() -> Dataset {
        let rows = |part, n: u32| {
            let labels = (0..n).map(|i| i % 10).collect();
            Rows { part: Some(part), size: SIZE, pixels: vec![0; n as usize], labels, groups: None }
        };
        let classes = (0..10).map(|class| class.to_string()).collect();
        Dataset::from_rows("mnist", classes, vec![rows(Part::Train, 60), rows(Part::Test, 20)]).unwrap()
    }

    #[test]
    fn writers_are_those_of_qmnists_rows_and_longer_files_are_no_matter() {
        let home = Home::new("right");
        home.write("train", 60, |row| row % 10);
        home.write("test", 50, |row| row % 10);
        let mut dataset = small_mnist();
        let told = assign(&mut dataset, "writer", Some(&home.0)).unwrap();
        assert_eq!(told, "data.group = \"writer\": 9 groups of 80 images");
        assert_eq!((groups(&dataset)[13], groups(&dataset)[14], groups(&dataset)[60]), (1001, 1002, 1000));
    }

    #[test]
    fn missing_and_wrong_files_are_noticed() {
        let home = Home::new("wrong");
        let message = || assign(&mut small_mnist(), "writer", Some(&home.0)).unwrap_err().to_string();
        assert!(message().contains("qmnist: expected qmnist-train-labels-idx2-int, which names the writers, found no such file; get it with `inkstone fetch qmnist`"), "{}", message());
        home.write("train", 60, |row| (row + u32::from(row == 33)) % 10);
        assert!(
            message().contains("row 33: expected class 3 as in mnist, found class 4; writers are known"),
            "{}",
            message()
        );
        home.write("train", 30, |row| row % 10);
        assert!(message().contains("row 30: expected class 0 as in mnist, found 30 rows"), "{}", message());
        let files = assign(&mut of_files(&["7/a.png"]), "writer", Some(&home.0)).unwrap_err().to_string();
        assert_eq!(
            files,
            "data.group: expected rows of MNIST's own parts (train/17) for writers, found the sample 7/a.png"
        );
    }
}
