//! The network as a person writes it: a list of layers. [`ModelSpec::resolve`] turns it into a [`Plan`](super::Plan).

use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

/// A network as a list of layers, first to last.
///
/// ```
/// use inkstone::spec::model::{Activation, LayerSpec, ModelSpec};
/// let spec = ModelSpec::sequential([
///     LayerSpec::conv2d(8, 3).activation(Activation::Relu),
///     LayerSpec::max_pool(2),
///     LayerSpec::flatten(),
///     LayerSpec::dense(10).activation(Activation::Softmax),
/// ]);
/// assert_eq!(spec.layers.len(), 4);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// How the parameters get their first values.
    #[serde(default)]
    pub initialiser: Initialiser,
    /// The layers, first to last.
    pub layers: Vec<LayerSpec>,
}

impl ModelSpec {
    /// A network that runs `layers` one after the other, with Keras' initialisation.
    pub fn sequential(layers: impl IntoIterator<Item = LayerSpec>) -> Self {
        Self { initialiser: Initialiser::default(), layers: layers.into_iter().collect() }
    }

    /// The same network with other first values.
    #[must_use]
    pub fn initialiser(mut self, initialiser: Initialiser) -> Self {
        self.initialiser = initialiser;
        self
    }
}

/// How kernels and biases get their first values. fan_in and fan_out count one output's inputs and one input's outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Initialiser {
    /// U(−a, a), a = √(6 / (fan_in + fan_out)); biases zero. Keras' default.
    #[default]
    GlorotUniform,
    /// N(0, 2 / (fan_in + fan_out)); biases zero.
    GlorotNormal,
    /// U(−a, a), a = √(6 / fan_in); biases zero.
    HeUniform,
    /// N(0, 2 / fan_in); biases zero.
    HeNormal,
    /// U(−a, a), a = 1 / √fan_in, for kernels and biases: PyTorch's default for convolutions and dense layers.
    Pytorch,
}

/// One layer. In a recipe: `{ conv2d = { filters = 32, kernel = 3 } }`, `{ max_pool = 2 }` or `"flatten"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum LayerSpec {
    /// A two-dimensional convolution (cross-correlation, as everywhere in this field).
    Conv2d(Conv2dSpec),
    /// The largest value of each window.
    MaxPool(PoolSpec),
    /// The mean of each window; padding is not counted.
    AveragePool(PoolSpec),
    /// The mean over all pixels, per channel.
    GlobalAveragePool,
    /// An image as a vector, row-major over H, W, C.
    Flatten,
    /// Every output from every input.
    Dense(DenseSpec),
    /// max(x, 0).
    Relu,
    /// x where positive, else slope·x.
    LeakyRelu(LeakyReluSpec),
    /// x·Φ(x), with the error function (not the tanh approximation).
    Gelu,
    /// The hyperbolic tangent.
    Tanh,
    /// 1 / (1 + e^−x).
    Sigmoid,
    /// e^x over its sum, across the channels (or the whole vector).
    Softmax,
    /// Sets values to zero with this probability in training, scales the others by 1 / (1 − rate).
    Dropout(f32),
    /// Normalises each channel by the batch's statistics in training, by running ones afterwards.
    BatchNorm(BatchNormSpec),
    /// x + body(x).
    Residual(ResidualSpec),
}

/// A convolution's options.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Conv2dSpec {
    /// Output channels.
    pub filters: usize,
    /// Rows and columns of the window: `3` or `[3, 5]`.
    pub kernel: Pair,
    /// Step between windows.
    #[serde(default = "Pair::one")]
    pub stride: Pair,
    /// What lies outside the image.
    #[serde(default)]
    pub padding: PaddingSpec,
    /// Whether a bias is added.
    #[serde(default = "yes")]
    pub bias: bool,
    /// Applied to the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
}

/// A pooling window. In a recipe also just its size: `{ max_pool = 2 }`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PoolSpec {
    /// Rows and columns of the window.
    pub size: Pair,
    /// Step between windows; the size where not given.
    pub stride: Option<Pair>,
    /// What lies outside the image.
    pub padding: PaddingSpec,
}

/// A dense layer's options.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DenseSpec {
    /// Outputs. May be left out in the last layer: the number of classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<usize>,
    /// Whether a bias is added.
    #[serde(default = "yes")]
    pub bias: bool,
    /// Applied to the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
}

