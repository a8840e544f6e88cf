//! Integers behind the first bits of a byte (RFC 7541 §5.1, RFC 9204 §4.1.1).

/// What stands at the start of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PrefixInt {
    /// The value, and how many bytes it takes.
    Whole(u64, usize),
    /// Some of it is missing.
    Cut,
    /// It is above 62 bits, which no integer here may be.
    TooLarge,
}

/// Reads an integer that begins in the lowest `bits` of the first byte.
pub(super) fn read(bytes: &[u8], bits: u32) -> PrefixInt {
    let Some((first, rest)) = bytes.split_first() else { return PrefixInt::Cut };
    let full = (1 << bits) - 1;
    let mut value = u64::from(*first) & full;
    if value < full {
        return PrefixInt::Whole(value, 1);
    }
    for (at, byte) in rest.iter().enumerate() {
        let shift = 7 * at;
        let part = u64::from(byte & 0x7f);
        // Zeros may follow at will; ten bytes say everything that there is to say.
        if shift >= 63 || part.leading_zeros() < u32::try_from(shift).unwrap_or(u32::MAX) + 2 {
            return PrefixInt::TooLarge;
        }
        value += part << shift;
        if value >= 1 << 62 {
            return PrefixInt::TooLarge;
        }
        if byte & 0x80 == 0 {
            return PrefixInt::Whole(value, at + 2);
        }
    }
    PrefixInt::Cut
}

/// Appends an integer behind the bits that `first` has above its lowest `bits`.
pub(super) fn write(mut value: u64, first: u8, bits: u32, into: &mut Vec<u8>) {
    let full = (1 << bits) - 1;
    if value < full {
        into.push(first | low_byte(value));
        return;
    }
    into.push(first | low_byte(full));
    value -= full;
    while value >= 0x80 {
        into.push(low_byte(value & 0x7f) | 0x80);
        value >>= 7;
    }
    into.push(low_byte(value));
}

fn low_byte(value: u64) -> u8 {
    value.to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        assert_eq!(read(&[0b1110_1010], 5), PrefixInt::Whole(10, 1));
        assert_eq!(read(&[0b0001_1111, 0b1001_1010, 0b0000_1010], 5), PrefixInt::Whole(1337, 3));
        assert_eq!(read(&[42], 8), PrefixInt::Whole(42, 1));
    }

    #[test]
    fn what_is_written_is_read_again_and_cut_it_is_not_there_yet() {
        for bits in 3..=8 {
            let full = (1 << bits) - 1;
            for value in [0, 1, full - 1, full, full + 1, full + 127, full + 128, 1337, (1 << 62) - 1] {
                let mut bytes = Vec::new();
                write(value, 0, bits, &mut bytes);
                assert_eq!(read(&bytes, bits), PrefixInt::Whole(value, bytes.len()));
                for cut in 0..bytes.len() {
                    assert_eq!(read(&bytes[..cut], bits), PrefixInt::Cut);
                }
            }
        }
    }

    #[test]
    fn values_beyond_62_bits_and_endless_zeros_are_refused() {
        let mut bytes = Vec::new();
        write(1 << 62, 0, 8, &mut bytes);
        assert_eq!(read(&bytes, 8), PrefixInt::TooLarge);
        bytes.clear();
        write(u64::MAX, 0, 3, &mut bytes);
        assert_eq!(read(&bytes, 3), PrefixInt::TooLarge);
        let zeros = [&[0xff][..], &[0x80; 20]].concat();
        assert_eq!(read(&zeros, 8), PrefixInt::TooLarge);
    }
}
