//! An audit as one page that needs nothing else: pictures inside it, no scripts, light and dark, wide and narrow.

use std::fmt::Write;

use super::Audit;
use super::finding::{Entry, Finding, Kind, Other};
use crate::data::dataset::{Image, Size};
use crate::data::resize::resize;
use crate::data::{Dataset, encode};

/// Pictures of a finding.
const MOST: usize = 120;
/// Larger images are made smaller.
const SIDE: usize = 64;

/// The page.
pub fn html(audit: &Audit, dataset: &Dataset) -> String {
    let mut page = String::with_capacity(1 << 20);
    let source = escaped(&audit.source);
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Audit of {source}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>Audit of {source}</h1>\n<p class=\"lead\">{} images in {} classes.{}</p>\n",
        grouped(audit.n),
        audit.classes.len(),
        model(audit)
    );
    overview(&mut page, audit);
    for note in &audit.notes {
        let _ = writeln!(page, "<p class=\"note\">{}.</p>", escaped(&capitalised(note)));
    }
    classes(&mut page, audit);
    for finding in audit.findings.iter().filter(|finding| finding.n > 0 && finding.kind != Kind::Imbalance) {
        section(&mut page, finding, audit, dataset);
    }
    let _ = write!(
        page,
        "<footer>Nothing was changed. To act on this page, edit the column <code>action</code> of \
         <code>corrections.csv</code> beside it (<code>keep</code>, <code>relabel</code>, <code>exclude</code>) and name \
         the file as <code>data.corrections</code> in a recipe or with <code>inkstone prepare --exclude</code>.<br>\
         Fingerprint {} · seed {}</footer>\n</main>\n</body>\n</html>\n",
        &audit.fingerprint[..16],
        audit.seed
    );
    page
}

fn model(audit: &Audit) -> String {
    audit.model.as_ref().map_or_else(String::new, |model| {
        format!(
            " Labels were judged by {} models of {} parameters, each trained on three quarters of the images and asked \
             only about the rest; together they agree with {:.1} % of the labels.",
            model.folds * model.models_per_fold,
            grouped(model.n_parameters),
            100.0 * model.accuracy
        )
    })
}

/// One line for each thing that was looked for.
fn overview(page: &mut String, audit: &Audit) {
    page.push_str("<table class=\"overview\">\n");
    for finding in &audit.findings {
        let title = finding.kind.title();
        let title = match finding.n {
            0 => title.to_owned(),
            _ => format!("<a href=\"#{}\">{title}</a>", finding.kind.name()),
        };
        let (class, mark) = match (finding.n, finding.kind.is_fault()) {
            _ if finding.skipped.is_some() => ("off", "–"),
            (0, _) => ("good", "✓"),
            (_, true) => ("bad", "!"),
            (_, false) => ("look", "?"),
        };
        let text = finding.skipped.as_ref().map_or_else(|| finding.summary.clone(), |why| format!("not judged: {why}"));
        let _ = writeln!(
            page,
            "<tr class=\"{class}\"><td class=\"mark\">{mark}</td><th scope=\"row\">{title}</th><td>{}</td></tr>",
            escaped(&text)
        );
    }
    page.push_str("</table>\n");
}

/// Bars of the classes' sizes; of many classes the largest and smallest.
fn classes(page: &mut String, audit: &Audit) {
    const SHOWN: usize = 40;
    let finding = audit.finding(Kind::Imbalance);
    page.push_str("<section id=\"imbalance\">\n<h2>Classes</h2>\n");
    if finding.n > 0 {
        let _ = writeln!(page, "<p>{}</p>", escaped(finding.kind.advice()));
    }
    let largest = audit.classes.iter().map(|class| class.n).max().unwrap_or(0).max(1);
    page.push_str("<table class=\"classes\">\n");
    for class in audit.classes.iter().take(SHOWN) {
        let bar = |n: usize, part: &str| {
            let width = 100.0 * n as f64 / largest as f64;
            if n == 0 { String::new() } else { format!("<i class=\"{part}\" style=\"width:{width:.2}%\"></i>") }
        };
        let rest = class.n - class.train - class.validation - class.test;
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\">{}</th><td class=\"number\">{}</td><td class=\"bar\">{}{}{}</td></tr>",
            escaped(&class.name),
            grouped(class.n),
            bar(class.train + rest, "train"),
            bar(class.validation, "validation"),
            bar(class.test, "test")
        );
    }
    page.push_str("</table>\n");
    if audit.classes.len() > SHOWN {
        let _ =
            writeln!(page, "<p class=\"rule\">and {} more classes, in audit.json.</p>", audit.classes.len() - SHOWN);
    }
    let parts = |count: fn(&super::ClassCount) -> usize| audit.classes.iter().any(|class| count(class) > 0);
    let legend = [("train", parts(|c| c.train)), ("validation", parts(|c| c.validation)), ("test", parts(|c| c.test))];
    if legend.iter().any(|(_, has)| *has) {
        let legend: Vec<String> =
            legend.iter().filter(|(_, has)| *has).map(|(part, _)| format!("<i class=\"{part}\"></i> {part}")).collect();
        let _ = writeln!(page, "<p class=\"legend\">{}</p>", legend.join(" &nbsp; "));
    }
    page.push_str("</section>\n");
}

