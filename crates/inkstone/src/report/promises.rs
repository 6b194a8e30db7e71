//! The sections on what may be relied on: calibration, how much can be left to the model, what it refuses.

use super::Material;
use super::figures;
use super::section::{Section, table};
use super::words::{Words, percent};
use crate::evaluate::{Measured, OperatingPoint, ProbabilityScores, PromiseInfo, Report, ReviewCurve};
use crate::spec::summary::grouped;

/// Whether the model's confidence can be taken at its word.
pub(super) fn calibration(material: &Material<'_>) -> Section {
    let (report, measured): (&Report, &Measured) = (material.report, material.measured);
    let n = measured.len().max(1) as f64;
    let confidence = (0..measured.len()).map(|k| measured.confidence(k)).sum::<f64>() / n;
    let gap = confidence - report.accuracy.value;
    let points = format!("{:.2}", 100.0 * gap.abs());
    let [sure, right] = [confidence, report.accuracy.value].map(|share| percent(share, 2));
    let direction = if gap >= 0.0 { ["too sure", "过于自信"] } else { ["too modest", "过于谨慎"] };
    let told = Words::new(
        format!("On average it is {sure} sure and {right} right: {points} points {}.", direction[0]),
        format!("平均置信度 {sure}，正确率 {right}：{}，相差 {points} 个百分点。", direction[1]),
    );
    let error = Words::new(
        format!(
            "Confidence misses the truth by {:.4} on average (expected calibration error over 15 bins).",
            report.calibration_error
        ),
        format!("置信度与事实平均相差 {:.4}（15 个区间的期望校准误差）。", report.calibration_error),
    );
    let how = Words::new(
        "Where the orange line follows the diagonal, 80 % sure means right in 8 of 10 cases. Thin lines are 95 % intervals: \
         bins of few images tell little.",
        "橙线贴近对角线时，80 % 的把握就意味着十次里对八次。细线为 95 % 区间：图像少的区间说明不了什么。",
    );
    Section::new("calibration", Words::new("Can its confidence be trusted?", "置信度可信吗？"))
        .paragraph(&told.and(&error))
        .charts(&figures::reliability(measured))
        .explanation(&how)
        .html(&before_and_after(report))
}

/// What the temperature did; nothing for a model without.
fn before_and_after(report: &Report) -> String {
    let Some(calibration) = report.calibration else { return String::new() };
    let row = |name: Words, of: fn(&ProbabilityScores) -> f64| {
        vec![name.html(), format!("{:.4}", of(&calibration.before)), format!("{:.4}", of(&calibration.after))]
    };
    let rows = [
        row(Words::new("log loss", "对数损失"), |scores| scores.log_loss),
        row(Words::new("Brier score", "Brier 分数"), |scores| scores.brier_score),
        row(Words::new("calibration error", "校准误差"), |scores| scores.calibration_error),
    ];
    let heads =
        [Words::new("less is better", "越小越好"), Words::new("before", "校准前"), Words::new("after", "校准后")];
    let caption = Words::new(
        format!(
            "Calibration: temperature {:.3}, fitted on {} images that trained nothing",
            calibration.temperature,
            grouped(calibration.n as u64)
        ),
        format!(
            "校准：温度 {:.3}，在 {} 张未参与训练的图像上拟合",
            calibration.temperature,
            grouped(calibration.n as u64)
        ),
    );
    table(&caption, &heads, &rows)
}

/// Errors that one may allow, the usual one first.
const ALLOWED: [f64; 6] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05];

/// What answers come to that are accepted where at most this share of errors is to be expected. The least confidence is that
/// of the model's own calibration images; for a model without, that of the measured ones.
fn operating(material: &Material<'_>, curve: &ReviewCurve, max_error: f64) -> Option<OperatingPoint> {
    match &material.model.trust {
        Some(trust) => {
            let point = trust.review.least_confidence(max_error)?;
            curve.from(point.confidence).map(|measured| OperatingPoint { max_error, ..measured })
        }
        None => curve.at(max_error),
    }
}

/// The way to work that a report recommends: at most 0.1 % errors where that is possible, else the next that is.
pub(super) fn recommended(material: &Material<'_>) -> Option<OperatingPoint> {
    /// Where next to nothing could be accepted, more errors must be allowed.
    const WORTH: f64 = 0.05;
    let curve = ReviewCurve::of(material.measured);
    ALLOWED.iter().find_map(|&error| operating(material, &curve, error).filter(|point| point.accepted >= WORTH))
}

/// "Accept 92 % automatically at 0.1 % errors; 8 % go to a person."
pub(super) fn review_sentence(point: &OperatingPoint) -> Words {
    let [accepted, rest] = [point.accepted, 1.0 - point.accepted].map(|share| percent(share, 1));
    let error = percent(point.max_error, 1);
    Words::new(
        format!("Accept {accepted} automatically at {error} errors; {rest} go to a person."),
        format!("自动接受 {accepted}，错误率不超过 {error}；其余 {rest} 交给人工。"),
    )
}

