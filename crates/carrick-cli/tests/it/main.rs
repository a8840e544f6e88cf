//! Runs the binary and looks at what its users see.

// Helpers unwrap as the tests do: a panic names the line.
#![allow(clippy::unwrap_used)]

mod bench;
mod certificate;
mod chat;
mod connect;
mod connect_end;
mod connect_ndjson;
#[cfg(unix)]
mod connect_terminal;
mod connect_tls;
mod failures;
mod http2;
mod listen;
#[cfg(unix)]
mod listen_exec;
mod reference;
mod refusals;
mod serve;
mod support;
#[cfg(unix)]
mod terminal;
#[cfg(unix)]
mod unix;
