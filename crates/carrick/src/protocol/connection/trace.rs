//! Records of frames, and counts of them.

use std::{collections::VecDeque, fmt, time::Instant};

use bytes::Bytes;

use super::preview::{kept_bytes, write_preview};
use crate::protocol::frame::{FramePiece, Header, Opcode};

/// Which way a frame went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the peer to us.
    In,
    /// From us to the peer.
    Out,
}

/// One frame that went over the wire.
///
/// Its `Display` is a line of a trace: `< text 5 bytes fin masked "Hello"`. A payload, or the start of it, is shown in
/// quotes if it is text that can be printed, else in hexadecimal digits; a close frame by its code, the code in words
/// and its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameRecord {
    /// When its header was received, or when it was queued.
    pub at: Instant,
    /// Which way it went.
    pub direction: Direction,
    /// What it is.
    pub opcode: Opcode,
    /// Whether it is the last fragment of its message.
    pub fin: bool,
    /// Whether it begins a compressed message (RSV1 with permessage-deflate).
    pub compressed: bool,
    /// Whether its payload was masked.
    pub masked: bool,
    /// Length of its payload on the wire, in bytes.
    pub length: u64,
    /// The start of its payload: at most 32 bytes of a data frame, all of a control frame. Not masked, and compressed
    /// where the frame is. It is shorter if the connection ended before so much of it came.
    pub preview: Bytes,
}

impl fmt::Display for FrameRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrow = match self.direction {
            Direction::In => "<",
            Direction::Out => ">",
        };
        write!(f, "{arrow} {} {} bytes", self.opcode, self.length)?;
        for (flag, word) in [(self.fin, "fin"), (self.compressed, "deflate"), (self.masked, "masked")] {
            if flag {
                write!(f, " {word}")?;
            }
        }
        let cut = self.length > self.preview.len() as u64;
        write_preview(f, self.opcode, &self.preview, cut)
    }
}

/// What went one way over a connection since its opening handshake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Frames of all kinds.
    pub frames: u64,
    /// Payload bytes of all frames, as they are on the wire.
    pub bytes: u64,
    /// Whole data messages.
    pub messages: u64,
}

impl Traffic {
    pub(super) fn count(&mut self, opcode: Opcode, fin: bool, length: u64) {
        self.frames += 1;
        self.bytes = self.bytes.saturating_add(length);
        if fin && !opcode.is_control() {
            self.messages += 1;
        }
    }
}

/// The counts of both ways and, while tracing is on, the latest records.
///
/// What every connection owns is small: it counts in 32 bits, and what they cannot hold is carried over to the heap.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    received: Count,
    sent: Count,
    rare: Option<Box<Rare>>,
}

/// What has not been carried over yet.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    frames: u32,
    bytes: u32,
    /// `messages <= frames`
    messages: u32,
}

/// What few connections need.
#[derive(Debug, Default)]
struct Rare {
    /// What was carried over.
    received: Traffic,
    sent: Traffic,
    trace: Option<Trace>,
}

/// A frame that is queued.
pub(super) struct SentFrame<'a> {
    pub(super) opcode: Opcode,
    pub(super) fin: bool,
    pub(super) compressed: bool,
    pub(super) masked: bool,
    /// Not masked yet.
    pub(super) payload: &'a [u8],
}

#[derive(Debug, Default)]
struct Trace {
    records: VecDeque<FrameRecord>,
    /// How many were thrown away, before the first one of `records`, and not told yet.
    lost: u64,
    /// The frame that is being received, until enough of its payload is there. The frames of a peer come one after the
    /// other, so there is only one.
    open: Option<(FrameRecord, Vec<u8>)>,
}

impl Count {
    /// Takes a frame, unless that makes more than 32 bits can hold.
    #[inline]
    fn take(&mut self, opcode: Opcode, fin: bool, length: u64) -> bool {
        let bytes = u64::from(self.bytes).saturating_add(length);
        let (Some(frames), Ok(bytes)) = (self.frames.checked_add(1), u32::try_from(bytes)) else {
            return false;
        };
        let messages = self.messages + u32::from(fin && !opcode.is_control());
        *self = Count { frames, bytes, messages };
        true
    }

    /// Takes whole messages, unless that makes more than 32 bits can hold.
    #[cfg(feature = "net")]
    fn take_messages(&mut self, traffic: Traffic) -> bool {
        let sum = |counted: u32, more: u64| u32::try_from(u64::from(counted).saturating_add(more)).ok();
        let (Some(frames), Some(bytes)) = (sum(self.frames, traffic.frames), sum(self.bytes, traffic.bytes))
        else {
            return false;
        };
        // No more messages than frames.
        *self = Count { frames, bytes, messages: self.messages + traffic.messages as u32 };
        true
    }

    /// Carries everything over, and a frame that there was no room for.
    #[cold]
    fn carry(&mut self, carried: &mut Traffic, opcode: Opcode, fin: bool, length: u64) {
        *carried = std::mem::take(self).total(*carried);
        carried.count(opcode, fin, length);
    }

