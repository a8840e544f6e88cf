//! What a connection tells its user.

use std::{fmt, ops::Deref, time::Duration};

use bytes::Bytes;

use super::message::Kind;
use crate::protocol::{close_code::CloseCode, frame::CloseFrame, violation::Violation};

/// Something that happened on a connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A whole message. The payload of a text message is valid UTF-8.
    Message {
        /// Text or binary.
        kind: Kind,
        /// The message, inflated and joined.
        payload: Payload<'a>,
        /// Whether it came compressed (RFC 7692 §6).
        compressed: bool,
    },
    /// A part of a message, if the connection delivers messages in pieces. The pieces of a text message are valid
    /// UTF-8 when joined; one piece may end inside a character.
    Piece {
        /// Text or binary, the same for all pieces of a message.
        kind: Kind,
        /// Some bytes of the message, perhaps none.
        payload: Payload<'a>,
        /// Whether the message came compressed, the same for all its pieces (RFC 7692 §6).
        compressed: bool,
        /// Whether the message starts with this piece.
        first: bool,
        /// Whether the message ends with this piece.
        last: bool,
    },
    /// A ping came. Its pong is queued, or will be as soon as there is room; of several that wait so, only the last is
    /// answered (RFC 6455 §5.5.3).
    Ping(Payload<'a>),
    /// A pong came.
    Pong {
        /// What the ping carried, or anything if the pong came unasked.
        payload: Payload<'a>,
        /// The time since the ping that it answers, if it answers one of ours.
        round_trip: Option<Duration>,
    },
    /// The connection is closed for data, both ways. Comes exactly once, as the last event.
    Closed(&'a Closed),
}

/// The bytes of an event: where they were received, or in a buffer of their own if they had to be assembled.
#[derive(Debug)]
pub enum Payload<'a> {
    /// The last bytes of what the call consumed, unmasked in place.
    Received(&'a mut [u8]),
    /// Joined fragments, inflated bytes, or what came in more than one read.
    Assembled(Bytes),
}

impl Payload<'_> {
    /// The bytes on their own; copies those that stand in the receive buffer.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self {
            Payload::Received(bytes) => Bytes::copy_from_slice(bytes),
            Payload::Assembled(bytes) => bytes,
        }
    }
}

impl Deref for Payload<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Payload::Received(bytes) => bytes,
            Payload::Assembled(bytes) => bytes,
        }
    }
}

/// Who brought a connection to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initiator {
    /// The application called `close`.
    Application,
    /// The connection itself: the peer broke a rule or a deadline passed.
    Library,
    /// The peer sent a close frame or ended the stream.
    Peer,
}

/// How a connection ended.
///
/// ```
/// use carrick::protocol::{CloseCode, Closed, Initiator, Violation};
///
/// let closed = Closed { by: Initiator::Library, frame: None, violation: Some(Violation::MaskMissing) };
/// assert_eq!(closed.code(), CloseCode::ABNORMAL);
/// assert!(!closed.is_clean());
/// assert_eq!(closed.to_string(), "failed: frame of a client is not masked (RFC 6455 §5.1)");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Who brought it to its end.
    pub by: Initiator,
    /// The close frame that the peer sent, if one came.
    pub frame: Option<CloseFrame>,
    /// The rule that the peer broke, if that is why.
    pub violation: Option<Violation>,
}

impl Closed {
    /// The close code of the connection (RFC 6455 §7.1.5): the one in the peer's close frame,
    /// [`CloseCode::NO_STATUS`] if that frame had none, and [`CloseCode::ABNORMAL`] if no frame came.
    #[must_use]
    pub fn code(&self) -> CloseCode {
        self.frame.as_ref().map_or(CloseCode::ABNORMAL, CloseFrame::code)
    }

    /// The reason in the peer's close frame, empty if there is none (RFC 6455 §7.1.6).
    #[must_use]
    pub fn reason(&self) -> &str {
        self.frame.as_ref().map_or("", CloseFrame::reason)
    }

    /// Whether the closing handshake was completed (RFC 6455 §7.1.4) and no rule was broken.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.frame.is_some() && self.violation.is_none()
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.violation, &self.frame) {
            (Some(violation), _) => write!(f, "failed: {violation} ({})", violation.section()),
            (None, Some(frame)) => write!(f, "closed by {}: {frame}", self.by),
            (None, None) => write!(f, "closed by {}", self.by),
        }
    }
}

impl fmt::Display for Initiator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Initiator::Application => "us",
            Initiator::Library => "the library",
            Initiator::Peer => "the peer",
        })
    }
}
