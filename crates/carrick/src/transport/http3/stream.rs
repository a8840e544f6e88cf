//! A request stream whose head was sent and answered: bytes both ways in DATA frames (RFC 9114 §4.4, RFC 9220 §3).

use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{receiving::Receiving, sending::Sending};

/// A tunnel of bytes. The end of the stream is the end of the bytes; dropped before both ends have come to theirs, it is
/// reset with H3_REQUEST_CANCELLED (RFC 9220 §3).
#[derive(Debug)]
pub(crate) struct Http3Stream {
    sending: Sending,
    receiving: Receiving,
}

impl Http3Stream {
    pub(crate) fn new(sending: Sending, mut receiving: Receiving) -> Http3Stream {
        receiving.expect_tunnel();
        Http3Stream { sending, receiving }
    }

    /// Where the peer is now: it may move.
    pub(crate) fn peer_addr(&self) -> SocketAddr {
        self.sending.connection().peer_addr()
    }
}

impl AsyncRead for Http3Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() == 0 { Poll::Ready(Ok(())) } else { self.receiving.poll_read(cx, buffer) }
    }
}

/// Once a write is pending, the bytes of the next one have to begin with those of that one, which are announced already.
impl AsyncWrite for Http3Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.sending.poll_write(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.sending.poll_write(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.sending.poll_shutdown()
    }
}
