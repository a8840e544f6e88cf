//! The Huffman code of HPACK and QPACK (RFC 7541 Appendix B).

/// Appends the decoded bytes; whether there was a string of at most `most` bytes in the code.
///
/// A code that is no such string has a symbol that ends it (EOS), a padding of a byte or more, or one that is not the
/// start of EOS (RFC 7541 §5.2).
pub(super) fn decode(encoded: &[u8], most: usize, into: &mut Vec<u8>) -> bool {
    let start = into.len();
    let (mut code, mut length) = (0_u32, 0_usize);
    for byte in encoded {
        for shift in (0..8).rev() {
            code = code << 1 | u32::from(byte >> shift & 1);
            length += 1;
            // Codes of one length follow each other, and are numbered after the shorter ones.
            let Some(of_length) = CODE.of_length.get(length) else { return false };
            let Some(at) = code.checked_sub(of_length.first).filter(|at| *at < of_length.count) else {
                continue;
            };
            let symbol = CODE.symbols[(of_length.before + at) as usize];
            let Ok(byte) = u8::try_from(symbol) else { return false };
            if into.len() - start == most {
                return false;
            }
            into.push(byte);
            (code, length) = (0, 0);
        }
    }
    // What is left is padding: the first bits of EOS, which are all ones.
    length < 8 && code == (1 << length) - 1
}

/// A canonical Huffman code: the lengths of its codes tell the codes.
struct Code {
    /// By the length of the code, from 0 on.
    of_length: [OfLength; LONGEST + 1],
    /// The symbols in the order of their codes.
    symbols: [u16; SYMBOLS],
}

#[derive(Clone, Copy)]
struct OfLength {
    /// The first code of this length, if there is one.
    first: u32,
    count: u32,
    /// How many symbols have shorter codes.
    before: u32,
}

const fn canonical() -> Code {
    let mut code =
        Code { of_length: [OfLength { first: 0, count: 0, before: 0 }; LONGEST + 1], symbols: [0; SYMBOLS] };
    let (mut next, mut placed, mut length) = (0, 0, 1);
    while length <= LONGEST {
        next <<= 1;
        code.of_length[length] = OfLength { first: next, count: 0, before: placed as u32 };
        let mut symbol = 0;
        while symbol < SYMBOLS {
            if LENGTHS[symbol] as usize == length {
                code.symbols[placed] = symbol as u16;
                code.of_length[length].count += 1;
                placed += 1;
                next += 1;
            }
            symbol += 1;
        }
        length += 1;
    }
    code
}

static CODE: Code = canonical();

/// 256 bytes and EOS.
const SYMBOLS: usize = 257;

const LONGEST: usize = 30;

/// How many bits the code of each symbol has.
const LENGTHS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28,
    28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6,
    6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7,
    8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7,
    15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24,
    23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23,
    23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26,
    26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20,
    21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27,
    27, 27, 26, 30,
];

#[cfg(test)]
#[expect(clippy::unusual_byte_groupings, reason = "grouped as the codes and flags are")]
mod tests {
    use super::*;

    fn decoded(encoded: &[u8]) -> Option<String> {
        let mut bytes = Vec::new();
        decode(encoded, 100, &mut bytes).then(|| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn the_examples_of_the_rfc_are_decoded() {
        // RFC 7541 Appendix C.4 and C.6.
        let cases: [(&[u8], &str); 5] = [
            (&[0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff], "www.example.com"),
            (&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf], "no-cache"),
            (&[0x64, 0x02], "302"),
            (
                &[
                    0x9d, 0x29, 0xad, 0x17, 0x18, 0x63, 0xc7, 0x8f, 0x0b, 0x97, 0xc8, 0xe9, 0xae, 0x82, 0xae,
                    0x43, 0xd3,
                ],
                "https://www.example.com",
            ),
            (&[], ""),
        ];
        for (encoded, text) in cases {
            assert_eq!(decoded(encoded).as_deref(), Some(text));
        }
    }

    #[test]
    fn each_symbol_is_decoded_from_its_code() {
        let mut codes = std::collections::HashSet::new();
        for (length, of_length) in CODE.of_length.iter().enumerate() {
            for at in 0..of_length.count {
                assert!(codes.insert((length, of_length.first + at)));
                let symbol = CODE.symbols[(of_length.before + at) as usize];
                // The code at the front of 64 bits of ones.
                let bits = u64::from(of_length.first + at) << (64 - length) | u64::MAX >> length;
                let mut bytes = Vec::new();
                let sound = decode(&bits.to_be_bytes()[..length.div_ceil(8)], 100, &mut bytes);
                assert_eq!(
                    (sound, bytes.first().copied().map(u16::from)),
                    (symbol < 256, Some(symbol).filter(|s| *s < 256))
                );
            }
        }
        assert_eq!(codes.len(), 257);
        // A complete code: the last one is all ones.
        assert!(codes.contains(&(30, (1 << 30) - 1)));
    }

    #[test]
    fn a_padding_is_less_than_a_byte_of_ones() {
        assert_eq!(decoded(&[0b00011_111]).as_deref(), Some("a"));
        assert_eq!(decoded(&[0b00011_110]), None);
        assert_eq!(decoded(&[0b00011_000]), None);
        assert_eq!(decoded(&[0b00011_111, 0xff]), None);
        assert_eq!(decoded(&[0xff]), None);
        assert_eq!(decoded(&[0xff, 0xff, 0xff, 0xff]), None);
    }

    #[test]
    fn no_more_is_decoded_than_allowed() {
        let mut bytes = Vec::new();
        assert!(decode(&[0b00011_000, 0b11_00011_1], 3, &mut bytes));
        assert_eq!(bytes, b"aaa");
        assert!(!decode(&[0b00011_000, 0b11_00011_1], 2, &mut bytes));
    }
}
