//! The common case both ways, without the steps that others need: a whole message in one short, plain frame.

use std::ops::Range;
#[cfg(feature = "net")]
use std::time::Instant;

use super::{connection::Connection, message::Kind};
#[cfg(feature = "net")]
use super::{message_reader::Delivery, message_writer::opcode_of};
#[cfg(feature = "net")]
use crate::protocol::frame::Output;
use crate::protocol::{
    frame::{Opcode, PlainFrame},
    payload::{check_whole, mask},
};

impl Connection {
    /// Takes a whole message from the front of received bytes, if that is all there is to do: what it is, and the place
    /// of its payload, which ends where the consumed bytes end. If not, nothing is changed, and
    /// [`receive`](Connection::receive) does what there is. Unlike that it does not note when the bytes came.
    #[cfg(feature = "net")]
    #[inline]
    pub(crate) fn receive_plain(&mut self, received: &mut [u8]) -> Option<(Kind, Range<usize>)> {
        if self.delivery == Delivery::Whole { self.take_plain(received) } else { None }
    }

    /// Notes that bytes came, or were taken which had come: what [`receive_plain`](Connection::receive_plain) leaves out.
    #[cfg(feature = "net")]
    #[inline]
    pub(crate) fn handle_bytes(&mut self, now: Instant) {
        self.keepalive.handle_bytes(now);
    }

    /// Whether it is open, and neither a pong nor a record of a frame waits.
    #[cfg(feature = "net")]
    #[inline]
    pub(crate) fn is_calm(&self) -> bool {
        self.closing.may_send() && !self.control.has_ping() && !self.ledger.is_tracing()
    }

    /// Takes such a message from the front of received bytes, if nothing else has to be done first: the place of its
    /// payload, which is not masked any more and ends where the consumed bytes end. Whatever else it is, nothing is
    /// changed, and the other steps of [`receive`](Connection::receive) find out.
    #[inline(always)]
    pub(super) fn take_plain(&mut self, received: &mut [u8]) -> Option<(Kind, Range<usize>)> {
        let is_between = !self.frames.is_inside_frame() && !self.reader.is_open();
        let is_usual = self.closing.may_send() && !self.control.has_ping() && !self.ledger.is_tracing();
        if !(is_between && is_usual) {
            return None;
        }
        let frame = PlainFrame::peek(received, self.terms.role.peer().masks())?;
        let (range, length) = (frame.payload(), frame.length() as u64);
        if length > self.config.max_frame_bytes || length > self.config.max_message_bytes {
            return None;
        }
        let payload = received.get_mut(range.clone())?;
        if let Some(key) = frame.mask {
            mask(payload, key, 0);
        }
        let kind = if frame.opcode == Opcode::Text { Kind::Text } else { Kind::Binary };
        if kind == Kind::Text && !is_text(payload, frame.mask) {
            return None;
        }
        self.ledger.count_received(frame.opcode, true, length);
        Some((kind, range))
    }

    /// Queues a copy of a message as such a frame, if that is all there is to do. If not, nothing is changed, and
    /// [`send`](Connection::send) does what there is.
    #[cfg(feature = "net")]
    #[inline]
    pub(crate) fn send_plain(&mut self, kind: Kind, payload: &[u8], output: &mut Output) -> bool {
        let is_plain = payload.len() < Output::SHARED_BYTES
            && self.terms.deflate.is_none()
            && !self.terms.role.masks()
            && !self.writer.is_open();
        let is_usual = self.closing.may_send() && !self.ledger.is_tracing();
        if !(is_plain && is_usual && output.len() < self.config.high_water()) {
            return false;
        }
        let opcode = opcode_of(kind);
        self.ledger.count_sent(opcode, true, payload.len() as u64);
        PlainFrame::write(opcode, payload, output);
        true
    }
}

/// Whether a payload is a text; if not, it is masked again, for those who find out what is wrong with it.
#[inline(never)]
fn is_text(payload: &mut [u8], key: Option<[u8; 4]>) -> bool {
    if check_whole(payload).is_ok() {
        return true;
    }
    if let Some(key) = key {
        mask(payload, key, 0);
    }
    false
}
