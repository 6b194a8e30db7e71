//! The plan as data that the fused engine runs: values, blocks that turn one into another, and the cuts between them.
//!
//! Fusing is decided here and nowhere else: conv+relu, conv+relu+max pool (in either order), dense+relu. Everything
//! that is not fused is a block of its own. Refuses nothing: a plan is always valid.

use inkstone_kernels::{Epilogue, Gather, Tiles, Windows};

use super::reduce::MOST_COLUMNS;
use crate::shape::Shape;
use crate::spec::plan::{Function, Layer, Operation, Plan, Window};
use crate::spec::training::Precision;

/// A place for one intermediate result of every image of a micro-batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Value {
    /// How many `f32` one image has.
    pub(super) len: usize,
    /// From one image to the next: rows of a vector are contiguous, images start at cache lines.
    pub(super) stride: usize,
}

/// Index into [`Program::values`].
pub(super) type ValueId = usize;

/// What the fused engine runs.
#[derive(Debug, Clone)]
pub(super) struct Program {
    /// What the operands of products are rounded to.
    pub(super) precision: Precision,
    pub(super) values: Vec<Value>,
    /// In the order of the forward pass.
    pub(super) blocks: Vec<Block>,
    pub(super) output: ValueId,
    /// Positions of the batch norms in `blocks`: where training must see the whole batch before it goes on.
    pub(super) cuts: Vec<usize>,
    /// Whether the gradient of each value is wanted: not that of the input nor of what only depends on it.
    pub(super) wants_gradient: Vec<bool>,
    /// Tensors whose gradients the lanes keep transposed, in the order of the flat buffer.
    pub(super) transposed: Vec<Transposed>,
}

/// A tensor of k × n values whose gradient stands in the lanes as n × k.
#[derive(Debug, Clone, Copy)]
pub(super) struct Transposed {
    /// Where it begins in the flat buffer.
    pub(super) offset: usize,
    pub(super) k: usize,
    pub(super) n: usize,
}

/// One step of the forward pass, and its counterpart backward.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) name: String,
    pub(super) input: ValueId,
    pub(super) output: ValueId,
    pub(super) kind: Kind,
}

/// What a block computes.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant)] // A program has a few dozen blocks.
pub(super) enum Kind {
    Conv(Conv),
    Dense(Dense),
    MaxPool(Pooling),
    AveragePool(Pooling),
    GlobalAveragePool {
        pixels: usize,
        channels: usize,
    },
    Activation {
        function: Function,
        channels: usize,
    },
    /// `mask` is a value too: the factors of the forward pass are needed backward.
    Dropout {
        rate: f32,
        index: u32,
        mask: ValueId,
    },
    BatchNorm(Norm),
    /// output = input + other
    Add {
        other: ValueId,
    },
}

/// A convolution with what follows it.
#[derive(Debug, Clone)]
pub(super) struct Conv {
    /// Positions in the plan's parameters.
    pub(super) kernel: usize,
    pub(super) bias: Option<usize>,
    /// Input and output channels.
    pub(super) channels: [usize; 2],
    /// The windows over the (padded) input, ordered `[pool window][tap]` where a pool follows: outputs that no pool
    /// window sees are never computed.
    pub(super) gather: Gather,
    /// Gradients of positions as rows: [`ROWS_AT_ONCE`] of them.
    pub(super) d_rows: Gather,
    /// Rows and columns of the output, before the pool.
    pub(super) size: [usize; 2],
    /// Rows and columns of the input.
    pub(super) input_size: [usize; 2],
    pub(super) padding: Option<Padding>,
    pub(super) pool: Option<Windows>,
    pub(super) epilogue: Epilogue,
    pub(super) forward: Forward,
    /// Behind a max pool most outputs carry no gradient: the backward pass then visits only those that do.
    pub(super) backward: Backward,
    /// Where the input's gradient is a convolution by minimal filtering, too: of the padded gradient of the output with
    /// the kernels turned by half a turn.
    pub(super) turned: Option<(Tiles, Padding)>,
}

/// How the outputs of a convolution are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forward {
    /// By minimal filtering: 3×3, stride 1, enough channels to pay for the transforms.
    Winograd(Tiles),
    /// As a product whose rows are pooled four by four before they are stored.
    PooledProduct,
    /// As a product; a pool looks at it afterwards.
    Product,
    /// As a product in bf16, pooled four by four or not at all.
    Bf16,
}

/// How gradients of a convolution are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Backward {
    /// As products over all positions.
    Full,
    /// As sums of few long rows.
    Sparse,
    /// Those of the kernel side by side for all channels, masked: the rows are short.
    Masked,
}

