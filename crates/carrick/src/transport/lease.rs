//! A place for one stream on a connection of a client that several share.

use std::{io, net::SocketAddr, pin::Pin, sync::Arc};

use http::{Request, Response, Version};

use super::stream::NetStream;
use crate::error::Error;

/// A connection of a client, which lives as long as somebody uses it.
pub(super) trait Multiplexed: Send + Sync {
    fn version(&self) -> Version;

    /// Who is at its other end.
    fn peer_addr(&self) -> Option<SocketAddr>;

    /// How many streams it has.
    fn streams(&self) -> usize;

    /// Whether it takes requests: the server has not said that it goes away, and nothing has failed.
    fn is_sound(&self) -> bool;

    /// A place for one more stream, if the server allows one more.
    fn lease(self: Arc<Self>) -> Option<Box<dyn Lease>>;
}

/// A place for one stream.
pub(crate) trait Lease: Send {
    fn version(&self) -> Version;

    /// Sends a request whose stream stays open, and reads the head of its answer.
    fn ask<'a>(self: Box<Self>, request: &'a Request<()>) -> Asking<'a>;
}

/// The answer to a request, once it is there.
pub(crate) type Asking<'a> =
    Pin<Box<dyn Future<Output = Result<(Response<()>, NetStream), AskError>> + Send + 'a>>;

/// Why a request has no answer.
#[derive(Debug)]
#[cfg_attr(not(any(feature = "http2", feature = "http3")), expect(dead_code, reason = "none is asked"))]
pub(crate) enum AskError {
    /// The server has not looked at it: another connection may.
    NotProcessed(io::Error),
    /// It wants to be asked over HTTP/1.1.
    #[cfg_attr(not(feature = "http3"), expect(dead_code, reason = "only a server of HTTP/3 says so"))]
    VersionFallback(io::Error),
    Failed(Error),
}
