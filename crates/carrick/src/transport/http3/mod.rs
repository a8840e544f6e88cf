//! A minimal HTTP/3 (RFC 9114) over quinn: as much as WebSockets (RFC 9220), pages and their errors need.

mod client;
mod connection;
mod control;
mod error_code;
mod frame;
mod head;
mod io_error;
mod message_reader;
mod qpack;
mod quic;
mod receiving;
mod sending;
mod settings;
mod stream;
mod varint;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub(crate) use client::Http3Connection;
pub(crate) use connection::Http3;
pub(crate) use control::End;
pub(crate) use error_code::ErrorCode;
pub(crate) use quic::{QuicTls, section_bytes};
pub(crate) use receiving::{ReceiveError, Receiving};
pub(crate) use sending::Sending;
pub(crate) use stream::Http3Stream;
