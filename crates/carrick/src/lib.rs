//! A strict and fast WebSocket stack.

#[cfg(feature = "net")]
mod client;
#[cfg(feature = "net")]
mod error;
#[cfg(feature = "net")]
mod server;
#[cfg(feature = "net")]
mod system;
#[cfg(feature = "net")]
mod transport;
#[cfg(feature = "net")]
mod websocket;

// The public interface is:
pub mod protocol;
#[cfg(feature = "tls")]
pub use crate::transport::{ClientCertificates, ServerTls};
#[cfg(feature = "net")]
pub use crate::{
    client::{ClientBuilder, connect},
    error::Error,
    server::{AcceptOptions, Body, Route, Server, accept, accept_with},
    transport::NetStream,
    websocket::{Piece, Receiver, Sender, WebSocket},
};

/// The client for programs without an async runtime.
///
/// The options are those of the async client: [`ClientBuilder::connect_blocking`].
#[cfg(feature = "net")]
pub mod blocking {
    pub use crate::client::blocking::{WebSocket, connect};
}
