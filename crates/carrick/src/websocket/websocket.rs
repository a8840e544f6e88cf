//! A WebSocket over any byte stream.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    driver::Driver,
    piece::Piece,
    received::Received,
    split::{self, Receiver, Sender},
    stop::Stop,
};
use crate::{
    error::Error,
    protocol::{
        Agreement, CloseCode, CloseFrame, Closed, Compression, Config, Connection, Delivery, FrameRecord,
        Kind, Message, Prepared, Role, SendError, Traffic,
    },
    system,
    transport::NetStream,
};

/// An open WebSocket.
///
/// One comes from [`connect`](crate::connect), from a [`Server`](crate::Server), or from
/// [`WebSocket::new`] for a stream whose opening handshake was made elsewhere. It answers pings, sends its own, and
/// runs the closing handshake while [`recv`](WebSocket::recv) is awaited; so keep awaiting it.
///
/// Dropping a WebSocket cuts the connection. [`close`](WebSocket::close) ends it in the way that the peer understands.
///
/// ```
/// # async fn example() -> Result<(), carrick::Error> {
/// let mut websocket = carrick::connect("ws://127.0.0.1:9000/echo").await?;
/// websocket.send("Hello").await?;
/// while let Some(message) = websocket.recv().await {
///     println!("{:?}", message?);
/// }
/// println!("{}", websocket.closed().expect("recv ended"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct WebSocket<S = NetStream> {
    /// Boxed, for an `async` block may hold what it is given several times.
    pub(super) driver: Box<Driver<S>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// A WebSocket on a stream behind its opening handshake, which ended in `agreement`. `received` are the bytes that
    /// were read behind the handshake, if any.
    ///
    /// # Panics
    ///
    /// Later, when it is polled outside of a tokio runtime with its timers enabled.
    pub fn new(
        stream: S,
        role: Role,
        config: Arc<Config>,
        agreement: Agreement,
        received: BytesMut,
    ) -> WebSocket<S> {
        let connection = Connection::new(role, config, &agreement, system::now());
        WebSocket { driver: Box::new(Driver::new(stream, connection, agreement, received)) }
    }

    pub(crate) fn set_stop(&mut self, stop: Arc<Stop>) {
        self.driver.set_stop(stop);
    }

    /// The next message; `None` once the connection is closed. [`closed`](WebSocket::closed) tells how then.
    ///
    /// A text message is UTF-8. What was queued by [`feed`](WebSocket::feed) is written when all messages of one read
    /// are handed out, so a loop that receives and feeds answers many messages with one write.
    ///
    /// # Errors
    ///
    /// [`Error::Violation`] if the peer broke a rule or a deadline or ended the stream without a close frame, and
    /// [`Error::Io`] if the network failed: once, as the last thing before `None`. The messages that came before are
    /// handed out first, and the close frame that answers a violation is on its way.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no message and no part of one is lost if the future is dropped.
    pub fn recv(&mut self) -> impl Future<Output = Option<Result<Message, Error>>> {
        poll_fn(|cx| self.poll_recv(cx))
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        poll_message(&mut self.driver, cx)
    }

    /// The next piece of a message, as it arrived, so that a large message never stands in memory as a whole; `None`
    /// once the connection is closed.
    ///
    /// May be mixed with [`recv`](WebSocket::recv): that skips the rest of a message of which pieces were taken.
    ///
    /// # Errors
    ///
    /// As [`recv`](WebSocket::recv).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    ///
    /// ```
    /// # async fn example(mut websocket: carrick::WebSocket) -> Result<(), carrick::Error> {
    /// let mut total = 0;
    /// while let Some(piece) = websocket.recv_piece().await {
    ///     let piece = piece?;
    ///     total += piece.bytes.len();
    ///     if piece.last {
    ///         println!("a message of {total} bytes");
    ///         total = 0;
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn recv_piece(&mut self) -> Option<Result<Piece, Error>> {
        poll_fn(|cx| poll_piece(&mut self.driver, cx)).await
    }

    /// Sends a message: [`feed`](WebSocket::feed), then [`flush`](WebSocket::flush).
    ///
    /// # Errors
    ///
    /// [`Error::Send`] if the connection is closed for sending, and [`Error::Io`] if the network failed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped, the message is queued whole or not at all.
    pub fn send(&mut self, message: impl Into<Message>) -> impl Future<Output = Result<(), Error>> {
        let mut message = Some(message.into());
        poll_fn(move |cx| {
            ready!(self.poll_feed(cx, &mut message, Compression::Auto))?;
            self.driver.poll_flush(cx)
        })
    }

    /// Queues a message. It leaves when [`recv`](WebSocket::recv) finds nothing more to hand out, with the next
    /// [`flush`](WebSocket::flush), or when [`Config::high_water_bytes`] wait, in which case this waits too.
    ///
    /// # Errors
    ///
    /// As [`send`](WebSocket::send).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped, the message is not queued.
    pub fn feed(&mut self, message: impl Into<Message>) -> impl Future<Output = Result<(), Error>> {
        let mut message = Some(message.into());
        poll_fn(move |cx| self.poll_feed(cx, &mut message, Compression::Auto))
    }

    /// Queues a message, with a choice for this message about compression.
    ///
    /// # Errors
    ///
    /// As [`send`](WebSocket::send).
    ///
    /// # Cancel safety
    ///
    /// As [`feed`](WebSocket::feed).
    pub fn feed_with(
        &mut self,
        message: impl Into<Message>,
        compression: Compression,
    ) -> impl Future<Output = Result<(), Error>> {
        let mut message = Some(message.into());
        poll_fn(move |cx| self.poll_feed(cx, &mut message, compression))
    }

    /// Queues the message if it is still there. Futures that handlers await stand in their tasks, so the ones of this
    /// and its kin are written out: an `async fn` would hold its arguments several times.
    fn poll_feed(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Option<Message>,
        compression: Compression,
    ) -> Poll<Result<(), Error>> {
        if let Some(short) = message
            && self.driver.send_plain(short)
        {
            *message = None;
        }
        if message.is_some() {
            ready!(self.driver.poll_ready(cx))?;
        }
        let Some(message) = message.take() else { return Poll::Ready(Ok(())) };
        let sent = self.driver.queue(|connection, shell| connection.send(message, compression, shell));
        Poll::Ready(Ok(sent?))
    }

    /// Queues a message that was prepared for many connections.
    ///
    /// # Errors
    ///
    /// As [`send`](WebSocket::send).
    ///
    /// # Cancel safety
    ///
    /// As [`feed`](WebSocket::feed).
    pub async fn feed_prepared(&mut self, prepared: &Prepared) -> Result<(), Error> {
        poll_fn(|cx| self.driver.poll_ready(cx)).await?;
        Ok(self.driver.queue(|connection, shell| connection.send_prepared(prepared, shell))?)
    }

    /// Queues a piece of a message, which becomes a fragment, while the rest is still being produced; the `last` one
    /// ends the message. The pieces of a text may be cut inside a character; joined they have to be UTF-8.
    ///
    /// Where messages are compressed, the compressor may keep a short piece until the next ones. For pieces that have to
    /// arrive one by one use [`feed_piece_with`](WebSocket::feed_piece_with) and [`Compression::Never`].
    ///
    /// # Errors
    ///
    /// As [`send`](WebSocket::send), [`SendError::OtherKind`] for a piece of another kind than the first, and
    /// [`SendError::NotText`] for a piece of a text that cannot be UTF-8.
    ///
    /// # Cancel safety
    ///
    /// As [`feed`](WebSocket::feed).
    pub fn feed_piece(
        &mut self,
        kind: Kind,
        bytes: impl Into<Bytes>,
        last: bool,
    ) -> impl Future<Output = Result<(), Error>> {
        self.feed_piece_with(kind, bytes, last, Compression::Auto)
    }

    /// Queues a piece of a message, with a choice about compression that counts in the first piece of a message.
    ///
    /// # Errors
    ///
    /// As [`feed_piece`](WebSocket::feed_piece).
    ///
    /// # Cancel safety
    ///
    /// As [`feed`](WebSocket::feed).
    pub fn feed_piece_with(
        &mut self,
        kind: Kind,
        bytes: impl Into<Bytes>,
        last: bool,
        compression: Compression,
    ) -> impl Future<Output = Result<(), Error>> {
        let mut bytes = Some(bytes.into());
        poll_fn(move |cx| self.poll_feed_piece(cx, &mut bytes, (kind, last, compression)))
    }

    fn poll_feed_piece(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &mut Option<Bytes>,
        (kind, last, compression): (Kind, bool, Compression),
    ) -> Poll<Result<(), Error>> {
        if bytes.is_some() {
            ready!(self.driver.poll_ready(cx))?;
        }
        let Some(bytes) = bytes.take() else { return Poll::Ready(Ok(())) };
        let sent = self
            .driver
            .queue(|connection, shell| connection.send_piece(kind, bytes, last, compression, shell));
        Poll::Ready(Ok(sent?))
    }

    /// Sends a piece of a message: [`feed_piece`](WebSocket::feed_piece), then [`flush`](WebSocket::flush).
    ///
    /// # Errors
    ///
    /// As [`feed_piece`](WebSocket::feed_piece).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped, the piece is queued whole or not at all.
    ///
    /// ```
    /// # async fn example(mut websocket: carrick::WebSocket) -> Result<(), carrick::Error> {
    /// use carrick::protocol::Kind;
    ///
    /// for _ in 0..1024 {
    ///     websocket.send_piece(Kind::Binary, vec![0; 1 << 20], false).await?;
    /// }
    /// websocket.send_piece(Kind::Binary, Vec::new(), true).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn send_piece(
        &mut self,
        kind: Kind,
        bytes: impl Into<Bytes>,
        last: bool,
    ) -> impl Future<Output = Result<(), Error>> {
        let mut bytes = Some(bytes.into());
        poll_fn(move |cx| {
            ready!(self.poll_feed_piece(cx, &mut bytes, (kind, last, Compression::Auto)))?;
            self.driver.poll_flush(cx)
        })
    }

    /// Writes everything that is queued.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the network failed, and [`Error::Send`] if the peer was found dead meanwhile.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what is not written stays queued.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.driver.poll_flush(cx)).await
    }

    /// Sends a ping with up to 125 bytes. Keepalive sends its own; [`round_trip`](WebSocket::round_trip) tells what
    /// the latest answered one measured.
    ///
    /// # Errors
    ///
    /// [`SendError::PingTooLong`], and as [`send`](WebSocket::send).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped, the ping is queued whole or not at all.
    pub async fn ping(&mut self, payload: impl Into<Bytes>) -> Result<(), Error> {
        let payload = payload.into();
        poll_fn(|cx| self.driver.poll_ready(cx)).await?;
        self.driver.with_shell(|connection, shell| connection.ping(payload, shell))?;
        self.flush().await
    }

    /// Closes the connection and waits until it is closed: sends the close frame behind what is queued, waits for the
    /// peer's and for the end of the stream, at most [`Config::close_timeout`] for each.
    ///
    /// Messages that the peer sent before its close frame are thrown away. To keep them call
    /// [`start_close`](WebSocket::start_close) and then [`recv`](WebSocket::recv) until `None`.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a code or a reason that cannot be sent, see [`CloseFrame::new`]; nothing is sent then.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped, the close frame is queued and `recv` goes on with the handshake.
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<Closed, Error> {
        self.start_close(code, reason)?;
        loop {
            match self.recv_piece().await {
                Some(_) => {}
                None => return self.closed().cloned().ok_or(Error::Send(SendError::Closed)),
            }
        }
    }

    /// Queues a close frame behind what is queued already. [`recv`](WebSocket::recv) writes it, hands out what the peer
    /// still sends and ends with the closing handshake. Does nothing if a close frame was sent before.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a code or a reason that cannot be sent.
    pub fn start_close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        let frame = CloseFrame::new(code, reason).map_err(|error| Error::Config(error.into()))?;
        self.driver.with_shell(|connection, shell| connection.close(&frame, shell));
        Ok(())
    }

    /// How the connection was closed; `None` as long as it is not.
    #[must_use]
    pub fn closed(&self) -> Option<&Closed> {
        self.driver.connection().closed()
    }

    /// The subprotocol that was agreed on.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.agreement().subprotocol.as_deref()
    }

    /// What the opening handshake ended in.
    #[must_use]
    pub fn agreement(&self) -> &Agreement {
        self.driver.agreement()
    }

    /// The latest round-trip time that a ping and its pong measured.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.driver.connection().round_trip()
    }

    /// What was received since the opening handshake.
    #[must_use]
    pub fn received(&self) -> Traffic {
        self.driver.connection().received()
    }

    /// What was sent since the opening handshake.
    #[must_use]
    pub fn sent(&self) -> Traffic {
        self.driver.connection().sent()
    }

    /// How many bytes are queued and not handed to the stream yet.
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        self.driver.unsent()
    }

    /// Changes [`Config::high_water_bytes`] for this connection alone: how much may wait to be written.
    ///
    /// ```
    /// # async fn example(mut websocket: carrick::WebSocket) -> Result<(), carrick::Error> {
    /// // This peer is given a large answer, which it takes in its own time.
    /// websocket.set_high_water_bytes(8 << 20);
    /// for part in 0..1000u32 {
    ///     websocket.feed(format!("part {part}")).await?;
    /// }
    /// println!("{} bytes wait", websocket.buffered_amount());
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_high_water_bytes(&mut self, bytes: usize) {
        self.driver.set_high_water_bytes(bytes);
    }

    /// Whether a record of each frame is kept for [`next_record`](WebSocket::next_record); the latest 1,024. Off by
    /// default. A received frame is recorded once the start of its payload is there, or the connection has ended.
    pub fn set_tracing(&mut self, on: bool) {
        self.driver.connection_mut().set_tracing(on);
    }

    /// The oldest record of a frame that has not been taken yet.
    pub fn next_record(&mut self) -> Option<FrameRecord> {
        self.driver.connection_mut().poll_record()
    }

    /// How many records were thrown away, because nobody took them in time, since this was last asked. They are older
    /// than the one that [`next_record`](WebSocket::next_record) gives next.
    pub fn take_lost_records(&mut self) -> u64 {
        self.driver.connection_mut().take_lost_records()
    }

    /// The stream that carries the WebSocket.
    #[must_use]
    pub fn stream(&self) -> &S {
        self.driver.stream()
    }

    /// Splits into a half that sends and a half that receives, for different tasks.
    #[must_use]
    pub fn split(self) -> (Sender<S>, Receiver<S>) {
        split::split(*self.driver)
    }
}

