//! The runner: `cargo xtask bench`.

fn main() {}