fn section(page: &mut String, finding: &Finding, audit: &Audit, dataset: &Dataset) {
    let _ = writeln!(
        page,
        "<section id=\"{}\">\n<h2>{} <small>{}</small></h2>\n<p>{}</p>\n<p class=\"rule\">Rule: {}.</p>",
        finding.kind.name(),
        finding.kind.title(),
        escaped(&finding.summary),
        escaped(finding.kind.advice()),
        escaped(&finding.rule)
    );
    if finding.kind == Kind::Drift {
        comparisons(page, audit);
    }
    let shown: Vec<&Entry> = match finding.kind {
        Kind::LabelErrors => finding.samples.iter().filter(|entry| entry.is_candidate == Some(true)).collect(),
        _ => finding.samples.iter().collect(),
    };
    page.push_str("<div class=\"tiles\">\n");
    for entry in shown.iter().take(MOST) {
        tile(page, entry, dataset);
    }
    page.push_str("</div>\n");
    if shown.len() > MOST {
        let _ = writeln!(page, "<p class=\"rule\">and {} more, in audit.json.</p>", grouped(shown.len() - MOST));
    }
    page.push_str("</section>\n");
}

/// A picture (and its copies) with id, class and reason.
fn tile(page: &mut String, entry: &Entry, dataset: &Dataset) {
    /// Copies that are shown of one picture.
    const COPIES: usize = 4;
    let _ = write!(page, "<figure title=\"{}\">", escaped(&entry.note));
    picture(page, entry.index, &entry.sample, dataset);
    entry.with.iter().take(COPIES).for_each(|other| picture(page, other.index, &other.sample, dataset));
    page.push_str("<figcaption>");
    let class = match &entry.proposed {
        Some(proposed) => format!("<b>{} → {}</b>", escaped(&entry.found), escaped(proposed)),
        None => format!("<b>{}</b>", escaped(&classes_of(entry))),
    };
    let _ = write!(page, "{class}<br>{}", escaped(&entry.sample));
    entry.with.iter().take(COPIES).for_each(|other| {
        let _ = write!(page, "<br>{}", escaped(&other.sample));
    });
    if entry.with.len() > COPIES {
        let _ = write!(page, "<br>and {} more", entry.with.len() - COPIES);
    }
    let _ = writeln!(page, "<br><span>{}</span></figcaption></figure>", escaped(&entry.note));
}

fn classes_of(entry: &Entry) -> String {
    let mut classes: Vec<&str> = vec![&entry.found];
    let others: Vec<&Other> = entry.with.iter().filter(|other| other.found != entry.found).collect();
    classes.extend(others.iter().map(|other| other.found.as_str()));
    classes.dedup();
    classes.join(" / ")
}

fn picture(page: &mut String, index: u32, name: &str, dataset: &Dataset) {
    let image = dataset.images.get(index as usize);
    let mut pixels = Vec::new();
    let small = smaller(image, &mut pixels);
    let (width, height) = (small.size.width, small.size.height);
    // At a whole multiple of its size a pixel stays a pixel.
    let factor = (96 / width.max(height)).max(1);
    let _ = write!(
        page,
        "<img src=\"data:image/png;base64,{}\" width=\"{}\" height=\"{}\" alt=\"{}\">",
        base64(&encode::png(small)),
        width * factor,
        height * factor,
        escaped(name)
    );
}

/// The image itself, or a smaller one in `pixels` where it is large.
pub(crate) fn smaller<'a>(image: Image<'a>, pixels: &'a mut Vec<u8>) -> Image<'a> {
    let longest = image.size.width.max(image.size.height);
    if longest <= SIDE {
        return image;
    }
    let side = |side: usize| (side * SIDE / longest).max(1);
    let size = Size { height: side(image.size.height), width: side(image.size.width), ..image.size };
    pixels.resize(size.len(), 0);
    resize(image, size.height, size.width, pixels);
    Image { size, pixels }
}

fn comparisons(page: &mut String, audit: &Audit) {
    for comparison in &audit.comparisons {
        let [a, b] = comparison.parts;
        let _ = writeln!(
            page,
            "<table class=\"numbers\">\n<tr><th></th><th>{a}</th><th>{b}</th><th>difference (deviations, 95 %)</th></tr>"
        );
        for shift in &comparison.statistics {
            let _ = writeln!(
                page,
                "<tr><th scope=\"row\">{}</th><td>{:.3}</td><td>{:.3}</td><td>{:+.2} ({:+.2} to {:+.2})</td></tr>",
                shift.name,
                shift.means[0],
                shift.means[1],
                shift.difference.value,
                shift.difference.low,
                shift.difference.high
            );
        }
        let told = comparison.told_apart;
        let _ = writeln!(
            page,
            "</table>\n<p>A model tells {a} from {b} with {:.0} % accuracy ({:.0} to {:.0} %; half is chance).</p>",
            100.0 * told.value,
            100.0 * told.low,
            100.0 * told.high
        );
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// 70000 → 70,000.
fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// RFC 4648, with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for piece in bytes.chunks(3) {
        let word = piece.iter().fold(0_u32, |word, &byte| word << 8 | u32::from(byte)) << (8 * (3 - piece.len()));
        for k in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * k)) as usize & 63];
            out.push(if k <= piece.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

const STYLE: &str = include_str!("page.css");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        for (plain, encoded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }

    #[test]
    fn numbers_are_grouped_and_names_are_escaped() {
        assert_eq!([0, 999, 1000, 70_000, 1_234_567].map(grouped), ["0", "999", "1,000", "70,000", "1,234,567"]);
        assert_eq!(escaped("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
    }
}
