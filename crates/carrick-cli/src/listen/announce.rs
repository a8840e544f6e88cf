//! What goes to all clients.

use bytes::Bytes;
use carrick::protocol::{CloseCode, Message, Prepared};
use tokio::sync::broadcast;

use crate::duplex::Outgoing;

/// Something for every client but the one that it comes from.
#[derive(Clone, Debug)]
pub(crate) struct Announcement {
    pub(crate) from: Option<u64>,
    pub(crate) what: What,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    Send(Outgoing),
    Close { code: CloseCode, reason: String },
}

/// Speaks to all clients. Each holds a bounded number of announcements that it has not sent yet.
#[derive(Clone, Debug)]
pub(crate) struct Announcer {
    sender: broadcast::Sender<Announcement>,
}

impl Announcer {
    pub(crate) fn new() -> Announcer {
        Announcer { sender: broadcast::channel(BACKLOG).0 }
    }

    /// Framed and compressed once for all.
    pub(crate) fn send(&self, from: Option<u64>, message: Message) {
        self.announce(from, What::Send(Outgoing::Prepared(Prepared::new(message))));
    }

    pub(crate) fn ping(&self, payload: Bytes) {
        self.announce(None, What::Send(Outgoing::Ping(payload)));
    }

    pub(crate) fn close(&self, code: CloseCode, reason: String) {
        self.announce(None, What::Close { code, reason });
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Announcement> {
        self.sender.subscribe()
    }

    fn announce(&self, from: Option<u64>, what: What) {
        // Nobody there to hear it is fine.
        let _ = self.sender.send(Announcement { from, what });
    }
}

/// How many announcements a client may be behind before it is told to come back.
const BACKLOG: usize = 256;
