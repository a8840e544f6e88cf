//! A request stream whose head was sent or answered: bytes both ways in DATA frames (RFC 9114 §4.4, RFC 9220 §3).

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use quinn::{ConnectionError, ReadError, RecvStream, SendStream, VarInt, WriteError};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    connection::Http3,
    error_code::ErrorCode,
    frame::{self, FrameKind},
    message_reader::{MessageError, MessageReader},
};

/// A tunnel of bytes. The end of the stream is the end of the bytes; dropped before both ends have come to theirs, it is
/// reset with H3_REQUEST_CANCELLED (RFC 9220 §3).
#[derive(Debug)]
pub(crate) struct Http3Stream {
    connection: Arc<Http3>,
    send: SendStream,
    recv: RecvStream,
    messages: MessageReader,
    /// What came with the head.
    received: Bytes,
    /// What of the header of the frame that is being written has not left yet.
    header: Bytes,
    /// How much payload of that frame is still to come.
    promised: usize,
    sent_all: bool,
    received_all: bool,
}

impl Http3Stream {
    /// `messages` has read the head, and `received` is what was read behind it.
    pub(super) fn new(
        connection: Arc<Http3>,
        (send, recv): (SendStream, RecvStream),
        mut messages: MessageReader,
        received: Bytes,
    ) -> Http3Stream {
        messages.expect_tunnel();
        Http3Stream {
            connection,
            send,
            recv,
            messages,
            received,
            header: Bytes::new(),
            promised: 0,
            sent_all: false,
            received_all: false,
        }
    }

    /// Reads bytes as they are on the stream; whether it has come to its end.
    fn poll_raw(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<bool>> {
        let before = buffer.filled().len();
        if self.received.is_empty() {
            ready!(self.recv.poll_read_buf(cx, buffer)).map_err(read_error)?;
        } else {
            let here = self.received.len().min(buffer.remaining());
            buffer.put_slice(&self.received.split_to(here));
        }
        Poll::Ready(Ok(buffer.filled().len() == before))
    }

    /// Ends the connection or the stream, as the rule says that the peer broke.
    fn fail(&mut self, error: MessageError) -> io::Error {
        match error {
            MessageError::Breach(breach) => {
                self.connection.fail(breach);
                io::Error::new(io::ErrorKind::InvalidData, breach)
            }
            MessageError::HeadTooLarge | MessageError::Incomplete => io::ErrorKind::UnexpectedEof.into(),
        }
    }

    /// Ready when a frame is open that has room for some of these bytes, and its header has left.
    fn poll_frame(&mut self, cx: &mut Context<'_>, length: usize) -> Poll<io::Result<()>> {
        if self.promised == 0 {
            let mut header = Vec::with_capacity(HEADER_BYTES);
            frame::write_header(FrameKind::Data, length, &mut header);
            self.header = header.into();
            self.promised = length;
        }
        while !self.header.is_empty() {
            let n = ready!(Pin::new(&mut self.send).poll_write(cx, &self.header)).map_err(write_error)?;
            self.header.advance(n);
        }
        self.header = Bytes::new();
        Poll::Ready(Ok(()))
    }

    fn poll_payload(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let bytes = bytes.get(..self.promised).unwrap_or(bytes);
        let n = ready!(Pin::new(&mut self.send).poll_write(cx, bytes)).map_err(write_error)?;
        self.promised -= n;
        Poll::Ready(Ok(n))
    }
}

impl AsyncRead for Http3Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        let before = buffer.filled().len();
        if buffer.remaining() == 0 || stream.received_all {
            return Poll::Ready(Ok(()));
        }
        loop {
            if ready!(stream.poll_raw(cx, buffer))? {
                stream.messages.finish().map_err(|error| stream.fail(error))?;
                stream.received_all = true;
                return Poll::Ready(Ok(()));
            }
            let raw = buffer.filled_mut().get_mut(before..).unwrap_or_default();
            let kept = stream.messages.strip(raw).map_err(|error| stream.fail(error))?;
            buffer.set_filled(before + kept);
            if kept > 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncWrite for Http3Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    /// Once a write is pending, the bytes of the next one have to begin with those of this one: their frame is announced.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = self.get_mut();
        let length: usize = slices.iter().map(|slice| slice.len()).sum();
        if length == 0 {
            return Poll::Ready(Ok(0));
        }
        ready!(stream.poll_frame(cx, length))?;
        let mut written = 0;
        for slice in slices {
            if stream.promised == 0 {
                break;
            }
            match stream.poll_payload(cx, slice) {
                Poll::Ready(Ok(n)) => {
                    written += n;
                    if n < slice.len() {
                        break;
                    }
                }
                // The error comes again.
                Poll::Ready(Err(_)) | Poll::Pending if written > 0 => break,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        if !stream.sent_all {
            // Within a frame it would be an end that the peer has to take for an error of the whole connection.
            if stream.promised > 0 {
                return Poll::Ready(Err(io::ErrorKind::InvalidInput.into()));
            }
            stream.sent_all = true;
            // It is closed already if the peer wants no more of it.
            let _ = stream.send.finish();
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Http3Stream {
    fn drop(&mut self) {
        let code = ErrorCode::RequestCancelled.quic();
        if !self.sent_all {
            let _ = self.send.reset(code);
        }
        if !self.received_all {
            let _ = self.recv.stop(code);
        }
    }
}

/// What reading failed with, in the words of byte streams.
pub(super) fn read_error(error: ReadError) -> io::Error {
    match error {
        ReadError::Reset(code) => io::Error::new(
            io::ErrorKind::ConnectionReset,
            format!("the peer reset the stream with {}", Code(code)),
        ),
        ReadError::ConnectionLost(error) => connection_error(error),
        ReadError::ClosedStream | ReadError::IllegalOrderedRead | ReadError::ZeroRttRejected => {
            io::Error::new(io::ErrorKind::NotConnected, error)
        }
    }
}

/// What writing failed with, in the words of byte streams.
pub(super) fn write_error(error: WriteError) -> io::Error {
    match error {
        WriteError::Stopped(code) => io::Error::new(
            io::ErrorKind::BrokenPipe,
            format!("the peer takes no more of the stream: {}", Code(code)),
        ),
        WriteError::ConnectionLost(error) => connection_error(error),
        WriteError::ClosedStream | WriteError::ZeroRttRejected => {
            io::Error::new(io::ErrorKind::NotConnected, error)
        }
    }
}

/// Why there is no connection, in the words of byte streams.
pub(super) fn connection_error(error: ConnectionError) -> io::Error {
    let kind = match &error {
        ConnectionError::TimedOut => io::ErrorKind::TimedOut,
        ConnectionError::Reset => io::ErrorKind::ConnectionReset,
        ConnectionError::LocallyClosed
        | ConnectionError::ApplicationClosed(_)
        | ConnectionError::ConnectionClosed(_) => io::ErrorKind::ConnectionAborted,
        ConnectionError::VersionMismatch
        | ConnectionError::TransportError(_)
        | ConnectionError::CidsExhausted => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

/// A code of the peer, by its name if it has one.
struct Code(VarInt);

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match ErrorCode::of(self.0.into_inner()) {
            Some(code) => f.write_str(code.name()),
            None => write!(f, "{:#x}", self.0.into_inner()),
        }
    }
}

/// A type of one byte and a length of eight.
const HEADER_BYTES: usize = 9;
