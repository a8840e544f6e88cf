//! The same over every version of HTTP.

mod matrix;
pub(crate) mod ways;
