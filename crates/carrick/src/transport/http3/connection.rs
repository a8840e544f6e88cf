//! One HTTP/3 connection: its control streams, its requests, its end (RFC 9114 §3, §5, §6).

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use quinn::{RecvStream, SendStream};
use tokio::sync::{Mutex as AsyncMutex, watch};

use super::{
    control::{ControlEvent, ControlReader, CriticalStreams, End, StreamKind},
    error_code::{Breach, ErrorCode},
    frame::{self, FrameKind},
    head::{self, RequestHead},
    message_reader::{MessageError, MessagePart, MessageReader},
    qpack::{self, DecoderInstructions, EncoderInstructions, FieldError},
    settings::Settings,
    stream::{Http3Stream, connection_error, read_error, write_error},
    varint,
};

/// A connection that both ends have said their settings on, or are about to.
#[derive(Debug)]
pub(crate) struct Http3 {
    connection: quinn::Connection,
    end: End,
    /// Stays open as long as the connection does: its end would end it (RFC 9114 §6.2.1).
    control: AsyncMutex<SendStream>,
    peer: watch::Receiver<Peer>,
    max_section_bytes: usize,
}

/// What the peer has said on its control stream.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Peer {
    pub(crate) settings: Option<Settings>,
    /// From this stream on it takes no requests.
    pub(crate) go_away: Option<u64>,
}

/// A stream with a message whose head is yet to be read or written.
#[derive(Debug)]
pub(crate) struct Exchange {
    connection: Arc<Http3>,
    send: SendStream,
    recv: RecvStream,
    messages: MessageReader,
    received: Bytes,
}

/// Why there is no request or no answer.
#[derive(Debug)]
pub(crate) enum ExchangeError {
    /// The peer broke a rule. The connection or the stream has been ended with the code that is due.
    Breach(Breach),
    /// The head has more bytes than the limit, and waits for an answer that says so.
    HeadTooLarge,
    Io(io::Error),
}

impl Http3 {
    /// Opens the control stream, and listens to the peer's from now on, as long as the connection lasts.
    pub(crate) async fn start(
        connection: quinn::Connection,
        end: End,
        max_section_bytes: usize,
    ) -> io::Result<Arc<Http3>> {
        let mut control = connection.open_uni().await.map_err(connection_error)?;
        let settings = Settings {
            max_field_section_bytes: Some(max_section_bytes as u64),
            // Only a server has something to allow (RFC 9220 §3).
            enable_connect_protocol: end == End::Server,
        };
        let (mut payload, mut bytes) = (Vec::new(), Vec::new());
        settings.write(&mut payload);
        varint::write(StreamKind::CONTROL, &mut bytes);
        frame::write(FrameKind::Settings, &payload, &mut bytes);
        control.write_all(&bytes).await.map_err(write_error)?;

        let (said, peer) = watch::channel(Peer::default());
        tokio::spawn(listen(connection.clone(), end, said));
        let control = AsyncMutex::new(control);
        Ok(Arc::new(Http3 { connection, end, control, peer, max_section_bytes }))
    }

    /// The next request; an error is the end of the connection.
    ///
    /// Cancel safe.
    pub(crate) async fn accept(self: &Arc<Http3>) -> io::Result<Exchange> {
        let streams = self.connection.accept_bi().await.map_err(connection_error)?;
        Ok(self.exchange(streams))
    }

    /// Opens a stream for a request. It waits while there are as many as the peer allows.
    pub(crate) async fn open(self: &Arc<Http3>) -> io::Result<Exchange> {
        let streams = self.connection.open_bi().await.map_err(connection_error)?;
        Ok(self.exchange(streams))
    }

    /// What the peer has said on its control stream, once it has said its settings.
    pub(crate) async fn settings(&self) -> io::Result<Settings> {
        let mut peer = self.peer.clone();
        match peer.wait_for(|peer| peer.settings.is_some()).await {
            Ok(peer) => Ok(peer.settings.unwrap_or_default()),
            Err(_) => Err(self
                .connection
                .close_reason()
                .map_or_else(|| io::ErrorKind::ConnectionAborted.into(), connection_error)),
        }
    }

    /// Whether the peer takes no more requests.
    pub(crate) fn is_leaving(&self) -> bool {
        self.peer.borrow().go_away.is_some() || self.connection.close_reason().is_some()
    }

    /// Says that no request from the next one on will be answered (RFC 9114 §5.2). `next` is its stream.
    pub(crate) async fn go_away(&self, next: u64) -> io::Result<()> {
        let (mut payload, mut bytes) = (Vec::new(), Vec::new());
        varint::write(next, &mut payload);
        frame::write(FrameKind::GoAway, &payload, &mut bytes);
        self.control.lock().await.write_all(&bytes).await.map_err(write_error)
    }

    /// Ends the connection over a rule that the peer broke; what breaks the rules of one message ends its stream alone,
    /// which is for its owner to drop.
    pub(crate) fn fail(&self, breach: Breach) {
        if breach.code != ErrorCode::MessageError {
            self.connection.close(breach.code.quic(), breach.what.as_bytes());
        }
    }

