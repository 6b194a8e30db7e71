//! The sections whose content is figures: training, confusion, classes.

use super::figures;
use super::section::{Section, table};
use super::words::{Words, escaped, percent};
use super::{Material, Training};
use crate::evaluate::{Interval, ScoreIntervals};
use crate::spec::summary::grouped;
use crate::train::{Verdict, verdict};

/// A number with its interval in small print.
pub(super) fn with_interval(value: f64, interval: Option<Interval>, write: impl Fn(f64) -> String) -> String {
    let range = interval.filter(|interval| interval.low.is_finite() && interval.high.is_finite());
    let range = range.map_or(String::new(), |Interval { low, high, .. }| {
        format!(" <span class=\"range\">{}–{}</span>", write(low), write(high).trim_start())
    });
    format!("{}{range}", if value.is_nan() { "–".to_owned() } else { write(value) })
}

pub(super) fn four(value: f64) -> String {
    format!("{value:.4}")
}

/// Loss and accuracy by epoch, and what they say.
pub(super) fn training(material: &Material<'_>) -> Option<Section> {
    let training = material.training?;
    let kept = material.report.model.kept_epoch;
    let curves = figures::curves(training.metrics, kept)?;
    let section = Section::new("training", Words::new("Training", "训练过程"));
    let Training { n_training, n_validation, .. } = training;
    let seconds: f64 = training.metrics.iter().map(|line| line.train_seconds).sum();
    let n_epochs = training.metrics.len();
    let mut told = Words::new(
        format!(
            "{} images to learn from, {} to choose the epoch by; {n_epochs} epochs in {seconds:.1} seconds.",
            grouped(n_training as u64),
            grouped(n_validation as u64)
        ),
        format!(
            "{} 张图像用于学习，{} 张用于选择轮次；共 {n_epochs} 轮，用时 {seconds:.1} 秒。",
            grouped(n_training as u64),
            grouped(n_validation as u64)
        ),
    );
    if let Some(kept) = kept {
        told = told.and(&Words::new(format!("Epoch {kept} was kept."), format!("保留第 {kept} 轮。")));
    }
    let explanation = Words::new(
        "Training figures are those of the images as they were met: changed at random, while the network was still learning. \
         So validation can look better.",
        "训练数值是在学习过程中、对随机变换后的图像测得的，因此验证结果可能看起来更好。",
    );
    Some(section.paragraph(&fit(verdict(training.metrics))).paragraph(&told).charts(&curves).explanation(&explanation))
}

/// Whether the curves look under- or overfitted, as a sentence of its own.
pub(super) fn fit(verdict: Verdict) -> Words {
    let english = verdict.to_string();
    let mut letters = english.chars();
    let first = letters.next().map(|first| first.to_uppercase().collect::<String>()).unwrap_or_default();
    let english = format!("{first}{}.", letters.as_str());
    let chinese = match verdict {
        Verdict::NoEpoch => "还没有完成任何一轮，无法判断曲线。".to_owned(),
        Verdict::NoValidation => "没有验证集，无法判断网络能否泛化。".to_owned(),
        Verdict::Rising { since, validation: [lowest, loss], training: [before, now] } => format!(
            "曲线显示过拟合：自第 {since} 轮起，验证损失从 {lowest:.4} 升至 {loss:.4}，而训练损失从 {before:.4} 降至 \
             {now:.4}；数据增强、dropout 或权重衰减会有帮助。"
        ),
        Verdict::Memorised { accuracy: [training, validation] } => format!(
            "曲线显示过拟合：训练正确率 {}，验证正确率 {}；更多图像或数据增强会有帮助。",
            percent(training, 1),
            percent(validation, 1)
        ),
        Verdict::OneEpoch { loss: [training, validation] } => {
            format!("只有一轮，无法判断曲线：训练损失 {training:.4}，验证损失 {validation:.4}。")
        }
        Verdict::Unfinished { validation: [before, loss] } => {
            format!("曲线显示欠拟合：最后一轮验证损失仍在下降（{before:.4} 到 {loss:.4}）；更多轮次会有帮助。")
        }
        Verdict::Limited { accuracy } => {
            format!("曲线显示欠拟合：训练正确率停在 {}；更大的网络或不同的学习率可能有帮助。", percent(accuracy, 1))
        }
        Verdict::WellFitted { loss, accuracy: [training, validation] } => format!(
            "曲线显示拟合良好：验证损失稳定在 {loss:.4}，训练与验证正确率分别为 {} 和 {}。",
            percent(training, 1),
            percent(validation, 1)
        ),
    };
    Words::new(english, chinese)
}

