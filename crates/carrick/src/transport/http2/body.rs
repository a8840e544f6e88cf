//! The bodies of ordinary requests and their answers.

use std::{
    fmt, io,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::RecvStream;
use http::HeaderMap;

use super::error::io_error;

/// The body of a request, as its DATA frames come.
pub(crate) struct ReceivedBody {
    receiving: RecvStream,
}

impl ReceivedBody {
    pub(crate) fn new(receiving: RecvStream) -> ReceivedBody {
        ReceivedBody { receiving }
    }

    /// The next piece, whose place in the window is the peer's again; `None` at the end, or in front of the trailers.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let Some(data) = ready!(self.receiving.poll_data(cx)) else { return Poll::Ready(None) };
        let data = data.map_err(io_error)?;
        // A stream that is over has no window any more.
        let _ = self.receiving.flow_control().release_capacity(data.len());
        Poll::Ready(Some(Ok(data)))
    }

    /// What stands behind the last piece.
    pub(crate) fn poll_trailers(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<HeaderMap>>> {
        self.receiving.poll_trailers(cx).map_err(io_error)
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.receiving.is_end_stream()
    }
}

impl fmt::Debug for ReceivedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReceivedBody")
    }
}
