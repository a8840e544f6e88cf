//! A `WebSocket` as an event loop drives it: nothing here waits.

use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

use super::{received::Received, websocket::WebSocket};
use crate::{
    error::Error,
    protocol::{Connection, Delivery, Shell},
};

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// The next message or piece, and the next ping or pong between them; `None` once the connection is closed and its
    /// stream at the end. Writes what is queued.
    pub(crate) fn poll_received(
        &mut self,
        cx: &mut Context<'_>,
        delivery: Delivery,
    ) -> Poll<Option<Result<Received, Error>>> {
        self.driver.hand_out_control();
        self.driver.poll_receive(cx, delivery)
    }

    /// Waits until a message may be queued.
    pub(crate) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.driver.poll_ready(cx)
    }

    /// Calls into the core with the output of this connection.
    pub(crate) fn with_shell<R>(&mut self, call: impl FnOnce(&mut Connection, &mut Shell<'_>) -> R) -> R {
        self.driver.with_shell(call)
    }

    pub(crate) fn connection(&self) -> &Connection {
        self.driver.connection()
    }

    pub(crate) fn connection_mut(&mut self) -> &mut Connection {
        self.driver.connection_mut()
    }
}
