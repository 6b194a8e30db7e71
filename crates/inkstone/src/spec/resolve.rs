//! From what a person writes to a plan: works out every shape and every parameter, or says which layer cannot be.
//!
//! The only place that validates shapes; what comes out is never checked again.

use std::collections::HashMap;

use super::model::{Initialiser, LayerSpec, ModelSpec, PaddingSpec, Pair, PoolSpec};
use super::plan::{Function, Layer, Operation, Plan, Start, TensorInfo, Window, buffer_len};
use crate::error::{Error, ErrorKind, Result};
use crate::shape::Shape;

impl ModelSpec {
    /// Works out every shape and every parameter, or says which layer cannot be.
    ///
    /// # Errors
    /// The first layer that does not fit, with its number, kind, what it expected and what it found.
    pub fn resolve(&self, input: Shape, n_classes: usize) -> Result<Plan> {
        let mut builder = Builder {
            initialiser: self.initialiser,
            n_classes,
            names: HashMap::new(),
            parameters: Vec::new(),
            state: Vec::new(),
            n_dropouts: 0,
        };
        if self.layers.is_empty() {
            return Err(Error::mismatch(ErrorKind::Spec, "at least one layer", "none").with_place("model.layers"));
        }
        let (mut layers, output) = builder.sequence(&self.layers, input, "")?;
        if matches!(layers.last(), Some(Layer { operation: Operation::Activation(Function::Softmax), .. })) {
            layers.pop();
        }
        let number = self.layers.len();
        let place = format!("layer {number} ({})", self.layers[number - 1].kind());
        match output {
            Shape::Flat(n) if n == n_classes => {}
            Shape::Flat(n) => {
                return Err(Error::mismatch(
                    ErrorKind::Spec,
                    format!("{n_classes} outputs, one per class"),
                    n.to_string(),
                )
                .with_place(place)
                .with_help("leave `units` out of the last dense layer and it takes the number of classes"));
            }
            shape @ Shape::Image { .. } => {
                return Err(Error::mismatch(
                    ErrorKind::Spec,
                    format!("a vector of {n_classes} outputs"),
                    format!("an image of {shape}"),
                )
                .with_place(place)
                .with_help("end with \"flatten\" or \"global_average_pool\" and a dense layer"));
            }
        }
        Ok(Plan { input, layers, parameters: builder.parameters, state: builder.state, n_classes })
    }
}

/// What grows while the layers are worked out.
struct Builder {
    initialiser: Initialiser,
    n_classes: usize,
    names: HashMap<&'static str, usize>,
    parameters: Vec<TensorInfo>,
    state: Vec<TensorInfo>,
    n_dropouts: u32,
}

impl Builder {
    fn sequence(&mut self, specs: &[LayerSpec], input: Shape, outer: &str) -> Result<(Vec<Layer>, Shape)> {
        let mut layers = Vec::new();
        let mut shape = input;
        for (i, spec) in specs.iter().enumerate() {
            let number = i + 1;
            let place = format!("{outer}layer {number} ({})", spec.kind());
            let is_last = outer.is_empty() && specs[number..].iter().all(|rest| matches!(rest, LayerSpec::Softmax));
            let first_new = layers.len();
            self.layer(spec, shape, &place, is_last, &mut layers)
                .map_err(|error| if error.place().is_some() { error } else { error.with_place(&*place) })?;
            for layer in &mut layers[first_new..] {
                layer.number = number;
            }
            shape = layers.last().map_or(shape, |layer: &Layer| layer.output);
        }
        Ok((layers, shape))
    }

