//! The integration tests of `carrick`, in one binary.

mod exports;
mod layers;
#[cfg(test)]
#[cfg(feature = "net")]
mod server;
mod source;
mod tidy;
