//! The body of a request that is no WebSocket.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};

use super::patience::Patience;
use crate::{error::Error, transport::ReceivedBody};

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

#[derive(Debug)]
#[cfg_attr(not(feature = "http2"), expect(dead_code, reason = "one source is not there"))]
enum Source {
    Http1(Incoming),
    Http2 {
        received: ReceivedBody,
        /// How much is still to come, if the client has said how much it is.
        left: Option<u64>,
    },
}

impl Body {
    pub(super) fn http1(incoming: Incoming) -> Body {
        Body { source: Source::Http1(incoming), patience: Patience::default() }
    }

    /// `left` is how long it is, if the client has said so.
    #[cfg(feature = "http2")]
    pub(super) fn http2(received: ReceivedBody, left: Option<u64>) -> Body {
        Body { source: Source::Http2 { received, left }, patience: Patience::default() }
    }
}

impl Source {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self {
            Source::Http1(incoming) => Pin::new(incoming)
                .poll_frame(cx)
                .map(|frame| frame.map(|frame| frame.map_err(io::Error::other))),
            Source::Http2 { received, left } => {
                if let Some(data) = ready!(received.poll_data(cx)) {
                    let data = data.inspect(|data| {
                        *left = left.map(|left| left.saturating_sub(data.len() as u64));
                    });
                    return Poll::Ready(Some(data.map(Frame::data)));
                }
                received
                    .poll_trailers(cx)
                    .map(|trailers| trailers.map(|found| found.map(Frame::trailers)).transpose())
            }
        }
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
            Source::Http2 { received, .. } => received.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Http1(incoming) => incoming.size_hint(),
            Source::Http2 { received, .. } if received.is_end_stream() => SizeHint::with_exact(0),
            Source::Http2 { left, .. } => left.map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}
