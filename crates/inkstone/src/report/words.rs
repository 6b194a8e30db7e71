//! Text in both languages of the page, and what HTML needs around text. Never chooses a language: the page does, when it is
//! read.

/// The same said in English and in Chinese.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Words {
    /// English.
    pub en: String,
    /// 中文.
    pub zh: String,
}

/// Stands between the two languages in the text of a chart, until [`in_svg`] makes elements of them.
const BETWEEN: char = '\u{1f}';

impl Words {
    /// English and Chinese.
    pub fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { en: en.into(), zh: zh.into() }
    }

    /// What is the same in both: a number, a name.
    pub fn same(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { zh: text.clone(), en: text }
    }

    /// One after the other, sentence by sentence.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        Self { en: format!("{} {}", self.en, other.en), zh: self.zh + &other.zh }
    }

    /// As HTML: both languages, of which the page shows one.
    pub fn html(&self) -> String {
        if self.en == self.zh {
            return escaped(&self.en);
        }
        format!(
            "<span class=\"en\" lang=\"en\">{}</span><span class=\"zh\" lang=\"zh-CN\">{}</span>",
            escaped(&self.en),
            escaped(&self.zh)
        )
    }

    /// As an attribute that the page's switch exchanges: the English text now, both beside it.
    pub fn attribute(&self, name: &str) -> String {
        let (en, zh) = (escaped(&self.en), escaped(&self.zh));
        format!("{name}=\"{en}\" data-{name}-en=\"{en}\" data-{name}-zh=\"{zh}\"")
    }

    /// As the text of a chart that is being drawn.
    pub(super) fn drawn(&self) -> String {
        if self.en == self.zh { self.en.clone() } else { format!("{}{BETWEEN}{}", self.en, self.zh) }
    }

    /// How many columns the wider of the two takes.
    pub(super) fn columns(&self) -> usize {
        let columns = crate::evaluate::columns;
        columns(&self.en).max(columns(&self.zh))
    }
}

/// Makes two elements of each text of a drawing that has two languages; the drawing's text is escaped already.
pub(super) fn in_svg(drawing: &str) -> String {
    let line = |line: &str| match line.split_once(BETWEEN) {
        Some((en, zh)) => {
            format!("<tspan class=\"en\" lang=\"en\">{en}</tspan><tspan class=\"zh\" lang=\"zh-CN\">{zh}</tspan>\n")
        }
        None => format!("{line}\n"),
    };
    drawing.lines().map(line).collect()
}

/// Keeps the English of each text of a drawing.
pub(super) fn in_english(drawing: &str) -> String {
    let line = |line: &str| format!("{}\n", line.split_once(BETWEEN).map_or(line, |(en, _)| en));
    drawing.lines().map(line).collect()
}

/// Text as it may stand in HTML, between tags and in attributes.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A share as a percentage with so many decimals.
///
/// ```
/// assert_eq!(inkstone::report::percent(0.98765, 2), "98.77 %");
/// ```
pub fn percent(share: f64, decimals: usize) -> String {
    if share.is_nan() { "–".to_owned() } else { format!("{:.decimals$} %", 100.0 * share) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_in_both_languages_stands_once() {
        assert_eq!(Words::same("7 < 9").html(), "7 &lt; 9");
        let both = Words::new("loss", "损失");
        assert_eq!(
            both.html(),
            "<span class=\"en\" lang=\"en\">loss</span><span class=\"zh\" lang=\"zh-CN\">损失</span>"
        );
        assert_eq!(both.attribute("alt"), "alt=\"loss\" data-alt-en=\"loss\" data-alt-zh=\"损失\"");
    }

    #[test]
    fn a_drawing_keeps_one_language_or_both() {
        let drawing = format!("<text>\n{}\n</text>\n", Words::new("loss", "损失").drawn());
        assert_eq!(in_english(&drawing), "<text>\nloss\n</text>\n");
        assert!(in_svg(&drawing).contains("lang=\"en\">loss</tspan><tspan class=\"zh\" lang=\"zh-CN\">损失</tspan>"));
    }
}