    /// Appends what `spec` becomes: one layer, and its activation as another.
    fn layer(
        &mut self,
        spec: &LayerSpec,
        input: Shape,
        place: &str,
        is_last: bool,
        layers: &mut Vec<Layer>,
    ) -> Result<()> {
        let name = self.name(spec.kind());
        let mut activation = None;
        let (operation, output) = match spec {
            LayerSpec::Conv2d(conv) => {
                activation = conv.activation;
                let (height, width, channels) = image(input)?;
                positive("filters", conv.filters)?;
                let (window, rows, columns) = window(conv.kernel, conv.stride, conv.padding, height, width)?;
                let taps = window.size[0] * window.size[1];
                let fan = Fan { input: taps * channels, output: taps * conv.filters };
                let shape = vec![window.size[0], window.size[1], channels, conv.filters];
                affordable("weights", &shape)?;
                let (kernel, bias) = self.kernel_and_bias(&name, shape, conv.filters, conv.bias, fan);
                (Operation::Conv2d { window, kernel, bias }, Shape::image(rows, columns, conv.filters))
            }
            LayerSpec::MaxPool(pool) => {
                let (window, output) = pool_window(pool, input)?;
                (Operation::MaxPool(window), output)
            }
            LayerSpec::AveragePool(pool) => {
                let (window, output) = pool_window(pool, input)?;
                (Operation::AveragePool(window), output)
            }
            LayerSpec::GlobalAveragePool => {
                let (_, _, channels) = image(input)?;
                (Operation::GlobalAveragePool, Shape::Flat(channels))
            }
            LayerSpec::Flatten => (Operation::Flatten, Shape::Flat(input.len())),
            LayerSpec::Dense(dense) => {
                activation = dense.activation;
                let Shape::Flat(n) = input else {
                    return Err(Error::mismatch(ErrorKind::Spec, "a vector", format!("an image of {input}"))
                        .with_help("put \"flatten\" before it"));
                };
                let units = match dense.units {
                    Some(units) => units,
                    None if is_last => self.n_classes,
                    None => {
                        return Err(Error::mismatch(ErrorKind::Spec, "`units`", "none")
                            .with_help("only the last dense layer may leave it out"));
                    }
                };
                positive("units", units)?;
                affordable("weights", &[n, units])?;
                let fan = Fan { input: n, output: units };
                let (kernel, bias) = self.kernel_and_bias(&name, vec![n, units], units, dense.bias, fan);
                (Operation::Dense { kernel, bias }, Shape::Flat(units))
            }
            LayerSpec::Relu => (Operation::Activation(Function::Relu), input),
            LayerSpec::LeakyRelu(leaky) => {
                if !leaky.slope.is_finite() {
                    return Err(Error::mismatch(ErrorKind::Spec, "a finite slope", leaky.slope.to_string()));
                }
                (Operation::Activation(Function::LeakyRelu(leaky.slope)), input)
            }
            LayerSpec::Gelu => (Operation::Activation(Function::Gelu), input),
            LayerSpec::Tanh => (Operation::Activation(Function::Tanh), input),
            LayerSpec::Sigmoid => (Operation::Activation(Function::Sigmoid), input),
            LayerSpec::Softmax => (Operation::Activation(Function::Softmax), input),
            LayerSpec::Dropout(rate) => {
                if !(0.0..1.0).contains(rate) {
                    return Err(Error::mismatch(ErrorKind::Spec, "a rate from 0 to less than 1", rate.to_string()));
                }
                self.n_dropouts += 1;
                (Operation::Dropout { rate: *rate, index: self.n_dropouts - 1 }, input)
            }
            LayerSpec::BatchNorm(norm) => {
                activation = norm.activation;
                if !(0.0..=1.0).contains(&norm.momentum) {
                    return Err(Error::mismatch(ErrorKind::Spec, "a momentum from 0 to 1", norm.momentum.to_string()));
                }
                if !(norm.epsilon > 0.0 && norm.epsilon.is_finite()) {
                    return Err(Error::mismatch(ErrorKind::Spec, "a positive epsilon", norm.epsilon.to_string()));
                }
                let n = input.channels();
                let operation = Operation::BatchNorm {
                    gamma: push(&mut self.parameters, &name, "gamma", vec![n], Start::Constant(1.0)),
                    beta: push(&mut self.parameters, &name, "beta", vec![n], Start::Constant(0.0)),
                    mean: push(&mut self.state, &name, "mean", vec![n], Start::Constant(0.0)),
                    variance: push(&mut self.state, &name, "variance", vec![n], Start::Constant(1.0)),
                    momentum: norm.momentum,
                    epsilon: norm.epsilon,
                };
                (operation, input)
            }
            LayerSpec::Residual(residual) => {
                activation = residual.activation;
                if residual.body.is_empty() {
                    return Err(Error::mismatch(ErrorKind::Spec, "a body of at least one layer", "none"));
                }
                let (body, output) = self.sequence(&residual.body, input, &format!("{place}, "))?;
                if output != input {
                    return Err(Error::mismatch(
                        ErrorKind::Spec,
                        format!("a body that gives back the shape it takes, {input}"),
                        output.to_string(),
                    )
                    .with_help("use padding = \"same\", stride 1 and as many filters as input channels"));
                }
                (Operation::Residual { body }, output)
            }
        };
        affordable("outputs", &output.dimensions())?;
        affordable("parameters up to here", &[buffer_len(&self.parameters)])?;
        layers.push(Layer { name: name.clone(), number: 0, operation, input, output });
        if let Some(function) = activation {
            let operation = Operation::Activation(function.into());
            layers.push(Layer { name: format!("{name}.activation"), number: 0, operation, input: output, output });
        }
        Ok(())
    }

