//! The charts of a report: curves, confusion matrices, reliability, review. What they show is computed elsewhere.

use super::plot::{Axis, Bar, Cell, Chart, Ink, Line, Note, Side, Svg, Ticks, Whisker, grid};
use super::words::{Words, percent};
use crate::evaluate::{Measured, Report, ReviewCurve, bins};
use crate::train::EpochMetrics;

/// Loss and accuracy by epoch; none where no epoch has ended.
pub(super) fn curves(metrics: &[EpochMetrics], kept_epoch: Option<usize>) -> Option<[Svg; 2]> {
    let last = metrics.last()?;
    let losses = curve(
        metrics,
        kept_epoch,
        Curve {
            title: Words::new("Loss by epoch", "各轮的损失"),
            training: |line| Some(line.train_loss),
            validation: |line| line.validation_loss,
            range: |low, high| [0.0_f64.min(low), 1.05 * high],
            ticks: Ticks::Number(2),
        },
    );
    let accuracies = curve(
        metrics,
        kept_epoch,
        Curve {
            title: Words::new("Accuracy by epoch", "各轮的准确率"),
            training: |line| Some(line.train_accuracy),
            validation: |line| line.validation_accuracy,
            range: |low, high| [low - 0.1 * (high - low), (high + 0.1 * (high - low)).min(1.0)],
            ticks: Ticks::Percent(1),
        },
    );
    let both = |what: [&str; 2], training: f64, validation: Option<f64>| {
        let validation = validation.map_or("–".to_owned(), |value| format!("{value:.4}"));
        Words::new(
            format!(
                "{} by epoch; after epoch {}: training {training:.4}, validation {validation}",
                what[0], last.epoch
            ),
            format!("各轮的{}；第 {} 轮之后：训练 {training:.4}，验证 {validation}", what[1], last.epoch),
        )
    };
    Some([
        losses.described(both(["Loss", "损失"], last.train_loss, last.validation_loss)),
        accuracies.described(both(["Accuracy", "准确率"], last.train_accuracy, last.validation_accuracy)),
    ])
}

struct Curve {
    title: Words,
    training: fn(&EpochMetrics) -> Option<f64>,
    validation: fn(&EpochMetrics) -> Option<f64>,
    range: fn(f64, f64) -> [f64; 2],
    ticks: Ticks,
}

fn curve(metrics: &[EpochMetrics], kept_epoch: Option<usize>, what: Curve) -> Svg {
    let points = |of: fn(&EpochMetrics) -> Option<f64>| -> Vec<(f64, f64)> {
        metrics.iter().filter_map(|line| Some((line.epoch as f64, of(line)?))).collect()
    };
    let [training, validation] = [what.training, what.validation].map(points);
    let all = || training.iter().chain(&validation).map(|point| point.1).filter(|value| value.is_finite());
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    let (low, high) = if high > low { (low, high) } else { (low - 0.01, low + 0.01) };
    let [bottom, top] = (what.range)(low, high);
    let n = metrics.len() as f64;
    let x = Axis::new(Words::new("epoch", "轮次"), [1.0 - 0.04 * n, n + 0.04 * n], Ticks::Count)
        .n_ticks(metrics.len().min(10) + 1);
    let mut chart = Chart::new(what.title, x, Axis::new(Words::default(), [bottom, top], what.ticks));
    let kept = kept_epoch.map(|epoch| epoch as f64);
    if let Some(kept) = kept {
        chart = chart.line(
            Line::new(Words::new("epoch that was kept", "保留的一轮"), Ink::Soft, vec![(kept, bottom), (kept, top)])
                .dashed(),
        );
    }
    chart = chart.line(Line::new(Words::new("training", "训练"), Ink::Blue, training).dotted());
    if !validation.is_empty() {
        chart = chart.line(Line::new(Words::new("validation", "验证"), Ink::Orange, validation).dotted());
    }
    chart.draw()
}