    /// What is counted here and in `carried`.
    fn total(self, carried: Traffic) -> Traffic {
        Traffic {
            frames: carried.frames + u64::from(self.frames),
            bytes: carried.bytes.saturating_add(u64::from(self.bytes)),
            messages: carried.messages + u64::from(self.messages),
        }
    }
}

impl Ledger {
    pub(super) fn received(&self) -> Traffic {
        self.received.total(self.rare.as_ref().map(|rare| rare.received).unwrap_or_default())
    }

    pub(super) fn sent(&self) -> Traffic {
        self.sent.total(self.rare.as_ref().map(|rare| rare.sent).unwrap_or_default())
    }

    pub(super) fn set_tracing(&mut self, on: bool) {
        if on {
            self.rare.get_or_insert_default().trace.get_or_insert_default();
        } else if let Some(rare) = &mut self.rare {
            rare.trace = None;
        }
    }

    pub(super) fn is_tracing(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.trace.is_some())
    }

    /// Takes a piece of a received frame, whose payload is `payload`, not masked any more.
    #[inline]
    pub(super) fn note_received(&mut self, piece: &FramePiece, payload: &[u8], now: Instant) {
        if piece.first {
            let Header { opcode, fin, length, .. } = piece.header;
            self.count_received(opcode, fin, length);
        }
        if let Some(trace) = self.trace() {
            trace.receive(piece, payload, now);
        }
    }

    /// Takes a received frame that needs no record.
    #[inline]
    pub(super) fn count_received(&mut self, opcode: Opcode, fin: bool, length: u64) {
        if !self.received.take(opcode, fin, length) {
            let Ledger { received, rare, .. } = self;
            received.carry(&mut rarely(rare).received, opcode, fin, length);
        }
    }

    /// Takes a frame that is queued and needs no record.
    #[inline]
    pub(super) fn count_sent(&mut self, opcode: Opcode, fin: bool, length: u64) {
        if !self.sent.take(opcode, fin, length) {
            let Ledger { sent, rare, .. } = self;
            sent.carry(&mut rarely(rare).sent, opcode, fin, length);
        }
    }

    /// Takes a frame that is queued.
    #[inline]
    pub(super) fn note_sent(&mut self, frame: &SentFrame<'_>, now: Instant) {
        self.count_sent(frame.opcode, frame.fin, frame.payload.len() as u64);
        if let Some(trace) = self.trace() {
            trace.send(frame, now);
        }
    }

    /// Takes whole messages, a frame each, that are written and need no record.
    #[cfg(feature = "net")]
    pub(super) fn count_sent_messages(&mut self, traffic: Traffic) {
        if !self.sent.take_messages(traffic) {
            let carried = &mut self.rare.get_or_insert_default().sent;
            let total = std::mem::take(&mut self.sent).total(*carried);
            *carried = Traffic {
                frames: total.frames + traffic.frames,
                bytes: total.bytes.saturating_add(traffic.bytes),
                messages: total.messages + traffic.messages,
            };
        }
    }

    /// Nothing more will be received: a frame that is cut off is recorded as far as it came.
    pub(super) fn stop(&mut self) {
        if let Some(trace) = self.trace() {
            trace.close_record();
        }
    }

    pub(super) fn next_record(&mut self) -> Option<FrameRecord> {
        self.trace()?.records.pop_front()
    }

    pub(super) fn take_lost(&mut self) -> u64 {
        self.trace().map_or(0, |trace| std::mem::take(&mut trace.lost))
    }

    fn trace(&mut self) -> Option<&mut Trace> {
        self.rare.as_mut()?.trace.as_mut()
    }
}

impl Trace {
    #[cold]
    fn receive(&mut self, piece: &FramePiece, payload: &[u8], now: Instant) {
        let header = &piece.header;
        if piece.first {
            let record = FrameRecord {
                at: now,
                direction: Direction::In,
                opcode: header.opcode,
                fin: header.fin,
                compressed: header.rsv1,
                masked: header.mask.is_some(),
                length: header.length,
                preview: Bytes::new(),
            };
            self.open = Some((record, Vec::new()));
        }
        // Tracing may have begun inside of the frame.
        let Some((record, preview)) = &mut self.open else { return };
        let wanted = kept_bytes(record.opcode, record.length);
        let missing = payload.len().min(wanted - preview.len());
        preview.extend_from_slice(payload.get(..missing).unwrap_or_default());
        if preview.len() == wanted {
            self.close_record();
        }
    }

    #[cold]
    fn send(&mut self, frame: &SentFrame<'_>, now: Instant) {
        let &SentFrame { opcode, fin, compressed, masked, payload } = frame;
        let length = payload.len() as u64;
        let preview = payload.get(..kept_bytes(opcode, length)).unwrap_or_default();
        let preview = Bytes::copy_from_slice(preview);
        let direction = Direction::Out;
        self.push(FrameRecord { at: now, direction, opcode, fin, compressed, masked, length, preview });
    }