/// Input channels from which on minimal filtering pays.
const WINOGRAD_CHANNELS: usize = 8;

/// Values of a window from which on a product in bf16 pays: one tile of AMX.
const BF16_ROW: usize = 32;

/// Rows of an input that fill vectors: a sum of such rows pays where a pool lets few outputs through.
const LONG_PIECE: usize = 16;

/// Dense outputs up to which the backward pass works row by row of the transposed weights.
const NARROW: usize = 32;

/// Zeros around an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Padding {
    pub(super) before: [usize; 2],
    pub(super) inner: [usize; 2],
    /// Rows and columns with the zeros.
    pub(super) outer: [usize; 2],
    pub(super) channels: usize,
}

/// A dense layer with what follows it.
#[derive(Debug, Clone)]
pub(super) struct Dense {
    pub(super) kernel: usize,
    pub(super) bias: Option<usize>,
    pub(super) n_inputs: usize,
    pub(super) n_outputs: usize,
    pub(super) epilogue: Epilogue,
    /// [`ROWS_AT_ONCE`] images as rows: of the input, and of the output's gradient.
    pub(super) rows: [Gather; 2],
    /// Few outputs: the gradient of the weights is kept transposed, as sums of images.
    pub(super) is_narrow: bool,
}

/// Rows that a dense layer takes at once, and gradients of windows that are held at once: two register tiles of
/// AVX-512.
pub(super) const ROWS_AT_ONCE: usize = 24;

/// A pool that is not fused into a convolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pooling {
    pub(super) window: Window,
    /// Rows, columns of the input; rows, columns of the output.
    pub(super) input: [usize; 2],
    pub(super) output: [usize; 2],
    pub(super) channels: usize,
}

/// A batch normalisation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Norm {
    pub(super) gamma: usize,
    pub(super) beta: usize,
    pub(super) mean: usize,
    pub(super) variance: usize,
    pub(super) momentum: f32,
    pub(super) epsilon: f32,
    pub(super) channels: usize,
}

impl Program {
    /// Compiles a plan for training and answers.
    pub(super) fn new(plan: &Plan, precision: Precision) -> Self {
        let mut program = Self {
            precision,
            values: Vec::new(),
            blocks: Vec::new(),
            output: 0,
            cuts: Vec::new(),
            wants_gradient: Vec::new(),
            transposed: Vec::new(),
        };
        let input = program.value(plan.input);
        program.output = program.sequence(&plan.layers, input);
        program.wants_gradient = program.gradients();
        program.transposed = program.blocks.iter().filter_map(|block| block.transposed(plan)).collect();
        program.transposed.sort_by_key(|tensor| tensor.offset);
        program
    }

    /// Compiles a plan so that the backward pass goes on to the images.
    pub(super) fn down_to_the_input(plan: &Plan) -> Self {
        let program = Self::new(plan, Precision::F32);
        Self { wants_gradient: vec![true; program.values.len()], ..program }
    }

    /// The values that hold the factors of dropouts.
    pub(super) fn masks(&self) -> impl Iterator<Item = ValueId> {
        self.blocks.iter().filter_map(|block| match block.kind {
            Kind::Dropout { mask, .. } => Some(mask),
            _ => None,
        })
    }

    /// The value that the last dense layer takes in; without one, what the last block does.
    pub(super) fn features(&self) -> ValueId {
        let is_dense = |block: &&Block| matches!(block.kind, Kind::Dense(_));
        let last = self.blocks.iter().rfind(is_dense).or(self.blocks.last());
        last.map_or(self.output, |block| block.input)
    }

    /// The largest block-local needs, for the scratch of a lane.
    pub(super) fn largest<T: Ord + Default>(&self, need: impl Fn(&Block) -> T) -> T {
        self.blocks.iter().map(need).max().unwrap_or_default()
    }

    fn value(&mut self, shape: Shape) -> ValueId {
        let len = shape.len();
        let stride = match shape {
            Shape::Flat(_) => len,
            Shape::Image { .. } => len.next_multiple_of(crate::spec::plan::ALIGNMENT),
        };
        self.values.push(Value { len, stride });
        self.values.len() - 1
    }

    fn sequence(&mut self, layers: &[Layer], mut input: ValueId) -> ValueId {
        let mut rest = layers;
        while let Some(layer) = rest.first() {
            let taken = self.fuse(rest, input);
            input = match taken {
                Some((output, n_layers)) => {
                    rest = &rest[n_layers..];
                    output
                }
                None => {
                    rest = &rest[1..];
                    self.single(layer, input)
                }
            };
        }
        input
    }

