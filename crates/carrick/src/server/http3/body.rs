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
    fn into_body(mut self, length: Option<u64>) -> Body {
        // What the service leaves unread it did not need.
        self.need_no_more();
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
        let wrong = |what| Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::InvalidData, what))));
        Poll::Ready(match ready!(self.receiving.poll_data(cx)) {
            Ok(Some(data)) => {
                if let Some(left) = self.left {
                    let Some(left) = left.checked_sub(data.len() as u64) else {
                        return wrong("the body is longer than Content-Length");
                    };
                    self.left = Some(left);
                }
                Some(Ok(Frame::data(data)))
            }
            Ok(None) if self.left.is_some_and(|left| left > 0) => {
                return wrong("the body is shorter than Content-Length");
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
