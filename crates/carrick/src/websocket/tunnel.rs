//! The stream below a WebSocket, for the bridge of our conformance tests.

use bytes::BytesMut;

use super::websocket::WebSocket;
use crate::transport::NetStream;

/// Only with the feature `unstable-tunnel`.
impl WebSocket {
    /// The stream below a WebSocket that has neither sent nor received anything yet, and what was read behind the
    /// handshake.
    #[doc(hidden)]
    #[must_use]
    pub fn into_stream(self) -> (NetStream, BytesMut) {
        let driver = *self.driver;
        (driver.stream, driver.work.map(|work| work.rest).unwrap_or_default())
    }
}
