//! WebSockets over HTTP/2 (RFC 8441).

#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "tls")]
mod client;
mod server;
mod support;
