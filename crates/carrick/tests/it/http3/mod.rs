//! WebSockets over HTTP/3 (RFC 9220).

mod alternative;
mod client;
mod support;
