//! What answers over TCP say of HTTP/3 (RFC 7838).

use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderValue;

/// The value of `Alt-Svc`.
#[derive(Debug)]
pub(super) struct Alternative {
    there: HeaderValue,
    is_gone: AtomicBool,
}

impl Alternative {
    /// HTTP/3 is there, as this value says.
    pub(super) fn new(there: HeaderValue) -> Alternative {
        Alternative { there, is_gone: AtomicBool::new(false) }
    }

    /// It is there no more.
    pub(super) fn withdraw(&self) {
        self.is_gone.store(true, Ordering::Relaxed);
    }

    /// "clear" has clients forget what they have been told before (RFC 7838 §3).
    pub(super) fn value(&self) -> HeaderValue {
        if self.is_gone.load(Ordering::Relaxed) {
            HeaderValue::from_static("clear")
        } else {
            self.there.clone()
        }
    }
}