    /// Ends the connection, all streams of it with it.
    pub(crate) fn close(&self) {
        self.connection.close(ErrorCode::NoError.quic(), b"");
    }

    /// Ready when the connection has ended.
    pub(crate) async fn closed(&self) -> io::Error {
        connection_error(self.connection.closed().await)
    }

    /// Where the peer is now: it may move.
    pub(crate) fn peer_addr(&self) -> SocketAddr {
        self.connection.remote_address()
    }

    /// The certificates that the peer has shown, its own first.
    pub(crate) fn peer_certificates(&self) -> Vec<Vec<u8>> {
        let identity = self.connection.peer_identity();
        let chain =
            identity.and_then(|any| any.downcast::<Vec<rustls::pki_types::CertificateDer<'static>>>().ok());
        chain.map_or_else(Vec::new, |chain| chain.iter().map(|certificate| certificate.to_vec()).collect())
    }

    fn exchange(self: &Arc<Http3>, (send, recv): (SendStream, RecvStream)) -> Exchange {
        Exchange {
            connection: Arc::clone(self),
            send,
            recv,
            messages: MessageReader::new(self.max_section_bytes),
            received: Bytes::new(),
        }
    }
}

impl Exchange {
    /// The number of the stream.
    pub(crate) fn id(&self) -> u64 {
        self.send.id().into()
    }

    /// The connection that it is on.
    pub(crate) fn connection(&self) -> &Arc<Http3> {
        &self.connection
    }

    /// The head of the request.
    pub(crate) async fn read_request(&mut self) -> Result<RequestHead, ExchangeError> {
        let section = self.read_head().await?;
        let fields = self.decode(&section)?;
        head::read_request(fields).map_err(|breach| self.fail(MessageError::Breach(breach)))
    }

    /// The head of the answer. Interim ones are passed over.
    pub(crate) async fn read_response(&mut self) -> Result<Response<()>, ExchangeError> {
        loop {
            let section = self.read_head().await?;
            let fields = self.decode(&section)?;
            let response =
                head::read_response(fields).map_err(|breach| self.fail(MessageError::Breach(breach)))?;
            if !response.status().is_informational() {
                return Ok(response);
            }
            self.messages.expect_head();
        }
    }

    /// Sends the head of a request.
    pub(crate) async fn write_request(
        &mut self,
        request: &Request<()>,
        protocol: Option<&str>,
    ) -> io::Result<()> {
        let mut section = Vec::new();
        head::write_request(request, protocol, &mut section);
        self.write_frame(FrameKind::Headers, section.into()).await
    }

    /// Sends the head of an answer.
    pub(crate) async fn write_response<B>(&mut self, response: &Response<B>) -> io::Result<()> {
        let mut section = Vec::new();
        head::write_response(response, &mut section);
        self.write_frame(FrameKind::Headers, section.into()).await
    }

    /// The next bytes of the body; `None` at its end. Trailers are passed over.
    pub(crate) async fn read_body(&mut self) -> Result<Option<Bytes>, ExchangeError> {
        loop {
            match self.read_part().await? {
                Some(MessagePart::Data(bytes)) => return Ok(Some(bytes)),
                Some(MessagePart::Trailers(section)) => {
                    let fields = self.decode(&section)?;
                    head::read_trailers(fields).map_err(|breach| self.fail(MessageError::Breach(breach)))?;
                }
                Some(MessagePart::Head(_)) => {}
                None => return Ok(None),
            }
        }
    }

    /// Sends bytes of the body.
    pub(crate) async fn write_body(&mut self, bytes: Bytes) -> io::Result<()> {
        self.write_frame(FrameKind::Data, bytes).await
    }

    /// Ends what is sent.
    pub(crate) fn finish(&mut self) {
        // The peer may want no more of it.
        let _ = self.send.finish();
    }

    /// Ends both directions with this code.
    pub(crate) fn cancel(&mut self, code: ErrorCode) {
        let _ = self.send.reset(code.quic());
        let _ = self.recv.stop(code.quic());
    }

    /// From now on it is a tunnel of bytes.
    pub(crate) fn into_stream(self) -> Http3Stream {
        Http3Stream::new(self.connection, (self.send, self.recv), self.messages, self.received)
    }

    async fn read_head(&mut self) -> Result<Vec<u8>, ExchangeError> {
        match self.read_part().await? {
            Some(MessagePart::Head(section)) => Ok(section),
            Some(MessagePart::Data(_) | MessagePart::Trailers(_)) | None => {
                Err(self.fail(MessageError::Incomplete))
            }
        }
    }

    async fn read_part(&mut self) -> Result<Option<MessagePart>, ExchangeError> {
        loop {
            if let Some(part) = self.messages.read(&mut self.received).map_err(|error| self.fail(error))? {
                return Ok(Some(part));
            }
            let chunk = self.recv.read_chunk(READ_BYTES, true).await;
            match chunk.map_err(|error| ExchangeError::Io(read_error(error)))? {
                Some(chunk) => self.received = chunk.bytes,
                None => {
                    self.messages.finish().map_err(|error| self.fail(error))?;
                    return Ok(None);
                }
            }
        }
    }

