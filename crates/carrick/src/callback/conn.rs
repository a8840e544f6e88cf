//! A connection as its handlers see it.

use std::{fmt, net::SocketAddr, sync::Arc, task::Waker, time::Duration};

use bytes::Bytes;
use http::{Request, Response};

use super::{
    desk::Desk, handle::ConnHandle, link::Link, mailbox::Mailbox, message_ref::MessageRef,
    outgoing::Outgoing, tracer::Tracer,
};
use crate::{
    error::Error,
    protocol::{
        Agreement, Borrowed, CloseCode, CloseFrame, Closed, Compression, Connection, Kind, Message, Output,
        Prepared, SendError, Shell, Traffic,
    },
};

/// A connection of the callback API, lent to each handler.
///
/// Nothing here blocks. What is sent is queued and leaves when the handler has returned; if
/// [`Config::high_water_bytes`](crate::protocol::Config::high_water_bytes) wait already, because the peer takes
/// nothing, sending fails with [`SendError::QueueFull`] and `on_drain` is called once there is room again.
///
/// `S` is what the application keeps with it, in the public field `state`: nothing, unless it says so with
/// `with_state`. A [`WebSocketApp`](crate::WebSocketApp) has one `Conn` for all of its connections, one after the
/// other, so its state stays; a [`WebSocketServer`](crate::WebSocketServer) has one for each.
///
/// ```no_run
/// carrick::WebSocketApp::with_state("ws://127.0.0.1:9000/ws", 0)
///     .on_message(|conn, message| {
///         conn.state += 1;
///         conn.send(format!("message {} was {message}", conn.state))
///     })
///     .run_forever()?;
/// # Ok::<(), carrick::Error>(())
/// ```
pub struct Conn<S = ()> {
    /// What the application keeps with the connection.
    pub state: S,
    pub(super) id: u64,
    pub(super) link: Link,
    /// What an idle connection of a server does without.
    pub(super) aside: Option<Box<Aside>>,
    pub(super) progress: Progress,
}

/// What few connections have, or none for long.
#[derive(Debug, Default)]
pub(super) struct Aside {
    /// There while `on_open` is called.
    pub(super) heads: Option<Heads>,
    /// How other threads reach it: always there on a client, and on a server once one has done so.
    pub(super) mail: Option<Mail>,
    pub(super) tracing: Option<Tracing>,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// Whether the application has closed the connection.
    pub(super) left: bool,
    /// Whether the other threads know that nothing can be sent any more.
    pub(super) refusing: bool,
    /// Whether something was not sent for lack of room, and `on_drain` not called since.
    pub(super) wants_drain: bool,
    /// Whether the other threads know that it has no room.
    pub(super) slow: bool,
    /// Whether the loop has it on the list of those to attend to.
    pub(super) unattended: bool,
    /// Whether a handler has panicked; no other is called for it then but `on_close`.
    pub(super) panicked: bool,
}

/// What other threads want of a connection.
#[derive(Debug)]
pub(super) struct Mail {
    pub(super) mailbox: Arc<Mailbox>,
    /// What wakes the loop of a server; on a client the loop has its own.
    pub(super) waker: Option<Waker>,
}

/// Where the trace of a connection goes.
#[derive(Debug)]
pub(super) struct Tracing {
    pub(super) tracer: Tracer,
    /// What stands before each line.
    pub(super) label: Box<str>,
}

/// The heads of an opening handshake, as far as they are known.
#[derive(Debug, Default)]
pub(crate) struct Heads {
    pub(crate) request: Option<Request<()>>,
    pub(crate) response: Option<Response<()>>,
}

