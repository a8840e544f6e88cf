//! One JSON object a line for everything that happens.

use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use carrick::{
    WebSocket,
    protocol::{CloseFrame, Closed, Direction, FrameRecord, Initiator, Message},
};
use serde::Serialize;

use crate::{escape, failure::Failure};

/// Something that happened, and at which client of a server.
#[derive(Debug)]
pub(crate) struct Happening<'a> {
    pub(crate) client: Option<u64>,
    pub(crate) event: Event<'a>,
}

#[derive(Debug)]
pub(crate) enum Event<'a> {
    /// A server listens at this URL.
    Listening {
        url: &'a str,
    },
    /// The connection with a server is open.
    Open {
        url: &'a str,
        websocket: &'a WebSocket,
    },
    /// A client is here; `uri` is what it asked for.
    Accepted {
        address: &'a str,
        uri: &'a str,
        websocket: &'a WebSocket,
    },
    Message {
        direction: Direction,
        message: &'a Message,
    },
    /// A ping or a pong, with the time since the ping for a pong that answers one of ours.
    Control {
        record: &'a FrameRecord,
        round_trip: Option<Duration>,
    },
    /// `sent` is our own close frame, if we have sent one that the application asked for.
    Closed {
        closed: &'a Closed,
        sent: Option<&'a CloseFrame>,
    },
    Failed(&'a Failure),
}

/// The line, with its end.
pub(super) fn line(happening: &Happening<'_>) -> String {
    let line = Line { client: happening.client, ..Line::of(&happening.event) };
    let json = serde_json::to_string(&line).expect("strings and numbers can be written as JSON");
    format!("{}\n", escape::json(&json))
}

#[derive(Debug, Default, Serialize)]
struct Line<'a> {
    event: Cow<'static, str>,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subprotocol: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deflate: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    round_trip_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meaning: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent: Option<Sent<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clean: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    violation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

/// Our own close frame.
#[derive(Debug, Serialize)]
struct Sent<'a> {
    code: u16,
    reason: &'a str,
}

impl<'a> Line<'a> {
    fn of(event: &Event<'a>) -> Line<'a> {
        let line =
            Line { time: humantime::format_rfc3339_micros(SystemTime::now()).to_string(), ..Line::default() };
        match event {
            Event::Listening { url } => Line { event: "listening".into(), url: Some(url), ..line },
            Event::Open { url, websocket } => Line { url: Some(url), ..Line::open(websocket, line) },
            Event::Accepted { address, uri, websocket } => {
                Line { address: Some(address), uri: Some(uri), ..Line::open(websocket, line) }
            }
            Event::Message { direction, message } => {
                let line = Line {
                    event: "message".into(),
                    direction: Some(word(*direction)),
                    length: u64::try_from(message.len()).ok(),
                    ..line
                };
                match message {
                    Message::Text(text) => Line { kind: Some("text"), data: Some(text.as_str()), ..line },
                    Message::Binary(bytes) => {
                        Line { kind: Some("binary"), base64: Some(STANDARD.encode(bytes)), ..line }
                    }
                }
            }
            Event::Control { record, round_trip } => {
                let text = std::str::from_utf8(&record.preview).ok();
                Line {
                    event: record.opcode.to_string().into(),
                    direction: Some(word(record.direction)),
                    length: Some(record.length),
                    data: text,
                    base64: text.is_none().then(|| STANDARD.encode(&record.preview)),
                    round_trip_ms: round_trip.map(|time| time.as_secs_f64() * 1e3),
                    ..line
                }
            }
            Event::Closed { closed, sent } => Line {
                event: "close".into(),
                code: Some(closed.code().into()),
                meaning: closed.code().meaning(),
                reason: Some(closed.reason()),
                by: Some(match closed.by {
                    Initiator::Application => "us",
                    Initiator::Library => "library",
                    Initiator::Peer => "peer",
                }),
                sent: sent.map(|frame| Sent { code: frame.code().into(), reason: frame.reason() }),
                clean: Some(closed.is_clean()),
                violation: closed.violation.as_ref().map(ToString::to_string),
                ..line
            },
            Event::Failed(failure) => Line {
                event: "error".into(),
                error: Some(failure.to_string()),
                causes: failure.causes().map(ToString::to_string).collect(),
                details: failure.details().to_vec(),
                hint: failure.hint(),
                ..line
            },
        }
    }
}

impl<'a> Line<'a> {
    fn open(websocket: &'a WebSocket, line: Line<'a>) -> Line<'a> {
        Line {
            event: "open".into(),
            subprotocol: websocket.subprotocol(),
            deflate: Some(websocket.agreement().deflate.is_some()),
            ..line
        }
    }
}

fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "in",
        Direction::Out => "out",
    }
}