/// A leaky rectifier's options.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LeakyReluSpec {
    /// The factor of negative values.
    #[serde(default = "default_slope")]
    pub slope: f32,
}

/// Batch normalisation's options, with Keras' meaning and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct BatchNormSpec {
    /// running = momentum·running + (1 − momentum)·batch (PyTorch's momentum is 1 − this).
    pub momentum: f32,
    /// Added to the variance.
    pub epsilon: f32,
    /// Applied to the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
}

/// A skip connection: the body's result is added to its input, so both have one shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ResidualSpec {
    /// The layers that are skipped.
    pub body: Vec<LayerSpec>,
    /// Applied to the sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
}

/// A function applied to each value (softmax: to each vector of channels).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Activation {
    /// max(x, 0).
    Relu,
    /// x where positive, else 0.01·x. For another slope there is the layer `{ leaky_relu = { slope = 0.2 } }`.
    LeakyRelu,
    /// x·Φ(x).
    Gelu,
    /// The hyperbolic tangent.
    Tanh,
    /// 1 / (1 + e^−x).
    Sigmoid,
    /// e^x over its sum.
    Softmax,
}

/// Rows and columns: `3` in a recipe means `[3, 3]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "[usize; 2]")]
pub struct Pair(pub usize, pub usize);

/// What a convolution or pool sees outside the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaddingSpec {
    /// Nothing: windows stay inside the image.
    #[default]
    Valid,
    /// As much as makes output = ⌈input / stride⌉; the extra row or column goes to the bottom and right (as Keras).
    Same,
}

/// The slope of a leaky rectifier that names none (PyTorch's default).
pub(super) const LEAKY_SLOPE: f32 = 0.01;

fn default_slope() -> f32 {
    LEAKY_SLOPE
}

fn yes() -> bool {
    true
}

impl Default for BatchNormSpec {
    fn default() -> Self {
        Self { momentum: 0.99, epsilon: 1e-3, activation: None }
    }
}

/// Builders: what the recipe's tables say, for Rust.
impl LayerSpec {
    /// A convolution with `filters` outputs and a `kernel`×`kernel` window, stride 1, no padding.
    pub fn conv2d(filters: usize, kernel: usize) -> Self {
        Self::Conv2d(Conv2dSpec {
            filters,
            kernel: kernel.into(),
            stride: Pair::one(),
            padding: PaddingSpec::Valid,
            bias: true,
            activation: None,
        })
    }

    /// The largest value of each `size`×`size` window.
    pub fn max_pool(size: usize) -> Self {
        Self::MaxPool(size.into())
    }

    /// The mean of each `size`×`size` window.
    pub fn average_pool(size: usize) -> Self {
        Self::AveragePool(size.into())
    }

    /// An image as a vector.
    pub fn flatten() -> Self {
        Self::Flatten
    }

    /// A dense layer with `units` outputs.
    pub fn dense(units: usize) -> Self {
        Self::Dense(DenseSpec { units: Some(units), bias: true, activation: None })
    }

    /// A dense layer with one output per class.
    pub fn dense_per_class() -> Self {
        Self::Dense(DenseSpec { units: None, bias: true, activation: None })
    }

    /// Dropout with this probability.
    pub fn dropout(rate: f32) -> Self {
        Self::Dropout(rate)
    }

    /// Batch normalisation with Keras' defaults.
    pub fn batch_norm() -> Self {
        Self::BatchNorm(BatchNormSpec::default())
    }

    /// x + body(x).
    pub fn residual(body: impl IntoIterator<Item = LayerSpec>) -> Self {
        Self::Residual(ResidualSpec { body: body.into_iter().collect(), activation: None })
    }

    /// Applies a function to the layer's result.
    ///
    /// # Panics
    /// If the layer takes none (a pool, say): write it as a layer of its own.
    #[must_use]
    pub fn activation(mut self, function: Activation) -> Self {
        match &mut self {
            Self::Conv2d(Conv2dSpec { activation, .. })
            | Self::Dense(DenseSpec { activation, .. })
            | Self::BatchNorm(BatchNormSpec { activation, .. })
            | Self::Residual(ResidualSpec { activation, .. }) => *activation = Some(function),
            other => panic!("{} takes no activation", other.kind()),
        }
        self
    }

