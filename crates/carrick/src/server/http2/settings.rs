//! What a server lets an HTTP/2 connection cost.

use std::time::Duration;

use h2::server::Builder;

use crate::{
    protocol::HeadLimits,
    transport::{SEND_BUFFER_BYTES, STREAM_WINDOW_BYTES},
};

/// What the HTTP/2 connections of a server go by.
#[derive(Clone, Debug)]
pub(in super::super) struct Http2Settings {
    /// `1 <= max_streams`, and with their windows less than 2^31 bytes: how many streams a client may have open at a time on one connection.
    max_streams: u32,
}

impl Http2Settings {
    /// The defaults.
    #[expect(clippy::unnecessary_wraps, reason = "where HTTP/2 is not compiled in there are none")]
    pub(in super::super) fn available() -> Option<Http2Settings> {
        Some(Http2Settings { max_streams: 1 })
    }

    pub(in super::super) fn with_max_streams(self, max_streams: u32) -> Http2Settings {
        Http2Settings { max_streams }
    }

    pub(super) fn max_streams(&self) -> usize {
        self.max_streams as usize
    }

    pub(super) fn builder(&self, limits: HeadLimits) -> Builder {
        // RFC 9113 §6.5.2 counts 32 bytes more for each field than HTTP/1.1 has on the wire.
        let list_bytes = limits.max_head_bytes.saturating_add(limits.max_headers.saturating_mul(32));
        let mut builder = Builder::new();
        builder
            .enable_connect_protocol()
            .max_concurrent_streams(self.max_streams)
            .initial_window_size(STREAM_WINDOW_BYTES)
            // Room for every stream at once, so that those that nobody reads take nothing from the others. Small DATA frames
            // that wait to be read may cost half of it.
            .initial_connection_window_size(STREAM_WINDOW_BYTES * self.max_streams)
            .max_send_buffer_size(SEND_BUFFER_BYTES)
            .max_header_list_size(u32::try_from(list_bytes).unwrap_or(u32::MAX))
            .max_pending_accept_reset_streams(MAX_RESETS)
            // As many as there may be: what is still on its way for streams that ended all at once is no error of the peer.
            .max_concurrent_reset_streams(self.max_streams())
            .reset_stream_duration(REMEMBERED_FOR);
        builder
    }
}

/// Streams that were reset before they were looked at.
const MAX_RESETS: usize = 20;

/// How long we remember of a stream that we have reset it.
const REMEMBERED_FOR: Duration = Duration::from_secs(30);
