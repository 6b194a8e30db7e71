//! How the model bears what its images were spared.

use super::Material;
use super::section::Section;
use super::words::{Words, escaped};

/// The section; without measurements it says how to get them.
pub(super) fn section(material: &Material<'_>) -> Section {
    let section = Section::new("stress", Words::new("Under stress", "压力测试"));
    let name = escaped(&material.report.model.name);
    let not_measured = Words::new(
        "Not measured here: noise, blur, rotation, other corruptions, and attacks. They take up to two minutes more:",
        "此处未测量：噪声、模糊、旋转等失真以及攻击。测量约需两分钟：",
    );
    section.paragraph(&not_measured).html(&format!("<pre>inkstone evaluate {name} --stress --html report.html</pre>\n"))
}
