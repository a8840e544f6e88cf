//! From what was typed to a message.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use carrick::protocol::{Message, Text};

use crate::args::SendFormat;

/// The message that a line stands for, or why it stands for none.
pub(crate) fn message(line: Vec<u8>, format: SendFormat) -> Result<Message, String> {
    match format {
        SendFormat::Text => match Text::try_from(Bytes::from(line)) {
            Ok(text) => Ok(Message::Text(text)),
            Err(error) => Err(format!("{error}; --format binary sends any bytes")),
        },
        SendFormat::Binary => Ok(Message::binary(line)),
        SendFormat::Base64 => base64(&line).map(Message::binary),
        SendFormat::Hex => hex(&line).map(Message::binary),
    }
}

/// A file as a message: text where that is the format and it is UTF-8, else binary.
pub(crate) fn file(content: Vec<u8>, format: SendFormat) -> Message {
    let content = Bytes::from(content);
    match format {
        SendFormat::Text => match Text::try_from(content.clone()) {
            Ok(text) => Message::Text(text),
            Err(_) => Message::Binary(content),
        },
        SendFormat::Binary | SendFormat::Base64 | SendFormat::Hex => Message::Binary(content),
    }
}

fn base64(line: &[u8]) -> Result<Vec<u8>, String> {
    let line: Vec<u8> = line.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(line).map_err(|error| format!("this is no base64: {error}"))
}

/// Pairs of digits. Blanks and colons between them and a leading `0x` are for the reader.
pub(crate) fn hex(line: &[u8]) -> Result<Vec<u8>, String> {
    let text = String::from_utf8_lossy(line);
    let text = text.trim();
    let text = text.strip_prefix("0x").unwrap_or(text);
    let digits = text.chars().filter(|character| !character.is_whitespace() && *character != ':');
    let digits: Vec<u8> = digits
        .map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok()).ok_or(digit))
        .collect::<Result<_, char>>()
        .map_err(|wrong| format!("{wrong:?} is no hexadecimal digit"))?;
    if digits.len() % 2 == 1 {
        return Err(format!("{} hexadecimal digits; each byte has two", digits.len()));
    }
    Ok(digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_read_as_people_write_it() {
        for text in ["00ff10", "0x00FF10", "00 ff 10", "00:ff:10 "] {
            assert_eq!(hex(text.as_bytes()), Ok(vec![0, 255, 16]), "{text}");
        }
        assert_eq!(hex(b""), Ok(Vec::new()));
        assert!(hex(b"0").unwrap_err().contains("1 hexadecimal digits"));
        assert!(hex(b"0g").unwrap_err().contains("'g'"));
    }

    #[test]
    fn each_format_makes_its_message() {
        let made = |line: &[u8], format| message(line.to_vec(), format);
        assert_eq!(made(b"hi", SendFormat::Text), Ok(Message::text("hi")));
        assert_eq!(made(b"\xff", SendFormat::Binary), Ok(Message::binary(vec![255])));
        assert_eq!(made(b"aGk=", SendFormat::Base64), Ok(Message::binary("hi".as_bytes())));
        assert_eq!(made(b"6869", SendFormat::Hex), Ok(Message::binary("hi".as_bytes())));
        assert!(made(b"\xff", SendFormat::Text).unwrap_err().contains("--format binary"));
        assert!(made(b"a$", SendFormat::Base64).unwrap_err().contains("no base64"));
    }

    #[test]
    fn a_file_is_text_if_it_can_be() {
        assert_eq!(file(b"hi".to_vec(), SendFormat::Text), Message::text("hi"));
        assert_eq!(file(vec![255], SendFormat::Text), Message::binary(vec![255]));
        assert_eq!(file(b"hi".to_vec(), SendFormat::Binary), Message::binary("hi".as_bytes()));
    }
}
