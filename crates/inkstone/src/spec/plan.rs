//! The resolved network: every shape known, every parameter named. Always right: only [`ModelSpec::resolve`](super::ModelSpec::resolve) makes one.

use crate::shape::Shape;
use crate::spec::model::{Activation, LEAKY_SLOPE};

/// A network that can run: layers with their shapes, parameters with their names and places.
///
/// A final softmax is understood as part of the loss and left out: the plan yields logits.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The shape of one input image.
    pub input: Shape,
    /// What runs, first to last. One layer of the spec may be two here (a convolution and its activation).
    pub layers: Vec<Layer>,
    /// The trained values, in the order of the flat parameter buffer.
    pub parameters: Vec<TensorInfo>,
    /// The values kept beside them (running statistics), in the order of the flat state buffer.
    pub state: Vec<TensorInfo>,
    /// How many logits come out.
    pub n_classes: usize,
}

/// One operation with its shapes.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Unique in the plan: `conv2d_1`.
    pub name: String,
    /// The layer of the spec that it comes from: its place in the list that holds it, counted from 1.
    pub number: usize,
    /// What it computes.
    pub operation: Operation,
    /// The shape of one sample before it.
    pub input: Shape,
    /// The shape of one sample after it.
    pub output: Shape,
}

/// What a layer computes. Numbers named `kernel`, `bias`, … are positions in [`Plan::parameters`] or [`Plan::state`].
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// `y[i,j,o] = b[o] + Σ w[u,v,c,o] · x[i·s+u−p, j·s+v−p, c]`
    Conv2d {
        /// Rows and columns, steps, and the zeros around the image.
        window: Window,
        /// Parameter of shape (rows, columns, in, out).
        kernel: usize,
        /// Parameter of shape (out).
        bias: Option<usize>,
    },
    /// The largest value of each window; padding never wins.
    MaxPool(Window),
    /// The mean of each window; padding is not counted.
    AveragePool(Window),
    /// The mean over all pixels.
    GlobalAveragePool,
    /// A new shape for the same values.
    Flatten,
    /// `y[o] = b[o] + Σ x[i] · w[i,o]`
    Dense {
        /// Parameter of shape (in, out).
        kernel: usize,
        /// Parameter of shape (out).
        bias: Option<usize>,
    },
    /// A function of each value.
    Activation(Function),
    /// Zeros with probability `rate` in training.
    Dropout {
        /// In 0..1.
        rate: f32,
        /// Which dropout of the plan it is: part of the key of its draws.
        index: u32,
    },
    /// y = γ · (x − mean) / √(variance + ε) + β, per channel.
    BatchNorm {
        /// Parameter γ.
        gamma: usize,
        /// Parameter β.
        beta: usize,
        /// State: the running mean.
        mean: usize,
        /// State: the running (biased) variance.
        variance: usize,
        /// running = momentum·running + (1 − momentum)·batch.
        momentum: f32,
        /// Added to the variance.
        epsilon: f32,
    },
    /// y = x + body(x).
    Residual {
        /// The skipped layers; their output has the input's shape.
        body: Vec<Layer>,
    },
}

/// The windows of a convolution or pool over an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Rows and columns.
    pub size: [usize; 2],
    /// Rows and columns between two windows.
    pub stride: [usize; 2],
    /// Rows added at the top, columns added at the left.
    pub before: [usize; 2],
    /// Rows added at the bottom, columns added at the right.
    pub after: [usize; 2],
}

/// A function of each value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Function {
    /// max(x, 0); its slope at 0 is 0.
    Relu,
    /// x where positive, else slope·x.
    LeakyRelu(f32),
    /// x·Φ(x).
    Gelu,
    /// The hyperbolic tangent.
    Tanh,
    /// 1 / (1 + e^−x).
    Sigmoid,
    /// e^x over its sum across the channels.
    Softmax,
}

impl Function {
    /// Its name in a recipe, and the slope where it has one: `leaky_relu 0.01`.
    pub fn name(self) -> String {
        match self {
            Self::Relu => "relu".into(),
            Self::LeakyRelu(slope) => format!("leaky_relu {slope}"),
            Self::Gelu => "gelu".into(),
            Self::Tanh => "tanh".into(),
            Self::Sigmoid => "sigmoid".into(),
            Self::Softmax => "softmax".into(),
        }
    }
}

