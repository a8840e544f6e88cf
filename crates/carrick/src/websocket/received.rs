//! What a connection has received for its application.

use std::time::Duration;

use bytes::Bytes;

use super::piece::Piece;
use crate::protocol::{Connection, Event, Message, Payload, Shell};

/// What a read brought for the application.
#[derive(Debug)]
pub(crate) enum Received {
    Message(Message),
    Piece(Piece),
    /// What a ping carried. It is answered already.
    Ping(Bytes),
    /// What a pong carried, and the time since the ping of ours that it answers.
    Pong(Bytes, Option<Duration>),
}

impl Received {
    /// Length of what it carries, in bytes.
    pub(super) fn length(&self) -> usize {
        match self {
            Received::Message(message) => message.len(),
            Received::Piece(piece) => piece.bytes.len(),
            Received::Ping(payload) | Received::Pong(payload, _) => payload.len(),
        }
    }

    pub(super) fn set_bytes(&mut self, bytes: Bytes) {
        match self {
            Received::Ping(payload) | Received::Pong(payload, _) => *payload = bytes,
            Received::Message(message) => *message = Message::from_checked(message.kind(), bytes),
            Received::Piece(piece) => piece.bytes = bytes,
        }
    }
}

/// Takes the next event out of `received`; `keep` makes owned bytes of a payload that lies in it. Pings and pongs are
/// events only if `control` says so.
pub(super) fn parse(
    connection: &mut Connection,
    received: &mut [u8],
    shell: &mut Shell<'_>,
    control: bool,
    keep: impl FnOnce(&[u8]) -> Bytes,
) -> (usize, Option<Received>) {
    let (consumed, event) = connection.receive(received, shell);
    let own = |payload: Payload<'_>| match payload {
        Payload::Received(bytes) => keep(bytes),
        Payload::Assembled(bytes) => bytes,
    };
    let received = match event {
        Some(Event::Message { kind, payload, .. }) => {
            Some(Received::Message(Message::from_checked(kind, own(payload))))
        }
        Some(Event::Piece { kind, payload, compressed, first, last }) => {
            Some(Received::Piece(Piece { kind, bytes: own(payload), compressed, first, last }))
        }
        Some(Event::Ping(payload)) if control => Some(Received::Ping(own(payload))),
        Some(Event::Pong { payload, round_trip }) if control => {
            Some(Received::Pong(own(payload), round_trip))
        }
        Some(Event::Ping(_) | Event::Pong { .. } | Event::Closed(_)) | None => None,
    };
    (consumed, received)
}
