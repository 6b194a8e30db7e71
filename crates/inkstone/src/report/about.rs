//! How to make it again: model, data, seed, versions, machine, recipe.

use super::Material;
use super::section::{Section, table};
use super::words::{Words, escaped};
use crate::spec::summary::grouped;

/// The facts and the recipe.
pub(super) fn section(material: &Material<'_>) -> Section {
    let Material { report, model, machine, .. } = material;
    let provenance = &model.provenance;
    let code = |text: &str| format!("<code>{}</code>", escaped(text));
    let size = model.input.to_string();
    let mut rows = vec![
        vec![Words::new("model", "模型").html(), escaped(&report.model.name)],
        vec![Words::new("model's SHA-256", "模型 SHA-256").html(), code(&report.model.sha256)],
        vec![Words::new("parameters", "参数量").html(), grouped(model.plan.n_parameters() as u64)],
        vec![Words::new("input", "输入").html(), escaped(&size)],
        vec![Words::new("trained on", "训练数据").html(), escaped(&provenance.data_source)],
        vec![Words::new("its fingerprint", "训练数据指纹").html(), code(&provenance.data_fingerprint)],
    ];
    if report.data.fingerprint != provenance.data_fingerprint {
        rows.push(vec![Words::new("measured on", "测量数据").html(), escaped(&report.data.source)]);
        rows.push(vec![Words::new("its fingerprint", "测量数据指纹").html(), code(&report.data.fingerprint)]);
    }
    rows.extend([
        vec![Words::new("seed", "随机种子").html(), provenance.seed.to_string()],
        vec![Words::new("recipe's SHA-256", "配方 SHA-256").html(), code(&provenance.recipe_sha256)],
        vec![
            Words::new("trained with", "训练程序").html(),
            escaped(&format!("Inkstone {}", provenance.program_version)),
        ],
        vec![
            Words::new("reported with", "报告程序").html(),
            escaped(&format!("Inkstone {}", env!("CARGO_PKG_VERSION"))),
        ],
        vec![
            Words::new("processor", "处理器").html(),
            machine.cpu.as_deref().map_or_else(|| Words::new("not known", "未知").html(), escaped),
        ],
        vec![Words::new("instruction set", "指令集").html(), escaped(machine.isa.name())],
        vec![Words::new("threads", "线程数").html(), machine.threads.to_string()],
        vec![Words::new("system", "系统").html(), escaped(&machine.system)],
    ]);
    let heads = [Words::new("what", "项目"), Words::new("which", "内容")];
    let caption = Words::new("Model, data, versions, machine", "模型、数据、版本、机器");
    let how = Words::new(
        "The same program, instruction set, data, recipe and seed give the same model, byte for byte, on any number of threads.",
        "相同的程序、指令集、数据、配方和种子，无论线程多少，都会得到逐字节相同的模型。",
    );
    let section = Section::new("about", Words::new("How to make it again", "如何重现"));
    let section = section.paragraph(&how).html(&table(&caption, &heads, &rows));
    match material.training {
        Some(training) => section.html(&format!(
            "<details><summary>{}</summary><pre>{}</pre></details>\n",
            Words::new("The whole recipe", "完整配方").html(),
            escaped(training.recipe)
        )),
        None => section,
    }
}
