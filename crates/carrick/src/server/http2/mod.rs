//! HTTP/2 on a server: WebSockets by extended CONNECT (RFC 8441), and ordinary requests beside them.

mod body;
mod connection;
mod page;
mod request;
mod settings;

pub(super) use self::{connection::serve, settings::Http2Settings};
