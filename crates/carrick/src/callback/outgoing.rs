//! What is given to be sent.

use bytes::Bytes;

use super::message_ref::MessageRef;
use crate::protocol::{Kind, Message, Text};

/// A message to send, owned or borrowed: what [`Conn::send`](crate::Conn::send) takes. There is a `From` for whatever
/// becomes a [`Message`], and what is only borrowed goes to the network without becoming one.
///
/// ```
/// use carrick::{MessageRef, Outgoing};
///
/// assert!(matches!(Outgoing::from("text"), Outgoing::Borrowed(MessageRef::Text("text"))));
/// assert!(matches!(Outgoing::from(vec![1, 2]), Outgoing::Owned(message) if message.len() == 2));
/// ```
#[derive(Clone, Debug)]
pub enum Outgoing<'a> {
    /// Its bytes are copied to where they leave from.
    Borrowed(MessageRef<'a>),
    /// Its bytes are shared if they are many.
    Owned(Message),
}

impl Outgoing<'_> {
    /// What it is, and its bytes.
    #[inline]
    pub(crate) fn parts(&self) -> (Kind, &[u8]) {
        match self {
            Outgoing::Borrowed(message) => (message.kind(), message.as_bytes()),
            Outgoing::Owned(message) => (message.kind(), message.as_bytes()),
        }
    }
}

impl<'a> From<MessageRef<'a>> for Outgoing<'a> {
    fn from(message: MessageRef<'a>) -> Outgoing<'a> {
        Outgoing::Borrowed(message)
    }
}

impl<'a> From<&'a str> for Outgoing<'a> {
    fn from(text: &'a str) -> Outgoing<'a> {
        Outgoing::Borrowed(MessageRef::Text(text))
    }
}

/// A binary message.
impl<'a> From<&'a [u8]> for Outgoing<'a> {
    fn from(bytes: &'a [u8]) -> Outgoing<'a> {
        Outgoing::Borrowed(MessageRef::Binary(bytes))
    }
}

impl From<Message> for Outgoing<'_> {
    fn from(message: Message) -> Self {
        Outgoing::Owned(message)
    }
}

/// Shares the bytes.
impl From<&Message> for Outgoing<'_> {
    fn from(message: &Message) -> Self {
        Outgoing::Owned(message.clone())
    }
}

impl From<Text> for Outgoing<'_> {
    fn from(text: Text) -> Self {
        Outgoing::Owned(text.into())
    }
}

impl From<String> for Outgoing<'_> {
    fn from(text: String) -> Self {
        Outgoing::Owned(text.into())
    }
}

/// A binary message.
impl From<Bytes> for Outgoing<'_> {
    fn from(bytes: Bytes) -> Self {
        Outgoing::Owned(bytes.into())
    }
}

/// A binary message.
impl From<Vec<u8>> for Outgoing<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Outgoing::Owned(bytes.into())
    }
}
