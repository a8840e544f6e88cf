//! The 2 to 14 bytes in front of every payload (RFC 6455 §5.2).

use bytes::{BufMut, BytesMut};

use super::opcode::Opcode;
use crate::protocol::violation::Violation;

/// The header of one frame, already known to keep the rules that can be seen in it.
///
/// ```
/// use carrick::protocol::{Header, HeaderRules, Opcode};
///
/// let rules = HeaderRules { masked: false, rsv1: false, max_frame_bytes: 1024 };
/// let (header, length) = Header::parse(b"\x81\x05Hello", rules)?.expect("the header is complete");
/// assert_eq!((header.opcode, header.length, length), (Opcode::Text, 5, 2));
/// # Ok::<(), carrick::protocol::Violation>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whether this is the last fragment of its message.
    pub fin: bool,
    /// The first reserved bit: permessage-deflate marks the first frame of a compressed message with it (RFC 7692 §6).
    pub rsv1: bool,
    /// What the frame is.
    pub opcode: Opcode,
    /// The masking key, if the payload is masked.
    pub mask: Option<[u8; 4]>,
    /// Payload length in bytes; `length < 2^63`, and `length <= 125` in a control frame.
    pub length: u64,
}

/// What a header has to look like on this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderRules {
    /// Whether the peer masks: true for frames of a client, false for frames of a server (RFC 6455 §5.1).
    pub masked: bool,
    /// Whether permessage-deflate was negotiated, so that RSV1 has a meaning (RFC 7692 §6).
    pub rsv1: bool,
    /// Largest payload of one frame, in bytes.
    pub max_frame_bytes: u64,
}

impl Header {
    /// Most bytes that a header takes.
    pub const MAX_BYTES: usize = 14;

