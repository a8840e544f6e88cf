//! Integration tests of the library, in one binary so that linking happens once.

// Helpers unwrap as the tests do: a panic names the line.
#![allow(clippy::unwrap_used)]

#[cfg(feature = "net")]
mod blocking;
#[cfg(feature = "net")]
mod callback;
#[cfg(feature = "net")]
mod cancellation;
#[cfg(feature = "net")]
mod client;
#[cfg(feature = "net")]
mod connect_event;
mod exports;
#[cfg(feature = "tls")]
mod guides;
#[cfg(feature = "http2")]
mod http2;
#[cfg(all(feature = "http2", feature = "http3"))]
mod http3;
mod layers;
mod pair;
#[cfg(feature = "net")]
mod proxy;
#[cfg(feature = "net")]
mod redirect;
mod rules;
#[cfg(feature = "net")]
mod server;
mod sizes;
mod source;
#[cfg(feature = "net")]
mod split;
#[cfg(feature = "net")]
mod support;
mod tidy;
#[cfg(feature = "tls")]
mod tls_client;
mod trace;
#[cfg(all(unix, feature = "net"))]
mod unix_socket;
#[cfg(all(feature = "http2", feature = "tls"))]
mod versions;
#[cfg(feature = "net")]
mod websocket;
mod wire;
