//! The handlers of the callback client.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::app::WebSocketApp;
use crate::{
    callback::{Conn, HandlerResult, MessageRef, PieceRef},
    error::Error,
    protocol::Closed,
};

impl<S> WebSocketApp<S> {
    /// Sets what is called when a connection is open, before anything is received. The heads of the opening handshake
    /// are there now: [`Conn::request`], [`Conn::response`].
    #[must_use]
    pub fn on_open<R: HandlerResult>(
        mut self,
        handler: impl FnMut(&mut Conn<S>) -> R + Send + 'static,
    ) -> WebSocketApp<S> {
        let handler = Mutex::new(handler);
        self.handlers.set_open(move |conn| lock(&handler)(conn));
        self
    }

    /// Sets what is called for each message, as a whole. It is borrowed; make a
    /// [`Message`](crate::protocol::Message) of it to keep it.
    #[must_use]
    pub fn on_message<R: HandlerResult>(
        mut self,
        handler: impl FnMut(&mut Conn<S>, MessageRef<'_>) -> R + Send + 'static,
    ) -> WebSocketApp<S> {
        let handler = Mutex::new(handler);
        self.handlers.set_message(move |conn, what| lock(&handler)(conn, what));
        self
    }

    /// Sets what is called for each piece of a message as it arrives, so that a large message never stands in memory
    /// as a whole. It takes the place of [`on_message`](WebSocketApp::on_message), which is not called then: a small
    /// message comes as one piece that is the first and the last.
    ///
    /// The pieces of a message count towards
    /// [`Config::max_message_bytes`](crate::protocol::Config::max_message_bytes), which can be raised.
    ///
    /// ```no_run
    /// carrick::WebSocketApp::with_state("ws://127.0.0.1:9000/backup", 0)
    ///     .on_piece(|conn, piece| {
    ///         conn.state += piece.bytes.len();
    ///         if piece.last {
    ///             println!("a message of {} bytes", std::mem::take(&mut conn.state));
    ///         }
    ///     })
    ///     .run_forever()?;
    /// # Ok::<(), carrick::Error>(())
    /// ```
    #[must_use]
    pub fn on_piece<R: HandlerResult>(
        mut self,
        handler: impl FnMut(&mut Conn<S>, PieceRef<'_>) -> R + Send + 'static,
    ) -> WebSocketApp<S> {
        let handler = Mutex::new(handler);
        self.handlers.set_piece(move |conn, what| lock(&handler)(conn, what));
        self
    }

    /// Sets what is called for each ping with what it carried. It is answered already.
    #[must_use]
    pub fn on_ping<R: HandlerResult>(
        mut self,
        handler: impl FnMut(&mut Conn<S>, &[u8]) -> R + Send + 'static,
    ) -> WebSocketApp<S> {
        let handler = Mutex::new(handler);
        self.handlers.set_ping(move |conn, what| lock(&handler)(conn, what));
        self
    }

    /// Sets what is called for each pong with what it carried, and the time since the ping that it answers; `None` if
    /// it answers none of ours. The pings of keepalive are answered too.
    #[must_use]
    pub fn on_pong<R: HandlerResult>(
        mut self,
        handler: impl FnMut(&mut Conn<S>, &[u8], Option<Duration>) -> R + Send + 'static,
    ) -> WebSocketApp<S> {
        let handler = Mutex::new(handler);
        self.handlers.set_pong(move |conn, payload, time| lock(&handler)(conn, payload, time));
        self
    }

    /// Sets what is called when there is room again, after a handler could not send because too much waited to be
    /// written ([`SendError::QueueFull`](crate::protocol::SendError::QueueFull)).
    ///
    /// ```no_run
    /// use carrick::{Conn, Error, WebSocketApp, protocol::SendError};
    ///
    /// /// Sends numbers as fast as the server takes them.
    /// fn pump(conn: &mut Conn<u64>) -> Result<(), Error> {
    ///     loop {
    ///         match conn.send(conn.state.to_string()) {
    ///             Ok(()) => conn.state += 1,
    ///             Err(Error::Send(SendError::QueueFull { .. })) => return Ok(()),
    ///             Err(error) => return Err(error),
    ///         }
    ///     }
    /// }
    ///
    /// WebSocketApp::with_state("ws://127.0.0.1:9000/ws", 0).on_open(pump).on_drain(pump).run_forever()?;
    /// # Ok::<(), carrick::Error>(())
    /// ```
    #[must_use]
    pub fn on_drain<R: HandlerResult>(
        mut self,
        handler: impl FnMut(&mut Conn<S>) -> R + Send + 'static,
    ) -> WebSocketApp<S> {
        let handler = Mutex::new(handler);
        self.handlers.set_drain(move |conn| lock(&handler)(conn));
        self
    }

    /// Sets what is called for every error: no connection could be opened, it failed, or a handler returned an error.
    /// [`Conn::is_open`] tells whether there is a connection.
    #[must_use]
    pub fn on_error(mut self, handler: impl FnMut(&mut Conn<S>, &Error) + Send + 'static) -> WebSocketApp<S> {
        let handler = Mutex::new(handler);
        self.handlers.set_error(move |conn, what| lock(&handler)(conn, what));
        self
    }

    /// Sets what is called when a connection is closed, once for each that was opened, with the code and the reason of
    /// the peer and who closed it. The stream has ended then, too; a peer that does not end it delays this by
    /// [`Config::close_timeout`](crate::protocol::Config::close_timeout) at most.
    #[must_use]
    pub fn on_close(
        mut self,
        handler: impl FnMut(&mut Conn<S>, &Closed) + Send + 'static,
    ) -> WebSocketApp<S> {
        let handler = Mutex::new(handler);
        self.handlers.set_close(move |conn, what| lock(&handler)(conn, what));
        self
    }
}

/// A client calls one handler at a time, so nobody waits here.
fn lock<H>(handler: &Mutex<H>) -> MutexGuard<'_, H> {
    handler.lock().unwrap_or_else(PoisonError::into_inner)
}
