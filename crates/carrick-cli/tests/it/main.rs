//! Runs the binary and looks at what its users see.

// Helpers unwrap as the tests do: a panic names the line.
#![allow(clippy::unwrap_used)]

mod certificate;
mod chat;
mod failures;
mod serve;
mod support;
#[cfg(unix)]
mod unix;
