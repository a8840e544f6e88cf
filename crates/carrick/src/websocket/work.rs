//! What a connection owns only while it has something to do.

use std::{io, mem, ops::Range};

use bytes::{Buf, Bytes, BytesMut};

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
    /// Whether something was taken out of `rest` without a look at the clock.
    pub(super) taken: bool,
    /// Why nothing can be written any more.
    pub(super) broken: Option<io::Error>,
}

impl Work {
    /// Whether there is nothing in it.
    pub(super) fn is_done(&self) -> bool {
        self.output.is_empty() && !self.rest.has_remaining() && self.broken.is_none()
    }

    /// Keeps what was received and not handed out yet.
    pub(super) fn keep(&mut self, rest: BytesMut) {
        self.rest_is_large = rest.len() > PINNED_BYTES;
        self.rest = rest;
    }

    /// Takes bytes out of the rest, and what is in front of them away.
    #[inline]
    pub(super) fn split_off(&mut self, place: Range<usize>) -> Bytes {
        let Work { rest, rest_is_large, .. } = self;
        // Whoever keeps a slice keeps the whole allocation: many small messages of one large read are copied.
        if *rest_is_large && place.len() < PINNED_BYTES {
            let copy = rest.get(place.clone()).map(Bytes::copy_from_slice).unwrap_or_default();
            rest.advance(place.end);
            if rest.is_empty() {
                *rest = BytesMut::new();
            }
            return copy;
        }
        let at_end = place.end == rest.len();
        let mut bytes = if at_end { mem::take(rest) } else { rest.split_to(place.end) }.freeze();
        bytes.advance(place.start);
        bytes
    }

    /// Keeps no more memory than the next connection will need.
    pub(super) fn clear(&mut self) {
        self.output.recycle();
        self.rest = BytesMut::new();
        self.taken = false;
    }
}

/// How much a kept message may hold on to beside its own bytes.
const PINNED_BYTES: usize = 4096;
