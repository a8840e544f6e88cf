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
    callback::{Conn, Handlers, Hub, MessageRef, Occasion},
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
    #[inline(never)]
    pub(super) fn call(&self, conn: &mut Conn<S>, occasion: Occasion<'_>) {
        if conn.has_panicked() && !matches!(occasion, Occasion::Close(_)) {
            return;
        }
        if contained(|| self.handlers.call(conn, occasion)).is_none() {
            conn.handle_panic();
        }
    }

    /// Hands out what was received, as far as it makes something; whether that was whole messages only, which came in the
    /// short way.
    pub(super) fn hand_out(&self, conn: &mut Conn<S>, mut received: &mut [u8]) -> bool {
        let mut is_plain = true;
        conn.handle_bytes();
        while !received.is_empty() {
            // Nearly all of it is messages: a panic is looked for once for as many of them as come one behind the other.
            if !conn.has_panicked() {
                let mut taken = 0;
                let call =
                    |conn: &mut Conn<S>, message: MessageRef<'_>| self.handlers.call_message(conn, message);
                if contained(|| conn.receive_plain(received, &mut taken, call)).is_none() {
                    conn.handle_panic();
                }
                received = received.get_mut(taken..).unwrap_or_default();
            }
            if received.is_empty() {
                break;
            }
            is_plain = false;
            let consumed = conn.receive_any(received, &mut |conn, occasion| self.call(conn, occasion));
            if consumed == 0 {
                break;
            }
            received = received.get_mut(consumed..).unwrap_or_default();
        }
        is_plain
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
