//! The event loop under `run_forever` and under the blocking client: one thread, the caller's.

use std::{cell::Cell, time::Duration};

use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::Error;

/// Runs `future` on this thread. What it leaves behind is ended before this returns: tasks, timers, sockets, and the
/// threads that looked up names.
pub(crate) fn block_on<F: Future>(future: F) -> Result<F::Output, Error> {
    check_may_block()?;
    Ok(OwnRuntime::new()?.block_on(future))
}

/// An error on a thread that others wait for.
fn check_may_block() -> Result<(), Error> {
    if belongs_to_loop() {
        let text = "run_forever is called inside of an async runtime or in a handler, call it on a thread of its own or \
                    use the async API there";
        return Err(Error::Config(text.into()));
    }
    Ok(())
}

/// Whether this thread runs the loop of a server.
pub(super) fn runs_loop() -> bool {
    IN_LOOP.get()
}

/// Whether this thread has a loop to run, a runtime's or a server's, which must not be blocked.
pub(crate) fn belongs_to_loop() -> bool {
    IN_LOOP.get() || Handle::try_current().is_ok()
}

/// A thread that runs the loop of a server, until this is dropped.
#[derive(Debug)]
pub(crate) struct LoopThread {
    _private: (),
}

impl LoopThread {
    /// This thread, unless it has a loop already.
    pub(crate) fn enter() -> Result<LoopThread, Error> {
        check_may_block()?;
        IN_LOOP.set(true);
        Ok(LoopThread { _private: () })
    }
}

impl Drop for LoopThread {
    fn drop(&mut self) {
        IN_LOOP.set(false);
    }
}

thread_local! {
    static IN_LOOP: Cell<bool> = const { Cell::new(false) };
}

/// A runtime on the thread of its owner, which is ended when it is dropped.
///
/// The system cannot be told to give up a lookup of a name. One that still goes on is waited for a moment, and then its
/// thread outlives the runtime.
#[derive(Debug)]
pub(crate) struct OwnRuntime {
    /// `None` while it is dropped.
    runtime: Option<Runtime>,
}

impl OwnRuntime {
    pub(crate) fn new() -> Result<OwnRuntime, Error> {
        Ok(OwnRuntime { runtime: Some(Builder::new_current_thread().enable_all().build()?) })
    }

    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.as_ref().expect("it is there until it is dropped").block_on(future)
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        if Handle::try_current().is_ok() {
            // Waiting inside of another runtime would panic.
            runtime.shutdown_background();
        } else {
            runtime.shutdown_timeout(LOOKUP_GRACE);
        }
    }
}

/// Enough for threads that only have to notice that it is over.
const LOOKUP_GRACE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::{sync::mpsc::channel, thread};

    use super::*;

    #[test]
    fn it_does_not_wait_for_a_lookup_that_never_ends() {
        let (ended, has_ended) = channel();
        let (give_up, given_up) = channel::<()>();
        let running = thread::spawn(move || {
            block_on(async {
                // As the lookup of a name does.
                tokio::task::spawn_blocking(move || given_up.recv());
            })
            .unwrap();
            ended.send(()).unwrap();
        });
        has_ended.recv_timeout(Duration::from_secs(30)).expect("it returns");
        drop(give_up);
        running.join().unwrap();
    }
}
