//! HTTP/2 (RFC 9113) as far as it carries byte streams: each stream that an extended CONNECT (RFC 8441) opens is one.

mod body;
mod client;
mod error;
mod settings;
mod stream;
mod wire;

pub(crate) use self::{
    body::ReceivedBody,
    client::Http2Connection,
    stream::{Http2Stream, poll_room},
    wire::{Tapped, Wire},
};

/// How much of one stream a peer may send before it is read: what a reader that stands still costs in memory, and what is on
/// its way at most.
pub(crate) const STREAM_WINDOW_BYTES: u32 = 128 * 1024;

/// How much of one stream is kept for a peer that has granted more than the network takes.
pub(crate) const SEND_BUFFER_BYTES: usize = 128 * 1024;
