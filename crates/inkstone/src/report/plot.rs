//! Charts as SVG whose colours and texts the page decides: light or dark, English or 中文. Draws what it is given; computes
//! no figure.
//!
//! How to use it, for a section of the page with charts of its own:
//!
//! ```
//! use inkstone::report::{Words, plot::{Axis, Chart, Ink, Line, Ticks}};
//! let x = Axis::new(Words::new("strength", "强度"), [0.0, 5.0], Ticks::Count);
//! let y = Axis::new(Words::new("accuracy", "准确率"), [0.0, 1.0], Ticks::Percent(0));
//! let line = Line::new(Words::new("shot noise", "散粒噪声"), Ink::Blue, vec![(0.0, 0.99), (5.0, 0.6)]).dotted();
//! let svg = Chart::new(Words::new("Accuracy under noise", "噪声下的准确率"), x, y).size([300, 200]).line(line).draw();
//! assert!(svg.inline().starts_with("<svg"));
//! assert!(svg.file().contains("xmlns"));
//! ```
//!
//! [`Svg::inline`] goes into the page (it takes the width of what it stands in, up to its own), [`Svg::file`] into a file
//! of the run's folder. Several small charts: put each inline into a `<div class="charts">`, which sets them side by side
//! where there is room; [`Svg::beside`] joins them for a file.

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::element::{Circle, PathElement, Rectangle, Text};
use plotters::prelude::{
    Cartesian2d, ChartBuilder, ChartContext, Color, DrawingArea, IntoDrawingArea, IntoFont, SVGBackend,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{RGBAColor, RGBColor, ShapeStyle, TRANSPARENT, TextStyle};

use super::words::{Words, escaped, in_english, in_svg};

/// What a colour is for; how it looks is the page's business. Blue and orange are told apart by everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Ink {
    /// Text.
    Text = 1,
    /// Text that explains, and axes.
    Soft = 2,
    /// Lines behind the data.
    Grid = 3,
    /// The ground of a chart.
    Ground = 4,
    /// Text upon a strong colour.
    Upon = 5,
    /// The first series; what is right.
    Blue = 6,
    /// The second series; what is wrong.
    Orange = 7,
    /// The third.
    Green = 8,
    /// The fourth.
    Purple = 9,
    /// The fifth.
    Sky = 10,
    /// The sixth.
    Gold = 11,
}

impl Ink {
    /// The page's variables, by number.
    const VARIABLES: [(Self, &'static str); 11] = [
        (Self::Text, "var(--ink)"),
        (Self::Soft, "var(--soft)"),
        (Self::Grid, "var(--line)"),
        (Self::Ground, "var(--card)"),
        (Self::Upon, "var(--upon)"),
        (Self::Blue, "var(--blue)"),
        (Self::Orange, "var(--orange)"),
        (Self::Green, "var(--green)"),
        (Self::Purple, "var(--purple)"),
        (Self::Sky, "var(--sky)"),
        (Self::Gold, "var(--gold)"),
    ];

    /// A colour for the k-th series of a chart, beginning anew after six.
    pub fn series(k: usize) -> Self {
        [Self::Blue, Self::Orange, Self::Green, Self::Purple, Self::Sky, Self::Gold][k % 6]
    }

    /// What it is called while the library draws: a blue so dark that nobody means it.
    fn drawn(self) -> RGBColor {
        RGBColor(0, 0, self as u8)
    }

    fn at(self, opacity: f64) -> RGBAColor {
        self.drawn().mix(opacity)
    }
}

/// How the numbers of an axis are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ticks {
    /// Whole numbers alone.
    Count,
    /// With so many decimals.
    Number(usize),
    /// As percentages with so many decimals.
    Percent(usize),
    /// None.
    Hidden,
}

impl Ticks {
    fn text(self, value: f64) -> String {
        match self {
            Self::Count if (value - value.round()).abs() < 1e-9 => format!("{}", value.round()),
            Self::Number(decimals) => format!("{value:.decimals$}"),
            Self::Percent(decimals) => format!("{:.decimals$}%", 100.0 * value),
            Self::Count | Self::Hidden => String::new(),
        }
    }
}

/// One direction of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    title: Words,
    range: [f64; 2],
    ticks: Ticks,
    n_ticks: usize,
}

impl Axis {
    /// From the first to the second value. A range without length or end becomes one of length 1.
    pub fn new(title: Words, [low, high]: [f64; 2], ticks: Ticks) -> Self {
        let range = if high > low && (high - low).is_finite() { [low, high] } else { [0.0, 1.0] };
        Self { title, range, ticks, n_ticks: 6 }
    }

