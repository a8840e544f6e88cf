//! The end of a stream that is no end of what it carries, for the bridge of our conformance tests.

use std::time::Duration;

use socket2::SockRef;

use super::stream::{Carrier, NetStream};

/// Only with the feature `unstable-tunnel`.
impl NetStream {
    /// Cuts the stream, so that the peer sees an error and not an end: TCP is reset, and so is a stream of HTTP/2.
    #[doc(hidden)]
    pub fn abort(self) {
        if let Carrier::Tcp(stream) = &self.carrier {
            // A socket that lingers for no time is reset when it is closed.
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
    }
}
