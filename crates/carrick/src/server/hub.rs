//! The connections of a callback server, as other threads reach them.

use std::sync::Arc;

use crate::{
    callback::{ConnHandle, Hub},
    error::Error,
    protocol::Message,
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
    pub(super) fn new(hub: Arc<Hub>) -> ServerHandle {
        ServerHandle { hub }
    }

    /// Stops the server: it accepts no more, closes every connection with 1001 and waits for their ends; then
    /// `run_forever` returns. Asked before, it makes `run_forever` return at once.
    pub fn stop(&self) {
        self.hub.stop().ask();
    }

    /// Sends a message to every open connection, framed and compressed once. Returns for how many it was handed to the
    /// threads that serve them, without those whose queue is full already, because they are slow, and those that are
    /// closing. One that comes to be full or to close before its thread has its turn misses the message, too.
    pub fn broadcast(&self, message: impl Into<Message>) -> usize {
        self.hub.broadcast(message.into())
    }

    /// Sends a message to every connection that has [subscribed](crate::Conn::subscribe) to a topic, framed and
    /// compressed once. Connections that take too little miss it or are closed, as
    /// [`Backlog`](crate::Backlog) says. What one thread publishes arrives in the order in which it does.
    ///
    /// # Errors
    ///
    /// [`Error::Send`]: [`SendError::Closed`](crate::protocol::SendError::Closed) if the server does not run, and
    /// [`SendError::QueueFull`](crate::protocol::SendError::QueueFull) if a thread of it does not keep up, whose
    /// connections miss it then.
    ///
    /// ```no_run
    /// use std::{thread, time::Duration};
    ///
    /// let server = carrick::WebSocketServer::new("ws://127.0.0.1:9000/prices");
    /// let prices = server.handle();
    /// thread::spawn(move || {
    ///     for price in 0.. {
    ///         thread::sleep(Duration::from_millis(10));
    ///         let _ = prices.publish("gold", format!("gold {price}"));
    ///     }
    /// });
    /// server.on_open(|conn| conn.subscribe("gold")).run_forever()?;
    /// # Ok::<(), carrick::Error>(())
    /// ```
    pub fn publish(&self, topic: &str, message: impl Into<Message>) -> Result<(), Error> {
        Ok(self.hub.publish(topic, message.into(), None)?)
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
        self.hub.ids().into_iter().map(|id| ConnHandle::member(Arc::clone(&self.hub), id)).collect()
    }

    /// A handle for the open connection with this [`Conn::id`](crate::Conn::id); `None` if it is closed.
    #[must_use]
    pub fn connection(&self, id: u64) -> Option<ConnHandle> {
        self.hub.has(id).then(|| ConnHandle::member(Arc::clone(&self.hub), id))
    }

    /// How many connections are open now.
    #[must_use]
    pub fn connection_count(&self) -> usize {
        self.hub.count()
    }
}