    /// About so many numbers stand beside it.
    #[must_use]
    pub fn n_ticks(mut self, n: usize) -> Self {
        self.n_ticks = n;
        self
    }
}

/// Values that belong together, joined in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    name: Words,
    ink: Ink,
    points: Vec<(f64, f64)>,
    has_dots: bool,
    is_dashed: bool,
}

impl Line {
    /// A full line. Points that are not finite are left out.
    pub fn new(name: Words, ink: Ink, points: Vec<(f64, f64)>) -> Self {
        let points = points.into_iter().filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
        Self { name, ink, points, has_dots: false, is_dashed: false }
    }

    /// With a dot at each point.
    #[must_use]
    pub fn dotted(mut self) -> Self {
        self.has_dots = true;
        self
    }

    /// Interrupted: told from a full one without colours.
    #[must_use]
    pub fn dashed(mut self) -> Self {
        self.is_dashed = true;
        self
    }

    fn stroke(&self) -> ShapeStyle {
        stroke(self.ink, if self.is_dashed { DASHED } else { 2 })
    }
}

/// A column from one corner to the other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// Left and right.
    pub x: [f64; 2],
    /// Bottom and top.
    pub y: [f64; 2],
    /// Its colour.
    pub ink: Ink,
    /// How strong: 0 to 1.
    pub opacity: f64,
}

/// An interval, drawn as an upright line with ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Whisker {
    /// Where.
    pub x: f64,
    /// From and to.
    pub y: [f64; 2],
    /// Its colour.
    pub ink: Ink,
}

/// A few words at a place.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// The place, in the chart's own values.
    pub at: (f64, f64),
    /// On which side of the place the words stand.
    pub side: Side,
    /// What it says.
    pub text: Words,
}

/// On which side of a place words stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Above it, in the middle.
    Above,
    /// Left of it.
    Left,
    /// Right of it.
    Right,
}

/// A chart with two axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    title: Words,
    x: Axis,
    y: Axis,
    size: [u32; 2],
    lines: Vec<Line>,
    bars: Vec<Bar>,
    whiskers: Vec<Whisker>,
    notes: Vec<Note>,
}

/// Sizes of letters as the drawing library counts them: it writes them down divided by 1.24.
const SMALL: f64 = 12.0 * 1.24;
const LARGE: f64 = 14.0 * 1.24;
/// The drawing library knows no dashes: a width that nothing else has stands for them until the drawing is done.
const DASHED: u32 = 97;
/// Columns of a text become pixels.
const COLUMN: f64 = 6.6;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Plane<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Why drawing is sure to succeed.
const DRAWS: &str = "a string takes all that is drawn";