    fn close_record(&mut self) {
        if let Some((record, preview)) = self.open.take() {
            self.push(FrameRecord { preview: preview.into(), ..record });
        }
    }

    fn push(&mut self, record: FrameRecord) {
        // Nobody may be taking them: the oldest go.
        if self.records.len() == MAX_RECORDS {
            self.records.pop_front();
            self.lost += 1;
        }
        self.records.push_back(record);
    }
}

/// What few connections need, made if it is not there. Out of line, for it is asked for where frames are counted.
#[cold]
fn rarely(rare: &mut Option<Box<Rare>>) -> &mut Rare {
    rare.get_or_insert_default()
}

const MAX_RECORDS: usize = 1024;

#[cfg(test)]
#[expect(clippy::disallowed_methods)]
mod tests {
    use super::*;

    fn piece(opcode: Opcode, length: u64, first: bool) -> FramePiece {
        let header = Header { fin: true, rsv1: false, opcode, mask: Some([0; 4]), length };
        FramePiece { header, payload: 0..0, first, last: false }
    }

    fn lines(ledger: &mut Ledger) -> Vec<String> {
        std::iter::from_fn(|| ledger.next_record()).map(|record| record.to_string()).collect()
    }

    #[test]
    fn records_are_kept_only_while_tracing_and_the_oldest_go_first() {
        let now = Instant::now();
        let mut ledger = Ledger::default();
        let ping = |ledger: &mut Ledger, payload: &[u8]| {
            ledger.note_received(&piece(Opcode::Ping, payload.len() as u64, true), payload, now);
        };
        ping(&mut ledger, b"");
        assert_eq!(ledger.next_record(), None);
        ledger.set_tracing(true);
        ping(&mut ledger, b"oldest");
        ping(&mut ledger, b"next");
        for _ in 1..MAX_RECORDS {
            ping(&mut ledger, b"");
        }
        assert_eq!((ledger.take_lost(), ledger.take_lost()), (1, 0));
        assert_eq!(ledger.next_record().unwrap().to_string(), "< ping 4 bytes fin masked \"next\"");
        ledger.set_tracing(false);
        assert_eq!(ledger.next_record(), None);
        assert_eq!(ledger.received().frames, MAX_RECORDS as u64 + 2);
        assert_eq!(ledger.received().messages, 0);
    }

    #[test]
    fn counts_are_exact_beyond_32_bits() {
        let now = Instant::now();
        let mut ledger = Ledger::default();
        let most = u64::from(u32::MAX);
        let mut bytes = 0;
        for length in [1, most - 1, 0, 1, most, most + 1, u64::MAX >> 1, 7] {
            bytes += length;
            ledger.note_received(&piece(Opcode::Binary, length, true), b"", now);
            assert_eq!(ledger.received().bytes, bytes);
        }
        ledger.received.frames = u32::MAX;
        ledger.note_received(&piece(Opcode::Ping, 0, true), b"", now);
        assert_eq!(ledger.received().messages, 8);
        // The last of the eight stood in the small count when that was filled up.
        assert_eq!(ledger.received().frames, 7 + most + 1);
        assert_eq!(ledger.sent(), Traffic::default());
    }

    #[test]
    fn a_received_frame_is_recorded_as_soon_as_the_start_of_its_payload_is_there() {
        let now = Instant::now();
        let mut ledger = Ledger::default();
        ledger.set_tracing(true);
        ledger.note_received(&piece(Opcode::Binary, 33, true), b"", now);
        ledger.note_received(&piece(Opcode::Binary, 33, false), &[b'a'; 31], now);
        assert_eq!(lines(&mut ledger), Vec::<String>::new());
        ledger.note_received(&piece(Opcode::Binary, 33, false), b"b", now);
        let line = format!("< binary 33 bytes fin masked \"{}b\"…", "a".repeat(31));
        assert_eq!(lines(&mut ledger), [line]);
        ledger.note_received(&piece(Opcode::Binary, 33, false), b"c", now);
        assert_eq!(lines(&mut ledger), Vec::<String>::new());
    }

    #[test]
    fn a_frame_that_is_cut_off_is_recorded_as_far_as_it_came() {
        let mut ledger = Ledger::default();
        ledger.set_tracing(true);
        ledger.note_received(&piece(Opcode::Text, 9, true), b"cut", Instant::now());
        ledger.stop();
        ledger.stop();
        assert_eq!(lines(&mut ledger), ["< text 9 bytes fin masked \"cut\"…"]);
    }

    #[test]
    fn tracing_that_begins_inside_of_a_frame_begins_with_the_next() {
        let now = Instant::now();
        let mut ledger = Ledger::default();
        ledger.note_received(&piece(Opcode::Text, 9, true), b"half", now);
        ledger.set_tracing(true);
        ledger.note_received(&piece(Opcode::Text, 9, false), b" more", now);
        assert_eq!(lines(&mut ledger), Vec::<String>::new());
    }
}
