//! A request stream whose head was sent and answered: bytes both ways in DATA frames (RFC 9114 §4.4, RFC 9220 §3).

use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    client::Seat,
    error_code::ErrorCode,
    receiving::{ReceiveError, Receiving},
    sending::Sending,
};
use crate::transport::lookout::Lookout;

/// A stream whose two ends have agreed that DATA frames carry bytes. Its end is the end of the bytes (RFC 9220 §3).
///
/// Dropped before that it ends too, behind everything that was written, since QUIC may forget what it has not sent yet of a
/// stream that is reset; that nothing more is read is said with H3_REQUEST_CANCELLED.
#[derive(Debug)]
pub(crate) struct Http3Stream {
    sending: Sending,
    receiving: Receiving,
    /// Whether something is written that the task of the connection has not seen.
    unseen: bool,
    /// Its place on the connection of a client.
    seat: Option<Seat>,
    /// Who is told of what the client does first.
    lookout: Lookout,
}

impl Http3Stream {
    pub(crate) fn new(sending: Sending, receiving: Receiving) -> Http3Stream {
        Http3Stream { sending, receiving, unseen: false, seat: None, lookout: Lookout::default() }
    }

    /// On the connection of a server, which wants to be told of what the client does first.
    pub(crate) fn watched(mut self, lookout: Lookout) -> Http3Stream {
        self.lookout = lookout;
        self
    }

    /// With its place on the connection of a client.
    pub(super) fn kept(mut self, seat: Seat) -> Http3Stream {
        self.seat = Some(seat);
        self
    }

    /// The head was that of a CONNECT, or of the answer that grants it: nothing comes behind the data.
    pub(crate) fn expect_tunnel(&mut self) {
        self.receiving.expect_tunnel();
    }

    /// The head was that of an answer that grants nothing: a body comes behind it, of this length if it has one.
    pub(super) fn expect_body(&mut self, length: Option<u64>) {
        self.receiving.expect_body(length);
    }

    /// Ends it as a TCP connection that is reset: whatever has not arrived may not arrive any more.
    #[cfg(feature = "unstable-tunnel")]
    pub(in crate::transport) fn cut(&mut self) {
        self.sending.cancel(ErrorCode::RequestCancelled);
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
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let polled = self.receiving.poll_read(cx, buffer).map_err(|error| {
            if let ReceiveError::Breach(breach) = &error {
                // A stream error is one of both directions.
                self.sending.cancel(breach.code);
            }
            io::Error::from(error)
        });
        self.lookout.note_read(&polled, buffer.filled().len() - before);
        polled
    }
}

/// Once a write is pending, the bytes of the next one have to begin with those of that one, which are announced already.
impl AsyncWrite for Http3Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.unseen = true;
        let polled = self.sending.poll_write(cx, slices);
        self.lookout.note_written(&polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// A program may stop as soon as a message is flushed, and its runtime with it; so a client lets the task of the
    /// connection have its turn, which sends what the network takes. A server goes on, and need not.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if std::mem::take(&mut self.unseen) && self.seat.is_some() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    /// Waits until everything has arrived: whoever ends a connection behind its last stream takes with it what has not.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.receiving.want_no_more(ErrorCode::NoError);
        self.sending.poll_shutdown(cx)
    }
}

impl Drop for Http3Stream {
    fn drop(&mut self) {
        self.sending.abandon();
    }
}