    /// `conv2d_1`, `conv2d_2`, …
    fn name(&mut self, kind: &'static str) -> String {
        let n = self.names.entry(kind).or_insert(0);
        *n += 1;
        format!("{kind}_{n}")
    }

    fn kernel_and_bias(
        &mut self,
        layer: &str,
        shape: Vec<usize>,
        n_outputs: usize,
        has_bias: bool,
        fan: Fan,
    ) -> (usize, Option<usize>) {
        let (kernel_start, bias_start) = fan.start(self.initialiser);
        let kernel = push(&mut self.parameters, layer, "kernel", shape, kernel_start);
        let bias = has_bias.then(|| push(&mut self.parameters, layer, "bias", vec![n_outputs], bias_start));
        (kernel, bias)
    }
}

/// How many values one output sums over, and one input feeds.
#[derive(Clone, Copy)]
struct Fan {
    input: usize,
    output: usize,
}

impl Fan {
    fn start(self, initialiser: Initialiser) -> (Start, Start) {
        let (n, sum) = (self.input as f32, (self.input + self.output) as f32);
        let zero = Start::Constant(0.0);
        match initialiser {
            Initialiser::GlorotUniform => (Start::Uniform { bound: (6.0 / sum).sqrt() }, zero),
            Initialiser::GlorotNormal => (Start::Normal { deviation: (2.0 / sum).sqrt() }, zero),
            Initialiser::HeUniform => (Start::Uniform { bound: (6.0 / n).sqrt() }, zero),
            Initialiser::HeNormal => (Start::Normal { deviation: (2.0 / n).sqrt() }, zero),
            Initialiser::Pytorch => {
                let start = Start::Uniform { bound: 1.0 / n.sqrt() };
                (start, start)
            }
        }
    }
}

fn push(tensors: &mut Vec<TensorInfo>, layer: &str, name: &str, shape: Vec<usize>, start: Start) -> usize {
    let info = TensorInfo {
        name: format!("{layer}.{name}"),
        offset: buffer_len(tensors),
        len: shape.iter().product(),
        shape,
        start,
    };
    tensors.push(info);
    tensors.len() - 1
}

fn image(shape: Shape) -> Result<(usize, usize, usize)> {
    match shape {
        Shape::Image { height, width, channels } => Ok((height, width, channels)),
        Shape::Flat(n) => Err(Error::mismatch(ErrorKind::Spec, "an image", format!("a vector of {n}"))
            .with_help("put it before \"flatten\"")),
    }
}

fn positive(name: &str, value: usize) -> Result<()> {
    /// More than any layer here needs: beyond it sizes could overflow.
    const LIMIT: usize = 1 << 20;
    if value == 0 || value > LIMIT {
        return Err(Error::mismatch(ErrorKind::Spec, format!("`{name}` from 1 to {LIMIT}"), value.to_string()));
    }
    Ok(())
}

/// Refuses sizes that no machine of this program's kind trains, before anything is multiplied out or allocated.
fn affordable(what: &str, dimensions: &[usize]) -> Result<()> {
    /// One GiB of f32.
    const LIMIT: u128 = 1 << 28;
    let n = dimensions.iter().fold(1_u128, |n, &dimension| n.saturating_mul(dimension as u128));
    if n > LIMIT {
        return Err(Error::mismatch(ErrorKind::Spec, format!("at most {LIMIT} {what}"), n.to_string()));
    }
    Ok(())
}

fn pool_window(pool: &PoolSpec, input: Shape) -> Result<(Window, Shape)> {
    let (height, width, channels) = image(input)?;
    let (window, rows, columns) = window(pool.size, pool.stride.unwrap_or(pool.size), pool.padding, height, width)?;
    Ok((window, Shape::image(rows, columns, channels)))
}

