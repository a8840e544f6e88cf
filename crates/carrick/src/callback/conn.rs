//! A connection as its handlers see it.

use std::{
    fmt,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};

use super::{
    handle::ConnHandle,
    mailbox::{Command, Mail, Mailbox},
    tracer::Tracer,
};
use crate::{
    error::Error,
    protocol::{
        Agreement, CloseCode, Closed, Compression, Delivery, Kind, Message, Prepared, Role, SendError,
        Traffic,
    },
    transport::NetStream,
    websocket::{Received, WebSocket},
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
    id: u64,
    websocket: Option<WebSocket<NetStream>>,
    /// There while `on_open` is called.
    heads: Option<Box<Heads>>,
    mailbox: Arc<Mailbox>,
    /// Whether the application has closed the connection.
    left: bool,
    /// Whether the mailbox knows that nothing can be sent any more.
    refusing: bool,
    /// Whether something was not sent for lack of room, and `on_drain` not called since.
    wants_drain: bool,
    tracer: Tracer,
    /// What stands before each line of the trace.
    label: Box<str>,
}

/// A connection that has just been opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) id: u64,
    pub(crate) websocket: WebSocket<NetStream>,
    pub(crate) heads: Heads,
}

/// The heads of an opening handshake, as far as they are known.
#[derive(Debug, Default)]
pub(crate) struct Heads {
    pub(crate) request: Option<Request<()>>,
    pub(crate) response: Option<Response<()>>,
}

/// What the loop of a connection does next.
pub(super) enum Next {
    Received(Received),
    /// There is room again.
    Drain,
    Failed(Error),
    Ended,
}

impl<S> Conn<S> {
    pub(crate) fn new(state: S, mailbox: Arc<Mailbox>) -> Conn<S> {
        Conn {
            state,
            id: 0,
            websocket: None,
            heads: None,
            mailbox,
            left: false,
            refusing: false,
            wants_drain: false,
            tracer: Tracer::default(),
            label: Box::default(),
        }
    }

