//! The meaning of a plan: every layer by the textbook loops of [`crate::layers`], layer by layer over the whole batch.
//!
//! Keeps everything that it computes, so that a lesson or a test can look at each layer. Never used to train: it is
//! slow on purpose, in f32 or f64, on one thread.

use std::marker::PhantomData;

use super::{Batch, StepOutcome};
use crate::layers::batch_norm::{self, Norm, Statistics};
use crate::layers::{Geometry, Real, activation, conv2d, dense, dropout, loss, pool, residual};
use crate::shape::Shape;
use crate::spec::plan::{Layer, Operation, Plan};

/// A plan run by textbook loops in `T` (f32 or f64).
#[derive(Debug, Clone)]
pub struct Reference<T> {
    plan: Plan,
    real: PhantomData<T>,
}

/// What a forward pass is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// No dropout; batch norm by its running statistics.
    Inference,
    /// Dropout; batch norm by the batch's statistics, which also move the running ones.
    Training {
        /// Key of dropout's draws.
        seed: u64,
        /// Key of dropout's draws.
        step: u32,
    },
}

/// What a forward pass leaves behind: every layer's output, and what backward needs.
#[derive(Debug, Clone)]
pub struct Tape<T> {
    /// How many images went through.
    pub n: usize,
    /// What the pass was for.
    pub mode: Mode,
    /// The images themselves, n × `plan.input`.
    pub images: Vec<T>,
    /// One record per layer of the plan.
    pub records: Vec<Record<T>>,
    /// The running statistics after the pass, as `plan.state` says: moved by training, the same after inference.
    pub state: Vec<T>,
}

/// What one layer did.
#[derive(Debug, Clone)]
pub struct Record<T> {
    /// The layer's name in the plan.
    pub name: String,
    /// The shape of one output.
    pub shape: Shape,
    /// The outputs, n × `shape`.
    pub values: Vec<T>,
    /// What backward needs beside input and output.
    pub kept: Kept<T>,
}

/// What a layer keeps for its backward pass.
#[derive(Debug, Clone)]
pub enum Kept<T> {
    /// Nothing.
    Nothing,
    /// Dropout in training: the factor of each value.
    Mask(Vec<T>),
    /// Batch norm: what it normalised by, and whose statistics these are.
    Statistics(Statistics<T>, batch_norm::Origin),
    /// Residual: the records of its body.
    Body(Vec<Record<T>>),
}

/// The derivatives of the loss.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradients<T> {
    /// By each parameter: laid out as the flat parameter buffer, gaps zero.
    pub parameters: Vec<T>,
    /// By each value of the images.
    pub input: Vec<T>,
}

/// What a training step found out. It does not change the parameters: that is the optimizer's part.
#[derive(Debug, Clone)]
pub struct Step<T> {
    /// The loss and the number of right answers.
    pub outcome: StepOutcome,
    /// Of the loss Σ weight·loss / n.
    pub gradients: Gradients<T>,
    /// The new running statistics.
    pub state: Vec<T>,
}

impl<T: Real> Reference<T> {
    /// The meaning of `plan`.
    ///
    /// ```
    /// use inkstone::engine::reference::{Mode, Reference};
    /// use inkstone::shape::Shape;
    /// use inkstone::spec::model::{LayerSpec, ModelSpec};
    /// let plan = ModelSpec::sequential([LayerSpec::max_pool(2), LayerSpec::flatten()]).resolve(Shape::image(2, 4, 1), 2)?;
    /// let tape = Reference::<f64>::new(&plan).forward(&[], &[], &[1., 2., 3., 4., 5., 6., 7., 8.], Mode::Inference);
    /// assert_eq!(tape.record("max_pool_1").unwrap().values, [6.0, 8.0]);
    /// assert_eq!(tape.logits(), [6.0, 8.0]);
    /// # Ok::<(), inkstone::Error>(())
    /// ```
    pub fn new(plan: &Plan) -> Self {
        Self { plan: plan.clone(), real: PhantomData }
    }

    /// The plan that it runs.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Runs `images` (one after the other, each as `plan.input` says) through every layer.
    ///
    /// # Panics
    /// If `images` is not a whole number of images, or a buffer is shorter than the plan says.
    pub fn forward(&self, parameters: &[T], state: &[T], images: &[T], mode: Mode) -> Tape<T> {
        assert_eq!(images.len() % self.plan.input.len(), 0, "images of {} values", self.plan.input.len());
        let mut state = state.to_vec();
        let pass = Pass { plan: &self.plan, parameters, mode };
        let records = pass.forward(&self.plan.layers, &mut state, images);
        Tape { n: images.len() / self.plan.input.len(), mode, images: images.to_vec(), records, state }
    }