    fn decode(&mut self, section: &[u8]) -> Result<Vec<qpack::Field>, ExchangeError> {
        qpack::decode(section, self.connection.max_section_bytes).map_err(|error| match error {
            FieldError::Breach(breach) => self.fail(MessageError::Breach(breach)),
            FieldError::TooLarge => ExchangeError::HeadTooLarge,
        })
    }

    async fn write_frame(&mut self, kind: FrameKind, payload: Bytes) -> io::Result<()> {
        let mut header = Vec::new();
        frame::write_header(kind, payload.len(), &mut header);
        self.send.write_all_chunks(&mut [header.into(), payload]).await.map_err(write_error)
    }

    /// Ends the connection or the stream, as the rule says that the peer broke.
    fn fail(&mut self, error: MessageError) -> ExchangeError {
        let breach = match error {
            MessageError::Breach(breach) => breach,
            MessageError::HeadTooLarge => return ExchangeError::HeadTooLarge,
            // "a server ... cancels the stream with H3_REQUEST_INCOMPLETE" (RFC 9114 §4.1); an answer that is cut is malformed.
            MessageError::Incomplete => match self.connection.end {
                End::Server => ErrorCode::RequestIncomplete.because("a request ended before its head"),
                End::Client => ErrorCode::MessageError.because("an answer ended before its head"),
            },
        };
        if breach.code != ErrorCode::RequestIncomplete {
            self.connection.fail(breach);
        }
        self.cancel(breach.code);
        ExchangeError::Breach(breach)
    }
}

/// Takes every one-way stream that the peer opens, until the connection ends.
async fn listen(connection: quinn::Connection, end: End, said: watch::Sender<Peer>) {
    let said = Arc::new(said);
    let streams = Arc::new(Mutex::new(CriticalStreams::default()));
    if end == End::Client {
        // "Clients MUST treat receipt of a server-initiated bidirectional stream as a connection error" (RFC 9114 §6.1).
        let connection = connection.clone();
        tokio::spawn(async move {
            if connection.accept_bi().await.is_ok() {
                let breach = ErrorCode::StreamCreationError.because("a server opened a stream for requests");
                connection.close(breach.code.quic(), breach.what.as_bytes());
            }
        });
    }
    while let Ok(stream) = connection.accept_uni().await {
        let (connection, said, streams) = (connection.clone(), Arc::clone(&said), Arc::clone(&streams));
        tokio::spawn(async move {
            if let Err(breach) = hear(stream, end, &said, &streams).await {
                connection.close(breach.code.quic(), breach.what.as_bytes());
            }
        });
    }
}

/// Reads a one-way stream to its end, which those that matter must not come to.
async fn hear(
    mut stream: RecvStream,
    end: End,
    said: &watch::Sender<Peer>,
    streams: &Mutex<CriticalStreams>,
) -> Result<(), Breach> {
    let mut received = BytesMut::new();
    let kind = loop {
        match StreamKind::read(&received) {
            Some((kind, length)) => {
                let _ = received.split_to(length);
                break kind;
            }
            // One that ends before it says what it is for is of no matter (RFC 9114 §6.2).
            None => match stream.read_chunk(READ_BYTES, true).await {
                Ok(Some(chunk)) => received.extend_from_slice(&chunk.bytes),
                Ok(None) | Err(_) => return Ok(()),
            },
        }
    };
    streams.lock().unwrap_or_else(PoisonError::into_inner).open(kind, end)?;
    let mut control = ControlReader::new(end);
    let (mut encoder, mut decoder) = (EncoderInstructions::default(), DecoderInstructions::default());
    let mut bytes = received.freeze();
    loop {
        match kind {
            StreamKind::Control => {
                let mut unread = &bytes[..];
                while let Some(event) = control.read(&mut unread)? {
                    said.send_modify(|peer| match event {
                        ControlEvent::Settings(settings) => peer.settings = Some(settings),
                        ControlEvent::GoAway(id) => peer.go_away = Some(id),
                    });
                }
            }
            StreamKind::QpackEncoder => encoder.receive(&bytes)?,
            StreamKind::QpackDecoder => decoder.receive(&bytes)?,
            StreamKind::Push | StreamKind::Unknown => {
                let _ = stream.stop(ErrorCode::StreamCreationError.quic());
                return Ok(());
            }
        }
        match stream.read_chunk(READ_BYTES, true).await {
            Ok(Some(chunk)) => bytes = chunk.bytes,
            // The connection is over, and so are its streams.
            Err(quinn::ReadError::ConnectionLost(_)) => return Ok(()),
            Ok(None) | Err(_) => {
                return Err(ErrorCode::ClosedCriticalStream.because("a stream ended that must not"));
            }
        }
    }
}

const READ_BYTES: usize = 16 << 10;
