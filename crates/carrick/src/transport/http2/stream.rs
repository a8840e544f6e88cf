//! One stream of HTTP/2 as bytes both ways.

use std::{
    fmt,
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use h2::{RecvStream, SendStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    client::Http2Lease,
    error::{io_error, reset},
    wire::Wire,
};
use crate::transport::lookout::Lookout;

/// A stream whose two ends have agreed that DATA frames carry bytes: END_STREAM is the end of one direction, and a stream
/// that is dropped before is reset with CANCEL (RFC 8441 §5).
pub(crate) struct Http2Stream {
    sending: SendStream<Bytes>,
    receiving: RecvStream,
    /// The rest of a DATA frame. Its place in the window is the peer's again when it is read.
    received: Bytes,
    /// Whether END_STREAM is sent.
    ended: bool,
    peer: Option<SocketAddr>,
    wire: Arc<Wire>,
    /// The round of the connection in which everything is written, if something may not be.
    unwritten: Option<u64>,
    /// Who is told of it.
    waits: Option<Waker>,
    /// Its place on the connection of a client.
    lease: Option<Http2Lease>,
    /// Who is told of what the client does first.
    lookout: Lookout,
}

impl Http2Stream {
    /// `peer` is at the other end of the connection, of which `wire` knows.
    pub(crate) fn new(
        sending: SendStream<Bytes>,
        receiving: RecvStream,
        wire: Arc<Wire>,
        peer: Option<SocketAddr>,
    ) -> Http2Stream {
        Http2Stream {
            sending,
            receiving,
            received: Bytes::new(),
            ended: false,
            peer,
            wire,
            unwritten: None,
            waits: None,
            lease: None,
            lookout: Lookout::default(),
        }
    }

    /// On the connection of a server, which wants to be told of what the client does first.
    pub(crate) fn watched(mut self, lookout: Lookout) -> Http2Stream {
        self.lookout = lookout;
        self
    }

    /// With its place on the connection of a client.
    pub(super) fn kept(mut self, lease: Http2Lease) -> Http2Stream {
        self.lease = Some(lease);
        self
    }

    /// Sends what the peer and the connection have room for, at least something; waits until there is room.
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        length: usize,
        copy: impl FnOnce(usize) -> Bytes,
    ) -> Poll<io::Result<usize>> {
        if self.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let polled = poll_room(&mut self.sending, cx, length);
        self.lookout.note_written(&polled);
        let room = ready!(polled)?;
        self.sending.send_data(copy(room), false).map_err(io_error)?;
        self.note_unwritten();
        Poll::Ready(Ok(room))
    }

    fn note_unwritten(&mut self) {
        self.unwritten = Some(self.wire.next_round());
        self.waits = None;
    }

    /// A program may stop as soon as a message is flushed, and its runtime with it; so a client waits until the network has
    /// it. A server goes on, and need not.
    fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(round) = self.unwritten.filter(|_| self.lease.is_some()) else { return Poll::Ready(()) };
        ready!(self.wire.poll_round(cx, round, &mut self.waits));
        self.unwritten = None;
        Poll::Ready(())
    }
}

/// Waits until there is room for some of `length` bytes, which are not zero; tells for how many.
///
/// What is granted is taken from the other streams of the connection, so that it has to be used at once.
pub(crate) fn poll_room(
    sending: &mut SendStream<Bytes>,
    cx: &mut Context<'_>,
    length: usize,
) -> Poll<io::Result<usize>> {
    let wanted = length.min(MOST_AT_ONCE_BYTES);
    sending.reserve_capacity(wanted);
    loop {
        let room = sending.capacity().min(wanted);
        if room > 0 {
            return Poll::Ready(Ok(room));
        }
        match ready!(sending.poll_capacity(cx)) {
            Some(Ok(_)) => {}
            Some(Err(error)) => return Poll::Ready(Err(io_error(error))),
            None => {
                return Poll::Ready(Err(match sending.poll_reset(cx) {
                    Poll::Ready(Ok(reason)) => reset(reason),
                    Poll::Ready(Err(error)) => io_error(error),
                    Poll::Pending => io::ErrorKind::BrokenPipe.into(),
                }));
            }
        }
    }
}

impl AsyncRead for Http2Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Http2Stream { receiving, received, lookout, .. } = &mut *self;
        let (mut taken, has_room) = (0, buffer.remaining() > 0);
        let polled = loop {
            let n = received.len().min(buffer.remaining());
            buffer.put_slice(&received[..n]);
            received.advance(n);
            taken += n;
            if buffer.remaining() == 0 {
                break Poll::Ready(Ok(()));
            }
            match receiving.poll_data(cx) {
                Poll::Ready(Some(Ok(data))) => *received = data,
                Poll::Ready(Some(Err(error))) if taken == 0 => break Poll::Ready(Err(io_error(error))),
                Poll::Pending if taken == 0 => break Poll::Pending,
                // An error comes again with the next read.
                Poll::Ready(None | Some(Err(_))) | Poll::Pending => break Poll::Ready(Ok(())),
            }
        };
        if taken > 0 {
            // A stream that is over has no window any more.
            let _ = receiving.flow_control().release_capacity(taken);
        }
        if has_room {
            lookout.note_read(&polled, taken);
        }
        polled
    }
}

impl AsyncWrite for Http2Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.poll_send(cx, bytes.len(), |room| Bytes::copy_from_slice(&bytes[..room]))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = slices.iter().map(|slice| slice.len()).sum();
        if length == 0 {
            return Poll::Ready(Ok(0));
        }
        self.poll_send(cx, length, |room| {
            let mut bytes = BytesMut::with_capacity(room);
            for slice in slices {
                let left = room - bytes.len();
                bytes.extend_from_slice(slice.get(..left).unwrap_or(slice));
            }
            bytes.freeze()
        })
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_written(cx).map(Ok)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !std::mem::replace(&mut self.ended, true) {
            self.sending.send_data(Bytes::new(), true).map_err(io_error)?;
            self.note_unwritten();
        }
        self.poll_written(cx).map(Ok)
    }
}

impl Drop for Http2Stream {
    fn drop(&mut self) {
        if let Some(round) = self.unwritten {
            self.wire.keep(round, self.receiving.flow_control().clone());
        }
    }
}

impl fmt::Debug for Http2Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http2Stream")
            .field("id", &self.receiving.stream_id())
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

/// How much is taken in one write: as much as a peer of ours grants before it reads.
const MOST_AT_ONCE_BYTES: usize = 128 * 1024;
