//! The chores of this repository: `cargo xtask test`.
fn main() {}
