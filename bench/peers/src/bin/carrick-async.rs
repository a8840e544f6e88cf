//! carrick's async API.

fn main() {}
