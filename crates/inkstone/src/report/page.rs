//! The page itself: head, headline, the sections in their order. No script but the switch of languages, no request.

use super::numbers::{self, four, with_interval};
use super::section::Section;
use super::words::{Words, escaped, percent};
use super::{Material, about, promises, shown, stress};
use crate::evaluate::Interval;
use crate::spec::summary::grouped;
use crate::train::verdict;

/// Nothing may be loaded from anywhere; browsers hold the page to it.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// The page.
pub(super) fn html(material: &Material<'_>) -> String {
    let title = title(material);
    let sections = sections(material);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n<link rel=\"icon\" href=\"data:,\">\n\
         <title data-en=\"{}\" data-zh=\"{}\">{}</title>\n<style>{}{}</style>\n</head>\n<body>\n",
        escaped(&title.en),
        escaped(&title.zh),
        escaped(&title.en),
        super::plot::COLOURS,
        include_str!("page.css")
    );
    page += "<main>\n";
    page += &head(material);
    page += &headline(material);
    page += &contents(&sections);
    for section in &sections {
        page += &format!(
            "<section id=\"{0}\" aria-labelledby=\"{0}-title\">\n<h2 id=\"{0}-title\">{1}</h2>\n{2}</section>\n",
            section.id,
            section.title.html(),
            section.body
        );
    }
    page += &format!(
        "<footer>{}</footer>\n</main>\n<script>{}</script>\n</body>\n</html>\n",
        footer().html(),
        include_str!("page.js")
    );
    page
}

fn title(material: &Material<'_>) -> Words {
    let name = &material.report.model.name;
    Words::new(format!("{name}: report"), format!("{name}：报告"))
}

fn footer() -> Words {
    Words::new(
        "Made by Inkstone. Everything on this page was measured; nothing on it was loaded from the network.",
        "由 Inkstone 生成。本页内容均为实测，不从网络加载任何内容。",
    )
}

fn sections(material: &Material<'_>) -> Vec<Section> {
    let mut sections = Vec::new();
    sections.extend(numbers::training(material));
    sections.extend([numbers::confusion(material), numbers::classes(material)]);
    sections.extend([promises::calibration(material), promises::review(material)]);
    sections.extend(promises::decisions(material));
    sections.extend([shown::mistakes(material), shown::suspects(material), shown::samples(material)]);
    sections.extend([stress::section(material), about::section(material)]);
    sections
}

fn head(material: &Material<'_>) -> String {
    let report = material.report;
    let (n, classes) = (grouped(report.data.n as u64), report.classes.len());
    let source = &report.data.source;
    let part = match report.data.part.as_str() {
        "test" => Words::new(
            format!("{n} images of the test part of {source}, which training never saw"),
            format!("{source} 测试集的 {n} 张图像（训练从未见过）"),
        ),
        "validation" => Words::new(
            format!("{n} images of the validation part of {source}, which chose the epoch"),
            format!("{source} 验证集的 {n} 张图像（曾用于选择轮次）"),
        ),
        "train" => Words::new(
            format!("{n} images of the training part of {source}, which says little of new ones"),
            format!("{source} 训练集的 {n} 张图像（不能说明对新图像的表现）"),
        ),
        _ => Words::new(format!("{n} images of {source}"), format!("{source} 的 {n} 张图像")),
    };
    let lead = Words::new(
        format!("A classifier of {classes} classes, measured on {}.", part.en),
        format!("{classes} 类图像分类器，测于 {}。", part.zh),
    );
    format!(
        "<header>\n<div class=\"top\"><span class=\"brand\"><b>砚</b> Inkstone</span>\
         <span class=\"switch\" role=\"group\" aria-label=\"Language 语言\"><button type=\"button\" data-set=\"en\" lang=\"en\">English</button>\
         <button type=\"button\" data-set=\"zh\" lang=\"zh-CN\">中文</button></span></div>\n<h1>{}</h1>\n<p class=\"lead\">{}</p>\n</header>\n",
        escaped(&report.model.name),
        lead.html()
    )
}

