//! F7: the client.

pub(crate) mod blocking;
mod builder;
mod reach_options;
#[cfg(feature = "tls")]
mod tls_options;

pub use builder::{ClientBuilder, connect};
