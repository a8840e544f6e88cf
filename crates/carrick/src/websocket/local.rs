//! What the connections of a thread share: the receive buffer, the pool, and what they work with.

use std::{
    cell::{Cell, RefCell},
    convert::Infallible,
    time::Instant,
};

use rand_core::{TryCryptoRng, TryRng};

use super::work::Work;
use crate::{
    protocol::{Connection, Pool, Shell},
    system,
};

/// What time a call into the core is told.
#[derive(Clone, Copy, Debug)]
pub(super) enum Clock {
    /// The time now.
    Now,
    /// When the bytes came that the call is about.
    At(Instant),
    /// The latest that was asked for on this thread. For calls that make nothing of it: to ask costs as much as to
    /// queue a small message.
    Latest,
}

/// Calls into the core with the buffers of this thread, the time and the generator. `work` is what the connection works
/// with; what is not needed any more behind the call goes back to the thread.
pub(super) fn with_shell<R>(
    connection: &mut Connection,
    work: &mut Option<Box<Work>>,
    clock: Clock,
    call: impl FnOnce(&mut Connection, &mut Shell<'_>) -> R,
) -> R {
    LOCAL.with_borrow_mut(|local| {
        let now = local.time(clock);
        let Local { pool, spare, .. } = local;
        let output = &mut work.get_or_insert_with(|| spare.pop().unwrap_or_default()).output;
        let result = call(connection, &mut Shell { now, random: &mut ThreadRandom, output, pool });
        local.take_back(work);
        result
    })
}

/// Calls into the core with the rest of a read, at the time now: the application may have had it for long.
pub(super) fn with_rest<R>(work: &mut Work, call: impl FnOnce(&mut [u8], &mut Shell<'_>) -> R) -> R {
    LOCAL.with_borrow_mut(|local| {
        let now = local.time(Clock::Now);
        let Work { output, rest, .. } = work;
        call(rest, &mut Shell { now, random: &mut ThreadRandom, output, pool: &mut local.pool })
    })
}

/// Lends what a connection works with.
pub(super) fn lend() -> Box<Work> {
    LOCAL.with_borrow_mut(|local| local.spare.pop().unwrap_or_default())
}

/// Takes it back if there is nothing in it.
pub(super) fn take_back(work: &mut Option<Box<Work>>) {
    LOCAL.with_borrow_mut(|local| local.take_back(work));
}

/// Lends the receive buffer of this thread. It is taken out for the length of the call, so that a stream that is
/// itself carried by a WebSocket gets another one.
pub(crate) fn with_receive_buffer<R>(call: impl FnOnce(&mut [u8]) -> R) -> R {
    let mut buffer = BUFFER.take().unwrap_or_else(|| vec![0; RECEIVE_BYTES].into_boxed_slice());
    let result = call(&mut buffer);
    BUFFER.set(Some(buffer));
    result
}

/// The generator of this thread, looked for when it is asked: a server asks it once a ping.
struct ThreadRandom;

impl TryRng for ThreadRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        rand::rng().try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        rand::rng().try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        rand::rng().try_fill_bytes(bytes)
    }
}

impl TryCryptoRng for ThreadRandom {}

#[derive(Default)]
struct Local {
    pool: Pool,
    /// When the time was last asked for.
    latest: Option<Instant>,
    /// What no connection works with at the moment.
    #[expect(clippy::vec_box, reason = "it is lent in its box")]
    spare: Vec<Box<Work>>,
}

impl Local {
    fn time(&mut self, clock: Clock) -> Instant {
        match (clock, self.latest) {
            (Clock::At(instant), _) | (Clock::Latest, Some(instant)) => instant,
            (Clock::Now, _) | (Clock::Latest, None) => *self.latest.insert(system::now()),
        }
    }

    fn take_back(&mut self, work: &mut Option<Box<Work>>) {
        if let Some(mut done) = work.take_if(|work| work.is_done())
            && self.spare.len() < MOST_SPARE
        {
            done.clear();
            self.spare.push(done);
        }
    }
}

thread_local! {
    static LOCAL: RefCell<Local> = RefCell::default();
    static BUFFER: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// One read takes at most this much. It is zeroed once a thread.
const RECEIVE_BYTES: usize = 256 * 1024;

/// Most connections of a thread that work at the same time wait for something else than memory.
const MOST_SPARE: usize = 8;