impl<S> Conn<S> {
    /// Sends a message: text from a `&str` or `String`, binary from a `&[u8]`, `Vec<u8>` or `Bytes`, and what a handler
    /// was lent as [`MessageRef`](crate::MessageRef). What is only borrowed is copied once, to where it leaves from.
    ///
    /// # Errors
    ///
    /// [`Error::Send`]: [`SendError::Closed`] if no connection is open or a close frame was sent or received,
    /// [`SendError::QueueFull`] if too much waits. Nothing is queued then.
    pub fn send<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), Error> {
        self.send_with(message, Compression::Auto)
    }

    /// Sends a binary message.
    ///
    /// # Errors
    ///
    /// As [`send`](Conn::send).
    pub fn send_binary(&mut self, bytes: impl Into<Bytes>) -> Result<(), Error> {
        self.send(bytes.into())
    }

    /// Sends a message, with a choice for this message about compression.
    ///
    /// # Errors
    ///
    /// As [`send`](Conn::send).
    pub fn send_with<'m>(
        &mut self,
        message: impl Into<Outgoing<'m>>,
        compression: Compression,
    ) -> Result<(), Error> {
        let message = message.into();
        let (kind, bytes) = message.parts();
        if self.link.send_plain(kind, bytes) {
            return Ok(());
        }
        self.send_any(message, compression)
    }

    /// Sends a message, whatever there is to do for it.
    #[inline(never)]
    fn send_any(&mut self, message: Outgoing<'_>, compression: Compression) -> Result<(), Error> {
        match message {
            Outgoing::Owned(message) => {
                self.queue(|connection, shell| connection.send(message, compression, shell))
            }
            Outgoing::Borrowed(message) => self.send_borrowed(message, compression),
        }
    }

    fn send_borrowed(&mut self, message: MessageRef<'_>, compression: Compression) -> Result<(), Error> {
        self.make_room();
        let (kind, bytes) = (message.kind(), message.as_bytes());
        if bytes.len() >= Output::SHARED_BYTES
            && let Link::Line(line, Some(desk)) = &mut self.link
        {
            if let Some(shared) = desk.shared(kind, bytes) {
                return self.queue(|connection, shell| connection.send(shared, compression, shell));
            }
            // Others would follow: they all leave together.
            if desk.at_end {
                let queued = line.send_through(&mut desk.lent, kind, bytes, compression);
                return self.note_queued(queued);
            }
        }
        let message = Borrowed { kind, payload: bytes, compression, follows: false };
        self.queue(|connection, shell| connection.send_borrowed(message, shell).map(|_| ()))
    }

    /// Sends a message that was prepared for many connections.
    ///
    /// # Errors
    ///
    /// As [`send`](Conn::send).
    pub fn send_prepared(&mut self, prepared: &Prepared) -> Result<(), Error> {
        self.queue(|connection, shell| connection.send_prepared(prepared, shell))
    }

    /// Sends a piece of a message as a fragment; the `last` one ends it. Other messages cannot be sent in between. To
    /// send more than may wait, go on in `on_drain`.
    ///
    /// # Errors
    ///
    /// As [`send`](Conn::send), [`SendError::OtherKind`] for a piece of another kind than the first, and
    /// [`SendError::NotText`] for a piece of a text that cannot be UTF-8.
    pub fn send_piece(&mut self, kind: Kind, bytes: impl Into<Bytes>, last: bool) -> Result<(), Error> {
        let bytes = bytes.into();
        self.queue(|connection, shell| connection.send_piece(kind, bytes, last, Compression::Auto, shell))
    }

    /// Sends a ping with up to 125 bytes. `on_pong` is called when it is answered. Keepalive sends its own.
    ///
    /// # Errors
    ///
    /// As [`send`](Conn::send), and [`SendError::PingTooLong`].
    pub fn ping(&mut self, payload: impl Into<Bytes>) -> Result<(), Error> {
        let payload = payload.into();
        self.queue(|connection, shell| connection.ping(payload, shell))
    }

    /// Starts the closing handshake: a close frame leaves behind what was sent before. Messages that the peer sends
    /// until it has seen the frame are still handed out; then `on_close` is called. Does nothing if the connection is
    /// closed or closing.
    ///
    /// A client that closes does not reconnect.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a code or a reason that cannot be sent, see
    /// [`CloseFrame::new`](crate::protocol::CloseFrame::new).
    ///
    /// ```no_run
    /// use carrick::protocol::CloseCode;
    ///
    /// carrick::WebSocketApp::new("ws://127.0.0.1:9000/ws")
    ///     .on_message(|conn, message| match message.as_text() {
    ///         Some("bye") => conn.close(CloseCode::NORMAL, "bye"),
    ///         Some(_) => conn.send(message),
    ///         None => conn.close(4000, "text only, please"),
    ///     })
    ///     .run_forever()?;
    /// # Ok::<(), carrick::Error>(())
    /// ```
    pub fn close(&mut self, code: impl Into<CloseCode>, reason: &str) -> Result<(), Error> {
        let frame = CloseFrame::new(code.into(), reason).map_err(|error| Error::Config(error.into()))?;
        if self.link.with_shell(|connection, shell| connection.close(&frame, shell)).is_some() {
            self.progress.left = true;
            self.refuse_if_closing();
        }
        Ok(())
    }

    /// Subscribes to a topic: from now on the connection is sent what is published to it. Does nothing if it has
    /// subscribed already. Topics need not be made: one is there as long as somebody has subscribed to it. Only on a
    /// server.
    ///
    /// # Errors
    ///
    /// [`Error::Topic`] for a name above 256 bytes, for more topics than
    /// [`WebSocketServer::max_topics`](crate::WebSocketServer::max_topics), and on a client; [`Error::Send`] with
    /// [`SendError::Closed`] once the connection closes.
    ///
    /// ```no_run
    /// carrick::WebSocketServer::with_state("ws://127.0.0.1:9000/*", |request| request.uri().path().to_owned())
    ///     .on_open(|conn| conn.subscribe(&conn.state.clone()))
    ///     .on_message(|conn, message| conn.publish(&conn.state.clone(), message))
    ///     .run_forever()?;
    /// # Ok::<(), carrick::Error>(())
    /// ```
    pub fn subscribe(&mut self, topic: &str) -> Result<(), Error> {
        if topic.len() > MAX_TOPIC_BYTES {
            let length = topic.len();
            return Err(Error::Topic(format!("its name has {length} bytes, limit is {MAX_TOPIC_BYTES}")));
        }
        let is_open = self.is_open();
        let desk = self.link.desk_mut().ok_or_else(no_server)?;
        if !is_open {
            return Err(SendError::Closed.into());
        }
        let Desk { topics, key, max_topics, .. } = desk;
        if topics.count(*key) >= *max_topics && !topics.has(*key, topic) {
            return Err(Error::Topic(format!(
                "the connection has {max_topics} topics, which is the limit; raise it with max_topics"
            )));
        }
        topics.subscribe(*key, topic);
        Ok(())
    }

    /// Ends what [`subscribe`](Conn::subscribe) began. Does nothing if it did not.
    pub fn unsubscribe(&mut self, topic: &str) {
        if let Some(Desk { topics, key, .. }) = self.link.desk_mut() {
            topics.unsubscribe(*key, topic);
        }
    }

    /// Sends a message to every connection that has subscribed to a topic apart from this one, framed and compressed
    /// once; see [`ServerHandle::publish`](crate::ServerHandle::publish), which sends to all of them.
    ///
    /// # Errors
    ///
    /// As [`ServerHandle::publish`](crate::ServerHandle::publish), and [`Error::Topic`] on a client.
    pub fn publish(&mut self, topic: &str, message: impl Into<Message>) -> Result<(), Error> {
        let desk = self.link.desk().ok_or_else(no_server)?;
        Ok(desk.hub.publish(topic, message.into(), Some(self.id))?)
    }

    /// Ends `run_forever`: of a client, which closes its connection with 1000 and does not reconnect; or of the whole
    /// server, which closes all of its connections with 1001.
    pub fn stop(&self) {
        match (self.link.desk(), self.mail()) {
            (Some(desk), _) => desk.hub.stop().ask(),
            (None, Some(mail)) => mail.mailbox.stop().ask(),
            // Out of the reach of its handlers.
            (None, None) => {}
        }
    }

    /// A handle of this connection for other threads, and for the handlers of other connections.
    #[must_use]
    pub fn handle(&self) -> ConnHandle {
        match (self.link.desk(), self.mail()) {
            (Some(desk), _) => ConnHandle::member(Arc::clone(&desk.hub), self.id),
            (None, Some(mail)) => ConnHandle::new(Arc::clone(&mail.mailbox)),
            (None, None) => ConnHandle::new(Arc::default()),
        }
    }

    /// The number of the connection: each one of a server has another, and those of a client are counted, from 1 on.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Whether messages can be sent: the connection is open, and no close frame was sent or received.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.link.connection().is_some_and(Connection::may_send)
    }

    /// How the connection was closed; `None` as long as it is not, and before a client has one.
    #[must_use]
    pub fn closed(&self) -> Option<&Closed> {
        self.link.connection()?.closed()
    }

    /// The request of the opening handshake with its path and its headers, for as long as `on_open` runs: a server
    /// with many connections has better use for the memory. On a server its extensions have what
    /// [`Server::route`](crate::Server::route) says.
    #[must_use]
    pub fn request(&self) -> Option<&Request<()>> {
        self.aside.as_ref()?.heads.as_ref()?.request.as_ref()
    }

    /// What the server answered to the opening handshake, for as long as `on_open` runs; only on a client.
    #[must_use]
    pub fn response(&self) -> Option<&Response<()>> {
        self.aside.as_ref()?.heads.as_ref()?.response.as_ref()
    }

    /// The address of the other end of the TCP connection, which may be a proxy; `None` if it is no TCP connection or
    /// there is none yet.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.link.peer_addr()
    }

    /// The subprotocol that was agreed on.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.link.agreement()?.subprotocol.as_deref()
    }

    /// What the opening handshake ended in; `None` before a client has a connection.
    #[must_use]
    pub fn agreement(&self) -> Option<&Agreement> {
        self.link.agreement()
    }

    /// The latest round-trip time that a ping and its pong measured.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.link.connection()?.round_trip()
    }

    /// How many bytes are queued and not handed to the operating system yet.
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        self.link.buffered_amount()
    }

    /// What was received since the opening handshake.
    #[must_use]
    pub fn received(&self) -> Traffic {
        self.link.connection().map(Connection::received).unwrap_or_default()
    }

    /// What was sent since the opening handshake.
    #[must_use]
    pub fn sent(&self) -> Traffic {
        self.link.connection().map(Connection::sent).unwrap_or_default()
    }

    /// How other threads reach it, if they do.
    pub(super) fn mail(&self) -> Option<&Mail> {
        self.aside.as_ref()?.mail.as_ref()
    }

    pub(super) fn queue(
        &mut self,
        call: impl FnOnce(&mut Connection, &mut Shell<'_>) -> Result<(), SendError>,
    ) -> Result<(), Error> {
        self.make_room();
        let queued = self.link.with_shell(call).unwrap_or(Err(SendError::Closed));
        self.note_queued(queued)
    }

    fn note_queued(&mut self, queued: Result<(), SendError>) -> Result<(), Error> {
        self.write_trace();
        self.progress.wants_drain |= matches!(queued, Err(SendError::QueueFull { .. }));
        Ok(queued?)
    }
}

fn no_server() -> Error {
    Error::Topic("this is a client, and topics are a server's".to_owned())
}

impl<S: fmt::Debug> fmt::Debug for Conn<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conn")
            .field("id", &self.id)
            .field("peer_addr", &self.peer_addr())
            .field("is_open", &self.is_open())
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// How long the name of a topic may be.
const MAX_TOPIC_BYTES: usize = 256;