/// Names of classes as they fit beside a matrix; numbers where they are too long.
fn short_names(report: &Report) -> Vec<String> {
    const LONGEST: usize = 14;
    let names: Vec<String> = report.classes.iter().map(|class| class.name.clone()).collect();
    let n = names.len();
    let widest = names.iter().map(|name| crate::evaluate::columns(name)).max().unwrap_or(0);
    // Above a column only as much stands as the column is wide: 400 pixels for all.
    if widest <= LONGEST && widest * n * 7 <= 440 { names } else { (0..n).map(|i| i.to_string()).collect() }
}

/// Whether [`matrices`] shows numbers instead of the classes' names.
pub(super) fn is_numbered(report: &Report) -> bool {
    short_names(report).iter().zip(&report.classes).any(|(shown, class)| *shown != class.name)
}

/// Classes up to which numbers fit into the fields.
const MOST_WRITTEN: usize = 30;

/// The confusion matrix in counts and with rows that sum to 100 %.
pub(super) fn matrices(report: &Report) -> [Svg; 2] {
    let rows = report.confusion_matrix.rows();
    let names = short_names(report);
    let has_text = names.len() <= MOST_WRITTEN;
    let share = |i: usize, j: usize| {
        let total: u64 = rows[i].iter().sum();
        if total == 0 { 0.0 } else { rows[i][j] as f64 / total as f64 }
    };
    let n = names.len();
    let off = |i: usize, j: usize| i != j;
    let places = || (0..n).flat_map(|i| (0..n).map(move |j| (i, j)));
    let worst = places().filter(|&(i, j)| off(i, j)).map(|(i, j)| share(i, j)).fold(0.0, f64::max);
    // Rare mistakes must be seen beside many right answers: their colour has its own scale.
    let strength = |i: usize, j: usize| match (off(i, j), share(i, j)) {
        (_, 0.0) => 0.0,
        (true, share) => 0.12 + 0.78 * (share / worst).sqrt(),
        (false, share) => 0.12 + 0.88 * share,
    };
    let drawing = |title: Words, text: &dyn Fn(usize, usize) -> String| {
        let cell = |i: usize, j: usize| Cell {
            text: if has_text { text(i, j) } else { String::new() },
            ink: if off(i, j) { Ink::Orange } else { Ink::Blue },
            strength: strength(i, j),
        };
        let cells: Vec<Vec<Cell>> = (0..n).map(|i| (0..n).map(|j| cell(i, j)).collect()).collect();
        let sides = [Words::new("truth", "真实类别"), Words::new("answer", "模型回答")];
        grid(title, sides, &names, &cells)
    };
    let count = |i: usize, j: usize| if rows[i][j] == 0 { String::new() } else { rows[i][j].to_string() };
    let normalised = |i: usize, j: usize| match 100.0 * share(i, j) {
        0.0 => String::new(),
        100.0 => "100".to_owned(),
        percent if percent < 0.05 => format!("{percent:.2}"),
        percent => format!("{percent:.1}"),
    };
    let (right, total) = (report.confusion_matrix.n_correct(), report.confusion_matrix.total());
    let described = Words::new(
        format!("Confusion matrix: {right} of {total} images on the diagonal"),
        format!("混淆矩阵：{total} 张图像中有 {right} 张在对角线上"),
    );
    [
        drawing(Words::new("Number of images", "图像数量"), &count).described(described.clone()),
        drawing(Words::new("Per cent of each row", "占每行的百分比"), &normalised).described(described),
    ]
}

