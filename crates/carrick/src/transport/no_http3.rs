//! What stands for HTTP/3 where it is not compiled in: types of which there is nothing.

use std::{io, net::SocketAddr, sync::Arc};

use http::{Request, Response, Version};

use super::{
    address::Address,
    alternative::Place,
    dial::Dialer,
    lease::{AskError, Lease, Multiplexed},
    stream::NetStream,
};
use crate::{error::Error, protocol::HeadLimits};

/// Whether it is compiled in.
pub(crate) const HAS_HTTP3: bool = false;

/// A connection that there is not.
#[derive(Debug)]
pub(crate) enum Http3Connection {}

#[expect(clippy::unused_async, reason = "they stand for functions that wait")]
impl Http3Connection {
    pub(super) async fn open(
        _: &Dialer,
        _: &Address,
        _: &Place,
        _: HeadLimits,
    ) -> Result<Arc<Http3Connection>, Error> {
        Err(Error::Io(io::ErrorKind::Unsupported.into()))
    }
}

impl Multiplexed for Http3Connection {
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

    fn lease(self: Arc<Http3Connection>) -> Option<Lease> {
        match *self {}
    }
}

/// A place for a stream.
#[derive(Debug)]
pub(crate) enum Http3Lease {}

impl Http3Lease {
    #[expect(clippy::unused_async, reason = "it stands for a function that waits")]
    pub(super) async fn ask(self, _: &Request<()>) -> Result<(Response<()>, NetStream), AskError> {
        match self {}
    }
}