/// The window and how many rows and columns of them fit.
fn window(
    size: Pair,
    stride: Pair,
    padding: PaddingSpec,
    height: usize,
    width: usize,
) -> Result<(Window, usize, usize)> {
    for (name, value) in [("size", size.0), ("size", size.1), ("stride", stride.0), ("stride", stride.1)] {
        positive(name, value)?;
    }
    let mut window = Window { size: size.into(), stride: stride.into(), before: [0; 2], after: [0; 2] };
    let mut counts = [0; 2];
    for (axis, length) in [height, width].into_iter().enumerate() {
        let (size, stride) = (window.size[axis], window.stride[axis]);
        match padding {
            PaddingSpec::Valid if size > length => {
                return Err(Error::mismatch(
                    ErrorKind::Spec,
                    format!("an image of at least {}×{}", window.size[0], window.size[1]),
                    format!("{height}×{width}"),
                )
                .with_help("use a smaller window, fewer pools, or padding = \"same\""));
            }
            PaddingSpec::Valid => counts[axis] = (length - size) / stride + 1,
            PaddingSpec::Same => {
                counts[axis] = length.div_ceil(stride);
                let total = ((counts[axis] - 1) * stride + size).saturating_sub(length);
                window.before[axis] = total / 2;
                window.after[axis] = total - total / 2;
            }
        }
    }
    Ok((window, counts[0], counts[1]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::model::Activation;
    use crate::spec::plan::ALIGNMENT;

    fn tutorial() -> ModelSpec {
        ModelSpec::sequential([
            LayerSpec::conv2d(32, 3).activation(Activation::Relu),
            LayerSpec::max_pool(2),
            LayerSpec::conv2d(64, 3).activation(Activation::Relu),
            LayerSpec::max_pool(2),
            LayerSpec::flatten(),
            LayerSpec::dense(10).activation(Activation::Softmax),
        ])
    }

    #[test]
    fn the_tutorial_network_has_the_known_shapes_parameters_and_macs() {
        let plan = tutorial().resolve(Shape::image(28, 28, 1), 10).unwrap();
        assert_eq!(plan.n_parameters(), 34_826);
        let macs: Vec<u64> = plan.layers.iter().map(Layer::macs).filter(|&macs| macs > 0).collect();
        assert_eq!(macs, [194_688, 2_230_272, 16_000]);
        assert_eq!(plan.layers.last().unwrap().output, Shape::Flat(10));
        assert!(plan.parameters.iter().all(|info| info.offset % ALIGNMENT == 0));
        let names: Vec<&str> = plan.parameters.iter().map(|info| info.name.as_str()).collect();
        assert_eq!(
            names,
            ["conv2d_1.kernel", "conv2d_1.bias", "conv2d_2.kernel", "conv2d_2.bias", "dense_1.kernel", "dense_1.bias"]
        );
    }

    fn check(layers: Vec<LayerSpec>, message: &str) {
        let error = ModelSpec::sequential(layers).resolve(Shape::image(28, 28, 1), 10).unwrap_err();
        assert_eq!(error.to_string(), message);
    }

    #[test]
    fn a_wrong_layer_is_named_with_its_number_kind_expected_and_found() {
        check(
            vec![LayerSpec::conv2d(8, 3), LayerSpec::dense(10)],
            "layer 2 (dense): expected a vector, found an image of 26×26×8; put \"flatten\" before it",
        );
        check(
            vec![LayerSpec::flatten(), LayerSpec::dense(12)],
            "layer 2 (dense): expected 10 outputs, one per class, found 12; \
             leave `units` out of the last dense layer and it takes the number of classes",
        );
        check(
            vec![LayerSpec::conv2d(8, 30)],
            "layer 1 (conv2d): expected an image of at least 30×30, found 28×28; \
             use a smaller window, fewer pools, or padding = \"same\"",
        );
        check(
            vec![LayerSpec::residual([LayerSpec::flatten(), LayerSpec::conv2d(8, 3)])],
            "layer 1 (residual), layer 2 (conv2d): expected an image, found a vector of 784; put it before \"flatten\"",
        );
    }

    #[test]
    fn sizes_beyond_any_machine_are_refused_before_they_overflow() {
        check(
            vec![LayerSpec::conv2d(1 << 20, 1 << 20).same()],
            "layer 1 (conv2d): expected at most 268435456 weights, found 1152921504606846976",
        );
        check(
            vec![LayerSpec::conv2d(1 << 20, 1)],
            "layer 1 (conv2d): expected at most 268435456 outputs, found 822083584",
        );
    }

    #[test]
    fn same_padding_puts_the_odd_row_at_the_bottom() {
        let spec = ModelSpec::sequential([
            LayerSpec::conv2d(4, 3).stride(2).same(),
            LayerSpec::flatten(),
            LayerSpec::dense_per_class(),
        ]);
        let plan = spec.resolve(Shape::image(28, 28, 1), 10).unwrap();
        let Operation::Conv2d { window, .. } = &plan.layers[0].operation else { panic!("a convolution") };
        assert_eq!((window.before, window.after), ([0, 0], [1, 1]));
        assert_eq!(plan.layers[0].output, Shape::image(14, 14, 4));
    }
}
