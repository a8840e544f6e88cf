//! A connection as other threads see it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::{
    hub::Hub,
    mailbox::{Command, Mailbox},
};
use crate::{
    error::Error,
    protocol::{CloseCode, CloseFrame, MAX_CONTROL_BYTES, Message, Prepared, SendError},
};

/// Sends over a connection of the callback API from any thread, and from the handlers of other connections.
///
/// What it is given waits in a queue until the loop of the connection takes it; the loop is woken. The queue holds
/// [`Config::high_water_bytes`](crate::protocol::Config::high_water_bytes), where each message counts some bytes more
/// than its payload. While the peer takes nothing the loop takes nothing either, so a handle tells that a peer is slow.
/// Messages also wait while a handler sends another one in pieces.
///
/// Clones are handles of the same connection. On a client it is that of the [`WebSocketApp`](crate::WebSocketApp),
/// and goes on with the next connection after a reconnect; on a server it ends with its connection.
///
/// ```no_run
/// use std::{thread, time::Duration};
///
/// let mut app = carrick::WebSocketApp::new("ws://127.0.0.1:9000/ws");
/// let handle = app.handle();
/// thread::spawn(move || {
///     thread::sleep(Duration::from_secs(1));
///     let _ = handle.send("from another thread");
///     handle.stop();
/// });
/// app.run_forever()?;
/// # Ok::<(), carrick::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ConnHandle {
    reach: Reach,
}

/// How a handle reaches its connection.
#[derive(Clone, Debug)]
enum Reach {
    /// A client's, whichever connection it has.
    Mailbox(Arc<Mailbox>),
    /// The one of a server with this number. Its mailbox is made when something is put into it.
    Member(Arc<Hub>, u64),
}

impl ConnHandle {
    pub(crate) fn new(mailbox: Arc<Mailbox>) -> ConnHandle {
        ConnHandle { reach: Reach::Mailbox(mailbox) }
    }

    pub(crate) fn member(hub: Arc<Hub>, id: u64) -> ConnHandle {
        ConnHandle { reach: Reach::Member(hub, id) }
    }

    fn mailbox(&self) -> Result<Arc<Mailbox>, SendError> {
        match &self.reach {
            Reach::Mailbox(mailbox) => Ok(Arc::clone(mailbox)),
            Reach::Member(hub, id) => hub.mailbox(*id),
        }
    }

    /// Queues a message: text from a `&str` or `String`, binary from a `Vec<u8>` or `Bytes`.
    ///
    /// # Errors
    ///
    /// [`Error::Send`]: [`SendError::Closed`] while no connection is open, also of one that is closing or stopped, and
    /// [`SendError::QueueFull`] if too much waits.
    pub fn send(&self, message: impl Into<Message>) -> Result<(), Error> {
        Ok(self.mailbox()?.put(Command::Send(message.into()))?)
    }

    /// Queues a binary message.
    ///
    /// # Errors
    ///
    /// As [`send`](ConnHandle::send).
    pub fn send_binary(&self, bytes: impl Into<Bytes>) -> Result<(), Error> {
        self.send(Message::binary(bytes))
    }

    /// Queues a message, and blocks for as long as there is no room for it, but no longer than `given`. For a thread
    /// that has more to send than the peer takes.
    ///
    /// # Errors
    ///
    /// As [`send`](ConnHandle::send), and [`Error::Timeout`]. In a handler, which would wait for itself, it does not
    /// block and fails with [`SendError::QueueFull`].
    pub fn send_timeout(&self, message: impl Into<Message>, given: Duration) -> Result<(), Error> {
        self.mailbox()?.put_in_time(Command::Send(message.into()), given)
    }

    /// Queues a message that was prepared for many connections.
    ///
    /// # Errors
    ///
    /// As [`send`](ConnHandle::send).
    pub fn send_prepared(&self, prepared: &Prepared) -> Result<(), Error> {
        Ok(self.mailbox()?.put(Command::SendPrepared(prepared.clone()))?)
    }

    /// Queues a ping with up to 125 bytes. `on_pong` tells when it was answered.
    ///
    /// # Errors
    ///
    /// As [`send`](ConnHandle::send), and [`SendError::PingTooLong`].
    pub fn ping(&self, payload: impl Into<Bytes>) -> Result<(), Error> {
        let payload = payload.into();
        if payload.len() > usize::from(MAX_CONTROL_BYTES) {
            return Err(SendError::PingTooLong(payload.len()).into());
        }
        Ok(self.mailbox()?.put(Command::Ping(payload))?)
    }

    /// Starts the closing handshake behind what is queued. Does nothing while no connection is open.
    ///
    /// It does so for a peer that takes nothing too, which has
    /// [`Config::close_timeout`](crate::protocol::Config::close_timeout) from then on. Only a message that a handler is
    /// sending in pieces is cut off, and messages that wait for its end are lost with it.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a code or a reason that cannot be sent, see [`CloseFrame::new`].
    pub fn close(&self, code: impl Into<CloseCode>, reason: &str) -> Result<(), Error> {
        let frame = CloseFrame::new(code.into(), reason).map_err(|error| Error::Config(error.into()))?;
        // One that is closed already is what was asked for.
        let _ = self.mailbox().and_then(|mailbox| mailbox.put(Command::Close(frame)));
        Ok(())
    }

    /// Ends `run_forever`: of a client, which closes its connection with 1000 and does not reconnect; or of the whole
    /// server, which closes all of its connections with 1001. What was queued before is sent before.
    pub fn stop(&self) {
        match &self.reach {
            Reach::Mailbox(mailbox) => mailbox.stop().ask(),
            Reach::Member(hub, _) => hub.stop().ask(),
        }
    }

    /// Whether messages are taken: a connection is open, and neither closing nor stopped. It may be a moment later.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match &self.reach {
            Reach::Mailbox(mailbox) => mailbox.is_open(),
            Reach::Member(hub, id) => hub.is_open(*id),
        }
    }

    /// The number of the connection as [`Conn::id`](crate::Conn::id) tells it; `None` while none is open. One that
    /// is closing has it until `on_close`.
    #[must_use]
    pub fn id(&self) -> Option<u64> {
        match &self.reach {
            Reach::Mailbox(mailbox) => mailbox.id(),
            Reach::Member(hub, id) => Some(*id).filter(|id| hub.has(*id)),
        }
    }
}
