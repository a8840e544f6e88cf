//! Received bytes to frames, unmasked in place.

use std::ops::Range;

use super::header::{Header, HeaderRules};
use crate::protocol::{payload::mask, violation::Violation};

/// Cuts what a peer sends into frames, however the bytes arrive.
///
/// The reader owns no buffer: it unmasks the payload where it lies and answers with its place. What is kept of a frame
/// that goes on behind a read, its header or the start of that, stands on the heap, so that a connection that waits
/// between two frames pays for one word.
///
/// ```
/// use carrick::protocol::{FrameReader, HeaderRules, Opcode};
///
/// let rules = HeaderRules { masked: false, rsv1: false, max_frame_bytes: 1024 };
/// let mut reader = FrameReader::new();
/// let (consumed, piece) = reader.read(&mut *b"\x81\x05Hello".to_vec(), rules)?;
/// let piece = piece.expect("the header is there");
/// assert_eq!((piece.header.opcode, piece.payload, consumed), (Opcode::Text, 2..7, 7));
/// # Ok::<(), carrick::protocol::Violation>(())
/// ```
#[derive(Debug, Default)]
pub struct FrameReader {
    /// The frame that goes on with the next bytes.
    cut: Option<Box<Cut>>,
}

/// Where a frame was cut.
#[derive(Debug)]
enum Cut {
    Header(PartialHeader),
    Payload(OpenFrame),
}

/// The start of a header.
#[derive(Debug, Default)]
struct PartialHeader {
    bytes: [u8; Header::MAX_BYTES],
    /// `length < MAX_BYTES`
    length: u8,
}

/// A frame whose payload is being received.
#[derive(Clone, Copy, Debug)]
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
    /// A reader in front of the first frame.
    #[must_use]
    pub fn new() -> FrameReader {
        FrameReader::default()
    }

    /// Whether a frame has begun of which bytes are still to come.
    #[must_use]
    pub fn is_inside_frame(&self) -> bool {
        self.cut.is_some()
    }

    /// How many payload bytes of a data frame are still to come, if one was cut.
    pub(crate) fn missing(&self) -> Option<u64> {
        match self.cut.as_deref() {
            Some(Cut::Payload(frame)) if !frame.header.opcode.is_control() => Some(frame.remaining),
            Some(Cut::Payload(_) | Cut::Header(_)) | None => None,
        }
    }

    /// Takes the next piece of a frame from the front of `received`, and says how many bytes it consumed. `rules` are
    /// the same in every call.
    ///
    /// A piece comes as soon as the header is complete, even if no byte of the payload is there yet, so that what is
    /// wrong with a frame is seen before its payload arrives. `None` means that more bytes are needed; what was
    /// received is consumed then.
    ///
    /// # Errors
    ///
    /// The [`Violation`] for the rule that the frame breaks. The reader is not usable afterwards.
    #[inline]
    pub fn read(
        &mut self,
        received: &mut [u8],
        rules: HeaderRules,
    ) -> Result<(usize, Option<FramePiece>), Violation> {
        let (frame, start, first) = match self.cut.as_deref_mut() {
            Some(Cut::Payload(_)) if received.is_empty() => return Ok((0, None)),
            Some(Cut::Payload(frame)) => (*frame, 0, false),
            Some(Cut::Header(partial)) => match partial.complete(received, rules)? {
                Some((header, start)) => (OpenFrame::new(header), start, true),
                None => return Ok((received.len(), None)),
            },
            None => match Header::parse(received, rules)? {
                Some((header, start)) => (OpenFrame::new(header), start, true),
                None => {
                    self.keep(received);
                    return Ok((received.len(), None));
                }
            },
        };
        let (end, piece) = self.take(frame, received, start, first);
        Ok((end, Some(piece)))
    }

    /// Takes the next piece of the frame that was cut, of which no more was `received` than is [missing](Self::missing).
    pub(crate) fn read_on(&mut self, received: &mut [u8]) -> Option<FramePiece> {
        match self.cut.as_deref() {
            Some(&Cut::Payload(frame)) => Some(self.take(frame, received, 0, false).1),
            Some(Cut::Header(_)) | None => None,
        }
    }

    /// Takes what was received of a payload, from `start` on, and says where that ends.
    #[inline]
    fn take(
        &mut self,
        mut frame: OpenFrame,
        received: &mut [u8],
        start: usize,
        first: bool,
    ) -> (usize, FramePiece) {
        let available = received.len() - start;
        // The cast keeps the value: it is at most `available`.
        let n = frame.remaining.min(available as u64) as usize;
        let end = start + n;
        if let (Some(key), Some(payload)) = (frame.header.mask, received.get_mut(start..end)) {
            frame.phase = mask(payload, key, usize::from(frame.phase)) as u8;
        }
        frame.remaining -= n as u64;
        let last = frame.remaining == 0;
        match &mut self.cut {
            cut if last => *cut = None,
            Some(cut) => **cut = Cut::Payload(frame),
            None => self.cut = Some(Box::new(Cut::Payload(frame))),
        }
        (end, FramePiece { header: frame.header, payload: start..end, first, last })
    }

    /// Keeps the start of a header.
    #[cold]
    fn keep(&mut self, received: &[u8]) {
        if !received.is_empty() {
            let mut partial = PartialHeader::default();
            partial.append(received);
            self.cut = Some(Box::new(Cut::Header(partial)));
        }
    }
}

impl PartialHeader {
    /// The header joined with what was `received`, and where in that its payload starts; `None` if the header goes on.
    #[cold]
    fn complete(
        &mut self,
        received: &[u8],
        rules: HeaderRules,
    ) -> Result<Option<(Header, usize)>, Violation> {
        let kept = usize::from(self.length);
        self.append(received);
        let joined = self.bytes.get(..usize::from(self.length)).unwrap_or_default();
        let parsed = Header::parse(joined, rules)?;
        Ok(parsed.map(|(header, length)| (header, length - kept)))
    }

    /// Takes as much as there is room for.
    fn append(&mut self, received: &[u8]) {
        let room = self.bytes.get_mut(usize::from(self.length)..).unwrap_or_default();
        let n = room.len().min(received.len());
        for (slot, &byte) in room.iter_mut().zip(received) {
            *slot = byte;
        }
        self.length += n as u8;
    }
}

impl OpenFrame {
    fn new(header: Header) -> OpenFrame {
        OpenFrame { header, remaining: header.length, phase: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::frame::Opcode;

    /// Reads everything in chunks of `step` bytes and joins the payloads frame by frame.
    fn read_all(bytes: &[u8], step: usize) -> Result<Vec<(Opcode, Vec<u8>)>, Violation> {
        let rules = HeaderRules { masked: true, rsv1: false, max_frame_bytes: 70_000 };
        let mut reader = FrameReader::new();
        let mut frames: Vec<(Opcode, Vec<u8>)> = Vec::new();
        for chunk in bytes.chunks(step) {
            let mut received = chunk.to_vec();
            let mut rest = &mut received[..];
            loop {
                let (consumed, piece) = reader.read(rest, rules)?;
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
