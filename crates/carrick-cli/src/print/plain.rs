//! A message for the reader of a pipe, and for somebody at a terminal.

use std::{borrow::Cow, fmt::Write};

use carrick::protocol::Message;
use serde::de::IgnoredAny;

use crate::escape;

/// As it is: a line for a text, the bytes alone for a binary message.
pub(super) fn raw(message: &Message, indent: bool) -> Vec<u8> {
    match message {
        Message::Text(text) => {
            let mut line = indented(text, indent).into_owned().into_bytes();
            line.push(b'\n');
            line
        }
        Message::Binary(bytes) => bytes.to_vec(),
    }
}

/// Readable, and harmless to a terminal.
pub(super) fn shown(message: &Message, indent: bool) -> String {
    match message {
        Message::Text(text) => escape::lines(&indented(text, indent)).into_owned(),
        Message::Binary(bytes) => {
            let mut line = format!("binary, {} bytes", bytes.len());
            for (at, byte) in bytes.iter().take(MAX_SHOWN_BYTES).enumerate() {
                let _ = write!(line, "{}{byte:02x}", if at == 0 { ": " } else { " " });
            }
            if bytes.len() > MAX_SHOWN_BYTES {
                line.push_str(" …");
            }
            line
        }
    }
}

/// JSON over several lines, if that is wanted and it is JSON. Numbers and the order of keys stay as they came.
fn indented(text: &str, wanted: bool) -> Cow<'_, str> {
    if !wanted || serde_json::from_str::<IgnoredAny>(text).is_err() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(indent(text))
}

/// Sets the line ends and blanks of a valid JSON text anew.
fn indent(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let mut depth = 0_usize;
    let mut characters = json.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                out.push('"');
                copy_string(&mut characters, &mut out);
            }
            '{' | '[' => {
                out.push(character);
                while characters.next_if(|next| next.is_ascii_whitespace()).is_some() {}
                if let Some(end) = characters.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(character);
            }
            ',' => {
                out.push(',');
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            _ if character.is_ascii_whitespace() => {}
            _ => out.push(character),
        }
    }
    out
}

/// The rest of a string behind its first quote, as it is.
fn copy_string(characters: &mut impl Iterator<Item = char>, out: &mut String) {
    while let Some(character) = characters.next() {
        out.push(character);
        match character {
            '"' => return,
            '\\' => out.extend(characters.next()),
            _ => {}
        }
    }
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

/// More of a binary message says nothing to a reader.
const MAX_SHOWN_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_gets_a_line_for_a_text_and_the_bytes_of_a_binary_message() {
        assert_eq!(raw(&Message::text("a\x1bb"), false), b"a\x1bb\n");
        assert_eq!(raw(&Message::binary(vec![0, 10]), true), [0, 10]);
    }

    #[test]
    fn a_terminal_gets_nothing_that_changes_its_screen() {
        assert_eq!(shown(&Message::text("a\x1b[2J"), false), "a\\u{1b}[2J");
        assert_eq!(shown(&Message::binary(vec![0, 255]), false), "binary, 2 bytes: 00 ff");
        assert_eq!(shown(&Message::binary(Vec::new()), false), "binary, 0 bytes");
        assert!(shown(&Message::binary(vec![1; 257]), false).ends_with("01 …"));
    }

    #[test]
    fn json_is_indented_and_nothing_in_it_changes() {
        let json = r#"{ "z":1.50,"a":[ ],"s":"a\"{,\\","o":{"n":12345678901234567890123, "e":{}}}"#;
        let expected = "{\n  \"z\": 1.50,\n  \"a\": [],\n  \"s\": \"a\\\"{,\\\\\",\n  \"o\": {\n    \
                        \"n\": 12345678901234567890123,\n    \"e\": {}\n  }\n}";
        assert_eq!(indented(json, true), expected);
        for plain in ["no json", "{\"cut\":", "{} {}"] {
            assert_eq!(indented(plain, true), plain);
        }
        assert_eq!(indented(json, false), json);
    }
}
