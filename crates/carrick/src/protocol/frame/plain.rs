//! The frame that most are: a whole message, not compressed, and not long.

use std::ops::Range;

use super::opcode::Opcode;
#[cfg(feature = "net")]
use super::output::Output;

/// An unfragmented data frame without RSV1, whose payload is shorter than 64 KiB. What is anything else, or breaks a
/// rule, is left to those who know all frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlainFrame {
    /// Text or binary.
    pub(crate) opcode: Opcode,
    /// The masking key, if the payload is masked.
    pub(crate) mask: Option<[u8; 4]>,
    start: usize,
    length: usize,
}

impl PlainFrame {
    /// The frame at the front of `received`, if it is such a one and all of it is there. Its payload is still masked.
    /// `masked` says whether the peer has to mask.
    #[inline]
    pub(crate) fn peek(received: &[u8], masked: bool) -> Option<PlainFrame> {
        let (&[first, second], rest) = received.split_first_chunk::<2>()?;
        let opcode = match first {
            TEXT => Opcode::Text,
            BINARY => Opcode::Binary,
            _ => return None,
        };
        let (length, rest) = match second ^ if masked { MASKED } else { 0 } {
            short @ 0..=MOST_IN_7_BITS => (usize::from(short), rest),
            LENGTH_IN_16_BITS => {
                let (bytes, rest) = rest.split_first_chunk::<2>()?;
                let length = u16::from_be_bytes(*bytes);
                (usize::from(length), (length > u16::from(MOST_IN_7_BITS)).then_some(rest)?)
            }
            _ => return None,
        };
        let (mask, rest) = if masked {
            let (key, rest) = rest.split_first_chunk::<4>()?;
            (Some(*key), rest)
        } else {
            (None, rest)
        };
        let start = received.len() - rest.len();
        (length <= rest.len()).then_some(PlainFrame { opcode, mask, start, length })
    }

    /// Length of the payload in bytes.
    #[inline]
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// Where the payload lies.
    #[inline]
    pub(crate) fn payload(&self) -> Range<usize> {
        self.start..self.start + self.length
    }

    /// Appends such a frame, text or binary, with a copy of `payload` to `output`, not masked.
    #[cfg(feature = "net")]
    #[inline]
    pub(crate) fn write(opcode: Opcode, payload: &[u8], output: &mut Output) {
        let first = FIN | opcode.bits();
        let tail = output.tail();
        match payload.len() {
            // The casts keep the value.
            short if short <= usize::from(MOST_IN_7_BITS) => tail.extend_from_slice(&[first, short as u8]),
            length => {
                debug_assert!(length <= usize::from(u16::MAX), "{length} bytes are none of these frames");
                let [a, b] = (length as u16).to_be_bytes();
                tail.extend_from_slice(&[first, LENGTH_IN_16_BITS, a, b]);
            }
        }
        tail.extend_from_slice(payload);
    }
}

const FIN: u8 = 0x80;
const TEXT: u8 = FIN | Opcode::Text.bits();
const BINARY: u8 = FIN | Opcode::Binary.bits();
const MASKED: u8 = 0x80;
const MOST_IN_7_BITS: u8 = 125;
const LENGTH_IN_16_BITS: u8 = 126;

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::protocol::frame::{Header, HeaderRules};

    fn frame(header: Header) -> BytesMut {
        let mut bytes = BytesMut::new();
        header.encode(&mut bytes);
        bytes.resize(bytes.len() + header.length as usize, 7);
        bytes
    }

    #[test]
    fn it_is_the_frame_that_the_header_says_and_only_when_it_is_whole() {
        for length in [0, 1, 20, 125, 126, 127, 4096, 0xffff] {
            for mask in [None, Some([1, 2, 3, 4])] {
                for opcode in [Opcode::Text, Opcode::Binary] {
                    let header = Header { fin: true, rsv1: false, opcode, mask, length };
                    let bytes = frame(header);
                    let rules = HeaderRules { masked: mask.is_some(), rsv1: false, max_frame_bytes: 0xffff };
                    let (_, start) = Header::parse(&bytes, rules).unwrap().unwrap();
                    let plain = PlainFrame::peek(&bytes, mask.is_some()).unwrap();
                    assert_eq!((plain.opcode, plain.mask), (opcode, mask));
                    assert_eq!(plain.payload(), start..bytes.len());
                    assert_eq!(PlainFrame::peek(&bytes, mask.is_none()), None);
                    for cut in [0, 1, start - 1, bytes.len() - 1].into_iter().filter(|cut| *cut < bytes.len())
                    {
                        assert_eq!(PlainFrame::peek(&bytes[..cut], mask.is_some()), None, "cut at {cut}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_other_frame_is_none() {
        let plain = Header { fin: true, rsv1: false, opcode: Opcode::Text, mask: None, length: 3 };
        let others = [
            Header { fin: false, ..plain },
            Header { rsv1: true, ..plain },
            Header { opcode: Opcode::Continuation, ..plain },
            Header { opcode: Opcode::Close, ..plain },
            Header { opcode: Opcode::Ping, ..plain },
            Header { opcode: Opcode::Pong, ..plain },
            Header { length: 0x1_0000, ..plain },
        ];
        for header in others {
            assert_eq!(PlainFrame::peek(&frame(header), false), None, "{header:?}");
        }
        // Not in its shortest form, and reserved bits.
        let broken: [&[u8]; 3] = [&[0x81, 126, 0, 3, 1, 2, 3], &[0x91, 1, 1], &[0xa2, 1, 1]];
        for bytes in broken {
            assert_eq!(PlainFrame::peek(bytes, false), None, "{bytes:x?}");
        }
    }

    #[cfg(feature = "net")]
    #[test]
    fn what_is_written_is_what_the_header_would_be() {
        for length in [0, 1, 125, 126, 4095] {
            let header = Header { fin: true, rsv1: false, opcode: Opcode::Binary, mask: None, length };
            let mut output = Output::new();
            PlainFrame::write(Opcode::Binary, &vec![7; length as usize], &mut output);
            assert_eq!(output.only_slice(), Some(&frame(header)[..]));
        }
    }
}
