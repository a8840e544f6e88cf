//! A part of a message, as it arrived.

use bytes::Bytes;

use crate::protocol::Kind;

/// Some bytes of a message that is received in pieces.
///
/// ```
/// use carrick::{Piece, protocol::Kind};
///
/// let bytes = bytes::Bytes::new();
/// let piece = Piece { kind: Kind::Binary, bytes, compressed: false, first: true, last: true };
/// assert!(piece.first && piece.last);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Text or binary, the same in all pieces of a message.
    pub kind: Kind,
    /// The bytes, perhaps none. Those of a text are UTF-8 once joined; a piece may end inside a character.
    pub bytes: Bytes,
    /// Whether the message came compressed, the same in all pieces of a message.
    pub compressed: bool,
    /// Whether the message starts with this piece.
    pub first: bool,
    /// Whether the message ends with this piece.
    pub last: bool,
}
