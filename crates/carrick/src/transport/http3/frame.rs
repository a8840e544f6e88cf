//! Frames (RFC 9114 §7): a type, a length, a payload.

use std::ops::Range;

use super::varint;

/// The types of frames that this layer tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameKind {
    Data,
    Headers,
    CancelPush,
    Settings,
    PushPromise,
    GoAway,
    MaxPushId,
    /// One of HTTP/2, which must not come (RFC 9114 §7.2.8).
    Reserved,
    /// Any other, which has to be ignored (RFC 9114 §9).
    Unknown,
}

/// Some bytes of a frame, as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FramePart {
    pub(crate) kind: FrameKind,
    /// What the whole payload has.
    pub(crate) length: u64,
    /// Where they lie in the bytes that were read.
    pub(crate) payload: Range<usize>,
    /// Whether the frame ends with these bytes.
    pub(crate) last: bool,
}

/// Finds frames in the bytes of a stream, wherever these are cut. It holds no payload.
#[derive(Debug, Default)]
pub(crate) struct FrameReader {
    /// The start of a header that was cut.
    header: [u8; HEADER_BYTES],
    known: usize,
    /// The frame whose payload is not complete, and how much of it is missing.
    open: Option<(FrameKind, u64, u64)>,
}

impl FrameReader {
    /// How many of the bytes are dealt with, and the next part of a frame in them; without one, more are needed.
    pub(crate) fn read(&mut self, received: &[u8]) -> (usize, Option<FramePart>) {
        let (start, open) = match self.open.take() {
            Some(open) => (0, Some(open)),
            None => self.read_header(received),
        };
        let Some((kind, length, missing)) = open else { return (start, None) };
        let here = received.len() - start;
        if here == 0 && missing > 0 {
            self.open = open;
            return (start, None);
        }
        let here = usize::try_from(missing).map_or(here, |missing| missing.min(here));
        let missing = missing - here as u64;
        self.open = (missing > 0).then_some((kind, length, missing));
        let end = start + here;
        (end, Some(FramePart { kind, length, payload: start..end, last: missing == 0 }))
    }

    /// Whether the stream may end here: between two frames.
    pub(crate) fn may_end(&self) -> bool {
        self.open.is_none() && self.known == 0
    }

    fn read_header(&mut self, received: &[u8]) -> (usize, Option<(FrameKind, u64, u64)>) {
        for (at, byte) in received.iter().enumerate() {
            self.header[self.known] = *byte;
            self.known += 1;
            let known = &self.header[..self.known];
            if let Some((kind, start)) = varint::read(known)
                && let Some((length, _)) = varint::read(&known[start..])
            {
                self.known = 0;
                return (at + 1, Some((FrameKind::of(kind), length, length)));
            }
        }
        (received.len(), None)
    }
}

impl FrameKind {
    fn of(number: u64) -> FrameKind {
        match number {
            0x00 => FrameKind::Data,
            0x01 => FrameKind::Headers,
            0x03 => FrameKind::CancelPush,
            0x04 => FrameKind::Settings,
            0x05 => FrameKind::PushPromise,
            0x07 => FrameKind::GoAway,
            0x0d => FrameKind::MaxPushId,
            0x02 | 0x06 | 0x08 | 0x09 => FrameKind::Reserved,
            _ => FrameKind::Unknown,
        }
    }

    /// The type on the wire, of frames that are sent here.
    fn number(self) -> u64 {
        match self {
            FrameKind::Data => 0x00,
            FrameKind::Headers => 0x01,
            FrameKind::CancelPush => 0x03,
            FrameKind::Settings => 0x04,
            FrameKind::PushPromise => 0x05,
            FrameKind::GoAway => 0x07,
            FrameKind::MaxPushId => 0x0d,
            FrameKind::Reserved | FrameKind::Unknown => unreachable!("nobody sends such a frame"),
        }
    }
}

/// Appends the header of a frame with so many bytes of payload.
pub(crate) fn write_header(kind: FrameKind, length: usize, into: &mut Vec<u8>) {
    varint::write(kind.number(), into);
    varint::write(length as u64, into);
}

/// Appends a frame.
pub(crate) fn write(kind: FrameKind, payload: &[u8], into: &mut Vec<u8>) {
    write_header(kind, payload.len(), into);
    into.extend_from_slice(payload);
}

/// Two integers of eight bytes each.
const HEADER_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames with their parts joined.
    fn frames(pieces: impl IntoIterator<Item = Vec<u8>>) -> (Vec<(FrameKind, Vec<u8>)>, bool) {
        let (mut reader, mut frames, mut open) = (FrameReader::default(), Vec::new(), Vec::new());
        for piece in pieces {
            let mut bytes = &piece[..];
            loop {
                let (consumed, part) = reader.read(bytes);
                let Some(part) = part else {
                    assert_eq!(consumed, bytes.len());
                    break;
                };
                open.extend_from_slice(&bytes[part.payload]);
                bytes = &bytes[consumed..];
                if part.last {
                    assert_eq!(part.length, open.len() as u64);
                    frames.push((part.kind, std::mem::take(&mut open)));
                }
            }
        }
        (frames, reader.may_end())
    }

    #[test]
    fn frames_are_the_same_wherever_they_are_cut() {
        let mut bytes = Vec::new();
        write(FrameKind::Headers, b"abc", &mut bytes);
        write(FrameKind::Data, &[7; 70], &mut bytes);
        write(FrameKind::Data, b"", &mut bytes);
        // Unknown, in more bytes than it needs, and one of HTTP/2.
        bytes.extend_from_slice(&[0xc0, 0, 0, 0, 0, 0, 0x12, 0x34, 0x40, 2, b'x', b'y', 0x06, 0]);
        let expected = vec![
            (FrameKind::Headers, b"abc".to_vec()),
            (FrameKind::Data, vec![7; 70]),
            (FrameKind::Data, vec![]),
            (FrameKind::Unknown, b"xy".to_vec()),
            (FrameKind::Reserved, vec![]),
        ];
        assert_eq!(frames([bytes.clone()]), (expected.clone(), true));
        assert_eq!(frames(bytes.iter().map(|byte| vec![*byte])), (expected.clone(), true));
        let mut between = 0;
        for cut in 1..bytes.len() {
            assert_eq!(frames([bytes[..cut].to_vec(), bytes[cut..].to_vec()]), (expected.clone(), true));
            between += usize::from(frames([bytes[..cut].to_vec()]).1);
        }
        assert_eq!(between, expected.len() - 1);
    }
}
