//! A message framed once and sent to many.

use std::sync::{Arc, OnceLock};

use bytes::{Bytes, BytesMut};

use super::message::{Kind, Message};
use crate::protocol::{
    frame::{Header, Opcode},
    handshake::DeflateConfig,
    payload::{CompressorSettings, Pool},
};

/// A message that is framed, and compressed where that was agreed on, only once however many connections send it.
///
/// The frame is kept plain and once for each window size that a connection asks for (RFC 7692 §7.1.2), made when it is
/// first needed and shared from then on. Connections of a client mask each copy, as they must (RFC 6455 §5.3).
///
/// ```
/// use carrick::protocol::{Message, Prepared};
///
/// let tick = Prepared::new(Message::text(r#"{"symbol":"CRK","price":42}"#));
/// let for_another_connection = tick.clone();
/// assert_eq!(for_another_connection.message(), tick.message());
/// ```
#[derive(Clone, Debug)]
pub struct Prepared {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    message: Message,
    deflate: DeflateConfig,
    plain: OnceLock<Framed>,
    /// One for each of 9 to 15 window bits; `None` inside if the message does not get smaller.
    deflated: [OnceLock<Option<Framed>>; WINDOWS],
}

/// A frame of a server: header and payload side by side.
#[derive(Clone, Debug)]
pub(super) struct Framed {
    pub(super) bytes: Bytes,
    pub(super) rsv1: bool,
    /// `header_length <= bytes.len()`
    header_length: usize,
}

impl Framed {
    pub(super) fn payload(&self) -> Bytes {
        self.bytes.slice(self.header_length..)
    }

    #[cfg(feature = "net")]
    pub(super) fn payload_length(&self) -> usize {
        self.bytes.len() - self.header_length
    }

    fn new(kind: Kind, rsv1: bool, payload: &[u8]) -> Framed {
        let opcode = match kind {
            Kind::Text => Opcode::Text,
            Kind::Binary => Opcode::Binary,
        };
        let header = Header { fin: true, rsv1, opcode, mask: None, length: payload.len() as u64 };
        let mut bytes = BytesMut::with_capacity(Header::MAX_BYTES + payload.len());
        header.encode(&mut bytes);
        let header_length = bytes.len();
        bytes.extend_from_slice(payload);
        Framed { bytes: bytes.freeze(), rsv1, header_length }
    }
}

impl Prepared {
    /// Prepares a message with the default [`DeflateConfig`].
    #[must_use]
    pub fn new(message: Message) -> Prepared {
        Prepared::with_deflate(message, DeflateConfig::default())
    }

    /// Prepares a message that is compressed with the level, memory level and threshold of `deflate`. The window is
    /// that of each connection.
    #[must_use]
    pub fn with_deflate(message: Message, deflate: DeflateConfig) -> Prepared {
        let shared = Shared { message, deflate, plain: OnceLock::new(), deflated: Default::default() };
        Prepared { shared: Arc::new(shared) }
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &Message {
        &self.shared.message
    }

    /// The frame for a connection that compresses with `window_bits`, or not at all.
    pub(super) fn framed(&self, window_bits: Option<u8>, pool: &mut Pool) -> Framed {
        let Shared { message, deflate, plain, deflated } = &*self.shared;
        let slot = window_bits
            .filter(|_| message.len() >= deflate.threshold_bytes())
            .and_then(|bits| deflated.get(usize::from(bits).checked_sub(SMALLEST_WINDOW)?).zip(Some(bits)));
        let compressed = slot.and_then(|(slot, window_bits)| {
            slot.get_or_init(|| compress(message, deflate, window_bits, pool)).clone()
        });
        compressed.unwrap_or_else(|| {
            plain.get_or_init(|| Framed::new(message.kind(), false, message.as_bytes())).clone()
        })
    }
}

fn compress(message: &Message, deflate: &DeflateConfig, window_bits: u8, pool: &mut Pool) -> Option<Framed> {
    let settings =
        CompressorSettings { level: deflate.level(), memory_level: deflate.memory_level(), window_bits };
    let payload = pool.compress(message.as_bytes(), settings);
    (payload.len() < message.len()).then(|| Framed::new(message.kind(), true, &payload))
}

const SMALLEST_WINDOW: usize = 9;
const WINDOWS: usize = 7;
