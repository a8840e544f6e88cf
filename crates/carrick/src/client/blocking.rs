//! The client for programs without an async runtime.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use super::builder::ClientBuilder;
use crate::{
    callback::{OwnRuntime, belongs_to_loop},
    error::Error,
    protocol::{Agreement, CloseCode, Closed, Compression, FrameRecord, Kind, Message, Prepared, Traffic},
    transport::NetStream,
    websocket::{Piece, WebSocket as AsyncWebSocket},
};

/// Opens a WebSocket with the server at `url`, with the defaults of [`ClientBuilder`], and blocks meanwhile.
///
/// # Errors
///
/// As [`ClientBuilder::new`] and [`ClientBuilder::connect_blocking`].
///
/// ```no_run
/// let mut websocket = carrick::blocking::connect("ws://127.0.0.1:9000/echo")?;
/// websocket.send("Hello")?;
/// for message in &mut websocket {
///     println!("{:?}", message?);
/// }
/// # Ok::<(), carrick::Error>(())
/// ```
pub fn connect(url: &str) -> Result<WebSocket, Error> {
    ClientBuilder::new(url)?.connect_blocking()
}

impl ClientBuilder {
    /// As [`connect`](ClientBuilder::connect), for a program without an async runtime: blocks the thread meanwhile.
    ///
    /// # Errors
    ///
    /// As [`connect`](ClientBuilder::connect), and [`Error::Config`] inside of an async runtime, whose other tasks
    /// would be blocked too.
    pub fn connect_blocking(&self) -> Result<WebSocket, Error> {
        let blocker = Blocker::new()?;
        let websocket = blocker.run(self.connect())??;
        Ok(WebSocket { websocket, blocker })
    }
}

/// An open WebSocket whose methods block the thread.
///
/// It works as [`carrick::WebSocket`](crate::WebSocket) does, only while one of its methods is called: pings are
/// answered and keepalive runs while [`recv`](WebSocket::recv) or [`recv_timeout`](WebSocket::recv_timeout) waits, and
/// not in between. A program that computes for longer than the peer waits for a pong, 20 s is common, has to call
/// `recv_timeout` now and then.
///
/// Inside of an async runtime each method fails with [`Error::Config`] instead of blocking other tasks; that is also so
/// on a thread of `spawn_blocking`.
///
/// As an iterator it gives the messages until the connection is closed.
///
/// ```no_run
/// use std::time::Duration;
///
/// let mut websocket = carrick::blocking::connect("ws://127.0.0.1:9000/ticker")?;
/// match websocket.recv_timeout(Duration::from_secs(5)) {
///     Some(Ok(message)) => println!("{message:?}"),
///     Some(Err(carrick::Error::Timeout { .. })) => println!("no news"),
///     Some(Err(error)) => return Err(error),
///     None => println!("closed: {:?}", websocket.closed()),
/// }
/// # Ok::<(), carrick::Error>(())
/// ```
#[derive(Debug)]
pub struct WebSocket {
    websocket: AsyncWebSocket<NetStream>,
    blocker: Blocker,
}

impl WebSocket {
    /// Waits for the next message; `None` once the connection is closed. [`closed`](WebSocket::closed) tells how then.
    ///
    /// # Errors
    ///
    /// As [`carrick::WebSocket::recv`](crate::WebSocket::recv).
    pub fn recv(&mut self) -> Option<Result<Message, Error>> {
        flattened(self.blocker.run(self.websocket.recv()))
    }

    /// As [`recv`](WebSocket::recv), but waits no longer than `waited`.
    ///
    /// # Errors
    ///
    /// As [`recv`](WebSocket::recv), and [`Error::Timeout`] if no message came; nothing is lost then, call it again.
    pub fn recv_timeout(&mut self, waited: Duration) -> Option<Result<Message, Error>> {
        let recv = async { timeout(waited, self.websocket.recv()).await };
        match self.blocker.run(recv) {
            Ok(Ok(message)) => message,
            Ok(Err(_)) => Some(Err(Error::Timeout { what: "next message", waited })),
            Err(error) => Some(Err(error)),
        }
    }

    /// Waits for the next piece of a message, so that a large one never stands in memory as a whole; `None` once the
    /// connection is closed.
    ///
    /// # Errors
    ///
    /// As [`carrick::WebSocket::recv_piece`](crate::WebSocket::recv_piece).
    pub fn recv_piece(&mut self) -> Option<Result<Piece, Error>> {
        flattened(self.blocker.run(self.websocket.recv_piece()))
    }

