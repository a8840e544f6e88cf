//! A strict and fast WebSocket stack: a client and a server for RFC 6455 with permessage-deflate (RFC 7692), on a
//! protocol core that does no I/O.
//!
//! - [`protocol`] is the whole of the protocol as state machines and pure functions, for a shell of your own.
//!   Everything a peer controls has a finite limit, see [`Config`](protocol::Config).
#![cfg_attr(feature = "net", doc = include_str!("docs/net.md"))]
#![cfg_attr(
    feature = "tls",
    doc = "\nThe [`guides`] lead from the first program to the last setting; [`guides::proxies`] is about the way to a server."
)]
//!
//! # Features
//!
//! | feature | default | brings |
//! |---|---|---|
//! | `net` | yes | the async client and server over TCP on tokio, the blocking client, the callback API |
//! | `tls` | yes | `wss://` for both roles, by rustls |
//! | `http2` | yes | WebSockets over HTTP/2, client and server |
//! | `http3` | no | WebSockets over HTTP/3, client and server, on quinn; brings `tls` |
//! | `axum` | no | an extractor that opens WebSockets inside an axum server |
//!
//! Without any, the crate is [`protocol`] alone, with no tokio in its graph.

#[cfg(feature = "net")]
mod callback;
#[cfg(feature = "net")]
mod client;
#[cfg(feature = "net")]
mod error;
#[cfg(feature = "net")]
mod flow;
#[cfg(feature = "net")]
mod proxy_error;
#[cfg(feature = "net")]
mod reactor;
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
pub use crate::transport::{ClientCertificates, ReloadableTls, ServerTls};
#[cfg(feature = "net")]
pub use crate::{
    callback::{Backlog, Conn, ConnHandle, HandlerResult, MessageRef, Outgoing, PieceRef},
    client::{ClientBuilder, WebSocketApp, connect},
    error::Error,
    proxy_error::ProxyError,
    server::{
        AcceptOptions, Accepted, Body, Cors, Drain, PeerCertificates, Route, Server, ServerHandle, Upgrade,
        UpgradeOptions, WebSocketServer, accept, accept_with, upgrade,
    },
    transport::{ConnectEvent, Http, NetStream, Proxy},
    websocket::{Piece, Receiver, Sender, WebSocket},
};

/// The client for programs without an async runtime.
///
/// The options are those of the async client: [`ClientBuilder::connect_blocking`].
#[cfg(feature = "net")]
pub mod blocking {
    pub use crate::client::blocking::{WebSocket, connect};
}

/// WebSockets inside an axum server.
///
/// [`Drain`] closes them when the server stops.
#[cfg(feature = "axum")]
pub mod axum {
    pub use crate::server::axum::WebSocketUpgrade;
}

#[cfg(all(any(doc, doctest), feature = "tls"))]
pub mod guides;

#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../../../README.md")]
struct Readme;
