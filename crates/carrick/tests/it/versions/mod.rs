//! The same over every version of HTTP.

mod client;
pub(crate) mod lines;
mod matrix;
pub(crate) mod ways;