    /// Reads the header at the start of `bytes`; with it the number of bytes it took.
    ///
    /// `None` means that the header goes on behind `bytes`. A broken rule is reported as soon as the byte that breaks
    /// it is there.
    ///
    /// # Errors
    ///
    /// The [`Violation`] for the rule that the header breaks.
    #[inline]
    pub fn parse(bytes: &[u8], rules: HeaderRules) -> Result<Option<(Header, usize)>, Violation> {
        let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
        let fin = first & FIN != 0;
        let rsv1 = first & RSV1 != 0;
        let opcode = Opcode::try_from(first & OPCODE)?;
        check_first_byte(first, opcode, rules)?;

        let Some((&second, rest)) = rest.split_first() else { return Ok(None) };
        match (second & MASKED != 0, rules.masked) {
            (true, true) | (false, false) => {}
            // "The server MUST close the connection upon receiving a frame that is not masked" (§5.1).
            (false, true) => return Err(Violation::MaskMissing),
            // "A client MUST close a connection if it detects a masked frame" (§5.1).
            (true, false) => return Err(Violation::MaskForbidden),
        }
        let Some((length, rest)) = parse_length(second & LENGTH, rest)? else { return Ok(None) };
        // "All control frames MUST have a payload length of 125 bytes or less" (§5.5). Looked at behind the whole length,
        // so that the report is the same however the bytes arrive.
        if opcode.is_control() && length > u64::from(MAX_CONTROL_BYTES) {
            return Err(Violation::ControlFrameTooLong(length));
        }

        let (mask, rest) = if rules.masked {
            let Some((key, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
            (Some(*key), rest)
        } else {
            (None, rest)
        };
        if length > rules.max_frame_bytes {
            return Err(Violation::FrameTooLarge { length, limit: rules.max_frame_bytes });
        }
        Ok(Some((Header { fin, rsv1, opcode, mask, length }, bytes.len() - rest.len())))
    }

    /// Appends the header to `output`, with the length in its shortest form.
    pub fn encode(&self, output: &mut BytesMut) {
        let fin = if self.fin { FIN } else { 0 };
        let rsv1 = if self.rsv1 { RSV1 } else { 0 };
        let first = fin | rsv1 | self.opcode.bits();
        let masked = if self.mask.is_some() { MASKED } else { 0 };
        // At once, for each call looks whether there is room.
        match self.length {
            // The casts keep the value: the ranges say so.
            0..=125 => output.put_slice(&[first, masked | self.length as u8]),
            126..=0xffff => {
                let [a, b] = (self.length as u16).to_be_bytes();
                output.put_slice(&[first, masked | LENGTH_IN_16_BITS, a, b]);
            }
            _ => {
                let [a, b, c, d, e, f, g, h] = self.length.to_be_bytes();
                output.put_slice(&[first, masked | LENGTH_IN_64_BITS, a, b, c, d, e, f, g, h]);
            }
        }
        if let Some(key) = self.mask {
            output.put_slice(&key);
        }
    }
}

fn check_first_byte(first: u8, opcode: Opcode, rules: HeaderRules) -> Result<(), Violation> {
    // "MUST be 0 unless an extension is negotiated that defines meanings for non-zero values" (§5.2).
    let reserved = first & RESERVED & if rules.rsv1 { !RSV1 } else { !0 };
    if reserved != 0 {
        return Err(Violation::ReservedBits((first & RESERVED) >> 4));
    }
    if opcode.is_control() {
        // "All control frames MUST … NOT be fragmented" (§5.5).
        if first & FIN == 0 {
            return Err(Violation::ControlFrameFragmented);
        }
        if first & RSV1 != 0 {
            return Err(Violation::ControlFrameCompressed);
        }
    }
    if opcode == Opcode::Continuation && first & RSV1 != 0 {
        return Err(Violation::ContinuationCompressed);
    }
    Ok(())
}

/// Reads the extended length behind the 7 bits; `None` if it is not all there.
#[inline]
fn parse_length(short: u8, rest: &[u8]) -> Result<Option<(u64, &[u8])>, Violation> {
    match short {
        LENGTH_IN_16_BITS => {
            let Some((bytes, rest)) = rest.split_first_chunk::<2>() else { return Ok(None) };
            let length = u64::from(u16::from_be_bytes(*bytes));
            // "the minimal number of bytes MUST be used to encode the length" (§5.2).
            if length < 126 {
                return Err(Violation::LengthNotMinimal(length));
            }
            Ok(Some((length, rest)))
        }
        LENGTH_IN_64_BITS => {
            let Some((bytes, rest)) = rest.split_first_chunk::<8>() else { return Ok(None) };
            let length = u64::from_be_bytes(*bytes);
            // "the most significant bit MUST be 0" (§5.2).
            if length > u64::MAX >> 1 {
                return Err(Violation::LengthTooLong(length));
            }
            if length <= 0xffff {
                return Err(Violation::LengthNotMinimal(length));
            }
            Ok(Some((length, rest)))
        }
        short => Ok(Some((u64::from(short), rest))),
    }
}

/// Most bytes of payload in a control frame (RFC 6455 §5.5).
pub(crate) const MAX_CONTROL_BYTES: u8 = 125;

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7f;
const LENGTH_IN_16_BITS: u8 = 126;
const LENGTH_IN_64_BITS: u8 = 127;

#[cfg(test)]
mod tests {
    use super::*;

    const FROM_CLIENT: HeaderRules = HeaderRules { masked: true, rsv1: true, max_frame_bytes: u64::MAX };
    const FROM_SERVER: HeaderRules = HeaderRules { masked: false, rsv1: false, max_frame_bytes: u64::MAX };

    #[test]
    fn a_header_survives_encoding_and_is_complete_only_with_its_last_byte() {
        for length in [0, 1, 125, 126, 127, 0xffff, 0x1_0000, u64::MAX >> 1] {
            for mask in [None, Some([1, 2, 3, 4])] {
                let rules = HeaderRules { masked: mask.is_some(), ..FROM_CLIENT };
                let header = Header { fin: false, rsv1: true, opcode: Opcode::Binary, mask, length };
                let mut bytes = BytesMut::new();
                header.encode(&mut bytes);
                assert_eq!(Header::parse(&bytes, rules), Ok(Some((header, bytes.len()))));
                for cut in 0..bytes.len() {
                    assert_eq!(Header::parse(&bytes[..cut], rules), Ok(None), "cut at {cut}");
                }
            }
        }
    }

    #[test]
    fn a_length_must_be_in_its_shortest_form() {
        for length in [0, 125] {
            let bytes = [0x82, 126, 0, length];
            let violation = Violation::LengthNotMinimal(u64::from(length));
            assert_eq!(Header::parse(&bytes, FROM_SERVER), Err(violation));
        }
        let bytes = [0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
        assert_eq!(Header::parse(&bytes, FROM_SERVER), Err(Violation::LengthNotMinimal(0xffff)));
        let bytes = [0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(Header::parse(&bytes, FROM_SERVER), Err(Violation::LengthTooLong(1 << 63)));
    }

    #[test]
    fn a_broken_rule_is_seen_in_the_byte_that_breaks_it() {
        let cases: [(&[u8], HeaderRules, Violation); 10] = [
            (&[0x83], FROM_SERVER, Violation::ReservedOpcode(3)),
            (&[0xc1], FROM_SERVER, Violation::ReservedBits(0b100)),
            (&[0xb1], FROM_CLIENT, Violation::ReservedBits(0b011)),
            (&[0x09], FROM_SERVER, Violation::ControlFrameFragmented),
            (&[0xc9], FROM_CLIENT, Violation::ControlFrameCompressed),
            (&[0xc0], FROM_CLIENT, Violation::ContinuationCompressed),
            (&[0x81, 0x00], FROM_CLIENT, Violation::MaskMissing),
            (&[0x81, 0x80], FROM_SERVER, Violation::MaskForbidden),
            (&[0x89, 126, 0x01, 0x00], FROM_SERVER, Violation::ControlFrameTooLong(256)),
            (&[0x89, 126, 0x00, 0x05], FROM_SERVER, Violation::LengthNotMinimal(5)),
        ];
        for (bytes, rules, violation) in cases {
            assert_eq!(Header::parse(bytes, rules), Err(violation), "{bytes:x?}");
        }
    }
}
