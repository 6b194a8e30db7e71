//! How the model does on images that were spoiled, moved or attacked on purpose: small charts with shared axes.

use super::pictures::{Owned, Strip};
use super::plot::{Axis, Chart, Ink, Line, Svg, Ticks, Whisker};
use super::section::{Section, table};
use super::words::{Words, escaped, percent};
use super::{Material, numbers};
use crate::data::Image;
use crate::spec::summary::grouped;
use crate::stress::{AttackResult, Corruption, CorruptionResult, Curve, Dose, Key, Pooled, StressReport, corrupt};

/// The section; without measurements it says how to get them.
pub(super) fn section(material: &Material<'_>) -> Section {
    let section = Section::new("stress", Words::new("Under stress", "压力测试"));
    let Some(stress) = material.stress else { return not_measured(section, material) };
    let multiples: String =
        stress.corruptions.iter().map(|corruption| multiple(material, stress, corruption)).collect();
    let curves: Vec<Svg> = stress.curves.iter().map(|curve| moved(stress, curve)).collect();
    section
        .paragraph(&summary(stress))
        .html(&format!("<div class=\"multiples\">\n{multiples}</div>\n"))
        .explanation(&what_strengths_are())
        .html(&decisions(stress))
        .charts(&curves)
        .html(&attacks(stress))
        .explanation(&what_attacks_are(stress))
}

fn not_measured(section: Section, material: &Material<'_>) -> Section {
    let name = escaped(&material.report.model.name);
    let told = Words::new(
        "Not measured here: noise, blur, rotation, other corruptions, and attacks. They take up to two minutes more:",
        "此处未测量：噪声、模糊、旋转等失真以及攻击。测量约需两分钟：",
    );
    section.paragraph(&told).html(&format!("<pre>inkstone evaluate {name} --stress --html report.html</pre>\n"))
}

fn summary(stress: &StressReport) -> Words {
    let (n, all) = (grouped(stress.n), grouped(stress.n_in_part));
    let [mean, untouched] =
        [stress.mean_corruption_accuracy, stress.untouched.accuracy.value].map(|share| percent(share, 1));
    let images = if stress.n < stress.n_in_part {
        Words::new(format!("{n} images drawn of {all}"), format!("从 {all} 张中抽取的 {n} 张图像"))
    } else {
        Words::new(format!("{n} images"), format!("{n} 张图像"))
    };
    Words::new(
        format!(
            "{}, each spoiled in fifteen ways at five strengths: {mean} are still answered right on average, {untouched} as they are.",
            images.en
        ),
        format!(
            "{}，每张按十五种方式、五级强度加以破坏：平均仍有 {mean} 回答正确，未经破坏时为 {untouched}。",
            images.zh
        ),
    )
}

/// Whether the model knows that it does not know: what it refuses of each corruption, and how its answers fare.
fn decisions(stress: &StressReport) -> String {
    let Some(untouched) = stress.pooled_untouched() else { return String::new() };
    let heads = [
        Words::new("corruption, all strengths", "失真（全部强度）"),
        Words::new("accuracy of the best guess", "最佳猜测的准确率"),
        Words::new("refused", "拒绝回答"),
        Words::new("wrong among the answers", "回答中的错误"),
    ];
    let row = |name: &Words, accuracy: f64, pooled: Pooled| {
        let shares = [accuracy, pooled.abstained, pooled.wrong_answers].map(|share| percent(share, 1));
        [vec![name.html()], shares.to_vec()].concat()
    };
    let mut rows = vec![row(&Words::new("untouched", "原图"), stress.untouched.accuracy.value, untouched)];
    let found = stress.corruptions.iter().filter_map(|found| Some((found, found.pooled()?)));
    rows.extend(found.map(|(found, pooled)| row(&name(found.name), found.mean, pooled)));
    let caption = Words::new("Does it know that it does not know?", "它知道自己不知道吗？");
    table(&caption, &heads, &rows)
}

fn what_strengths_are() -> Words {
    Words::new(
        "Accuracy against strength; 0 is the image as it is. Below each chart: examples at strength 3. The strengths are this \
         program's own: compare models with each other, not with figures published elsewhere. Lengths are in pixels of an image \
         whose shorter side has 28.",
        "准确率随强度的变化；0 为原图。每张图下方是强度 3 的示例。强度由本程序自定：可用于模型之间的比较，不能与别处发表的数值比较。长度以短边为 28 像素的图像计。",
    )
}

