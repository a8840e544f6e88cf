//! The integration tests of `carrick`, in one binary.

mod exports;
mod layers;
mod source;
mod tidy;
