//! The connections of a callback server, as other threads reach them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use crate::{
    callback::{ConnHandle, Mailbox},
    protocol::{DeflateConfig, Message, Prepared},
    websocket::Stop,
};

/// Reaches a [`WebSocketServer`](crate::WebSocketServer) and its connections from any thread and from its handlers.
/// Clones are handles of the same server.
///
/// ```no_run
/// use carrick::WebSocketServer;
///
/// let server = WebSocketServer::new("ws://127.0.0.1:9000/chat");
/// let everybody = server.handle();
/// server.on_message(move |_conn, message| { everybody.broadcast(message); }).run_forever()?;
/// # Ok::<(), carrick::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ServerHandle {
    hub: Arc<Hub>,
}

impl ServerHandle {
    /// Stops the server: it accepts no more, closes every connection with 1001 and waits for their ends; then
    /// `run_forever` returns. Asked before, it makes `run_forever` return at once.
    pub fn stop(&self) {
        self.hub.stop.ask();
    }

    /// Sends a message to every open connection, framed and compressed once. Returns how many take it: those whose
    /// queue is full, because they are slow, miss it, and so do those that are closing.
    pub fn broadcast(&self, message: impl Into<Message>) -> usize {
        let deflate = self.hub.deflate.get().cloned().unwrap_or_default();
        let prepared = Prepared::with_deflate(message.into(), deflate);
        self.connections().iter().filter(|handle| handle.send_prepared(&prepared).is_ok()).count()
    }

    /// A handle for each connection that is open now, in the order in which they were opened.
    ///
    /// ```no_run
    /// use carrick::WebSocketServer;
    ///
    /// let server = WebSocketServer::new("ws://127.0.0.1:9000/chat");
    /// let everybody = server.handle();
    /// server
    ///     .on_message(move |conn, message| {
    ///         for other in everybody.connections() {
    ///             if other.id() != Some(conn.id()) {
    ///                 let _ = other.send(message);
    ///             }
    ///         }
    ///     })
    ///     .run_forever()?;
    /// # Ok::<(), carrick::Error>(())
    /// ```
    #[must_use]
    pub fn connections(&self) -> Vec<ConnHandle> {
        self.hub.members().by_id.values().map(|mailbox| ConnHandle::new(Arc::clone(mailbox))).collect()
    }

    /// A handle for the open connection with this [`Conn::id`](crate::Conn::id); `None` if it is closed.
    #[must_use]
    pub fn connection(&self, id: u64) -> Option<ConnHandle> {
        self.hub.members().by_id.get(&id).map(|mailbox| ConnHandle::new(Arc::clone(mailbox)))
    }

    /// How many connections are open now.
    #[must_use]
    pub fn connection_count(&self) -> usize {
        self.hub.members().by_id.len()
    }
}

/// Every open connection of one server.
#[derive(Debug, Default)]
pub(super) struct Hub {
    stop: Arc<Stop>,
    /// How messages for all are compressed.
    deflate: OnceLock<DeflateConfig>,
    members: Mutex<Members>,
}

#[derive(Debug, Default)]
struct Members {
    /// The number of the latest connection.
    latest: u64,
    by_id: BTreeMap<u64, Arc<Mailbox>>,
}

impl Hub {
    pub(super) fn handle(self: &Arc<Hub>) -> ServerHandle {
        ServerHandle { hub: Arc::clone(self) }
    }

    pub(super) fn stop(&self) -> &Arc<Stop> {
        &self.stop
    }

    pub(super) fn set_deflate(&self, deflate: DeflateConfig) {
        // A server runs once, so nothing is set yet.
        let _ = self.deflate.set(deflate);
    }

    /// Takes up a connection: its number and its mailbox.
    pub(super) fn enter(&self) -> (u64, Arc<Mailbox>) {
        let mailbox = Arc::new(Mailbox::new(Arc::clone(&self.stop)));
        let mut members = self.members();
        members.latest += 1;
        let id = members.latest;
        members.by_id.insert(id, Arc::clone(&mailbox));
        (id, mailbox)
    }

    pub(super) fn leave(&self, id: u64) {
        self.members().by_id.remove(&id);
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
