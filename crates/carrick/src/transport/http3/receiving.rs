//! The half of a request stream that is received.

use std::{
    future::poll_fn,
    io,
    mem::MaybeUninit,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
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
    /// How much data is still to come, as far as that is expected.
    left: Option<u64>,
    trailers: Option<HeaderMap>,
    is_over: bool,
    /// Why no more of it is wanted, if it is dropped.
    unwanted: ErrorCode,
    soundness: Soundness,
}

/// Whether what was received of a message obeys the rules, for whoever answers it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Soundness(Arc<AtomicBool>);

impl Soundness {
    pub(crate) fn is_sound(&self) -> bool {
        !self.0.load(Ordering::Relaxed)
    }
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
        let messages = MessageReader::new(connection.max_section_bytes()).at(connection.end());
        Receiving {
            connection,
            recv,
            messages,
            received: Bytes::new(),
            left: None,
            trailers: None,
            is_over: false,
            unwanted: ErrorCode::RequestCancelled,
            soundness: Soundness::default(),
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
                Some(MessagePart::Data(bytes)) => {
                    let data = self.joined(bytes)?;
                    return Poll::Ready(self.count(data.len()).map(|()| Some(data)));
                }
                Some(MessagePart::Trailers(section)) => self.handle_trailers(&section)?,
                Some(MessagePart::Head(_)) => {}
                None => return Poll::Ready(self.check_end().map(|()| None)),
            }
        }
    }

    /// The body has to be as long as its head has said, if it has.
    pub(crate) fn expect_body(&mut self, length: Option<u64>) {
        self.left = length;
    }

    /// How much data is still to come, if the head has said how much it is.
    pub(crate) fn left(&self) -> Option<u64> {
        self.left
    }

    /// A message is malformed if "the value of a Content-Length header field does not equal the sum of the DATA frame lengths
    /// received" (RFC 9114 §4.1.2), and nothing more of it is handed out.
    fn count(&mut self, bytes: usize) -> Result<(), ReceiveError> {
        let Some(left) = self.left else { return Ok(()) };
        self.left = left.checked_sub(bytes as u64);
        match self.left {
            Some(_) => Ok(()),
            None => Err(self.refuse("the body is longer than Content-Length")),
        }
    }

    fn check_end(&mut self) -> Result<(), ReceiveError> {
        match self.left.take() {
            Some(1..) => Err(self.refuse("the body is shorter than Content-Length")),
            Some(0) | None => Ok(()),
        }
    }

    /// A body of small frames has the cost of its bytes: these are copied out of what was read, together with those behind
    /// them, so that whoever keeps them keeps nothing else.
    fn joined(&mut self, first: Bytes) -> Result<Bytes, ReceiveError> {
        if first.len() >= READ_BYTES / 4 {
            return Ok(first);
        }
        let mut joined = BytesMut::from(&first[..]);
        while let Some(part) = self.messages.read(&mut self.received).map_err(|error| self.fail(error))? {
            match part {
                MessagePart::Data(bytes) => joined.extend_from_slice(&bytes),
                MessagePart::Trailers(section) => self.handle_trailers(&section)?,
                MessagePart::Head(_) => {}
            }
        }
        Ok(joined.freeze())
    }

    fn handle_trailers(&mut self, section: &[u8]) -> Result<(), ReceiveError> {
        let fields = self.decode(section)?;
        let trailers =
            head::read_trailers(fields).map_err(|breach| self.fail(MessageError::Breach(breach)))?;
        self.trailers = Some(trailers);
        Ok(())
    }

    /// What stood behind the body.
    pub(crate) fn take_trailers(&mut self) -> Option<HeaderMap> {
        self.trailers.take()
    }

    /// Whether the end has been received.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Says why no more is wanted, should it be dropped before its end.
    pub(crate) fn want_no_more(&mut self, because: ErrorCode) {
        self.unwanted = because;
    }

    /// Nothing more of a message is received.
    fn refuse(&mut self, what: &'static str) -> ReceiveError {
        self.received = Bytes::new();
        let error = self.fail(MessageError::Breach(ErrorCode::MessageError.because(what)));
        self.stop();
        error
    }

    /// Tells, to whoever answers, whether the message has turned out to break a rule.
    pub(crate) fn soundness(&self) -> Soundness {
        self.soundness.clone()
    }

    /// The head was that of a CONNECT, or of the answer that grants it: it is cut short if it is dropped.
    pub(super) fn expect_tunnel(&mut self) {
        self.messages.expect_tunnel();
        self.unwanted = ErrorCode::RequestCancelled;
    }

    fn stop(&mut self) {
        if !self.is_over {
            self.is_over = true;
            let _ = self.recv.stop(self.unwanted.quic());
        }
    }

    /// Reads data into a buffer that has room; nothing at its end.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<(), ReceiveError>> {
        if self.messages.is_tunnel() { self.poll_tunnel(cx, buffer) } else { self.poll_body(cx, buffer) }
    }

    fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<(), ReceiveError>> {
        let before = buffer.filled().len();
        while buffer.filled().len() == before {
            if self.received.is_empty() {
                if self.is_over {
                    return Poll::Ready(self.check_end());
                }
                ready!(self.poll_more(cx))?;
            }
            // Of so many bytes the data has room.
            let mut here = self.received.split_to(self.received.len().min(buffer.remaining()));
            while let Some(part) = self.messages.read(&mut here).map_err(|error| self.fail(error))? {
                match part {
                    MessagePart::Data(bytes) => {
                        self.count(bytes.len())?;
                        buffer.put_slice(&bytes);
                    }
                    MessagePart::Trailers(section) => self.handle_trailers(&section)?,
                    MessagePart::Head(_) => {}
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_tunnel(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<(), ReceiveError>> {
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
            ready!(self.poll_more(cx))?;
        }
    }

    /// Reads what comes next where nothing is left of what came before.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ReceiveError>> {
        // What is kept is as long as what came: whoever sends byte by byte is not to be given room by the page.
        let mut space = [const { MaybeUninit::uninit() }; READ_BYTES];
        let mut buffer = ReadBuf::uninit(&mut space);
        ready!(self.poll_raw(cx, &mut buffer))?;
        self.received = Bytes::copy_from_slice(buffer.filled());
        Poll::Ready(Ok(()))
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
        self.soundness.0.store(true, Ordering::Relaxed);
        ReceiveError::Breach(breach)
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        self.stop();
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
