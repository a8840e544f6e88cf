//! Received bytes to frames, unmasked in place.

use std::ops::Range;

use super::header::{Header, HeaderRules};
use crate::protocol::{payload::mask, role::Role, violation::Violation};

/// Cuts what a peer sends into frames, however the bytes arrive.
///
/// The reader owns no buffer: it unmasks the payload where it lies and answers with its place. Only a header that is
/// cut between two reads is kept, in 14 bytes of its own.
#[derive(Debug)]
pub struct FrameReader {
    rules: HeaderRules,
    max_frame_bytes: u64,
    /// The frame whose payload is being received.
    open: Option<OpenFrame>,
    /// A header that is not complete yet.
    partial: [u8; Header::MAX_BYTES],
    /// `partial_length < MAX_BYTES`, and 0 while `open` is some.
    partial_length: u8,
}

#[derive(Debug)]
struct OpenFrame {
    header: Header,
    /// Payload bytes still to come.
    remaining: u64,
    /// Position in the masking key, 0 to 3.
    phase: u8,
}

/// Some bytes of a frame's payload, all of them in most cases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FramePiece {
    /// The header of the frame.
    pub header: Header,
    /// Where the payload lies in the bytes given to [`FrameReader::read`]; it ends where the consumed bytes end.
    pub payload: Range<usize>,
    /// Whether this is the first piece of its frame.
    pub first: bool,
    /// Whether this is the last piece of its frame.
    pub last: bool,
}

impl FrameReader {
    /// A reader for what the peer of `role` sends. `rsv1` says whether permessage-deflate was negotiated.
    #[must_use]
    pub fn new(role: Role, rsv1: bool, max_frame_bytes: u64) -> FrameReader {
        FrameReader {
            rules: HeaderRules { masked: role.peer().masks(), rsv1 },
            max_frame_bytes,
            open: None,
            partial: [0; Header::MAX_BYTES],
            partial_length: 0,
        }
    }

    /// Whether a frame has begun of which bytes are still to come.
    #[must_use]
    pub fn is_inside_frame(&self) -> bool {
        self.open.is_some() || self.partial_length > 0
    }

    /// Takes the next piece of a frame from the front of `received`, and says how many bytes it consumed.
    ///
    /// A piece comes as soon as the header is complete, even if no byte of the payload is there yet, so that what is
    /// wrong with a frame is seen before its payload arrives. `None` means that more bytes are needed; what was
    /// received is consumed then.
    ///
    /// # Errors
    ///
    /// The [`Violation`] for the rule that the frame breaks. The reader is not usable afterwards.
    #[inline]
    pub fn read(&mut self, received: &mut [u8]) -> Result<(usize, Option<FramePiece>), Violation> {
        let (start, first) = if self.open.is_some() {
            if received.is_empty() {
                return Ok((0, None));
            }
            (0, false)
        } else {
            match self.read_header(received)? {
                Some(start) => (start, true),
                None => return Ok((received.len(), None)),
            }
        };
        let Some(frame) = &mut self.open else { return Ok((start, None)) };

        let available = received.len() - start;
        // The cast keeps the value: it is at most `available`.
        let n = frame.remaining.min(available as u64) as usize;
        let end = start + n;
        if let (Some(key), Some(payload)) = (frame.header.mask, received.get_mut(start..end)) {
            frame.phase = mask(payload, key, usize::from(frame.phase)) as u8;
        }
        frame.remaining -= n as u64;
        let last = frame.remaining == 0;
        let piece = FramePiece { header: frame.header, payload: start..end, first, last };
        if last {
            self.open = None;
        }
        Ok((end, Some(piece)))
    }