/// How many images need no person.
pub(super) fn review(material: &Material<'_>) -> Section {
    let curve = ReviewCurve::of(material.measured);
    let section = Section::new("review", Words::new("How much can be left to it", "可以放心交给它多少"));
    let recommended = recommended(material);
    let section = match &recommended {
        Some(point) => section.paragraph(&review_sentence(point)),
        None => section.paragraph(&Words::new(
            "Its surest answers are wrong too often to leave anything to it alone.",
            "即使最有把握的回答也常常出错，不宜完全自动处理。",
        )),
    };
    let row = |point: OperatingPoint| {
        vec![
            percent(point.max_error, 1),
            percent(point.accepted, 1),
            percent(1.0 - point.accepted, 1),
            format!("{:.4}", point.confidence),
            format!(
                "{} / {} <span class=\"range\">{}–{}</span>",
                grouped(point.n_wrong),
                grouped(point.n_accepted),
                percent(point.error.low, 2),
                percent(point.error.high, 2)
            ),
        ]
    };
    let rows: Vec<Vec<String>> =
        ALLOWED.iter().filter_map(|&error| operating(material, &curve, error)).map(row).collect();
    let heads = [
        Words::new("errors allowed", "允许的错误率"),
        Words::new("answered alone", "自动回答"),
        Words::new("to a person", "交给人工"),
        Words::new("from confidence", "置信度下限"),
        Words::new("wrong among them", "其中错误"),
    ];
    let how = match &material.model.trust {
        Some(trust) => Words::new(
            format!(
                "Answers are accepted from a confidence on, which was chosen on {} other images; what it comes to was measured \
                 on these. In small print: 95 % intervals. Images unlike these may do much worse. predict and serve take it as \
                 --max-error.",
                grouped(trust.n as u64)
            ),
            format!(
                "从某个置信度起接受回答；该置信度由另外 {} 张图像选定，效果在这批图像上测得。小字为 95 % 区间。与之不相像的图像可能差得多。\
                 predict 与 serve 用 --max-error 设定。",
                grouped(trust.n as u64)
            ),
        ),
        None => Words::new(
            "Answers are accepted from a confidence on. That confidence was read off these very images, so new ones will do a \
             little worse, within the interval in small print; images unlike these may do much worse.",
            "从某个置信度起接受回答。该置信度取自这批图像本身，因此新图像会略差一些（见小字区间）；与之不相像的图像可能差得多。",
        ),
    };
    let chosen = recommended.map(|point| (point.accepted, point.error.value));
    let caption = Words::new("Errors allowed and what they save", "允许的错误率与节省的人工");
    section.charts(&[figures::review(&curve, chosen)]).html(&table(&caption, &heads, &rows)).explanation(&how)
}

/// What the model decided to say; nothing for a model that does not know its limits.
pub(super) fn decisions(material: &Material<'_>) -> Option<Section> {
    let decisions = material.report.decisions.as_ref()?;
    let total = (decisions.n_answer + decisions.n_set + decisions.n_abstain).max(1) as f64;
    let row = |name: Words, n: u64, right: String| vec![name.html(), grouped(n), percent(n as f64 / total, 2), right];
    let share = |interval: crate::evaluate::Interval| {
        let range = format!(" <span class=\"range\">{}–{}</span>", percent(interval.low, 2), percent(interval.high, 2));
        if interval.value.is_nan() { "–".to_owned() } else { percent(interval.value, 2) + &range }
    };
    let rows = [
        row(Words::new("answer: one class", "回答：一个类别"), decisions.n_answer, share(decisions.answer_accuracy)),
        row(Words::new("set: one of several", "集合：几类之一"), decisions.n_set, share(decisions.set_accuracy)),
        row(Words::new("abstain: a person must look", "拒答：需人工查看"), decisions.n_abstain, "–".to_owned()),
    ];
    let heads = [
        Words::new("decision", "决定"),
        Words::new("images", "图像数"),
        Words::new("share", "比例"),
        Words::new("right among them", "其中正确"),
    ];
    let told = promise(["The class is in its set for", "类别落在其集合中的图像占"], &decisions.coverage)
        .and(&promise(["Taken as like the training data:", "被认作与训练数据相像的占"], &decisions.accepted));
    let how = Words::new(
        "Each promise was made on other images that trained nothing and chose nothing. It holds for images like those; for \
         others the model can only try to say that it does not know them.",
        "这些承诺是在未参与训练、也未用于选择的另外一批图像上作出的，只对相似的图像成立；对其他图像，模型只能尽量说“不认识”。",
    );
    let caption = Words::new("What it decided to say", "模型决定怎样回答");
    Some(
        Section::new("decisions", Words::new("When it says “I don't know”", "何时说“不知道”"))
            .paragraph(&told)
            .html(&table(&caption, &heads, &rows))
            .html(&reasons(decisions))
            .explanation(&how),
    )
}

/// A promised share, what it came to, and whether that is as it should be.
fn promise([english, chinese]: [&str; 2], promise: &PromiseInfo) -> Words {
    let [value, promised, low, high] =
        [promise.value, promise.promised, promise.low, promise.high].map(|share| percent(share, 2));
    let kept = if promise.is_inside {
        ["as it should be", "符合预期"]
    } else {
        ["not as it should be", "不符合预期"]
    };
    Words::new(
        format!("{english} {value} of the images; {promised} are promised, {} ({low} to {high}).", kept[0]),
        format!("{chinese} {value}；承诺为 {promised}，{}（{low} 至 {high}）。", kept[1]),
    )
}

/// Why it abstained, where it did.
fn reasons(decisions: &crate::evaluate::DecisionsInfo) -> String {
    if decisions.reasons.is_empty() {
        return String::new();
    }
    let listed = |separator: &str| {
        let each = decisions.reasons.iter().map(|(reason, n)| format!("{reason} {}", grouped(*n)));
        each.collect::<Vec<_>>().join(separator)
    };
    let told = Words::new(format!("Reasons: {}.", listed(", ")), format!("原因：{}。", listed("，")));
    format!("<p>{}</p>\n", told.html())
}
