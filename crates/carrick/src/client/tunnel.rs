//! The stream below a WebSocket of a client, for the bridge of our conformance tests.

use bytes::BytesMut;
use http::{HeaderValue, header::SEC_WEBSOCKET_EXTENSIONS};

use super::builder::{Answer, ClientBuilder};
use crate::{error::Error, transport::NetStream};

/// Only with the feature `unstable-tunnel`.
impl ClientBuilder {
    /// Opens a stream that carries frames of somebody else, who offers these extensions. The values of the answer's
    /// Sec-WebSocket-Extensions are theirs to check; everything else is checked here. A subprotocol is not offered. Beside
    /// the stream stands what was read behind the answer.
    ///
    /// # Errors
    ///
    /// As [`connect`](ClientBuilder::connect), but for what a refusal says in its body.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped, so is the stream.
    #[doc(hidden)]
    pub async fn open_tunnel(
        &self,
        offers: Vec<HeaderValue>,
    ) -> Result<(Vec<HeaderValue>, NetStream, BytesMut), Error> {
        let mut builder = self.clone().deflate(None);
        builder.handshake = builder.handshake.with_extensions(offers);
        let (stream, answer) = builder.in_time(builder.reach()).await?;
        let Answer { pending, mut response, received } = answer;
        let headers = response.headers_mut();
        let agreed = headers.get_all(SEC_WEBSOCKET_EXTENSIONS).iter().cloned().collect();
        headers.remove(SEC_WEBSOCKET_EXTENSIONS);
        pending.check(&response)?;
        Ok((agreed, stream, received))
    }
}
