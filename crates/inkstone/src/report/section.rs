//! A part of the page: a heading and what stands under it.

use super::words::Words;

/// A part of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its place in the page's address: `#training`.
    pub id: &'static str,
    /// Its heading.
    pub title: Words,
    /// HTML: made from escaped text alone.
    pub body: String,
}

impl Section {
    /// A section without content.
    pub fn new(id: &'static str, title: Words) -> Self {
        Self { id, title, body: String::new() }
    }

    /// Adds a paragraph.
    #[must_use]
    pub fn paragraph(mut self, text: &Words) -> Self {
        self.body += &format!("<p>{}</p>\n", text.html());
        self
    }

    /// Adds a paragraph that explains how to read what stands there.
    #[must_use]
    pub fn explanation(mut self, text: &Words) -> Self {
        self.body += &format!("<p class=\"soft\">{}</p>\n", text.html());
        self
    }

    /// Adds charts, side by side where there is room.
    #[must_use]
    pub fn charts(mut self, charts: &[super::plot::Svg]) -> Self {
        self.body += "<div class=\"charts\">\n";
        for chart in charts {
            self.body += &format!("<div class=\"card scroll\">{}</div>\n", chart.inline());
        }
        self.body += "</div>\n";
        self
    }

    /// Adds HTML as it is.
    #[must_use]
    pub fn html(mut self, html: &str) -> Self {
        self.body += html;
        self
    }
}

/// A table: a caption for those who do not see it, heads, and rows whose first cell heads them. Cells are HTML.
pub(super) fn table(caption: &Words, heads: &[Words], rows: &[Vec<String>]) -> String {
    let mut html = format!("<div class=\"card scroll\"><table>\n<caption>{}</caption>\n<thead><tr>", caption.html());
    heads.iter().for_each(|head| html += &format!("<th scope=\"col\">{}</th>", head.html()));
    html += "</tr></thead>\n<tbody>\n";
    for row in rows {
        html += "<tr>";
        for (k, cell) in row.iter().enumerate() {
            html += &if k == 0 { format!("<th scope=\"row\">{cell}</th>") } else { format!("<td>{cell}</td>") };
        }
        html += "</tr>\n";
    }
    html + "</tbody>\n</table></div>\n"
}