    /// Opens the next frame; answers where in `received` its payload starts, or `None` if the header goes on.
    #[inline]
    fn read_header(&mut self, received: &[u8]) -> Result<Option<usize>, Violation> {
        let (header, start) = if self.partial_length == 0 {
            match Header::parse(received, self.rules)? {
                Some(parsed) => parsed,
                None => {
                    self.keep(received);
                    return Ok(None);
                }
            }
        } else {
            let kept = usize::from(self.partial_length);
            self.keep(received);
            let joined = self.partial.get(..usize::from(self.partial_length)).unwrap_or_default();
            match Header::parse(joined, self.rules)? {
                Some((header, length)) => (header, length - kept),
                None => return Ok(None),
            }
        };
        self.partial_length = 0;
        if header.length > self.max_frame_bytes {
            return Err(Violation::FrameTooLarge { length: header.length, limit: self.max_frame_bytes });
        }
        self.open = Some(OpenFrame { header, remaining: header.length, phase: 0 });
        Ok(Some(start))
    }

    /// Keeps the start of a header, as much as `partial` has room for.
    fn keep(&mut self, received: &[u8]) {
        let kept = usize::from(self.partial_length);
        let room = self.partial.get_mut(kept..).unwrap_or_default();
        let n = room.len().min(received.len());
        for (slot, &byte) in room.iter_mut().zip(received) {
            *slot = byte;
        }
        self.partial_length += n as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::frame::Opcode;

    /// Reads everything in chunks of `step` bytes and joins the payloads frame by frame.
    fn read_all(bytes: &[u8], step: usize) -> Result<Vec<(Opcode, Vec<u8>)>, Violation> {
        let mut reader = FrameReader::new(Role::Server, false, 70_000);
        let mut frames: Vec<(Opcode, Vec<u8>)> = Vec::new();
        for chunk in bytes.chunks(step) {
            let mut received = chunk.to_vec();
            let mut rest = &mut received[..];
            loop {
                let (consumed, piece) = reader.read(rest)?;
                let Some(piece) = piece else { break };
                assert_eq!(piece.payload.end, consumed);
                if piece.first {
                    frames.push((piece.header.opcode, Vec::new()));
                }
                frames.last_mut().unwrap().1.extend_from_slice(&rest[piece.payload.clone()]);
                rest = &mut rest[consumed..];
            }
        }
        Ok(frames)
    }

    #[test]
    fn frames_are_the_same_wherever_the_bytes_are_cut() {
        let mut bytes = Vec::new();
        let long = vec![7; 300];
        for (first, payload) in [(0x81, &b"Hello"[..]), (0x89, b""), (0x02, &long), (0x80, b"x")] {
            let header = Header {
                fin: first & 0x80 != 0,
                rsv1: false,
                opcode: Opcode::try_from(first & 0x0f).unwrap(),
                mask: Some([0x37, 0xfa, 0x21, 0x3d]),
                length: payload.len() as u64,
            };
            let mut encoded = bytes::BytesMut::new();
            header.encode(&mut encoded);
            bytes.extend_from_slice(&encoded);
            let mut masked = payload.to_vec();
            mask(&mut masked, [0x37, 0xfa, 0x21, 0x3d], 0);
            bytes.extend_from_slice(&masked);
        }
        let whole = read_all(&bytes, bytes.len()).unwrap();
        assert_eq!(whole[0], (Opcode::Text, b"Hello".to_vec()));
        assert_eq!(whole[2], (Opcode::Binary, long));
        for step in 1..bytes.len() {
            assert_eq!(read_all(&bytes, step).unwrap(), whole, "chunks of {step} bytes");
        }
    }

    #[test]
    fn the_frame_limit_is_exact_and_seen_in_the_header() {
        let header = |length: u32| {
            let mut bytes = vec![0x82, 0xff, 0, 0, 0, 0];
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(&[0; 4]);
            bytes
        };
        assert!(read_all(&header(69_999), 100).is_ok());
        assert!(read_all(&header(70_000), 100).is_ok());
        let violation = Violation::FrameTooLarge { length: 70_001, limit: 70_000 };
        assert_eq!(read_all(&header(70_001), 100), Err(violation));
        assert_eq!(read_all(&header(70_001), 1), Err(violation));
    }
}
