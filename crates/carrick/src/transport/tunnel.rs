//! The end of a stream that is no end of what it carries, for the bridge of our conformance tests.

#[cfg(feature = "http3")]
use std::any::Any;
use std::time::Duration;

use socket2::SockRef;

#[cfg(feature = "http3")]
use super::http3::Http3Stream;
use super::stream::{Carrier, NetStream};

/// Only with the feature `unstable-tunnel`.
impl NetStream {
    /// Cuts the stream, so that the peer sees an error and not an end: TCP is reset, and so is a stream of HTTP/2 or HTTP/3
    /// (RFC 9220 §3).
    #[doc(hidden)]
    pub fn abort(mut self) {
        match &mut self.carrier {
            // A socket that lingers for no time is reset when it is closed.
            Carrier::Tcp(stream) => drop(SockRef::from(&*stream).set_linger(Some(Duration::ZERO))),
            #[cfg(feature = "http3")]
            Carrier::Boxed(known) => {
                let stream: &mut dyn Any = &mut known.stream;
                if let Some(stream) = stream.downcast_mut::<Http3Stream>() {
                    stream.cut();
                }
            }
            // Those of HTTP/2 are reset when they are dropped.
            _ => {}
        }
    }
}
