//! Adam as in the paper, to train in tests without the product's optimizer.

/// Adam's running moments. Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1,
/// with its defaults β₁ = 0.9, β₂ = 0.999, ε = 1e-8.
pub(crate) struct Adam {
    learning_rate: f32,
    step: i32,
    moments: Vec<[f32; 2]>,
}

impl Adam {
    /// Moments of zero.
    pub(crate) fn new(learning_rate: f32, n_parameters: usize) -> Self {
        Self { learning_rate, step: 0, moments: vec![[0.0; 2]; n_parameters] }
    }

    /// θ ← θ − α · m̂ / (√v̂ + ε)
    pub(crate) fn update(&mut self, parameters: &mut [f32], gradients: &[f32]) {
        const BETA: [f32; 2] = [0.9, 0.999];
        self.step += 1;
        let correction = BETA.map(|beta| 1.0 - beta.powi(self.step));
        for ((parameter, &d), [m, v]) in parameters.iter_mut().zip(gradients).zip(&mut self.moments) {
            *m = BETA[0] * *m + (1.0 - BETA[0]) * d;
            *v = BETA[1] * *v + (1.0 - BETA[1]) * d * d;
            *parameter -= self.learning_rate * (*m / correction[0]) / ((*v / correction[1]).sqrt() + 1e-8);
        }
    }
}