impl Chart {
    /// An empty chart.
    pub fn new(title: Words, x: Axis, y: Axis) -> Self {
        Self {
            title,
            x,
            y,
            size: [470, 320],
            lines: Vec::new(),
            bars: Vec::new(),
            whiskers: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Width and height in pixels; at least 120.
    #[must_use]
    pub fn size(mut self, size: [u32; 2]) -> Self {
        self.size = size.map(|side| side.max(120));
        self
    }

    /// Adds a line. Lines with a name stand in the legend.
    #[must_use]
    pub fn line(mut self, line: Line) -> Self {
        self.lines.push(line);
        self
    }

    /// Adds a bar, behind all lines.
    #[must_use]
    pub fn bar(mut self, bar: Bar) -> Self {
        self.bars.push(bar);
        self
    }

    /// Adds an interval.
    #[must_use]
    pub fn whisker(mut self, whisker: Whisker) -> Self {
        self.whiskers.push(whisker);
        self
    }

    /// Adds words.
    #[must_use]
    pub fn note(mut self, note: Note) -> Self {
        self.notes.push(note);
        self
    }

    /// The drawing. Its description for those who do not see it is its title; see [`Svg::described`].
    pub fn draw(&self) -> Svg {
        let mut drawing = String::new();
        let area = SVGBackend::with_string(&mut drawing, (self.size[0], self.size[1])).into_drawing_area();
        let has_title = !self.title.en.is_empty();
        if has_title {
            write(&area, &self.title, (8, 6), &style(Ink::Text, LARGE).pos(Pos::new(HPos::Left, VPos::Top)));
        }
        let has_legend = self.legend(&area, if has_title { 33 } else { 10 });
        let top = if has_title { 34 } else { 10 } + if has_legend { 20 } else { 0 };
        let [x, y] = [&self.x, &self.y];
        let mut plane = ChartBuilder::on(&area)
            .margin_top(top)
            .margin_right(16)
            .margin_bottom(6)
            .margin_left(6)
            .x_label_area_size(if x.title.en.is_empty() { 24 } else { 42 })
            .y_label_area_size(if y.ticks == Ticks::Hidden { 4 } else { 46 })
            .build_cartesian_2d(x.range[0]..x.range[1], y.range[0]..y.range[1])
            .expect("its sides are long enough for the margins");
        self.mesh(&mut plane);
        self.data(&mut plane);
        area.present().expect(DRAWS);
        drop(plane);
        drop(area);
        Svg::of(&drawing, self.size, self.title.clone())
    }

    fn mesh(&self, plane: &mut Plane<'_, '_>) {
        plane
            .configure_mesh()
            .x_labels(self.x.n_ticks)
            .y_labels(self.y.n_ticks)
            .light_line_style(TRANSPARENT)
            .bold_line_style(Ink::Grid.drawn())
            .axis_style(Ink::Soft.drawn())
            .x_label_formatter(&|value| self.x.ticks.text(*value))
            .y_label_formatter(&|value| self.y.ticks.text(*value))
            .label_style(style(Ink::Soft, SMALL))
            .axis_desc_style(style(Ink::Soft, SMALL))
            .x_desc(self.x.title.drawn())
            .draw()
            .expect(DRAWS);
    }

    fn data(&self, plane: &mut Plane<'_, '_>) {
        let bars = self.bars.iter().map(|bar| {
            let corners = [(bar.x[0], bar.y[0]), (bar.x[1], bar.y[1])];
            Rectangle::new(corners, bar.ink.at(bar.opacity).filled())
        });
        plane.draw_series(bars).expect(DRAWS);
        for line in &self.lines {
            plane.draw_series([PathElement::new(line.points.clone(), line.stroke())]).expect(DRAWS);
            if line.has_dots {
                let dot = |&at: &(f64, f64)| Circle::new(at, 3, line.ink.drawn().filled());
                plane.draw_series(line.points.iter().map(dot)).expect(DRAWS);
            }
        }
        let half = 0.008 * (self.x.range[1] - self.x.range[0]);
        for &Whisker { x, y: [low, high], ink } in &self.whiskers {
            let strokes = [
                vec![(x, low), (x, high)],
                vec![(x - half, low), (x + half, low)],
                vec![(x - half, high), (x + half, high)],
            ];
            plane.draw_series(strokes.map(|path| PathElement::new(path, stroke(ink, 1)))).expect(DRAWS);
        }
        let area = plane.plotting_area();
        for note in &self.notes {
            let (side, dx, dy) = match note.side {
                Side::Above => (Pos::new(HPos::Center, VPos::Bottom), 0, -4),
                Side::Left => (Pos::new(HPos::Right, VPos::Center), -8, 0),
                Side::Right => (Pos::new(HPos::Left, VPos::Center), 8, 0),
            };
            let (x, y) = area.map_coordinate(&note.at);
            let own = area.strip_coord_spec();
            let [left, top] = [area.get_pixel_range().0.start, area.get_pixel_range().1.start];
            write(&own, &note.text, (x - left + dx, y - top + dy), &style(Ink::Text, SMALL).pos(side));
        }
    }

    /// Draws what the lines are called, one behind the other. Whether there was anything.
    fn legend(&self, area: &Area<'_>, y: i32) -> bool {
        let mut x = 10;
        for line in self.lines.iter().filter(|line| !line.name.en.is_empty()) {
            area.draw(&PathElement::new(vec![(x, y + 5), (x + 22, y + 5)], line.stroke())).expect(DRAWS);
            if line.has_dots {
                area.draw(&Circle::new((x + 11, y + 5), 3, line.ink.drawn().filled())).expect(DRAWS);
            }
            write(area, &line.name, (x + 28, y + 5), &style(Ink::Soft, SMALL).pos(Pos::new(HPos::Left, VPos::Center)));
            x += 44 + (COLUMN * line.name.columns() as f64) as i32;
        }
        x > 10
    }
}

fn stroke(ink: Ink, width: u32) -> ShapeStyle {
    ink.drawn().stroke_width(width)
}

fn style(ink: Ink, size: f64) -> TextStyle<'static> {
    TextStyle { color: ink.drawn().to_backend_color(), ..TextStyle::from(("sans-serif", size).into_font()) }
}

fn write(area: &Area<'_>, text: &Words, at: (i32, i32), style: &TextStyle<'_>) {
    area.draw(&Text::new(text.drawn(), at, style.clone())).expect(DRAWS);
}

/// One field of a [`grid`].
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// What is written in it.
    pub text: String,
    /// Its colour.
    pub ink: Ink,
    /// How strong: 0 to 1.
    pub strength: f64,
}

