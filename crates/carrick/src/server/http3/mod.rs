//! HTTP/3 on a server: WebSockets by extended CONNECT (RFC 9220), and ordinary requests beside them.

mod body;
mod builder;
mod connection;
mod listener;
mod page;
mod request;
#[cfg(test)]
mod tests;

pub(super) use self::listener::{QuicListener, QuicServer};
