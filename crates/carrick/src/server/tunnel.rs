//! An answer with the extensions of somebody else, for the bridge of our conformance tests.

use http::{HeaderValue, header::SEC_WEBSOCKET_EXTENSIONS};

use super::accepted::Accepted;

/// Only with the feature `unstable-tunnel`.
impl Accepted {
    /// Agrees on extensions of which this server knows nothing: whoever takes the stream from its WebSocket does. The
    /// server itself must not agree on one, see [`Server::deflate`](crate::Server::deflate).
    #[doc(hidden)]
    #[must_use]
    pub fn with_extensions(mut self, agreed: Vec<HeaderValue>) -> Accepted {
        for value in agreed {
            self.headers.append(SEC_WEBSOCKET_EXTENSIONS, value);
        }
        self
    }
}
