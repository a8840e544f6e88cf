//! Asks a connection from outside to close, and wakes it in time.

use std::{
    future::poll_fn,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Poll, Waker},
    time::Instant,
};

use super::alarms::Alarms;

/// A request to close with 1001, made by a server that stops and seen by the connection when it is next polled.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    asked: AtomicBool,
    waiting: Mutex<Waiting>,
    alarms: Option<Arc<Alarms>>,
}

/// The connection as it waits.
#[derive(Debug, Default)]
struct Waiting {
    waker: Option<Waker>,
    /// The alarm that counts. There may be later ones that do not any more.
    alarm: Option<Instant>,
}

impl Stop {
    /// For a connection that is woken by `alarms`.
    pub(crate) fn with_alarms(alarms: Arc<Alarms>) -> Stop {
        Stop { alarms: Some(alarms), ..Stop::default() }
    }

    /// Asks for the close.
    pub(crate) fn ask(&self) {
        self.asked.store(true, Ordering::Release);
        self.wake();
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
        self.waiting().register(waker);
    }

    /// Whether an alarm rings at `at`, or before that; then it wakes `waker`.
    pub(super) fn is_armed(&self, at: Instant, waker: &Waker) -> bool {
        let mut waiting = self.waiting();
        waiting.register(waker);
        waiting.alarm.is_some_and(|alarm| alarm <= at)
    }

    /// Sets an alarm, if there are any.
    pub(super) fn arm(self: &Arc<Stop>, at: Instant) -> bool {
        let Some(alarms) = &self.alarms else { return false };
        self.waiting().alarm = Some(at);
        let set = alarms.set(at, self);
        if !set {
            self.waiting().alarm = None;
        }
        set
    }

    /// Whether an alarm may be set.
    pub(super) fn has_alarms(&self) -> bool {
        self.alarms.is_some()
    }

    /// The alarm for `at` rings.
    pub(super) fn ring(&self, at: Instant) {
        let mut waiting = self.waiting();
        if waiting.alarm == Some(at) {
            waiting.alarm = None;
            drop(waiting);
            self.wake();
        }
    }

    /// Wakes the connection; no alarm is set any more.
    pub(super) fn wake(&self) {
        let Waiting { waker, .. } = std::mem::take(&mut *self.waiting());
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn register(&mut self, waker: &Waker) {
        if !self.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            self.waker = Some(waker.clone());
        }
    }
}
