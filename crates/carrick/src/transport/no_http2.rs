//! What stands for HTTP/2 where it is not compiled in: types of which there is nothing.

use std::io;

use http::{Request, Response};

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
    pub(crate) async fn ask(self, _: &Request<()>) -> Result<(Response<()>, NetStream), AskError> {
        match self {}
    }
}
