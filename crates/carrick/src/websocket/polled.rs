//! A `WebSocket` as an event loop drives it: nothing here waits.

use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{driver::Received, websocket::WebSocket};
use crate::{
    error::Error,
    protocol::{Compression, Delivery, Kind, Message, Prepared, Role, SendError},
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

    pub(crate) fn queue(&mut self, message: Message, compression: Compression) -> Result<(), SendError> {
        self.driver.queue(|connection, shell| connection.send(message, compression, shell))
    }

    pub(crate) fn queue_prepared(&mut self, prepared: &Prepared) -> Result<(), SendError> {
        self.driver.queue(|connection, shell| connection.send_prepared(prepared, shell))
    }

    pub(crate) fn queue_piece(&mut self, kind: Kind, bytes: Bytes, last: bool) -> Result<(), SendError> {
        self.driver
            .queue(|connection, shell| connection.send_piece(kind, bytes, last, Compression::Auto, shell))
    }

    pub(crate) fn queue_ping(&mut self, payload: Bytes) -> Result<(), SendError> {
        self.driver.with_shell(|connection, shell| connection.ping(payload, shell))
    }

    pub(crate) fn may_send(&self) -> bool {
        self.driver.connection().may_send()
    }

    /// Whether a message that is sent in pieces is not whole.
    pub(crate) fn is_message_open(&self) -> bool {
        self.driver.connection().is_message_open()
    }

    pub(crate) fn role(&self) -> Role {
        self.driver.connection().role()
    }

    pub(crate) fn high_water(&self) -> usize {
        self.driver.connection().config().high_water()
    }
}
