//! What the connections of a thread share: the receive buffer and the DEFLATE pool.

use std::cell::{Cell, RefCell};

use crate::{
    protocol::{DeflatePool, Output, Shell},
    system,
};

/// Lends the buffers of this thread, the time and the generator for one call into the core.
pub(crate) fn with_shell<R>(output: &mut Output, call: impl FnOnce(&mut Shell<'_>) -> R) -> R {
    POOL.with_borrow_mut(|pool| {
        call(&mut Shell { now: system::now(), random: &mut rand::rng(), output, pool })
    })
}

/// Lends the receive buffer of this thread. It is taken out for the length of the call, so that a stream that is
/// itself carried by a WebSocket gets another one.
pub(crate) fn with_receive_buffer<R>(call: impl FnOnce(&mut [u8]) -> R) -> R {
    let mut buffer = BUFFER.take().unwrap_or_else(|| vec![0; RECEIVE_BYTES].into_boxed_slice());
    let result = call(&mut buffer);
    BUFFER.set(Some(buffer));
    result
}

thread_local! {
    static POOL: RefCell<DeflatePool> = RefCell::new(DeflatePool::new());
    static BUFFER: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// One read takes at most this much. It is zeroed once a thread.
const RECEIVE_BYTES: usize = 256 * 1024;
