//! WebSockets over HTTP/2 (RFC 8441).

#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "tls")]
mod client;
#[cfg(feature = "tls")]
mod matrix;
mod server;
mod support;
#[cfg(feature = "tls")]
mod ways;