impl From<Activation> for Function {
    fn from(activation: Activation) -> Self {
        match activation {
            Activation::Relu => Self::Relu,
            Activation::LeakyRelu => Self::LeakyRelu(LEAKY_SLOPE),
            Activation::Gelu => Self::Gelu,
            Activation::Tanh => Self::Tanh,
            Activation::Sigmoid => Self::Sigmoid,
            Activation::Softmax => Self::Softmax,
        }
    }
}

/// A named tensor in a flat buffer.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorInfo {
    /// `conv2d_1.kernel`: unique.
    pub name: String,
    /// Its dimensions, slowest first.
    pub shape: Vec<usize>,
    /// Where it starts in the flat buffer: a multiple of [`ALIGNMENT`].
    pub offset: usize,
    /// How many values it has.
    pub len: usize,
    /// Its first values.
    pub start: Start,
}

impl TensorInfo {
    /// A tensor that stands alone, all zero at first.
    pub(crate) fn plain(name: &str, shape: Vec<usize>) -> Self {
        let len = shape.iter().product();
        Self { name: name.to_owned(), shape, offset: 0, len, start: Start::Constant(0.0) }
    }
}

/// The first values of a tensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Start {
    /// All the same.
    Constant(f32),
    /// U(−bound, bound).
    Uniform {
        /// The largest absolute value.
        bound: f32,
    },
    /// N(0, deviation²).
    Normal {
        /// The standard deviation.
        deviation: f32,
    },
}

/// Tensors in a flat buffer start at multiples of this many values: 64 bytes, one cache line, one AVX-512 vector.
pub const ALIGNMENT: usize = 16;

impl TensorInfo {
    /// Where its values stand in the flat buffer.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.len
    }
}

impl Plan {
    /// The length of the flat parameter buffer, padding between tensors included.
    pub fn parameter_buffer_len(&self) -> usize {
        buffer_len(&self.parameters)
    }

    /// The length of the flat state buffer.
    pub fn state_buffer_len(&self) -> usize {
        buffer_len(&self.state)
    }

    /// How many values are trained.
    pub fn n_parameters(&self) -> usize {
        self.parameters.iter().map(|info| info.len).sum()
    }

    /// Every layer, bodies of residuals after their residual, with its depth.
    pub fn walk(&self) -> Vec<(usize, &Layer)> {
        fn visit<'a>(layers: &'a [Layer], depth: usize, out: &mut Vec<(usize, &'a Layer)>) {
            for layer in layers {
                out.push((depth, layer));
                if let Operation::Residual { body } = &layer.operation {
                    visit(body, depth + 1, out);
                }
            }
        }
        let mut out = Vec::new();
        visit(&self.layers, 0, &mut out);
        out
    }
}

/// The length of a flat buffer: every tensor starts at a multiple of [`ALIGNMENT`].
pub(super) fn buffer_len(tensors: &[TensorInfo]) -> usize {
    tensors.last().map_or(0, |info| (info.offset + info.len).next_multiple_of(ALIGNMENT))
}

impl Layer {
    /// Multiply-accumulates of one sample's forward pass (the layer itself, not a residual's body).
    pub fn macs(&self) -> u64 {
        let windows = |channels: usize| (self.output.len() / channels.max(1)) as u64;
        match &self.operation {
            Operation::Conv2d { window, .. } => {
                let taps = window.size[0] * window.size[1] * self.input.channels();
                windows(self.output.channels()) * (taps * self.output.channels()) as u64
            }
            Operation::Dense { .. } => (self.input.len() * self.output.len()) as u64,
            _ => 0,
        }
    }

    /// Multiply-accumulates of one sample's training step: forward, gradient of the parameters and, but for the first
    /// layer with parameters, of the input.
    pub fn training_macs(&self, is_first: First) -> u64 {
        self.macs() * if is_first == First::Yes { 2 } else { 3 }
    }
}

/// Whether a layer is the first with parameters: the gradient of its input is never needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// It is.
    Yes,
    /// It is not.
    No,
}
