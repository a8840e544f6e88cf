//! The fields of a message as bytes (RFC 9204 §4.5).

use super::{
    super::error_code::{Breach, ErrorCode},
    huffman,
    prefix_int::{self, PrefixInt},
    static_table::{self, Found},
};

/// One field, a pseudo-header field too. Nothing of it is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: Vec<u8>,
    pub(crate) value: Vec<u8>,
}

/// Why there are no fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldError {
    /// The bytes are no field section, which ends the connection.
    Breach(Breach),
    /// There are more bytes or fields than the limit, which ends the message.
    TooLarge,
}

/// Decodes a field section of at most `max_bytes`, counted as RFC 9114 §4.2.2 does: 32 bytes more for each field.
pub(crate) fn decode(section: &[u8], max_bytes: usize) -> Result<Vec<Field>, FieldError> {
    let mut reader = Reader { rest: section, left: max_bytes };
    // Nothing was inserted into a table that has no room: a section that needs an entry of it cannot be decoded.
    if reader.int(8)? != 0 {
        return Err(failed("a field section needs the dynamic table"));
    }
    let sign = reader.peek()?;
    reader.int(7)?;
    if sign & 0x80 != 0 {
        return Err(failed("the base of a field section is negative"));
    }
    let mut fields = Vec::new();
    while !reader.rest.is_empty() {
        fields.push(reader.field()?);
    }
    Ok(fields)
}

/// Appends the field section of these fields: their names and values by number where the static table has them, the
/// rest as it is. Values that are `secret` to proxies are marked as such, so that nobody compresses them later on.
pub(crate) fn encode<'a>(fields: impl IntoIterator<Item = (&'a str, &'a [u8], bool)>, into: &mut Vec<u8>) {
    into.extend_from_slice(&[0, 0]);
    for (name, value, secret) in fields {
        let never = u8::from(secret);
        match static_table::find(name, value) {
            Some(Found::Field(at)) if !secret => prefix_int::write(at as u64, 0b1100_0000, 6, into),
            Some(Found::Field(at) | Found::Name(at)) => {
                prefix_int::write(at as u64, 0b0101_0000 | never << 5, 4, into);
                string(value, into);
            }
            None => {
                prefix_int::write(name.len() as u64, 0b0010_0000 | never << 4, 3, into);
                into.extend_from_slice(name.as_bytes());
                string(value, into);
            }
        }
    }
}

fn string(value: &[u8], into: &mut Vec<u8>) {
    prefix_int::write(value.len() as u64, 0, 7, into);
    into.extend_from_slice(value);
}

struct Reader<'a> {
    rest: &'a [u8],
    /// What the fields may still count.
    left: usize,
}

impl Reader<'_> {
    fn field(&mut self) -> Result<Field, FieldError> {
        self.left = self.left.checked_sub(FIELD_BYTES).ok_or(FieldError::TooLarge)?;
        let first = self.peek()?;
        if first & 0b1000_0000 != 0 {
            let (name, value) = self.entry(6, first & 0b0100_0000 != 0)?;
            self.count(name.len() + value.len())?;
            return Ok(Field { name: name.into(), value: value.into() });
        }
        let name = if first & 0b0100_0000 != 0 {
            let (name, _) = self.entry(4, first & 0b0001_0000 != 0)?;
            self.count(name.len())?;
            name.into()
        } else if first & 0b0010_0000 != 0 {
            self.string(3)?
        } else {
            return Err(failed("a field line refers to the dynamic table"));
        };
        let value = self.string(7)?;
        Ok(Field { name, value })
    }

    fn entry(&mut self, bits: u32, is_static: bool) -> Result<(&'static str, &'static str), FieldError> {
        if !is_static {
            return Err(failed("a field line refers to the dynamic table"));
        }
        let index = self.int(bits)?;
        static_table::field(index).ok_or(failed("there is no such entry in the static table"))
    }

    /// A string whose length stands in the lowest `bits`, behind the bit that says whether it is in the Huffman code.
    fn string(&mut self, bits: u32) -> Result<Vec<u8>, FieldError> {
        let in_huffman_code = self.peek()? & 1 << bits != 0;
        let length = usize::try_from(self.int(bits)?).unwrap_or(usize::MAX);
        let Some((bytes, rest)) = self.rest.split_at_checked(length) else {
            return Err(failed("a string goes beyond the end of its field section"));
        };
        self.rest = rest;
        let mut string = Vec::new();
        if !in_huffman_code {
            self.count(bytes.len())?;
            string.extend_from_slice(bytes);
        } else if huffman::decode(bytes, self.left, &mut string) {
            self.count(string.len())?;
        } else if string.len() == self.left {
            return Err(FieldError::TooLarge);
        } else {
            return Err(failed("a string is not in the Huffman code"));
        }
        Ok(string)
    }

    fn int(&mut self, bits: u32) -> Result<u64, FieldError> {
        match prefix_int::read(self.rest, bits) {
            PrefixInt::Whole(value, length) => {
                self.rest = self.rest.get(length..).unwrap_or_default();
                Ok(value)
            }
            PrefixInt::Cut => Err(failed("a field section ends within an integer")),
            PrefixInt::TooLarge => Err(failed("an integer has more than 62 bits")),
        }
    }

    fn peek(&self) -> Result<u8, FieldError> {
        self.rest.first().copied().ok_or(failed("a field section ends too early"))
    }

    fn count(&mut self, bytes: usize) -> Result<(), FieldError> {
        self.left = self.left.checked_sub(bytes).ok_or(FieldError::TooLarge)?;
        Ok(())
    }
}

