//! Grad-CAM: which regions of the last convolution's maps speak for the class.

use super::map::Explained;
use crate::engine::reference::{Mode, Reference};
use crate::error::{Error, ErrorKind, Result};
use crate::shape::Shape;
use crate::spec::Plan;
use crate::spec::plan::{Layer, Operation};

/// The class activation map before it is enlarged.
pub(super) struct ActivationMap {
    /// Rows and columns.
    pub(super) size: [usize; 2],
    /// None below zero.
    pub(super) values: Vec<f32>,
}

impl Explained<'_> {
    /// `max(0, Σ_k w_k · A_k)`, `w_k` the mean of ∂F/∂A_k over all places, A the maps behind the last convolution.
    pub(super) fn activation_map(&self) -> Result<ActivationMap> {
        let plan = self.network.plan;
        let Some((layer, [height, width, channels])) = tap(plan) else {
            let error = Error::mismatch(ErrorKind::Usage, "a network with a convolution", "one without");
            return Err(error.with_place("grad_cam").with_help("the other methods explain any network"));
        };
        let reference = Reference::<f32>::new(plan);
        let parameters = &self.network.parameters;
        let tape = reference.forward(&parameters.values, &parameters.state, &self.subject.values, Mode::Inference);
        let mut d_logits = vec![0.0; plan.n_classes];
        self.question.write_slope(&mut d_logits);
        let slopes = reference.gradient_behind(&parameters.values, &tape, &d_logits, layer);
        let n_places = height * width;
        let mut weights = vec![0.0_f64; channels];
        for row in slopes.chunks_exact(channels) {
            weights.iter_mut().zip(row).for_each(|(weight, &d)| *weight += f64::from(d) / n_places as f64);
        }
        let maps = tape.records[layer].values.chunks_exact(channels);
        let sum = |row: &[f32]| row.iter().zip(&weights).map(|(&a, weight)| f64::from(a) * weight).sum::<f64>();
        Ok(ActivationMap { size: [height, width], values: maps.map(|row| sum(row).max(0.0) as f32).collect() })
    }
}

/// Behind which layer of the plan the maps are taken, and their height, width and channels: the last one with a
/// convolution in it, and its batch norm and activation.
fn tap(plan: &Plan) -> Option<(usize, [usize; 3])> {
    let mut last = plan.layers.iter().rposition(has_convolution)?;
    let follows = |layer: &Layer| {
        matches!(layer.operation, Operation::BatchNorm { .. } | Operation::Activation(_) | Operation::Dropout { .. })
    };
    while plan.layers.get(last + 1).is_some_and(follows) {
        last += 1;
    }
    match plan.layers[last].output {
        Shape::Image { height, width, channels } => Some((last, [height, width, channels])),
        Shape::Flat(_) => None,
    }
}

fn has_convolution(layer: &Layer) -> bool {
    match &layer.operation {
        Operation::Conv2d { .. } => true,
        Operation::Residual { body } => body.iter().any(has_convolution),
        _ => false,
    }
}

/// A map brought to another size: linear between the middles of its pixels, constant beyond the outermost.
pub(super) fn enlarge(map: &ActivationMap, [height, width]: [usize; 2]) -> Vec<f32> {
    let [rows, columns] = map.size;
    let place = |i: usize, to: usize, from: usize| {
        let x = ((i as f64 + 0.5) * from as f64 / to as f64 - 0.5).clamp(0.0, (from - 1) as f64);
        (x as usize, (x as usize + 1).min(from - 1), x.fract())
    };
    let across: Vec<(usize, usize, f64)> = (0..width).map(|j| place(j, width, columns)).collect();
    let mut out = Vec::with_capacity(height * width);
    for i in 0..height {
        let (above, below, down) = place(i, height, rows);
        out.extend(across.iter().map(|&(left, right, along)| {
            let at = |row: usize, column: usize| f64::from(map.values[row * columns + column]);
            let line = |row: usize| at(row, left) * (1.0 - along) + at(row, right) * along;
            (line(above) * (1.0 - down) + line(below) * down) as f32
        }));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enlarging_is_linear_between_the_middles_as_in_pytorch() {
        // F.interpolate([[0, 4]], size=(2, 4), mode="bilinear", align_corners=False)
        let map = ActivationMap { size: [1, 2], values: vec![0.0, 4.0] };
        assert_eq!(enlarge(&map, [2, 4]), [0.0, 1.0, 3.0, 4.0, 0.0, 1.0, 3.0, 4.0]);
    }
}
