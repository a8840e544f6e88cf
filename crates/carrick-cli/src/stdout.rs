//! Standard output, written by a thread of its own: whoever reads it may pause for as long as it likes, and nothing else
//! here stands still meanwhile.

use std::{
    collections::VecDeque,
    io::{self, Write},
    sync::{
        Arc, LazyLock,
        mpsc::{self, Sender},
    },
    thread,
};

use tokio::sync::watch;

/// Queues bytes. There should be [`room`] for them. An error says why what came before could not be written.
pub(crate) fn push(bytes: &[u8]) -> io::Result<()> {
    if let Some(error) = &STDOUT.state.borrow().failed {
        return Err(copy(error));
    }
    // Nobody waits for more to be queued.
    STDOUT.state.send_if_modified(|state| {
        state.unwritten += cost(bytes.len());
        false
    });
    let _ = STDOUT.queue.send(bytes.to_vec());
    Ok(())
}

/// Whether there is room at this moment.
pub(crate) fn has_room() -> bool {
    STDOUT.state.borrow().has_room()
}

/// Waits until there is room, or nothing can be written any more. Cancel safe.
pub(crate) async fn room() {
    STDOUT.wait_for(State::has_room).await;
}

/// Waits until everything is written; an error if that cannot be. Cancel safe.
pub(crate) async fn drained() -> io::Result<()> {
    STDOUT.wait_for(|state| state.unwritten == 0 || state.failed.is_some()).await;
    match &STDOUT.state.borrow().failed {
        Some(error) => Err(copy(error)),
        None => Ok(()),
    }
}

/// Waits until nothing can be written any more, and tells why. Cancel safe.
pub(crate) async fn failed() -> io::Error {
    loop {
        STDOUT.wait_for(|state| state.failed.is_some()).await;
        if let Some(error) = &STDOUT.state.borrow().failed {
            return copy(error);
        }
    }
}

/// What one of several has queued. When there is no room for all, each may still queue a little: who floods holds up itself
/// before it holds up the others.
#[derive(Debug, Default)]
pub(crate) struct Share {
    /// Where each of its pieces ends in all that was ever queued, and its cost.
    queued: VecDeque<(u64, usize)>,
    cost: usize,
}

impl Share {
    /// So many bytes of it were queued just now.
    pub(crate) fn add(&mut self, bytes: usize) {
        let state = STDOUT.state.borrow();
        self.forget(state.written);
        self.queued.push_back((state.end(), cost(bytes)));
        self.cost += cost(bytes);
    }

    /// Whether it may queue something at this moment.
    pub(crate) fn has_room(&mut self) -> bool {
        let state = STDOUT.state.borrow();
        self.forget(state.written);
        state.has_room() || self.cost < SHARE_BYTES
    }

    fn forget(&mut self, written: u64) {
        while let Some((end, cost)) = self.queued.front().copied()
            && end <= written
        {
            self.queued.pop_front();
            self.cost -= cost;
        }
    }
}

struct Stdout {
    state: Arc<watch::Sender<State>>,
    queue: Sender<Vec<u8>>,
}

#[derive(Debug, Default)]
struct State {
    /// The cost of what is queued or being written.
    unwritten: usize,
    /// The cost of all that was written.
    written: u64,
    failed: Option<io::Error>,
}

impl Stdout {
    fn start() -> Stdout {
        let state = Arc::new(watch::Sender::new(State::default()));
        let (queue, queued) = mpsc::channel::<Vec<u8>>();
        let written = Arc::clone(&state);
        thread::spawn(move || {
            for bytes in queued {
                let result = write(&bytes);
                // Only what somebody may wait for is told: thousands of clients may wait.
                written.send_if_modified(|state| state.wrote(cost(bytes.len()), result));
            }
        });
        Stdout { state, queue }
    }

    async fn wait_for(&self, wanted: impl FnMut(&State) -> bool) {
        // The sender lives as long as the process.
        let _ = self.state.subscribe().wait_for(wanted).await;
    }
}

impl State {
    fn end(&self) -> u64 {
        self.written.saturating_add(as_u64(self.unwritten))
    }

    fn has_room(&self) -> bool {
        self.unwritten < MAX_UNWRITTEN_BYTES || self.failed.is_some()
    }

    /// Whether that makes room, is the end of the queue, or a failure.
    fn wrote(&mut self, cost: usize, result: io::Result<()>) -> bool {
        let (had_room, had_failed) = (self.has_room(), self.failed.is_some());
        self.unwritten -= cost;
        self.written += as_u64(cost);
        if let (Err(error), false) = (result, had_failed) {
            self.failed = Some(error);
        }
        self.unwritten == 0 || had_room != self.has_room() || had_failed != self.failed.is_some()
    }
}

/// Short messages take more memory than their bytes.
fn cost(bytes: usize) -> usize {
    bytes.saturating_add(64)
}

fn as_u64(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn write(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

static STDOUT: LazyLock<Stdout> = LazyLock::new(Stdout::start);

/// How much may wait to be written, before each may only have its share.
const MAX_UNWRITTEN_BYTES: usize = 8 << 20;

/// How much one may have queued without room for all.
const SHARE_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_wait_are_told_when_there_is_room_again_at_the_end_and_of_a_failure() {
        let mut state = State { unwritten: MAX_UNWRITTEN_BYTES + 3, ..State::default() };
        assert!(!state.has_room());
        assert!(!state.wrote(1, Ok(())));
        assert!(!state.wrote(2, Ok(())));
        assert!(state.wrote(1, Ok(())));
        assert!(state.has_room());
        assert!(!state.wrote(1, Ok(())));
        assert!(state.wrote(1, Err(io::ErrorKind::BrokenPipe.into())));
        assert!(!state.wrote(1, Err(io::ErrorKind::BrokenPipe.into())));
    }
}
