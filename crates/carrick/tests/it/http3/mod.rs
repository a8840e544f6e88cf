//! WebSockets over HTTP/3 (RFC 9220).

mod alternative;
mod both_errors;
mod client;
mod client_errors;
mod fallback;
mod quiet;
mod raw;
mod server_errors;
mod support;