/// What is taken for what.
pub(super) fn confusion(material: &Material<'_>) -> Section {
    let report = material.report;
    let section = Section::new("confusion", Words::new("What is taken for what", "混淆矩阵"));
    let how = Words::new(
        "Each row is a class as it truly is, each column what the model answered. Blue: right; orange: mistaken, on a scale \
         of its own so that rare mistakes are seen.",
        "每行是真实类别，每列是模型的回答。蓝色为正确，橙色为错误；错误使用单独的色阶，使罕见的错误也能看见。",
    );
    let section = section.paragraph(&most_confused(material)).explanation(&how).charts(&figures::matrices(report));
    let section = if figures::is_numbered(report) { section.explanation(&numbered(material)) } else { section };
    let rows = confusions(material);
    if rows.is_empty() {
        return section;
    }
    let heads = [
        Words::new("class", "类别"),
        Words::new("taken for", "误认为"),
        Words::new("images", "图像数"),
        Words::new("of the class", "占该类"),
    ];
    section.html(&table(&Words::new("The commonest mistakes", "最常见的错误"), &heads, &rows))
}

fn numbered(material: &Material<'_>) -> Words {
    let names = material.report.classes.iter().enumerate().map(|(i, class)| format!("{i} {}", class.name));
    let names: Vec<String> = names.collect();
    Words::new(format!("Classes by number: {}.", names.join(", ")), format!("类别编号：{}。", names.join("，")))
}

/// The pairs that are mistaken most often.
fn confusions(material: &Material<'_>) -> Vec<Vec<String>> {
    const MOST: usize = 6;
    let report = material.report;
    let mut pairs: Vec<(u64, usize, usize)> = Vec::new();
    for (i, row) in report.confusion_matrix.rows().iter().enumerate() {
        pairs.extend(row.iter().enumerate().filter(|&(j, &n)| i != j && n > 0).map(|(j, &n)| (n, i, j)));
    }
    pairs.sort_by(|a, b| b.0.cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let name = |class: usize| escaped(&report.classes[class].name);
    let share = |n: u64, class: usize| percent(n as f64 / report.classes[class].support as f64, 1);
    pairs.into_iter().take(MOST).map(|(n, i, j)| vec![name(i), name(j), grouped(n), share(n, i)]).collect()
}

/// The commonest mistake in a sentence.
pub(super) fn most_confused(material: &Material<'_>) -> Words {
    let report = material.report;
    let Some(most) = report.confusion_matrix.most_confused() else {
        return Words::new("Nothing was confused.", "没有任何混淆。");
    };
    let [class, other] = [most.class, most.taken_for].map(|class| &report.classes[class]);
    let (count, support) = (grouped(most.count), grouped(class.support));
    Words::new(
        format!("Most confused: {} with {} ({count} of {support} images).", class.name, other.name),
        format!("最常见的混淆：{} 被认作 {}（{support} 张中有 {count} 张）。", class.name, other.name),
    )
}

/// Precision, recall, F1 of each class.
pub(super) fn classes(material: &Material<'_>) -> Section {
    let report = material.report;
    let intervals = report.intervals.as_ref();
    let row = |name: String, scores: [f64; 3], intervals: Option<ScoreIntervals>, n: u64| {
        let of = |value: f64, pick: fn(ScoreIntervals) -> Interval| with_interval(value, intervals.map(pick), four);
        let [precision, recall, f1] = scores;
        vec![
            name,
            of(precision, |scores| scores.precision),
            of(recall, |scores| scores.recall),
            of(f1, |scores| scores.f1),
            grouped(n),
        ]
    };
    let of_class = |(i, class): (usize, &crate::evaluate::ClassScores)| {
        let intervals = intervals.and_then(|intervals| intervals.classes.get(i)).map(|class| class.scores);
        row(escaped(&class.name), [class.precision, class.recall, class.f1], intervals, class.support)
    };
    let mut rows: Vec<Vec<String>> = report.classes.iter().enumerate().map(of_class).collect();
    for (name, average, intervals) in [
        (
            Words::new("mean over classes", "类别平均"),
            report.macro_average,
            intervals.map(|intervals| intervals.macro_average),
        ),
        (
            Words::new("weighted by images", "按图像加权"),
            report.weighted_average,
            intervals.map(|intervals| intervals.weighted_average),
        ),
    ] {
        rows.push(row(name.html(), [average.precision, average.recall, average.f1], intervals, report.data.n as u64));
    }
    let heads = [
        Words::new("class", "类别"),
        Words::new("precision", "精确率"),
        Words::new("recall", "召回率"),
        Words::new("F1", "F1"),
        Words::new("images", "图像数"),
    ];
    let how = Words::new(
        "Precision: of the answers that name this class, how many are right. Recall: of its images, how many are found. F1 \
         is their harmonic mean. In small print: 95 % intervals.",
        "精确率：回答为该类的结果中有多少是对的。召回率：该类图像中有多少被找到。F1 是二者的调和平均。小字为 95 % 区间。",
    );
    let caption = Words::new("Scores by class", "各类别得分");
    Section::new("classes", Words::new("Class by class", "各类别"))
        .explanation(&how)
        .html(&table(&caption, &heads, &rows))
}
