//! F7: the client.

mod app;
mod app_handlers;
mod ask;
pub(crate) mod blocking;
mod builder;
mod reach_options;
mod redirect;
#[cfg(feature = "tls")]
mod tls_options;
#[cfg(feature = "unstable-tunnel")]
mod tunnel;

pub use app::WebSocketApp;
pub use builder::{ClientBuilder, connect};
