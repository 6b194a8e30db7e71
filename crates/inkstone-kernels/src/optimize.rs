//! What an optimizer does to its flat buffers in one pass: Adam, SGD, and the average that follows the parameters.
//!
//! Each value is worked out from its own place alone, so a buffer may be cut anywhere. Divisions and roots are rounded
//! correctly on every instruction set; no estimates.

use crate::Isa;
use crate::vector::{Kernel, Vector};

/// Moments smaller than this become zero: denormals slow a CPU 20 to 50 times, and no step can feel them.
const TINY: f32 = 1e-30;

/// The constants of one Adam step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamStep {
    /// 1 − β₁
    pub mean_share: f32,
    /// β₂
    pub square_keep: f32,
    /// 1 − β₂
    pub square_share: f32,
    /// η / (1 − β₁ᵗ)
    pub rate: f32,
    /// 1 / √(1 − β₂ᵗ)
    pub root_factor: f32,
    /// ε
    pub epsilon: f32,
    /// λ of an L2 penalty: g ← g + λ·p.
    pub penalty: f32,
    /// What the parameters are multiplied by first: 1 − η·λ of a decoupled decay.
    pub shrink: f32,
}

/// m ← m + mean_share·(g − m), v ← square_keep·v + square_share·g²,
/// p ← shrink·p − rate·m / (√v·root_factor + ε); g has the penalty in it.
///
/// # Panics
/// If the slices differ in length.
pub fn adam(isa: Isa, step: &AdamStep, parameters: &mut [f32], gradients: &[f32], [means, squares]: [&mut [f32]; 2]) {
    let n = parameters.len();
    assert_eq!([gradients.len(), means.len(), squares.len()], [n; 3], "each parameter has a gradient and moments");
    isa.run(Adam { step, parameters, gradients, means, squares });
}

struct Adam<'a> {
    step: &'a AdamStep,
    parameters: &'a mut [f32],
    gradients: &'a [f32],
    means: &'a mut [f32],
    squares: &'a mut [f32],
}

impl Kernel for Adam<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let n = self.parameters.len();
        let (p, g) = (self.parameters.as_mut_ptr(), self.gradients.as_ptr());
        let (m, v) = (self.means.as_mut_ptr(), self.squares.as_mut_ptr());
        let step = self.step;
        // SAFETY: the caller promises V's instructions; `adam` has checked that all four have n values; at + width ≤ n.
        unsafe {
            let (mean_share, square_keep) = (V::splat(step.mean_share), V::splat(step.square_keep));
            let (square_share, root_factor) = (V::splat(step.square_share), V::splat(step.root_factor));
            let (minus_rate, epsilon) = (V::splat(-step.rate), V::splat(step.epsilon));
            let (penalty, shrink) = (V::splat(step.penalty), V::splat(step.shrink));
            let mut at = 0;
            while at < n {
                let width = V::LANES.min(n - at);
                let value = V::load_up_to(p.add(at), width);
                let gradient = penalty.mul_add(value, V::load_up_to(g.add(at), width));
                let mean = V::load_up_to(m.add(at), width);
                let mean = without_denormals(mean_share.mul_add(gradient.sub(mean), mean));
                let square = square_share.mul(gradient.mul(gradient));
                let square = without_denormals(square_keep.mul_add(V::load_up_to(v.add(at), width), square));
                let change = minus_rate.mul(mean).div(square.sqrt().mul_add(root_factor, epsilon));
                mean.store_up_to(m.add(at), width);
                square.store_up_to(v.add(at), width);
                shrink.mul_add(value, change).store_up_to(p.add(at), width);
                at += V::LANES;
            }
        }
    }
}

/// The constants of an SGD step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SgdStep {
    /// η
    pub rate: f32,
    /// μ
    pub momentum: f32,
    /// Whether the step looks ahead: p ← p − η(g + μu).
    pub nesterov: bool,
    /// λ: g ← g + λ·p.
    pub weight_decay: f32,
}

/// u ← μu + g, p ← p − ηu, or with Nesterov p ← p − η(g + μu); without a velocity u is g. g has the decay in it.
///
/// # Panics
/// If the slices differ in length.
pub fn sgd(isa: Isa, step: &SgdStep, parameters: &mut [f32], gradients: &[f32], velocity: Option<&mut [f32]>) {
    let n = parameters.len();
    assert_eq!(gradients.len(), n, "each parameter has a gradient");
    match velocity {
        Some(velocity) => {
            assert_eq!(velocity.len(), n, "each parameter has a velocity");
            isa.run(Sgd { step, parameters, gradients, velocity: Some(velocity) });
        }
        None => isa.run(Sgd { step, parameters, gradients, velocity: None }),
    }
}

struct Sgd<'a> {
    step: &'a SgdStep,
    parameters: &'a mut [f32],
    gradients: &'a [f32],
    velocity: Option<&'a mut [f32]>,
}

impl Kernel for Sgd<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let n = self.parameters.len();
        let (p, g) = (self.parameters.as_mut_ptr(), self.gradients.as_ptr());
        let u = self.velocity.map(<[f32]>::as_mut_ptr);
        // SAFETY: the caller promises V's instructions; `sgd` has checked that all slices have n values; at + width ≤ n.
        unsafe {
            let (minus_rate, momentum) = (V::splat(-self.step.rate), V::splat(self.step.momentum));
            let weight_decay = V::splat(self.step.weight_decay);
            let mut at = 0;
            while at < n {
                let width = V::LANES.min(n - at);
                let value = V::load_up_to(p.add(at), width);
                let gradient = weight_decay.mul_add(value, V::load_up_to(g.add(at), width));
                let mut change = gradient;
                if let Some(u) = u {
                    let velocity = without_denormals(momentum.mul_add(V::load_up_to(u.add(at), width), gradient));
                    velocity.store_up_to(u.add(at), width);
                    change = if self.step.nesterov { momentum.mul_add(velocity, gradient) } else { velocity };
                }
                minus_rate.mul_add(change, value).store_up_to(p.add(at), width);
                at += V::LANES;
            }
        }
    }
}

/// a ← a + share·(p − a)
///
/// # Panics
/// If the slices differ in length.
pub fn follow(isa: Isa, average: &mut [f32], parameters: &[f32], share: f32) {
    assert_eq!(average.len(), parameters.len(), "each parameter has its average");
    isa.run(Follow { average, parameters, share });
}

struct Follow<'a> {
    average: &'a mut [f32],
    parameters: &'a [f32],
    share: f32,
}

impl Kernel for Follow<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let n = self.average.len();
        let mut at = 0;
        // SAFETY: the caller promises V's instructions; `follow` has checked that both have n values; at + width ≤ n.
        unsafe {
            let share = V::splat(self.share);
            while at < n {
                let width = V::LANES.min(n - at);
                let average = V::load_up_to(self.average.as_ptr().add(at), width);
                let value = V::load_up_to(self.parameters.as_ptr().add(at), width);
                share.mul_add(value.sub(average), average).store_up_to(self.average.as_mut_ptr().add(at), width);
                at += V::LANES;
            }
        }
    }
}

/// Zero where |value| < [`TINY`]; NaN stays NaN, so that training notices it.
///
/// # Safety
/// The CPU has V's instructions.
#[inline(always)]
unsafe fn without_denormals<V: Vector>(value: V) -> V {
    // SAFETY: the caller's promise.
    unsafe {
        let zero = V::splat(0.0);
        V::splat(TINY.next_down()).where_at_least(value.max(zero.sub(value)), zero, value)
    }
}