fn failed(what: &'static str) -> FieldError {
    FieldError::Breach(ErrorCode::QpackDecompressionFailed.because(what))
}

/// What each field counts besides its bytes (RFC 9114 §4.2.2).
const FIELD_BYTES: usize = 32;

#[cfg(test)]
#[expect(clippy::unusual_byte_groupings, reason = "grouped as the codes and flags are")]
mod tests {
    use super::*;

    fn field(name: &str, value: &str) -> Field {
        Field { name: name.into(), value: value.into() }
    }

    fn is_failure(section: &[u8]) -> bool {
        matches!(decode(section, 1000), Err(FieldError::Breach(breach)) if breach.code == ErrorCode::QpackDecompressionFailed)
    }

    #[test]
    fn the_example_of_the_rfc_without_a_dynamic_table_is_decoded() {
        // RFC 9204 Appendix B.1.
        let section = [&[0x00, 0x00, 0x51, 0x0b][..], b"/index.html"].concat();
        assert_eq!(decode(&section, 1000), Ok(vec![field(":path", "/index.html")]));
    }

    #[test]
    fn each_kind_of_field_line_is_decoded() {
        let section = [
            &[0, 0, 0b1100_0000 | 17][..],
            &[0b0101_0000 | 1, 0x80 | 2, 0b00011_000, 0b11_111111],
            &[0b0011_0010, b'x', b'y', 3, b'1', b'2', b'3'],
            &[0b0010_1000 | 1, 0b00011_111, 0],
        ]
        .concat();
        let fields = vec![field(":method", "GET"), field(":path", "aa"), field("xy", "123"), field("a", "")];
        assert_eq!(decode(&section, 1000), Ok(fields.clone()));
        for cut in 0..section.len() {
            match decode(&section[..cut], 1000) {
                Ok(some) => assert!(fields.starts_with(&some) && some.len() < fields.len()),
                Err(_) => assert!(is_failure(&section[..cut]), "{cut}"),
            }
        }
    }

    #[test]
    fn what_needs_a_dynamic_table_or_makes_no_sense_fails() {
        for section in [
            &[][..],
            &[0],
            &[1, 0],
            &[0, 0x80],
            &[0, 0, 0b1000_0000],
            &[0, 0, 0b0001_0000],
            &[0, 0, 0b0100_0000, 0],
            &[0, 0, 0b0000_0000, 0],
            &[0, 0, 0b1111_1111, 36],
            &[0, 0, 0b0010_0010, b'x'],
            &[0, 0, 0b0010_0001, b'x'],
            &[0, 0, 0b0010_1001, 0],
        ] {
            assert!(is_failure(section), "{section:?}");
        }
        assert!(decode(&[0, 0, 0b1111_1111, 35], 1000).is_ok());
    }

    #[test]
    fn what_is_encoded_is_decoded_again() {
        let fields: [(&str, &[u8], bool); 6] = [
            (":method", b"CONNECT", false),
            (":protocol", b"websocket", false),
            (":status", b"501", false),
            ("origin", b"https://example.com", false),
            ("authorization", b"Basic abc", true),
            ("x-long-name-of-a-field", &[b'v'; 300], false),
        ];
        let mut section = Vec::new();
        encode(fields, &mut section);
        let expected: Vec<Field> = fields
            .iter()
            .map(|(name, value, _)| Field { name: (*name).into(), value: value.to_vec() })
            .collect();
        assert_eq!(decode(&section, 10_000), Ok(expected));
        // The one that is secret is marked as never to be indexed: 01 N=1 T=1.
        let mut one = Vec::new();
        encode([("authorization", &b"x"[..], true)], &mut one);
        assert_eq!(one.get(2).map(|byte| byte & 0b1111_0000), Some(0b0111_0000));
    }

    #[test]
    fn the_limit_counts_names_values_and_32_bytes_a_field() {
        let section = |value: &str| {
            let mut section = Vec::new();
            encode([("abc", value.as_bytes(), false), (":path", b"/", false)], &mut section);
            section
        };
        let bytes = 32 + 3 + 10 + 32 + 5 + 1;
        assert!(decode(&section("0123456789"), bytes).is_ok());
        assert_eq!(decode(&section("0123456789"), bytes - 1), Err(FieldError::TooLarge));
        // In the Huffman code too: four times the letter "a".
        let huffman = [0, 0, 0b0101_0000 | 1, 0x80 | 3, 0b00011_000, 0b11_00011_0, 0b0011_1111];
        assert!(decode(&huffman, 32 + 5 + 4).is_ok());
        assert_eq!(decode(&huffman, 32 + 5 + 3), Err(FieldError::TooLarge));
    }
}
