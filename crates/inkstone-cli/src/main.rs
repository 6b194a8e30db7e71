//! The `inkstone` binary: arguments, terminal, exit codes.
fn main() {}
