//! The WebSocket protocol without any I/O.
//!
//! Nothing in here opens a socket, reads a clock, draws a random number, spawns a task or logs. Bytes, the time and a
//! generator are arguments; frames and events are results. The floors, lowest first:
//!
//! - F0 `role`, `close_code`, `violation`: the words that everything else speaks in
//! - F1 `payload`: masking, UTF-8, DEFLATE
//! - F2 `frame`: bytes to frames and back
//! - F3 `handshake`: the opening handshake of both roles, on `http::Request`
//! - F4 `connection`: one WebSocket after its handshake
//!
//! A file imports from its own folder and from lower floors only; `tests/it/layers.rs` holds it to that.
#![warn(clippy::indexing_slicing)]

mod close_code;
mod connection;
mod frame;
mod handshake;
mod payload;
mod role;
mod violation;

#[cfg(feature = "net")]
pub(crate) use connection::{Borrowed, Bundle, checked_text};
#[cfg(feature = "net")]
pub(crate) use frame::MAX_CONTROL_BYTES;
#[cfg(feature = "net")]
pub(crate) use handshake::{check_host, excerpt, is_reserved};

// The public interface is:
pub use close_code::CloseCode;
pub use connection::{
    Closed, Compression, Config, Connection, Delivery, Direction, Event, FrameRecord, Initiator, Kind,
    Message, NotText, Payload, Prepared, SendError, Shell, Text, Traffic,
};
pub use frame::{
    CloseFrame, CloseFrameError, Frame, FramePiece, FrameReader, FrameWriter, Header, HeaderRules, Opcode,
    Output,
};
pub use handshake::{
    Acceptor, Agreement, ClientHandshake, ConnectProtocol, DeflateConfig, DeflateParams, Front,
    HandshakeConfigError, HeadLimits, HeadReader, Host, IpNetwork, ListError, Origin, OriginPolicy, Peer,
    PeerAddress, PendingHandshake, Refusal, Rejection, ResponseError, Scheme, TrustedProxies,
    is_websocket_request, offered_subprotocols, write_request, write_response,
};
pub use payload::{
    Compressor, CompressorSettings, Decompressor, InflateError, NotUtf8, Pool, Scratch, Utf8,
    check_whole as check_utf8, mask, mask_into,
};
pub use role::Role;
pub use violation::Violation;
