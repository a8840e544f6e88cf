//! What a line of the input asks for.

use std::path::PathBuf;

use bytes::Bytes;
use carrick::protocol::{CloseCode, CloseFrame, Message};

use super::send_format;
use crate::args::SendFormat;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Send(Message),
    SendFile(PathBuf),
    Ping(Bytes),
    Close { code: CloseCode, reason: String },
    Help,
}

/// Reads a line. `commands` says whether one that begins with a slash is a command.
pub(crate) fn parse(line: Vec<u8>, format: SendFormat, commands: bool) -> Result<Request, String> {
    let Some(command) = line.strip_prefix(b"/").filter(|_| commands) else {
        return send_format::message(line, format).map(Request::Send);
    };
    if command.starts_with(b"/") {
        return send_format::message(command.to_vec(), format).map(Request::Send);
    }
    let command = std::str::from_utf8(command).map_err(|error| error.to_string())?;
    let (name, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
    let rest = rest.trim();
    match name {
        "ping" if rest.len() > MAX_PING_BYTES => {
            Err(format!("a ping has at most {MAX_PING_BYTES} bytes, this one has {}", rest.len()))
        }
        "ping" => Ok(Request::Ping(Bytes::copy_from_slice(rest.as_bytes()))),
        "close" => close(rest),
        "send" if rest.is_empty() => Err("write /send FILE".to_owned()),
        "send" => Ok(Request::SendFile(rest.into())),
        "binary" => send_format::hex(rest.as_bytes()).map(|bytes| Request::Send(Message::binary(bytes))),
        "help" | "?" => Ok(Request::Help),
        _ => Err(format!("there is no command /{name}; /help lists them, //{name} sends it as a message")),
    }
}

/// `[CODE [REASON]]`
fn close(rest: &str) -> Result<Request, String> {
    let (code, reason) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let code = match code {
        "" => CloseCode::NORMAL,
        digits => CloseCode::from(
            digits
                .parse::<u16>()
                .map_err(|_| format!("{digits:?} is no close code; write /close 1000 reason"))?,
        ),
    };
    let reason = reason.trim().to_owned();
    CloseFrame::new(code, &reason).map_err(|error| error.to_string())?;
    Ok(Request::Close { code, reason })
}

/// What completion knows.
pub(crate) const COMMANDS: &[&str] = &["/ping", "/close", "/send", "/binary", "/help"];

/// What `/help` prints.
pub(crate) const HELP: &str = "\
/ping [TEXT]           send a ping; its pong tells the round-trip time
/close [CODE [REASON]] close, with 1000 if no code is given
/send FILE             send a file as one message
/binary HEX            send bytes, for example /binary 00 ff 10
/help                  these lines
//TEXT                 send /TEXT
Ctrl-D and Ctrl-C close too; a second Ctrl-C cuts the connection.";

/// RFC 6455 §5.5: "All control frames MUST have a payload length of 125 bytes or less".
const MAX_PING_BYTES: usize = 125;

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Request, String> {
        parse(line.as_bytes().to_vec(), SendFormat::Text, true)
    }

    #[test]
    fn a_line_is_a_message_and_a_slash_makes_a_command() {
        assert_eq!(parsed("hello"), Ok(Request::Send("hello".into())));
        assert_eq!(parsed(" /ping"), Ok(Request::Send(" /ping".into())));
        assert_eq!(parsed("//ping"), Ok(Request::Send("/ping".into())));
        assert_eq!(parsed("/ping"), Ok(Request::Ping(Bytes::new())));
        assert_eq!(parsed("/ping a b "), Ok(Request::Ping(Bytes::from_static(b"a b"))));
        assert_eq!(parsed("/binary 00 ff"), Ok(Request::Send(Message::binary(vec![0, 255]))));
        assert_eq!(parsed("/send a b.txt"), Ok(Request::SendFile("a b.txt".into())));
        assert_eq!(parsed("/help"), Ok(Request::Help));
        assert!(parsed("/nothing").unwrap_err().contains("/help"));
        let piped = parse(b"/ping".to_vec(), SendFormat::Text, false);
        assert_eq!(piped, Ok(Request::Send("/ping".into())));
    }

    #[test]
    fn a_close_has_a_code_that_may_be_sent_and_a_reason_that_fits() {
        let close = |code: u16, reason: &str| Request::Close { code: code.into(), reason: reason.to_owned() };
        assert_eq!(parsed("/close"), Ok(close(1000, "")));
        assert_eq!(parsed("/close 4001 so long"), Ok(close(4001, "so long")));
        assert!(parsed("/close soon").unwrap_err().contains("no close code"));
        assert!(parsed("/close 1006").is_err());
        assert!(parsed(&format!("/close 1000 {}", "x".repeat(124))).is_err());
    }

    #[test]
    fn a_ping_fits_into_a_control_frame() {
        assert!(parsed(&format!("/ping {}", "x".repeat(125))).is_ok());
        assert!(parsed(&format!("/ping {}", "x".repeat(126))).unwrap_err().contains("126"));
    }
}
