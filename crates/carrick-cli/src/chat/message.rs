//! What the page and the room say to each other, as JSON.

use carrick::protocol::{Direction, FrameRecord, Message, Opcode, Traffic};
use serde::{Deserialize, Serialize};

/// From the page.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Request {
    Say { text: String },
    Rename { name: String },
}

/// To the page.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Notice {
    Welcome(Box<Welcome>),
    Joined { id: u64, name: String },
    Left { id: u64, name: String },
    Renamed { id: u64, name: String },
    Said(Said),
    Status { round_trip_us: Option<u64>, received: Counts, sent: Counts },
    Frames { frames: Vec<Frame>, skipped: usize },
    Error { text: String },
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Welcome {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) version: &'static str,
    pub(crate) http: &'static str,
    pub(crate) tls: bool,
    pub(crate) deflate: bool,
    pub(crate) members: Vec<Member>,
    pub(crate) history: Vec<Said>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Member {
    pub(crate) id: u64,
    pub(crate) name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Said {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) text: String,
    /// Unix time in milliseconds.
    pub(crate) at: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Counts {
    messages: u64,
    frames: u64,
    bytes: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Frame {
    at_ms: u64,
    direction: &'static str,
    opcode: String,
    fin: bool,
    compressed: bool,
    masked: bool,
    bytes: u64,
}

impl Notice {
    pub(crate) fn message(&self) -> Message {
        Message::text(serde_json::to_string(self).expect("a notice has string keys only"))
    }
}

impl From<Traffic> for Counts {
    fn from(traffic: Traffic) -> Counts {
        Counts { messages: traffic.messages, frames: traffic.frames, bytes: traffic.bytes }
    }
}

impl Frame {
    pub(crate) fn new(record: &FrameRecord, at_ms: u64) -> Frame {
        Frame {
            at_ms,
            direction: match record.direction {
                Direction::In => "in",
                Direction::Out => "out",
            },
            opcode: record.opcode.to_string(),
            fin: record.fin,
            compressed: record.compressed,
            masked: record.masked,
            bytes: record.length,
        }
    }
}

/// Checks what a member says: the text as it will be shown.
pub(crate) fn check_text(text: &str) -> Result<String, String> {
    let text = text.trim();
    let length = text.chars().count();
    if (1..=MAX_TEXT).contains(&length) {
        Ok(text.to_owned())
    } else {
        Err(format!("a message has 1 to {MAX_TEXT} characters, this one has {length}"))
    }
}

/// Checks a name: the name as it will be shown.
pub(crate) fn check_name(name: &str) -> Result<String, String> {
    let name = name.trim();
    let length = name.chars().count();
    if !(1..=MAX_NAME).contains(&length) {
        return Err(format!("a name has 1 to {MAX_NAME} characters, this one has {length}"));
    }
    if name.chars().any(char::is_control) {
        return Err("a name has no control characters".to_owned());
    }
    Ok(name.to_owned())
}

/// Whether a frame of this kind may carry a report about frames.
pub(crate) fn is_outgoing_text(record: &FrameRecord) -> bool {
    record.direction == Direction::Out && record.opcode == Opcode::Text
}

const MAX_TEXT: usize = 2000;
const MAX_NAME: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_names_are_measured_in_characters_after_trimming() {
        assert_eq!(check_text(" hé "), Ok("hé".to_owned()));
        assert!(check_text(&"é".repeat(2000)).is_ok());
        assert_eq!(
            check_text(&"é".repeat(2001)).unwrap_err(),
            "a message has 1 to 2000 characters, this one has 2001"
        );
        assert!(check_text("  ").is_err());
        assert!(check_name(&"名".repeat(32)).is_ok());
        assert!(check_name(&"名".repeat(33)).is_err());
        assert!(check_name("a\u{7}b").is_err());
    }

    #[test]
    fn a_notice_is_an_object_with_its_type() {
        let notice = Notice::Left { id: 3, name: "Ada".to_owned() };
        assert_eq!(notice.message().as_text(), Some(r#"{"type":"left","id":3,"name":"Ada"}"#));
        let request: Request = serde_json::from_str(r#"{"type":"say","text":"hi","more":1}"#).unwrap();
        assert_eq!(request, Request::Say { text: "hi".to_owned() });
    }
}
