//! What the runner and the load generator have in common.

pub mod frame;
pub mod measurement;
pub mod payload;
pub mod process;
pub mod stats;
