//! What a peer does first with a stream that was granted to it.

use std::{fmt, io, task::Poll};

/// It uses it, or it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstSign {
    /// It has sent something on it.
    Used,
    /// It has ended or reset it, or takes nothing from it.
    TakenBack,
}

/// Who is told of it, once.
#[derive(Default)]
pub(crate) struct Lookout {
    told: Option<Box<dyn FnOnce(FirstSign) + Send + Sync>>,
}

impl Lookout {
    pub(crate) fn new(told: impl FnOnce(FirstSign) + Send + Sync + 'static) -> Lookout {
        Lookout { told: Some(Box::new(told)) }
    }

    /// What came of reading into a buffer with room.
    pub(crate) fn note_read(&mut self, polled: &Poll<io::Result<()>>, bytes: usize) {
        if bytes > 0 {
            self.tell(FirstSign::Used);
        } else if polled.is_ready() {
            self.tell(FirstSign::TakenBack);
        }
    }

    /// What came of writing.
    pub(crate) fn note_written(&mut self, polled: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Err(_)) = polled {
            self.tell(FirstSign::TakenBack);
        }
    }

    fn tell(&mut self, sign: FirstSign) {
        if let Some(told) = self.told.take() {
            told(sign);
        }
    }
}

impl fmt::Debug for Lookout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookout").field("is_over", &self.told.is_none()).finish()
    }
}
