//! A plan with its values, asked for logits, features and gradients.

use super::question::Question;
use crate::engine::fused::{Fused, Packed};
use crate::engine::reference::{Mode, Reference};
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
}

impl<'a> Network<'a> {
    /// A plan with these values.
    pub(super) fn new(pool: &'a Pool, plan: &'a Plan, isa: Isa, parameters: &Parameters) -> Self {
        let engine = Fused::compile(plan, isa);
        let packed = engine.pack(pool, parameters);
        Self { pool, plan, isa, engine, packed, parameters: parameters.clone() }
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
        let reference = Reference::<f32>::new(self.plan);
        let rows = self.pool.map(n, |i| {
            let mut image = vec![0.0; self.plan.input.len()];
            write_image(i, &mut image);
            let (values, state) = (&self.parameters.values, &self.parameters.state);
            let tape = reference.forward(values, state, &image, Mode::Inference);
            tape.records[tape.records.len() - 2].values.clone()
        });
        rows.concat()
    }

    /// F of each of n images.
    pub(super) fn scores(&self, n: usize, question: Question, write_image: WriteImage<'_>) -> Vec<f64> {
        let logits = self.logits(n, write_image);
        logits.chunks_exact(self.plan.n_classes).map(|logits| question.value(logits)).collect()
    }

    /// d F / d input of each of n images.
    pub(super) fn gradients(&self, n: usize, question: Question, write_image: WriteImage<'_>) -> Vec<f32> {
        let reference = Reference::<f32>::new(self.plan);
        let rows = self.pool.map(n, |i| {
            let mut image = vec![0.0; self.plan.input.len()];
            write_image(i, &mut image);
            let (values, state) = (&self.parameters.values, &self.parameters.state);
            let tape = reference.forward(values, state, &image, Mode::Inference);
            let mut d_logits = vec![0.0; self.plan.n_classes];
            question.write_slope(&mut d_logits);
            reference.backward(values, &tape, &d_logits).input
        });
        rows.concat()
    }
}
