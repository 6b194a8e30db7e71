//! The sections whose content is images: mistakes, label suspects, samples and what augmentation makes of them.

use super::pictures::{self, Strip};
use super::section::Section;
use super::words::{Words, escaped, percent};
use super::{Material, suspects::Suspect};
use crate::spec::summary::grouped;

/// The surest mistakes.
pub(super) fn mistakes(material: &Material<'_>) -> Section {
    let section = Section::new("mistakes", Words::new("Worst mistakes", "最严重的错误"));
    let mistakes = material.measured.mistakes();
    if mistakes.is_empty() {
        return section.paragraph(&Words::new("None: every image was recognised.", "没有：每张图像都认对了。"));
    }
    let n = mistakes.len();
    let shown = n.min(pictures::MISTAKES);
    let told = Words::new(
        format!(
            "Of {} mistakes the {shown} that the model was surest of. Left of the arrow: the label; right of it: the answer.",
            grouped(n as u64)
        ),
        format!("共 {} 个错误，这里是模型最有把握的 {shown} 个。箭头左边是标签，右边是模型的回答。", grouped(n as u64)),
    );
    let mut html = "<div class=\"tiles\">\n".to_owned();
    mistakes.iter().take(shown).for_each(|&k| html += &mistake(material, k));
    section.paragraph(&told).html(&(html + "</div>\n"))
}

/// One image, its label, and the likeliest classes with their probabilities.
fn mistake(material: &Material<'_>, k: usize) -> String {
    let (measured, classes) = (material.measured, &material.report.classes);
    let [label, answer] = [measured.labels[k], measured.predicted(k)].map(|class| &classes[class as usize].name);
    let sample = &material.dataset.samples[measured.indices[k] as usize].id;
    let sure = percent(measured.confidence(k), 1);
    let description = Words::new(
        format!("{sample}: labelled {label}, taken for {answer} with {sure}"),
        format!("{sample}：标为 {label}，被认作 {answer}，概率 {sure}"),
    );
    let image = pictures::element(&pictures::measured(material, k), 96, &description);
    format!(
        "<figure class=\"card\">{image}<figcaption><b>{} → {}</b>{}<small>{}</small></figcaption></figure>\n",
        escaped(label),
        escaped(answer),
        likeliest(material, k),
        escaped(&sample.to_string())
    )
}

/// The three likeliest classes as bars, and the label where it is not among them.
fn likeliest(material: &Material<'_>, k: usize) -> String {
    const MOST: usize = 3;
    let (row, label) = (material.measured.row(k), material.measured.labels[k] as usize);
    let mut order: Vec<usize> = (0..row.len()).collect();
    order.sort_by(|&a, &b| row[b].total_cmp(&row[a]).then(a.cmp(&b)));
    let mut shown: Vec<usize> = order.into_iter().take(MOST).collect();
    if !shown.contains(&label) {
        shown.pop();
        shown.push(label);
    }
    let bar = |&class: &usize| {
        let kind = if class == label { "right" } else { "wrong" };
        format!(
            "<span class=\"bar {kind}\"><span>{}</span><i><i style=\"width:{:.1}%\"></i></i><span>{}</span></span>",
            escaped(&material.report.classes[class].name),
            100.0 * row[class],
            percent(row[class], 1)
        )
    };
    shown.iter().map(bar).collect()
}

/// Labels that may be wrong.
pub(super) fn suspects(material: &Material<'_>) -> Section {
    let section = Section::new("suspects", Words::new("Labels that may be wrong", "可能有误的标签"));
    let Some(suspects) = material.suspects else { return first_suspects(section, material) };
    if let Some(why) = &suspects.skipped {
        return section.paragraph(&Words::new(format!("Not judged: {why}."), format!("未作判断：{why}。")));
    }
    let (n, all) = (grouped(suspects.n as u64), grouped(suspects.n_images as u64));
    let told = Words::new(
        format!(
            "{n} of {all} images in all parts look like another class to models that have never seen them. Most such labels are wrong, or the image cannot be read."
        ),
        format!("在从未见过这些图像的模型看来，全部 {all} 张中有 {n} 张像是另一类。其中多数标签有误，或图像难以辨认。"),
    );
    let tiles: String = suspects.shown.iter().map(tile).collect();
    let how = Words::new(
        "Left of the arrow: the label; right of it: what the models see. To change labels: inkstone audit, then data.corrections.",
        "箭头左边是标签，右边是模型所见。要修改标签：先运行 inkstone audit，再用 data.corrections。",
    );
    section.paragraph(&told).html(&format!("<div class=\"tiles small\">\n{tiles}</div>\n")).explanation(&how)
}

