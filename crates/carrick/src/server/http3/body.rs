//! The body of an ordinary request over HTTP/3.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use super::super::{body::Body, multiplexed::Rest};
use crate::transport::http3::Receiving;

impl Rest for Receiving {
    fn into_body(self, length: Option<u64>) -> Body {
        Body::stream(RequestBody { receiving: self, left: length })
    }
}

struct RequestBody {
    receiving: Receiving,
    /// How much is still to come, if the client has said how much it is.
    left: Option<u64>,
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        // "the value of a Content-Length header field does not equal the sum of the DATA frame lengths received" makes a
        // request malformed (RFC 9114 §4.1.2), and nothing more of it is handed out.
        Poll::Ready(match ready!(self.receiving.poll_data(cx)) {
            Ok(Some(data)) => match self.left.map(|left| left.checked_sub(data.len() as u64)) {
                Some(None) => {
                    Some(Err(self.receiving.refuse("the body is longer than Content-Length").into()))
                }
                Some(left) => {
                    self.left = left;
                    Some(Ok(Frame::data(data)))
                }
                None => Some(Ok(Frame::data(data))),
            },
            Ok(None) if self.left.is_some_and(|left| left > 0) => {
                Some(Err(self.receiving.refuse("the body is shorter than Content-Length").into()))
            }
            Ok(None) => self.receiving.take_trailers().map(|trailers| Ok(Frame::trailers(trailers))),
            Err(error) => Some(Err(error.into())),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.receiving.is_over()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
