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
        self.expect_body(length);
        Body::stream(RequestBody { receiving: self })
    }
}

struct RequestBody {
    receiving: Receiving,
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(match ready!(self.receiving.poll_data(cx)) {
            Ok(Some(data)) => Some(Ok(Frame::data(data))),
            Ok(None) => self.receiving.take_trailers().map(|trailers| Ok(Frame::trailers(trailers))),
            Err(error) => Some(Err(error.into())),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.receiving.is_over()
    }

    fn size_hint(&self) -> SizeHint {
        self.receiving.left().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