    /// Carries the derivatives by the logits (n × `plan.n_classes`) back to every parameter and to the images.
    ///
    /// `parameters` are those of the forward pass that made the tape.
    pub fn backward(&self, parameters: &[T], tape: &Tape<T>, d_logits: &[T]) -> Gradients<T> {
        let pass = Pass { plan: &self.plan, parameters, mode: tape.mode };
        let mut d_parameters = vec![T::ZERO; self.plan.parameter_buffer_len()];
        let input = pass.backward(&self.plan.layers, &tape.records, &tape.images, d_logits, &mut d_parameters);
        Gradients { parameters: d_parameters, input }
    }

    /// Carries the derivatives by the logits back to what layer `layer` of the plan has put out: n × its shape. Layers
    /// are counted as in `plan.layers`: bodies of residuals are not looked into.
    ///
    /// `parameters` are those of the forward pass that made the tape.
    pub fn gradient_behind(&self, parameters: &[T], tape: &Tape<T>, d_logits: &[T], layer: usize) -> Vec<T> {
        let pass = Pass { plan: &self.plan, parameters, mode: tape.mode };
        let mut d_parameters = vec![T::ZERO; self.plan.parameter_buffer_len()];
        let (layers, records) = (&self.plan.layers[layer + 1..], &tape.records[layer + 1..]);
        pass.backward(layers, records, &tape.records[layer].values, d_logits, &mut d_parameters)
    }

    /// One training step: forward, loss, backward.
    pub fn step(&self, parameters: &[T], state: &[T], batch: &Batch<'_>) -> Step<T> {
        let n = batch.targets.len();
        let mut images = vec![0.0; n * self.plan.input.len()];
        for (i, image) in images.chunks_exact_mut(self.plan.input.len()).enumerate() {
            (batch.write_image)(i, image);
        }
        let images: Vec<T> = images.into_iter().map(real).collect();
        let mode = Mode::Training { seed: batch.seed, step: batch.step };
        let tape = self.forward(parameters, state, &images, mode);

        let mut outcome = StepOutcome::default();
        let mut d_logits = Vec::with_capacity(n * self.plan.n_classes);
        for (logits, target) in tape.logits().chunks_exact(self.plan.n_classes).zip(batch.targets) {
            let aim = loss::Aim {
                label: target.label as usize,
                smoothing: real(batch.label_smoothing),
                weight: real(target.weight),
                admixture: target.admixture.map(|other| (other.label as usize, real(other.share))),
            };
            outcome.loss_sum += loss::forward(logits, &aim).to_f64();
            outcome.n_correct += usize::from(loss::arg_max(logits) == aim.label);
            d_logits.extend(loss::backward(logits, &aim).into_iter().map(|d| d / T::of(n as f64)));
        }
        Step { outcome, gradients: self.backward(parameters, &tape, &d_logits), state: tape.state }
    }
}

impl<T> Tape<T> {
    /// What the last layer yields: n × `plan.n_classes`.
    pub fn logits(&self) -> &[T] {
        self.records.last().map_or(&self.images, |record| &record.values)
    }

    /// Every layer's record in the order of [`Plan::walk`]: bodies of residuals after their residual.
    pub fn walk(&self) -> Vec<&Record<T>> {
        fn visit<'a, T>(records: &'a [Record<T>], out: &mut Vec<&'a Record<T>>) {
            for record in records {
                out.push(record);
                if let Kept::Body(body) = &record.kept {
                    visit(body, out);
                }
            }
        }
        let mut out = Vec::new();
        visit(&self.records, &mut out);
        out
    }

    /// The record of the layer of this name.
    pub fn record(&self, name: &str) -> Option<&Record<T>> {
        self.walk().into_iter().find(|record| record.name == name)
    }
}

/// What all layers of a pass share.
struct Pass<'a, T> {
    plan: &'a Plan,
    parameters: &'a [T],
    mode: Mode,
}