/// A table of coloured fields with names left and above, rows and columns in the same order.
///
/// `rows` and `columns` say what the two directions are. Names that are too long for their fields are turned into numbers
/// by the caller. Fields are never smaller than 22 pixels while they hold text.
pub fn grid(title: Words, [rows, columns]: [Words; 2], names: &[String], cells: &[Vec<Cell>]) -> Svg {
    let n = names.len().max(1) as i32;
    let widest = names.iter().map(|name| crate::evaluate::columns(name)).max().unwrap_or(1);
    let has_text = cells.iter().flatten().any(|cell| !cell.text.is_empty());
    let side = if has_text { (400 / n).clamp(26, 64) } else { (400 / n).clamp(4, 64) };
    let left = 30 + (COLUMN * widest as f64) as i32;
    let top = 62;
    let size = [(left + n * side + 8) as u32, (top + n * side + 8) as u32].map(|side| side.max(200));
    let mut drawing = String::new();
    let area = SVGBackend::with_string(&mut drawing, (size[0], size[1])).into_drawing_area();
    let [starts, middles] = [HPos::Left, HPos::Center].map(|pos| Pos::new(pos, VPos::Top));
    write(&area, &title, (8, 4), &style(Ink::Text, LARGE).pos(starts));
    let middle = left + n * side / 2;
    write(&area, &columns, (middle, 26), &style(Ink::Soft, SMALL).pos(middles));
    let turned = style(Ink::Soft, SMALL).pos(Pos::new(HPos::Center, VPos::Center));
    let turned = turned.transform(plotters::style::FontTransform::Rotate270);
    write(&area, &rows, (10, top + n * side / 2), &turned);
    for (k, name) in names.iter().enumerate() {
        let at = k as i32 * side + side / 2;
        let name = Words::same(name);
        // Names of small fields would run into each other.
        if side >= 14 || k % 5 == 0 {
            write(
                &area,
                &name,
                (left - 6, top + at),
                &style(Ink::Text, SMALL).pos(Pos::new(HPos::Right, VPos::Center)),
            );
            write(
                &area,
                &name,
                (left + at, top - 4),
                &style(Ink::Text, SMALL).pos(Pos::new(HPos::Center, VPos::Bottom)),
            );
        }
    }
    let letters = if side >= 34 { SMALL } else { SMALL * 0.85 };
    for (i, row) in cells.iter().enumerate() {
        for (j, cell) in row.iter().enumerate() {
            let corner = (left + j as i32 * side, top + i as i32 * side);
            let other = (corner.0 + side - 1, corner.1 + side - 1);
            area.draw(&Rectangle::new([corner, other], Ink::Grid.at(0.35).filled())).expect(DRAWS);
            if cell.strength > 0.0 {
                area.draw(&Rectangle::new([corner, other], cell.ink.at(cell.strength).filled())).expect(DRAWS);
            }
            let ink = if cell.strength > 0.7 { Ink::Upon } else { Ink::Text };
            let at = (corner.0 + side / 2, corner.1 + side / 2);
            if !cell.text.is_empty() {
                let style = style(ink, letters).pos(Pos::new(HPos::Center, VPos::Center));
                write(&area, &Words::same(&cell.text), at, &style);
            }
        }
    }
    area.present().expect(DRAWS);
    drop(area);
    Svg::of(&drawing, size, title)
}

/// A finished drawing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Svg {
    /// What stands between the outermost tags, colours as the page's variables.
    body: String,
    size: [u32; 2],
    description: Words,
}

impl Svg {
    fn of(drawing: &str, size: [u32; 2], description: Words) -> Self {
        let begin = drawing.find("<svg").and_then(|start| Some(start + drawing[start..].find('>')? + 1)).unwrap_or(0);
        let end = drawing.rfind("</svg>").unwrap_or(drawing.len());
        let mut body = drawing[begin..end].trim_start_matches('\n').replace(" font-family=\"sans-serif\"", "");
        for (ink, variable) in Ink::VARIABLES {
            body = body.replace(&format!("\"#{:06X}\"", ink as u8), &format!("\"{variable}\""));
        }
        let body = body.replace(&format!("stroke-width=\"{DASHED}\""), "stroke-width=\"2\" stroke-dasharray=\"5 4\"");
        Self { body: body.replace(" opacity=\"1\"", ""), size, description }
    }

