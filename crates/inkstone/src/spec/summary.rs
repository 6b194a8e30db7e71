//! A plan as a table: layers, shapes, parameters, multiply-accumulates. Only makes values and text; who called prints.

use serde::Serialize;

use super::plan::{First, Layer, Operation, Plan};

/// A plan in numbers. Multiply-accumulates (MACs) are those of one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ModelSummary {
    /// The version of this format: 1.
    pub version: u32,
    /// The shape of one input image.
    pub input: Vec<usize>,
    /// How many classes the model tells apart.
    pub n_classes: usize,
    /// A row per layer, bodies of residuals after them.
    pub layers: Vec<LayerSummary>,
    /// All trained values.
    pub parameters: usize,
    /// All values kept beside them: running statistics.
    pub state: usize,
    /// MACs of a forward pass.
    pub macs_forward: u64,
    /// MACs of a training step: forward, gradients of the parameters and, behind the first layer with some, of the input.
    pub macs_training: u64,
}

/// One layer in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LayerSummary {
    /// `conv2d_1`
    pub name: String,
    /// `conv2d 3×3`, `relu`
    pub kind: String,
    /// How deep it stands in residuals.
    pub depth: usize,
    /// The shape behind it.
    pub output: Vec<usize>,
    /// Trained values of its own.
    pub parameters: usize,
    /// MACs of its forward pass.
    pub macs_forward: u64,
    /// MACs of its training step.
    pub macs_training: u64,
}

/// Counts a plan's values and multiply-accumulates.
///
/// ```
/// use inkstone::{shape::Shape, spec::{builtin, summary}};
/// let plan = builtin::recipe("mnist").unwrap().model.resolve(Shape::image(28, 28, 1), 10)?;
/// let summary = summary::summarise(&plan);
/// assert_eq!((summary.parameters, summary.macs_forward, summary.macs_training), (34_826, 2_440_960, 7_128_192));
/// # Ok::<(), inkstone::Error>(())
/// ```
pub fn summarise(plan: &Plan) -> ModelSummary {
    let mut first = First::Yes;
    let mut layers = Vec::new();
    for (depth, layer) in plan.walk() {
        let parameters = parameters_of(plan, layer);
        layers.push(LayerSummary {
            name: layer.name.clone(),
            kind: kind(layer),
            depth,
            output: dimensions(layer.output),
            parameters,
            macs_forward: layer.macs(),
            macs_training: layer.training_macs(first),
        });
        if parameters > 0 {
            first = First::No;
        }
    }
    ModelSummary {
        version: 1,
        input: dimensions(plan.input),
        n_classes: plan.n_classes,
        parameters: plan.n_parameters(),
        state: plan.state.iter().map(|info| info.len).sum(),
        macs_forward: layers.iter().map(|layer| layer.macs_forward).sum(),
        macs_training: layers.iter().map(|layer| layer.macs_training).sum(),
        layers,
    }
}

fn parameters_of(plan: &Plan, layer: &Layer) -> usize {
    let of = |positions: &[usize]| positions.iter().map(|&i| plan.parameters[i].len).sum();
    match layer.operation {
        Operation::Conv2d { kernel, bias, .. } | Operation::Dense { kernel, bias } => {
            of(&[kernel]) + bias.map_or(0, |bias| of(&[bias]))
        }
        Operation::BatchNorm { gamma, beta, .. } => of(&[gamma, beta]),
        _ => 0,
    }
}

fn kind(layer: &Layer) -> String {
    let side = |size: [usize; 2]| format!("{}×{}", size[0], size[1]);
    match &layer.operation {
        Operation::Conv2d { window, .. } => format!("conv2d {}", side(window.size)),
        Operation::MaxPool(window) => format!("max_pool {}", side(window.size)),
        Operation::AveragePool(window) => format!("average_pool {}", side(window.size)),
        Operation::GlobalAveragePool => "global_average_pool".to_owned(),
        Operation::Flatten => "flatten".to_owned(),
        Operation::Dense { .. } => "dense".to_owned(),
        Operation::Activation(function) => function.name(),
        Operation::Dropout { rate, .. } => format!("dropout {rate}"),
        Operation::BatchNorm { .. } => "batch_norm".to_owned(),
        Operation::Residual { .. } => "residual".to_owned(),
    }
}

