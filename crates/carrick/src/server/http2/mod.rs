//! HTTP/2 on a server: WebSockets by extended CONNECT (RFC 8441), and ordinary requests beside them.

mod body;
mod connection;
mod options;
mod page;
mod request;
mod settings;

use http::Extensions;

pub(super) use self::{connection::serve, settings::Http2Settings};
use crate::protocol::ConnectProtocol;

/// What hyper has put into a request that it has read.
pub(super) fn protocol_of_hyper(extensions: &Extensions) -> Option<ConnectProtocol> {
    let protocol = extensions.get::<hyper::ext::Protocol>()?;
    Some(ConnectProtocol::new(protocol.as_str()))
}
