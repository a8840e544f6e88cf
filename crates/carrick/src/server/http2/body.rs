//! The body of an ordinary request over HTTP/2.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::RecvStream;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use super::super::{body::Body, multiplexed::Rest};
use crate::transport::ReceivedBody;

impl Rest for RecvStream {
    fn into_body(self, length: Option<u64>) -> Body {
        Body::stream(RequestBody { received: ReceivedBody::new(self), left: length })
    }
}

struct RequestBody {
    received: ReceivedBody,
    /// How much is still to come, if the client has said how much it is.
    left: Option<u64>,
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(data) = ready!(self.received.poll_data(cx)) {
            let data = data.inspect(|data| {
                self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
            });
            return Poll::Ready(Some(data.map(Frame::data)));
        }
        let trailers = self.received.poll_trailers(cx);
        trailers.map(|trailers| trailers.map(|found| found.map(Frame::trailers)).transpose())
    }

    fn is_end_stream(&self) -> bool {
        self.received.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_end_stream() {
            return SizeHint::with_exact(0);
        }
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
