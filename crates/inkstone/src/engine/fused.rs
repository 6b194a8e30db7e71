//! The plan compiled into blocks over [`inkstone_kernels`], run micro-batch by micro-batch inside each lane.

use super::{AlignedBuffer, Batch, Isa, Parameters, StepOutcome};
use crate::parallel::Pool;
use crate::spec::plan::Plan;

/// A plan made ready for one instruction set.
#[derive(Debug, Clone)]
pub struct Fused {
    plan: Plan,
    isa: Isa,
}

/// What training steps of one batch size work in; nothing is allocated after it is made.
#[derive(Debug)]
pub struct TrainBuffers {
    /// d loss / d parameters of the last step, the loss being the mean over the batch: Σ weight·loss / n.
    pub gradients: AlignedBuffer,
}

impl Fused {
    /// Makes a plan ready to run.
    pub fn compile(plan: &Plan, isa: Isa) -> Self {
        Self { plan: plan.clone(), isa }
    }

    /// The plan that it runs.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The instruction set that it runs on.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Room for training steps of up to `batch_size` images.
    pub fn train_buffers(&self, batch_size: usize) -> TrainBuffers {
        let _ = batch_size;
        TrainBuffers { gradients: AlignedBuffer::zeros(self.plan.parameter_buffer_len()) }
    }

    /// One forward and backward pass: leaves the gradients in `buffers`, updates `parameters.state` (running
    /// statistics), not the parameters. The bits do not depend on the number of threads.
    pub fn step(
        &self,
        pool: &Pool,
        parameters: &mut Parameters,
        batch: &Batch<'_>,
        buffers: &mut TrainBuffers,
    ) -> StepOutcome {
        let _ = (pool, parameters, batch, buffers);
        unimplemented!()
    }

    /// The logits of `n` images, row by row: image i is asked for with `write_image(i, …)`, from any thread.
    pub fn logits(
        &self,
        pool: &Pool,
        parameters: &Parameters,
        n: usize,
        write_image: &(dyn Fn(usize, &mut [f32]) + Sync),
    ) -> Vec<f32> {
        let _ = (pool, parameters, write_image);
        vec![0.0; n * self.plan.n_classes]
    }
}