    /// Sends a message: [`feed`](WebSocket::feed), then [`flush`](WebSocket::flush).
    ///
    /// # Errors
    ///
    /// As [`carrick::WebSocket::send`](crate::WebSocket::send).
    pub fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.blocker.run(self.websocket.send(message))?
    }

    /// Queues a message. It leaves with the next [`flush`](WebSocket::flush) or [`recv`](WebSocket::recv), or when
    /// [`Config::high_water_bytes`](crate::protocol::Config::high_water_bytes) wait.
    ///
    /// # Errors
    ///
    /// As [`carrick::WebSocket::feed`](crate::WebSocket::feed).
    pub fn feed(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.blocker.run(self.websocket.feed(message))?
    }

    /// Queues a message, with a choice for this message about compression.
    ///
    /// # Errors
    ///
    /// As [`carrick::WebSocket::feed_with`](crate::WebSocket::feed_with).
    pub fn feed_with(&mut self, message: impl Into<Message>, compression: Compression) -> Result<(), Error> {
        self.blocker.run(self.websocket.feed_with(message, compression))?
    }

    /// Queues a message that was prepared for many connections.
    ///
    /// # Errors
    ///
    /// As [`carrick::WebSocket::feed_prepared`](crate::WebSocket::feed_prepared).
    pub fn feed_prepared(&mut self, prepared: &Prepared) -> Result<(), Error> {
        self.blocker.run(self.websocket.feed_prepared(prepared))?
    }

    /// Writes everything that is queued.
    ///
    /// # Errors
    ///
    /// As [`carrick::WebSocket::flush`](crate::WebSocket::flush).
    pub fn flush(&mut self) -> Result<(), Error> {
        self.blocker.run(self.websocket.flush())?
    }

    /// Sends a piece of a message as a fragment; the `last` one ends it.
    ///
    /// # Errors
    ///
    /// As [`carrick::WebSocket::send_piece`](crate::WebSocket::send_piece).
    pub fn send_piece(&mut self, kind: Kind, bytes: impl Into<Bytes>, last: bool) -> Result<(), Error> {
        self.blocker.run(self.websocket.send_piece(kind, bytes, last))?
    }

    /// Sends a ping with up to 125 bytes. Its pong is seen by the next [`recv`](WebSocket::recv), and
    /// [`round_trip`](WebSocket::round_trip) tells about it then.
    ///
    /// # Errors
    ///
    /// As [`carrick::WebSocket::ping`](crate::WebSocket::ping).
    pub fn ping(&mut self, payload: impl Into<Bytes>) -> Result<(), Error> {
        self.blocker.run(self.websocket.ping(payload))?
    }

    /// Closes the connection and waits until it is closed. Messages that the peer sent before its close frame are
    /// thrown away.
    ///
    /// # Errors
    ///
    /// As [`carrick::WebSocket::close`](crate::WebSocket::close).
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<Closed, Error> {
        self.blocker.run(self.websocket.close(code, reason))?
    }

    /// Queues a close frame behind what is queued already. [`recv`](WebSocket::recv) writes it, hands out what the peer
    /// still sends and ends with the closing handshake. Does nothing if a close frame was sent before.
    ///
    /// # Errors
    ///
    /// As [`carrick::WebSocket::start_close`](crate::WebSocket::start_close).
    pub fn start_close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.websocket.start_close(code, reason)
    }

    /// How the connection was closed; `None` as long as it is not.
    #[must_use]
    pub fn closed(&self) -> Option<&Closed> {
        self.websocket.closed()
    }

    /// The subprotocol that was agreed on.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.websocket.subprotocol()
    }

    /// What the opening handshake ended in.
    #[must_use]
    pub fn agreement(&self) -> &Agreement {
        self.websocket.agreement()
    }

    /// The latest round-trip time that a ping and its pong measured.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.websocket.round_trip()
    }

    /// What was received since the opening handshake.
    #[must_use]
    pub fn received(&self) -> Traffic {
        self.websocket.received()
    }

    /// What was sent since the opening handshake.
    #[must_use]
    pub fn sent(&self) -> Traffic {
        self.websocket.sent()
    }

    /// How many bytes are queued and not handed to the operating system yet.
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        self.websocket.buffered_amount()
    }

    /// Whether a record of each frame is kept for [`next_record`](WebSocket::next_record); the latest 1,024. Off by
    /// default.
    pub fn set_tracing(&mut self, on: bool) {
        self.websocket.set_tracing(on);
    }

    /// The oldest record of a frame that has not been taken yet.
    pub fn next_record(&mut self) -> Option<FrameRecord> {
        self.websocket.next_record()
    }

    /// How many records were thrown away, because nobody took them in time, since this was last asked. They are older
    /// than the one that [`next_record`](WebSocket::next_record) gives next.
    pub fn take_lost_records(&mut self) -> u64 {
        self.websocket.take_lost_records()
    }
}

/// Ends with `None` as [`recv`](WebSocket::recv) does.
impl Iterator for WebSocket {
    type Item = Result<Message, Error>;

    fn next(&mut self) -> Option<Result<Message, Error>> {
        self.recv()
    }
}

fn flattened<T>(result: Result<Option<Result<T, Error>>, Error>) -> Option<Result<T, Error>> {
    result.unwrap_or_else(|error| Some(Err(error)))
}

/// Runs futures on this thread.
#[derive(Debug)]
struct Blocker {
    runtime: OwnRuntime,
}

impl Blocker {
    fn new() -> Result<Blocker, Error> {
        Ok(Blocker { runtime: OwnRuntime::new()? })
    }

    fn run<F: Future>(&self, future: F) -> Result<F::Output, Error> {
        if belongs_to_loop() {
            let text = "blocking client is used inside of an async runtime, use the async one there, or in a handler \
                        of the callback API, use another thread there";
            return Err(Error::Config(text.into()));
        }
        Ok(self.runtime.block_on(future))
    }
}
