//! The body of a request that is no WebSocket.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};

use crate::error::Error;

/// The body of a request that a [`Server`](crate::Server) hands to its fallback, read as it arrives.
///
/// It is an `http_body::Body`, which is what the services of axum, tower and hyper take.
///
/// ```
/// use hyper::body::Body as _;
///
/// async fn length(request: http::Request<carrick::Body>) -> Option<u64> {
///     request.body().size_hint().exact()
/// }
/// ```
#[derive(Debug)]
pub struct Body(Incoming);

impl Body {
    pub(super) fn new(incoming: Incoming) -> Body {
        Body(incoming)
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let failed = |error| Error::Io(io::Error::other(error));
        Pin::new(&mut self.0).poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(failed)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