/// The next whole message. The rest of a message of which pieces were taken is skipped.
pub(super) fn poll_message<S: AsyncRead + AsyncWrite + Unpin>(
    driver: &mut Driver<S>,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Message, Error>>> {
    if let Some(message) = driver.take_plain() {
        return Poll::Ready(Some(Ok(message)));
    }
    loop {
        match ready!(driver.poll_receive(cx, Delivery::Whole)) {
            Some(Ok(Received::Message(message))) => return Poll::Ready(Some(Ok(message))),
            Some(Ok(Received::Piece(_) | Received::Ping(_) | Received::Pong(..))) => {}
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            None => return Poll::Ready(None),
        }
    }
}

/// The next piece. A message that was already whole in memory is one piece.
pub(super) fn poll_piece<S: AsyncRead + AsyncWrite + Unpin>(
    driver: &mut Driver<S>,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Piece, Error>>> {
    loop {
        return Poll::Ready(match ready!(driver.poll_receive(cx, Delivery::Pieces)) {
            Some(Ok(Received::Piece(piece))) => Some(Ok(piece)),
            Some(Ok(Received::Message(message))) => {
                let kind = message.kind();
                let bytes = message.into_bytes();
                Some(Ok(Piece { kind, bytes, compressed: false, first: true, last: true }))
            }
            Some(Ok(Received::Ping(_) | Received::Pong(..))) => continue,
            Some(Err(error)) => Some(Err(error)),
            None => None,
        });
    }
}

/// Ends with `None` as [`recv`](WebSocket::recv) does.
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for WebSocket<S> {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        self.poll_recv(cx)
    }
}

/// `start_send` is [`feed`](WebSocket::feed), and closing sends 1000 and writes what is queued; the stream side then
/// runs the closing handshake.
impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Message> for WebSocket<S> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.driver.poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        Ok(self.driver.queue(|connection, shell| connection.send(message, Compression::Auto, shell))?)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.driver.poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.start_close(CloseCode::NORMAL, "")?;
        self.driver.poll_flush(cx)
    }
}
