//! An offer in the words of somebody else, for the bridge of our conformance tests.

use http::{HeaderValue, header::SEC_WEBSOCKET_EXTENSIONS};

use super::client::ClientHandshake;

/// Only with the feature `unstable-tunnel`.
impl ClientHandshake {
    /// Offers these extensions beside those of its own, which it should not have then.
    pub(crate) fn with_extensions(mut self, offers: Vec<HeaderValue>) -> ClientHandshake {
        for offer in offers {
            self.headers.append(SEC_WEBSOCKET_EXTENSIONS, offer);
        }
        self
    }
}