    /// What those hear who do not see it.
    #[must_use]
    pub fn described(mut self, description: Words) -> Self {
        self.description = description;
        self
    }

    /// As an element of the page.
    pub fn inline(&self) -> String {
        let [width, height] = self.size;
        format!(
            "<svg class=\"chart\" role=\"img\" {} viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\n{}</svg>\n",
            self.description.attribute("aria-label"),
            in_svg(&self.body)
        )
    }

    /// As a file of its own, in English, light or dark as its viewer is.
    pub fn file(&self) -> String {
        let [width, height] = self.size;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             role=\"img\" aria-label=\"{}\">\n<style>{COLOURS}svg{{background:var(--card)}}text{{font-family:{FONTS}}}</style>\n{}</svg>\n",
            escaped(&self.description.en),
            in_english(&self.body)
        )
    }

    /// Several drawings side by side, for one file.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn beside(drawings: &[Self]) -> Self {
        /// Pixels between two of them.
        const GAP: u32 = 20;
        let mut body = String::new();
        let mut width = 0;
        for drawing in drawings {
            let [own, height] = drawing.size;
            body +=
                &format!("<svg x=\"{width}\" y=\"0\" width=\"{own}\" height=\"{height}\">\n{}</svg>\n", drawing.body);
            width += own + GAP;
        }
        width -= GAP;
        let height = drawings.iter().map(|drawing| drawing.size[1]).max().expect("at least one drawing");
        Self { body, size: [width, height], description: drawings[0].description.clone() }
    }
}

/// The colours of page and files.
pub(super) const COLOURS: &str = include_str!("colours.css");
const FONTS: &str = "system-ui,sans-serif";

#[cfg(test)]
mod tests {
    use super::*;

    fn chart() -> Chart {
        let x = Axis::new(Words::new("epoch", "轮次"), [1.0, 5.0], Ticks::Count);
        let y = Axis::new(Words::default(), [0.0, 1.0], Ticks::Percent(0));
        Chart::new(Words::new("Loss < 1", "损失"), x, y)
            .line(
                Line::new(Words::new("training", "训练"), Ink::Blue, vec![(1.0, 0.5), (2.0, f64::NAN), (5.0, 0.1)])
                    .dotted(),
            )
            .line(Line::new(Words::same("diagonal"), Ink::Soft, vec![(1.0, 0.0), (5.0, 1.0)]).dashed())
            .whisker(Whisker { x: 2.0, y: [0.2, 0.4], ink: Ink::Text })
            .bar(Bar { x: [1.0, 2.0], y: [0.0, 0.5], ink: Ink::Orange, opacity: 0.5 })
            .note(Note { at: (2.0, 0.5), side: Side::Above, text: Words::new("kept", "保留") })
    }

    #[test]
    fn a_chart_has_no_colour_of_its_own_and_both_languages() {
        let svg = chart().draw();
        let inline = svg.inline();
        assert!(!inline.contains("#0000") && !inline.contains("NaN") && !inline.contains("http"), "{inline}");
        for expected in
            ["var(--blue)", "var(--line)", ">kept</tspan>", ">保留</tspan>", "aria-label=\"Loss &lt; 1\"", "40%"]
        {
            assert!(inline.contains(expected), "{expected}: {inline}");
        }
        let file = svg.file();
        assert!(file.contains("xmlns=") && file.contains("prefers-color-scheme") && !file.contains("损失"), "{file}");
        assert_eq!(svg, chart().draw());
    }

    #[test]
    fn a_range_that_is_none_and_a_chart_that_is_empty_are_drawn() {
        for range in [[0.0, 0.0], [f64::NAN, 1.0], [2.0, 1.0], [0.0, f64::INFINITY]] {
            let axis = || Axis::new(Words::default(), range, Ticks::Number(2));
            Chart::new(Words::default(), axis(), axis()).size([1, 1]).draw();
        }
    }

    #[test]
    fn a_grid_has_its_names_twice_and_large_ones_have_no_text() {
        let names: Vec<String> = ["cat", "dog"].map(String::from).to_vec();
        let cell = |text: &str, strength| Cell { text: text.to_owned(), ink: Ink::Blue, strength };
        let cells = vec![vec![cell("8", 0.9), cell("", 0.0)], vec![cell("1", 0.1), cell("9", 1.0)]];
        let svg = grid(Words::same("t"), [Words::same("r"), Words::same("c")], &names, &cells).inline();
        assert_eq!(svg.matches("\ncat\n").count(), 2, "{svg}");
        assert!(svg.contains("var(--upon)"));
    }
}
