//! What the program `http-bridge` is made of.

mod copy;
mod tunnel;

pub use tunnel::{Far, bridge};
