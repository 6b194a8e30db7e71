//! A plan with its values, asked for logits, features and gradients.

use super::question::Question;
use crate::engine::fused::{Fused, InputGradients, Packed};
use crate::engine::{Isa, Parameters};
use crate::parallel::Pool;
use crate::spec::Plan;

/// Writes image i.
pub(super) type WriteImage<'a> = &'a (dyn Fn(usize, &mut [f32]) + Sync);

/// A network that is ready to be asked.
pub(super) struct Network<'a> {
    pub(super) pool: &'a Pool,
    pub(super) plan: &'a Plan,
    pub(super) parameters: Parameters,
    isa: Isa,
    engine: Fused,
    packed: Packed,
    gradients: InputGradients,
}

impl<'a> Network<'a> {
    /// A plan with these values.
    pub(super) fn new(pool: &'a Pool, plan: &'a Plan, isa: Isa, parameters: &Parameters) -> Self {
        let engine = Fused::compile(plan, isa);
        let packed = engine.pack(pool, parameters);
        let gradients = InputGradients::new(plan, isa, pool, parameters);
        Self { pool, plan, isa, engine, packed, gradients, parameters: parameters.clone() }
    }

    /// The same plan with the random values that a training would begin with.
    pub(super) fn randomised(&self, seed: u64) -> Self {
        Self::new(self.pool, self.plan, self.isa, &Parameters::initialise(self.plan, seed))
    }

    /// The logits of n images, row by row.
    pub(super) fn logits(&self, n: usize, write_image: WriteImage<'_>) -> Vec<f32> {
        self.engine.logits(self.pool, &self.packed, n, write_image)
    }

    /// What the last dense layer takes in, for each of n images.
    pub(super) fn features(&self, n: usize, write_image: WriteImage<'_>) -> Vec<f32> {
        self.engine.outputs(self.pool, &self.packed, n, write_image).features
    }

    /// F of each of n images.
    pub(super) fn scores(&self, n: usize, question: Question, write_image: WriteImage<'_>) -> Vec<f64> {
        let logits = self.logits(n, write_image);
        logits.chunks_exact(self.plan.n_classes).map(|logits| question.value(logits)).collect()
    }

    /// d F / d input of each of n images.
    pub(super) fn gradients(&self, n: usize, question: Question, write_image: WriteImage<'_>) -> Vec<f32> {
        self.gradients.gradients(self.pool, n, write_image, &|_, _, d_logits| question.write_slope(d_logits))
    }
}
