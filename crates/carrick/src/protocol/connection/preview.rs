//! The start of a payload, written for a person.

use std::{fmt, str};

use crate::protocol::frame::{CloseFrame, MAX_CONTROL_BYTES, Opcode};

/// How many bytes of a payload are kept: all of a control frame (RFC 6455 §5.5), the start of a data frame.
pub(super) fn kept_bytes(opcode: Opcode, length: u64) -> usize {
    let most = if opcode.is_control() { u64::from(MAX_CONTROL_BYTES) } else { MAX_DATA_BYTES };
    length.min(most) as usize
}

/// Writes the start of a payload that goes on if it is `cut`: text in quotes, anything else in hexadecimal digits, and
/// a close frame as what it says. Nothing that a terminal would obey gets through.
pub(super) fn write_preview(
    f: &mut fmt::Formatter<'_>,
    opcode: Opcode,
    bytes: &[u8],
    cut: bool,
) -> fmt::Result {
    if bytes.is_empty() {
        return Ok(());
    }
    f.write_str(" ")?;
    if opcode == Opcode::Close
        && !cut
        && let Ok(frame) = CloseFrame::parse(bytes)
    {
        write!(f, "{}", frame.code())?;
        return if frame.reason().is_empty() { Ok(()) } else { write_quoted(f, " ", frame.reason()) };
    }
    match text(bytes, cut) {
        Some(text) => write_quoted(f, "", text)?,
        None => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?,
    }
    if cut { f.write_str("…") } else { Ok(()) }
}

/// The bytes as text, without the start of a character that is cut; `None` for what is no text or cannot be printed.
fn text(bytes: &[u8], cut: bool) -> Option<&str> {
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if cut && error.error_len().is_none() => {
            str::from_utf8(bytes.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    let is_printable = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r');
    (!text.is_empty() && text.chars().all(is_printable)).then_some(text)
}

/// Quotes in the text stay as they are: most text is JSON, and nobody parses this.
fn write_quoted(f: &mut fmt::Formatter<'_>, before: &str, text: &str) -> fmt::Result {
    write!(f, "{before}\"")?;
    for c in text.chars() {
        match c {
            '"' | '\'' => write!(f, "{c}")?,
            _ => write!(f, "{}", c.escape_debug())?,
        }
    }
    f.write_str("\"")
}

const MAX_DATA_BYTES: u64 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    struct Shown<'a>(Opcode, &'a [u8], bool);

    impl fmt::Display for Shown<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write_preview(f, self.0, self.1, self.2)
        }
    }

    #[test]
    fn text_is_quoted_and_anything_else_is_in_digits() {
        for (bytes, cut, expected) in [
            (&b""[..], false, ""),
            (b"Hello", false, " \"Hello\""),
            (b"Hello", true, " \"Hello\"…"),
            (b"{\"a\": 'b',\n\t\"c\\\"}", false, " \"{\"a\": 'b',\\n\\t\"c\\\\\"}\""),
            ("grüße".as_bytes(), false, " \"grüße\""),
            // Cut inside of the second character, which is no fault of the text if the payload goes on.
            (b"g\xc3", true, " \"g\"…"),
            (b"g\xc3", false, " 67c3"),
            (b"\xc3", true, " c3…"),
            (b"g\xff", true, " 67ff…"),
            (b"\x1b[2J", false, " 1b5b324a"),
            (b"\x00\x01", true, " 0001…"),
            // A character that turns the direction of the line around.
            ("a\u{202e}b".as_bytes(), false, " \"a\\u{202e}b\""),
        ] {
            assert_eq!(Shown(Opcode::Text, bytes, cut).to_string(), expected, "{bytes:02x?}");
        }
    }

    #[test]
    fn a_close_frame_says_its_code_in_words_and_its_reason() {
        for (bytes, expected) in [
            (&b""[..], ""),
            (b"\x03\xe8", " 1000 (normal closure)"),
            (b"\x03\xe9bye \x1b", " 1001 (going away) \"bye \\u{1b}\""),
            (b"\x0f\xa1", " 4001"),
            (b"\x03", " 03"),
            (b"\x03\xed", " 03ed"),
            (b"\x03\xe8\xff", " 03e8ff"),
        ] {
            assert_eq!(Shown(Opcode::Close, bytes, false).to_string(), expected, "{bytes:02x?}");
        }
    }

    #[test]
    fn all_of_a_control_frame_is_kept_and_the_start_of_a_data_frame() {
        for (opcode, length, expected) in [
            (Opcode::Text, 31, 31),
            (Opcode::Binary, 32, 32),
            (Opcode::Continuation, u64::MAX, 32),
            (Opcode::Ping, 0, 0),
            (Opcode::Close, 125, 125),
        ] {
            assert_eq!(kept_bytes(opcode, length), expected);
        }
    }
}
