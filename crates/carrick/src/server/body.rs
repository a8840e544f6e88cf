//! The body of a request that is no WebSocket.

use std::{
    io,
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
    incoming: Incoming,
    patience: Patience,
}

impl Body {
    pub(super) fn new(incoming: Incoming) -> Body {
        Body { incoming, patience: Patience::default() }
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
        let frame = Pin::new(&mut self.incoming).poll_frame(cx);
        match self.patience.bound(cx, frame) {
            Poll::Ready(Ok(frame)) => Poll::Ready(frame.map(|frame| frame.map_err(failed))),
            Poll::Ready(Err(error)) => Poll::Ready(Some(Err(error.into()))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
