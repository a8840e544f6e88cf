//! Asks a connection from outside to close.

use std::{
    future::poll_fn,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Poll, Waker},
};

/// A request to close with 1001, made by a server that stops and seen by the connection when it is next polled.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    asked: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Stop {
    /// Asks for the close.
    pub(crate) fn ask(&self) {
        self.asked.store(true, Ordering::Release);
        if let Some(waker) = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take() {
            waker.wake();
        }
    }

    /// Takes back what was asked for: it has been done.
    pub(crate) fn withdraw(&self) {
        self.asked.store(false, Ordering::Release);
    }

    /// Whether the close was asked for.
    pub(crate) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    /// Waits until the close is asked for.
    pub(crate) async fn asked(&self) {
        poll_fn(|cx| {
            self.register(cx.waker());
            if self.is_asked() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Wakes `waker` when the close is asked for. To be followed by a look at `is_asked`.
    pub(crate) fn register(&self, waker: &Waker) {
        let mut slot = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        if !slot.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *slot = Some(waker.clone());
        }
    }
}
