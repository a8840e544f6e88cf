//! What all threads of a callback server share, and how they call its handlers.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::Request;

use super::{
    caller::PeerAddress,
    entrance::{Entrance, Entrant, Opening},
    slot::Slot,
};
use crate::{
    callback::{Conn, Handlers, Hub, Occasion},
    protocol::{Output, Rejection},
};

/// What the application gave, and the connections that came of it.
pub(super) struct House<S> {
    pub(super) handlers: Handlers<S>,
    pub(super) make_state: MakeState<S>,
    pub(super) entrance: Entrance,
    pub(super) hub: Arc<Hub>,
    pub(super) places: Places,
    pub(super) drain_timeout: Duration,
    pub(super) spin: Duration,
}

/// Makes the state of a connection.
pub(super) type MakeState<S> = Box<dyn Fn(&Request<()>) -> S + Send + Sync>;

impl<S> House<S> {
    /// Calls a handler. One that panics ends its own connection and no other.
    #[inline(always)]
    pub(super) fn call(&self, conn: &mut Conn<S>, occasion: Occasion<'_>) {
        // Nearly all calls are for a message.
        match occasion {
            Occasion::Message(message) if !conn.has_panicked() => {
                if contained(|| self.handlers.call_message(conn, message)).is_none() {
                    conn.handle_panic();
                }
            }
            other => self.call_any(conn, other),
        }
    }

    #[inline(never)]
    fn call_any(&self, conn: &mut Conn<S>, occasion: Occasion<'_>) {
        if conn.has_panicked() && !matches!(occasion, Occasion::Close(_)) {
            return;
        }
        if contained(|| self.handlers.call(conn, occasion)).is_none() {
            conn.handle_panic();
        }
    }

    /// Takes bytes of a request, which what the application decides with sees once it is whole; `None` if that panics.
    pub(super) fn receive(
        &self,
        entrant: &mut Entrant,
        received: &[u8],
    ) -> Option<Option<Result<Opening, Rejection>>> {
        contained(|| self.entrance.receive(entrant, received))
    }

    /// The answer to a request that is refused; `None` if what the application is told with panics.
    pub(super) fn refuse(&self, rejection: &Rejection, address: PeerAddress) -> Option<Output> {
        contained(|| self.entrance.refuse(rejection, address))
    }

    /// Drops what was there for a client, of which the state may panic.
    pub(super) fn part_with(&self, slot: Slot<S>) {
        let _ = contained(|| drop(slot));
    }

    /// The state of a new connection; `None` if making it panics.
    pub(super) fn make_state(&self, request: &Request<()>) -> Option<S> {
        contained(|| (self.make_state)(request))
    }
}

/// Calls into the application; `None` if it panics, which the panic hook has told then.
#[inline]
fn contained<T>(call: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(call)).ok()
}

/// How many connections there may be at a time.
#[derive(Debug)]
pub(super) struct Places {
    taken: AtomicUsize,
    most: usize,
}

impl Places {
    /// Zero counts as one.
    pub(super) fn new(most: usize) -> Places {
        Places { taken: AtomicUsize::new(0), most: most.max(1) }
    }

    /// Takes a place, if one is free.
    pub(super) fn take(&self) -> bool {
        let free = self.taken.fetch_add(1, Ordering::AcqRel) < self.most;
        if !free {
            self.taken.fetch_sub(1, Ordering::AcqRel);
        }
        free
    }

    /// Gives a place back; whether somebody may wait for it.
    pub(super) fn give_back(&self) -> bool {
        self.taken.fetch_sub(1, Ordering::AcqRel) >= self.most
    }
}
