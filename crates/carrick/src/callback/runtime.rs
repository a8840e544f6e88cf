//! The event loop under `run_forever`: one thread, the caller's.

use tokio::runtime::{Builder, Handle};

use crate::error::Error;

/// Runs `future` on this thread. What it leaves behind is ended before this returns: tasks, timers, sockets, and the
/// threads that looked up names.
pub(crate) fn block_on<F: Future>(future: F) -> Result<F::Output, Error> {
    if Handle::try_current().is_ok() {
        let text = "run_forever is called inside of an async runtime or in a handler, call it on a thread of its own or \
                    use the async API there";
        return Err(Error::Config(text.into()));
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(future))
}
