//! The program `axon-worker`.

fn main() {}
