//! Ten training steps of the tutorial network reproduce PyTorch's losses.
#![cfg(feature = "mnist")]

mod support;

use inkstone::engine::Isa;
use inkstone::engine::fused::Fused;
use inkstone::engine::reference::Reference;
use inkstone::parallel::Pool;
use support::golden;

#[test]
fn the_reference_reproduces_ten_losses_of_pytorch() {
    let reference = Reference::<f32>::new(&golden::plan());
    golden::check(|parameters, batch| {
        let step = reference.step(&parameters.values, &parameters.state, batch);
        (step.outcome, step.gradients.parameters)
    });
}

#[test]
fn the_fused_engine_reproduces_ten_losses_of_pytorch_on_every_instruction_set() {
    for isa in Isa::available() {
        let fused = Fused::compile(&golden::plan(), isa);
        let pool = Pool::new(2).expect("threads");
        let mut buffers = fused.train_buffers(32);
        golden::check(|parameters, batch| {
            let outcome = fused.step(&pool, parameters, batch, &mut buffers);
            (outcome, buffers.gradients.to_vec())
        });
    }
}
