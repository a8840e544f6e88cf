//! The half of a request stream that is received.

use std::{
    future::poll_fn,
    io,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Response};
use quinn::RecvStream;
use tokio::io::ReadBuf;

use super::{
    connection::Http3,
    control::End,
    error_code::{Breach, ErrorCode},
    head::{self, RequestHead},
    io_error::read_error,
    message_reader::{MessageError, MessagePart, MessageReader},
    qpack::{self, Field, FieldError},
};

/// A head, and then data. Dropped before its end, the peer is told that no more of it is wanted.
#[derive(Debug)]
pub(crate) struct Receiving {
    connection: Arc<Http3>,
    recv: RecvStream,
    messages: MessageReader,
    /// What was read and not looked at yet.
    received: Bytes,
    trailers: Option<HeaderMap>,
    is_over: bool,
    /// Why no more of it is wanted, if it is dropped.
    unwanted: ErrorCode,
}

/// Why there is no request, no answer or no data.
#[derive(Debug)]
pub(crate) enum ReceiveError {
    /// The peer broke a rule. The connection or the stream has been ended with the code that is due.
    Breach(Breach),
    /// The head has more bytes than the limit, and waits for an answer that says so.
    HeadTooLarge,
    Io(io::Error),
}

impl Receiving {
    pub(super) fn new(connection: Arc<Http3>, recv: RecvStream) -> Receiving {
        connection.occupy();
        let messages = MessageReader::new(connection.max_section_bytes());
        Receiving {
            connection,
            recv,
            messages,
            received: Bytes::new(),
            trailers: None,
            is_over: false,
            unwanted: ErrorCode::RequestCancelled,
        }
    }

    /// The head of the request.
    pub(crate) async fn read_request(&mut self) -> Result<RequestHead, ReceiveError> {
        let section = poll_fn(|cx| self.poll_head(cx)).await?;
        let fields = self.decode(&section)?;
        head::read_request(fields).map_err(|breach| self.fail(MessageError::Breach(breach)))
    }

    /// The head of the answer. Interim ones are passed over.
    pub(crate) async fn read_response(&mut self) -> Result<Response<()>, ReceiveError> {
        loop {
            let section = poll_fn(|cx| self.poll_head(cx)).await?;
            let fields = self.decode(&section)?;
            let response =
                head::read_response(fields).map_err(|breach| self.fail(MessageError::Breach(breach)))?;
            if !response.status().is_informational() {
                return Ok(response);
            }
            self.messages.expect_head();
        }
    }

    /// The next data of the body; `None` at its end.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, ReceiveError>> {
        loop {
            match ready!(self.poll_part(cx))? {
                Some(MessagePart::Data(bytes)) => return Poll::Ready(Ok(Some(bytes))),
                Some(MessagePart::Trailers(section)) => {
                    let fields = self.decode(&section)?;
                    let trailers = head::read_trailers(fields);
                    let failed = |breach| self.fail(MessageError::Breach(breach));
                    self.trailers = Some(trailers.map_err(failed)?);
                }
                Some(MessagePart::Head(_)) => {}
                None => return Poll::Ready(Ok(None)),
            }
        }
    }

    /// What stood behind the body.
    pub(crate) fn take_trailers(&mut self) -> Option<HeaderMap> {
        self.trailers.take()
    }

    /// Whether the end has been received.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// The answer does not depend on what of the request is not read.
    pub(crate) fn need_no_more(&mut self) {
        self.unwanted = ErrorCode::NoError;
    }

    /// The head was that of a CONNECT, or of the answer that grants it.
    pub(super) fn expect_tunnel(&mut self) {
        self.messages.expect_tunnel();
    }

    /// Reads data of a tunnel into a buffer that has room; nothing at its end.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        loop {
            if self.is_over || ready!(self.poll_raw(cx, buffer))? {
                return Poll::Ready(Ok(()));
            }
            let raw = buffer.filled_mut().get_mut(before..).unwrap_or_default();
            let kept = self.messages.strip(raw).map_err(|error| self.fail(error))?;
            buffer.set_filled(before + kept);
            if kept > 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }

    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Vec<u8>, ReceiveError>> {
        Poll::Ready(match ready!(self.poll_part(cx))? {
            Some(MessagePart::Head(section)) => Ok(section),
            Some(MessagePart::Data(_) | MessagePart::Trailers(_)) | None => {
                Err(self.fail(MessageError::Incomplete))
            }
        })
    }

    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<MessagePart>, ReceiveError>> {
        loop {
            if let Some(part) = self.messages.read(&mut self.received).map_err(|error| self.fail(error))? {
                return Poll::Ready(Ok(Some(part)));
            }
            if self.is_over {
                return Poll::Ready(Ok(None));
            }
            let mut space = BytesMut::zeroed(READ_BYTES);
            let mut buffer = ReadBuf::new(&mut space);
            ready!(self.poll_raw(cx, &mut buffer))?;
            let length = buffer.filled().len();
            space.truncate(length);
            self.received = space.freeze();
        }
    }

    /// Reads bytes as they are on the stream; whether it has come to its end.
    fn poll_raw(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<bool, ReceiveError>> {
        let before = buffer.filled().len();
        if self.received.is_empty() {
            let read = ready!(self.recv.poll_read_buf(cx, buffer));
            read.map_err(|error| ReceiveError::Io(read_error(error)))?;
        } else {
            let here = self.received.len().min(buffer.remaining());
            buffer.put_slice(&self.received.split_to(here));
        }
        if buffer.filled().len() > before {
            return Poll::Ready(Ok(false));
        }
        self.is_over = true;
        self.messages.finish().map_err(|error| self.fail(error))?;
        Poll::Ready(Ok(true))
    }

    fn decode(&mut self, section: &[u8]) -> Result<Vec<Field>, ReceiveError> {
        qpack::decode(section, self.connection.max_section_bytes()).map_err(|error| match error {
            FieldError::Breach(breach) => self.fail(MessageError::Breach(breach)),
            FieldError::TooLarge => ReceiveError::HeadTooLarge,
        })
    }

    /// Ends the connection or the stream, as the rule says that the peer broke.
    fn fail(&mut self, error: MessageError) -> ReceiveError {
        let breach = match error {
            MessageError::Breach(breach) => breach,
            MessageError::HeadTooLarge => return ReceiveError::HeadTooLarge,
            // RFC 9114 §4.1 for a request; an answer that is cut is malformed.
            MessageError::Incomplete => match self.connection.end() {
                End::Server => ErrorCode::RequestIncomplete.because("a request ended before its head"),
                End::Client => ErrorCode::MessageError.because("an answer ended before its head"),
            },
        };
        self.connection.fail(breach);
        self.unwanted = breach.code;
        ReceiveError::Breach(breach)
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        if !self.is_over {
            let _ = self.recv.stop(self.unwanted.quic());
        }
        self.connection.vacate();
    }
}

impl From<ReceiveError> for io::Error {
    fn from(error: ReceiveError) -> io::Error {
        match error {
            ReceiveError::Breach(breach) => io::Error::new(io::ErrorKind::InvalidData, breach),
            ReceiveError::HeadTooLarge => io::Error::new(io::ErrorKind::InvalidData, "the head is too large"),
            ReceiveError::Io(error) => error,
        }
    }
}

const READ_BYTES: usize = 16 << 10;
