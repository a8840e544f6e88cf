//! The most common case on a way of its own, because it is so common: a short plain message to a server, in one frame that
//! is there as a whole.

use super::message::Kind;
use crate::protocol::{
    frame::MAX_CONTROL_BYTES,
    payload::{check_whole, mask},
};

/// Reads and unmasks such a message: its kind, and where its payload ends, which begins behind [`HEAD_BYTES`]. Whatever
/// else there is about what was received goes the long way, as if nobody had looked.
#[inline]
pub(super) fn read_short(received: &mut [u8], limit: u64) -> Option<(Kind, usize)> {
    let [first, second, a, b, c, d, behind @ ..] = received else { return None };
    let kind = match *first {
        TEXT => Kind::Text,
        BINARY => Kind::Binary,
        _ => return None,
    };
    let length = second.wrapping_sub(MASKED);
    if length > MAX_SHORT_BYTES || u64::from(length) > limit {
        return None;
    }
    let payload = behind.get_mut(..usize::from(length))?;
    let key = [*a, *b, *c, *d];
    mask(payload, key, 0);
    if kind == Kind::Text && check_whole(payload).is_err() {
        mask(payload, key, 0);
        return None;
    }
    Some((kind, HEAD_BYTES + usize::from(length)))
}

/// Takes back that a message which ends at `end` was read: masking twice is not masking.
#[cold]
pub(super) fn unread_short(received: &mut [u8], end: usize) {
    if let [_, _, a, b, c, d, behind @ ..] = received {
        let key = [*a, *b, *c, *d];
        mask(behind.get_mut(..end - HEAD_BYTES).unwrap_or_default(), key, 0);
    }
}

/// The header of a masked frame with a length in one byte.
pub(super) const HEAD_BYTES: usize = 6;

/// The first byte of a text and of a binary message in one frame that is not compressed, and the bit in the second that
/// says that it is masked (RFC 6455 §5.2).
const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const MASKED: u8 = 0x80;

/// The longest payload whose length stands in one byte; no control frame has more either.
const MAX_SHORT_BYTES: u8 = MAX_CONTROL_BYTES;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_and_plain_is_read_and_can_be_unread() {
        for (first, length, kind) in
            [(0x81, 5, Kind::Text), (0x82, 125, Kind::Binary), (0x82, 0, Kind::Binary)]
        {
            let mut frame = vec![first, 0x80 | length, 1, 2, 3, 4];
            let payload = vec![b'x'; usize::from(length)];
            frame.extend(&payload);
            mask(&mut frame[HEAD_BYTES..], [1, 2, 3, 4], 0);
            frame.push(0x88);
            let received = frame.clone();
            let end = HEAD_BYTES + usize::from(length);
            assert_eq!(read_short(&mut frame, u64::from(length)), Some((kind, end)));
            assert_eq!(frame[HEAD_BYTES..end], payload);
            unread_short(&mut frame, end);
            assert_eq!(frame, received);
        }
    }

    #[test]
    fn everything_else_is_left_as_it_is() {
        for received in [
            &b""[..],
            b"\x81\x81\0\0\0",
            b"\x81\x82\0\0\0\0a",
            b"\x81\x01a\0\0\0\0",
            b"\x81\xfe\0\x7e\0\0\0\0",
            b"\x01\x81\0\0\0\0a",
            b"\xc1\x81\0\0\0\0a",
            b"\x89\x81\0\0\0\0a",
            b"\x81\x81\0\0\0\0\xff",
            b"\x82\x84\0\0\0\0long",
        ] {
            let mut bytes = received.to_vec();
            assert_eq!(read_short(&mut bytes, 3), None, "{received:02x?}");
            assert_eq!(bytes, received);
        }
    }
}