impl<T: Real> Pass<'_, T> {
    /// Runs `layers` one after the other.
    fn forward(&self, layers: &[Layer], state: &mut [T], x: &[T]) -> Vec<Record<T>> {
        let mut records: Vec<Record<T>> = Vec::with_capacity(layers.len());
        for layer in layers {
            let x = records.last().map_or(x, |record| &record.values);
            let (values, kept) = self.layer_forward(layer, state, x);
            records.push(Record { name: layer.name.clone(), shape: layer.output, values, kept });
        }
        records
    }

    /// Carries `d_y` back through `layers`, last to first; adds to `d` what it means for the parameters.
    fn backward(&self, layers: &[Layer], records: &[Record<T>], x: &[T], d_y: &[T], d: &mut [T]) -> Vec<T> {
        let mut d_y = d_y.to_vec();
        for (i, layer) in layers.iter().enumerate().rev() {
            let x = if i == 0 { x } else { &records[i - 1].values };
            d_y = self.layer_backward(layer, &records[i], x, &d_y, d);
        }
        d_y
    }

    /// The outputs of one layer for all images, and what its backward pass needs.
    fn layer_forward(&self, layer: &Layer, state: &mut [T], x: &[T]) -> (Vec<T>, Kept<T>) {
        let images = || x.chunks_exact(layer.input.len());
        let values = match layer.operation {
            Operation::Conv2d { window, kernel, bias } => {
                let geometry = Geometry::new(window, layer.input, layer.output);
                let (kernel, bias) = (self.parameter(kernel), bias.map(|bias| self.parameter(bias)));
                images().flat_map(|x| conv2d::forward(&geometry, kernel, bias, x)).collect()
            }
            Operation::MaxPool(window) => {
                let geometry = Geometry::new(window, layer.input, layer.output);
                images().flat_map(|x| pool::max_forward(&geometry, x)).collect()
            }
            Operation::AveragePool(window) => {
                let geometry = Geometry::new(window, layer.input, layer.output);
                images().flat_map(|x| pool::average_forward(&geometry, x)).collect()
            }
            Operation::GlobalAveragePool => {
                images().flat_map(|x| pool::global_average_forward(layer.input.channels(), x)).collect()
            }
            Operation::Flatten => x.to_vec(),
            Operation::Dense { kernel, bias } => {
                let (kernel, bias) = (self.parameter(kernel), bias.map(|bias| self.parameter(bias)));
                images().flat_map(|x| dense::forward(layer.output.len(), kernel, bias, x)).collect()
            }
            Operation::Activation(function) => activation::forward(function, layer.input.channels(), x),
            Operation::Dropout { .. } => return self.dropout_forward(layer, x),
            Operation::BatchNorm { .. } => return self.batch_norm_forward(layer, state, x),
            Operation::Residual { ref body } => {
                let body = self.forward(body, state, x);
                let of_x = body.last().map_or(x, |record| &record.values);
                return (residual::forward(x, of_x), Kept::Body(body));
            }
        };
        (values, Kept::Nothing)
    }

    /// d_x of one layer for all images; adds the gradients of its parameters to `d`.
    fn layer_backward(&self, layer: &Layer, record: &Record<T>, x: &[T], d_y: &[T], d: &mut [T]) -> Vec<T> {
        let images = || d_y.chunks_exact(layer.output.len());
        match (&layer.operation, &record.kept) {
            (Operation::Conv2d { .. }, _) => self.conv2d_backward(layer, x, d_y, d),
            (&Operation::MaxPool(window), _) => {
                let geometry = Geometry::new(window, layer.input, layer.output);
                let x = x.chunks_exact(layer.input.len());
                images().zip(x).flat_map(|(d_y, x)| pool::max_backward(&geometry, x, d_y)).collect()
            }
            (&Operation::AveragePool(window), _) => {
                let geometry = Geometry::new(window, layer.input, layer.output);
                images().flat_map(|d_y| pool::average_backward(&geometry, d_y)).collect()
            }
            (Operation::GlobalAveragePool, _) => {
                let n_pixels = layer.input.len() / layer.input.channels();
                images().flat_map(|d_y| pool::global_average_backward(n_pixels, d_y)).collect()
            }
            (Operation::Dense { .. }, _) => self.dense_backward(layer, x, d_y, d),
            (&Operation::Activation(function), _) => {
                activation::backward(function, layer.input.channels(), x, &record.values, d_y)
            }
            (Operation::Dropout { .. }, Kept::Mask(mask)) => dropout::backward(mask, d_y),
            (Operation::Dropout { .. } | Operation::Flatten, _) => d_y.to_vec(),
            (Operation::BatchNorm { .. }, _) => self.batch_norm_backward(layer, &record.kept, x, d_y, d),
            (Operation::Residual { body }, Kept::Body(records)) => {
                residual::backward(d_y, &self.backward(body, records, x, d_y, d))
            }
            (Operation::Residual { .. }, _) => unreachable!("forward keeps the records of the body"),
        }
    }

    fn conv2d_backward(&self, layer: &Layer, x: &[T], d_y: &[T], d: &mut [T]) -> Vec<T> {
        let Operation::Conv2d { window, kernel, bias } = layer.operation else { unreachable!("a convolution") };
        let geometry = Geometry::new(window, layer.input, layer.output);
        let mut d_x = Vec::with_capacity(x.len());
        for (x, d_y) in x.chunks_exact(layer.input.len()).zip(d_y.chunks_exact(layer.output.len())) {
            let gradients = conv2d::backward(&geometry, self.parameter(kernel), x, d_y);
            d_x.extend(gradients.d_x);
            self.add(d, kernel, &gradients.d_kernel);
            if let Some(bias) = bias {
                self.add(d, bias, &gradients.d_bias);
            }
        }
        d_x
    }

    fn dense_backward(&self, layer: &Layer, x: &[T], d_y: &[T], d: &mut [T]) -> Vec<T> {
        let Operation::Dense { kernel, bias } = layer.operation else { unreachable!("a dense layer") };
        let mut d_x = Vec::with_capacity(x.len());
        for (x, d_y) in x.chunks_exact(layer.input.len()).zip(d_y.chunks_exact(layer.output.len())) {
            let gradients = dense::backward(self.parameter(kernel), x, d_y);
            d_x.extend(gradients.d_x);
            self.add(d, kernel, &gradients.d_kernel);
            if let Some(bias) = bias {
                self.add(d, bias, d_y);
            }
        }
        d_x
    }

    fn dropout_forward(&self, layer: &Layer, x: &[T]) -> (Vec<T>, Kept<T>) {
        let Operation::Dropout { rate, index } = layer.operation else { unreachable!("a dropout") };
        let Mode::Training { seed, step } = self.mode else { return (x.to_vec(), Kept::Nothing) };
        let mut mask = vec![0.0; x.len()];
        for (position, mask) in mask.chunks_exact_mut(layer.input.len()).enumerate() {
            dropout::keep_mask(seed, step, position as u32, index, rate, mask);
        }
        let mask: Vec<T> = mask.into_iter().map(real).collect();
        (dropout::forward(&mask, x), Kept::Mask(mask))
    }

    fn batch_norm_forward(&self, layer: &Layer, state: &mut [T], x: &[T]) -> (Vec<T>, Kept<T>) {
        let Operation::BatchNorm { gamma, beta, mean, variance, momentum, epsilon } = layer.operation else {
            unreachable!("a batch norm")
        };
        let (mean, variance) = (self.plan.state[mean].range(), self.plan.state[variance].range());
        let (statistics, origin) = match self.mode {
            Mode::Inference => {
                let running = Statistics { mean: state[mean].to_vec(), variance: state[variance].to_vec() };
                (running, batch_norm::Origin::Running)
            }
            Mode::Training { .. } => {
                let batch = batch_norm::statistics(layer.input.channels(), x);
                batch_norm::update_running(real(momentum), &mut state[mean], &batch.mean);
                batch_norm::update_running(real(momentum), &mut state[variance], &batch.variance);
                (batch, batch_norm::Origin::Batch)
            }
        };
        let norm = Norm { gamma: self.parameter(gamma), epsilon: real(epsilon), statistics: &statistics };
        (batch_norm::forward(&norm, self.parameter(beta), x), Kept::Statistics(statistics, origin))
    }

    fn batch_norm_backward(&self, layer: &Layer, kept: &Kept<T>, x: &[T], d_y: &[T], d: &mut [T]) -> Vec<T> {
        let (&Operation::BatchNorm { gamma, beta, epsilon, .. }, Kept::Statistics(statistics, origin)) =
            (&layer.operation, kept)
        else {
            unreachable!("forward keeps the statistics")
        };
        let norm = Norm { gamma: self.parameter(gamma), epsilon: real(epsilon), statistics };
        let gradients = batch_norm::backward(&norm, *origin, x, d_y);
        self.add(d, gamma, &gradients.d_gamma);
        self.add(d, beta, &gradients.d_beta);
        gradients.d_x
    }

    /// The values of parameter `index` of the plan.
    fn parameter(&self, index: usize) -> &[T] {
        &self.parameters[self.plan.parameters[index].range()]
    }

    /// Adds to the gradient of parameter `index`.
    fn add(&self, d: &mut [T], index: usize, gradient: &[T]) {
        for (d, &gradient) in d[self.plan.parameters[index].range()].iter_mut().zip(gradient) {
            *d += gradient;
        }
    }
}

/// A number of the plan, which are all f32.
fn real<T: Real>(value: f32) -> T {
    T::of(value.into())
}
