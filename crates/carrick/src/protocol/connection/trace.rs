//! Records of frames, and counts of them.

use std::{collections::VecDeque, fmt, time::Instant};

use crate::protocol::frame::Opcode;

/// Which way a frame went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the peer to us.
    In,
    /// From us to the peer.
    Out,
}

/// One frame that went over the wire, without its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        Ok(())
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
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) received: Traffic,
    pub(super) sent: Traffic,
    records: Option<VecDeque<FrameRecord>>,
}

impl Ledger {
    pub(super) fn set_tracing(&mut self, on: bool) {
        match (on, &self.records) {
            (true, None) => self.records = Some(VecDeque::new()),
            (true, Some(_)) => {}
            (false, _) => self.records = None,
        }
    }

    #[inline]
    pub(super) fn note(&mut self, record: FrameRecord) {
        let traffic = match record.direction {
            Direction::In => &mut self.received,
            Direction::Out => &mut self.sent,
        };
        traffic.count(record.opcode, record.fin, record.length);
        if let Some(records) = &mut self.records {
            // Nobody may be taking them: the oldest go.
            if records.len() == MAX_RECORDS {
                records.pop_front();
            }
            records.push_back(record);
        }
    }

    pub(super) fn next_record(&mut self) -> Option<FrameRecord> {
        self.records.as_mut()?.pop_front()
    }
}

const MAX_RECORDS: usize = 1024;

#[cfg(test)]
#[expect(clippy::disallowed_methods)]
mod tests {
    use super::*;

    fn ping(at: Instant, length: u64) -> FrameRecord {
        FrameRecord {
            at,
            direction: Direction::In,
            opcode: Opcode::Ping,
            fin: true,
            compressed: false,
            masked: true,
            length,
        }
    }

    #[test]
    fn records_are_kept_only_while_tracing_and_the_oldest_go_first() {
        let now = Instant::now();
        let mut ledger = Ledger::default();
        ledger.note(ping(now, 0));
        assert_eq!(ledger.next_record(), None);
        ledger.set_tracing(true);
        for length in 0..=MAX_RECORDS as u64 {
            ledger.note(ping(now, length));
        }
        assert_eq!(ledger.next_record(), Some(ping(now, 1)));
        ledger.set_tracing(false);
        assert_eq!(ledger.next_record(), None);
        assert_eq!(ledger.received.frames, MAX_RECORDS as u64 + 2);
        assert_eq!(ledger.received.messages, 0);
    }

    #[test]
    fn a_record_reads_like_a_line_of_a_trace() {
        assert_eq!(ping(Instant::now(), 4).to_string(), "< ping 4 bytes fin masked");
    }
}