    /// A convolution or dense layer with its rectifier and pool as one block: its output and how many layers it took.
    fn fuse(&mut self, layers: &[Layer], input: ValueId) -> Option<(ValueId, usize)> {
        let next = |i: usize| layers.get(i).map(|layer: &Layer| &layer.operation);
        let is_relu = |i: usize| matches!(next(i), Some(Operation::Activation(Function::Relu)));
        match &layers[0].operation {
            Operation::Dense { kernel, bias } => {
                let n_layers = 1 + usize::from(is_relu(1));
                let (n_inputs, n_outputs) = (layers[0].input.len(), layers[0].output.len());
                let dense = Dense {
                    kernel: *kernel,
                    bias: *bias,
                    n_inputs,
                    n_outputs,
                    epilogue: epilogue(is_relu(1)),
                    rows: [(n_inputs, self.values[input].stride), (n_outputs, n_outputs)]
                        .map(|(len, stride)| Gather::dense(ROWS_AT_ONCE, len, stride)),
                    is_narrow: n_outputs <= NARROW,
                };
                Some((self.push(&layers[..n_layers], input, Kind::Dense(dense)), n_layers))
            }
            Operation::Conv2d { window, kernel, bias } => {
                let pool_at = |i: usize| match next(i) {
                    Some(Operation::MaxPool(pool)) if is_disjoint(pool, layers[0].output) => Some(*pool),
                    _ => None,
                };
                // max(relu(x)) = relu(max(x)): the order of the two does not matter.
                let (pool, has_relu, n_layers) = match (is_relu(1), pool_at(1), pool_at(2)) {
                    (true, _, Some(pool)) => (Some(pool), true, 3),
                    (true, _, None) => (None, true, 2),
                    (false, Some(pool), _) => (Some(pool), is_relu(2), 2 + usize::from(is_relu(2))),
                    (false, None, _) => (None, false, 1),
                };
                let output = layers[n_layers - 1].output;
                let pool = pool.map(|pool| (pool, output));
                let conv = Conv::new(&layers[0], (*window, *kernel, *bias), pool, has_relu, self.precision);
                Some((self.push(&layers[..n_layers], input, Kind::Conv(conv)), n_layers))
            }
            _ => None,
        }
    }

    /// A layer as a block of its own.
    fn single(&mut self, layer: &Layer, input: ValueId) -> ValueId {
        let channels = layer.input.channels();
        let kind = match &layer.operation {
            Operation::Conv2d { .. } | Operation::Dense { .. } => unreachable!("fused above"),
            // The memory order is the same: the value serves as a vector too.
            Operation::Flatten => return input,
            Operation::MaxPool(window) => Kind::MaxPool(Pooling::new(layer, *window)),
            Operation::AveragePool(window) => Kind::AveragePool(Pooling::new(layer, *window)),
            Operation::GlobalAveragePool => Kind::GlobalAveragePool { pixels: layer.input.len() / channels, channels },
            Operation::Activation(function) => Kind::Activation { function: *function, channels },
            Operation::Dropout { rate, index } => {
                Kind::Dropout { rate: *rate, index: *index, mask: self.value(layer.input) }
            }
            &Operation::BatchNorm { gamma, beta, mean, variance, momentum, epsilon } => {
                self.cuts.push(self.blocks.len());
                Kind::BatchNorm(Norm { gamma, beta, mean, variance, momentum, epsilon, channels })
            }
            Operation::Residual { body } => {
                let other = self.sequence(body, input);
                Kind::Add { other }
            }
        };
        self.push(std::slice::from_ref(layer), input, kind)
    }

    fn push(&mut self, layers: &[Layer], input: ValueId, kind: Kind) -> ValueId {
        let output = self.value(layers[layers.len() - 1].output);
        let names: Vec<&str> = layers.iter().map(|layer| layer.name.as_str()).collect();
        self.blocks.push(Block { name: names.join(" + "), input, output, kind });
        output
    }

    /// A gradient is wanted from the first block with parameters on.
    fn gradients(&self) -> Vec<bool> {
        let mut wants = vec![false; self.values.len()];
        for block in &self.blocks {
            let has_parameters = matches!(block.kind, Kind::Conv(_) | Kind::Dense(_) | Kind::BatchNorm(_));
            let other = if let Kind::Add { other } = block.kind { wants[other] } else { false };
            wants[block.output] = has_parameters || wants[block.input] || other;
        }
        wants
    }
}

