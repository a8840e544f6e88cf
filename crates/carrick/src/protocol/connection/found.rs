//! What a call to `receive` comes upon, and how it becomes an event.

use std::{ops::Range, time::Duration};

use bytes::Bytes;

use super::{
    event::{Event, Payload},
    message_reader::{Delivered, Place},
};

/// What a piece of a frame led to.
pub(super) enum Step {
    Nothing,
    Found(Found),
    Closed,
}

/// What a call to `receive` came upon, before it is tied to the buffers.
pub(super) enum Found {
    Data(Delivered, Range<usize>),
    Ping(Control),
    Pong(Control, Option<Duration>),
}

/// Where the payload of a control frame is.
pub(super) enum Control {
    Received(Range<usize>),
    Joined(Bytes),
}

/// Ties what was found to the received bytes.
pub(super) fn event(found: Found, received: &mut [u8]) -> Event<'_> {
    match found {
        Found::Data(Delivered::Message { kind, payload, compressed }, range) => {
            Event::Message { kind, payload: place(payload, range, received), compressed }
        }
        Found::Data(Delivered::Piece { kind, payload, compressed, first, last }, range) => {
            Event::Piece { kind, payload: place(payload, range, received), compressed, first, last }
        }
        Found::Ping(control) => Event::Ping(control_payload(control, received)),
        Found::Pong(control, round_trip) => {
            Event::Pong { payload: control_payload(control, received), round_trip }
        }
    }
}

fn place(place: Place, range: Range<usize>, received: &mut [u8]) -> Payload<'_> {
    match place {
        Place::Received => Payload::Received(received.get_mut(range).unwrap_or_default()),
        Place::Assembled(bytes) => Payload::Assembled(bytes),
    }
}

fn control_payload(control: Control, received: &mut [u8]) -> Payload<'_> {
    match control {
        Control::Received(range) => Payload::Received(received.get_mut(range).unwrap_or_default()),
        Control::Joined(bytes) => Payload::Assembled(bytes),
    }
}
