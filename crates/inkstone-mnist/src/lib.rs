//! The MNIST handwritten digits, compressed inside the crate.
