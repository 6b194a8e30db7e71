//! Gradients by the images: what explanations and attacks ask for. Parameters get none; statistics are the running ones.

use super::lane::Lane;
use super::program::Program;
use super::spare::SpareLanes;
use super::weights::{Purpose, Weights};
use super::{Fused, MICRO_BATCH, pass};
use crate::engine::{Isa, Parameters};
use crate::parallel::Pool;
use crate::spec::plan::Plan;

/// Writes the factors g of image i's logits into zeros: `weigh(i, logits, g)`.
pub type Weigh<'a> = dyn Fn(usize, &[f32], &mut [f32]) + Sync + 'a;

/// A network with its parameters that tells how its logits change with its input. Asked by any number of threads at
/// once, like [`super::Packed`]; in 32-bit floating point.
#[derive(Debug)]
pub struct InputGradients {
    engine: Fused,
    weights: Weights,
    lanes: SpareLanes,
}

impl InputGradients {
    /// Packs parameters. Later changes to them do not reach it.
    pub fn new(plan: &Plan, isa: Isa, pool: &Pool, parameters: &Parameters) -> Self {
        let engine = Fused { program: Program::down_to_the_input(plan), plan: plan.clone(), isa };
        let mut weights = Weights::new(&engine.program, isa, Purpose::Training);
        weights.load(pool, &engine.program, isa, plan, parameters);
        Self { engine, weights, lanes: SpareLanes::new() }
    }

    /// The derivative of Σ g·logit by the input, for each of `n` images, one after the other, each laid out as the input.
    ///
    /// Image i is asked for with `write_image(i, …)`; `weigh(i, logits, g)` then writes its g, which is zero before.
    /// Both are called from any thread. Nothing is dropped out, batch norms go by their running statistics.
    ///
    /// ```
    /// use inkstone::engine::fused::InputGradients;
    /// use inkstone::engine::{Isa, Parameters};
    /// use inkstone::parallel::Pool;
    /// use inkstone::shape::Shape;
    /// use inkstone::spec::model::{LayerSpec, ModelSpec};
    /// let plan = ModelSpec::sequential([LayerSpec::dense_per_class()]).resolve(Shape::Flat(3), 2)?;
    /// let parameters = Parameters::initialise(&plan, 0);
    /// let pool = Pool::current_thread();
    /// let network = InputGradients::new(&plan, Isa::SCALAR, &pool, &parameters);
    /// let d = network.gradients(&pool, 1, &|_, x| x.fill(1.0), &|_, _, g| g[1] = 1.0);
    /// // Of one dense layer: the second column of its kernel.
    /// assert_eq!(d, [1, 3, 5].map(|i| parameters.values[i]));
    /// # Ok::<(), inkstone::Error>(())
    /// ```
    pub fn gradients(
        &self,
        pool: &Pool,
        n: usize,
        write_image: &(dyn Fn(usize, &mut [f32]) + Sync),
        weigh: &Weigh<'_>,
    ) -> Vec<f32> {
        let Self { engine, weights, lanes } = self;
        let (program, n_inputs) = (&engine.program, engine.plan.input.len());
        let mut gradients = vec![0.0; n * n_inputs];
        pool.for_each_chunk(&mut gradients, MICRO_BATCH * n_inputs, |task, gradients| {
            let first = task * MICRO_BATCH;
            let images = first..first + gradients.len() / n_inputs;
            lanes.with_lane(
                MICRO_BATCH.min(n),
                |capacity| self.lane(capacity),
                |lane| {
                    engine.infer(lane, weights, images.clone(), write_image);
                    self.start(lane, images.clone(), weigh);
                    engine.backward_blocks(lane, weights, 0..program.blocks.len());
                    for (i, gradient) in gradients.chunks_exact_mut(n_inputs).enumerate() {
                        gradient.copy_from_slice(pass::image(&lane.d_values[0], program.values[0], i));
                    }
                },
            );
        });
        gradients
    }

    /// Room for both passes; every dropout lets everything through.
    fn lane(&self, capacity: usize) -> Lane {
        let program = &self.engine.program;
        let mut lane = Lane::new(program, self.engine.isa, Purpose::Training, capacity, 0);
        for mask in program.masks() {
            lane.values[mask].fill(1.0);
        }
        lane
    }

    /// The gradients of the logits, and zero for everything before.
    fn start(&self, lane: &mut Lane, images: std::ops::Range<usize>, weigh: &Weigh<'_>) {
        lane.clear_gradients_of_values();
        let (output, n_classes) = (self.engine.program.output, self.engine.plan.n_classes);
        let Lane { values, d_values, .. } = lane;
        let rows = values[output].chunks_exact(n_classes).zip(d_values[output].chunks_exact_mut(n_classes));
        for (i, (logits, d_logits)) in images.zip(rows) {
            weigh(i, logits, d_logits);
        }
    }
}
