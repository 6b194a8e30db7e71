//! Ten training steps of the tutorial network reproduce PyTorch's losses.
#![cfg(feature = "mnist")]

mod support;

use inkstone::engine::reference::Reference;
use support::golden;

#[test]
fn the_reference_reproduces_ten_losses_of_pytorch() {
    let reference = Reference::<f32>::new(&golden::plan());
    golden::check(|parameters, batch| {
        let step = reference.step(&parameters.values, &parameters.state, batch);
        (step.outcome, step.gradients.parameters)
    });
}