/// Accuracy, large, the figures beside it, and what follows from them in sentences.
fn headline(material: &Material<'_>) -> String {
    let report = material.report;
    let Interval { value, low, high } = report.accuracy;
    let between = Words::new(
        format!("95 % interval: {} to {}", percent(low, 2), percent(high, 2)),
        format!("95 % 区间：{} 至 {}", percent(low, 2), percent(high, 2)),
    );
    let figure = if value.is_nan() { "–".to_owned() } else { format!("{:.2}<small>%</small>", 100.0 * value) };
    let mut html = format!(
        "<div class=\"headline\">\n<div class=\"card main\"><h2>{}</h2><p class=\"figure\">{figure}</p><p>{}</p>{}<p class=\"expect\">{}</p></div>\n",
        Words::new("Accuracy", "准确率").html(),
        between.html(),
        ruler(report.accuracy),
        expectation(material).html()
    );
    let intervals = report.intervals.as_ref();
    let wrong = report.confusion_matrix.total() - report.confusion_matrix.n_correct();
    html += &tile(
        &Words::new("Mistakes", "错误"),
        &grouped(wrong),
        &Words::new(
            format!("of {} images", grouped(report.data.n as u64)),
            format!("共 {} 张图像", grouped(report.data.n as u64)),
        )
        .html(),
    );
    let small = |interval: Option<Interval>| {
        interval.map_or(String::new(), |interval| {
            with_interval(f64::NAN, Some(interval), four).trim_start_matches("– ").to_owned()
        })
    };
    html += &tile(
        &Words::new("Macro F1", "宏平均 F1"),
        &four(report.macro_average.f1),
        &small(intervals.map(|all| all.macro_average.f1)),
    );
    html +=
        &tile(&Words::new("Log loss", "对数损失"), &four(report.log_loss), &small(intervals.map(|all| all.log_loss)));
    html += &tile(
        &Words::new("Calibration error", "校准误差"),
        &four(report.calibration_error),
        &small(intervals.map(|all| all.calibration_error)),
    );
    html += "</div>\n<ul class=\"findings\">\n";
    for finding in findings(material) {
        html += &format!("<li>{}</li>\n", finding.html());
    }
    html + "</ul>\n"
}

fn tile(name: &Words, figure: &str, below: &str) -> String {
    format!("<div class=\"card tile\"><h2>{}</h2><p class=\"figure\">{figure}</p><p>{below}</p></div>\n", name.html())
}

/// The interval drawn on a line that is three times as long.
fn ruler(accuracy: Interval) -> String {
    let Interval { value, low, high } = accuracy;
    if !(low.is_finite() && high > low) {
        return String::new();
    }
    let width = (high - low).max(0.001);
    let start = (low - width).max(0.0);
    let end = (high + width).min(1.0);
    let at = |share: f64| 100.0 * (share - start) / (end - start);
    format!(
        "<div class=\"ruler\" aria-hidden=\"true\"><i style=\"left:{:.2}%;width:{:.2}%\"></i><b style=\"left:{:.2}%\"></b><span>{}</span><span>{}</span></div>",
        at(low),
        at(high) - at(low),
        at(value),
        percent(start, 2),
        percent(end, 2)
    )
}

/// What to expect of new images.
fn expectation(material: &Material<'_>) -> Words {
    let Interval { low, high, .. } = material.report.accuracy;
    if material.report.data.n == 0 {
        return Words::new("There are no images in this part, so nothing can be said.", "该部分没有图像，无法下结论。");
    }
    let [low, high] = [low, high].map(|share| grouped((1000.0 * share).round() as u64));
    if low == high {
        return Words::new(
            format!("Of 1,000 new images like these, expect about {low} right."),
            format!("每 1,000 张同类新图像，预计约 {low} 张正确。"),
        );
    }
    Words::new(
        format!("Of 1,000 new images like these, expect {low} to {high} right."),
        format!("每 1,000 张同类新图像，预计 {low} 至 {high} 张正确。"),
    )
}

/// The conclusions, in sentences.
fn findings(material: &Material<'_>) -> Vec<Words> {
    let mut findings = Vec::new();
    findings.extend(promises::recommended(material).map(|point| promises::review_sentence(&point)));
    findings.extend(material.training.map(|training| numbers::fit(verdict(training.metrics))));
    findings.push(numbers::most_confused(material));
    findings.extend(material.report.errata.map(|errata| {
        let Interval { value, low, high } = errata.accuracy_without;
        let [value, low, high] = [value, low, high].map(|share| percent(share, 2));
        Words::new(
            format!(
                "Without {} images whose labels are known to be wrong, accuracy is {value} ({low} to {high}).",
                errata.n
            ),
            format!("去掉已知标签有误的 {} 张图像后，准确率为 {value}（{low} 至 {high}）。", errata.n),
        )
    }));
    if material.report.data.part == "validation" {
        findings.push(Words::new(
            "These images chose the epoch: new ones will do a little worse.",
            "这些图像曾用于选择轮次：新图像的表现会略差。",
        ));
    }
    findings
}

fn contents(sections: &[Section]) -> String {
    let mut html = "<nav aria-label=\"Contents 目录\">\n".to_owned();
    for section in sections {
        html += &format!("<a href=\"#{}\">{}</a>\n", section.id, section.title.html());
    }
    html + "</nav>\n"
}