/// One corruption: its chart, examples, and what its amounts are.
fn multiple(material: &Material<'_>, stress: &StressReport, corruption: &CorruptionResult) -> String {
    let (name, amount) = (name(corruption.name), amount(corruption));
    let strip = Strip { name: name.clone(), images: examples(material, stress.seed, corruption.name) };
    let described = Words::new(format!("{} at strength 3", name.en), format!("{}，强度 3", name.zh));
    let body = if corruption.strengths.is_empty() {
        format!("<p>{}</p>", name.html())
    } else {
        format!("{}{}", chart(stress, corruption, &name).inline(), strip.element(&described))
    };
    let note = corruption.note.as_ref().map_or(String::new(), |note| format!("<br>{}", escaped(note)));
    format!("<figure class=\"card\">{body}<figcaption><small>{}{note}</small></figcaption></figure>\n", amount.html())
}

fn chart(stress: &StressReport, corruption: &CorruptionResult, name: &Words) -> Svg {
    let untouched = stress.untouched.accuracy.value;
    let mut points = vec![(0.0, untouched)];
    points.extend(corruption.strengths.iter().map(|found| (f64::from(found.strength), found.measured.accuracy.value)));
    let listed = points.iter().map(|point| percent(point.1, 1)).collect::<Vec<_>>().join(", ");
    let described = Words::new(
        format!("{}: accuracy at strengths 0 to 5: {listed}", name.en),
        format!("{}：强度 0 到 5 的准确率：{listed}", name.zh),
    );
    let x = Axis::new(Words::default(), [-0.2, 5.2], Ticks::Count).n_ticks(6);
    let y = Axis::new(Words::default(), [0.0, 1.03], Ticks::Percent(0)).n_ticks(5);
    Chart::new(name.clone(), x, y)
        .size([252, 176])
        .line(Line::new(Words::default(), Ink::Soft, vec![(-0.2, untouched), (5.2, untouched)]).dashed())
        .line(Line::new(Words::default(), Ink::Blue, points).dotted())
        .draw()
        .described(described)
}

/// The first image of each of some classes, as they were measured at strength 3.
fn examples(material: &Material<'_>, seed: u64, corruption: Corruption) -> Vec<Owned> {
    /// Pictures in a row.
    const LENGTH: usize = 6;
    let (labels, indices) = (&material.measured.labels, &material.measured.indices);
    let first = (0..material.report.classes.len()).filter_map(|class| labels.iter().position(|&l| l as usize == class));
    let spoil = |k: usize| {
        let sample = indices[k];
        let dose = Dose { corruption, strength: 3 };
        material.dataset.images.with(sample as usize, |image| {
            let pixels = corrupt(material.machine.isa, image, dose, Key { seed, sample });
            Owned::of(Image { pixels: &pixels, ..image })
        })
    };
    first.take(LENGTH).map(spoil).collect()
}

/// Accuracy against how far images were moved.
fn moved(stress: &StressReport, curve: &Curve) -> Svg {
    let (title, unit) = motion(curve);
    let [low, high] =
        [curve.points.first(), curve.points.last()].map(|point| point.map_or(0.0, |point| f64::from(point.at)));
    let edge = 0.03 * (high - low);
    let ticks = if curve.name == "scale" { Ticks::Number(1) } else { Ticks::Number(0) };
    let x = Axis::new(unit, [low - edge, high + edge], ticks).n_ticks(9);
    let y = Axis::new(Words::default(), [0.0, 1.03], Ticks::Percent(0));
    let points: Vec<(f64, f64)> =
        curve.points.iter().map(|point| (f64::from(point.at), point.measured.accuracy.value)).collect();
    let untouched = stress.untouched.accuracy.value;
    let listed =
        points.iter().map(|(at, share)| format!("{at:.1}: {}", percent(*share, 1))).collect::<Vec<_>>().join(", ");
    let described = Words::new(format!("{}: {listed}", title.en), format!("{}：{listed}", title.zh));
    let mut chart = Chart::new(title, x, y)
        .line(Line::new(Words::default(), Ink::Soft, vec![(low - edge, untouched), (high + edge, untouched)]).dashed())
        .line(Line::new(Words::default(), Ink::Blue, points).dotted());
    for point in &curve.points {
        let interval = point.measured.accuracy;
        chart = chart.whisker(Whisker { x: f64::from(point.at), y: [interval.low, interval.high], ink: Ink::Text });
    }
    chart.draw().described(described)
}