fn dimensions(shape: crate::shape::Shape) -> Vec<usize> {
    match shape {
        crate::shape::Shape::Image { height, width, channels } => vec![height, width, channels],
        crate::shape::Shape::Flat(n) => vec![n],
    }
}

impl ModelSummary {
    /// The table, ending in a line break: MACs of a forward pass and of a training step; 79 columns for the tutorial
    /// network.
    pub fn to_text(&self) -> String {
        let header = ["layer", "kind", "output", "parameters", "MACs", "training"].map(str::to_owned);
        let input =
            ["input".to_owned(), String::new(), shape(&self.input), String::new(), String::new(), String::new()];
        let total = [
            "total".to_owned(),
            String::new(),
            format!("{} classes", self.n_classes),
            grouped(self.parameters as u64),
            grouped(self.macs_forward),
            grouped(self.macs_training),
        ];
        let mut rows = vec![header, input];
        rows.extend(self.layers.iter().map(LayerSummary::row));
        rows.push(total);
        table(&rows)
    }
}

impl LayerSummary {
    fn row(&self) -> [String; 6] {
        let number = |n: u64| if n == 0 { String::new() } else { grouped(n) };
        [
            format!("{}{}", "  ".repeat(self.depth), self.name),
            self.kind.clone(),
            shape(&self.output),
            number(self.parameters as u64),
            number(self.macs_forward),
            number(self.macs_training),
        ]
    }
}

fn shape(dimensions: &[usize]) -> String {
    dimensions.iter().map(ToString::to_string).collect::<Vec<_>>().join("×")
}

/// 34826 → 34,826
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Names to the left, numbers to the right; a rule below the header and above the total.
fn table(rows: &[[String; 6]]) -> String {
    let widths: Vec<usize> = (0..6).map(|k| rows.iter().map(|row| row[k].chars().count()).max().unwrap_or(0)).collect();
    let rule = format!("{}\n", "─".repeat(widths.iter().sum::<usize>() + 2 * 5));
    let mut text = String::new();
    for (i, row) in rows.iter().enumerate() {
        if i == 1 || i + 1 == rows.len() {
            text += &rule;
        }
        let cells: Vec<String> = (row.iter().zip(&widths).enumerate())
            .map(|(k, (cell, &width))| if k < 3 { format!("{cell:<width$}") } else { format!("{cell:>width$}") })
            .collect();
        text += cells.join("  ").trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Shape;
    use crate::spec::builtin;
    use crate::spec::model::{LayerSpec, ModelSpec};

    #[test]
    fn the_tutorial_network_prints_as_a_table() {
        let plan = builtin::recipe("mnist").unwrap().model.resolve(Shape::image(28, 28, 1), 10).unwrap();
        let text = summarise(&plan).to_text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "layer                kind          output      parameters       MACs   training");
        assert_eq!(lines[3], "conv2d_1             conv2d 3×3    26×26×32           320    194,688    389,376");
        assert!(lines.last().unwrap().ends_with("34,826  2,440,960  7,128,192"), "{text}");
    }

    #[test]
    fn bodies_are_indented_and_state_is_counted() {
        let spec = ModelSpec::sequential([
            LayerSpec::residual([LayerSpec::batch_norm()]),
            LayerSpec::flatten(),
            LayerSpec::dense_per_class(),
        ]);
        let summary = summarise(&spec.resolve(Shape::image(2, 2, 3), 2).unwrap());
        assert_eq!((summary.parameters, summary.state), (6 + 26, 6));
        assert!(summary.to_text().contains("\n  batch_norm_1 "), "{}", summary.to_text());
        // Nothing asks for the gradient of the image.
        assert_eq!(summary.layers.last().unwrap().macs_training, 3 * 24);
    }
}
