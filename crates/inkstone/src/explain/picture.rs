//! An explanation as a picture: what was asked, what the network saw, the map beside it, and every check in words, in red
//! where it failed. Draws numbers that it is given and decides nothing.

use super::canvas::{Canvas, Colour, Rectangle};
use super::colour::{diverging, sequential};
use super::{Baseline, Check, Explanation, Flip, letters};
use crate::data::Image;
use crate::data::sheet::Picture;
use crate::predict::Decision;

/// The side of a panel, about: small images are enlarged by whole factors.
const PANEL: usize = 308;
/// Around everything and between panels.
const GAP: usize = 20;
/// A line of text of the usual size.
const LINE: usize = letters::HEIGHT * 2 + 6;
const PAPER: Colour = [255; 3];
const INK: Colour = [40; 3];
const FAINT: Colour = [120; 3];
const ALARM: Colour = [190, 20, 30];
const FRAME: Colour = [200; 3];

/// The picture. `original` is the image as it was read: shown where the network saw another.
pub fn picture(explanation: &Explanation, original: Option<Image<'_>>) -> Picture {
    let shown = original.filter(|image| *image != explanation.prepared.image());
    let n_panels = 2 + usize::from(shown.is_some()) + usize::from(explanation.flip.is_some());
    let panel = Panel::of(explanation);
    let mut drawing = Drawing {
        canvas: Canvas::new(n_panels * (panel.width.max(PANEL) + GAP) + GAP, PAPER),
        explanation,
        panel,
        y: GAP,
    };
    drawing.head();
    drawing.panels(shown);
    drawing.checks();
    drawing.neighbours();
    drawing.canvas.reach(drawing.y + GAP - LINE / 2);
    drawing.canvas.finish()
}

/// How large the prepared image is drawn.
#[derive(Clone, Copy)]
struct Panel {
    scale: usize,
    width: usize,
    height: usize,
}

impl Panel {
    fn of(explanation: &Explanation) -> Self {
        let [height, width] = explanation.size;
        let scale = (PANEL / height.max(width)).max(1);
        Self { scale, width: width * scale, height: height * scale }
    }
}

struct Drawing<'a> {
    canvas: Canvas,
    explanation: &'a Explanation,
    panel: Panel,
    /// Where the next thing begins.
    y: usize,
}