/// A row per attack.
fn attacks(stress: &StressReport) -> String {
    let heads = [
        Words::new("attack", "攻击"),
        Words::new("ε (L∞)", "ε（L∞）"),
        Words::new("steps", "步数"),
        Words::new("step size", "步长"),
        Words::new("start", "起点"),
        Words::new("images", "图像数"),
        Words::new("accuracy under this attack", "在此攻击下的准确率"),
    ];
    let row = |attack: &AttackResult| {
        let start = if attack.start == "image" {
            Words::new("the image", "原图")
        } else {
            Words::new("uniform in the ball", "球内均匀随机")
        };
        vec![
            attack.name.to_uppercase(),
            attack.epsilon.to_string(),
            attack.steps.to_string(),
            attack.step_size.to_string(),
            start.html(),
            grouped(attack.n),
            numbers::with_interval(attack.accuracy.value, Some(attack.accuracy), |share| percent(share, 1)),
        ]
    };
    let rows: Vec<Vec<String>> = stress.attacks.iter().map(row).collect();
    table(&Words::new("Images changed in order to mislead the model", "为误导模型而修改的图像"), &heads, &rows)
}

fn what_attacks_are(stress: &StressReport) -> Words {
    let [low, high] = stress.attacks.first().map_or([0.0, 1.0], |attack| attack.clip);
    Words::new(
        format!(
            "The attacker knows the weights and raises the cross-entropy along the sign of its gradient, on the prepared image \
             with values from {low} to {high}. An image counts as misled as soon as one on the way is answered wrongly. This says \
             nothing of stronger or other attacks, and nothing of an attacker who does not know the weights."
        ),
        format!(
            "攻击者知道权重，沿交叉熵梯度的符号修改预处理后的图像，数值限于 {low} 到 {high}。途中只要有一张被答错，即算误导成功。这不说明更强或其他攻击的结果，也不说明不知道权重的攻击者能做到什么。"
        ),
    )
}

fn name(corruption: Corruption) -> Words {
    let chinese = match corruption {
        Corruption::ShotNoise => "散粒噪声",
        Corruption::ImpulseNoise => "脉冲噪声",
        Corruption::GlassBlur => "毛玻璃模糊",
        Corruption::MotionBlur => "运动模糊",
        Corruption::Shear => "倾斜",
        Corruption::Scale => "缩小",
        Corruption::Rotate => "旋转",
        Corruption::Brightness => "变亮",
        Corruption::Translate => "平移",
        Corruption::Stripe => "反色条带",
        Corruption::Fog => "雾",
        Corruption::Spatter => "溅斑",
        Corruption::DottedLine => "点线",
        Corruption::Zigzag => "锯齿线",
        Corruption::CannyEdges => "Canny 边缘",
    };
    Words::new(corruption.name().replace('_', " "), chinese)
}

/// What the five amounts are.
fn amount(result: &CorruptionResult) -> Words {
    let chinese = match result.name {
        Corruption::ShotNoise => "白色所需的光子数",
        Corruption::ImpulseNoise => "变黑或变白的值所占比例",
        Corruption::GlassBlur => "像素每次最多移动的像素数（两次）",
        Corruption::MotionBlur => "拖影长度（像素）",
        Corruption::Shear => "每行倾斜的列数",
        Corruption::Scale => "大小的倍数",
        Corruption::Rotate => "角度",
        Corruption::Brightness => "增加的白色比例",
        Corruption::Translate => "像素数",
        Corruption::Stripe => "条带宽度（像素）",
        Corruption::Fog => "云雾在画面中的比例",
        Corruption::Spatter => "被液滴覆盖的像素比例",
        Corruption::DottedLine => "线的条数",
        Corruption::Zigzag => "线的粗细（像素）",
        Corruption::CannyEdges => "寻找边缘之前模糊的标准差（像素）",
    };
    let amounts = result.name.amounts().map(|amount| amount.to_string()).join(", ");
    Words::new(format!("{amounts}: {}", result.amount), format!("{amounts}：{chinese}"))
}

/// The title of a curve, and what its places are.
fn motion(curve: &Curve) -> (Words, Words) {
    match curve.name.as_str() {
        "translate_x" => (
            Words::new("Moved left and right", "左右平移"),
            Words::new("pixels to the right (of 28)", "向右的像素数（以 28 计）"),
        ),
        "translate_y" => {
            (Words::new("Moved up and down", "上下平移"), Words::new("pixels down (of 28)", "向下的像素数（以 28 计）"))
        }
        "rotate" => (Words::new("Turned", "旋转"), Words::new("degrees against the clock", "逆时针角度")),
        "scale" => (Words::new("Larger and smaller", "放大与缩小"), Words::new("factor of size", "大小的倍数")),
        other => (Words::same(other), Words::same(&curve.unit)),
    }
}
