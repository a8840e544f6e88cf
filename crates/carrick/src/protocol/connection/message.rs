//! Messages: text that is known to be UTF-8, and binary.

use std::{fmt, ops::Deref};

use bytes::Bytes;

/// Whether a message is text or binary (RFC 6455 §5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// UTF-8 text.
    Text,
    /// Any bytes.
    Binary,
}

/// A whole message, either way. Cloning shares the bytes.
///
/// ```
/// use carrick::protocol::Message;
///
/// let message = Message::text("Hello");
/// assert_eq!(message.as_text(), Some("Hello"));
/// assert_eq!(message.len(), 5);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// UTF-8 text.
    Text(Text),
    /// Any bytes.
    Binary(Bytes),
}

impl Message {
    /// A text message.
    pub fn text(text: impl Into<Text>) -> Message {
        Message::Text(text.into())
    }

    /// A binary message.
    pub fn binary(bytes: impl Into<Bytes>) -> Message {
        Message::Binary(bytes.into())
    }

    /// Whether it is text or binary.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Message::Text(_) => Kind::Text,
            Message::Binary(_) => Kind::Binary,
        }
    }

    /// The text of a text message; `None` for a binary one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Message::Text(text) => Some(text.as_str()),
            Message::Binary(_) => None,
        }
    }

    /// The bytes, of a text message too.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Message::Text(text) => &text.bytes,
            Message::Binary(bytes) => bytes,
        }
    }

    /// The bytes, shared, of a text message too.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self {
            Message::Text(text) => text.bytes,
            Message::Binary(bytes) => bytes,
        }
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether it has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// A message of bytes that the message reader has already checked.
    #[cfg_attr(not(feature = "net"), expect(dead_code, reason = "only a shell that owns messages needs it"))]
    pub(crate) fn from_checked(kind: Kind, bytes: Bytes) -> Message {
        match kind {
            Kind::Text => Message::Text(Text { bytes }),
            Kind::Binary => Message::Binary(bytes),
        }
    }
}

impl From<Text> for Message {
    fn from(text: Text) -> Message {
        Message::Text(text)
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Message {
        Message::text(text)
    }
}

impl From<String> for Message {
    fn from(text: String) -> Message {
        Message::text(text)
    }
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Message {
        Message::Binary(bytes)
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Message {
        Message::Binary(bytes.into())
    }
}

/// UTF-8 text in shared bytes. Cloning shares it, and reading it never checks it again.
///
/// ```
/// use carrick::protocol::Text;
///
/// let text = Text::from("Grüße");
/// assert_eq!(text.as_str(), "Grüße");
/// assert!(Text::try_from(bytes::Bytes::from_static(b"\xff")).is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Text {
    /// Valid UTF-8.
    bytes: Bytes,
}

/// Bytes were meant to be text and are not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotText {
    /// How many bytes from the start are valid.
    pub valid_up_to: usize,
}

impl Text {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // A `Text` is made from a `str`, from bytes that `TryFrom` checks, or by `Message::from_checked`, and `bytes`
        // never changes.
        checked_text(&self.bytes)
    }

    /// The UTF-8 bytes, shared.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

/// The text of bytes that are known to be UTF-8: those of a `str`, and the payload of a whole text message, which the
/// message reader has checked.
#[expect(unsafe_code)]
#[inline]
pub(crate) fn checked_text(bytes: &[u8]) -> &str {
    debug_assert!(std::str::from_utf8(bytes).is_ok(), "only what was checked comes here");
    // SAFETY: whoever calls this has had the bytes checked, as above.
    unsafe { std::str::from_utf8_unchecked(bytes) }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text { bytes: Bytes::copy_from_slice(text.as_bytes()) }
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text { bytes: text.into() }
    }
}

impl TryFrom<Bytes> for Text {
    type Error = NotText;

    fn try_from(bytes: Bytes) -> Result<Text, NotText> {
        match simdutf8::compat::from_utf8(&bytes) {
            Ok(_) => Ok(Text { bytes }),
            Err(error) => Err(NotText { valid_up_to: error.valid_up_to() }),
        }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Display for NotText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bytes are not UTF-8 behind byte {}; send them as a binary message", self.valid_up_to)
    }
}

impl std::error::Error for NotText {}