impl Drawing<'_> {
    /// A paragraph over the whole width.
    fn paragraph(&mut self, colour: Colour, text: &str) {
        for line in letters::wrap(text, (self.canvas.width - 2 * GAP) / (letters::ADVANCE * 2)) {
            self.canvas.text([GAP, self.y], 2, colour, &line);
            self.y += LINE;
        }
    }

    fn head(&mut self) {
        let explanation = self.explanation;
        let class = name(&explanation.class, "this class");
        let question = match &explanation.against {
            Some(against) => format!("Why {class} and not {}?", name(against, "the other")),
            None => format!("Why {class}?"),
        };
        let prediction = &explanation.prediction;
        let word = if prediction.decision == Decision::Answer { "answer" } else { "best guess" };
        let answer = match &prediction.class {
            Some(answer) if *answer == explanation.class => format!("{word} "),
            Some(answer) => format!("{word} {}; ", name(answer, "another")),
            None => String::new(),
        };
        self.canvas.text([GAP, self.y], 4, INK, &question);
        self.y += letters::HEIGHT * 4 + 6;
        let share = percent(explanation.probability);
        match prediction.decision {
            Decision::Abstain => {
                self.paragraph(
                    INK,
                    &format!("The model does not answer: {}.", prediction.reasons.join(", ").replace('_', " ")),
                );
            }
            Decision::Set => {
                let set: Vec<String> = prediction.set.iter().map(|class| name(class, "another")).collect();
                self.paragraph(INK, &format!("The model does not decide between {}.", set.join(", ")));
            }
            Decision::Answer | Decision::Error => {}
        }
        self.paragraph(FAINT, &format!("{answer}{class}: {share}. {}", explanation.method.sentence()));
        let n_failed = explanation.failed().count();
        if n_failed > 0 {
            self.y += 4;
            self.canvas.fill([GAP, self.y, self.canvas.width - 2 * GAP, LINE + 10], ALARM);
            let (n, left) = (explanation.checks.len(), GAP + 10);
            let text = format!("DO NOT TRUST THIS MAP: it failed {n_failed} of {n} checks");
            let room = (self.canvas.width - 2 * left) / (letters::ADVANCE * 2);
            let text = if text.len() > room { "DO NOT TRUST THIS MAP" } else { &text };
            self.canvas.text([left, self.y + 8], 2, PAPER, text);
            self.y += LINE + 14;
        }
        self.y += 6;
    }

    /// The pictures side by side, a caption above each.
    fn panels(&mut self, original: Option<Image<'_>>) {
        let top = self.y + LINE;
        let mut x = GAP;
        let step = self.panel.width.max(PANEL) + GAP;
        if let Some(image) = original {
            self.caption(x, "the picture");
            self.original(image, [x, top]);
            x += step;
        }
        self.caption(x, "what the network saw");
        let prepared = &self.explanation.prepared;
        self.pixels([x, top], |pixel| colour_of(prepared.image(), pixel));
        x += step;
        self.caption(x, if self.explanation.against.is_some() { "the difference" } else { "the map" });
        self.heat([x, top]);
        self.legend([x, top + self.panel.height + 6]);
        let mut bottom = top + self.panel.height + 6 + 14 + LINE;
        if let Some(flip) = &self.explanation.flip {
            self.caption(x + step, "the smallest change found");
            bottom = bottom.max(self.flip(flip, [x + step, top]));
        }
        self.y = bottom + 6;
    }

    fn caption(&mut self, x: usize, text: &str) {
        self.canvas.text([x, self.y], 2, INK, text);
    }

    /// The prepared image's pixels in some colour each, framed.
    fn pixels(&mut self, [left, top]: [usize; 2], colour: impl Fn(usize) -> Colour) {
        let Panel { scale, width, height } = self.panel;
        let [rows, columns] = self.explanation.size;
        for pixel in 0..rows * columns {
            let (row, column) = (pixel / columns, pixel % columns);
            self.canvas.fill([left + column * scale, top + row * scale, scale, scale], colour(pixel));
        }
        self.canvas.frame([left, top, width, height], 1, FRAME);
    }

    /// The image as it was read, fitted into a panel, with a frame around the sign.
    fn original(&mut self, image: Image<'_>, [left, top]: [usize; 2]) {
        let (rows, columns) = (image.size.height, image.size.width);
        let side = self.panel.height.max(self.panel.width).min(PANEL);
        let longer = rows.max(columns);
        let fitted = |length: usize| (length * side / longer).max(1);
        let (height, width) = (fitted(rows), fitted(columns));
        for y in 0..height {
            for x in 0..width {
                let pixel = y * rows / height * columns + x * columns / width;
                self.canvas.fill([left + x, top + y, 1, 1], colour_of(image, pixel));
            }
        }
        let [x, y, w, h] = self.explanation.bounds;
        let place = |at: usize| at * side / longer;
        if [w, h] != [columns, rows] {
            let sign = [left + place(x), top + place(y), place(w).max(2), place(h).max(2)];
            self.canvas.frame(grown(sign, [left, top]), 2, diverging(1.0));
        }
        self.canvas.frame([left, top, width, height], 1, FRAME);
    }

    /// The map in colours; over ink its outline, over photographs their light and dark.
    fn heat(&mut self, at: [usize; 2]) {
        let explanation = self.explanation;
        let most = strongest(explanation);
        let columns = explanation.size[1];
        let prepared = explanation.prepared.image();
        let has_outline = explanation.baseline != Baseline::Mean;
        self.pixels(at, |pixel| {
            let value = f64::from(explanation.heatmap[pixel / columns][pixel % columns]);
            let share = if most > 0.0 { value / most } else { 0.0 };
            let colour = if explanation.method.is_signed() { diverging(share) } else { sequential(share) };
            if has_outline { colour } else { shaded(colour, colour_of(prepared, pixel)) }
        });
        if has_outline {
            self.outline(at);
        }
    }

    /// Lines between pixels that are more ink than ground and those that are not.
    fn outline(&mut self, [left, top]: [usize; 2]) {
        let scale = self.panel.scale;
        let [rows, columns] = self.explanation.size;
        let prepared = self.explanation.prepared.image();
        let is_light = |pixel: usize| luma(colour_of(prepared, pixel)) >= 128;
        for pixel in 0..rows * columns {
            let (x, y) = (left + pixel % columns * scale, top + pixel / columns * scale);
            if pixel % columns > 0 && is_light(pixel) != is_light(pixel - 1) {
                self.canvas.fill([x, y, 1, scale + 1], FAINT);
            }
            if pixel >= columns && is_light(pixel) != is_light(pixel - columns) {
                self.canvas.fill([x, y, scale + 1, 1], FAINT);
            }
        }
    }

    /// The colours of the map and what they stand for.
    fn legend(&mut self, [left, top]: [usize; 2]) {
        let width = self.panel.width.max(PANEL);
        let explanation = self.explanation;
        let signed = explanation.method.is_signed();
        for x in 0..width {
            let share = x as f64 / (width - 1) as f64;
            let colour = if signed { diverging(2.0 * share - 1.0) } else { sequential(share) };
            self.canvas.fill([left + x, top, 1, 12], colour);
        }
        self.canvas.frame([left, top, width, 12], 1, FRAME);
        let most = number(strongest(explanation));
        let short = |class: &str| if class.chars().count() <= 3 { name(class, "it") } else { "it".to_owned() };
        let class = short(&explanation.class);
        let (low, high) = match &explanation.against {
            _ if !signed => ("0".to_owned(), most),
            Some(other) if short(other) != "it" => {
                (format!("-{most} for {}", short(other)), format!("for {class} +{most}"))
            }
            _ => (format!("-{most} against"), format!("for {class} +{most}")),
        };
        self.canvas.text([left, top + 18], 2, FAINT, &low);
        let right = left + width - (high.chars().count() * letters::ADVANCE - 1) * 2;
        self.canvas.text([right, top + 18], 2, FAINT, &high);
    }

    /// The changed image and what was changed; gives back where it ends.
    fn flip(&mut self, flip: &Flip, [left, top]: [usize; 2]) -> usize {
        let prepared = self.explanation.prepared.image();
        self.pixels([left, top], |pixel| colour_of(prepared, pixel));
        let scale = self.panel.scale;
        for pixel in &flip.pixels {
            let sum = |bytes: &[u8]| bytes.iter().map(|&byte| u32::from(byte)).sum::<u32>();
            let brighter = sum(&pixel.after) > sum(&pixel.before);
            let square: Rectangle = [left + pixel.column * scale, top + pixel.row * scale, scale, scale];
            self.canvas.fill(square, diverging(if brighter { 0.9 } else { -0.9 }));
            let inner = [square[0] + scale / 4, square[1] + scale / 4, scale - scale / 4 * 2, scale - scale / 4 * 2];
            self.canvas.fill(inner, grey_or_colour(&pixel.after));
        }
        let text = format!("{}. Red: brighter, blue: darker", flip.line());
        let mut y = top + self.panel.height + 8;
        for line in letters::wrap(&text, self.panel.width.max(PANEL) / (letters::ADVANCE * 2)) {
            self.canvas.text([left, y], 2, FAINT, &line);
            y += LINE;
        }
        y
    }

    fn checks(&mut self) {
        for check in &self.explanation.checks {
            let (word, colour) = if check.passed { ("passed", FAINT) } else { ("FAILED", ALARM) };
            self.paragraph(colour, &format!("{word}  {}", check.line()));
        }
    }

    /// The nearest images with their classes and distances.
    fn neighbours(&mut self) {
        if self.explanation.nearest.is_empty() {
            return;
        }
        self.y += 8;
        self.paragraph(INK, "nearest images as the network sees them: class, distance");
        let full = self.panel;
        let scale = (84 / self.explanation.size[0].max(self.explanation.size[1])).max(1);
        let [rows, columns] = self.explanation.size;
        self.panel = Panel { scale, width: columns * scale, height: rows * scale };
        let mut x = GAP;
        for near in &self.explanation.nearest {
            if x + self.panel.width + GAP > self.canvas.width && x > GAP {
                (x, self.y) = (GAP, self.y + self.panel.height + LINE + 6);
            }
            let image = Image { size: self.explanation.prepared.size, pixels: &near.prepared };
            self.pixels([x, self.y], |pixel| colour_of(image, pixel));
            let alike = near.class == self.explanation.class;
            let room = (self.panel.width + 8) / (letters::ADVANCE * 2);
            let text: String = format!("{} {:.1}", name(&near.class, "?"), near.distance).chars().take(room).collect();
            let at = [x, self.y + self.panel.height + 4];
            self.canvas.text(at, 2, if alike { FAINT } else { ALARM }, &text);
            x += self.panel.width + 12;
        }
        self.y += self.panel.height + LINE + 6;
        self.panel = full;
    }
}

