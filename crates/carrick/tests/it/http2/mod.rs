//! WebSockets over HTTP/2 (RFC 8441).

mod server;
mod support;
