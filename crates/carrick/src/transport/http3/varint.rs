//! Integers of variable length (RFC 9000 §16): the first two bits tell how many bytes there are.

/// The largest value: 62 bits.
pub(super) const MAX: u64 = (1 << 62) - 1;

/// The value at the start of the bytes, and how many bytes it takes; `None` if some of it is missing.
///
/// A value may take more bytes than it needs: only frame types of QUIC itself have to be minimal.
pub(super) fn read(bytes: &[u8]) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    let length = 1 << (first >> 6);
    let (head, rest) = bytes.get(..length)?.split_first()?;
    let value = rest.iter().fold(u64::from(head & 0x3f), |value, byte| value << 8 | u64::from(*byte));
    Some((value, length))
}

/// Appends the value in as few bytes as it fits into.
///
/// # Panics
///
/// If the value is above [`MAX`].
pub(super) fn write(value: u64, into: &mut Vec<u8>) {
    let bytes = value.to_be_bytes();
    let (length, mark) = match value {
        0..0x40 => (1, 0x00),
        0x40..0x4000 => (2, 0x40),
        0x4000..0x4000_0000 => (4, 0x80),
        0x4000_0000..=MAX => (8, 0xc0),
        _ => panic!("{value} does not fit into 62 bits"),
    };
    let start = into.len();
    into.extend_from_slice(&bytes[bytes.len() - length..]);
    into[start] |= mark;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        let cases: [(&[u8], u64); 5] = [
            (&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c], 151_288_809_941_952_652),
            (&[0x9d, 0x7f, 0x3e, 0x7d], 494_878_333),
            (&[0x7b, 0xbd], 15_293),
            (&[0x25], 37),
            // The same in more bytes than it needs.
            (&[0x40, 0x25], 37),
        ];
        for (bytes, value) in cases {
            assert_eq!(read(bytes), Some((value, bytes.len())));
            for cut in 0..bytes.len() {
                assert_eq!(read(&bytes[..cut]), None);
            }
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_no_longer_than_it_has_to_be() {
        let edges =
            [(0, 1), (63, 1), (64, 2), (16_383, 2), (16_384, 4), (1_073_741_823, 4), (1 << 30, 8), (MAX, 8)];
        for (value, length) in edges {
            let mut bytes = vec![0xff];
            write(value, &mut bytes);
            assert_eq!(read(&bytes[1..]), Some((value, length)));
            assert_eq!(bytes.len(), 1 + length);
        }
    }
}
