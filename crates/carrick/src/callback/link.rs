//! What carries the connection of a `Conn`: a stream that tokio drives, or a socket of the reactor.

use std::{
    net::SocketAddr,
    task::{Context, Poll},
};

use super::desk::Desk;
use crate::{
    protocol::{Agreement, Connection, Kind, Shell},
    reactor::Line,
    transport::NetStream,
    websocket::WebSocket,
};

#[derive(Debug)]
pub(super) enum Link {
    /// There is no connection; only on a client.
    None,
    /// A client's.
    Stream(Box<WebSocket<NetStream>>),
    /// A server's, and what the thread lends while its loop is at this connection.
    Line(Line, Option<Box<Desk>>),
}

impl Link {
    pub(super) fn connection(&self) -> Option<&Connection> {
        match self {
            Link::None => None,
            Link::Stream(websocket) => Some(websocket.connection()),
            Link::Line(line, _) => Some(line.connection()),
        }
    }

    pub(super) fn connection_mut(&mut self) -> Option<&mut Connection> {
        match self {
            Link::None => None,
            Link::Stream(websocket) => Some(websocket.connection_mut()),
            Link::Line(line, _) => Some(line.connection_mut()),
        }
    }

    /// Calls into the core; `None` if there is no connection.
    pub(super) fn with_shell<R>(
        &mut self,
        call: impl FnOnce(&mut Connection, &mut Shell<'_>) -> R,
    ) -> Option<R> {
        match self {
            Link::None => None,
            Link::Stream(websocket) => Some(websocket.with_shell(call)),
            Link::Line(line, desk) => Some(line.with_shell(&mut desk.as_mut()?.lent, call)),
        }
    }

    /// Queues a copy of a message in the short way, if that is all there is to do.
    #[inline]
    pub(super) fn send_plain(&mut self, kind: Kind, payload: &[u8]) -> bool {
        match self {
            Link::Line(line, Some(desk)) => line.send_plain(&mut desk.lent, kind, payload),
            Link::Line(_, None) | Link::None | Link::Stream(_) => false,
        }
    }

    /// Whether a message may be queued. Where it may not, `cx` is woken once it may; the loop of a server looks again
    /// by itself.
    pub(super) fn has_room(&mut self, cx: &mut Context<'_>) -> bool {
        match self {
            Link::None => false,
            Link::Stream(websocket) => matches!(websocket.poll_room(cx), Poll::Ready(Ok(()))),
            Link::Line(line, _) => line.has_room(),
        }
    }

    pub(super) fn set_high_water_bytes(&mut self, bytes: usize) {
        match self {
            Link::None => {}
            Link::Stream(websocket) => websocket.set_high_water_bytes(bytes),
            Link::Line(line, _) => line.set_high_water_bytes(bytes),
        }
    }

    pub(super) fn buffered_amount(&self) -> usize {
        match self {
            Link::None => 0,
            Link::Stream(websocket) => websocket.buffered_amount(),
            Link::Line(line, _) => line.unsent(),
        }
    }

    pub(super) fn agreement(&self) -> Option<&Agreement> {
        match self {
            Link::None => None,
            Link::Stream(websocket) => Some(websocket.agreement()),
            Link::Line(line, _) => Some(line.agreement()),
        }
    }

    pub(super) fn peer_addr(&self) -> Option<SocketAddr> {
        match self {
            Link::None => None,
            Link::Stream(websocket) => websocket.stream().peer_addr(),
            Link::Line(line, _) => line.peer_addr(),
        }
    }

    /// What the thread of a server lends, while its loop is at this connection.
    pub(super) fn desk(&self) -> Option<&Desk> {
        match self {
            Link::Line(_, desk) => desk.as_deref(),
            Link::None | Link::Stream(_) => None,
        }
    }

    pub(super) fn desk_mut(&mut self) -> Option<&mut Desk> {
        match self {
            Link::Line(_, desk) => desk.as_deref_mut(),
            Link::None | Link::Stream(_) => None,
        }
    }
}