impl Check {
    /// What was measured, in a line.
    pub fn line(&self) -> String {
        let limit = |word: &str| format!("{:.2} ({word} {:.2})", self.value, self.threshold);
        match self.name {
            "not_empty" if self.passed => "the map is not empty".to_owned(),
            "not_empty" => "the map is zero everywhere".to_owned(),
            "completeness" => {
                format!("adds up to the logit: gap {} (at most {})", percent(self.value), percent(self.threshold))
            }
            "parameter_randomisation" => {
                format!("likeness to the maps of random networks: {}", limit("at most"))
            }
            "agreement_with_integrated_gradients" => {
                format!("rank correlation with integrated gradients: {}", limit("at least"))
            }
            _ => format!("rank correlation with occlusion: {}", limit("at least")),
        }
    }
}

/// The largest absolute value of the map.
fn strongest(explanation: &Explanation) -> f64 {
    explanation.heatmap.iter().flatten().fold(0.0, |most, value| f64::max(most, f64::from(value.abs())))
}

/// A class's name, or other words where the letters for it are missing.
fn name(class: &str, otherwise: &str) -> String {
    if letters::knows(class) && class.chars().count() <= 20 { class.to_owned() } else { otherwise.to_owned() }
}

/// One decimal; what rounds to nothing says so only where it is.
fn percent(share: f64) -> String {
    match share {
        s if s > 0.0 && s < 0.0005 => "<0.1 %".to_owned(),
        s if s > 0.9995 && s < 1.0 => ">99.9 %".to_owned(),
        s => format!("{:.1} %", s * 100.0),
    }
}