impl Block {
    /// The kernel, if its gradient stands transposed in the lanes.
    fn transposed(&self, plan: &Plan) -> Option<Transposed> {
        let (kernel, k, n) = match &self.kind {
            Kind::Conv(conv) if conv.backward == Backward::Sparse => {
                (conv.kernel, conv.gather.row_len(), conv.channels[1])
            }
            Kind::Dense(dense) if dense.is_narrow => (dense.kernel, dense.n_inputs, dense.n_outputs),
            _ => return None,
        };
        Some(Transposed { offset: plan.parameters[kernel].offset, k, n })
    }

    /// The block in words: `inspect --blocks` prints it.
    pub(super) fn describe(&self) -> String {
        match &self.kind {
            Kind::Conv(conv) => {
                let n = conv.gather.n_rows();
                let pool =
                    conv.pool.map_or(String::new(), |pool| format!(", {} pool windows of {}", pool.n, pool.taps));
                let backward = if conv.backward == Backward::Full { "products" } else { "only where a window won" };
                let [k, filters] = [conv.gather.row_len(), conv.channels[1]];
                let forward = match conv.forward {
                    Forward::Winograd(tiles) => format!("Winograd F(2×2, 3×3), {} tiles by {filters}", tiles.n()),
                    Forward::PooledProduct | Forward::Product => format!("product of {n} × {k} by {filters}"),
                    Forward::Bf16 => format!("product in bf16 of {n} × {k} by {filters}"),
                };
                format!("{forward}{pool}; backward: {backward}")
            }
            Kind::Dense(dense) => format!("product with {} × {}", dense.n_inputs, dense.n_outputs),
            Kind::BatchNorm(_) => "statistics of the whole batch, then normalise".into(),
            Kind::Add { .. } => "add to the input".into(),
            Kind::MaxPool(_)
            | Kind::AveragePool(_)
            | Kind::GlobalAveragePool { .. }
            | Kind::Activation { .. }
            | Kind::Dropout { .. } => "value by value".into(),
        }
    }
}

/// Whether minimal filtering of these tiles is cheaper than products for `n_outputs` positions: 16 multiplications per
/// tile against 9 per position, and the transforms on top (about a third, measured on AVX2).
fn pays(tiles: [usize; 2], n_outputs: usize) -> bool {
    4 * 16 * tiles[0] * tiles[1] < 3 * 9 * n_outputs
}

impl Conv {
    fn new(
        layer: &Layer,
        (window, kernel, bias): (Window, usize, Option<usize>),
        pool: Option<(Window, Shape)>,
        has_relu: bool,
        precision: Precision,
    ) -> Self {
        let (
            Shape::Image { height, width, channels },
            Shape::Image { height: rows, width: columns, channels: filters },
        ) = (layer.input, layer.output)
        else {
            unreachable!("a plan's convolutions take and give images")
        };
        let is_small = window.size == [3, 3] && window.stride == [1, 1] && channels >= WINOGRAD_CHANNELS;
        let is_tiled = match pool {
            Some((pool, _)) => pool.size == [2, 2] && pool.stride == [2, 2],
            None => true,
        };
        let grid_of_tiles = match pool {
            Some((_, Shape::Image { height, width, .. })) => [height, width],
            _ => [rows.div_ceil(2), columns.div_ceil(2)],
        };
        let mut outer = [height + window.before[0] + window.after[0], width + window.before[1] + window.after[1]];
        let is_bf16 = precision == Precision::Bf16
            && window.size[0] * window.size[1] * channels >= BF16_ROW
            && pool.is_none_or(|(pool, _)| pool.size[0] * pool.size[1] == 4);
        let n_outputs = pool.map_or(rows * columns, |_| 4 * grid_of_tiles[0] * grid_of_tiles[1]);
        let is_winograd = is_small && is_tiled && !is_bf16 && pays(grid_of_tiles, n_outputs);
        if is_winograd {
            // Tiles over the edge read zeros.
            outer = [outer[0].max(2 * grid_of_tiles[0] + 2), outer[1].max(2 * grid_of_tiles[1] + 2)];
        }
        let padding = (outer != [height, width]).then_some(Padding {
            before: window.before,
            inner: [height, width],
            outer,
            channels,
        });
        let line = outer[1] * channels;
        let place = |i: usize, j: usize| (i * window.stride[0] * line + j * window.stride[1] * channels) as u32;
        let mut offsets = Vec::new();
        let pool = match pool {
            Some((pool, Shape::Image { height, width, .. })) => {
                for (i, j) in grid(height, width) {
                    offsets.extend(
                        grid(pool.size[0], pool.size[1])
                            .map(|(u, v)| place(i * pool.stride[0] + u, j * pool.stride[1] + v)),
                    );
                }
                Some(Windows { n: height * width, taps: pool.size[0] * pool.size[1], channels: filters })
            }
            _ => {
                offsets.extend(grid(rows, columns).map(|(i, j)| place(i, j)));
                None
            }
        };
        let gather = Gather::new(offsets, window.size[0], line, window.size[1] * channels);
        let backward = match pool {
            Some(pool) if pool.taps >= 4 && gather.segment_len() >= LONG_PIECE && filters <= MOST_COLUMNS => {
                Backward::Sparse
            }
            Some(pool) if pool.taps >= 4 => Backward::Masked,
            _ => Backward::Full,
        };
        let forward = match pool {
            _ if is_bf16 => Forward::Bf16,
            _ if is_winograd => Forward::Winograd(Tiles { grid: grid_of_tiles, line, channels }),
            Some(pool) if pool.taps == 4 => Forward::PooledProduct,
            _ => Forward::Product,
        };
        let grid_of_inputs = [height.div_ceil(2), width.div_ceil(2)];
        let can_turn = is_small
            && pool.is_none()
            && filters >= WINOGRAD_CHANNELS
            && window.before.iter().all(|&before| before <= 2)
            && pays(grid_of_inputs, rows * columns);
        let turned = can_turn.then(|| {
            let grid = grid_of_inputs;
            let before = [2 - window.before[0], 2 - window.before[1]];
            let side = |axis: usize, inner: usize| (2 * grid[axis] + 2).max(before[axis] + inner);
            let outer = [side(0, rows), side(1, columns)];
            let padding = Padding { before, inner: [rows, columns], outer, channels: filters };
            (Tiles { grid, line: outer[1] * filters, channels: filters }, padding)
        });
        Self {
            kernel,
            bias,
            channels: [channels, filters],
            gather,
            d_rows: Gather::dense(ROWS_AT_ONCE, filters, filters),
            size: [rows, columns],
            input_size: [height, width],
            padding,
            pool,
            epilogue: epilogue(has_relu),
            forward,
            backward,
            turned,
        }
    }

