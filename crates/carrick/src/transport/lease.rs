//! A place for one stream on a connection of a client that several share.

use std::{io, net::SocketAddr, sync::Arc};

use http::{Request, Response, Version};

#[cfg(feature = "http2")]
use super::http2::Http2Lease;
#[cfg(feature = "http3")]
use super::http3::Http3Lease;
#[cfg(not(feature = "http2"))]
use super::no_http2::Http2Lease;
#[cfg(not(feature = "http3"))]
use super::no_http3::Http3Lease;
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
    fn lease(self: Arc<Self>) -> Option<Lease>;
}

/// A place for one stream.
#[derive(Debug)]
#[cfg_attr(
    not(all(feature = "http2", feature = "http3")),
    expect(dead_code, reason = "one version is not there")
)]
pub(crate) enum Lease {
    Http2(Http2Lease),
    Http3(Box<Http3Lease>),
}

/// Why a request has no answer.
#[derive(Debug)]
#[cfg_attr(not(any(feature = "http2", feature = "http3")), expect(dead_code, reason = "none is asked"))]
pub(crate) enum AskError {
    /// The server has not looked at it: another connection may.
    NotProcessed(io::Error),
    Failed(Error),
}

impl Lease {
    pub(crate) fn version(&self) -> Version {
        match self {
            Lease::Http2(_) => Version::HTTP_2,
            Lease::Http3(_) => Version::HTTP_3,
        }
    }

    /// Sends a request whose stream stays open, and reads the head of its answer.
    pub(crate) async fn ask(self, request: &Request<()>) -> Result<(Response<()>, NetStream), AskError> {
        match self {
            Lease::Http2(lease) => lease.ask(request).await,
            Lease::Http3(lease) => lease.ask(request).await,
        }
    }
}
