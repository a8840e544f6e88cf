//! What a connection owns only while it has something to do.

use std::io;

use bytes::{Buf, BytesMut};

use crate::protocol::Output;

/// Lent by the thread as long as there is something in it. A connection that waits pays for one word.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// What waits to be written.
    pub(super) output: Output,
    /// What one read brought beyond the message last handed out.
    pub(super) rest: BytesMut,
    /// Whether `rest` began so long that a small slice of it would pin much memory.
    pub(super) rest_is_large: bool,
    /// Why nothing can be written any more.
    pub(super) broken: Option<io::Error>,
}

impl Work {
    /// Whether there is nothing in it.
    pub(super) fn is_done(&self) -> bool {
        self.output.is_empty() && !self.rest.has_remaining() && self.broken.is_none()
    }

    /// Keeps no more memory than the next connection will need.
    pub(super) fn clear(&mut self) {
        self.output.recycle();
        self.rest = BytesMut::new();
    }
}