    /// Convolution outputs of one image, before the pool.
    pub(super) fn n_products(&self) -> usize {
        self.gather.n_rows() * self.channels[1]
    }
}

impl Padding {
    /// How many values a padded image has.
    pub(super) fn len(&self) -> usize {
        self.outer[0] * self.outer[1] * self.channels
    }

    /// Copies an image into the middle of a padded one whose border is zero already.
    pub(super) fn insert(&self, image: &[f32], padded: &mut [f32]) {
        let line = self.inner[1] * self.channels;
        for (i, row) in image.chunks_exact(line).take(self.inner[0]).enumerate() {
            padded[self.start(i)..][..line].copy_from_slice(row);
        }
    }

    /// Adds the middle of a padded image to an image.
    pub(super) fn add_middle(&self, padded: &[f32], image: &mut [f32]) {
        let line = self.inner[1] * self.channels;
        for (i, row) in image.chunks_exact_mut(line).take(self.inner[0]).enumerate() {
            for (value, &add) in row.iter_mut().zip(&padded[self.start(i)..][..line]) {
                *value += add;
            }
        }
    }

    fn start(&self, row: usize) -> usize {
        ((row + self.before[0]) * self.outer[1] + self.before[1]) * self.channels
    }
}

impl Pooling {
    fn new(layer: &Layer, window: Window) -> Self {
        let sides = |shape: Shape| match shape {
            Shape::Image { height, width, .. } => [height, width],
            Shape::Flat(_) => unreachable!("a plan's pools take and give images"),
        };
        Self { window, input: sides(layer.input), output: sides(layer.output), channels: layer.input.channels() }
    }
}

fn epilogue(has_relu: bool) -> Epilogue {
    if has_relu { Epilogue::Relu } else { Epilogue::None }
}

/// Whether the pool's windows neither overlap nor reach into padding: each output belongs to at most one.
fn is_disjoint(pool: &Window, input: Shape) -> bool {
    let Shape::Image { height, width, .. } = input else { return false };
    let fits = |axis: usize, side: usize| pool.stride[axis] >= pool.size[axis] && pool.size[axis] <= side;
    pool.before == [0, 0] && pool.after == [0, 0] && fits(0, height) && fits(1, width)
}

/// All (row, column), row by row.
fn grid(rows: usize, columns: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rows).flat_map(move |i| (0..columns).map(move |j| (i, j)))
}
