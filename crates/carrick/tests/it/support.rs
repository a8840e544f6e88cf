//! What the tests of the shell have in common: scripted peers, frames as bytes, and streams that watch or misbehave.

mod frames;
mod script;
mod streams;

use std::sync::Arc;

use bytes::BytesMut;
use carrick::{
    WebSocket,
    protocol::{Agreement, Config, Role},
};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};

pub(crate) use self::{
    frames::{binary, close, frame, ping, pong, text},
    script::{Scripted, accept_blocking, accept_of, read_request, switching},
    streams::{FailingReads, Metered, Ready, Tunnel},
};

/// A WebSocket on a stream, with the defaults but for what `change` changes.
pub(crate) fn websocket<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    role: Role,
    change: impl FnOnce(&mut Config),
) -> WebSocket<S> {
    let mut config = Config::default();
    change(&mut config);
    WebSocket::new(stream, role, Arc::new(config), Agreement::default(), BytesMut::new())
}

/// A client and a server on both ends of a pipe that holds `bytes` each way.
pub(crate) fn pair(bytes: usize) -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (near, far) = tokio::io::duplex(bytes);
    (websocket(near, Role::Client, |_| {}), websocket(far, Role::Server, |_| {}))
}