    /// Steps `stride` pixels between the windows of a convolution or pool.
    ///
    /// # Panics
    /// If the layer has no windows.
    #[must_use]
    pub fn stride(mut self, step: usize) -> Self {
        match &mut self {
            Self::Conv2d(Conv2dSpec { stride, .. }) => *stride = step.into(),
            Self::MaxPool(PoolSpec { stride, .. }) | Self::AveragePool(PoolSpec { stride, .. }) => {
                *stride = Some(step.into());
            }
            other => panic!("{} has no stride", other.kind()),
        }
        self
    }

    /// Pads a convolution or pool so that output = ⌈input / stride⌉.
    ///
    /// # Panics
    /// If the layer has no windows.
    #[must_use]
    pub fn same(mut self) -> Self {
        match &mut self {
            Self::Conv2d(Conv2dSpec { padding, .. })
            | Self::MaxPool(PoolSpec { padding, .. })
            | Self::AveragePool(PoolSpec { padding, .. }) => *padding = PaddingSpec::Same,
            other => panic!("{} has no padding", other.kind()),
        }
        self
    }

    /// The layer's name in a recipe.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Conv2d(_) => "conv2d",
            Self::MaxPool(_) => "max_pool",
            Self::AveragePool(_) => "average_pool",
            Self::GlobalAveragePool => "global_average_pool",
            Self::Flatten => "flatten",
            Self::Dense(_) => "dense",
            Self::Relu => "relu",
            Self::LeakyRelu(_) => "leaky_relu",
            Self::Gelu => "gelu",
            Self::Tanh => "tanh",
            Self::Sigmoid => "sigmoid",
            Self::Softmax => "softmax",
            Self::Dropout(_) => "dropout",
            Self::BatchNorm(_) => "batch_norm",
            Self::Residual(_) => "residual",
        }
    }
}

impl Pair {
    /// One row, one column.
    pub fn one() -> Self {
        Self(1, 1)
    }
}

impl From<usize> for Pair {
    fn from(side: usize) -> Self {
        Self(side, side)
    }
}

impl From<Pair> for [usize; 2] {
    fn from(pair: Pair) -> Self {
        [pair.0, pair.1]
    }
}

impl From<usize> for PoolSpec {
    fn from(size: usize) -> Self {
        Self { size: size.into(), stride: None, padding: PaddingSpec::Valid }
    }
}

/// `3` or `[3, 5]`.
#[derive(Deserialize)]
#[serde(untagged)]
enum PairForms {
    Side(usize),
    Both([usize; 2]),
}

impl<'de> Deserialize<'de> for Pair {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match PairForms::deserialize(deserializer) {
            Ok(PairForms::Side(side)) => Ok(side.into()),
            Ok(PairForms::Both([rows, columns])) => Ok(Self(rows, columns)),
            Err(error) if error.to_string().starts_with("missing field") => Err(error),
            Err(_) => Err(de::Error::custom("expected a whole number such as 3 or a pair such as [3, 5]")),
        }
    }
}

impl Serialize for PoolSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        PoolTable { size: self.size, stride: self.stride, padding: self.padding }.serialize(serializer)
    }
}

/// The table form of a pool.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PoolTable {
    size: Pair,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stride: Option<Pair>,
    #[serde(default)]
    padding: PaddingSpec,
}

impl<'de> Deserialize<'de> for PoolSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// A size alone, or the whole table: told apart by what stands there, so that errors stay about the form used.
        struct Forms;
        impl<'de> Visitor<'de> for Forms {
            type Value = PoolSpec;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a window size such as 2, or a table such as { size = 3, stride = 2 }")
            }
            fn visit_i64<E: de::Error>(self, size: i64) -> Result<PoolSpec, E> {
                usize::try_from(size).map(PoolSpec::from).map_err(|_| E::custom("expected a positive window size"))
            }
            fn visit_u64<E: de::Error>(self, size: u64) -> Result<PoolSpec, E> {
                usize::try_from(size).map(PoolSpec::from).map_err(|_| E::custom("expected a smaller window size"))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PoolSpec, A::Error> {
                let table = PoolTable::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(PoolSpec { size: table.size, stride: table.stride, padding: table.padding })
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, sequence: A) -> Result<PoolSpec, A::Error> {
                let size = Pair::deserialize(de::value::SeqAccessDeserializer::new(sequence))?;
                Ok(PoolSpec { size, stride: None, padding: PaddingSpec::Valid })
            }
        }
        deserializer.deserialize_any(Forms)
    }
}
