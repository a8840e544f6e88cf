//! What a handler is lent of a message.

use std::fmt;

use bytes::Bytes;

use crate::protocol::{Kind, Message, Text, checked_text};

/// A whole message, lent to a handler for the length of its call.
///
/// `Display` shows a text as it is, and of a binary message how long it is. Whoever keeps the message or sends it on
/// makes a [`Message`] of it.
///
/// ```
/// use carrick::{MessageRef, protocol::Message};
///
/// let message = MessageRef::Text("Hello");
/// assert_eq!(message.to_string(), "Hello");
/// assert_eq!(Message::from(message), Message::text("Hello"));
/// assert_eq!(MessageRef::Binary(&[1, 2]).to_string(), "2 bytes");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageRef<'a> {
    /// UTF-8 text.
    Text(&'a str),
    /// Any bytes.
    Binary(&'a [u8]),
}

impl<'a> MessageRef<'a> {
    /// A message of bytes that the message reader has already checked.
    pub(crate) fn from_checked(kind: Kind, bytes: &'a [u8]) -> MessageRef<'a> {
        match kind {
            Kind::Text => MessageRef::Text(checked_text(bytes)),
            Kind::Binary => MessageRef::Binary(bytes),
        }
    }

    /// Whether it is text or binary.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            MessageRef::Text(_) => Kind::Text,
            MessageRef::Binary(_) => Kind::Binary,
        }
    }

    /// The text of a text message; `None` for a binary one.
    #[must_use]
    pub fn as_text(self) -> Option<&'a str> {
        match self {
            MessageRef::Text(text) => Some(text),
            MessageRef::Binary(_) => None,
        }
    }

    /// The bytes, of a text message too.
    #[must_use]
    pub fn as_bytes(self) -> &'a [u8] {
        match self {
            MessageRef::Text(text) => text.as_bytes(),
            MessageRef::Binary(bytes) => bytes,
        }
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(self) -> usize {
        self.as_bytes().len()
    }

    /// Whether it has no bytes.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.as_bytes().is_empty()
    }
}

impl<'a> From<&'a Message> for MessageRef<'a> {
    fn from(message: &'a Message) -> MessageRef<'a> {
        match message {
            Message::Text(text) => MessageRef::Text(text.as_str()),
            Message::Binary(bytes) => MessageRef::Binary(bytes),
        }
    }
}

/// Copies the bytes.
impl From<MessageRef<'_>> for Message {
    fn from(message: MessageRef<'_>) -> Message {
        match message {
            MessageRef::Text(text) => Message::Text(Text::from(text)),
            MessageRef::Binary(bytes) => Message::Binary(Bytes::copy_from_slice(bytes)),
        }
    }
}

impl fmt::Display for MessageRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MessageRef::Text(text) => f.write_str(text),
            MessageRef::Binary(bytes) => write!(f, "{} bytes", bytes.len()),
        }
    }
}

/// Some bytes of a message as they arrived, lent to a handler for the length of its call.
///
/// ```
/// use carrick::{PieceRef, protocol::Kind};
///
/// let piece = PieceRef { kind: Kind::Binary, bytes: &[1, 2], first: true, last: false };
/// assert!(piece.first && !piece.last);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PieceRef<'a> {
    /// Text or binary, the same in all pieces of a message.
    pub kind: Kind,
    /// The bytes, perhaps none. Those of a text are UTF-8 once joined; a piece may end inside a character.
    pub bytes: &'a [u8],
    /// Whether the message starts with this piece.
    pub first: bool,
    /// Whether the message ends with this piece.
    pub last: bool,
}
