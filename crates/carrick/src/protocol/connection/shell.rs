//! What the shell lends to the core for the length of one call.

use std::{fmt, time::Instant};

use rand_core::CryptoRng;

use crate::protocol::{frame::Output, payload::Pool};

/// The clock, the generator and the buffers that a [`Connection`](super::Connection) works with but does not own.
///
/// One per thread is enough: an idle connection keeps none of it. The generator has to be cryptographic, because
/// masking keys and ping payloads must be unpredictable (RFC 6455 §5.3 and §10.3).
pub struct Shell<'a> {
    /// The time now. It never goes back between calls.
    pub now: Instant,
    /// Masking keys and ping payloads are drawn from here.
    pub random: &'a mut dyn CryptoRng,
    /// Where the connection puts bytes for the peer. It belongs to this connection as long as it is not empty.
    pub output: &'a mut Output,
    /// Compressors and decompressors, leased for one message each.
    pub pool: &'a mut Pool,
}

impl fmt::Debug for Shell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shell")
            .field("now", &self.now)
            .field("output", &self.output.len())
            .finish_non_exhaustive()
    }
}
