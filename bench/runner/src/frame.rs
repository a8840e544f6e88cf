//! Frames of RFC 6455: the client's are built once, the server's are read only while the first echo is checked.

use anyhow::{Context, ensure};

/// The opcode of a text message.
pub const TEXT: u8 = 1;
/// The opcode of a binary message.
pub const BINARY: u8 = 2;

/// A whole message as one masked frame. All have the same mask, which no server may know.
#[must_use]
pub fn masked(opcode: u8, compressed: bool, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![FIN | if compressed { RSV1 } else { 0 } | opcode];
    match payload.len() {
        length @ 0..=125 => frame.push(MASKED | low_byte(length)),
        length => match u16::try_from(length) {
            Ok(length) => {
                frame.push(MASKED | TWO_BYTES);
                frame.extend(length.to_be_bytes());
            }
            Err(_) => {
                frame.push(MASKED | EIGHT_BYTES);
                frame.extend((length as u64).to_be_bytes());
            }
        },
    }
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// A message as a server sent it.
#[derive(Debug, PartialEq, Eq)]
pub struct Received {
    /// The opcode of its first frame.
    pub opcode: u8,
    /// Whether RSV1 was set, which says that the payload is compressed.
    pub compressed: bool,
    /// What its frames carried, one behind the other.
    pub payload: Vec<u8>,
    /// How many bytes it took, headers included.
    pub wire_bytes: usize,
}

/// The message at the beginning of what was received, `None` as long as it is not complete.
///
/// # Errors
///
/// If what was received is not a message of a server.
pub fn message(bytes: &[u8]) -> anyhow::Result<Option<Received>> {
    let mut message =
        Received { opcode: CONTINUATION, compressed: false, payload: Vec::new(), wire_bytes: 0 };
    loop {
        let at = message.wire_bytes;
        let Some(frame) = header(&bytes[at..])? else { return Ok(None) };
        let end = at + frame.header_bytes + frame.payload_bytes;
        let Some(payload) = bytes.get(at + frame.header_bytes..end) else { return Ok(None) };
        if at == 0 {
            ensure!(frame.opcode == TEXT || frame.opcode == BINARY, "a frame with opcode {}", frame.opcode);
            (message.opcode, message.compressed) = (frame.opcode, frame.compressed);
        } else {
            ensure!(frame.opcode == CONTINUATION, "a frame with opcode {} in a message", frame.opcode);
        }
        message.payload.extend_from_slice(payload);
        message.wire_bytes = end;
        if frame.fin {
            return Ok(Some(message));
        }
    }
}

/// The first bytes of a frame.
#[derive(Debug)]
struct Header {
    fin: bool,
    compressed: bool,
    opcode: u8,
    header_bytes: usize,
    payload_bytes: usize,
}

fn header(bytes: &[u8]) -> anyhow::Result<Option<Header>> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    ensure!(second & MASKED == 0, "a server does not mask");
    let (header_bytes, payload_bytes) = match *second {
        TWO_BYTES => match rest.first_chunk() {
            Some(length) => (4, usize::from(u16::from_be_bytes(*length))),
            None => return Ok(None),
        },
        EIGHT_BYTES => match rest.first_chunk() {
            Some(length) => (10, usize::try_from(u64::from_be_bytes(*length)).context("length")?),
            None => return Ok(None),
        },
        length => (2, usize::from(length)),
    };
    let (fin, compressed) = (first & FIN != 0, first & RSV1 != 0);
    Ok(Some(Header { fin, compressed, opcode: first & 0x0f, header_bytes, payload_bytes }))
}

fn low_byte(length: usize) -> u8 {
    u8::try_from(length).expect("it is at most 125")
}

const CONTINUATION: u8 = 0;
const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const MASKED: u8 = 0x80;
const TWO_BYTES: u8 = 126;
const EIGHT_BYTES: u8 = 127;
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_frame_is_the_one_of_the_rfc() {
        // RFC 6455 §5.7, "a single-frame masked text message".
        let expected = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(masked(TEXT, false, b"Hello"), expected);
    }

    #[test]
    fn lengths_take_one_three_or_nine_bytes() {
        for (length, header) in [(125, 6), (126, 8), (65_535, 8), (65_536, 14)] {
            assert_eq!(masked(BINARY, false, &vec![0; length]).len(), header + length, "{length}");
        }
        assert_eq!(masked(TEXT, true, b"")[0], 0xc1);
    }

    #[test]
    fn a_message_is_complete_at_its_last_byte() {
        let frames = [0x41, 0x01, b'a', 0x80, 0x02, b'b', b'c', 0x82, 0x00];
        for end in 0..7 {
            assert_eq!(message(&frames[..end]).unwrap(), None, "{end} bytes");
        }
        let expected = Received { opcode: TEXT, compressed: true, payload: b"abc".to_vec(), wire_bytes: 7 };
        assert_eq!(message(&frames).unwrap(), Some(expected));
    }

    #[test]
    fn what_no_server_sends_is_an_error() {
        assert!(message(&masked(TEXT, false, b"x")).is_err());
        assert!(message(&[0x89, 0x00]).is_err());
        assert!(message(&[0x01, 0x00, 0x81, 0x00]).is_err());
    }
}
