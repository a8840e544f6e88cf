//! What stands for HTTP/2 where it is not compiled in: types of which there is nothing.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{address::Address, dial::Dialer, http::Http, stream::NetStream};
use crate::{error::Error, protocol::HeadLimits};

/// The HTTP/2 connections of a client: there are none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pool {}

/// How a server was reached.
#[expect(dead_code, reason = "one way is not there")]
pub(crate) enum Reached {
    Http1(NetStream),
    Http2(Lease),
}

impl Pool {
    pub(crate) async fn reach(
        &self,
        dialer: &Dialer,
        address: &Address,
        http: Http,
        _: HeadLimits,
    ) -> Result<Reached, Error> {
        if http == Http::Http2 {
            return Err(Error::Config(
                "HTTP/2 needs the feature `http2` of carrick, which is not compiled in".into(),
            ));
        }
        let (stream, _) = dialer.dial(address, Http::Http1).await?;
        Ok(Reached::Http1(stream))
    }
}

/// A place for a stream.
#[derive(Debug)]
pub(crate) enum Lease {}

/// Why a request has no answer.
#[derive(Debug)]
#[expect(dead_code, reason = "none is asked")]
pub(crate) enum AskError {
    NotProcessed(io::Error),
    Failed(Error),
}

impl Lease {
    #[expect(clippy::unused_async, reason = "it stands for a function that waits")]
    pub(crate) async fn ask(self, _: &Request<()>) -> Result<(Response<()>, Http2Stream), AskError> {
        match self {}
    }
}

/// A stream of HTTP/2.
#[derive(Debug)]
pub(crate) enum Http2Stream {}

impl Http2Stream {
    pub(crate) fn peer_addr(&self) -> Option<SocketAddr> {
        match *self {}
    }
}

impl AsyncRead for Http2Stream {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match *self {}
    }
}

impl AsyncWrite for Http2Stream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        match *self {}
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match *self {}
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match *self {}
    }
}

/// The body of a request over HTTP/2.
#[derive(Debug)]
pub(crate) enum ReceivedBody {}

impl ReceivedBody {
    pub(crate) fn poll_data(&mut self, _: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        match *self {}
    }

    pub(crate) fn poll_trailers(&mut self, _: &mut Context<'_>) -> Poll<io::Result<Option<HeaderMap>>> {
        match *self {}
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        match *self {}
    }
}
