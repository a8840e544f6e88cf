//! F7: the client.

pub(crate) mod blocking;
mod builder;
#[cfg(feature = "tls")]
mod tls_options;

pub use builder::{ClientBuilder, connect};
