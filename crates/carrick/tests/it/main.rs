//! The integration tests of `carrick`, in one binary.
#![allow(clippy::unwrap_used, reason = "what a test helper unwraps fails the test")]

#[cfg(feature = "net")]
mod blocking;
#[cfg(feature = "net")]
mod cancellation;
#[cfg(feature = "net")]
mod client;
mod exports;
mod layers;
mod source;
#[cfg(feature = "net")]
mod split;
#[cfg(feature = "net")]
mod support;
mod tidy;
#[cfg(feature = "tls")]
mod tls_client;
#[cfg(feature = "net")]
mod websocket;