fn tile(suspect: &Suspect) -> String {
    format!(
        "<figure class=\"card\">{}<figcaption><b>{} → {}</b><small>{}</small></figcaption></figure>\n",
        suspect.element(),
        escaped(&suspect.found),
        escaped(&suspect.proposed),
        escaped(&suspect.sample)
    )
}

/// Without an audit: the mistakes that the model was surest of.
fn first_suspects(section: Section, material: &Material<'_>) -> Section {
    /// An answer that is surer than this contradicts its label.
    const SURE: f64 = 0.9;
    const MOST: usize = 12;
    let measured = material.measured;
    let sure: Vec<usize> = measured.mistakes().into_iter().filter(|&k| measured.confidence(k) > SURE).collect();
    let told = Words::new(
        "No audit was made: models that have never seen an image would have to judge its label. To have one, train with --audit \
         (a few trainings more), or run:",
        "尚未审查标签：需要由从未见过图像的模型来判断。训练时加上 --audit（多训练几次），或运行：",
    );
    let source = escaped(&material.report.data.source);
    let section = section.paragraph(&told).html(&format!("<pre>inkstone audit {source}</pre>\n"));
    if sure.is_empty() {
        return section;
    }
    let n = sure.len();
    let first = Words::new(
        format!("Until then, the first suspects: {n} mistakes that this model is more than 90 % sure of."),
        format!("在此之前，最先要看的是：本模型把握超过 90 % 的 {n} 个错误。"),
    );
    let mut html = "<div class=\"tiles small\">\n".to_owned();
    for &k in sure.iter().take(MOST) {
        let [label, answer] =
            [measured.labels[k], measured.predicted(k)].map(|class| &material.report.classes[class as usize].name);
        let sample = &material.dataset.samples[measured.indices[k] as usize].id;
        let description = Words::new(format!("{sample}, labelled {label}"), format!("{sample}，标为 {label}"));
        let image = pictures::element(&pictures::measured(material, k), 56, &description);
        html += &format!(
            "<figure class=\"card\">{image}<figcaption><b>{} → {}</b><small>{}</small></figcaption></figure>\n",
            escaped(label),
            escaped(answer),
            escaped(&sample.to_string())
        );
    }
    section.paragraph(&first).html(&(html + "</div>\n"))
}

/// What the classes look like, and what augmentation makes of a few images.
pub(super) fn samples(material: &Material<'_>) -> Section {
    let section = Section::new("samples", Words::new("What it has learned from", "它学的是什么"));
    let is_training = material.training.is_some_and(|training| training.samples.is_some());
    let told = if is_training {
        Words::new(
            "Each class with images of the training part, as the network is given them.",
            "每一类的训练图像，即网络实际得到的样子。",
        )
    } else {
        Words::new("Each class with images of those that were measured.", "每一类中被测量的图像。")
    };
    let section = section.paragraph(&told).html(&strips(&pictures::classes(material), "classes"));
    let augmented = pictures::augmented(material);
    if augmented.is_empty() {
        return match material.training {
            Some(training) if training.augment.is_none() => {
                section.paragraph(&Words::new("Training images are not changed at random.", "训练图像不作随机变换。"))
            }
            _ => section,
        };
    }
    let told = Words::new(
        "The same images change at random in each epoch of training. What can no longer be recognised here is changed too much.",
        "训练时，同一批图像在每一轮都会随机变化。如果这里已认不出来，说明变化过大。",
    );
    section
        .html(&format!("<h3>{}</h3>\n", Words::new("Augmentation", "数据增强").html()))
        .paragraph(&told)
        .html(&strips(&augmented, "augmented"))
}

fn strips(strips: &[Strip], class: &str) -> String {
    let mut html = format!("<div class=\"strips card {class}\">\n");
    for strip in strips {
        let description = Words::new(
            format!("{} images: {}", strip.images.len(), strip.name.en),
            format!("{} 张图像：{}", strip.images.len(), strip.name.zh),
        );
        html += &format!("<span>{}</span>{}\n", strip.name.html(), strip.element(&description));
    }
    html + "</div>\n"
}
