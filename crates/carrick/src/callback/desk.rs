//! What a thread of a callback server lends to the connection that it works on.

use std::sync::Arc;

use bytes::Bytes;

use super::hub::Hub;
use crate::{
    protocol::{Kind, Message},
    reactor::{Lent, Topics},
};

/// There is one a thread. It is handed to a connection before its handlers are called, and taken back behind them.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) lent: Lent,
    pub(crate) topics: Topics,
    pub(crate) hub: Arc<Hub>,
    /// Which thread of the server this is.
    pub(crate) thread: u16,
    /// How many topics a connection may have.
    pub(crate) max_topics: usize,
    /// What becomes of a connection that takes publications too slowly.
    pub(crate) backlog: Backlog,
    /// The place of the connection in the loop.
    pub(crate) key: u32,
    /// Whether the message that is being handled is the last one of what was received.
    pub(crate) at_end: bool,
    /// The bytes of the message that is being handled, if they do not stand in the receive buffer.
    pub(crate) assembled: Option<Bytes>,
}

/// What becomes of a connection for which [`Config::high_water_bytes`](crate::protocol::Config::high_water_bytes) wait
/// already when something is published or broadcast to it: its peer takes less than there is.
///
/// ```no_run
/// use carrick::{Backlog, WebSocketServer};
///
/// // Whoever cannot keep up with the prices shall come back and begin anew.
/// WebSocketServer::new("ws://127.0.0.1:9000/prices").backlog(Backlog::Close).run_forever()?;
/// # Ok::<(), carrick::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backlog {
    /// It misses what comes meanwhile; `on_drain` is called once there is room again.
    #[default]
    Skip,
    /// It is closed with 1013 (try again later).
    Close,
}

impl Desk {
    /// The message that is being handled as shared bytes, if `bytes` is a part of it that is worth sharing.
    pub(super) fn shared(&self, kind: Kind, bytes: &[u8]) -> Option<Message> {
        let assembled = self.assembled.as_ref().filter(|_| bytes.len() >= SHARED_BYTES)?;
        let (whole, part) = (assembled.as_ptr_range(), bytes.as_ptr_range());
        let inside = whole.start <= part.start && part.end <= whole.end;
        inside.then(|| Message::from_checked(kind, assembled.slice_ref(bytes)))
    }
}

/// Fewer bytes than this are copied sooner than shared.
const SHARED_BYTES: usize = 16 << 10;