    /// Sends a message: text from a `&str` or `String`, binary from a `Vec<u8>` or `Bytes`, and what a handler was
    /// lent as [`MessageRef`](crate::MessageRef).
    ///
    /// # Errors
    ///
    /// [`Error::Send`]: [`SendError::Closed`] if no connection is open or a close frame was sent or received,
    /// [`SendError::QueueFull`] if too much waits. Nothing is queued then.
    pub fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.send_with(message, Compression::Auto)
    }

    /// Sends a binary message.
    ///
    /// # Errors
    ///
    /// As [`send`](Conn::send).
    pub fn send_binary(&mut self, bytes: impl Into<Bytes>) -> Result<(), Error> {
        self.send(Message::binary(bytes))
    }

    /// Sends a message, with a choice for this message about compression.
    ///
    /// # Errors
    ///
    /// As [`send`](Conn::send).
    pub fn send_with(&mut self, message: impl Into<Message>, compression: Compression) -> Result<(), Error> {
        let message = message.into();
        self.queue(|websocket| websocket.queue(message, compression))
    }

    /// Sends a message that was prepared for many connections.
    ///
    /// # Errors
    ///
    /// As [`send`](Conn::send).
    pub fn send_prepared(&mut self, prepared: &Prepared) -> Result<(), Error> {
        self.queue(|websocket| websocket.queue_prepared(prepared))
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
        self.queue(|websocket| websocket.queue_piece(kind, bytes, last))
    }

    /// Sends a ping with up to 125 bytes. `on_pong` is called when it is answered. Keepalive sends its own.
    ///
    /// # Errors
    ///
    /// As [`send`](Conn::send), and [`SendError::PingTooLong`].
    pub fn ping(&mut self, payload: impl Into<Bytes>) -> Result<(), Error> {
        let payload = payload.into();
        self.queue(|websocket| websocket.queue_ping(payload))
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
        let Some(websocket) = &mut self.websocket else { return Ok(()) };
        websocket.start_close(code.into(), reason)?;
        self.left = true;
        self.refuse_if_closing();
        Ok(())
    }

    /// Ends `run_forever`: of a client, which closes its connection with 1000 and does not reconnect; or of the whole
    /// server, which closes all of its connections with 1001.
    pub fn stop(&self) {
        self.mailbox.stop().ask();
    }

    /// A handle of this connection for other threads, and for the handlers of other connections.
    #[must_use]
    pub fn handle(&self) -> ConnHandle {
        ConnHandle::new(Arc::clone(&self.mailbox))
    }

    /// The number of the connection: each one of a server has another, and those of a client are counted, from 1 on.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Whether messages can be sent: the connection is open, and no close frame was sent or received.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.websocket.as_ref().is_some_and(WebSocket::may_send)
    }

    /// How the connection was closed; `None` as long as it is not, and before a client has one.
    #[must_use]
    pub fn closed(&self) -> Option<&Closed> {
        self.websocket.as_ref()?.closed()
    }

    /// The request of the opening handshake with its path and its headers, for as long as `on_open` runs: a server
    /// with many connections has better use for the memory. On a server its extensions have what
    /// [`Server::route`](crate::Server::route) says.
    #[must_use]
    pub fn request(&self) -> Option<&Request<()>> {
        self.heads.as_ref()?.request.as_ref()
    }

    /// What the server answered to the opening handshake, for as long as `on_open` runs; only on a client.
    #[must_use]
    pub fn response(&self) -> Option<&Response<()>> {
        self.heads.as_ref()?.response.as_ref()
    }

    /// The address of the other end of the TCP connection, which may be a proxy; `None` if it is no TCP connection or
    /// there is none yet.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.websocket.as_ref()?.stream().peer_addr()
    }

    /// The subprotocol that was agreed on.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.websocket.as_ref()?.subprotocol()
    }

    /// What the opening handshake ended in; `None` before a client has a connection.
    #[must_use]
    pub fn agreement(&self) -> Option<&Agreement> {
        self.websocket.as_ref().map(WebSocket::agreement)
    }

    /// The latest round-trip time that a ping and its pong measured.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.websocket.as_ref()?.round_trip()
    }

    /// How many bytes are queued and not handed to the operating system yet.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.websocket.as_ref().map_or(0, WebSocket::unsent)
    }

    /// What was received since the opening handshake.
    #[must_use]
    pub fn received(&self) -> Traffic {
        self.websocket.as_ref().map(WebSocket::received).unwrap_or_default()
    }

    /// What was sent since the opening handshake.
    #[must_use]
    pub fn sent(&self) -> Traffic {
        self.websocket.as_ref().map(WebSocket::sent).unwrap_or_default()
    }

    fn queue(
        &mut self,
        call: impl FnOnce(&mut WebSocket<NetStream>) -> Result<(), SendError>,
    ) -> Result<(), Error> {
        let websocket = self.websocket.as_mut().ok_or(SendError::Closed)?;
        let queued = call(websocket);
        write_trace(websocket, &self.tracer, &self.label);
        self.wants_drain |= matches!(queued, Err(SendError::QueueFull { .. }));
        Ok(queued?)
    }

    /// Sets where the trace goes, and what stands before each of its lines.
    pub(crate) fn set_tracer(&mut self, tracer: Tracer, label: impl Into<Box<str>>) {
        self.tracer = tracer;
        self.label = label.into();
    }

    /// Takes up a connection.
    pub(super) fn begin(&mut self, opened: Opened) {
        let Opened { id, mut websocket, heads } = opened;
        websocket.set_tracing(self.tracer.is_on());
        self.mailbox.open(id, websocket.high_water());
        self.id = id;
        self.websocket = Some(websocket);
        self.heads = Some(Box::new(heads));
        self.left = false;
        self.refusing = false;
        self.wants_drain = false;
    }

    pub(super) fn forget_heads(&mut self) {
        self.heads = None;
    }

    /// No handle reaches the connection from now on.
    pub(crate) fn close_mailbox(&mut self) {
        self.left |= self.mailbox.close();
    }

    /// Whether the application has closed the latest connection, which may have failed while it was closing.
    pub(crate) fn is_left(&self) -> bool {
        self.left
    }

    /// What the application did with an earlier connection counts no more.
    pub(crate) fn forget_close(&mut self) {
        self.left = false;
    }

    /// The connection is over, and so is its socket.
    pub(crate) fn end(&mut self) {
        self.close_mailbox();
        self.websocket = None;
        self.heads = None;
    }

    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>, delivery: Delivery) -> Poll<Next> {
        let next = self.poll_untraced(cx, delivery);
        self.refuse_if_closing();
        if let Some(websocket) = &mut self.websocket {
            write_trace(websocket, &self.tracer, &self.label);
        }
        next
    }

    /// What cannot be sent any more is not taken either.
    fn refuse_if_closing(&mut self) {
        if !self.refusing && self.websocket.as_ref().is_some_and(|websocket| !websocket.may_send()) {
            self.refusing = true;
            self.left |= self.mailbox.refuse();
        }
    }

    fn poll_untraced(&mut self, cx: &mut Context<'_>, delivery: Delivery) -> Poll<Next> {
        let Some(websocket) = &mut self.websocket else { return Poll::Ready(Next::Ended) };
        // On a server it is the server that is stopped. Looked at before the mail: what was queued before is sent.
        let stopped = websocket.role() == Role::Client && is_stopped(&self.mailbox, cx);
        self.left |= take_mail(websocket, &self.mailbox, cx, |websocket| {
            write_trace(websocket, &self.tracer, &self.label);
        });
        if stopped && websocket.may_send() {
            websocket.start_close(CloseCode::NORMAL, "").expect("1000 may be sent");
        }
        if self.wants_drain && websocket.poll_room(cx).is_ready() {
            self.wants_drain = false;
            if websocket.may_send() {
                return Poll::Ready(Next::Drain);
            }
        }
        websocket.poll_received(cx, delivery).map(|received| match received {
            Some(Ok(received)) => Next::Received(received),
            Some(Err(error)) => Next::Failed(error),
            None => Next::Ended,
        })
    }
}

