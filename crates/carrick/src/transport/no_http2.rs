//! What stands for HTTP/2 where it is not compiled in: types of which there is nothing.

use std::{io, net::SocketAddr, sync::Arc};

use http::{Request, Response, Version};

use super::{
    lease::{AskError, Lease, Multiplexed},
    stream::NetStream,
};
use crate::{error::Error, protocol::HeadLimits};

/// Whether it is compiled in.
pub(crate) const HAS_HTTP2: bool = false;

/// A connection that there is not.
#[derive(Debug)]
pub(crate) enum Http2Connection {}

#[expect(clippy::unused_async, reason = "they stand for functions that wait")]
impl Http2Connection {
    pub(super) async fn start(_: NetStream, _: HeadLimits) -> Result<Arc<Http2Connection>, Error> {
        Err(Error::Io(io::ErrorKind::Unsupported.into()))
    }

    pub(super) fn settings(&self) -> &[(u16, u32)] {
        match *self {}
    }

    pub(super) fn opens_websockets(&self) -> bool {
        match *self {}
    }
}

impl Multiplexed for Http2Connection {
    fn version(&self) -> Version {
        match *self {}
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        match *self {}
    }

    fn streams(&self) -> usize {
        match *self {}
    }

    fn is_sound(&self) -> bool {
        match *self {}
    }

    fn lease(self: Arc<Http2Connection>) -> Option<Lease> {
        match *self {}
    }
}

/// A place for a stream.
#[derive(Debug)]
pub(crate) enum Http2Lease {}

impl Http2Lease {
    #[expect(clippy::unused_async, reason = "it stands for a function that waits")]
    pub(super) async fn ask(self, _: &Request<()>) -> Result<(Response<()>, NetStream), AskError> {
        match self {}
    }
}
