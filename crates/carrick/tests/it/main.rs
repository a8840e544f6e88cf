//! The integration tests of `carrick`, in one binary.

mod layers;
mod source;