/// Writes what was recorded since. A trace takes the frames as they come: the connection keeps only some records.
fn write_trace(websocket: &mut WebSocket<NetStream>, tracer: &Tracer, label: &str) {
    if !tracer.is_on() {
        return;
    }
    let lost = websocket.take_lost_records();
    if lost > 0 {
        tracer.write(label, &format_args!("… {lost} frames not shown"));
    }
    while let Some(record) = websocket.next_record() {
        tracer.write(label, &record);
    }
}

fn is_stopped(mailbox: &Mailbox, cx: &Context<'_>) -> bool {
    mailbox.stop().register(cx.waker());
    mailbox.stop().is_asked()
}

/// Does what other threads asked for, as long as there is room; whether the close was asked for.
///
/// The last mail is taken without room too, of which the mailbox bounds how much it is: the close comes behind it, and
/// for a peer that takes nothing the time has to begin. `done` is called behind each command.
fn take_mail(
    websocket: &mut WebSocket<NetStream>,
    mailbox: &Mailbox,
    cx: &mut Context<'_>,
    mut done: impl FnMut(&mut WebSocket<NetStream>),
) -> bool {
    let is_last = match mailbox.watch(cx.waker()) {
        Mail::None => return false,
        Mail::Some => false,
        Mail::Last => true,
    };
    let usual = websocket.high_water();
    if is_last {
        websocket.set_high_water_bytes(usize::MAX);
    }
    let mut left = false;
    while is_last || matches!(websocket.poll_room(cx), Poll::Ready(Ok(()))) {
        // Between the pieces of a message there cannot be another one.
        let Some(command) = mailbox.take(!websocket.is_message_open()) else { break };
        // What comes too late is lost with the connection, which `on_close` tells.
        let _ = match command {
            Command::Send(message) => websocket.queue(message, Compression::Auto).map_err(Error::from),
            Command::SendPrepared(prepared) => websocket.queue_prepared(&prepared).map_err(Error::from),
            Command::Ping(payload) => websocket.queue_ping(payload).map_err(Error::from),
            Command::Close(frame) => {
                left = true;
                websocket.start_close(frame.code(), frame.reason())
            }
        };
        done(websocket);
    }
    if is_last {
        websocket.set_high_water_bytes(usual);
    }
    left
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