/// Two or three digits that count.
fn number(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 1.0 => format!("{v:.1}"),
        v if v >= 0.01 || v == 0.0 => format!("{v:.2}"),
        v => format!("{v:.0e}"),
    }
}

fn colour_of(image: Image<'_>, pixel: usize) -> Colour {
    let channels = image.size.channels;
    grey_or_colour(&image.pixels[pixel * channels..][..channels])
}

fn grey_or_colour(bytes: &[u8]) -> Colour {
    match *bytes {
        [red, green, blue] => [red, green, blue],
        [grey, ..] => [grey; 3],
        [] => PAPER,
    }
}

fn luma([red, green, blue]: Colour) -> u32 {
    (u32::from(red) * 299 + u32::from(green) * 587 + u32::from(blue) * 114) / 1000
}

/// A colour with the light and dark of another, half of it.
fn shaded(colour: Colour, image: Colour) -> Colour {
    let light = 128 + luma(image) / 2;
    colour.map(|byte| (u32::from(byte) * light / 255) as u8)
}

/// Three pixels more on every side, as far as there is room at the left and the top.
fn grown([left, top, width, height]: Rectangle, least: [usize; 2]) -> Rectangle {
    let (x, y) = (left.saturating_sub(3).max(least[0]), top.saturating_sub(3).max(least[1]));
    [x, y, width + left - x + 3, height + top - y + 3]
}
