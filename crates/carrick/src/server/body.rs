//! The body of a request that is no WebSocket.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};

use super::patience::Patience;
use crate::error::Error;

/// The body of a request that a [`Server`](crate::Server) hands to its fallback, read as it arrives.
///
/// A client that sends nothing of it for 30 s fails it. It is an `http_body::Body`, which is what the services of axum, tower and hyper take.
///
/// ```
/// use hyper::body::Body as _;
///
/// async fn length(request: http::Request<carrick::Body>) -> Option<u64> {
///     request.body().size_hint().exact()
/// }
/// ```
#[derive(Debug)]
pub struct Body {
    source: Source,
    patience: Patience,
}

#[cfg_attr(
    not(any(feature = "http2", feature = "http3")),
    expect(dead_code, reason = "one source is not there")
)]
enum Source {
    Http1(Incoming),
    /// The rest of a stream of HTTP/2 or HTTP/3.
    Stream(Pin<Box<dyn HttpBody<Data = Bytes, Error = io::Error> + Send>>),
}

impl Body {
    pub(super) fn http1(incoming: Incoming) -> Body {
        Body { source: Source::Http1(incoming), patience: Patience::default() }
    }

    /// One that is the rest of a stream.
    #[cfg(any(feature = "http2", feature = "http3"))]
    pub(super) fn stream(body: impl HttpBody<Data = Bytes, Error = io::Error> + Send + 'static) -> Body {
        Body { source: Source::Stream(Box::pin(body)), patience: Patience::default() }
    }
}

impl Source {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self {
            Source::Http1(incoming) => Pin::new(incoming)
                .poll_frame(cx)
                .map(|frame| frame.map(|frame| frame.map_err(io::Error::other))),
            Source::Stream(body) => body.as_mut().poll_frame(cx),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::Http1(_) => "Http1",
            Source::Stream(_) => "Stream",
        })
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = self.source.poll_frame(cx);
        match self.patience.bound(cx, frame) {
            Poll::Ready(Ok(frame)) => Poll::Ready(frame.map(|frame| frame.map_err(Error::Io))),
            Poll::Ready(Err(error)) => Poll::Ready(Some(Err(error.into()))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Http1(incoming) => incoming.is_end_stream(),
            Source::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Http1(incoming) => incoming.size_hint(),
            Source::Stream(body) => body.size_hint(),
        }
    }
}