/// The reliability diagram and, below the same confidences, the number of images.
pub(super) fn reliability(measured: &Measured) -> [Svg; 2] {
    let bins = bins(measured);
    let confidence = || {
        Axis::new(Words::new("confidence (largest probability)", "置信度（最大概率）"), [0.0, 1.0], Ticks::Percent(0))
    };
    let share = Axis::new(Words::default(), [0.0, 1.0], Ticks::Percent(0));
    let mut diagram =
        Chart::new(Words::new("Right answers by confidence", "按置信度划分的正确率"), confidence(), share);
    for bin in bins.iter().filter(|bin| bin.n > 0) {
        let x = [bin.low + 0.004, bin.high - 0.004];
        diagram =
            diagram.bar(Bar { x, y: [0.0, bin.accuracy.value], ink: Ink::Blue, opacity: 0.55 }).whisker(Whisker {
                x: f64::midpoint(bin.low, bin.high),
                y: [bin.accuracy.low, bin.accuracy.high],
                ink: Ink::Text,
            });
    }
    let points = bins.iter().filter(|bin| bin.n > 0).map(|bin| (bin.confidence, bin.accuracy.value)).collect();
    let diagonal = vec![(0.0, 0.0), (1.0, 1.0)];
    diagram = diagram
        .line(Line::new(Words::new("perfectly calibrated", "完全校准"), Ink::Soft, diagonal).dashed())
        .line(Line::new(Words::new("this model", "本模型"), Ink::Orange, points).dotted());
    let most = bins.iter().map(|bin| bin.n).max().unwrap_or(0).max(1) as f64;
    let height = |n: u64| (1.0 + n as f64).log10();
    let tall = Axis::new(Words::default(), [0.0, 1.12 * (1.0 + most).log10()], Ticks::Hidden);
    let title = Words::new("Number of images by confidence (log scale)", "各置信度的图像数量（对数刻度）");
    let mut counts = Chart::new(title, confidence(), tall);
    for bin in bins.iter().filter(|bin| bin.n > 0) {
        let x = [bin.low + 0.004, bin.high - 0.004];
        let at = (f64::midpoint(bin.low, bin.high), height(bin.n));
        counts = counts.bar(Bar { x, y: [0.0, at.1], ink: Ink::Blue, opacity: 0.55 }).note(Note {
            at,
            side: Side::Above,
            text: Words::same(bin.n.to_string()),
        });
    }
    let in_words = |bin: &crate::evaluate::Bin| {
        format!("{:.0}–{:.0} %: {} / {}", 100.0 * bin.low, 100.0 * bin.high, percent(bin.accuracy.value, 1), bin.n)
    };
    let listed = bins.iter().filter(|bin| bin.n > 0).map(in_words).collect::<Vec<_>>().join("; ");
    let described = Words::new(
        format!("Reliability diagram. Confidence: share right / images. {listed}"),
        format!("可靠性图。置信度：正确率 / 图像数。{listed}"),
    );
    [diagram.draw().described(described.clone()), counts.draw().described(described)]
}

/// Errors among the accepted, against the share that is accepted.
pub(super) fn review(curve: &ReviewCurve, chosen: Option<(f64, f64)>) -> Svg {
    let points = curve.curve(400);
    let top = points.iter().map(|point| point.1).fold(0.0, f64::max).max(1e-4) * 1.15;
    let decimals = if top < 0.02 { 2 } else { 1 };
    let x = Axis::new(
        Words::new("share of images answered without a person", "自动回答的图像比例"),
        [0.0, 1.0],
        Ticks::Percent(0),
    );
    let y = Axis::new(Words::default(), [0.0, top], Ticks::Percent(decimals));
    let title = Words::new("Errors among the accepted answers", "被接受回答中的错误率");
    let mut chart = Chart::new(title, x, y).line(Line::new(Words::default(), Ink::Blue, points));
    if let Some((accepted, error)) = chosen {
        chart = chart
            .line(Line::new(Words::default(), Ink::Orange, vec![(accepted, 0.0), (accepted, top)]).dashed())
            .line(Line::new(Words::default(), Ink::Orange, vec![(accepted, error)]).dotted())
            .note(Note { at: (accepted, 0.8 * top), side: Side::Left, text: Words::same(percent(accepted, 1)) });
    }
    let described = Words::new(
        "Share of errors among the answers that are accepted, the surest first",
        "按把握由高到低接受回答时，被接受回答中的错误比例",
    );
    chart.draw().described(described)
}
