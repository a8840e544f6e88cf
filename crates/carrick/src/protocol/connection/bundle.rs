//! Prepared messages framed side by side, which are written to each of many connections in one piece.

use bytes::{Bytes, BytesMut};

use super::{connection::Connection, prepared::Prepared, trace::Traffic};
use crate::protocol::payload::Pool;

/// Messages for many connections of a server, in their order.
#[derive(Debug, Default)]
pub(crate) struct Bundle {
    messages: Vec<Prepared>,
    /// Made when they are first needed, one for each window that the connections compress with.
    forms: Vec<(Option<u8>, Form)>,
}

/// The frames of a bundle as one window of compression has them.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) bytes: Bytes,
    frames: Vec<FramePlace>,
}

#[derive(Clone, Copy, Debug)]
struct FramePlace {
    /// Where it ends in `bytes`.
    end: usize,
    payload_length: usize,
    compressed: bool,
}

impl Bundle {
    /// Has it hold these messages instead of what it held.
    pub(crate) fn fill<'a>(&mut self, messages: impl Iterator<Item = &'a Prepared>) {
        self.clear();
        self.messages.extend(messages.cloned());
    }

    /// Lets go of the messages.
    pub(crate) fn clear(&mut self) {
        self.messages.clear();
        self.forms.clear();
    }

    /// The frames for a connection that compresses with `window_bits`, or not at all.
    pub(super) fn form(&mut self, window_bits: Option<u8>, pool: &mut Pool) -> Option<&Form> {
        let known = self.forms.iter().position(|(bits, _)| *bits == window_bits);
        let index = known.unwrap_or_else(|| {
            self.forms.push((window_bits, Form::new(&self.messages, window_bits, pool)));
            self.forms.len() - 1
        });
        self.forms.get(index).map(|(_, form)| form)
    }
}

impl Form {
    fn new(messages: &[Prepared], window_bits: Option<u8>, pool: &mut Pool) -> Form {
        let framed: Vec<_> = messages.iter().map(|message| message.framed(window_bits, pool)).collect();
        let mut frames = Vec::with_capacity(framed.len());
        let mut end = 0;
        for one in &framed {
            end += one.bytes.len();
            frames.push(FramePlace { end, payload_length: one.payload_length(), compressed: one.rsv1 });
        }
        let bytes = match &framed[..] {
            [one] => one.bytes.clone(),
            several => {
                let mut bytes = BytesMut::with_capacity(end);
                several.iter().for_each(|one| bytes.extend_from_slice(&one.bytes));
                bytes.freeze()
            }
        };
        Form { bytes, frames }
    }

    /// Of which frames the first `n` bytes have something: how many, and where the last of them ends.
    pub(crate) fn begun(&self, n: usize) -> (usize, usize) {
        if n == 0 {
            return (0, 0);
        }
        let before = self.frames.partition_point(|frame| frame.end < n);
        let end = self.frames.get(before).map_or(self.bytes.len(), |frame| frame.end);
        (self.frames.len().min(before + 1), end)
    }

    /// What the first so many frames count, and whether one of them is compressed.
    pub(super) fn traffic(&self, frames: usize) -> (Traffic, bool) {
        let begun = self.frames.get(..frames).unwrap_or_default();
        let bytes = begun.iter().map(|frame| frame.payload_length as u64).sum();
        let count = begun.len() as u64;
        let compressed = begun.iter().any(|frame| frame.compressed);
        (Traffic { frames: count, bytes, messages: count }, compressed)
    }
}

impl Connection {
    /// The frames of messages that were prepared for many connections, to be written as they are; `None` if this
    /// connection has to do something with each of them. What is written of them is to be [noted](Connection::note_sent).
    pub(crate) fn form_of<'b>(&self, bundle: &'b mut Bundle, pool: &mut Pool) -> Option<&'b Form> {
        let as_they_are = self.may_send()
            && !self.terms.role.masks()
            && !self.writer.is_open()
            && !self.ledger.is_tracing();
        let window_bits = self.terms.compressing().map(|by| by.window_bits);
        if as_they_are { bundle.form(window_bits, pool) } else { None }
    }

    /// So many frames of a form have left, or stand in the output now.
    pub(crate) fn note_sent(&mut self, form: &Form, frames: usize) {
        let (traffic, compressed) = form.traffic(frames);
        self.ledger.count_sent_messages(traffic);
        if compressed {
            self.writer.forget_window();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Message;

    #[test]
    fn the_frames_stand_side_by_side_and_are_found_by_their_bytes() {
        let messages = [&b"one"[..], b"", b"three"].map(|bytes| Prepared::new(Message::binary(bytes)));
        let mut bundle = Bundle::default();
        bundle.fill(messages.iter());
        let form = bundle.form(None, &mut Pool::new()).unwrap();
        assert_eq!(form.bytes[..], *b"\x82\x03one\x82\x00\x82\x05three");
        let begun: Vec<_> = [0, 1, 5, 6, 7, 8, 14].map(|n| form.begun(n)).into();
        assert_eq!(begun, [(0, 0), (1, 5), (1, 5), (2, 7), (2, 7), (3, 14), (3, 14)]);
        assert_eq!(form.traffic(2), (Traffic { frames: 2, bytes: 3, messages: 2 }, false));
        bundle.fill(messages[..1].iter());
        assert_eq!(bundle.form(None, &mut Pool::new()).unwrap().bytes[..], *b"\x82\x03one");
    }

    #[test]
    fn each_window_has_its_form() {
        let mut bundle = Bundle::default();
        bundle.fill([Prepared::new(Message::text("again and ".repeat(100)))].iter());
        let pool = &mut Pool::new();
        let compressed = bundle.form(Some(12), pool).unwrap().bytes.clone();
        let plain = bundle.form(None, pool).unwrap();
        assert!(compressed.len() < plain.bytes.len() && !plain.traffic(1).1);
        assert!(bundle.form(Some(12), pool).unwrap().traffic(1).1);
    }
}
